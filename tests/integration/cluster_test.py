"""Three nodes of a cluster as real processes: any node takes any command; one dies, stalls, comes back, loses its disk."""

import os
import random
import signal
import threading
import time
import unittest

from cluster_nodes import UNCERTAIN, Cluster, ReplyError, certain, until

SEED = int(os.environ.get("STARLING_SEED", random.randrange(1 << 32)))


class ThreeNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes

    def everywhere(self, expected, *arguments):
        """Every node comes to answer the command so by what it holds itself."""
        for node in self.nodes:
            def settled():
                reply = node.own(*arguments)
                if isinstance(expected, set):
                    reply = set(reply)
                return reply == expected
            until(settled, "%s answers %r with %r" % (node.host, arguments, expected))

    def same_records(self, keys):
        """The versions of all the keys come to be the same on all nodes, byte by byte."""
        for key in keys:
            versions = []
            def same():
                versions[:] = [node.own("VCLOCK", "INSPECT", key) for node in self.nodes]
                return versions[0] == versions[1] == versions[2]
            try:
                until(same, "all nodes hold the same record of " + key)
            except AssertionError as error:
                self.fail("%s: %s" % (error, versions))


class Commands(ThreeNodes):
    def test_forming(self):
        for node in self.nodes:
            info = node.info()
            self.assertEqual(("3", "3", "3", "0"), (info["cluster_known_nodes"], info["cluster_size"],
                                                    info["cluster_replicas"], info["cluster_down"]))
        self.assertEqual(3, len(set(self.cluster.ids)))

    def test_strings(self):
        for i, node in enumerate(self.nodes):
            key = "string:%d" % i
            self.assertEqual(b"OK", node.call("SET", key, "one"))
            self.assertEqual(6, node.call("APPEND", key, "two"))
            self.everywhere(b"onetwo", "GET", key)
            self.assertEqual(b"onetwo", node.call("GETSET", key, "5"))
            self.assertEqual(7, node.call("INCRBY", key, 2))
            self.assertIsNone(node.call("SET", key, "x", "NX"))
            self.everywhere(b"7", "GET", key)
            self.assertEqual(b"7", node.call("GETDEL", key))
            self.everywhere(None, "GET", key)

    def test_counters_from_all_nodes(self):
        for _ in range(20):
            for node in self.nodes:
                node.call("INCR", "counter")
        self.everywhere(b"60", "GET", "counter")

    def test_hashes(self):
        for i, node in enumerate(self.nodes):
            key = "hash:%d" % i
            self.assertEqual(2, node.call("HSET", key, "a", 1, "b", 2))
            self.assertEqual(6, node.call("HINCRBY", key, "a", 5))
            self.assertEqual(1, node.call("HDEL", key, "b"))
            self.everywhere([b"a", b"6"], "HGETALL", key)

    def test_sets(self):
        for i, node in enumerate(self.nodes):
            key = "set:%d" % i
            self.assertEqual(3, node.call("SADD", key, "a", "b", "c"))
            self.assertEqual(1, node.call("SREM", key, "b"))
            self.assertEqual(1, node.call("SISMEMBER", key, "a"))
            self.everywhere({b"a", b"c"}, "SMEMBERS", key)

    def test_expiry(self):
        for i, node in enumerate(self.nodes):
            key, brief = "expiry:%d" % i, "brief:%d" % i
            node.call("SET", key, "v")
            self.assertEqual(1, node.call("PEXPIREAT", key, 4000000000000))
            self.everywhere(4000000000000, "PEXPIRETIME", key)
            self.assertEqual(1, node.call("PERSIST", key))
            self.everywhere(-1, "PTTL", key)
            node.call("SET", brief, "v", "PX", 50)
            self.everywhere(None, "GET", brief)

    def test_several_keys(self):
        keys = ["several:%d" % i for i in range(50)]
        pairs = [word for i, key in enumerate(keys) for word in (key, i)]
        for i, node in enumerate(self.nodes):
            other = self.nodes[(i + 1) % 3]
            self.assertEqual(b"OK", node.call("MSET", *pairs))
            self.assertEqual([b"%d" % i for i in range(50)], other.call("MGET", *keys))
            self.everywhere([b"%d" % i for i in range(50)], "MGET", *keys)
            self.assertEqual(50, other.call("EXISTS", *keys))
            self.assertEqual(50, node.call("DEL", *keys))
            self.everywhere([None] * 50, "MGET", *keys)
            self.assertEqual(0, other.call("EXISTS", *keys))

    def test_keys_that_are_renamed_and_combined(self):
        for i, node in enumerate(self.nodes):
            node.call("SET", "{from:%d}a" % i, "v")
            node.call("RENAME", "{from:%d}a" % i, "to:%d" % i)
            self.everywhere(b"v", "GET", "to:%d" % i)
            self.everywhere(0, "EXISTS", "{from:%d}a" % i)
            node.call("SADD", "x:%d" % i, 1, 2, 3)
            node.call("SADD", "y:%d" % i, 2, 3, 4)
            self.assertEqual(2, node.call("SINTERSTORE", "z:%d" % i, "x:%d" % i, "y:%d" % i))
            self.everywhere({b"2", b"3"}, "SMEMBERS", "z:%d" % i)

    def test_transactions(self):
        for i, node in enumerate(self.nodes):
            tag = "{transaction:%d}" % i
            connection = node.connect()
            replies = [payload for _, payload in connection.pipeline(
                [("MULTI",), ("SET", tag + "a", 1), ("INCR", tag + "a"), ("HSET", tag + "h", "f", "v"), ("GET", tag + "a"),
                 ("EXEC",)])]
            self.assertEqual([b"OK"] + [b"QUEUED"] * 4, replies[:5])
            self.assertEqual([b"OK", b"2", b"1", b"2"], [payload for _, payload in replies[5]])
            self.everywhere(b"2", "GET", tag + "a")
            self.everywhere([b"f", b"v"], "HGETALL", tag + "h")
            replies = connection.pipeline([("MULTI",), ("SET", tag + "a", "x"), ("DISCARD",), ("GET", tag + "a")])
            self.assertEqual(b"2", replies[3][1])
            connection.close()

    def test_watch(self):
        for i, node in enumerate(self.nodes):
            key = "{watch:%d}" % i
            connection = node.connect()
            self.assertEqual(b"OK", connection.value("WATCH", key))
            self.assertIsNone(connection.value("GET", key))
            self.nodes[(i + 1) % 3].call("SET", key, "theirs")
            self.assertEqual(b"OK", connection.value("MULTI"))
            self.assertEqual(b"QUEUED", connection.value("SET", key, "mine"))
            self.assertIsNone(connection.value("EXEC"))
            self.assertEqual(b"theirs", connection.value("GET", key))
            connection.value("WATCH", key)
            connection.value("MULTI")
            connection.value("SET", key, "mine")
            self.assertEqual([b"OK"], connection.value("EXEC"))
            self.everywhere(b"mine", "GET", key)
            connection.close()

    def test_pipelines_keep_their_order(self):
        connections = [node.connect() for node in self.nodes]
        for connection in connections:
            commands = []
            for i in range(300):
                commands += [("SET", "order:%d" % (i % 7), i), ("GET", "order:%d" % (i % 7))]
            replies = connection.pipeline(commands)
            connection.close()
            self.assertEqual([b"%d" % i for i in range(300)], [payload for _, payload in replies[1::2]])

    def test_big_values(self):
        value = random.Random(SEED).randbytes(3_000_000)
        for node in self.nodes:
            self.assertEqual(b"OK", node.call("SET", "big", value))
            self.everywhere(value, "GET", "big")

    def test_errors_are_those_of_one_node(self):
        for i, node in enumerate(self.nodes):
            key = "text:%d" % i
            node.call("SET", key, "abc")
            self.assertEqual("ERR value is not an integer or out of range", node.error("INCR", key))
            self.assertEqual("WRONGTYPE Operation against a key holding the wrong kind of value", node.error("SADD", key, 1))
            self.assertEqual(b"abc", node.call("GET", key))


class ANodeFails(ThreeNodes):
    def tearDown(self):
        self.cluster.repair()

    def fill(self, prefix, nodes, count=60):
        """Acknowledged writes of each kind, through each of the nodes; {command that reads: its reply}."""
        expected = {}
        for i in range(count):
            node = nodes[i % len(nodes)]
            key = "%s:%d" % (prefix, i)
            if i % 3 == 0:
                certain(lambda: node.call("SET", key, i))
                expected["GET", key] = b"%d" % i
            elif i % 3 == 1:
                certain(lambda: node.call("HSET", key, "f", i))
                expected["HGETALL", key] = [b"f", b"%d" % i]
            else:
                certain(lambda: node.call("SADD", key, "m"))
                expected["SMEMBERS", key] = [b"m"]
        return expected

    def hints_delivered(self):
        until(lambda: all(node.info()["cluster_hints_waiting"] == "0" for node in self.nodes), "no hint is left")

    def held_everywhere(self, expected):
        for node in self.nodes:
            for command, reply in expected.items():
                until(lambda: node.own(*command) == reply,
                      "%s answers %r with %r by itself" % (node.host, command, reply))

    def test_killed_and_restarted(self):
        for dead in self.nodes:
            others = [node for node in self.nodes if node is not dead]
            prefix = "killed:%d" % dead.index
            before = self.fill(prefix, self.nodes)
            removed = ["%s:removed:%d" % (prefix, i) for i in range(10)]
            for key in removed:
                self.nodes[0].call("SET", key, "v")
            dead.kill()
            after = self.fill(prefix + ":after", others)
            for key in removed:
                certain(lambda: others[0].call("DEL", key))
            changed = "%s:0" % prefix
            certain(lambda: others[1].call("SET", changed, "changed"))
            before["GET", changed] = b"changed"
            for command, reply in {**before, **after}.items():
                for node in others:
                    self.assertEqual(reply, certain(lambda: node.call(*command)))
            self.cluster.wait_seen(dead, others, ("fail", "fail?"))
            dead.start()
            self.cluster.wait_whole()
            self.held_everywhere({**before, **after})
            for key in removed:
                self.everywhere(None, "GET", key)
            self.same_records([key for command, key in {**before, **after} if command == "GET"] + removed)
            self.hints_delivered()

    def test_stopped_cleanly_and_restarted(self):
        stopped, others = self.nodes[1], [self.nodes[0], self.nodes[2]]
        before = self.fill("clean", self.nodes)
        self.assertEqual(0, stopped.terminate())
        after = self.fill("clean:after", others)
        stopped.start()
        self.cluster.wait_whole()
        self.held_everywhere({**before, **after})

    def test_all_killed_at_once(self):
        expected = self.fill("all", self.nodes)
        for node in self.nodes:
            node.signal(signal.SIGKILL)
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start()
        self.cluster.wait_whole()
        for node in self.nodes:
            for command, reply in expected.items():
                self.assertEqual(reply, certain(lambda: node.call(*command)))

    def test_stalled(self):
        for stalled in self.nodes:
            others = [node for node in self.nodes if node is not stalled]
            expected = self.fill("stalled:%d" % stalled.index, self.nodes)
            stalled.signal(signal.SIGSTOP)
            expected.update(self.fill("stalled:%d:during" % stalled.index, others))
            self.cluster.wait_seen(stalled, others, ("fail", "fail?"))
            for command, reply in expected.items():
                for node in others:
                    self.assertEqual(reply, node.call(*command))
            stalled.signal(signal.SIGCONT)
            self.cluster.wait_whole()
            self.held_everywhere(expected)

    def test_history(self):
        """Clients write all the time while nodes die and return: what was acknowledged is there in the end, on all."""
        draw = random.Random(SEED)
        stop = threading.Event()
        unexpected = []
        acknowledged = [{} for _ in range(3)]
        added = [set() for _ in range(3)]
        attempted = [set() for _ in range(3)]
        counted, tried = [0] * 3, [0] * 3

        def write(writer):
            node, number = self.nodes[writer], 0
            connection = None
            while not stop.is_set() or connection is not None:
                if stop.is_set():
                    return connection.close()
                number += 1
                key = "history:%d:%d" % (writer, number % 20)
                member = "%d:%d" % (writer, number)
                try:
                    if connection is None:
                        connection = node.connect(timeout_s=10)
                    attempted[writer].add(member.encode())
                    connection.value("SADD", "history:set", member)
                    added[writer].add(member.encode())
                    tried[writer] += 1
                    connection.value("INCR", "history:count:%d" % writer)
                    counted[writer] += 1
                    acknowledged[writer][key] = None
                    connection.value("SET", key, number)
                    acknowledged[writer][key] = number
                except ReplyError as error:
                    if not any(word in str(error) for word in (*UNCERTAIN, "nothing was done", "CLUSTERDOWN")):
                        unexpected.append(str(error))
                except Exception:  # The node is gone.
                    if connection is not None:
                        connection.close()
                    connection, node = None, self.nodes[(node.index + 1) % 3]
                    time.sleep(0.01)

        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(3):
                dead = draw.choice(self.nodes)
                before = [len(members) for members in added]
                dead.kill()
                until(lambda: all(len(now) > then + 20 for now, then in zip(added, before)), "writes go on without a node")
                dead.start()
                self.cluster.wait_whole()
                self.hints_delivered()
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        self.assertEqual([], unexpected)
        for writer in range(3):
            for key, number in acknowledged[writer].items():
                if number is not None:
                    self.everywhere(b"%d" % number, "GET", key)
            count = int(self.nodes[0].call("GET", "history:count:%d" % writer))
            self.assertTrue(counted[writer] <= count <= tried[writer], (counted[writer], count, tried[writer]))
        for node in self.nodes:
            until(lambda: set().union(*added) <= set(node.own("SMEMBERS", "history:set")), "%s has all members" % node.host)
            self.assertLessEqual(set(node.own("SMEMBERS", "history:set")), set().union(*attempted))
        self.same_records(["history:%d:%d" % (writer, i) for writer in range(3) for i in range(20)])


if __name__ == "__main__":
    print("STARLING_SEED=%d" % SEED)
    unittest.main()
