"""Sorted sets in a cluster: written through every node and read at every one, while a node is killed and comes back."""

import random
import threading
import unittest

from cluster_nodes import SLOW, Cluster, until
from harness import resp
from harness.resp import ReplyError

KEYS = ["scores:%d" % i for i in range(6)]


class Writer(threading.Thread):
    """Puts, moves and removes members of its own, at one node, and knows what became of each."""

    def __init__(self, number, node, stopped):
        super().__init__()
        self.number = number
        self.node = node
        self.stopped = stopped
        self.random = random.Random(number)
        self.known = {}  # (key, member): its score, None where it is not there.
        self.uncertain = set()  # Of those it may say anything: what was not done in time may come late.
        self.done = 0

    def run(self):
        connection = None
        while not self.stopped.is_set():
            name, member = self.random.choice(KEYS), "%d:%d" % (self.number, self.random.randrange(40))
            score = None if self.random.random() < 0.2 else self.random.randrange(1000)
            words = ("ZREM", name, member) if score is None else ("ZADD", name, score, member)
            try:
                connection = connection or self.node.connect(timeout_s=5 * SLOW)
                connection.value(*words)
                self.known[name, member] = score
                self.done += 1
            except (OSError, resp.Closed, ReplyError) as error:
                self.uncertain.add((name, member))
                if not isinstance(error, ReplyError):
                    if connection is not None:
                        connection.close()
                    connection = None
                    self.stopped.wait(0.05)
        if connection is not None:
            connection.close()


class ClusterSortedSets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.nodes = cls.cluster.nodes

    def setUp(self):
        self.nodes[0].call("FLUSHALL")

    def wait_same(self, *words):
        """All nodes hold what answers the same, by themselves."""
        def same():
            for node in self.nodes:
                node.call("QUORUM", "EXEC", "R", "ALL", "--", *words)
            answers = [node.own(*words) for node in self.nodes]
            return (answers[0],) if answers[1:] == answers[:-1] else None
        return until(same, "all nodes answer %r alike" % (words,))[0]

    def test_every_command_through_every_node(self):
        first, second, third = self.nodes
        self.assertEqual(first.call("ZADD", "z", 1, "a", 2, "b", 3, "c"), 3)
        self.assertEqual(second.call("ZADD", "z", "GT", "CH", 5, "a", 1, "b"), 1)
        self.assertEqual(third.call("ZINCRBY", "z", "0.5", "c"), b"3.5")
        for node in self.nodes:
            self.assertEqual(node.call("ZRANGE", "z", 0, -1, "WITHSCORES"), [b"b", b"2", b"c", b"3.5", b"a", b"5"])
            self.assertEqual(node.call("ZRANK", "z", "a"), 2)
            self.assertEqual(node.call("ZCOUNT", "z", "(2", "+inf"), 2)
        self.assertEqual(second.call("ZPOPMIN", "z"), [b"b", b"2"])
        self.assertEqual(third.call("ZREMRANGEBYSCORE", "z", 5, 5), 1)
        self.assertEqual(first.call("ZRANGE", "z", 0, -1), [b"c"])
        # Keys of several partitions.
        second.call("ZADD", "other", 10, "c", 20, "d")
        third.call("SADD", "plain", "d", "e")
        self.assertEqual(first.call("ZUNIONSTORE", "{u}", 3, "z", "other", "plain"), 3)
        self.assertEqual(second.call("ZRANGE", "{u}", 0, -1, "WITHSCORES"), [b"e", b"1", b"c", b"13.5", b"d", b"21"])
        self.assertEqual(third.call("ZRANGESTORE", "{r}", "{u}", 1, "(20", "BYSCORE"), 2)
        self.assertEqual(first.call("ZMPOP", 2, "nothing", "{r}", "MAX"), [b"{r}", [[b"c", b"13.5"]]])
        third.call("GEOADD", "places", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania")
        self.assertEqual(first.call("GEOSEARCHSTORE", "near", "places", "FROMLONLAT", 15, 37, "BYRADIUS", 100, "km"), 1)
        self.assertEqual(second.call("GEORADIUS", "places", 15, 37, 200, "km", "STORE", "all"), 2)
        self.assertEqual(third.call("ZCARD", "all"), 2)
        payload = first.call("DUMP", "places")
        self.assertEqual(second.call("RESTORE", "again", 0, payload), b"OK")
        self.assertEqual(third.call("GEODIST", "again", "Palermo", "Catania"), b"166274.1516")
        second.call("RENAME", "again", "renamed")
        self.assertEqual(first.call("TYPE", "renamed"), b"zset")
        for name in ("z", "{u}", "{r}", "near", "all", "renamed"):
            self.wait_same("ZRANGE", name, 0, -1, "WITHSCORES")

    def test_adds_at_several_nodes_at_once_are_all_there(self):
        def add(node, number):
            for i in range(200):
                node.call("ZADD", "board", i, "%d:%d" % (number, i))
        threads = [threading.Thread(target=add, args=(node, number)) for number, node in enumerate(self.nodes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.nodes[0].call("ZCARD", "board"), 600)
        self.assertEqual(len(self.wait_same("ZRANGE", "board", 0, -1)), 600)

    def test_a_node_is_killed(self):
        stopped = threading.Event()
        writers = [Writer(number, node, stopped) for number, node in enumerate(self.nodes)]
        for writer in writers:
            writer.start()
        try:
            for round in range(2):
                stopped.wait(1)
                self.nodes[round].kill()
                stopped.wait(1)
                self.nodes[round].start()
                self.cluster.wait_whole()
        finally:
            stopped.set()
            for writer in writers:
                writer.join()
        for writer in writers:
            self.assertGreater(writer.done, 50)
        for name in KEYS:
            items = self.wait_same("ZRANGE", name, 0, -1, "WITHSCORES")
            scores = dict(zip(items[::2], items[1::2]))
            self.assertEqual([float(score) for score in items[1::2]], sorted(float(score) for score in items[1::2]))
            for writer in writers:
                for (key, member), score in writer.known.items():
                    if key == name and (key, member) not in writer.uncertain:
                        self.assertEqual(scores.get(member.encode()), None if score is None else b"%d" % score, (key, member))


if __name__ == "__main__":
    unittest.main()
