"""Who holds the cluster's secret and is none of its members can talk, and counts for nothing."""

import contextlib
import os
import pathlib
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import bus_peer
import cluster_nodes
from cluster_nodes import BUS_PORT, PORT

SECRET = "what all nodes know"
LARGE = 1 << 61


class Strangers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster_nodes.Cluster(3, cluster_secret=SECRET)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()

    def setUp(self):
        self.peers = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])
        self.cluster.wait_whole()

    def peer(self, node, node_id):
        peer = bus_peer.Peer((node.host, BUS_PORT), SECRET, node_id)
        self.peers.append(peer)
        return peer

    def serves(self, seconds=3):
        """Every node writes and reads with all replicas, all the time."""
        end = time.monotonic() + seconds
        number = 0
        while time.monotonic() < end:
            for node in self.cluster.nodes:
                number += 1
                self.assertEqual(node.call("QUORUM", "EXEC", "W", "ALL", "STRICT", "--", "SET", "k%d" % number, "v"), b"OK")
                self.assertEqual(node.call("QUORUM", "EXEC", "R", "ALL", "--", "GET", "k%d" % number), b"v")

    def members(self, node):
        info = node.info()
        return int(info["cluster_known_nodes"]), int(info["cluster_suspects"]), int(info["cluster_down"])

    def test_ghosts(self):
        """Hundreds of nodes that nobody has met, and a hundred that introduce themselves."""
        names = [os.urandom(20) for _ in range(300)]
        where = [bus_peer.description("127.0.0.1", 1, 1 + i) for i in range(len(names))]
        for node in self.cluster.nodes:
            peer = self.peer(node, names[0])
            own = (names[0], 1, 1, 1)
            for _ in range(5):
                for start in range(1, len(names), 100):
                    part = range(start, min(start + 100, len(names)))
                    peer.send(bus_peer.GOSSIP, bus_peer.gossip(
                        [own] + [(names[i], 1, 1, 1) for i in part], descriptions=[(names[i], 1, where[i]) for i in part]))
            # Each node may know so many strangers by their own word; beyond 64 they are not kept at all.
            for i in range(1, 100):
                with contextlib.suppress(bus_peer.Refused, OSError):
                    ghost = self.peer(node, names[i])
                    ghost.send(bus_peer.GOSSIP, bus_peer.gossip([(names[i], 1, 1, 1)], descriptions=[(names[i], 1, where[i])]))
        self.serves()
        for node in self.cluster.nodes:
            self.assertEqual(self.members(node), (3, 0, 0))
            self.assertEqual(len(node.flags()), 3)

    def test_words_in_the_name_of_others(self):
        ids = [bytes.fromhex(node_id) for node_id in self.cluster.ids]
        stranger = os.urandom(20)
        moved = bus_peer.description("127.0.0.1", 1, 2)
        for node, own in zip(self.cluster.nodes, ids):
            others = [other for other in ids if other != own]
            peer = self.peer(node, stranger)
            for round_ in range(20):
                entries = [(stranger, 1, 10 + round_, 1)] + [(other, LARGE, 1, LARGE) for other in others] + [(own, LARGE, 1, LARGE)]
                accusations = [(observer, accused, incarnation, LARGE, 10_000) for observer in others + [stranger] for accused in ids
                               for incarnation in (1, LARGE) if observer != accused]
                peer.send(bus_peer.GOSSIP, bus_peer.gossip(entries, accusations,
                                                           [(stranger, 1, moved)] + [(other, LARGE, moved) for other in others]))
        self.serves()
        for node in self.cluster.nodes:
            self.assertEqual(self.members(node), (3, 0, 0))
            self.assertNotIn(b"127.0.0.1:1@2", node.call("CLUSTER", "NODES"))

    def test_a_message_in_the_name_of_a_member_is_refused(self):
        node = self.cluster.nodes[0]
        member = bytes.fromhex(self.cluster.ids[1])
        peer = self.peer(node, os.urandom(20))
        peer.send(bus_peer.GOSSIP, bus_peer.gossip([(member, LARGE, 1, LARGE)], descriptions=[
            (member, LARGE, bus_peer.description("127.0.0.1", 1, 2))]))
        self.serves(1)
        self.assertEqual(self.members(node), (3, 0, 0))

    def test_another_process_under_the_id_of_a_member(self):
        node, member = self.cluster.nodes[0], self.cluster.nodes[1]
        for _ in range(10):
            # Whichever loop it comes to: each has a link to the member.
            with self.assertRaises((bus_peer.Refused, OSError)):
                peer = self.peer(node, bytes.fromhex(self.cluster.ids[1]))
                peer.send(bus_peer.WRITE, bus_peer.varint(1) * 40, correlation=5)
                while True:
                    kind, _ = peer.receive()
                    self.assertNotEqual(kind, bus_peer.WRITE + 1)
        self.assertIn("another process is connected as node %s:%d (%s)" % (member.host, PORT, self.cluster.ids[1][:8]), node.log())
        self.serves(1)
        # The member itself is another process once it has started anew, and is taken for what it is.
        member.kill()
        member.start()
        self.cluster.wait_whole()
        self.serves(1)

    def test_data_and_topologies_of_strangers_are_not_taken(self):
        node = self.cluster.nodes[0]
        before = node.info()["cluster_current_epoch"]
        peer = self.peer(node, os.urandom(20))
        for kind in (bus_peer.TOPOLOGY, bus_peer.PAXOS, bus_peer.FORWARD, bus_peer.WRITE):
            peer.send(kind, bus_peer.varint(9) * 40, correlation=5)
        kind, payload = peer.receive()
        while kind != bus_peer.WRITE + 1:
            kind, payload = peer.receive()
        self.assertIn(b"as a member", payload)
        self.serves(1)
        self.assertEqual(node.info()["cluster_current_epoch"], before)

    def test_a_member_that_restarts_is_back_though_strangers_talk(self):
        names = [os.urandom(20) for _ in range(64)]
        for node in self.cluster.nodes[:2]:
            for name in names:
                with contextlib.suppress(bus_peer.Refused, OSError):
                    self.peer(node, name).send(bus_peer.GOSSIP, bus_peer.gossip(
                        [(name, 1, 1, 1)], descriptions=[(name, 1, bus_peer.description("127.0.0.1", 1, 2))]))
        gone = self.cluster.nodes[2]
        gone.kill()
        self.cluster.wait_seen(gone, self.cluster.nodes[:2], ("fail",))
        gone.start()
        self.cluster.wait_whole()
        self.serves(1)
        self.assertEqual([self.members(node) for node in self.cluster.nodes], 3 * [(3, 0, 0)])


if __name__ == "__main__":
    unittest.main()
