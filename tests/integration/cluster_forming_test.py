"""A cluster in its first moments: whoever takes part counts on all the others, and so it is after all have restarted."""

import unittest

from cluster_nodes import Cluster, until


class Forming(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.addCleanup(self.cluster.stop)
        for node in self.cluster.nodes:
            node.start()

    @staticmethod
    def takes_part(node):
        """It has a topology and knows the time."""
        info = node.info()
        return info["cluster_state"] == "ok" and info["clock_state"] == "ok"

    def coordinators(self, node):
        return {entry[0].decode() for _, _, entry in node.call("CLUSTER", "SLOTS")}

    def check_all_coordinate(self, nodes):
        hosts = {node.host for node in self.cluster.nodes}
        for node in nodes:
            self.assertEqual(hosts, self.coordinators(node), "as %s tells it" % node.host)

    def test_all_coordinate_from_the_first_moment_on(self):
        waiting = list(self.cluster.nodes)
        for node in waiting:
            until(lambda: node.info()["cluster_enabled"] == "1", "%s answers" % node.host)
        while waiting:
            ready = until(lambda: [node for node in waiting if self.takes_part(node)], "somebody takes part", pause_s=0.001)
            self.check_all_coordinate(ready)
            waiting = [node for node in waiting if node not in ready]

    def test_after_all_have_restarted(self):
        self.cluster.wait_whole()
        for node in self.cluster.nodes:
            node.kill()
        for node in self.cluster.nodes:
            node.start()
        until(lambda: all(self.takes_part(node) for node in self.cluster.nodes), "all take part", pause_s=0.001)
        self.check_all_coordinate(self.cluster.nodes)


if __name__ == "__main__":
    unittest.main()
