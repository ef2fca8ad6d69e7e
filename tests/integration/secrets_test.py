"""Passwords reach nobody but the command that takes them: not MONITOR, SLOWLOG or the log; and who guesses them is slowed."""

import time
import unittest

import cluster_nodes
from cluster_nodes import until
from single_node import SingleNode
from harness import resp
from harness.resp import ReplyError

SECRET = "geheimwort"


class Node(unittest.TestCase):
    def start(self, **settings):
        self.node = SingleNode(storage="memory", **settings)
        self.addCleanup(self.node.stop)
        self.node.start().wait_ready()

    def connect(self):
        connection = self.node.connect()
        self.addCleanup(connection.close)
        return connection

    def log(self):
        return self.node.log()

    def try_all(self, connection):
        """Every way to give a password, right and wrong, alone and in a transaction."""
        ways = [("AUTH", SECRET), ("AUTH", "default", SECRET), ("AUTH", "a", "b", SECRET), ("HELLO", "2", "AUTH", "default", SECRET),
                ("HELLO", "2", "AUTH", SECRET), ("HELLO", "2", "SETNAME", "n", "AUTH", "x", SECRET),
                ("CONFIG", "SET", "requirepass", SECRET), ("CONFIG", "SET", "maxmemory", "0", "RequirePass", SECRET),
                ("CONFIG", "SET", "masterauth", SECRET), ("CONFIG", "SET", "cluster-secret", SECRET),
                ("CONFIG", "SET", "requirpass", SECRET), ("ACL", "SETUSER", "u", ">" + SECRET),
                ("QUORUM", "EXEC", "--", "AUTH", SECRET), ("QUORUM", "EXEC", "R", "1", "--", "CONFIG", "SET", "requirepass", SECRET),
                ("CONFIG", "SET", "requirepass", "my", SECRET), ("CONFIG", "SET", "requirepass", "my", "own", SECRET),
                ("HELLO", "2", "AUTH", "default", "my", SECRET), ("HELLO", "AUTH", "default", SECRET),
                ("QUORUM", "EXEC", "R", "1", "AUTH", SECRET), ("CONFIG", "SET", "requirepass=" + SECRET, "x"),
                ("CONFIG", "SET", "requirepass", "")]
        for way in ways:
            connection.call(*way)
        for way in ways:
            connection.call("MULTI")
            connection.call(*way)
            connection.call("EXEC")


class Sinks(Node):
    def check(self, connect, log):
        connection, watcher = connect(), connect()
        connection.value("CONFIG", "SET", "loglevel", "debug")
        connection.value("CONFIG", "SET", "slowlog-max-len", "1000")
        connection.value("CONFIG", "SET", "slowlog-log-slower-than", "0")
        self.assertEqual(watcher.value("MONITOR"), b"OK")
        self.try_all(connection)
        connection.value("SET", "k", "the end")
        seen = b""
        while b"the end" not in seen:
            piece = watcher.socket.recv(1 << 16)
            self.assertTrue(piece)
            seen += piece
        self.assertNotIn(SECRET.encode(), seen)
        self.assertIn(b'"AUTH" "(redacted)"', seen)
        self.assertIn(b'"HELLO" "2" "AUTH" "(redacted)" "(redacted)"', seen)
        slow = connection.value("SLOWLOG", "GET", "-1")
        self.assertGreater(len(slow), 20)
        self.assertNotIn(SECRET, repr(slow))
        self.assertIn([b"CONFIG", b"SET", b"requirepass", b"(redacted)"], [entry[3] for entry in slow])
        for words in (("CLIENT", "LIST"), ("INFO", "everything"), ("LATENCY", "DOCTOR")):
            self.assertNotIn(SECRET, repr(connection.call(*words)))
        self.assertNotIn(SECRET, log())

    def test_on_a_node(self):
        self.start()
        self.check(self.connect, self.log)

    def test_exec_comes_behind_what_it_ran(self):
        self.start()
        watcher, connection = self.connect(), self.connect()
        watcher.value("MONITOR")
        connection.value("MULTI")
        connection.value("SET", "a", "1")
        connection.value("EXEC")
        lines = [watcher.read_frame()[0][1].split(b"] ")[1] for _ in range(3)]
        self.assertEqual(lines, [b'"MULTI"', b'"SET" "a" "1"', b'"EXEC"'])

    def test_in_a_cluster(self):
        cluster = cluster_nodes.Cluster(3).start()
        self.addCleanup(cluster.stop)
        asked = cluster.nodes[0]
        # Transactions with a key may run elsewhere, and their commands with them.
        watchers = [node.connect() for node in cluster.nodes]
        for node, watcher in zip(cluster.nodes, watchers):
            node.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
            node.call("CONFIG", "SET", "slowlog-max-len", "2000")
            self.assertEqual(watcher.value("MONITOR"), b"OK")
        connection = asked.connect()
        for key in ("a", "b", "c", "d", "e", "f"):
            for way in (("CONFIG", "SET", "masterauth", SECRET), ("AUTH", SECRET), ("HELLO", "2", "AUTH", "x", SECRET)):
                connection.call("MULTI")
                connection.call("SET", key, "1")
                connection.call(*way)
                connection.call("EXEC")
                connection.call("QUORUM", "EXEC", "--", *way)
        for node, watcher in zip(cluster.nodes, watchers):
            node.call("ECHO", "the end")
            seen = b""
            while b"the end" not in seen:
                seen += watcher.socket.recv(1 << 16)
            self.assertNotIn(SECRET.encode(), seen)
            self.assertNotIn(SECRET, repr(node.call("SLOWLOG", "GET", "-1")))
            self.assertNotIn(SECRET, node.log())


class Guessing(Node):
    def test_guesses_are_slowed_and_logged(self):
        self.start(requirepass=SECRET)
        guesser = self.connect()
        started = time.monotonic()
        for number in range(9):
            kind, text = guesser.call("AUTH", "guess%d" % number)
            self.assertEqual((kind, text[:9]), (resp.ERROR, b"WRONGPASS"))
        # 50, 100 and 200 ms: never sooner, however fast the machine.
        self.assertGreaterEqual(time.monotonic() - started, 0.35)
        self.assertIn("Wrong password from 127.0.0.1", self.log())
        self.assertNotIn("guess8", self.log())

    def test_a_pipeline_of_guesses_does_not_stop_the_loop(self):
        self.start(requirepass=SECRET)
        user = self.connect()
        user.value("AUTH", SECRET)
        clients = lambda: int(user.value("INFO", "clients").split(b"connected_clients:")[1].split(b"\r\n")[0])
        before = clients()
        guessers = [self.connect() for _ in range(8)]
        for guesser in guessers:
            guesser.send_raw(resp.encode(("AUTH", "x")) * 2000)
        until(lambda: b"auth_delayed:0" not in user.value("INFO", "stats"), "guesses wait")
        # Who is in is served as ever, and who knows the password gets in, after a while.
        for _ in range(100):
            self.assertEqual(user.value("PING"), b"PONG")
        late = self.connect()
        self.assertEqual(late.value("AUTH", SECRET), b"OK")
        self.assertEqual(self.connect().value("HELLO", "3", "AUTH", "default", SECRET)[b"server"], b"redis")
        stats = user.value("INFO", "stats").decode()
        failures = int(stats.split("auth_failures:")[1].split("\r\n")[0])
        self.assertLess(failures, 1000)
        # Those who go away while they wait leave nothing behind.
        for guesser in guessers:
            guesser.close()
        until(lambda: clients() == before + 2, "the guessers are gone")


if __name__ == "__main__":
    unittest.main()
