"""Nodes that come back under another address: everybody is told the present one, and finds them by the last one known,
wherever the seeds of the settings lead."""

import unittest

from cluster_nodes import BUS_PORT, PORT, Cluster, local_host, until


class Addresses(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, repair_interval=0)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.cluster.note_ids()
        self.nodes = self.cluster.nodes
        self.moves = 0

    def move(self, node):
        """It comes back under an address that no node had before, with the settings that it had."""
        node.terminate()
        self.moves += 1
        node.host = local_host(100 + self.moves)
        node.start()

    @staticmethod
    def told(node):
        """{where: {id: (host, port)}} as this node tells it."""
        slots = {entry[2].decode(): (entry[0].decode(), entry[1])
                 for _, _, entry in node.call("CLUSTER", "SLOTS")}
        shards = {}
        for shard in node.call("CLUSTER", "SHARDS", protocol=3):
            for entry in shard[b"nodes"]:
                shards[entry[b"id"].decode()] = (entry[b"ip"].decode(), entry[b"port"])
        nodes = {}
        for line in node.call("CLUSTER", "NODES").decode().splitlines():
            words = line.split()
            host, _, ports = words[1].split(",")[0].rpartition(":")
            nodes[words[0]] = (host, int(ports.split("@")[0]))
        return {"SLOTS": slots, "SHARDS": shards, "NODES": nodes}

    def wait_told(self):
        wanted = {node.id(): (node.host, PORT) for node in self.nodes}
        for node in self.nodes:
            until(lambda: all(addresses == wanted for addresses in self.told(node).values()),
                  "%s tells of %r" % (node.host, wanted))

    def test_one_moves(self):
        self.wait_told()
        self.move(self.nodes[1])
        self.cluster.wait_whole()
        self.wait_told()
        explained = self.nodes[0].call("QUORUM", "EXPLAIN", "key", protocol=3)
        self.assertEqual({"%s:%d" % (node.host, PORT) for node in self.nodes},
                         {replica[b"address"].decode() for replica in explained[b"replicas"]})
        for node in self.nodes:
            until(lambda: node.call("SET", "key", "x") == b"OK", "a write")

    def test_all_move_one_after_the_other(self):
        for node in self.nodes:
            self.move(node)
            self.cluster.wait_whole()
        self.wait_told()
        # Now topology and seeds of all of them lead nowhere.
        for node in self.nodes:
            node.terminate()
            node.start()
            self.cluster.wait_whole()
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.start()
        self.cluster.wait_whole()
        self.wait_told()

    def test_what_is_remembered_is_told_before_anybody_is_heard(self):
        self.move(self.nodes[1])
        self.cluster.wait_whole()
        self.wait_told()
        first, moved, third = self.nodes
        first.terminate()
        moved.kill()
        third.kill()
        first.start()
        wanted = (moved.host, PORT)
        until(lambda: self.told(first)["NODES"][self.cluster.ids[1]] == wanted, "the last address of a node that is down")

    def test_damaged_memory_is_no_obstacle(self):
        first = self.nodes[0]
        first.terminate()
        with open(first.directory + "/cluster-peers", "wb") as file:
            file.write(b"nonsense")
        first.start()
        self.cluster.wait_whole()
        self.wait_told()
        self.assertIn("cluster-peers", first.log())


class Announced(unittest.TestCase):
    """As behind a port mapping: what is told is what the settings say."""

    def test_ports_and_names(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.stop)
        # The mapping, for peers: the bus is where it is announced.
        for node in cluster.nodes:
            node.settings = dict(node.settings, **{"cluster-announce-port": 7000 + node.index,
                                                   "cluster-announce-bus-port": BUS_PORT,
                                                   "cluster-announce-hostname": "node-%d.example" % node.index})
        cluster.start()
        first = cluster.nodes[0]
        names = {node.id(): node for node in cluster.nodes}
        for line in until(lambda: self.with_names(first), "the names of all are known"):
            words = line.split()
            node = names[words[0]]
            self.assertEqual("%s:%d@%d,node-%d.example" % (node.host, 7000 + node.index, BUS_PORT, node.index), words[1])
        for kind, endpoint, rest in (("ip", lambda node: node.host.encode(), b"hostname"),
                                     ("hostname", lambda node: b"node-%d.example" % node.index, b"ip"),
                                     ("unknown-endpoint", lambda node: None, b"ip")):
            first.call("CONFIG", "SET", "cluster-preferred-endpoint-type", kind)
            for _, _, entry in first.call("CLUSTER", "SLOTS"):
                node = names[entry[2].decode()]
                self.assertEqual([endpoint(node), 7000 + node.index], entry[:2])
                self.assertIn(rest, entry[3])
            for shard in first.call("CLUSTER", "SHARDS", protocol=3):
                entry = shard[b"nodes"][0]
                node = names[entry[b"id"].decode()]
                self.assertEqual((endpoint(node) or b"", node.host.encode(), b"node-%d.example" % node.index),
                                 (entry[b"endpoint"] or b"", entry[b"ip"], entry[b"hostname"]))
        # At run time.
        cluster.nodes[2].call("CONFIG", "SET", "cluster-announce-port", 7777)
        cluster.nodes[2].call("CONFIG", "SET", "cluster-announce-hostname", "")
        wanted = "%s:7777@%d" % (cluster.nodes[2].host, BUS_PORT)
        for node in cluster.nodes:
            until(lambda: wanted in [line.split()[1] for line in node.call("CLUSTER", "NODES").decode().splitlines()],
                  "%s tells the new port" % node.host)

    @staticmethod
    def with_names(node):
        lines = node.call("CLUSTER", "NODES").decode().splitlines()
        return lines if all("," in line.split()[1] for line in lines) else None


if __name__ == "__main__":
    unittest.main()
