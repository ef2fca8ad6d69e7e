"""Of what happens on every replica by itself one node tells; and WAIT tells how many replicas have a write."""

import contextlib
import time
import unittest

from cluster_nodes import Cluster, until
from harness import resp

KEYS = ["event:%d" % i for i in range(30)]


class Events(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(notify_keyspace_events="KEA")
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes

    def tearDown(self):
        self.cluster.repair()

    @contextlib.contextmanager
    def listeners(self, nodes):
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(contextlib.closing(node.connect())) for node in nodes]
            for connection in connections:
                connection.value("PSUBSCRIBE", "__keyevent@0__:*")
            yield connections

    @staticmethod
    def events(connection):
        """[(event, key)] of all that has come."""
        connection.send("PING", "end")
        found = []
        while True:
            words = resp.to_python(connection.read_frame()[0])
            if words == [b"pong", b"end"]:
                return found
            found.append((words[2].decode().split(":", 1)[1], words[3].decode()))

    def heard(self, connections):
        return [event for connection in connections for event in self.events(connection)]

    def expire(self, nodes):
        with self.listeners(nodes) as connections:
            for i, key in enumerate(KEYS):
                nodes[i % len(nodes)].call("SET", key, "value", "PX", 300)
            seen = []

            def all_told():
                seen.extend(self.heard(connections))
                return {key for event, key in seen if event == "expired"} == set(KEYS)
            until(all_told, "every key has expired")
            # Who else would tell does so within a few of the engine's ticks.
            time.sleep(1)
            seen.extend(self.heard(connections))
            for event in ("set", "expired"):
                self.assertEqual(sorted(KEYS), sorted(key for name, key in seen if name == event), event)

    def test_expired_is_told_once(self):
        self.expire(self.nodes)

    def test_by_another_node_while_one_is_down(self):
        down, *others = self.nodes
        down.kill()
        self.cluster.wait_seen(down, others, ("fail",))
        self.expire(others)

    def test_wait_counts_the_other_replicas(self):
        for node in self.nodes:
            with contextlib.closing(node.connect()) as connection:
                # It has written nothing: all have that.
                self.assertEqual(2, connection.value("WAIT", 2, 10000))
                for i in range(20):
                    self.assertEqual(b"OK", connection.value("SET", "wait:%d" % i, node.host))
                    self.assertEqual(2, connection.value("WAIT", 2, 10000))
                # In a pipeline, behind writes that are on their way.
                replies = connection.pipeline([("SET", "wait:%d" % i, "x") for i in range(50)] + [("WAIT", 2, 10000)])
                self.assertEqual((resp.INTEGER, b"2"), (replies[-1][0], replies[-1][1]))
                self.assertEqual(b"OK", connection.value("MULTI"))
                connection.value("SET", "wait:1", "y")
                connection.value("WAIT", 2, 10000)
                self.assertEqual(b"OK", connection.value("EXEC")[0])

    def test_wait_for_more_than_there_are(self):
        down, *others = self.nodes
        down.kill()
        self.cluster.wait_seen(down, others, ("fail",))
        with contextlib.closing(others[0].connect()) as connection:
            connection.value("SET", "wait:key", "value")
            began = time.monotonic()
            self.assertEqual(1, connection.value("WAIT", 2, 500))
            self.assertGreaterEqual(time.monotonic() - began, 0.5)
            self.assertEqual(1, connection.value("WAIT", 1, 10000))
            # It goes on until the replica is back, which has it by then.
            connection.send("WAIT", 2, 0)
            down.start()
            self.assertEqual(2, resp.to_python(connection.read_frame()[0]))


if __name__ == "__main__":
    unittest.main()
