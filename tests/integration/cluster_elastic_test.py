"""A cluster that grows from one node to three and to five, and shrinks to four, while clients read and write: no error, no
lost update, and every node that holds a key holds it whole."""

import contextlib
import threading
import time
import unittest

from cluster_nodes import BUS_PORT, Cluster, resp, until

KEYS = 3000
COUNTERS = 40


class Load:
    """Clients that write and read through the nodes there are, and remember what they were told."""

    def __init__(self, nodes, tolerant=False, after=None):
        """`tolerant`: nodes are killed; an answer that says so is none. `after`: the load that it goes on from."""
        self.nodes = list(nodes)
        self.tolerant = tolerant
        self.stop = threading.Event()
        self.errors = []
        self.increments = [0] * COUNTERS
        self.uncertain = [0] * COUNTERS
        self.written, self.tried = {}, {}
        self.members = set()
        if after is not None:
            self.increments, self.uncertain, self.members = after.increments, after.uncertain, after.members
            self.written, self.tried = after.written, after.tried
        self.lock = threading.Lock()
        self.requests = 0
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(4)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        connection, node, turn = None, None, 0
        while not self.stop.is_set():
            turn += 1
            if connection is None or turn % 50 == 0 or node not in self.nodes:
                if connection is not None:
                    connection.close()
                nodes = self.nodes
                node = nodes[(turn // 50 + number) % len(nodes)]
                try:
                    connection = node.connect(timeout_s=10)
                except OSError:
                    connection = None
                    continue
            try:
                self.step(connection, number, turn)
            except (OSError, resp.Closed):
                # A node that leaves ends its connections; a request under way may have been done.
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def step(self, connection, number, turn):
        counter = turn % COUNTERS
        with self.lock:
            self.uncertain[counter] += 1
        try:
            connection.value("INCR", "counter:%d" % counter)
            with self.lock:
                self.uncertain[counter] -= 1
                self.increments[counter] += 1
            name = "own:%d:%d" % (number, turn % 200)
            self.tried[name] = turn
            connection.value("SET", name, turn)
            self.written[name] = turn
            seen = connection.value("GET", name)
            if seen is None or int(seen) < turn:
                self.errors.append("%s is %r and not %d" % (name, seen, turn))
            member = "m:%d:%d" % (number, turn)
            connection.value("SADD", "set:%d" % (turn % 10), member)
            with self.lock:
                self.members.add(("set:%d" % (turn % 10), member))
            key = "key:%d" % (turn * 7 % KEYS)
            if connection.value("GET", key) != ("value:" + key).encode():
                self.errors.append(key + " is not what it was")
            self.requests += 5
        except resp.ReplyError as error:
            if not self.tolerant or not str(error).startswith("NOQUORUM"):
                self.errors.append(str(error))


class Elastic(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(5, cluster_min_nodes=1)
        self.addCleanup(self.cluster.stop)
        self.nodes = self.cluster.nodes
        first = "%s:%d" % (self.nodes[0].host, BUS_PORT)
        for node in self.nodes[1:]:
            node.seeds = ""
            node.settings = dict(node.settings, **{"cluster-join": first})
        self.nodes[0].seeds = ""
        self.nodes[0].start()
        self.nodes[0].wait_ready()

    def join(self, load, *nodes):
        for node in nodes:
            node.start()
        self.settle([node for node in self.nodes if node.alive()])
        load.nodes = [node for node in self.nodes if node.alive()]

    def settle(self, nodes, limit_s=90):
        """All of these are the members, and the ring does not change."""
        for node in nodes:
            def settled():
                if not node.alive():
                    raise AssertionError("the node ended:\n" + node.log_tail())
                info = node.info()
                return info["cluster_ring_change"] == "none" and int(info["cluster_size"]) == len(nodes)
            until(settled, "%s is one of %d" % (node.host, len(nodes)), limit_s)

    def check(self, load):
        nodes = load.nodes
        self.assertEqual([], load.errors[:10])
        self.assertGreater(load.requests, 500)
        node = nodes[-1]
        for counter, told in enumerate(load.increments):
            value = int(node.call("GET", "counter:%d" % counter) or 0)
            self.assertLessEqual(told, value)
            self.assertLessEqual(value, told + load.uncertain[counter])
        for name, turn in load.written.items():
            self.assertIn(int(node.call("GET", name)), (turn, load.tried[name]), name)
        for number in range(10):
            there = set(node.call("SMEMBERS", "set:%d" % number))
            told = {member.encode() for key, member in load.members if key == "set:%d" % number}
            self.assertEqual(set(), told - there)
        self.check_replicas(nodes)

    def check_replicas(self, nodes):
        """What was there before any node joined is at each of its replicas."""
        by_id = {node.id().encode(): node for node in nodes}
        for number in range(0, KEYS, 37):
            key = "key:%d" % number
            explained = nodes[0].call("QUORUM", "EXPLAIN", key, protocol=3)
            replicas = [by_id[each[b"node"]] for each in explained[b"replicas"]]
            self.assertEqual(min(3, len(nodes)), len(replicas))
            for replica in replicas:
                self.assertEqual(("value:" + key).encode(), replica.own("GET", key), key)

    def test_grows_and_shrinks_under_load(self):
        self.fill(self.nodes[0])
        with Load(self.nodes[:1]) as load:
            time.sleep(1)
            self.join(load, self.nodes[1], self.nodes[2])
            time.sleep(1)
            self.join(load, self.nodes[3], self.nodes[4])
            time.sleep(1)
            self.drain(load, self.nodes[0], self.nodes[3])
            time.sleep(1)
        self.check(load)
        # Who holds a key counts it once.
        self.assertEqual(KEYS + COUNTERS + len(load.written) + 10, load.nodes[0].call("DBSIZE"))

    def fill(self, node):
        with contextlib.closing(node.connect()) as connection:
            for number in range(KEYS):
                key = "key:%d" % number
                connection.value("SET", key, "value:" + key)

    def test_who_is_killed_meanwhile(self):
        """kill -9 of the node that joins, and of one that it is brought its records from, in the middle of it; then a node
        that is dead for good is drained by another one, and comes back to be told so."""
        self.fill(self.nodes[0])
        with Load(self.nodes[:1]) as calm:
            self.join(calm, self.nodes[1], self.nodes[2])
        self.assertEqual([], calm.errors[:10])
        with Load(self.nodes[1:3], tolerant=True, after=calm) as load:
            self.nodes[3].start()
            until(lambda: self.nodes[1].info()["cluster_ring_change"] == "copying", "it is being counted in")
            self.nodes[3].kill()
            time.sleep(0.5)
            self.nodes[3].start()
            until(lambda: self.nodes[3].info()["cluster_ring_change"] != "none", "it goes on")
            self.nodes[0].kill()
            time.sleep(0.5)
            self.nodes[0].start()
            self.settle(self.nodes[:4])
            dead = self.nodes[0].id()
            self.nodes[0].kill()
            time.sleep(1)
            self.assertEqual(b"OK", self.nodes[3].call("CLUSTER", "DRAIN", dead))
            self.settle(self.nodes[1:4])
            self.nodes[0].settings.pop("cluster-join", None)
            self.nodes[0].start(cluster_seeds="%s:%d" % (self.nodes[1].host, BUS_PORT))
            self.assertEqual(0, self.nodes[0].process.wait(30))
            self.assertIn("was removed from its cluster", self.nodes[0].log())
            load.nodes = self.nodes[1:4]
        self.check(load)

    def test_who_stays_away_is_removed_or_replaced_by_itself(self):
        self.fill(self.nodes[0])
        with Load(self.nodes[:1]) as calm:
            self.join(calm, *self.nodes[1:4])
        with Load(self.nodes[:3], tolerant=True, after=calm) as load:
            for node in self.nodes[:3]:
                node.call("CONFIG", "SET", "auto-remove-after", 3)
            self.nodes[3].kill()
            # Three nodes are enough for three replicas.
            self.settle(self.nodes[:3])
            self.assertIn(", which is down, from the ring", "".join(node.log() for node in self.nodes[:3]))
            # Two are not: it stays, until one comes to take its place.
            load.nodes = self.nodes[1:3]
            self.nodes[0].kill()
            time.sleep(5)
            self.assertEqual(["3", "3"], [node.info()["cluster_size"] for node in self.nodes[1:3]])
            for node in self.nodes[1:3]:
                node.call("CONFIG", "SET", "auto-replace-after", 3)
            self.nodes[4].seeds = "%s:%d" % (self.nodes[1].host, BUS_PORT)
            self.nodes[4].settings["cluster-join"] = self.nodes[4].seeds
            self.nodes[4].start()
            members = [self.nodes[1], self.nodes[2], self.nodes[4]]
            self.settle(members)
            load.nodes = members
            time.sleep(0.5)
        self.assertEqual({node.id() for node in members}, set(members[0].flags()))
        self.check(load)
        # Whoever is back is told so.
        self.nodes[3].settings.pop("cluster-join", None)
        self.nodes[3].start(cluster_seeds="%s:%d" % (self.nodes[1].host, BUS_PORT))
        self.assertEqual(0, self.nodes[3].process.wait(30))
        self.assertIn("was removed from its cluster", self.nodes[3].log())

    def drain(self, load, node, by):
        identity = node.id()
        stays = [other for other in self.nodes if other is not node]
        load.nodes = stays
        self.assertEqual(b"OK", by.call("CLUSTER", "DRAIN", identity))
        self.settle(stays)
        self.assertEqual(0, node.process.wait(30))
        self.assertIn("was removed from its cluster", node.log())
        # It may not come back as who it was.
        node.settings.pop("cluster-join", None)
        node.start()
        self.assertNotEqual(0, node.process.wait(30))


if __name__ == "__main__":
    unittest.main()
