"""Every reply comes, under every fsync policy, on a node where nobody writes any more: whatever the log got last (an
expiry, a merge, a removed tombstone, a hint), whoever reads waits for nobody else's write."""

import contextlib
import unittest

from cluster_nodes import Cluster, LIMIT_S, Node, resp, until

POLICIES = ("always", "everysec", "no")
READS = (("GET", "kept"), ("GET", "gone"), ("EXISTS", "kept", "gone"), ("TTL", "gone"), ("MGET", "kept", "gone"),
         ("HGETALL", "hash"), ("SMEMBERS", "set"), ("DBSIZE",), ("KEYS", "*"), ("SCAN", "0"), ("RANDOMKEY",),
         ("TYPE", "kept"))


def answers(node):
    """Each read is answered on a connection of its own; one that is not raises a timeout."""
    for read in READS:
        with contextlib.closing(node.connect(timeout_s=LIMIT_S)) as connection:
            connection.value(*read)
    with contextlib.closing(node.connect(timeout_s=LIMIT_S)) as connection:
        connection.value("MULTI")
        connection.value("GET", "kept")
        connection.value("GET", "gone")
        connection.value("EXEC")


def stat(node, name):
    lines = node.call("INFO", "everything").decode().split("\r\n")
    return int(next(line for line in lines if line.startswith(name + ":")).split(":")[1])


class Single(Node):
    """Not of a cluster."""

    def start(self, **more):
        super().start(cluster_enabled="no", cluster_seeds="", **more)
        until(lambda: self.call("PING") == b"PONG", "%s answers" % self.host)


class Alone(unittest.TestCase):
    def each_policy(self):
        for policy in POLICIES:
            cluster = Cluster(1, appendfsync=policy, enable_debug_command="yes")
            single = cluster.nodes[0]
            single.__class__ = Single
            self.addCleanup(cluster.stop)
            single.start()
            with self.subTest(appendfsync=policy):
                yield single
            cluster.stop()

    def test_keys_that_expired_by_themselves(self):
        for node in self.each_policy():
            node.call("SET", "kept", "x")
            node.call("SET", "gone", "x", "PX", 50)
            until(lambda: stat(node, "expired_keys") == 1, "the key has expired")
            answers(node)

    def test_keys_that_a_read_found_expired(self):
        for node in self.each_policy():
            node.call("DEBUG", "SET-ACTIVE-EXPIRE", 0)
            node.call("SET", "kept", "x")
            node.call("SET", "gone", "x", "PX", 50)
            until(lambda: node.call("PTTL", "gone") == -2, "the key has expired")
            answers(node)

    def test_messages_about_what_expired(self):
        for node in self.each_policy():
            node.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
            with contextlib.closing(node.connect(timeout_s=LIMIT_S)) as subscriber:
                self.assertEqual([b"subscribe", b"__keyevent@0__:expired", 1],
                                 subscriber.value("SUBSCRIBE", "__keyevent@0__:expired"))
                node.call("SET", "gone", "x", "PX", 50)
                self.assertEqual([b"message", b"__keyevent@0__:expired", b"gone"], resp.to_python(subscriber.read_frame()[0]))
            answers(node)

    def test_the_policy_changes_while_replies_wait(self):
        for node in self.each_policy():
            for policy in POLICIES * 3:
                with contextlib.closing(node.connect(timeout_s=LIMIT_S)) as connection:
                    connection.send("SET", "kept", "x", "PX", 60000)
                    node.call("CONFIG", "SET", "appendfsync", policy)
                    self.assertEqual(b"OK", resp.to_python(connection.read_frame()[0]))
                answers(node)


class Together(unittest.TestCase):
    def with_policy(self, policy):
        cluster = Cluster(3, appendfsync=policy, repair_interval=0)
        self.addCleanup(cluster.stop)
        cluster.start()
        cluster.note_ids()
        self.cluster, self.nodes = cluster, cluster.nodes

    def all_answer(self):
        for node in self.nodes:
            for level in (1, 2, 3):
                node.call("QUORUM", "SET", "R", level)
                node.own("MGET", "kept", "gone")
            node.call("QUORUM", "RESET")
            answers(node)

    def repaired(self, node):
        before = int(node.info()["repair_rounds"])
        node.call("CLUSTER", "REPAIR")
        until(lambda: int(node.info()["repair_rounds"]) > before and node.info()["repair_running"] == "0",
              "%s has compared its records" % node.host, 120)

    def every_source(self, policy):
        self.with_policy(policy)
        first, second, third = self.nodes
        first.call("SET", "kept", "x")
        first.call("HSET", "hash", "a", "1", "b", "2")
        first.call("SADD", "set", "a", "b")
        self.all_answer()
        # Expiries, each node by itself.
        first.call("SET", "gone", "x", "PX", 50)
        until(lambda: all(node.own("EXISTS", "gone") == 0 for node in self.nodes), "the key has expired")
        self.all_answer()
        # Tombstones that are settled and removed.
        first.call("SET", "gone", "x")
        first.call("DEL", "gone")
        until(lambda: [self.repaired(node) for node in self.nodes] and
              all(int(node.info()["tombstones_reaped"]) > 0 for node in self.nodes), "the tombstones have gone", 120)
        self.all_answer()
        # Hints, and what they bring.
        third.kill()
        self.cluster.wait_seen(third, (first, second), ("fail", "fail?"))
        for i in range(100):
            until(lambda: first.call("SET", "missed:%d" % i, "x") == b"OK", "a write without the third node")
        for node in (first, second):
            answers(node)
        third.start()
        self.cluster.wait_whole()
        until(lambda: all(node.info()["cluster_hints_waiting"] == "0" for node in self.nodes), "no hints wait")
        self.all_answer()
        # Repair.
        for node in self.nodes:
            self.repaired(node)
        self.all_answer()

    def test_always(self):
        self.every_source("always")

    def test_everysec(self):
        self.every_source("everysec")

    def test_no(self):
        self.every_source("no")


if __name__ == "__main__":
    unittest.main()
