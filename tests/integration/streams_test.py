"""Streams on one node: every reply beside that of the redis-server that is installed, for commands that are made at random from
a seed which a failure names; the payloads of DUMP, restored by the other one; and what waits.
"""

import contextlib
import random
import time
import unittest

from beside_redis import BesideRedis
from harness import resp
from harness.resp import ReplyError
from single_node import SingleNode
from specials import without_times

SEQUENCES = 40
LENGTH = 60
PAYLOADS = 15


class Streams(BesideRedis):
    def test_streams_reply_as_redis_does(self):
        self.compare("streams", SEQUENCES, LENGTH)

    def test_ids_are_times(self):
        before = int(time.time() * 1000)
        ids = [self.ours.value("XADD", "s", "*", "f", i).decode() for i in range(300)]
        self.assertEqual(ids, sorted(set(ids), key=lambda text: tuple(map(int, text.split("-")))))
        first, last = (int(text.split("-")[0]) for text in (ids[0], ids[-1]))
        self.assertTrue(before <= first <= last <= int(time.time() * 1000))
        # Behind an id that is ahead of the time the sequence goes on.
        self.ours.value("XADD", "s", "99999999999999-7", "f", "x")
        self.assertEqual(b"99999999999999-8", self.ours.value("XADD", "s", "*", "f", "x"))

    def test_payloads_are_restored_by_the_other(self):
        rng = random.Random(self.seed)
        for _ in range(PAYLOADS):
            size = rng.choice([0, 1, 5, 99, 100, 101, 350])
            words = [("DEL", "s"), ("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"), ("XGROUP", "CREATE", "s", "empty", "$")]
            for i in range(size):
                fields = rng.choice([("f", i), ("f", "x" * rng.choice([1, 100, 5000])), ("g", "1", "h", i), ("f", i, "f", "again")])
                words.append(("XADD", "s", "%d-%d" % (i // 3 + 1, i % 3 + 1), *fields))
            words += [("XREADGROUP", "GROUP", "g", "c%d" % i, "COUNT", 7, "STREAMS", "s", ">") for i in range(3)]
            words += [("XDEL", "s", "%d-1" % rng.randrange(1, size // 3 + 2)), ("XACK", "s", "g", "1-1", "2-3")]
            for side in (self.ours, self.theirs):
                for word in words:
                    side.call(*word)
            shown = [("XINFO", "STREAM", "%s", "FULL", "COUNT", 0), ("XRANGE", "%s", "-", "+")]
            expected = [without_times(self.theirs.call(*[w % "s" if w == "%s" else w for w in word])) for word in shown]
            for giver, taker in ((self.ours, self.theirs), (self.theirs, self.ours), (self.ours, self.ours)):
                payload = giver.value("DUMP", "s")
                self.assertEqual(b"OK", taker.value("RESTORE", "copy", 0, payload, "REPLACE"))
                self.assertEqual(expected, [without_times(taker.call(*[w % "copy" if w == "%s" else w for w in word]))
                                            for word in shown])

    def test_who_waits_is_served(self):
        for protocol in (2, 3):
            for words, reply in (
                    (("XREAD", "BLOCK", "0", "STREAMS", "s", "other", "$", "$"), [[b"s", [[b"5-1", [b"f", b"v"]]]]]),
                    (("XREAD", "COUNT", "1", "BLOCK", "5000", "STREAMS", "s", "4"), [[b"s", [[b"5-1", [b"f", b"v"]]]]]),
                    (("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"), [[b"s", [[b"5-1", [b"f", b"v"]]]]])):
                self.ours.value("FLUSHALL")
                self.ours.value("XADD", "s", "1-1", "f", "old")
                self.ours.value("XGROUP", "CREATE", "s", "g", "$")
                with contextlib.ExitStack() as stack:
                    waiting = [stack.enter_context(contextlib.closing(self.node.connect(protocol))) for _ in range(3)]
                    for connection in waiting:
                        connection.send(*words)
                    time.sleep(0.1)
                    self.ours.value("XADD", "s", "5-1", "f", "v")
                    wanted = reply if protocol == 2 else {b"s": reply[0][1]}
                    if words[0] != "XREADGROUP":
                        for connection in waiting:
                            self.assertEqual(wanted, resp.to_python(connection.read_frame()[0]), words)
                        continue
                    # One of them, and none of the others.
                    time.sleep(0.1)
                    came = [data for data, _ in (connection.read_available(0.05) for connection in waiting) if data]
                    self.assertEqual([wanted], [resp.to_python(resp.parse(data, 0)[0]) for data in came])

    def test_who_waits_is_told_what_became_of_the_group(self):
        self.ours.value("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
        for words, error in ((("XGROUP", "DESTROY", "s", "g"), "NOGROUP"), (("DEL", "s"), "UNBLOCKED")):
            self.ours.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
            with contextlib.closing(self.node.connect()) as waiting:
                waiting.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">")
                time.sleep(0.1)
                self.ours.value(*words)
                self.assertRaisesRegex(ReplyError, error, lambda: resp.to_python(waiting.read_frame()[0]))
        self.assertIsNone(self.ours.value("XREAD", "BLOCK", "20", "STREAMS", "s", "$"))
        script = "return redis.pcall('XREAD', 'BLOCK', '0', 'STREAMS', KEYS[1], '$')"
        self.assertEqual(self.theirs.call("EVAL", script, 1, "s"), self.ours.call("EVAL", script, 1, "s"))
        self.ours.value("MULTI")
        self.ours.value("XREAD", "BLOCK", "0", "STREAMS", "s", "$")
        self.assertEqual([None], self.ours.value("EXEC"))

    def test_events(self):
        """What is published, and in which order, is what Redis publishes."""
        listeners = []
        for server, side in ((self.node, self.ours), (self.redis, self.theirs)):
            side.value("CONFIG", "SET", "notify-keyspace-events", "AKEn")
            listener = server.connect()
            self.addCleanup(listener.close)
            listener.value("PSUBSCRIBE", "__keyevent@0__:*")
            listeners.append(listener)
        commands = """
            XADD a 1-1 f v | XADD a 2-1 f v | XADD a MAXLEN 1 3-1 f v | XTRIM a MAXLEN 1 | XADD a 4-1 f v | XTRIM a MAXLEN 1
            XDEL a 9-9 | XDEL a 4-1 | XADD a 5-1 f v | XGROUP CREATE a g 0 | XGROUP CREATE b g $ MKSTREAM
            XREADGROUP GROUP g c STREAMS a > | XREADGROUP GROUP g c STREAMS a > | XREADGROUP GROUP g c STREAMS a 0 | XACK a g 5-1
            XADD a 6-1 f v | XREADGROUP GROUP g d NOACK STREAMS a > | XCLAIM a g e 0 6-1 FORCE | XCLAIM a g f 0 7-1
            XAUTOCLAIM a g h 0 0 | XGROUP CREATECONSUMER a g z | XGROUP CREATECONSUMER a g z | XGROUP DELCONSUMER a g z
            XGROUP DELCONSUMER a g zz | XGROUP SETID a g 0 | XGROUP DESTROY a g | XGROUP DESTROY a g | XSETID a 10-1
            XADD n NOMKSTREAM 1-1 f v | RENAME a r | COPY r s | DEL r | SET marker end"""
        for line in commands.replace("\n", "|").split("|"):
            words = line.split()
            if words:
                self.assertEqual(self.ours.call(*words), self.theirs.call(*words), words)
        seen = []
        for listener in listeners:
            events = []
            while not events or events[-1] != (b"__keyevent@0__:set", b"marker"):
                frame = listener.read_frame()[0]
                events.append((frame[1][2][1], frame[1][3][1]))
            seen.append(events)
        self.assertEqual(seen[0], seen[1])

    def test_restarts(self):
        node = SingleNode(enable_debug_command="yes").start().wait_ready()
        self.addCleanup(node.stop)
        connection = node.connect()
        for i in range(1, 1001):
            connection.value("XADD", "s", "MAXLEN", "900", "%d-1" % i, "field", i)
        connection.value("XDEL", "s", "700-1", "1000-1")
        connection.value("XGROUP", "CREATE", "s", "g", "0")
        connection.value("XREADGROUP", "GROUP", "g", "c", "COUNT", 50, "STREAMS", "s", ">")
        connection.value("XACK", "s", "g", *["%d-1" % i for i in range(110, 130)])
        connection.value("XGROUP", "CREATE", "empty", "g", "$", "MKSTREAM")
        connection.value("EXPIRE", "empty", 100000)
        def answers(connection):
            return [connection.call(*words) for words in (
                ("XRANGE", "s", "-", "+"), ("XINFO", "STREAM", "s", "FULL", "COUNT", 0), ("XINFO", "GROUPS", "empty"),
                ("XLEN", "s"), ("OBJECT", "ENCODING", "s"), ("TYPE", "empty"))]
        before = answers(connection)
        connection.close()
        for _ in range(2):
            node.kill()
            node.start().wait_ready()
            connection = node.connect()
            self.assertEqual(answers(connection), before)
            self.assertGreater(connection.value("MEMORY", "USAGE", "s"), 900 * 20)
            connection.value("SAVE")
            connection.close()
        connection = node.connect()
        self.assertEqual(b"1000-2", connection.value("XADD", "s", "1000-*", "f", "v"))
        for words in (("RENAME", "s", "r"), ("COPY", "r", "s")):
            connection.value(*words)
        self.assertEqual(connection.value("XRANGE", "r", "-", "+"), connection.value("XRANGE", "s", "-", "+"))
        self.assertEqual(connection.value("XPENDING", "r", "g"), connection.value("XPENDING", "s", "g"))
        connection.close()


if __name__ == "__main__":
    unittest.main()
