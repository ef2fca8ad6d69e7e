"""Many clients that write to one set or hash, through several loops: its changes reach the replicas in their order, and
what one missed all the same is brought by difference, not as a whole."""

import threading
import unittest

from cluster_nodes import Cluster, resp, until

CLIENTS = 16
ROUNDS = 40
PIPELINE = 16


class HotKeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.wait_whole()

    def gaps(self):
        """Changes that a replica could not apply, as those that shipped them count them."""
        total = 0
        for node in self.cluster.nodes:
            lines = node.call("INFO", "cluster").decode().split("\r\n")
            total += int(dict(line.split(":", 1) for line in lines if ":" in line)["cluster_gaps"])
        return total

    def load(self, key, command, clients=CLIENTS, rounds=ROUNDS, pipeline=PIPELINE):
        """Each client has elements of its own; every reply must be good. Returns how many elements there are."""
        bad = []

        def run(number):
            connection = self.cluster.nodes[number % 3].connect()
            try:
                for turn in range(rounds):
                    commands = [command(key, "%d:%d:%d" % (number, turn, i)) for i in range(pipeline)]
                    for frame in connection.pipeline(commands):
                        if frame[0] != resp.INTEGER:
                            bad.append(frame)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], bad[:3])
        return clients * rounds * pipeline

    def same_everywhere(self, key, count_command, count):
        until(lambda: [node.own(count_command, key) for node in self.cluster.nodes] == [count] * 3,
              "each node has all of %s" % key)

    def run_on(self, name, command, count_command, **shape):
        # In memory everywhere: what waits for the disk may be overtaken there.
        self.cluster.nodes[0].call(*command(name, "first"))
        self.same_everywhere(name, count_command, 1)
        before = self.gaps()
        count = self.load(name, command, **shape)
        self.same_everywhere(name, count_command, count + 1)
        self.assertEqual(self.gaps() - before, 0, "changes were overtaken")

    def test_set(self):
        self.run_on("hot:set", lambda key, element: ["SADD", key, element], "SCARD")

    def test_hash(self):
        self.run_on("hot:hash", lambda key, element: ["HSET", key, element, "value of " + element], "HLEN")

    def test_agreed_on_one_by_one(self):
        """Strict increments of one key are agreed on in turns, wherever they came in: each gets a number of its own. A machine
        that has other things to do may refuse some; those were not done."""
        numbers, refused, uncertain = [], [], []

        def run(number):
            connection = self.cluster.nodes[number % 3].connect()
            try:
                connection.value("QUORUM", "SET", "STRICT")
                for _ in range(3):
                    for kind, payload in connection.pipeline(100 * [["INCR", "hot:number"]]):
                        if kind == resp.INTEGER:
                            numbers.append(int(payload))
                        else:
                            (refused if b"nothing was done" in payload else uncertain).append(payload)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(number,)) for number in range(48)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(numbers) + len(refused) + len(uncertain), 48 * 3 * 100)
        self.assertEqual(len(set(numbers)), len(numbers), "a number was given twice")
        until(lambda: len({node.own("GET", "hot:number") for node in self.cluster.nodes}) == 1, "all nodes have the same")
        last = int(self.cluster.nodes[0].own("GET", "hot:number"))
        self.assertIn(last - len(numbers), range(len(uncertain) + 1), (refused[:1], uncertain[:1]))
        self.assertGreater(len(numbers), len(refused), "most of a load that the cluster can do was refused")

    def test_one_command_at_a_time(self):
        self.run_on("hot:single", lambda key, element: ["SADD", key, element], "SCARD", rounds=200, pipeline=1)


class MissedSome(unittest.TestCase):
    """A replica that was away lacks additions and removals of a big set."""

    def test_difference(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.stop)
        cluster.start()
        first = cluster.nodes[0]
        members = ["member of some length %d" % i for i in range(20000)]
        for start in range(0, len(members), 1000):
            first.call("SADD", "big", *members[start:start + 1000])
        until(lambda: [node.own("SCARD", "big") for node in cluster.nodes] == [20000] * 3, "all have it")
        away = next(node for node in cluster.nodes[1:] if node is not first)
        away.kill()
        until(lambda: first.call("SREM", "big", *members[:5]) is not None, "the others go on")
        first.call("SADD", "big", "late", "later")
        away.start()
        cluster.wait_whole()
        until(lambda: [node.own("SCARD", "big") for node in cluster.nodes] == [19997] * 3, "it has what it missed",
              limit_s=60)
        self.assertEqual(0, away.own("SISMEMBER", "big", members[0]))
        self.assertEqual(1, away.own("SISMEMBER", "big", "late"))


if __name__ == "__main__":
    unittest.main()
