"""Every node is restarted in turn under load. Clients that go on at another node when a connection ends see nothing else:
no error reply, and nothing that was acknowledged is missing."""

import threading
import time
import unittest

import redis

from cluster_nodes import PORT, SLOW, Cluster, until

CLIENTS = 6


class Load(threading.Thread):
    """One plain client. It is at one node, and at the next when its connection ends."""

    def __init__(self, number, nodes, stop):
        super().__init__()
        self.number, self.nodes, self.stop_event = number, nodes, stop
        self.at = number % len(nodes)
        self.clients = [redis.Redis(node.host, PORT, socket_timeout=10 * SLOW, retry=None) for node in nodes]
        self.errors, self.connection_errors, self.requests = [], 0, 0
        self.counted, self.uncertain = 0, 0
        self.written = {}

    def run(self):
        turn = 0
        while not self.stop_event.is_set():
            turn += 1
            try:
                self.step(turn)
            except redis.ConnectionError:
                self.connection_errors += 1
                self.at = (self.at + 1) % len(self.nodes)
            except (redis.RedisError, AssertionError) as error:
                self.errors.append("client %d at %s, turn %d: %s: %s" % (
                    self.number, self.nodes[self.at].host, turn, type(error).__name__, error))

    def step(self, turn):
        client = self.clients[self.at]
        self.requests += 1
        key, value = "rolling:%d:%d" % (self.number, turn % 50), "%d" % turn
        if turn % 5 == 0:
            self.uncertain += 1
            client.incr("counted:%d" % self.number)
            self.uncertain -= 1
            self.counted += 1
        elif turn % 5 == 1:
            names = ["rolling:%d:%d" % (self.number, i) for i in range(0, 50, 5)]
            values = client.mget(names)
            for name, value in zip(names, values):
                if name in self.written:
                    assert value is not None, "%s is gone" % name
        else:
            self.written.pop(key, None)
            client.set(key, value)
            self.written[key] = value
            read = client.get(key)
            assert read == value.encode(), "%s is %r and not %s" % (key, read, value)


class Rolling(unittest.TestCase):
    def test_restarting_each_node(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.stop)
        cluster.start()
        cluster.note_ids()
        stop = threading.Event()
        clients = [Load(number, cluster.nodes, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        times = []
        try:
            for node in cluster.nodes:
                time.sleep(1)
                begin = time.monotonic()
                self.assertEqual(0, node.terminate())
                times.append(time.monotonic() - begin)
                node.start()
                cluster.wait_whole()
        finally:
            stop.set()
            for client in clients:
                client.join()
        errors = [error for client in clients for error in client.errors]
        self.assertEqual([], errors[:10])
        self.assertGreater(sum(client.connection_errors for client in clients), 0, "nobody was at a node that stopped")
        self.assertGreater(sum(client.requests for client in clients), 300)
        self.assertLess(max(times), 4 * SLOW, "a node that stops waits for what is under way, and no longer")
        for client in clients:
            value = int(cluster.nodes[0].call("GET", "counted:%d" % client.number) or 0)
            self.assertTrue(client.counted <= value <= client.counted + client.uncertain,
                            (client.number, value, client.counted, client.uncertain))
            for name, value in client.written.items():
                until(lambda: cluster.nodes[1].call("GET", name) == value.encode(), "%s is %s" % (name, value), limit_s=5)


if __name__ == "__main__":
    unittest.main()
