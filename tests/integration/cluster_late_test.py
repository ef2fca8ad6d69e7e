"""What failed does not happen later: a command that another node was to run, of which its client was told that it failed,
undoes nothing that was acknowledged since. The way between the client's node and the one that coordinates the keys is cut
for seconds, or that one is stopped; meanwhile somebody else writes the same keys through the third node."""

import os
import random
import signal
import sys
import threading
import time
import unittest

from cluster_network import NetworkCluster, host, main, needs_namespaces, network
from cluster_nodes import ReplyError, resp, until

# Long enough for what was forwarded to fail, and too short for the system to give the connections up.
CUT_S = 3
KEYS = 6


class Sent:
    """Commands on a connection of their own, which may be answered seconds later. It stays: a node that hears that a client
    is gone drops what it had asked for."""

    def __init__(self, node, *commands, before=()):
        self.connection = node.connect()
        for command in before:
            self.connection.value(*command)
        self.commands = commands

    def send(self):
        self.connection.send_raw(b"".join(resp.encode(command) for command in self.commands))

    def failed(self):
        """Waits for the answers. The last one is an error, or EXEC's that it did nothing."""
        reply = [self.connection.read_frame()[0] for _ in self.commands][-1]
        return reply[0] == resp.ERROR or (self.commands[-1] == ("EXEC",) and reply[1] is None)


@needs_namespaces
class Late(unittest.TestCase):
    MODE = "strict"

    @classmethod
    def setUpClass(cls):
        cls.network = network()
        cls.cluster = NetworkCluster(3, host, protected_mode="no", quorum_mode=cls.MODE, repair_interval=0)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.asker, cls.coordinator, cls.other = cls.nodes = cls.cluster.nodes
        names = map("late:%d".__mod__, range(100000))
        first = lambda name: cls.asker.call("QUORUM", "EXPLAIN", name, protocol=3)[b"replicas"][0][b"node"].decode()
        cls.keys = (name for name in names if first(name) == cls.cluster.ids[1])

    def setUp(self):
        self.addCleanup(self.heal)
        self.began = time.monotonic()

    def heal(self):
        self.network.heal()
        self.cluster.repair()

    # --- What is asked of the one, and of the other after that; and what is there then.

    def kinds(self):
        """(prepare, the commands that fail, the command that is acknowledged later, the read, what it shows then)."""
        key = lambda: next(self.keys)
        for _ in range(KEYS):
            k = key()
            yield (), [("SET", k, "old")], ("SET", k, "new"), ("GET", k), b"new"
            k = key()
            yield ("SET", k, "base"), [("DEL", k)], ("SET", k, "new"), ("GET", k), b"new"
            k = key()
            yield ("SET", k, "base"), [("SET", k, "old")], ("DEL", k), ("GET", k), None
        k = key()
        yield ("SADD", k, "a", "b"), [("SREM", k, "a")], ("SADD", k, "a"), ("SISMEMBER", k, "a"), 1
        k = key()
        yield ("HSET", k, "f", "base"), [("HSET", k, "f", "old")], ("HSET", k, "f", "new"), ("HGET", k, "f"), b"new"
        k = key()
        yield ("SET", k, "base"), [("GETSET", k, "old")], ("SET", k, "new"), ("GET", k), b"new"
        k = key()
        yield ("SET", k, "base"), [("MULTI",), ("SET", k, "old"), ("STRLEN", k), ("EXEC",)], ("SET", k, "new"), ("GET", k), b"new"
        k = key()
        yield ("SET", k, "base"), [("MULTI",), ("DEL", k), ("EXEC",)], ("SET", k, "new"), ("GET", k), b"new"
        # Fanned out: keys of all nodes, of which one part fails.
        k = key()
        apart = [x for i in range(20) for x in ("apart:%d:%s" % (i, k), "old")]
        yield ("SET", k, "base"), [("MSET", k, "old", *apart)], ("SET", k, "new"), ("GET", k), b"new"
        k = key()
        yield ("SET", k, "base"), [("DEL", k, *apart[::2])], ("SET", k, "new"), ("GET", k), b"new"

    def watching(self):
        """WATCH is answered before the way is cut."""
        k = next(self.keys)
        return k, Sent(self.asker, ("MULTI",), ("SET", k, "old"), ("EXEC",), before=[("WATCH", k)])

    def coordinates(self):
        """In a cluster's first moments, before all know the time, another node may coordinate."""
        shipped = lambda: int(self.coordinator.call("INFO", "cluster").split(b"cluster_writes_shipped:")[1].split(b"\r\n")[0])
        before = shipped()
        self.asker.call("SET", next(self.keys), "x")
        return shipped() > before

    def all_fail_late(self, interrupt, go_on):
        until(self.coordinates, "the coordinator is asked")
        kinds = list(self.kinds())
        for prepare, *_ in kinds:
            if prepare:
                until(lambda: self.asker.call(*prepare) is not None, "%r" % (prepare,))
        watched, transaction = self.watching()
        sent = [(Sent(self.asker, *commands), later, read, shown) for _, commands, later, read, shown in kinds]
        sent.append((transaction, ("SET", watched, "new"), ("GET", watched), b"new"))
        interrupt()
        for each, *_ in sent:
            each.send()
        # None of them is answered sooner than it is known to be over.
        failed = [(later, read, shown) for each, later, read, shown in sent if each.failed()]
        self.assertGreater(len(failed), len(sent) / 2, "what was to fail did not")
        for later, _, _ in failed:
            until(lambda: self.other.call(*later) is not None, "%r is acknowledged" % (later,))
        while time.monotonic() < self.began + CUT_S:
            time.sleep(0.05)
        go_on()
        # What lay on the links has come once something that was sent later is answered.
        self.cluster.wait_whole()
        for each, *_ in sent:
            each.connection.close()
        for later, read, shown in failed:
            for node in self.nodes:
                self.assertEqual(shown, node.call("QUORUM", "EXEC", "R", "ALL", "--", *read), "%r after %r" % (read, later))
                until(lambda: node.own(*read) == shown, "%s itself shows %r of %r" % (node.host, shown, read))
        for _, read, _ in failed:
            if read[0] == "GET":
                siblings = self.other.call("VCLOCK", "INSPECT", read[1], protocol=3)[b"siblings"]
                self.assertLessEqual(len(siblings), 1, read)

    # --- The ways to fail.

    def cut(self, *ways):
        nodes = [self.asker.index, self.coordinator.index]
        for way in ways:
            self.network.cut(*(nodes if way == "there" else nodes[::-1]))

    def late(self):
        """Requests that came to the coordinator too late, so far."""
        lines = self.coordinator.call("INFO", "cluster").decode().split("\r\n")
        return int(dict(line.split(":", 1) for line in lines if ":" in line)["cluster_forwards_late"])

    def resets(self):
        return self.asker.log().count("a forwarded write did not arrive in time")

    def test_cut_both_ways(self):
        resets = self.resets()
        self.all_fail_late(lambda: self.cut("there", "back"), self.network.heal)
        self.assertGreater(self.resets(), resets, "what had not arrived was taken back")

    def test_cut_on_the_way_there(self):
        self.all_fail_late(lambda: self.cut("there"), self.network.heal)

    def test_stopped_coordinator(self):
        late, resets = self.late(), self.resets()
        self.all_fail_late(lambda: self.coordinator.signal(signal.SIGSTOP), lambda: self.coordinator.signal(signal.SIGCONT))
        self.assertGreater(self.late(), late, "what its system had taken it did not run")
        self.assertEqual(self.resets(), resets, "a link whose peer has what was sent is kept")

    def test_cut_on_the_way_back(self):
        """What is asked arrives, and runs in time; only the answers are lost."""
        self.all_fail_late(lambda: self.cut("back"), self.network.heal)

    def test_flush(self):
        k = next(self.keys)
        self.cut("there", "back")
        flush = Sent(self.asker, ("FLUSHALL",))
        flush.send()
        self.addCleanup(flush.connection.close)
        self.assertTrue(flush.failed())
        until(lambda: self.other.call("SET", k, "new") == b"OK", "acknowledged")
        while time.monotonic() < self.began + CUT_S:
            time.sleep(0.05)
        self.network.heal()
        self.cluster.wait_whole()
        self.assertEqual(b"new", self.coordinator.own("GET", k))
        self.assertEqual(b"new", self.other.own("GET", k))


class LateSloppy(Late):
    MODE = "sloppy"


class Writer(threading.Thread):
    """Writes rising numbers to a key of its own, one after the other, each through some node, and reads between them. It never
    reads one that failed before another one was acknowledged. (Of two that were acknowledged the later one is shown: that is
    another promise, which depends on clocks.)"""

    def __init__(self, nodes, number, stop):
        super().__init__()
        self.nodes, self.stop = nodes, stop
        self.key = "history:%d" % number
        self.random = random.Random(number)
        self.acknowledged = self.attempted = 0
        self.failed = set()
        self.attempts = []
        self.wrong = []

    def run(self):
        connections = {node: node.connect(timeout_s=60) for node in self.nodes}
        while not self.stop.is_set():
            node = self.random.choice(self.nodes)
            if self.random.random() < 0.5:
                self.write(connections[node], node)
            else:
                self.read(connections[node], node)
        for connection in connections.values():
            connection.close()

    def write(self, connection, node):
        self.attempted += 1
        commands = [("SET", self.key, self.attempted)]
        if self.random.random() < 0.3:
            commands = [("MULTI",), *commands, ("EXEC",)]
        elif self.random.random() < 0.3:
            commands = [("MSET", self.key, self.attempted, self.key + ":other", self.attempted)]
        began = time.monotonic()
        reply = connection.pipeline(commands)[-1]
        self.attempts.append("%.3f %.3f %s %r: %r" % (began, time.monotonic(), node.host, commands[-1], reply))
        if reply[0] == resp.ERROR:
            self.failed.add(self.attempted)
        else:
            self.acknowledged = self.attempted

    def read(self, connection, node):
        reply = connection.call("GET", self.key)
        if reply[0] == resp.ERROR:
            return
        self.check(int(resp.to_python(reply) or 0), node)

    def check(self, value, node):
        if value < self.acknowledged and value in self.failed:
            self.wrong.append("%.3f %s shows %d of %s, though %d was acknowledged: %s" % (
                time.monotonic(), node.host, value, self.key, self.acknowledged, "; ".join(self.attempts[-5:])))


@needs_namespaces
class History(unittest.TestCase):
    """Cuts and stops for some moments, of random nodes; every key has one writer, so that it is known what must be there."""

    SECONDS = float(os.environ.get("STARLING_HISTORY_SECONDS", "15"))
    WRITERS = 12

    def test_a_failed_write_does_not_come_back(self):
        seed = int(os.environ.get("STARLING_HISTORY_SEED", time.time()))
        print("seed", seed, file=sys.stderr)
        chance = random.Random(seed)
        net = network()
        cluster = NetworkCluster(3, host, protected_mode="no", quorum_mode="strict", quorum_timeout=500)
        self.addCleanup(cluster.stop)
        cluster.start()
        stop = threading.Event()
        writers = [Writer(cluster.nodes, number, stop) for number in range(self.WRITERS)]
        for writer in writers:
            writer.start()
        try:
            end = time.monotonic() + self.SECONDS
            while time.monotonic() < end:
                one, other = chance.sample(cluster.nodes, 2)
                stopped = chance.random() < 0.4
                if stopped:
                    one.signal(signal.SIGSTOP)
                else:
                    net.cut(one.index, other.index)
                    if chance.random() < 0.6:
                        net.cut(other.index, one.index)
                time.sleep(chance.uniform(0.2, 3))
                if stopped:
                    one.signal(signal.SIGCONT)
                if chance.random() < 0.8:
                    net.heal()
                time.sleep(chance.uniform(0, 1))
        finally:
            for node in cluster.nodes:
                node.signal(signal.SIGCONT)
            net.heal()
            stop.set()
            for writer in writers:
                writer.join()
        cluster.wait_whole()
        for writer in writers:
            for node in cluster.nodes:
                writer.check(int(node.call("GET", writer.key) or 0), node)
            self.assertEqual([], writer.wrong)
        self.assertGreater(sum(len(writer.failed) for writer in writers), 0)
        self.assertGreater(sum(writer.acknowledged for writer in writers), self.WRITERS)


if __name__ == "__main__":
    main()
