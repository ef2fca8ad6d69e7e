"""Who gets into a cluster of real processes: a lost disk, another secret, another cluster, and noise on the bus port."""

import os
import random
import shutil
import socket
import struct
import unittest

from cluster_nodes import BUS_PORT, PORT, Cluster, Node, certain, local_host, until

SEED = int(os.environ.get("STARLING_SEED", random.randrange(1 << 32)))
SECRET = "a long secret"


class Membership(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, cluster_secret=SECRET)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes

    def serves(self):
        """Every node still takes writes for the others, and knows the same three members."""
        for node in self.nodes:
            self.assertTrue(node.alive())
            self.assertEqual(b"OK", node.call("QUORUM", "EXEC", "W", "3", "--", "SET", "served", node.host))
            self.assertEqual(set(self.cluster.ids), set(node.flags()))
            self.assertEqual("3", node.info()["cluster_size"])

    def stranger(self, **settings):
        """A fourth node that knows the cluster's addresses."""
        stranger = Node(self.cluster, 8, local_host(8), self.nodes[0].seeds,
                        {"cluster-min-nodes": 3, "cluster-secret": SECRET, **settings})
        self.addCleanup(lambda: shutil.rmtree(stranger.directory, ignore_errors=True))
        self.addCleanup(lambda: stranger.alive() and stranger.kill())
        stranger.start()
        until(lambda: stranger.call("PING"), "the fourth node answers")
        return stranger

    def test_another_secret(self):
        for secret in ("a long secreT", ""):
            stranger = self.stranger(**{"cluster-secret": secret})
            until(lambda: "secret" in stranger.log() or any("secret" in node.log() for node in self.nodes), "the log says why")
            self.assertEqual("fail", stranger.info()["cluster_state"])
            until(lambda: "secret" in stranger.info()["cluster_waiting_for"], "CLUSTER INFO says why")
            self.assertTrue(stranger.error("SET", "k", "v").startswith("CLUSTERDOWN "))
            self.serves()
            stranger.kill()
            stranger.wipe()

    def test_a_port_for_clients_as_seed(self):
        seed = "%s:%d" % (self.nodes[0].host, PORT)
        stranger = self.stranger(**{"cluster-seeds": seed})
        told = until(lambda: "no link to " + seed in stranger.info()["cluster_waiting_for"] and stranger.info(),
                     "CLUSTER INFO says who cannot be reached")["cluster_waiting_for"]
        self.assertIn("the port for clients + 10000", told)

    def test_a_member_that_is_gone_is_named_with_the_reason(self):
        gone, stays = self.nodes[0], self.nodes[1]
        self.assertEqual("", stays.info()["cluster_waiting_for"])
        gone.kill()
        until(lambda: "no link to " + gone.host in stays.info()["cluster_waiting_for"], "CLUSTER INFO says why")
        gone.start()
        self.cluster.wait_whole()
        until(lambda: stays.info()["cluster_waiting_for"] == "", "and no longer")

    def test_right_secret_but_no_member(self):
        """It may talk, but a cluster that exists takes nobody in by itself: it serves nothing."""
        stranger = self.stranger()
        self.assertTrue(stranger.error("SET", "k", "v").startswith("CLUSTERDOWN "))
        self.serves_with_a_guest()

    def serves_with_a_guest(self):
        for node in self.nodes:
            self.assertEqual(b"OK", node.call("QUORUM", "EXEC", "W", "3", "--", "SET", "served", node.host))
            self.assertEqual("3", node.info()["cluster_size"])

    def test_a_node_of_another_cluster(self):
        """It formed a cluster of its own, with the same secret, before it heard of this one."""
        other = Cluster(1, host=lambda index: local_host(index + 4), cluster_secret=SECRET, replicas=1)
        self.addCleanup(other.stop)
        other.start()
        node = other.nodes[0]
        node.call("SET", "theirs", "v")
        own_id = node.id()
        self.assertEqual(0, node.terminate())
        node.seeds = self.nodes[0].seeds
        node.start()
        node.wait_ready()
        until(lambda: "cluster" in node.log_tail(5) or any("another cluster" in one.log() for one in self.nodes), "the log says why")
        self.assertEqual("1", node.info()["cluster_size"])
        self.assertEqual(own_id, node.id())
        self.assertEqual(b"v", node.call("GET", "theirs"))
        self.serves()
        for member in self.nodes:
            self.assertNotIn(own_id, member.flags())
            self.assertIsNone(member.call("GET", "theirs"))

    def test_noise_on_the_bus_port(self):
        print("STARLING_SEED=%d" % SEED)
        draw = random.Random(SEED)
        samples = [b"", b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"*1\r\n$4\r\nPING\r\n", b"\xff" * 70000,
                   struct.pack("<I", 0xFFFFFFFF) + b"x" * 100, struct.pack(">I", 0x7FFFFFFF) + b"x" * 100]
        samples += [draw.randbytes(draw.choice((1, 3, 8, 64, 1000, 100000))) for _ in range(30)]
        for node in self.nodes:
            for sample in samples:
                with socket.create_connection((node.host, BUS_PORT), timeout=10) as noise:
                    try:
                        noise.sendall(sample)
                        noise.shutdown(socket.SHUT_WR)
                        while noise.recv(1 << 16):
                            pass
                    except OSError:
                        pass  # Hung up on: as good an answer as any.
        self.serves()

    def test_connections_that_say_nothing(self):
        silent = [socket.create_connection((node.host, BUS_PORT), timeout=10) for node in self.nodes for _ in range(50)]
        self.addCleanup(lambda: [one.close() for one in silent])
        self.serves()

    def test_a_lost_disk_under_the_same_id(self):
        """The data is gone, the node's name is not: what it held comes from the others, and nothing that it forgot wins."""
        expected = {}
        for i in range(60):
            self.nodes[i % 3].call("QUORUM", "EXEC", "W", "3", "--", "SET", "disk:%d" % i, i)
            expected["disk:%d" % i] = b"%d" % i
        wiped, others = self.nodes[1], [self.nodes[0], self.nodes[2]]
        wiped.kill()
        for name in os.listdir(wiped.directory):
            path = os.path.join(wiped.directory, name)
            if name != "cluster":
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        wiped.start()
        self.cluster.wait_whole()
        self.assertEqual(self.cluster.ids[1], wiped.id())
        # Read-modify-writes and overwrites at the node that has forgotten everything.
        for i in range(0, 60, 3):
            key = "disk:%d" % i
            length = certain(lambda: wiped.call("APPEND", key, "+"))
            expected[key] += b"+"
            self.assertEqual(len(expected[key]), length)
        for i in range(1, 60, 3):
            key = "disk:%d" % i
            certain(lambda: wiped.call("SET", key, "new"))
            expected[key] = b"new"
        for i in range(2, 60, 6):
            self.assertEqual(1, wiped.call("DEL", "disk:%d" % i))
            expected["disk:%d" % i] = None
        for node in (wiped, *others):
            for key, value in expected.items():
                self.assertEqual(value, certain(lambda: node.call("GET", key)), key)
        # Reads have repaired what they touched.
        for key, value in expected.items():
            until(lambda: wiped.own("GET", key) == value, "%s holds %s again" % (wiped.host, key))

    def test_a_lost_directory(self):
        """Nothing is left, not even the name: it is somebody new, who must not serve in the old one's place."""
        wiped, others = self.nodes[2], self.nodes[:2]
        self.nodes[0].call("QUORUM", "EXEC", "W", "3", "--", "SET", "directory", "v")
        saved = wiped.directory + ".saved"
        wiped.terminate()
        os.rename(wiped.directory, saved)
        wiped.start()
        try:
            until(lambda: wiped.call("PING"), "it answers")
            self.assertNotEqual(self.cluster.ids[2], wiped.id())
            # They have been at its address, and will not try again soon unless somebody shows himself.
            until(lambda: all("it is node %s" % wiped.id()[:8] in node.log() for node in others), "the others have noticed")
            self.assertTrue(wiped.error("SET", "directory", "w").startswith("CLUSTERDOWN "))
            self.assertTrue(wiped.error("GET", "directory").startswith("CLUSTERDOWN "))
            for node in others:
                self.assertEqual(b"v", certain(lambda: node.call("GET", "directory")))
                self.assertEqual(b"OK", certain(lambda: node.call("SET", "directory", "v")))
                self.assertEqual("3", node.info()["cluster_size"])
        finally:
            wiped.kill()
            wiped.wipe()
            os.rename(saved, wiped.directory)
            wiped.start()
        self.cluster.wait_whole()
        until(lambda: wiped.own("GET", "directory") == b"v", "it has come back")


if __name__ == "__main__":
    unittest.main()
