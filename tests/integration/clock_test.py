"""The clock of a node on its own, without a cluster and as the only member of one: a jump is noticed, and survived."""

import unittest

from cluster_nodes import until
from movable_clock import ClusterOfClocks

HOUR = 3600


class Single(unittest.TestCase):
    """A node without a cluster."""

    settings = {"cluster_enabled": "no", "cluster_seeds": "", "io_threads": 1}

    def setUp(self):
        self.cluster = ClusterOfClocks(1)
        self.addCleanup(self.cluster.stop)
        self.node, self.clock = self.cluster.nodes[0], self.cluster.clocks[0]
        self.node.start(**self.settings)
        until(lambda: self.node.call("SET", "ready", "yes") == b"OK", "it serves")

    def field(self, name, section="server"):
        lines = self.node.call("INFO", section).decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)[name]

    def jump(self, seconds, jumps):
        self.clock.move(seconds)
        until(lambda: int(self.field("clock_jumps")) == jumps, "it notices")
        self.assertIn("This node's clock has jumped", self.node.log())

    def test_a_jump_of_seconds_costs_nothing(self):
        self.node.call("SET", "session", "x", "EX", "1000")
        for jumps, offset in enumerate((HOUR, 90, -HOUR), 1):
            self.jump(offset, jumps)
            self.assertTrue(500 < self.node.call("TTL", "session") <= 1000)
            self.node.call("SET", "during", "x", "EX", "1000")
            self.assertGreater(int(self.node.call("TIME")[0]), 0)
            self.clock.move(0)
            until(lambda: abs(int(self.field("clock_skew_ms"))) < 500, "it is back")
            until(lambda: self.node.log().count("is back where it was") == jumps, "it says so")
            for key in ("session", "during"):
                self.assertTrue(500 < self.node.call("TTL", key) <= 1000)

    def test_a_jump_that_lasts_is_followed(self):
        self.node.call("SET", "session", "x", "EX", "10000")
        self.node.call("SET", "short", "x", "EX", "1000")
        self.jump(HOUR, 1)
        until(lambda: abs(int(self.field("clock_skew_ms"))) < 500, "it is followed", 60)
        self.assertIn("has stayed where it jumped to", self.node.log())
        self.assertEqual(0, self.node.call("EXISTS", "short"))
        self.assertTrue(5000 < self.node.call("TTL", "session") <= 10_000 - HOUR)
        # And back: what was written later stays so.
        self.node.call("SET", "key", "late")
        self.jump(0, 2)
        until(lambda: abs(int(self.field("clock_skew_ms"))) < 500, "it is followed", 60)
        self.node.call("SET", "key", "early")
        self.assertEqual(b"early", self.node.call("GET", "key"))
        self.node.kill()
        self.node.start(**self.settings)
        until(lambda: self.node.call("GET", "key") == b"early", "the later write stays")


class ClusterOfOne(Single):
    settings = {"io_threads": 1}


if __name__ == "__main__":
    unittest.main()
