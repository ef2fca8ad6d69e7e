"""HyperLogLogs, SORT and functions on one node beside the redis-server that is installed; functions over restarts, and on
three nodes of which one is away while they change."""

import contextlib
import pathlib
import unittest

from beside_redis import BesideRedis
from cluster_nodes import Cluster, until
from single_node import SingleNode

SEQUENCES = 25
LENGTH = 40


def library(name, function, body="return {keys, args}"):
    return "#!lua name=%s\nredis.register_function('%s', function(keys, args) %s end)" % (name, function, body)


class Beside(BesideRedis):
    def test_hyperloglogs(self):
        self.compare("hyperloglogs", SEQUENCES, LENGTH)

    def test_self_test(self):
        self.assertEqual(b"OK", self.ours.value("PFSELFTEST"))

    def test_sorting(self):
        self.compare("sorting", SEQUENCES, LENGTH)

    def test_functions(self):
        self.compare("functions", SEQUENCES, LENGTH)

    def test_dumped_functions_are_restored_by_the_other(self):
        self.ours.value("FUNCTION", "LOAD", library("a", "f", "return 'ours'"))
        self.theirs.value("FUNCTION", "RESTORE", self.ours.value("FUNCTION", "DUMP"))
        self.assertEqual(b"ours", self.theirs.value("FCALL", "f", "0"))
        self.theirs.value("FUNCTION", "LOAD", library("b", "g", "return '%s'" % ("long" * 500)))
        self.ours.value("FUNCTION", "RESTORE", self.theirs.value("FUNCTION", "DUMP"), "FLUSH")
        self.assertEqual(b"long" * 500, self.ours.value("FCALL", "g", "0"))
        # The order is nobody's promise.
        lists = [sorted(side.value("FUNCTION", "LIST", "WITHCODE"), key=lambda one: one[1])
                 for side in (self.ours, self.theirs)]
        self.assertEqual(lists[1], lists[0])


class Kept(unittest.TestCase):
    def test_over_restarts(self):
        node = SingleNode().start().wait_ready()
        self.addCleanup(node.stop)
        connection = node.connect()
        connection.value("FUNCTION", "LOAD", library("a", "f", "return 1"))
        connection.value("FUNCTION", "LOAD", library("b", "g", "return 2"))
        connection.value("FUNCTION", "LOAD", "REPLACE", library("a", "f", "return 3"))
        connection.value("FUNCTION", "DELETE", "b")
        listed = connection.value("FUNCTION", "LIST", "WITHCODE")
        connection.close()
        node.kill()
        node.start().wait_ready()
        connection = node.connect()
        self.addCleanup(connection.close)
        self.assertEqual(listed, connection.value("FUNCTION", "LIST", "WITHCODE"))
        self.assertEqual(3, connection.value("FCALL", "f", "0"))


class Sorted(unittest.TestCase):
    """SORT by keys that it is not given."""

    def test_that_are_not_in_memory(self):
        node = SingleNode().start().wait_ready()
        self.addCleanup(node.stop)
        with contextlib.closing(node.connect()) as connection:
            connection.value("RPUSH", "list", *range(50))
            for number in range(50):
                connection.value("SET", "w_%d" % number, (number * 7) % 50)
                connection.value("HSET", "h_%d" % number, "f", "v%d" % number)
        # A clean stop leaves everything on the disk, and the next start reads nothing of it.
        node.process.terminate()
        node.process.wait()
        node.start().wait_ready()
        wanted = [b"v%d" % number for number in sorted(range(50), key=lambda number: (number * 7) % 50)]
        with contextlib.closing(node.connect()) as connection:
            self.assertEqual(wanted, connection.value("SORT", "list", "BY", "w_*", "GET", "h_*->f"))
            self.assertEqual(50, connection.value("SORT", "list", "BY", "w_*", "GET", "h_*->f", "STORE", "list"))
            self.assertEqual(wanted, connection.value("LRANGE", "list", "0", "-1"))

    def test_in_a_cluster(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.stop)
        cluster.start()
        for number, node in enumerate(cluster.nodes):
            list_key = "{t%d}list" % number
            node.call("RPUSH", list_key, 1, 2, 3)
            for element in (1, 2, 3):
                node.call("SET", "{t%d}w_%d" % (number, element), -element)
        for number in range(3):
            for node in cluster.nodes:
                pattern = "{t%d}w_*" % number
                self.assertEqual([b"3", b"-3", b"2", b"-2", b"1", b"-1"],
                                 node.call("SORT", "{t%d}list" % number, "BY", pattern, "GET", "#", "GET", pattern))
                for option in ("BY", "GET"):
                    error = node.error("SORT", "{t%d}list" % number, option, "w_*")
                    self.assertEqual("ERR %s option of SORT denied in cluster mode when keys formed by the pattern may be in "
                                     "different slots." % option, error)


COUNTING = """#!lua name=counting
local count = 0
redis.register_function('count', function() count = count + 1 return count end)
"""


class OnAllNodes(unittest.TestCase):
    def test_one_was_away(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.stop)
        cluster.start()
        nodes = cluster.nodes
        nodes[0].call("FUNCTION", "LOAD", library("a", "f", "return redis.call('INCRBY', keys[1], args[1])"))
        # A library's own variables stay when others come and go.
        nodes[0].call("FUNCTION", "LOAD", COUNTING)
        self.assertEqual([1, 2], [nodes[0].call("FCALL", "count", "0") for _ in range(2)])
        nodes[1].call("FUNCTION", "LOAD", library("c", "h", "return 'c'"))
        nodes[1].call("FUNCTION", "DELETE", "c")
        self.assertEqual(3, nodes[0].call("FCALL", "count", "0"))
        nodes[0].call("FUNCTION", "DELETE", "counting")
        # Wherever a key is coordinated.
        for number in range(30):
            self.assertEqual(number + 1, nodes[number % 3].call("FCALL", "f", "1", "k", 1))
        for node in nodes:
            self.assertEqual([b"a"], [entry[1] for entry in node.call("FUNCTION", "LIST")])
        nodes[2].kill()
        until(lambda: b"OK" == nodes[0].call("FUNCTION", "DELETE", "a"), "a library is deleted without the third node")
        until(lambda: nodes[1].call("FUNCTION", "LOAD", library("b", "g", "return 'b'")), "another one is loaded")
        nodes[2].start()
        cluster.wait_whole()
        until(lambda: [b"b"] == [entry[1] for entry in nodes[2].call("FUNCTION", "LIST")], "the third node has heard of both")
        self.assertEqual(b"b", nodes[2].call("FCALL", "g", "0"))
        # It is on its disk.
        path = pathlib.Path(nodes[2].directory, "functions")
        until(lambda: path.exists() and b"return 'b'" in path.read_bytes(), "the third node has saved it")
        nodes[2].call("FUNCTION", "FLUSH")
        for node in nodes:
            self.assertEqual([], node.call("FUNCTION", "LIST"))


if __name__ == "__main__":
    unittest.main()
