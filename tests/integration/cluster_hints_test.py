"""Hints of real processes: what a node missed waits for it wherever it was kept, through kill -9 of who kept it."""

import unittest

from cluster_nodes import Cluster, until

KEYS = 300


def number(node, name):
    return int(node.info()[name])


def waiting(nodes):
    return sum(number(node, "cluster_hints_waiting") for node in nodes)


def seen_down(node, other):
    return any(flag.startswith("fail") for flag in node.flags()[other])


class Hints(unittest.TestCase):
    COUNT = 3
    SETTINGS = {}

    def setUp(self):
        # Nothing else repairs what a node missed.
        self.cluster = Cluster(self.COUNT, repair_interval=0, **self.SETTINGS)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.nodes = self.cluster.nodes
        self.ids = [node.id() for node in self.nodes]

    def take_down(self, index):
        self.nodes[index].kill()
        for node in self.nodes:
            if node.alive():
                until(lambda: seen_down(node, self.ids[index]), "node %d is seen down" % index)

    def kill_and_start(self, *indexes):
        for index in indexes:
            self.nodes[index].kill()
        for index in indexes:
            self.nodes[index].start()
        for index in indexes:
            self.nodes[index].wait_ready()

    def back(self, index):
        self.nodes[index].start()
        self.cluster.wait_whole()

    def none_wait(self):
        until(lambda: waiting(self.nodes) == 0, "no hint is left", 60)


class OfReplicas(Hints):
    def test_survive_their_holders(self):
        first, second, third = self.nodes
        for i in range(10):
            first.call("SET", "deleted:%d" % i, "old")
        first.call("HSET", "hash", "a", "1", "b", "1")
        self.none_wait()
        self.take_down(2)
        for i in range(KEYS):
            self.nodes[i % 2].call("SET", "key:%d" % i, "value:%d" % i)
        for i in range(10):
            second.call("DEL", "deleted:%d" % i)
        first.call("HSET", "hash", "b", "2", "c", "2")
        kept = waiting([first, second])
        self.assertEqual(KEYS + 11, kept)
        self.kill_and_start(0, 1)
        self.assertEqual(kept, waiting([first, second]))
        until(lambda: first.call("CLUSTER", "HINTS", protocol=3)[0][b"state"] == b"paused", "the target is known to be down")
        report = first.call("CLUSTER", "HINTS", protocol=3)
        self.assertEqual([self.ids[2].encode()], [target[b"node"] for target in report])
        self.assertEqual((number(first, "cluster_hints_waiting"), b"paused"), (report[0][b"waiting"], report[0][b"state"]))
        # Also after a checkpoint, and another crash.
        for node in (first, second):
            node.call("SAVE")
        self.kill_and_start(0, 1)
        self.assertEqual(kept, waiting([first, second]))

        self.back(2)
        self.none_wait()
        for i in range(KEYS):
            self.assertEqual(b"value:%d" % i, third.own("GET", "key:%d" % i))
        for i in range(10):
            self.assertIsNone(third.own("GET", "deleted:%d" % i))
        self.assertEqual({b"a": b"1", b"b": b"2", b"c": b"2"}, third.own("HGETALL", "hash", protocol=3))
        # What was delivered does not come back.
        self.kill_and_start(0, 1)
        self.cluster.wait_whole()
        self.assertEqual(0, waiting(self.nodes))
        self.assertEqual([], first.call("CLUSTER", "HINTS"))

    def test_bandwidth(self):
        self.take_down(2)
        value = "x" * 4000
        for i in range(KEYS):
            self.nodes[0].call("SET", "key:%d" % i, value)
        for node in self.nodes[:2]:
            node.call("CONFIG", "SET", "hint-bandwidth", "50kb")
        self.back(2)
        delivered = lambda: sum(number(node, "cluster_hints_delivered") for node in self.nodes[:2])
        first = until(delivered, "the first are delivered")
        self.assertGreater(waiting(self.nodes), KEYS // 2)
        until(lambda: delivered() > first and waiting(self.nodes) > 0, "some more are")
        for node in self.nodes[:2]:
            node.call("CONFIG", "SET", "hint-bandwidth", "0")
        self.none_wait()
        self.assertEqual(KEYS, delivered())
        for i in range(KEYS):
            self.assertEqual(value.encode(), self.nodes[2].own("GET", "key:%d" % i))

    def test_bytes_and_age(self):
        for node in self.nodes:
            node.call("CONFIG", "SET", "hint-max-bytes", "10kb")
        # The limit is in force with the next look at the settings.
        until(lambda: all(node.call("CONFIG", "GET", "hint-max-bytes") == [b"hint-max-bytes", b"10240"] for node in self.nodes), "set")
        self.take_down(2)
        names = iter(range(10 ** 6))
        until(lambda: self.nodes[0].call("SET", "key:%d" % next(names), "x") == b"OK" and
              sum(number(node, "cluster_hints_dropped") for node in self.nodes[:2]) > 20, "there is no room for more", pause_s=0)
        for node in self.nodes[:2]:
            lines = node.call("INFO", "cluster").decode().splitlines()
            self.assertLessEqual(int(dict(line.split(":", 1) for line in lines if ":" in line)["cluster_hints_bytes"]), 10240)
        self.assertGreater(waiting(self.nodes[:2]), 0)
        for node in self.nodes[:2]:
            node.call("CONFIG", "SET", "hint-max-age", "1")
        until(lambda: waiting(self.nodes[:2]) == 0, "all have become too old")
        self.assertGreater(sum(number(node, "cluster_hints_expired") for node in self.nodes[:2]), 0)
        until(lambda: any("hints were given up" in node.log() for node in self.nodes[:2]), "the log says so")
        # It is the comparison that brings them.
        self.back(2)
        self.nodes[2].call("CLUSTER", "REPAIR")
        until(lambda: self.nodes[2].own("GET", "key:0") == b"x", "repaired")


class OfStandIns(Hints):
    COUNT = 5
    SETTINGS = {"replicas": 3}

    def replicas(self, key):
        reply = self.nodes[0].call("QUORUM", "EXPLAIN", key, protocol=3)
        return [self.ids.index(replica[b"node"].decode()) for replica in reply[b"replicas"]]

    def strangers(self, keys):
        """Keys that nodes hold which are no replicas of theirs."""
        count = 0
        for key in keys:
            slot = self.nodes[0].call("CLUSTER", "KEYSLOT", key)
            held_by = self.replicas(key)
            count += sum(node.call("CLUSTER", "COUNTKEYSINSLOT", slot) for i, node in enumerate(self.nodes)
                         if i not in held_by and node.alive())
        return count

    def test_keep_what_may_be_the_only_copy_and_then_forget_it(self):
        keys = [key for key in ("key:%d" % i for i in range(100)) if 4 in self.replicas(key)]
        self.assertGreater(len(keys), 10)
        self.take_down(4)
        for i, key in enumerate(keys):
            # All three: two replicas and a stand-in.
            self.assertEqual(b"OK", self.nodes[i % 4].call("QUORUM", "EXEC", "W", "3", "--", "SET", key, "value"))
            # Nodes that have just met still wait for each other.
            until(lambda: self.nodes[i % 4].error("QUORUM", "EXEC", "W", "3", "STRICT", "--", "SET", key, "strict")
                  .startswith("NOQUORUM 2 of 3 replicas"), "strict quorums are of replicas")
            self.nodes[i % 4].call("SET", key, "value")
        self.assertEqual(len(keys), self.strangers(keys))
        for node in self.nodes[:4]:
            node.call("CONFIG", "SET", "hint-max-age", "1")
        self.kill_and_start(0, 1, 2, 3)
        self.assertEqual(len(keys), self.strangers(keys))
        self.back(4)
        self.none_wait()
        for key in keys:
            self.assertEqual(b"value", self.nodes[4].own("GET", key))
        self.assertEqual(0, self.strangers(keys))
        # Nor does a crash bring them back.
        self.kill_and_start(0, 1, 2, 3)
        self.cluster.wait_whole()
        self.assertEqual(0, self.strangers(keys))


if __name__ == "__main__":
    unittest.main()
