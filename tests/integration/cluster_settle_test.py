"""Tombstones of three real processes: they go once all replicas are known to have them, and what they deleted does
not come back, whoever was away."""

import itertools
import os
import shutil
import threading
import unittest

from cluster_nodes import Cluster, resp, until

KEYS = int(os.environ.get("STARLING_SETTLE_KEYS", 10000))
BATCH = 1000


class Settle(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, repair_interval=0)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.nodes = self.cluster.nodes

    def quiet(self):
        until(lambda: all(node.info()["cluster_hints_waiting"] == "0" for node in self.nodes), "no hints wait")

    def round(self, node):
        before = int(node.info()["repair_rounds"])
        self.assertEqual(b"OK", node.call("CLUSTER", "REPAIR"))
        until(lambda: int(node.info()["repair_rounds"]) > before and node.info()["repair_running"] == "0",
              "%s has compared its records" % node.host, 120)

    def reaped(self):
        return [int(node.info()["tombstones_reaped"]) for node in self.nodes]

    def settle(self):
        """Rounds of all nodes until nothing more goes."""
        for _ in range(20):
            before = self.reaped()
            for node in self.nodes:
                self.round(node)
            until(lambda: all(node.info()["repair_running"] == "0" for node in self.nodes), "all has been removed")
            if self.reaped() == before and not any(self.waiting(node) for node in self.nodes):
                return
        self.fail("still %r" % [node.info() for node in self.nodes])

    @staticmethod
    def waiting(node):
        """Whether something is left that could go."""
        info = node.info()
        return info["oldest_tombstone"] != "0" or info["guarded_keys"] != "0"

    def call_all(self, name, first, count, make):
        for start in range(0, count, BATCH):
            arguments = []
            for i in range(start, min(start + BATCH, count)):
                arguments += make(i)
            until(lambda: self.nodes[first].call(name, *arguments) is not None, name)

    def fill(self):
        self.call_all("MSET", 0, KEYS, lambda i: ["key:%d" % i, "value:%d" % i])
        for i in range(50):
            self.nodes[0].call("HSET", "hash:%d" % i, "a", "1", "b", "2")
            self.nodes[0].call("SADD", "set:%d" % i, "a", "b")
            self.nodes[0].call("SET", "short:%d" % i, "x", "PX", 400)
            self.nodes[0].call("SET", "kept:%d" % i, "x")
        self.quiet()

    def delete(self, first=0):
        self.call_all("DEL", first, KEYS, lambda i: ["key:%d" % i])
        for i in range(50):
            until(lambda: self.nodes[first].call("HDEL", "hash:%d" % i, "a") is not None, "HDEL")
            until(lambda: self.nodes[first].call("SREM", "set:%d" % i, "a", "b") is not None, "SREM")

    @staticmethod
    def lose_records(node):
        """All but who it is is gone from its disk."""
        node.kill()
        for name in os.listdir(node.directory):
            path = os.path.join(node.directory, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif "cluster" not in name:
                os.remove(path)
        node.start()

    def check(self):
        for node in self.nodes:
            self.assertEqual(100, int(node.own("DBSIZE")))
            self.assertIsNone(node.own("GET", "key:17"))
            self.assertIsNone(node.own("GET", "short:3"))
            self.assertEqual([b"b", b"2"], node.own("HGETALL", "hash:7"))
            self.assertEqual(b"x", node.own("GET", "kept:9"))

    def check_reaped(self):
        """Keys, sets that were emptied, and what expired: once on each node, whether it went by the node's own knowledge
        or, first, by another one's word."""
        self.assertEqual([KEYS + 50 + 50] * 3, self.reaped())

    def test_what_was_deleted_leaves_nothing(self):
        self.fill()
        self.delete()
        self.quiet()
        until(lambda: self.nodes[0].own("GET", "short:49") is None, "the last has expired")
        self.settle()
        self.check()
        self.check_reaped()
        # So it stays, over power failures of all and a disk that is lost.
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start()
        self.cluster.wait_whole()
        self.check()
        self.settle()
        self.check()
        self.lose_records(self.nodes[1])
        self.cluster.wait_whole()
        for node in self.nodes:
            self.round(node)
        self.check()

    def test_nothing_goes_while_a_node_is_away_and_nothing_comes_back_with_it(self):
        self.fill()
        third = self.nodes[2]
        third.kill()
        until(lambda: any("fail" in flags for flags in self.nodes[0].flags().values()), "the third is seen down")
        self.delete()
        for node in self.nodes[:2]:
            self.round(node)
            self.assertIn("not reachable", node.info()["settle_last_round"])
            self.assertEqual(0, int(node.info()["tombstones_reaped"]))
        # What waits for the node can be seen to grow older.
        first = int(self.nodes[0].info()["oldest_tombstone"])
        until(lambda: int(self.nodes[0].info()["oldest_tombstone"]) > first, "the oldest tombstone grows older")
        third.start()
        self.cluster.wait_whole()
        self.quiet()
        until(lambda: self.nodes[0].own("GET", "short:49") is None, "the last has expired")
        self.settle()
        self.check()
        self.check_reaped()

    def test_deleted_and_made_again(self):
        for i in range(200):
            self.nodes[i % 3].call("SET", "key:%d" % i, "old")
        for i in range(200):
            self.nodes[i % 3].call("DEL", "key:%d" % i)
        self.quiet()
        self.settle()
        for i in range(200):
            self.nodes[(i + 1) % 3].call("HSET", "key:%d" % i, "field", "new")
        self.quiet()
        for node in self.nodes:
            for i in range(200):
                self.assertEqual(b"new", node.own("HGET", "key:%d" % i, "field"))
        self.settle()
        for node in self.nodes:
            self.assertEqual(200, int(node.own("DBSIZE")))


class Restless(unittest.TestCase):
    """A partition that is written to without a break, by two nodes' clients."""

    def write(self, node, tag):
        connection = node.connect()
        for i in itertools.count():
            if self.ends.is_set():
                return connection.close()
            key = "{tag}:%d:%d" % (tag, i)
            connection.send_raw(b"".join(resp.encode(command) for command in (
                ("SET", "{tag}:busy", i), ("SET", key, "x"), ("HSET", "{tag}:hash", i % 50, i), ("DEL", key))))
            for _ in range(4):
                connection.read_frame()

    def test_settles_all_the_same(self):
        cluster = Cluster(3, repair_interval=1)
        self.addCleanup(cluster.stop)
        cluster.start()
        self.ends = threading.Event()
        writers = [threading.Thread(target=self.write, args=(node, tag)) for tag, node in enumerate(cluster.nodes[:2])]
        for writer in writers:
            writer.start()
        try:
            for _ in range(2):
                before = [int(node.info()["tombstones_reaped"]) for node in cluster.nodes]
                until(lambda: all(int(node.info()["tombstones_reaped"]) > had
                                  for node, had in zip(cluster.nodes, before)), "tombstones go meanwhile", 60)
            self.assertTrue(all(writer.is_alive() for writer in writers))
        finally:
            self.ends.set()
            for writer in writers:
                writer.join()


class Alone(unittest.TestCase):
    """A cluster of one, and records that one node alone holds: nobody to compare with."""

    def settles(self, count, **settings):
        cluster = Cluster(count, repair_interval=1, **settings)
        self.addCleanup(cluster.stop)
        cluster.start()
        for i in range(0, 2000, BATCH):
            cluster.nodes[0].call("MSET", *[x for j in range(i, i + BATCH) for x in ("key:%d" % j, "v")])
        cluster.nodes[0].call("SET", "short", "x", "PX", 100)
        cluster.nodes[0].call("DEL", *["key:%d" % i for i in range(2000)])
        until(lambda: cluster.nodes[0].call("GET", "short") is None, "it has expired")
        until(lambda: sum(int(node.info()["tombstones_reaped"]) for node in cluster.nodes) == 2001,
              "all tombstones went by themselves", 60)
        # As of the last look at each partition: the next round's.
        until(lambda: all(node.info()["oldest_tombstone"] == "0" for node in cluster.nodes), "none is left", 60)

    def test_a_cluster_of_one_settles_by_itself(self):
        self.settles(1)

    def test_single_copies_settle_by_themselves(self):
        self.settles(3, replicas=1)


if __name__ == "__main__":
    unittest.main()
