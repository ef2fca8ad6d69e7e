"""A transaction that is tried, and to which the other replicas do not agree in time, leaves nothing behind at its client and
tells nobody anything. One that is agreed on tells it once.
"""

import signal
import unittest

from cluster_nodes import Cluster, ReplyError
from harness import resp

# Shorter than what it takes to notice that a process stands still.
TIMEOUT_MS = 600


class Withdrawn(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, quorum_mode="strict", quorum_r=2, quorum_w=3, quorum_timeout=TIMEOUT_MS)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.cluster.note_ids()
        self.node = self.cluster.nodes[0]
        self.key = next(key for key in ("k%d" % number for number in range(1000)) if self.replicas(key)[0] == self.node)

    def replicas(self, key):
        """In the order in which they coordinate."""
        told = self.node.call("QUORUM", "EXPLAIN", key, protocol=3)[b"replicas"]
        return [self.cluster.nodes[self.cluster.ids.index(replica[b"node"].decode())] for replica in told]

    def connect(self):
        connection = self.node.connect(protocol=3)
        self.addCleanup(connection.close)
        return connection

    def subscribe(self, connection, *words):
        connection.send(*words)
        connection.read_frame()

    def queue(self, connection, *commands):
        connection.value("MULTI")
        for command in commands:
            self.assertEqual(b"QUEUED", connection.value(*command))

    def state(self, connection):
        fields = dict(field.split("=", 1) for field in connection.value("CLIENT", "INFO").decode().split())
        return {name: fields[name] for name in ("db", "name", "sub", "psub", "flags", "lib-name")}

    def next_message(self, listener):
        return resp.to_python(listener.read_frame()[0])[1:]

    def test_not_agreed(self):
        listener = self.node.connect()
        self.addCleanup(listener.close)
        listener.value("SUBSCRIBE", "told")
        connection = self.connect()
        self.subscribe(connection, "PSUBSCRIBE", "kept*")
        before = self.state(connection)
        last = self.replicas(self.key)[2]
        last.signal(signal.SIGSTOP)
        self.queue(connection, ("INCR", self.key), ("PUBLISH", "told", "tried"), ("SELECT", 5), ("CLIENT", "SETNAME", "other"),
                   ("CLIENT", "NO-EVICT", "on"), ("SUBSCRIBE", "more"), ("PUNSUBSCRIBE", "kept*"))
        with self.assertRaisesRegex(ReplyError, "may still take effect"):
            connection.value("EXEC")
        self.assertEqual(before, self.state(connection))
        last.signal(signal.SIGCONT)
        self.assertEqual(1, connection.value("PUBLISH", "told", "end"))
        self.assertEqual([b"told", b"end"], self.next_message(listener))
        self.assertEqual(1, connection.value("PUBLISH", "kept by its pattern", "x"))

    def test_agreed(self):
        listener = self.node.connect()
        self.addCleanup(listener.close)
        listener.value("SUBSCRIBE", "told")
        connection = self.connect()
        self.subscribe(connection, "SUBSCRIBE", "told")
        self.queue(connection, ("INCR", self.key), ("PUBLISH", "told", "once"), ("SELECT", 5), ("CLIENT", "SETNAME", "other"))
        connection.send("EXEC")
        # A client finds what it caused before the reply of the command that did.
        self.assertEqual([b"told", b"once"], self.next_message(connection))
        self.assertEqual([1, 2, b"OK", b"OK"], resp.to_python(connection.read_frame()[0]))
        self.assertEqual(("5", "other"), tuple(self.state(connection)[name] for name in ("db", "name")))
        self.assertEqual(2, connection.value("PUBLISH", "told", "end"))
        for message in (b"once", b"end"):
            self.assertEqual([b"told", message], self.next_message(listener))

    def test_agreed_after_subscribing(self):
        connection = self.connect()
        self.queue(connection, ("INCR", self.key), ("SUBSCRIBE", "told"), ("PUBLISH", "told", "once"))
        connection.send("EXEC")
        raw = b""
        while b"once" not in raw or b"subscribe" not in raw:
            raw += connection.read_frame()[1]
        self.assertLess(raw.index(b"subscribe"), raw.index(b"once"))


if __name__ == "__main__":
    unittest.main()
