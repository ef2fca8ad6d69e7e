"""Five nodes with three replicas of each key, so that no node holds everything: commands on keys of several nodes, and over
all keys, through every node; with a node down, too."""

import threading
import time
import unittest

from cluster_nodes import Cluster, certain, resp, until

KEYS = 300


def scan(node, *options, protocol=2, each=lambda: None):
    """All that SCAN tells, in the order told."""
    cursor, names = b"0", []
    while True:
        cursor, more = node.call("SCAN", cursor, *options, protocol=protocol)
        names += more
        each()
        if cursor == b"0":
            return names


class FiveNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(5, replicas=3)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes

    def setUp(self):
        self.cluster.repair()
        self.nodes[0].call("FLUSHALL")

    def replicas(self, key):
        """The nodes that hold a key, the first that coordinates it first."""
        explained = self.nodes[0].call("QUORUM", "EXPLAIN", key, protocol=3)
        return [self.nodes[self.cluster.ids.index(each[b"node"].decode())] for each in explained[b"replicas"]]

    def apart(self, prefix):
        """Three keys that no node holds all of. Of two, one node always does: three of five hold each."""
        names = [prefix + str(i) for i in range(1000)]
        first = names[0]
        # Not on the same three: no third key is on the two others alone.
        second = next(name for name in names if set(self.replicas(name)) != set(self.replicas(first)))
        holders = set(self.replicas(first)) & set(self.replicas(second))
        return first, second, next(name for name in names if not holders & set(self.replicas(name)))

    def foreign(self, node, prefix):
        """A key that the node does not hold."""
        return next(prefix + str(i) for i in range(1000) if node not in self.replicas(prefix + str(i)))

    def mset(self, node, names, value="%s"):
        return node.call("MSET", *[word for name in names for word in (name, value % name)])

    def test_keys_of_several_nodes(self):
        for protocol in (2, 3):
            for i, node in enumerate(self.nodes):
                with self.subTest(node=i, protocol=protocol):
                    other = self.nodes[(i + 1) % 5]
                    names = ["several:%d:%d:%d" % (protocol, i, k) for k in range(100)]
                    self.assertEqual(b"OK", self.mset(node, names))
                    values = [name.encode() for name in names]
                    self.assertEqual(values, other.call("MGET", *names, protocol=protocol))
                    mixed = [word for name in names for word in (name, "not:" + name)]
                    expected = [word for value in values for word in (value, None)]
                    self.assertEqual(expected, other.call("MGET", *mixed, protocol=protocol))
                    self.assertEqual(values[::-1], node.call("MGET", *names[::-1], protocol=protocol))
                    self.assertEqual([values[0]] * 3, node.call("MGET", names[0], names[0], names[0], protocol=protocol))
                    self.assertEqual(100, node.call("EXISTS", *mixed, protocol=protocol))
                    self.assertEqual(102, other.call("EXISTS", names[0], names[0], *names[:], names[5], protocol=protocol) - 1)
                    self.assertEqual(100, other.call("TOUCH", *mixed, protocol=protocol))
                    self.assertEqual(50, other.call("DEL", *mixed[:100], protocol=protocol))
                    self.assertEqual(50, node.call("UNLINK", *mixed, protocol=protocol))
                    self.assertEqual([None] * 100, other.call("MGET", *names, protocol=protocol))

    def test_with_quorums_of_its_own(self):
        names = ["quorum:%d" % k for k in range(50)]
        for node in self.nodes:
            for quorum in (("R", "1", "W", "1"), ("R", "2", "W", "2", "STRICT"), ("R", "ALL", "W", "ALL")):
                run = lambda *command: node.call("QUORUM", "EXEC", *quorum, "--", *command)
                self.assertEqual(b"OK", run("MSET", *[word for name in names for word in (name, "v")]))
                self.assertEqual([b"v"] * 50, node.call("QUORUM", "EXEC", "R", "ALL", "--", "MGET", *names))
                self.assertEqual(50, run("DEL", *names))

    def test_a_key_of_another_type(self):
        self.nodes[0].call("SADD", "a set", "m")
        self.nodes[0].call("SET", "a string", "v")
        for node in self.nodes:
            self.assertEqual([None, b"v"], node.call("MGET", "a set", "a string"))

    def test_the_order_of_a_pipeline(self):
        for node in self.nodes:
            connection = node.connect()
            names = ["pipeline:%d" % i for i in range(40)]
            for round_number in range(20):
                commands, expected = [], []
                value = "%d" % round_number
                commands.append(["MSET"] + [word for name in names for word in (name, value)])
                expected.append(b"OK")
                commands.append(["MGET"] + names)
                expected.append([value.encode()] * len(names))
                for name in names[:10]:
                    commands += [["APPEND", name, "x"], ["GET", name]]
                    expected += [len(value) + 1, value.encode() + b"x"]
                commands.append(["DEL"] + names)
                expected.append(len(names))
                commands += [["EXISTS"] + names, ["INCR", names[0]], ["MGET", names[1], names[0]], ["DEL", names[0]],
                             ["DBSIZE"], ["PING"]]
                expected += [0, 1, [None, b"1"], 1, 0, b"PONG"]
                replies = [resp.to_python(frame) for frame in connection.pipeline(commands)]
                self.assertEqual(expected, replies)
            connection.close()

    def test_silent_clients(self):
        names = ["silent:%d" % i for i in range(20)]
        for node in self.nodes:
            connection = node.connect()
            connection.send("CLIENT", "REPLY", "OFF")
            connection.send("MSET", *[word for name in names for word in (name, "1")])
            connection.send("DBSIZE")
            connection.send("CLIENT", "REPLY", "ON")
            connection.send("DEL", *names)
            self.assertEqual([b"OK", 20], [resp.to_python(connection.read_frame()[0]) for _ in range(2)])
            connection.close()

    def test_all_keys(self):
        names = {"all:%d" % i for i in range(KEYS)}
        self.mset(self.nodes[0], names)
        self.nodes[1].call("SADD", "all:a set", "m")
        self.nodes[2].call("SELECT", 1)
        self.nodes[2].call("SET", "elsewhere", 1)
        self.nodes[2].call("SELECT", 0)
        expected = {name.encode() for name in names} | {b"all:a set"}
        for node in self.nodes:
            for protocol in (2, 3):
                self.assertEqual(KEYS + 1, node.call("DBSIZE", protocol=protocol))
                told = node.call("KEYS", "*", protocol=protocol)
                self.assertEqual((sorted(expected), len(expected)), (sorted(told), len(told)))
                self.assertEqual([b"all:17"], node.call("KEYS", "all:17", protocol=protocol))
                self.assertEqual([], node.call("KEYS", "nothing", protocol=protocol))
            for options in ((), ("COUNT", 1000), ("COUNT", 1), ("MATCH", "all:*"), ("TYPE", "string", "COUNT", 50)):
                told = scan(node, *options)
                wanted = expected - ({b"all:a set"} if "TYPE" in options else set())
                self.assertEqual((sorted(wanted), len(wanted)), (sorted(told), len(told)), options)
            self.assertEqual([b"all:a set"], scan(node, "TYPE", "set", protocol=3))
            self.assertEqual([], scan(node, "TYPE", "nothing"))
            drawn = {node.call("RANDOMKEY") for _ in range(60)}
            self.assertTrue(drawn <= expected and len(drawn) > 10, drawn)
            self.assertEqual("ERR invalid cursor", node.error("SCAN", "x"))
            self.assertEqual("ERR syntax error", node.error("SCAN", "0", "COUNT", "0"))
            self.assertEqual("ERR syntax error", node.error("SCAN", "0", "MATCH"))
            self.assertEqual([b"0", []], node.call("SCAN", str(1 << 60)))

    def test_a_scan_goes_on_at_any_node(self):
        names = {b"anywhere:%d" % i for i in range(KEYS)}
        self.mset(self.nodes[0], [name.decode() for name in names])
        cursor, told, turn = b"0", [], 0
        while True:
            cursor, more = self.nodes[turn % 5].call("SCAN", cursor, "COUNT", 7)
            told += more
            turn += 1
            if cursor == b"0":
                break
        self.assertEqual((sorted(names), len(names)), (sorted(told), len(told)))

    def test_flushing(self):
        for node in self.nodes:
            # What is still under way to a third replica may survive.
            node.call("QUORUM", "EXEC", "W", "ALL", "--", "MSET", *["flushed:%d" % (i // 2) for i in range(100)])
            self.assertEqual(b"OK", node.call("FLUSHALL"))
            for other in self.nodes:
                self.assertEqual((0, [], None), (other.call("DBSIZE"), other.call("KEYS", "*"), other.call("RANDOMKEY")))

    def test_with_a_node_down(self):
        names = {"down:%d" % i for i in range(KEYS)}
        self.mset(self.nodes[0], names)
        for down in range(5):
            with self.subTest(down=down):
                node = self.nodes[down]
                others = [each for each in self.nodes if each is not node]
                node.kill()
                # What was asked for a moment ago may still be on its way there.
                for other in others:
                    until(lambda: other.call("DBSIZE") == KEYS, "%s counts every key once" % other.host)
                    self.assertEqual(sorted(name.encode() for name in names), sorted(other.call("KEYS", "*")))
                    told = scan(other, "COUNT", 20)
                    self.assertEqual((len(names), len(names)), (len(set(told)), len(told)))
                    self.assertEqual(KEYS, other.call("EXISTS", *names))
                    self.assertEqual([name.encode() for name in names], other.call("MGET", *names))
                    self.assertIn("cannot be reached: what it keeps would come back. Nothing was done",
                                  other.error("FLUSHALL"))
                    certain(lambda: self.mset(other, names))
                    key = "down:new:%d:%d" % (down, other.index)
                    certain(lambda: other.call("SET", key, key))
                    self.assertEqual([b"down:0", key.encode()], others[0].call("MGET", "down:0", key))
                    self.assertEqual(1, certain(lambda: others[-1].call("DEL", key)))
                self.cluster.repair()

    def test_scanning_while_nodes_come_and_go(self):
        names = {b"walk:%d" % i for i in range(2000)}
        self.mset(self.nodes[0], [name.decode() for name in names])
        walks, failures = [], []

        def walk():
            try:
                for _ in range(3):
                    walks.append(scan(self.nodes[0], "COUNT", 10, each=lambda: time.sleep(0.02)))
            except Exception as error:
                failures.append(error)
        # Nodes end with the thread that started them: they are started by this one.
        walker = threading.Thread(target=walk)
        walker.start()
        turn = 0
        while walker.is_alive():
            node = self.nodes[1 + turn % 4]
            node.kill()
            time.sleep(1)
            node.start()
            time.sleep(2)
            turn += 1
        walker.join()
        self.assertEqual([], failures)
        self.assertEqual(3, len(walks))
        for told in walks:
            self.assertEqual(set(), names - set(told), "every key was there all the time")
        self.assertGreater(turn, 1)

    def test_what_needs_one_node(self):
        for node in self.nodes:
            for protocol in (2, 3):
                first, second, third = self.apart("together:")
                node.call("SADD", first, "a", protocol=protocol)
                node.call("SADD", second, "a", protocol=protocol)
                for command in (("SINTER", first, second, third), ("SUNIONSTORE", first, second, third),
                                ("MSETNX", first, 1, second, 1, third, 1), ("BITOP", "AND", first, second, third)):
                    error = node.error(*command, protocol=protocol)
                    self.assertRegex(error, "^CROSSSLOT .* give keys that are used together a common hash tag")
                node.call("MULTI", protocol=protocol)
                for name in (first, second, third):
                    node.call("GET", name, protocol=protocol)
                self.assertRegex(node.error("EXEC", protocol=protocol), "CROSSSLOT .*hash tag")
                node.call("MULTI", protocol=protocol)
                node.call("DBSIZE", protocol=protocol)
                self.assertRegex(node.error("EXEC", protocol=protocol), "^EXECABORT .*outside MULTI only")
                # With a tag they are together, at whichever node.
                node.call("SADD", "{%d}a" % node.index, "x", "y", protocol=protocol)
                node.call("SADD", "{%d}b" % node.index, "y", "z", protocol=protocol)
                self.assertEqual([b"y"], list(node.call("SINTER", "{%d}a" % node.index, "{%d}b" % node.index,
                                                        protocol=protocol)))
                node.call("MULTI", protocol=protocol)
                node.call("MSET", "{%d}c" % node.index, 1, "{%d}d" % node.index, 2, protocol=protocol)
                node.call("MGET", "{%d}c" % node.index, "{%d}d" % node.index, protocol=protocol)
                self.assertEqual([b"OK", [b"1", b"2"]], node.call("EXEC", protocol=protocol))

    def test_watching(self):
        for i, node in enumerate(self.nodes):
            for key in (self.foreign(node, "watched:%d:" % i), "watched:%d" % i):
                for changed in (False, True):
                    for protocol in (2, 3):
                        with self.subTest(node=i, key=key, changed=changed, protocol=protocol):
                            node.call("SET", key, "before")
                            self.assertEqual(b"OK", node.call("WATCH", key, protocol=protocol))
                            self.assertEqual(b"before", node.call("GET", key, protocol=protocol))
                            if changed:
                                self.nodes[(i + 2) % 5].call("SET", key, "between")
                            node.call("MULTI", protocol=protocol)
                            node.call("SET", key, "after", protocol=protocol)
                            reply = node.call("EXEC", protocol=protocol)
                            self.assertEqual(None if changed else [b"OK"], reply)
                            self.assertEqual(b"between" if changed else b"after", node.call("GET", key))

    def test_what_ends_a_watch(self):
        for i, node in enumerate(self.nodes):
            key = self.foreign(node, "unwatched:%d:" % i)
            other = self.nodes[(i + 1) % 5]
            for ending in (("UNWATCH",), ("DISCARD",), ("RESET",)):
                node.call("SET", key, 1)
                node.call("WATCH", key)
                if ending[0] == "DISCARD":
                    node.call("MULTI")
                node.call(*ending)
                other.call("SET", key, 2)
                node.call("MULTI")
                node.call("INCR", key)
                self.assertEqual([3], node.call("EXEC"), ending)
            node.call("WATCH", key)
            node.call("MULTI")
            self.assertEqual("ERR WATCH inside MULTI is not allowed", node.error("WATCH", key))
            node.call("DISCARD")
            # A transaction without keys depends on what was watched, too.
            node.call("WATCH", key)
            other.call("SET", key, 5)
            node.call("MULTI")
            node.call("PING")
            self.assertIsNone(node.call("EXEC"))

    def test_counting_with_watches(self):
        """Transactions that add one to what they read: each that answers has counted, through whichever node."""
        key = "raced"
        self.nodes[0].call("SET", key, 0)
        done = []

        def count(node):
            connection = node.connect()
            for _ in range(20):
                while True:
                    connection.value("WATCH", key)
                    value = int(connection.value("GET", key))
                    connection.value("MULTI")
                    connection.value("SET", key, value + 1)
                    if connection.value("EXEC") is not None:
                        done.append(value)
                        break
            connection.close()
        threads = [threading.Thread(target=count, args=(node,)) for node in self.nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(100, len(done))
        self.assertEqual(sorted(set(done)), sorted(done), "no value was read by two that both went through")
        self.assertEqual(b"100", self.nodes[0].call("GET", key))

    def test_selecting_in_a_transaction(self):
        for i, node in enumerate(self.nodes):
            for key in (self.foreign(node, "selected:%d:" % i), "selected:%d" % i):
                connection = node.connect()
                commands = [("SET", key, "zero"), ("MULTI",), ("SELECT", 3), ("SET", key, "three"), ("EXEC",), ("GET", key),
                            ("SELECT", 0), ("GET", key), ("MULTI",), ("SELECT", 3), ("GET", key), ("SELECT", 0), ("EXEC",),
                            ("GET", key)]
                replies = [resp.to_python(frame) for frame in connection.pipeline(commands)]
                self.assertEqual([b"OK", b"three", b"OK", b"zero"], [replies[4][1], replies[5], replies[6], replies[7]])
                self.assertEqual([[b"OK", b"three", b"OK"], b"zero"], replies[12:])
                # Of a forwarded pipeline each request is about its own database.
                commands = [word for database in range(10) for word in
                            (("SELECT", database), ("SET", key + "p", database), ("GET", key + "p"))]
                replies = [resp.to_python(frame) for frame in connection.pipeline(commands)]
                self.assertEqual([b"%d" % database for database in range(10)], replies[2::3])
                commands = [word for database in range(10) for word in (("SELECT", database), ("GET", key + "p"))]
                replies = [resp.to_python(frame) for frame in connection.pipeline(commands)]
                self.assertEqual([b"%d" % database for database in range(10)], replies[1::2])
                connection.close()


if __name__ == "__main__":
    unittest.main()
