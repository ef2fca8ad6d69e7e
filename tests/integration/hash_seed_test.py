"""Hashes of names are seeded: each node by itself, all nodes of a cluster alike, whoever held records before."""

import os
import unittest

from cluster_nodes import Cluster, until

KEYS = 300


def mark(node):
    with open(os.path.join(node.directory, "FORMAT"), encoding="ascii") as file:
        return file.read()


def fill(node):
    for i in range(KEYS):
        node.call("SET", "key:%d" % i, i)
        node.call("HSET", "hash", "field:%d" % i, i)


class HashSeed(unittest.TestCase):
    def make(self, count=3, **settings):
        cluster = Cluster(count, **settings)
        self.addCleanup(cluster.stop)
        return cluster

    def check(self, node):
        for i in range(KEYS):
            self.assertEqual(b"%d" % i, node.call("GET", "key:%d" % i))
            self.assertEqual(b"%d" % i, node.call("HGET", "hash", "field:%d" % i))

    def fill_alone(self, node):
        """As a node without a cluster."""
        node.start(cluster_enabled="no")
        until(lambda: node.call("PING") is not None, "it answers")
        fill(node)
        node.process.terminate()
        self.assertEqual(0, node.process.wait(60))
        return mark(node)

    def test_a_cluster_agrees_on_one_and_keeps_it(self):
        cluster = self.make().start()
        nodes = cluster.nodes
        fill(nodes[0])
        marks = {mark(node) for node in nodes}
        self.assertEqual(1, len(marks))
        self.assertRegex(marks.pop(), r"^starling-data 3\nhash-seed [0-9a-f]{16}\n$")
        before = mark(nodes[0])
        for node in nodes:
            node.kill()
        for node in nodes:
            node.start()
        cluster.wait_whole()
        for node in nodes:
            self.assertEqual(before, mark(node))
            self.check(node)
        other = self.make(1, host=lambda index: "127.251.%d.%d" % (os.getpid() & 255, index + 1)).start()
        self.assertNotEqual(before, mark(other.nodes[0]))

    def test_a_node_with_records_brings_its_own(self):
        cluster = self.make()
        nodes = cluster.nodes
        before = self.fill_alone(nodes[2])
        cluster.start()
        self.assertEqual([before] * 3, [mark(node) for node in nodes])
        # The others get them by the comparison of replicas.
        until(lambda: all(nodes[0].own("GET", "key:%d" % i) == b"%d" % i for i in range(KEYS)) and
              nodes[0].own("HLEN", "hash") == KEYS, "the records are everywhere", 120)
        self.check(nodes[0])

    def test_two_nodes_with_records_do_not_found_one(self):
        cluster = self.make()
        nodes = cluster.nodes
        self.assertNotEqual(self.fill_alone(nodes[0]), self.fill_alone(nodes[2]))
        for node in nodes:
            node.start()
        until(lambda: all("both hold records, and in different orders" in node.info().get("cluster_waiting_for", "")
                          for node in nodes), "each says what is wrong")


if __name__ == "__main__":
    unittest.main()
