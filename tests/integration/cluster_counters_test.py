"""Counters while nodes are killed: no increment that was acknowledged is missing, and none is there twice."""

import threading
import time
import unittest

from cluster_nodes import SLOW, Cluster, until
from harness import resp
from harness.resp import ReplyError

# How each is added to and read.
COUNTERS = ((("INCR", "hits"), ("GET", "hits")), (("HINCRBY", "stats", "hits", "1"), ("HGET", "stats", "hits")))


class Client(threading.Thread):
    """Adds to the counters at one node, over and over, and counts what came of it."""

    def __init__(self, node, stopped):
        super().__init__()
        self.node = node
        self.stopped = stopped
        self.done = [0] * len(COUNTERS)
        self.uncertain = [0] * len(COUNTERS)

    def run(self):
        connection = None
        while not self.stopped.is_set():
            for i, (add, _) in enumerate(COUNTERS):
                try:
                    connection = connection or self.node.connect(timeout_s=5 * SLOW)
                    connection.value(*add)
                    self.done[i] += 1
                except (OSError, resp.Closed, ReplyError) as error:
                    self.uncertain[i] += 1
                    if not isinstance(error, ReplyError):
                        if connection is not None:
                            connection.close()
                        connection = None
                        time.sleep(0.05)
        if connection is not None:
            connection.close()


class Counters(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.nodes = self.cluster.nodes

    def test_nodes_are_killed(self):
        stopped = threading.Event()
        clients = [Client(node, stopped) for node in self.nodes]
        for client in clients:
            client.start()
        try:
            for round in range(6):
                time.sleep(0.7)
                self.nodes[round % 3].kill()
                time.sleep(0.7)
                self.nodes[round % 3].start()
                self.cluster.wait_whole()
        finally:
            stopped.set()
            for client in clients:
                client.join()
        for i, (add, read) in enumerate(COUNTERS):
            done = sum(client.done[i] for client in clients)
            uncertain = sum(client.uncertain[i] for client in clients)
            self.assertGreater(done, 100)

            def same():
                # A read of all replicas repairs what a hint that died with its holder has left.
                values = {int(node.call("QUORUM", "EXEC", "R", "ALL", "--", *read)) for node in self.nodes}
                values |= {int(node.own(*read)) for node in self.nodes}
                return values if len(values) == 1 else None
            value = until(same, "all nodes show the same sum of %r" % (add,)).pop()
            self.assertLessEqual(done, value)
            self.assertLessEqual(value, done + uncertain)


if __name__ == "__main__":
    unittest.main()
