"""Streams in a cluster: written and read through every node, while nodes die and while they do not hear of each other.

Ids are never shared. A group's entry is given at least once, and stays pending until it is acknowledged, whichever node dies.
"""

import threading
import time
import unittest

from cluster_nodes import SLOW, Cluster, until
from harness import resp
from harness.resp import ReplyError


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes
        cls.tags = iter(range(10 ** 9))

    def key_of(self, node):
        """A key that the node coordinates."""
        for number in self.tags:
            key = "s{%d}" % number
            explained = self.nodes[0].call("QUORUM", "EXPLAIN", key, protocol=3)
            if explained[b"replicas"][0][b"node"].decode() == self.cluster.ids[node.index]:
                return key

    def wait_same(self, *words):
        """All nodes hold what answers the same, by themselves."""
        def same():
            for node in self.nodes:
                node.call("QUORUM", "EXEC", "R", "ALL", "--", *words)
            answers = [node.own(*words) for node in self.nodes]
            return (answers[0],) if answers[1:] == answers[:-1] else None
        return until(same, "all nodes answer %r alike" % (words,))[0]

    def test_every_command_through_every_node(self):
        for coordinator in self.nodes:
            key = self.key_of(coordinator)
            first, second, third = self.nodes
            self.assertEqual(b"1-1", first.call("XADD", key, "1-1", "f", "a"))
            self.assertEqual(b"1-2", second.call("XADD", key, "1-*", "f", "b"))
            given = third.call("XADD", key, "*", "f", "c")
            self.assertLess(int(given.split(b"-")[1]), 1 << 32)
            self.assertEqual(3, first.call("XLEN", key))
            self.assertEqual(b"OK", second.call("XGROUP", "CREATE", key, "g", "0"))
            for node, value in zip(self.nodes, (b"a", b"b", b"c")):
                entries = node.call("XREADGROUP", "GROUP", "g", "me", "COUNT", 1, "STREAMS", key, ">")[0][1]
                self.assertEqual([[b"f", value]], [fields for _, fields in entries])
            self.assertEqual(1, third.call("XACK", key, "g", "1-1"))
            self.assertEqual([2, b"1-2", given, [[b"me", b"2"]]], first.call("XPENDING", key, "g"))
            claimed = second.call("XCLAIM", key, "g", "you", 0, "1-2", "JUSTID")
            self.assertEqual([b"1-2"], claimed)
            self.assertEqual([b"0-0", [given], []], first.call("XAUTOCLAIM", key, "g", "you", 0, "1-3", "JUSTID"))
            self.assertEqual(1, third.call("XDEL", key, "1-1"))
            self.assertEqual(1, first.call("XTRIM", key, "MAXLEN", 1))
            self.wait_same("XRANGE", key, "-", "+")
            self.wait_same("XPENDING", key, "g")
            other = self.key_of(coordinator)
            second.call("RENAME", key, other)
            self.assertEqual(1, first.call("XLEN", other))
            self.assertEqual(2, third.call("XPENDING", other, "g")[0])
            self.assertIsNone(third.call("XREADGROUP", "GROUP", "g", "me", "STREAMS", other, ">"))

    def test_waiting_at_any_node(self):
        for coordinator in self.nodes:
            key = self.key_of(coordinator)
            self.nodes[0].call("XADD", key, "1-1", "f", "old")
            waiting = [node.connect() for node in self.nodes]
            for connection in waiting:
                self.addCleanup(connection.close)
                connection.send("XREAD", "BLOCK", "0", "STREAMS", key, "$")
            time.sleep(0.3)
            self.nodes[1].call("XADD", key, "2-1", "f", "new")
            for connection in waiting:
                self.assertEqual([[key.encode(), [[b"2-1", [b"f", b"new"]]]]], resp.to_python(connection.read_frame()[0]))

    def test_entries_of_both_sides_of_a_cut_are_there(self):
        """The first node is stopped while others go on; what it had not passed on comes when it is back."""
        dies, lives, other = self.nodes
        key = self.key_of(dies)
        added = {dies.call("XADD", key, "*", "f", i): b"%d" % i for i in range(20)}
        dies.kill()
        for i in range(20, 40):
            id_ = until(lambda: lives.call("XADD", key, "*", "f", i), "an entry without it")
            added[id_] = b"%d" % i
            self.assertGreaterEqual(int(id_.split(b"-")[1]), 1 << 32)
        dies.start()
        self.cluster.wait_whole()
        for i in range(40, 60):
            added[until(lambda: other.call("XADD", key, "*", "f", i), "an entry with it")] = b"%d" % i
        entries = {id_: fields[1] for id_, fields in self.wait_same("XRANGE", key, "-", "+")}
        for id_, value in added.items():
            self.assertEqual(value, entries.get(id_))

    def test_a_group_survives_each_node(self):
        key = self.key_of(self.nodes[0])
        self.nodes[0].call("XGROUP", "CREATE", key, "g", "0", "MKSTREAM")
        stopped, lock = threading.Event(), threading.Lock()
        added, twice, seen, acknowledged, asked = set(), set(), set(), set(), set()

        def work(node, step):
            connection = None
            while not stopped.is_set():
                try:
                    connection = connection or node.connect(timeout_s=5 * SLOW)
                    step(connection)
                except (OSError, resp.Closed, ReplyError) as error:
                    if not isinstance(error, ReplyError):
                        if connection is not None:
                            connection.close()
                        connection = None
                    stopped.wait(0.02)
            if connection is not None:
                connection.close()

        def produce(connection):
            id_ = connection.value("XADD", key, "*", "f", "v")
            with lock:
                (twice if id_ in added else added).add(id_)

        def consume(connection):
            reply = connection.value("XREADGROUP", "GROUP", "g", "c", "COUNT", 5, "BLOCK", 100, "STREAMS", key, ">")
            ids = [id_ for id_, _ in reply[0][1]] if reply else []
            with lock:
                seen.update(ids)
            # Some are never acknowledged: those must stay pending.
            for id_ in ids[:-1]:
                with lock:
                    asked.add(id_)
                connection.value("XACK", key, "g", id_)
                with lock:
                    acknowledged.add(id_)

        workers = [threading.Thread(target=work, args=(node, step)) for node in self.nodes for step in (produce, consume)]
        for worker in workers:
            worker.start()
        try:
            for node in self.nodes[:2]:
                stopped.wait(0.7)
                node.kill()
                stopped.wait(0.7)
                node.start()
                self.cluster.wait_whole()
        finally:
            stopped.set()
            for worker in workers:
                worker.join()
        entries = {id_ for id_, _ in self.wait_same("XRANGE", key, "-", "+")}
        self.assertGreater(len(added), 50)
        self.assertEqual(set(), twice)
        self.assertLessEqual(added, entries)
        last = self.nodes[2].call("XREADGROUP", "GROUP", "g", "c", "STREAMS", key, ">")
        seen.update(id_ for id_, _ in (last[0][1] if last else []))
        pending = {item[0] for item in self.nodes[2].call("XPENDING", key, "g", "-", "+", 10 ** 6)}
        # Given at least once: what was given in a reply that got lost is pending, as is all that nobody acknowledged.
        self.assertEqual(set(), entries - seen - pending)
        self.assertEqual(set(), entries - asked - pending)
        # What was acknowledged is not, but where it was given again since.
        self.assertLess(len(acknowledged & pending), 50)
        print("%d entries, %d given, %d acknowledged, %d of those pending again" % (
            len(entries), len(seen), len(acknowledged), len(acknowledged & pending)), flush=True)


if __name__ == "__main__":
    unittest.main()
