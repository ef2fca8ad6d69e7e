"""Clients that write all they have to ask before they read a reply, and clients that never read."""

import contextlib
import os
import re
import socket
import threading
import time
import unittest

import cluster_nodes
from cluster_nodes import SLOW, until
from single_node import SingleNode
from harness import resp

MIB = 1 << 20
LIMIT_S = 120 * SLOW
# Less than a few segments of the loopback device, and the system loses them again and again.
SMALL_BUFFER = 256 << 10


def connect(address, small=True):
    """`small`: the client's system holds little."""
    connection = resp.Connection(address, LIMIT_S)
    if small:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
    return connection


def read_bytes(connection, count):
    """Reads as much and answers how many of it are line ends."""
    left, lines = count, 0
    while left > 0:
        piece = connection.socket.recv(min(left, 4 * MIB))
        if not piece:
            raise AssertionError("closed, %d bytes early" % left)
        left -= len(piece)
        lines += piece.count(b"\n")
    return lines


def resident_bytes(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as figures:
        return int(figures.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The most that a process has had resident while the block ran."""

    def __init__(self, pid):
        self.pid = pid
        self.before = self.most = resident_bytes(pid)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.stopping.wait(0.01):
            self.most = max(self.most, resident_bytes(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    @property
    def grown(self):
        return self.most - self.before


class OneNode(unittest.TestCase):
    def start(self, **settings):
        node = SingleNode(storage="memory", **settings)
        self.addCleanup(node.stop)
        node.start().wait_ready()
        self.address, self.process, self.log = node.address, node.process, node.log

    def info(self, connection, field):
        return int(re.search(rb"^%s:(\d+)" % field.encode(), connection.value("INFO", "everything"), re.M)[1])

    def fill(self, keys, size):
        connection = connect(self.address, small=False)
        connection.socket.sendall(b"".join(resp.encode(("SET", "k%d" % i, b"v" * size)) for i in range(keys)))
        read_bytes(connection, len(b"+OK\r\n") * keys)
        return connection

    def test_a_pipeline_that_is_written_before_it_is_read(self):
        self.start()
        for size in (10, 1000):
            observer = self.fill(1000, size)
            count = 200_000
            asked = b"".join(resp.encode(("GET", "k%d" % (i % 1000))) for i in range(1000)) * (count // 1000)
            connection = connect(self.address)
            connection.socket.sendall(asked)
            if size > 100:  # Else the sockets take them all.
                until(lambda: self.info(observer, "clients_with_unread_replies") == 1, "one client waits to be read by")
            reply = len(b"$%d\r\n" % size) + size + 2
            self.assertEqual(read_bytes(connection, reply * count), 2 * count)
            self.assertEqual(connection.value("PING"), b"PONG")
            self.assertEqual(self.info(observer, "clients_with_unread_replies"), 0)

    def test_in_a_transaction(self):
        self.start()
        self.fill(1, 1000)
        count = 20_000
        connection = connect(self.address)
        connection.socket.sendall(resp.encode(("MULTI",)) + resp.encode(("GET", "k0")) * count + resp.encode(("EXEC",)))
        read_bytes(connection, len(b"+OK\r\n") + len(b"+QUEUED\r\n") * count + len(b"*%d\r\n" % count))
        read_bytes(connection, (len(b"$1000\r\n") + 1002) * count)
        self.assertEqual(connection.value("PING"), b"PONG")

    def test_a_subscriber_within_its_limit(self):
        self.start(client_output_buffer_limit="pubsub 0 0 0")
        subscriber = connect(self.address)
        subscriber.value("SUBSCRIBE", "c")
        pings = 200_000
        subscriber.socket.sendall(resp.encode(("PING",)) * pings)
        publisher = connect(self.address, small=False)
        for _ in range(20):
            self.assertEqual(publisher.value("PUBLISH", "c", b"m" * MIB), 1)
        pong = len(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
        message = len(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%d\r\n\r\n" % MIB) + MIB
        read_bytes(subscriber, pong * pings + message * 20)

    def test_many_requests_in_flight(self):
        self.start()
        count = 2_000_000
        connection = connect(self.address, small=False)
        asked = resp.encode(("INCR", "n")) * 10_000
        with Peak(self.process.pid) as peak:
            for _ in range(count // len(range(10_000))):
                connection.socket.sendall(asked)
        digits = sum(len(str(10 ** d)) * 9 * 10 ** d for d in range(6)) + 7 * (count - 999_999)
        read_bytes(connection, digits + 3 * count)
        # What must be kept are the replies, of 10 bytes each; the requests, of 20, need not be.
        self.assertLess(peak.grown, count * 15 + 16 * MIB)

    def test_a_limit_closes_and_says_so(self):
        self.start(client_output_buffer_limit="normal 32mb 0 0")
        observer = self.fill(1, MIB)
        for name, asked in (("a pipeline", resp.encode(("GET", "k0")) * 1000),
                            ("a transaction", resp.encode(("MULTI",)) + resp.encode(("GET", "k0")) * 1000 +
                             resp.encode(("EXEC",)))):
            with self.subTest(name):
                before = self.info(observer, "client_limit_disconnections")
                connection = connect(self.address)
                with contextlib.suppress(OSError):
                    connection.socket.sendall(asked)
                until(lambda: self.info(observer, "client_limit_disconnections") == before + 1, "the client is closed")
                self.assertIn("output exceeds client-output-buffer-limit", self.log())

    def test_all_clients_together_are_bounded(self):
        self.start(maxmemory_clients="100mb")
        observer = self.fill(1, 100_000)
        # Replies that are copied, so that what is counted is what is held.
        observer.value("HSET", "h", *[word for i in range(1000) for word in ("f%d" % i, "v" * 100)])
        with Peak(self.process.pid) as peak:
            flood = [connect(self.address) for _ in range(8)]
            for connection in flood:
                connection.socket.settimeout(1)
            for number, connection in enumerate(flood):
                with contextlib.suppress(OSError):
                    connection.socket.sendall(resp.encode(("HGETALL", "h")) * (500 + 10 * number))
            until(lambda: self.info(observer, "evicted_clients") > 0, "a client is closed")
        self.assertIn("as all clients together exceed maxmemory-clients", self.log())
        self.assertEqual(observer.value("PING"), b"PONG")
        # A round of each loop may go by before those who hold most are found.
        self.assertLess(peak.grown, 250 * MIB)

    def test_a_client_that_may_not_be_evicted(self):
        self.start(maxmemory_clients="20mb")
        kept = connect(self.address)
        kept.value("CLIENT", "NO-EVICT", "on")
        observer = self.fill(1, MIB)
        observer.value("CLIENT", "NO-EVICT", "on")
        kept.socket.sendall(resp.encode(("GET", "k0")) * 100)
        flood = connect(self.address)
        with contextlib.suppress(OSError):
            flood.socket.sendall(resp.encode(("GET", "k0")) * 100)
        until(lambda: self.info(observer, "evicted_clients") > 0, "the other is closed")
        read_bytes(kept, (MIB + len(b"$%d\r\n\r\n" % MIB)) * 100)

    def test_nobody_goes_for_what_one_holds_that_may_not_be_evicted(self):
        self.start(maxmemory_clients="20mb")
        kept = connect(self.address)
        kept.value("CLIENT", "NO-EVICT", "on")
        others = [self.fill(1, MIB) for _ in range(3)]
        kept.socket.sendall(resp.encode(("GET", "k0")) * 100)
        until(lambda: self.info(others[0], "mem_clients_normal") > 60 * MIB, "the replies wait")
        # What all clients hold is looked at once a second.
        time.sleep(3)
        for connection in others:
            self.assertEqual(b"PONG", connection.value("PING"))
        self.assertEqual(0, self.info(others[0], "evicted_clients"))
        # Among themselves the others are bounded as ever.
        flood = connect(self.address)
        with contextlib.suppress(OSError):
            flood.socket.sendall(resp.encode(("GET", "k0")) * 100)
        until(lambda: self.info(others[0], "evicted_clients") > 0, "the one is closed")
        self.assertEqual(b"PONG", others[0].value("PING"))
        read_bytes(kept, (MIB + len(b"$%d\r\n\r\n" % MIB)) * 100)

    def test_what_clients_hold_beside_buffers_counts(self):
        self.start(maxmemory_clients="20mb")
        observer = connect(self.address)
        observer.value("CLIENT", "NO-EVICT", "on")
        names = ["%08d" % i + "n" * 1000 for i in range(12_000)]
        for name, requests in (("subscriptions", [("SUBSCRIBE", channel) for channel in names]),
                               ("watches", [("WATCH", key) for key in names]),
                               ("short commands", [("MULTI",)] + [("PING",)] * 300_000)):
            with self.subTest(name):
                before = self.info(observer, "evicted_clients")
                holder = connect(self.address, small=False)
                with contextlib.suppress(ConnectionError):
                    holder.send_raw(b"".join(resp.encode(words) for words in requests))
                    while holder.socket.recv(MIB):
                        pass
                self.assertEqual(before + 1, self.info(observer, "evicted_clients"))

    def test_strangers_that_never_read(self):
        self.start(requirepass="a long secret")
        with Peak(self.process.pid) as peak:
            flood = [connect(self.address, small=False) for _ in range(20)]
            asked = resp.encode(("GET", "k")) * 1000
            for connection in flood:
                connection.socket.settimeout(0.5)

            def send(connection):
                with contextlib.suppress(OSError):
                    for _ in range(1000):
                        connection.socket.sendall(asked)

            threads = [threading.Thread(target=send, args=(connection,)) for connection in flood]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertLess(peak.grown, 40 * MIB)
        self.assertIn("has not authenticated", self.log())
        user = connect(self.address)
        self.assertEqual(user.value("AUTH", "a long secret"), b"OK")

    def test_a_wrong_password_before_a_pipeline(self):
        """Who writes first and has the wrong password is answered or closed, and does not hang."""
        self.start(requirepass="a long secret")
        connection = connect(self.address, small=False)
        count = 100_000
        received = b""
        # Who is closed early may find the connection reset.
        with contextlib.suppress(ConnectionError):
            connection.socket.sendall(resp.encode(("AUTH", "wrong")) + resp.encode(("GET", "k")) * count)
            connection.socket.shutdown(socket.SHUT_WR)
            while piece := connection.socket.recv(MIB):
                received += piece
        if received.count(b"\n") < count + 1:
            self.assertIn("has not authenticated", self.log())
        self.assertEqual(b"-WRONGPASS"[:len(received)], received[:10])
        self.assertEqual(0, received.count(b"$"))

    def test_what_many_strangers_hold_is_bounded(self):
        self.start(requirepass="a long secret", maxclients=3000)
        half = resp.encode(("AUTH", "x" * 16_000, "y" * 16_000))[:-8]
        with Peak(self.process.pid) as peak:
            flood = [connect(self.address, small=False) for _ in range(2000)]
            for connection in flood:
                with contextlib.suppress(OSError):
                    connection.socket.sendall(half)
            until(lambda: "those that have not authenticated" in self.log(), "some are closed")
            user = connect(self.address)
            self.assertEqual(user.value("AUTH", "a long secret"), b"OK")
            self.assertEqual(user.value("PING"), b"PONG")
        self.assertLess(peak.grown, 120 * MIB)


class ThreeNodes(unittest.TestCase):
    def setUp(self):
        self.cluster = cluster_nodes.Cluster(3, storage="memory").start()
        self.addCleanup(self.cluster.stop)
        node = self.cluster.nodes[0]
        self.address = (node.host, cluster_nodes.PORT)

    def test_large_replies_from_other_nodes(self):
        """Together larger than what a link between nodes may have waiting."""
        loader = connect(self.address, small=False)
        count = 200
        for i in range(count):
            self.assertEqual(loader.value("SET", "k%d" % i, b"%d" % i + b"v" * MIB), b"OK")
        # The second is run by the node that coordinates the key, as it may change it.
        for words in (("GET",), ("GETEX",)):
            with self.subTest(words):
                connection = connect(self.address)
                connection.socket.sendall(b"".join(resp.encode((*words, "k%d" % i)) for i in range(count)))
                time.sleep(0.2)
                for i in range(count):
                    self.assertEqual(connection.read_frame()[0], (resp.BULK, b"%d" % i + b"v" * MIB), i)

    def test_a_pipeline_that_is_written_before_it_is_read(self):
        connection = connect(self.address)
        count = 50_000
        connection.socket.sendall(b"".join(resp.encode(("SET", "k%d" % (i % 1000), b"v" * 100)) for i in range(count)))
        connection.socket.sendall(b"".join(resp.encode(("GETEX", "k%d" % (i % 1000))) for i in range(count)))
        self.assertEqual(read_bytes(connection, len(b"+OK\r\n") * count), count)
        read_bytes(connection, (len(b"$100\r\n") + 102) * count)
        self.assertEqual(connection.value("PING"), b"PONG")


if __name__ == "__main__":
    unittest.main()
