"""A replica that stands still while clients write and read no replies: what it has not answered takes so much and no more."""

import threading
import time
import signal
import unittest

from cluster_nodes import Cluster, until

MIB = 1 << 20
CLIENTS_MIB = 64
MOST_BYTES = CLIENTS_MIB * MIB // 4
VALUE = "x" * (64 << 10)
WRITES = 720
KEYS = 40
# What is on its way to be counted: a batch of each loop, and the command that fills it.
SLACK_BYTES = MIB


class Backlog(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, quorum_timeout=3000, maxmemory_clients="%dmb" % CLIENTS_MIB)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()

    @staticmethod
    def under_way(node):
        text = node.call("INFO", "cluster").decode()
        return int(text.split("cluster_bytes_under_way:", 1)[1].split()[0])

    @staticmethod
    def keys_of(node):
        """That the node coordinates: what waits for the other one is not sent to it first."""
        slots = set()
        for first, last, owner in node.call("CLUSTER", "SLOTS"):
            if owner[0].decode() == node.host:
                slots.update(range(first, last + 1))
        names = ["key:%d" % number for number in range(20 * KEYS)]
        return [name for name in names if node.call("CLUSTER", "KEYSLOT", name) in slots][:KEYS]

    def write(self, node, keys):
        connection = node.connect()
        connection.send("CLIENT", "REPLY", "OFF")
        for number in range(WRITES):
            connection.send("SET", keys[number % KEYS], "%d:%s" % (number, VALUE))
        connection.send("CLIENT", "REPLY", "ON")
        self.assertEqual("OK", connection.read_frame()[0][1].decode())
        connection.close()

    def test_a_replica_stands_still(self):
        first, still = self.cluster.nodes[0], self.cluster.nodes[2]
        keys = self.keys_of(first)
        still.signal(signal.SIGSTOP)
        writer = threading.Thread(target=self.write, args=(first, keys))
        writer.start()
        most = 0
        while writer.is_alive():
            most = max(most, self.under_way(first))
            time.sleep(0.005)
        print("at most %.1f MiB under way" % (most / MIB))
        self.assertLessEqual(most, MOST_BYTES + SLACK_BYTES)
        still.signal(signal.SIGCONT)
        self.cluster.wait_whole()
        until(lambda: self.under_way(first) == 0, "nothing is under way")
        for node in self.cluster.nodes:
            for number in range(WRITES - KEYS, WRITES):
                value = ("%d:%s" % (number, VALUE)).encode()
                until(lambda: node.own("GET", keys[number % KEYS]) == value, "%s has the last values" % node.host)


if __name__ == "__main__":
    unittest.main()
