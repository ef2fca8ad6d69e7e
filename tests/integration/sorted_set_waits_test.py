"""BZPOPMIN, BZPOPMAX and BZMPOP on one node: as redis-server answers them, to the byte; and who is served when."""

import contextlib
import time
import unittest

from cluster_nodes import until
from harness import resp
from harness.resp import ReplyError
from harness.servers import Server
from lists_test import REDIS, OneNode

# In this order, on what those before left. "s": a string, "l": a list. Names "no" and "nor" are of nothing.
COMMANDS = [line.split() for line in """
    BZPOPMIN | BZPOPMIN z | BZPOPMAX z | BZMPOP 0 1 z | BZPOPMIN no 0.01 | BZPOPMAX no nor 0.01 | BZMPOP 0.01 2 no nor MIN
    ZADD z 1 a 2.5 b inf c -inf d 1e300 e 2 f | BZPOPMIN z 0 | BZPOPMAX z 0 | BZPOPMIN no z 0 | BZPOPMAX z no 0
    BZMPOP 0 1 z MIN | BZMPOP 0 2 no z max COUNT 9 | EXISTS z | SET s v | RPUSH l a
    BZPOPMIN s 0 | BZPOPMIN no s 0 | BZPOPMAX l 0 | BZMPOP 0 2 no s MIN | BZMPOP 0 1 l MAX
    BZPOPMIN z x | BZPOPMIN z -1 | BZPOPMAX z 1e300 | BZPOPMAX z nan | BZPOPMIN z inf | BZPOPMIN z 9223372036854776
    BZMPOP x 1 z MIN | BZMPOP -1 1 z MIN | BZMPOP 1 0 z MIN | BZMPOP 1 x z MIN | BZMPOP 1 1 z FOO | BZMPOP 1 2 z MIN
    BZMPOP 1 9 z MIN | BZMPOP 1 1 z MIN COUNT 0 | BZMPOP 1 1 z MIN COUNT x | BZMPOP 1 1 z MIN COUNT
    BZMPOP 1 1 z MIN COUNT 1 COUNT 1 | BZMPOP 1 1 z MIN FOO 1 | BZMPOP x 0 z FOO | BZMPOP x 1 z MIN COUNT 0
    ZADD z 0 a 0 b 0 c | BZPOPMAX z z 0 | BZPOPMIN z 0 | BZMPOP 0 1 z MAX COUNT 1 | EXISTS z
    ZADD z 1 a 2 b | ZADD y 3 c | BZPOPMIN y z 0 | BZPOPMIN y z 0 | BZPOPMIN y z 0 | EXISTS z y
""".replace("\n", "|").split("|") if line.split()]

EVENTS = [line.split() for line in """
    ZADD z 1 a 2 b 3 c 4 d | BZPOPMIN z 0 | BZPOPMAX no z 0 | BZMPOP 0 1 z MIN COUNT 9 | BZPOPMIN z 0.01
""".replace("\n", "|").split("|") if line.split()]


@unittest.skipUnless(REDIS, "needs redis-server")
class AsRedis(OneNode):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = Server(REDIS)
        cls.addClassCleanup(cls.redis.stop)

    def both(self, protocol=2):
        redis = self.redis.connect()
        self.addCleanup(redis.close)
        if protocol == 3:
            redis.value("HELLO", 3)
        redis.call("FLUSHALL")
        node = self.client(protocol)
        node.call("FLUSHALL")
        return redis, node

    def test_replies(self):
        for protocol in (2, 3):
            redis, node = self.both(protocol)
            for command in COMMANDS:
                redis.send(*command)
                node.send(*command)
                with self.subTest(command=" ".join(command), protocol=protocol):
                    self.assertEqual(redis.read_frame()[1], node.read_frame()[1])

    def test_a_transaction_does_not_wait(self):
        for protocol in (2, 3):
            redis, node = self.both(protocol)
            for command in ["BZPOPMIN k 0", "BZPOPMAX k j 0", "BZMPOP 0 1 k MIN"]:
                requests = [("MULTI",), tuple(command.split()), ("ZADD", "k", "1", "a"), tuple(command.split()), ("EXEC",)]
                with self.subTest(command=command, protocol=protocol):
                    self.assertEqual(redis.pipeline(requests), node.pipeline(requests))

    def test_what_is_served_looks_as_redis_has_it(self):
        for protocol in (2, 3):
            for command in ["BZPOPMIN no z 0", "BZPOPMAX z no 0", "BZMPOP 0 2 no z MAX COUNT 2", "BZMPOP 0 1 z MIN"]:
                frames = []
                for server in (self.redis, self.node):
                    with contextlib.closing(server.connect()) as other, contextlib.closing(server.connect()) as waits:
                        other.call("FLUSHALL")
                        if protocol == 3:
                            waits.value("HELLO", 3)
                        waits.send(*command.split())
                        time.sleep(0.1)
                        other.call("ZADD", "z", "1.5", "a", "2", "b", "3", "c")
                        frames.append(waits.read_frame()[1])
                        frames.append(other.value("ZRANGE", "z", 0, -1))
                with self.subTest(command=command, protocol=protocol):
                    self.assertEqual(frames[:2], frames[2:])

    def test_events(self):
        redis, node = self.both()
        self.assertEqual(self.events(self.redis, redis, EVENTS), self.events(self.node, node, EVENTS))


class Waiting(OneNode):
    def test_who_waits_longest_is_served_first(self):
        waiting = [self.blocked("BZPOPMIN" if number % 2 else "BZPOPMAX", "q", "0")[0] for number in range(6)]
        for number, connection in enumerate(waiting):
            self.main.value("ZADD", "q", number, "m")
            self.assertEqual([b"q", b"m", b"%d" % number], self.reply(connection))
        self.assertEqual(0, self.main.value("EXISTS", "q"))

    def test_several_members_serve_several(self):
        waiting = [self.blocked("BZPOPMIN", "q", "0")[0] for _ in range(3)]
        self.main.value("ZADD", "q", 3, "c", 1, "a", 2, "b", 4, "d")
        for member, connection in zip((b"a", b"b", b"c"), waiting):
            self.assertEqual(member, self.reply(connection)[1])
        self.assertEqual([b"d"], self.main.value("ZRANGE", "q", 0, -1))

    def test_one_that_takes_all_leaves_the_others_waiting(self):
        greedy, _ = self.blocked("BZMPOP", "0", "1", "q", "MIN", "COUNT", "9")
        second, _ = self.blocked("BZPOPMIN", "q", "0")
        self.main.value("ZADD", "q", 1, "a", 2, "b")
        self.assertEqual([b"q", [[b"a", b"1"], [b"b", b"2"]]], self.reply(greedy))
        self.assertTrue(self.silent(second))
        self.main.value("ZADD", "q", 3, "c")
        self.assertEqual([b"q", b"c", b"3"], self.reply(second))

    def test_a_transaction_shows_nothing_before_its_end(self):
        connection, _ = self.blocked("BZPOPMIN", "q", "0")
        self.main.pipeline([("MULTI",), ("ZADD", "q", 1, "a"), ("DEL", "q"), ("EXEC",)])
        self.assertTrue(self.silent(connection))
        self.main.pipeline([("MULTI",), ("ZADD", "q", 2, "b"), ("ZADD", "q", 1, "a"), ("EXEC",)])
        self.assertEqual([b"q", b"a", b"1"], self.reply(connection))

    def test_what_comes_by_other_ways(self):
        for come in [("RENAME", "z", "q"), ("COPY", "z", "q"), ("ZUNIONSTORE", "q", 1, "z"), ("ZRANGESTORE", "q", "z", 0, -1),
                     ("ZINCRBY", "q", 1, "a"), ("GEOADD", "q", 1, 1, "a"), ("EVAL", "return redis.call('ZADD', KEYS[1], 1, 'a')", 1, "q")]:
            self.main.value("FLUSHALL")
            self.main.value("ZADD", "z", 1, "a")
            connection, _ = self.blocked("BZPOPMAX", "q", "0")
            self.main.value(*come)
            self.assertEqual([b"q", b"a"], self.reply(connection)[:2], come)

    def test_other_types_serve_nobody(self):
        waits_for_set, _ = self.blocked("BZPOPMIN", "q", "0")
        waits_for_list, _ = self.blocked("BLPOP", "q", "0")
        self.main.value("RPUSH", "q", "item")
        self.assertEqual([b"q", b"item"], self.reply(waits_for_list))
        self.main.value("SADD", "q", "a")
        self.assertTrue(self.silent(waits_for_set))
        self.main.value("DEL", "q")
        self.main.value("ZADD", "q", 1, "b")
        self.assertEqual([b"q", b"b", b"1"], self.reply(waits_for_set))

    def test_timeouts(self):
        for protocol in (2, 3):
            for command in ("BZPOPMIN q 0.2", "BZPOPMAX q 0.2", "BZMPOP 0.2 1 q MIN"):
                connection = self.client(protocol)
                begun = time.monotonic()
                self.assertIsNone(connection.value(*command.split()))
                self.assertGreaterEqual(time.monotonic() - begun, 0.198)

    def test_unblock(self):
        for how, expected in (([], None), (["error"], "UNBLOCKED")):
            connection, number = self.blocked("BZMPOP", "0", "1", "q", "MAX")
            self.assertEqual(1, self.main.value("CLIENT", "UNBLOCK", number, *how))
            if expected is None:
                self.assertIsNone(self.reply(connection))
            else:
                self.assertRaisesRegex(ReplyError, "^UNBLOCKED client unblocked via CLIENT UNBLOCK$", self.reply, connection)
            self.main.value("ZADD", "q", 1, "stays")
            self.assertEqual([b"stays", b"1"], self.main.value("ZPOPMIN", "q"))

    def test_who_goes_away_is_given_nothing(self):
        gone, number = self.blocked("BZPOPMIN", "q", "0")
        stays, _ = self.blocked("BZPOPMIN", "q", "0")
        gone.close()
        until(lambda: not self.main.value("CLIENT", "LIST", "ID", number), "it is gone")
        self.main.value("ZADD", "q", 1, "a")
        self.assertEqual([b"q", b"a", b"1"], self.reply(stays))

    def test_not_from_scripts(self):
        self.assertRaisesRegex(ReplyError, "not allowed from script", self.main.value, "EVAL",
                               "return redis.call('BZPOPMIN', KEYS[1], 0)", 1, "q")
        self.assertIsNone(self.main.value("EVAL", "return redis.call('BZMPOP', 0, 1, KEYS[1], 'MIN')", 1, "q"))


class OneLoop(Waiting):
    """With one thread nothing comes between a change and whom it serves."""

    @staticmethod
    def io_threads():
        return 1

    def test_who_waits_comes_before_what_follows_in_a_pipeline(self):
        connection, _ = self.blocked("BZPOPMIN", "q", "0")
        frames = self.main.pipeline([("ZADD", "q", 1, "a"), ("ZPOPMIN", "q"), ("ZADD", "q", 2, "b"), ("ZPOPMIN", "q")])
        self.assertEqual([1, [], 1, [b"b", b"2"]], [resp.to_python(frame) for frame in frames])
        self.assertEqual([b"q", b"a", b"1"], self.reply(connection))


if __name__ == "__main__":
    unittest.main()
