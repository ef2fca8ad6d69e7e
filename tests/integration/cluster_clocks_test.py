"""Clocks of three real processes that differ and jump: times to live, stamps, who coordinates, and what is said of it."""

import re
import time
import unittest

from cluster_nodes import PORT, SLOW, until
from movable_clock import ClusterOfClocks

KEYS = 60
HOUR = 3600


def skew_ms(node):
    return int(node.info()["clock_skew_ms"])


class Clocks(unittest.TestCase):
    def setUp(self):
        self.cluster = ClusterOfClocks(3)
        self.addCleanup(self.cluster.stop)
        self.nodes = self.cluster.nodes

    def start(self, offsets=(0, 0, 0)):
        for clock, offset in zip(self.cluster.clocks, offsets):
            clock.move(offset)
        self.cluster.start()
        self.ids = [node.id() for node in self.nodes]
        self.wait_measured()

    def wait_measured(self):
        for node in self.nodes:
            until(lambda: sum(name.startswith("clock_peer") for name in node.info()) == 2,
                  "%s has measured the others' clocks" % node.host)

    def work_with_all(self, word):
        """Every node writes and reads keys of all the others."""
        for number in range(KEYS):
            key = "key:%d" % number
            for writer in self.nodes:
                value = "%s:%d:%d" % (word, number, writer.index)
                self.assertEqual(b"OK", writer.call("QUORUM", "EXEC", "STRICT", "W", "ALL", "--", "SET", key, value))
                for reader in self.nodes:
                    self.assertEqual(value.encode(), reader.call("QUORUM", "EXEC", "STRICT", "R", "2", "--", "GET", key))

    def check_stamps(self, least=-60, most=60):
        """No stamp of any replica is further from the true time."""
        for number in range(KEYS):
            for node in self.nodes:
                for sibling in node.own("VCLOCK", "INSPECT", "key:%d" % number)[3]:
                    stamped = sibling[sibling.index(b"written-ms") + 1] / 1000 - time.time()
                    self.assertTrue(least < stamped < most, "a stamp %.1f s from now" % stamped)

    def coordinated(self, node, by):
        """Slots that the node coordinates, as another one sees it."""
        return sum(last - first + 1 for first, last, owner, *_ in by.call("CLUSTER", "SLOTS")
                   if owner[2].decode() == self.ids[node.index])

    def wait_coordinates(self, node, does):
        for by in self.nodes:
            until(lambda: (self.coordinated(node, by) > 0) == does,
                  "%s sees that %s %s" % (by.host, node.host, "coordinates" if does else "stands back"))

    def test_lifetimes_under_skew(self):
        for offset in (30, -30):
            with self.subTest(offset=offset):
                self.start((0, 0, offset))
                self.assertLess(abs(skew_ms(self.nodes[2]) - offset * 1000), 500)
                self.check_lifetimes()
                self.cluster.stop()
                self.setUp()

    def check_lifetimes(self):
        keys = ["life:%d" % number for number in range(30)]
        for number, key in enumerate(keys):
            writer = self.nodes[number % 3]
            began = time.monotonic()
            writer.call("QUORUM", "EXEC", "W", "ALL", "--", "SET", key, "x", "EX", "20")
            for node in self.nodes:
                left = node.own("PTTL", key)
                passed = (time.monotonic() - began) * 1000
                self.assertTrue(20_000 - passed - 1000 <= left <= 21_000, "%d ms are left at %s" % (left, node.host))
        # A time that a client names means the same everywhere.
        then = int(time.time()) + 20
        for number, key in enumerate(keys):
            self.nodes[number % 3].call("QUORUM", "EXEC", "W", "ALL", "--", "EXPIREAT", key, then)
            for node in self.nodes:
                before = time.time()
                left = node.own("PTTL", key)
                self.assertTrue((then - time.time() - 1) * 1000 <= left <= (then - before + 1) * 1000,
                                "%d ms are left until then at %s" % (left, node.host))
        # None goes early, none stays.
        began = time.monotonic()
        for number, key in enumerate(keys):
            self.nodes[number % 3].call("QUORUM", "EXEC", "W", "ALL", "--", "PEXPIRE", key, "3000")
        gone_after = {}
        while len(gone_after) < 3 * len(keys):
            for node in self.nodes:
                for key in keys:
                    if (node, key) not in gone_after and node.own("EXISTS", key) == 0:
                        gone_after[node, key] = time.monotonic() - began
            self.assertLess(time.monotonic() - began, 30 * SLOW, "some stay")
        self.assertGreaterEqual(min(gone_after.values()), 2)

    def test_skew_is_told(self):
        self.start((0, 0, 30))
        for node in self.nodes[:2]:
            until(lambda: "The clock of node %s:%d (%s) is 30.0 s ahead of the cluster's time" %
                  (self.nodes[2].host, PORT, self.ids[2][:8]) in node.log(),
                  "%s tells of the skew" % node.host)
            self.assertLess(abs(skew_ms(node)), 500)
            lines = [value for name, value in node.info().items() if name.startswith("clock_peer")]
            self.assertEqual(2, len(lines))
            for line in lines:
                peer, skew, error = re.match(r"node=(\w+),clock_skew_ms=(-?\d+),error_ms=(\d+),age_ms=\d+", line).groups()
                expected = 30_000 if peer == self.ids[2] else 0
                self.assertLessEqual(abs(int(skew) - expected), int(error) + 500)
        until(lambda: "This node's clock is 30.0 s ahead of the cluster's time" in self.nodes[2].log(), "it tells of its own")
        self.assertEqual("ok", self.nodes[2].info()["clock_state"])
        self.cluster.clocks[2].move(0)
        for node in self.nodes:
            until(lambda: "agrees with the cluster's time again" in node.log(), "%s tells that it is gone" % node.host)
        self.assertLess(abs(skew_ms(self.nodes[2])), 500)

    def test_jumps_of_seconds_cost_nothing(self):
        self.start()
        self.work_with_all("before")
        self.nodes[0].call("SET", "session", "x", "EX", "1000")
        jumper = self.nodes[1]
        for offset in (HOUR, 90, -HOUR):
            self.cluster.clocks[1].move(offset)
            until(lambda: jumper.info()["clock_state"] == "beyond_bound", "it notices")
            self.wait_coordinates(jumper, False)
            self.work_with_all("during %d" % offset)
            self.assertIn(b"cluster_clock_state:beyond_bound", jumper.call("INFO", "cluster"))
            self.assertIn("This node's clock has jumped", jumper.log())
            self.assertIn("others coordinate in its place", jumper.log())
            self.cluster.clocks[1].move(0)
            until(lambda: jumper.info()["clock_state"] == "ok", "it is right again")
            self.wait_coordinates(jumper, True)
            self.work_with_all("after %d" % offset)
            self.check_stamps()
            for node in self.nodes:
                self.assertTrue(500 < node.own("TTL", "session") <= 1000)

    def test_a_jump_that_lasts_leaves_the_node_a_replica(self):
        self.start()
        self.cluster.clocks[2].move(HOUR)
        until(lambda: "has stayed where it jumped to" in self.nodes[2].log(), "the jump has lasted")
        self.work_with_all("lasting")
        self.check_stamps()
        self.assertEqual("beyond_bound", self.nodes[2].info()["clock_state"])
        self.assertLess(abs(skew_ms(self.nodes[0])), 500)

    def test_a_start_with_a_wrong_clock(self):
        self.start()
        self.work_with_all("before")
        for number in range(KEYS):
            self.nodes[0].call("QUORUM", "EXEC", "W", "ALL", "--", "SET", "session:%d" % number, "x", "EX", "1000")
        for offset in (HOUR, -HOUR):
            self.nodes[2].terminate()
            self.cluster.clocks[2].move(offset)
            self.nodes[2].start()
            self.cluster.wait_whole()
            until(lambda: self.nodes[2].info()["clock_state"] == "beyond_bound", "it knows")
            self.wait_coordinates(self.nodes[2], False)
            self.work_with_all("with %d" % offset)
            self.check_stamps()
            for number in range(KEYS):
                for node in self.nodes:
                    self.assertTrue(500 < node.own("TTL", "session:%d" % number) <= 1000)
        self.cluster.clocks[2].move(0)
        self.wait_coordinates(self.nodes[2], True)
        self.work_with_all("right again")

    def test_what_was_stamped_far_ahead_is_restamped(self):
        self.start()
        for node in self.nodes:
            node.terminate()
        # It hears nobody, so it must go by its own clock.
        last = self.nodes[2]
        self.cluster.clocks[2].move(HOUR)
        last.start()
        for number in range(KEYS):
            until(lambda: last.call("QUORUM", "EXEC", "W", "1", "--", "SET", "key:%d" % number, number) == b"OK", "it goes on")
        self.cluster.clocks[2].move(0)
        for node in self.nodes[:2]:
            node.start()
        self.cluster.wait_whole()
        until(lambda: last.info()["clock_state"] == "stamps_ahead", "it knows what it has done")
        self.wait_coordinates(last, False)
        self.assertIn("restart it first", last.error("CLUSTER", "RESTAMP"))
        last.terminate()
        last.start()
        self.cluster.wait_whole()
        until(lambda: last.info()["clock_state"] == "ok", "it stamps by the right time again")
        self.assertEqual(KEYS, last.call("CLUSTER", "RESTAMP"))
        self.assertEqual(0, last.call("CLUSTER", "RESTAMP"))
        for node in self.nodes:
            until(lambda: all(node.own("GET", "key:%d" % number) == b"%d" % number for number in range(KEYS)),
                  "%s has what was restamped" % node.host, 60)
        # What was restamped comes to the others by comparison, partition by partition.
        def stamped_anew():
            try:
                self.check_stamps()
                return True
            except AssertionError:
                return False
        until(stamped_anew, "no replica holds a stamp that is far ahead", 90)
        self.wait_coordinates(last, True)
        self.work_with_all("after")

    def test_all_clocks_are_set_together(self):
        self.start()
        self.work_with_all("before")
        self.nodes[0].call("QUORUM", "EXEC", "W", "ALL", "--", "SET", "session", "x", "EX", "1000")
        for clock in self.cluster.clocks:
            clock.move(300)
        for node in self.nodes:
            until(lambda: "The time that this node goes by was set ahead by 300.0 s" in node.log(), "%s follows" % node.host, 60)
            until(lambda: node.info()["clock_state"] == "ok" and abs(skew_ms(node)) < 500, "%s is right" % node.host)
        self.work_with_all("after")
        self.check_stamps(200, 400)
        for node in self.nodes:
            self.assertTrue(500 < node.own("TTL", "session") <= 701)


if __name__ == "__main__":
    unittest.main()
