"""Clients of a cluster that use TLS are told the ports that speak it, others the others."""

import contextlib
import unittest

from cluster_nodes import BUS_PORT, PORT, Cluster, until
from tls_nodes import TLS_PORT, Certificates, TlsConnection


class ClusterWithTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.stop)
        cls.made.sign("server").sign("client")
        cls.cluster = Cluster(3, **cls.made.server_settings())
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.nodes = cls.cluster.nodes

    def sealed(self, node, *words, protocol=2):
        with contextlib.closing(TlsConnection(node.host, self.made.context("client"))) as connection:
            if protocol != 2:
                connection.value("HELLO", protocol)
            return connection.value(*words)

    def test_slots_and_nodes(self):
        for node in self.nodes:
            self.assertEqual({TLS_PORT}, {entry[1] for _, _, entry in self.sealed(node, "CLUSTER", "SLOTS")})
            self.assertEqual({PORT}, {entry[1] for _, _, entry in node.call("CLUSTER", "SLOTS")})
            for reply, port in ((self.sealed(node, "CLUSTER", "NODES"), TLS_PORT), (node.call("CLUSTER", "NODES"), PORT)):
                self.assertEqual({"%s:%d@%d" % (other.host, port, BUS_PORT) for other in self.nodes},
                                 {line.split()[1] for line in reply.decode().splitlines()})

    def test_shards_tell_both(self):
        for reply in (self.sealed(self.nodes[0], "CLUSTER", "SHARDS", protocol=3),
                      self.nodes[0].call("CLUSTER", "SHARDS", protocol=3)):
            entries = [shard[b"nodes"][0] for shard in reply]
            self.assertEqual([(PORT, TLS_PORT)] * 3, [(entry[b"port"], entry[b"tls-port"]) for entry in entries])

    def test_any_node_by_any_port(self):
        for number, node in enumerate(self.nodes):
            self.assertEqual(b"OK", self.sealed(node, "SET", "key%d" % number, "x" * 100_000))
            for other in self.nodes:
                self.assertEqual(b"x" * 100_000, self.sealed(other, "GET", "key%d" % number))
                self.assertEqual(b"x" * 100_000, other.call("GET", "key%d" % number))

    def test_announced(self):
        first, second = self.nodes[:2]
        second.call("CONFIG", "SET", "cluster-announce-tls-port", 7443)
        try:
            until(lambda: "%s:7443@%d" % (second.host, BUS_PORT) in self.sealed(first, "CLUSTER", "NODES").decode(),
                  "the announced port is told")
            self.assertIn("%s:%d@" % (second.host, PORT), first.call("CLUSTER", "NODES").decode())
        finally:
            second.call("CONFIG", "SET", "cluster-announce-tls-port", 0)
            until(lambda: "7443" not in self.sealed(first, "CLUSTER", "NODES").decode(), "the port itself is told")

    def test_redis_py_cluster(self):
        from redis.cluster import RedisCluster
        client = RedisCluster(host=self.nodes[0].host, port=TLS_PORT, ssl=True, ssl_ca_certs=self.made.path("ca.pem"),
                              ssl_certfile=self.made.path("client.pem"), ssl_keyfile=self.made.path("client.key"),
                              ssl_check_hostname=False)
        self.addCleanup(client.close)
        for number in range(200):
            self.assertTrue(client.set("py%d" % number, number))
        self.assertEqual({TLS_PORT}, {node.port for node in client.get_nodes()})
        self.assertEqual([b"%d" % number for number in range(200)], [client.get("py%d" % number) for number in range(200)])


if __name__ == "__main__":
    unittest.main()
