"""Anti-entropy of three real processes: what a node missed while it was down, and nobody kept a hint of, comes back.

STARLING_REPAIR_KEYS sets how many keys the comparison is measured with (`make bench-repair`: a million).
"""

import os
import signal
import time
import unittest

from cluster_nodes import Cluster, until

KEYS = int(os.environ.get("STARLING_REPAIR_KEYS", 100000))
DIFFERENCES = 10
BATCH = 2000


def peers(node):
    """{first digits of a peer's id: what was found in the last exchange with it}."""
    return {name[len("repair_peer_"):]: dict(field.split("=", 1) for field in value.split(","))
            for name, value in node.info().items() if name.startswith("repair_peer_")}


def repair(node):
    """A whole round of the node, as CLUSTER REPAIR begins it; the figures by peer."""
    rounds = int(node.info()["repair_rounds"])
    assert node.call("CLUSTER", "REPAIR") == b"OK"
    until(lambda: int(node.info()["repair_rounds"]) > rounds and node.info()["repair_running"] == "0",
          "%s has compared its records" % node.host, 120)
    found = peers(node)
    assert len(found) == 2 and all(peer["outcome"] == "ok" for peer in found.values()), found
    return found


def cpu_s(node):
    """What the process has used so far."""
    with open("/proc/%d/stat" % node.process.pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Repair(unittest.TestCase):
    def setUp(self):
        # Nobody remembers what another one missed.
        self.cluster = Cluster(3, repair_interval=0, hint_max_bytes=0)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.nodes = self.cluster.nodes

    def fill(self, count):
        for start in range(0, count, BATCH):
            pairs = []
            for i in range(start, min(start + BATCH, count)):
                pairs += ["key:%d" % i, "value:%d" % i]
            self.assertEqual(b"OK", self.nodes[0].call("MSET", *pairs))

    def settled(self):
        """No write is on its way, and no hint."""
        until(lambda: all(node.info()["cluster_hints_waiting"] == "0" for node in self.nodes), "no hints wait")

    def measure(self, what, node, scanned=None):
        """A round of the node, and what it cost; `scanned`: how many partitions it must take a scan of, anywhere."""
        def partitions():
            return sum(int(each.info()["repair_partitions_scanned"]) for each in self.nodes)
        cpu, before, began = [cpu_s(each) for each in self.nodes], partitions(), time.monotonic()
        found = repair(node)
        took_s = time.monotonic() - began
        cpu_ms = [round(1000 * (cpu_s(each) - used)) for each, used in zip(self.nodes, cpu)]
        print("%d keys, %s: %.2f s, CPU of the nodes %s ms, %d partitions scanned" % (
            KEYS, what, took_s, cpu_ms, partitions() - before))
        for peer in found.values():
            print("    %s messages, %s bytes, %s ms" % (peer["messages"], peer["bytes"], peer["duration_ms"]))
        if scanned is not None:
            self.assertEqual(scanned, partitions() - before)
        return found

    def missed_by_third(self, changes, pause=False):
        if pause:
            self.nodes[2].signal(signal.SIGSTOP)
        else:
            self.nodes[2].kill()
        until(lambda: any("fail" in flags for flags in self.nodes[0].flags().values()), "the third is seen down")
        for change in changes:
            until(lambda: self.nodes[0].call(*change) is not None, "%r is taken" % (change,))
        if pause:
            self.nodes[2].signal(signal.SIGCONT)
        else:
            self.nodes[2].start()
        self.cluster.wait_whole()

    def test_what_nobody_remembers_comes_back_and_deletes_stay(self):
        for name in ("changed", "deleted", "other"):
            for i in range(20):
                self.nodes[0].call("SET", "%s:%d" % (name, i), "old")
        self.nodes[0].call("SADD", "set", "a", "b")
        self.settled()
        changes = [("SET", "changed:%d" % i, "new") for i in range(20)]
        changes += [("DEL", "deleted:%d" % i) for i in range(20)]
        changes += [("SET", "added:%d" % i, "x", "EX", 1000) for i in range(20)]
        changes += [("SADD", "set", "c"), ("SREM", "set", "a")]
        self.missed_by_third(changes)
        third = self.nodes[2]
        self.assertEqual(b"old", third.own("GET", "changed:3"))
        self.assertEqual(b"old", third.own("GET", "deleted:3"))

        found = repair(third)
        self.assertEqual(62 - 1, max(int(peer["differences"]) for peer in found.values()))
        for node in self.nodes:
            for i in range(20):
                self.assertEqual(b"new", node.own("GET", "changed:%d" % i))
                self.assertIsNone(node.own("GET", "deleted:%d" % i))
                self.assertEqual(b"old", node.own("GET", "other:%d" % i))
                self.assertEqual(b"x", node.own("GET", "added:%d" % i))
            self.assertEqual([b"b", b"c"], sorted(node.own("SMEMBERS", "set")))
        # Nothing is left to do, for anybody; and nothing comes back.
        for node in self.nodes:
            self.assertEqual(["0", "0"], [peer["differences"] for peer in repair(node).values()])
        self.assertIsNone(self.nodes[0].own("GET", "deleted:3"))

    def test_cost_is_in_proportion_to_the_difference(self):
        self.fill(KEYS)
        self.settled()
        third = self.nodes[2]
        self.measure("nothing is known yet", third)
        for node in self.nodes:
            repair(node)
        self.missed_by_third([("SET", "key:%d" % i, "changed") for i in range(DIFFERENCES)], pause=True)
        found = self.measure("%d differences" % DIFFERENCES, third, scanned=0)
        self.assertEqual(DIFFERENCES, sum(int(peer["differences"]) for peer in found.values()))
        for peer in found.values():
            self.assertLess(int(peer["bytes"]), 3000 + DIFFERENCES * (2000 + KEYS // 16384 * 200))
        # Where nothing differs, two messages say so.
        for node in self.nodes:
            for peer in self.measure("no difference", node, scanned=0).values():
                self.assertEqual("2", peer["messages"])
        self.missed_by_third([("SET", "key:%d" % i, "again") for i in range(DIFFERENCES)])
        found = self.measure("%d differences after a crash" % DIFFERENCES, third)
        self.assertEqual(DIFFERENCES, sum(int(peer["differences"]) for peer in found.values()))

    def test_sums_outlast_a_clean_stop_and_no_other(self):
        self.fill(1000)
        self.settled()
        node = self.nodes[2]
        repair(node)
        self.assertGreater(int(node.info()["repair_partitions_scanned"]), 0)
        for _ in range(2):
            self.assertEqual(0, node.terminate())
            self.assertTrue(os.path.exists(os.path.join(node.directory, "sums")))
            node.start()
            self.cluster.wait_whole()
            self.assertFalse(os.path.exists(os.path.join(node.directory, "sums")))
            found = repair(node)
            self.assertEqual("0", node.info()["repair_partitions_scanned"])
            for peer in found.values():
                self.assertEqual(("0", "2"), (peer["differences"], peer["messages"]))
        # What changes after that is seen, without a scan.
        node.call("SET", "key:7", "changed")
        self.settled()
        self.assertEqual({("0", "2")}, {(peer["differences"], peer["messages"]) for peer in repair(node).values()})
        self.assertEqual("0", node.info()["repair_partitions_scanned"])
        node.kill()
        node.start()
        self.cluster.wait_whole()
        self.assertEqual({"0"}, {peer["differences"] for peer in repair(node).values()})
        self.assertEqual(16384, int(node.info()["repair_partitions_scanned"]))

    def test_schedule(self):
        self.missed_by_third([("SET", "key", "value")])
        self.assertIsNone(self.nodes[2].own("GET", "key"))
        self.nodes[2].call("CONFIG", "SET", "repair-interval", "1")
        until(lambda: self.nodes[2].own("GET", "key") == b"value", "the schedule has repaired it")


if __name__ == "__main__":
    unittest.main()
