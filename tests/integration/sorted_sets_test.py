"""Sorted sets and places on one node: every reply beside that of the redis-server that is installed, for commands that are
made at random from a seed which a failure names, and the payloads of DUMP, restored by the other one.
"""

import random
import struct
import unittest

from beside_redis import BesideRedis
from harness.resp import ReplyError
from single_node import SingleNode

SEQUENCES = 60
LENGTH = 60
PAYLOADS = 60
DOUBLES = 3000


class SortedSets(BesideRedis):
    def test_sorted_sets_reply_as_redis_does(self):
        self.compare("sorted_sets", SEQUENCES, LENGTH)

    def test_places_reply_as_redis_does(self):
        self.compare("geo", SEQUENCES, LENGTH)

    def test_scores_print_as_redis_prints_them(self):
        rng = random.Random(self.seed)
        for protocol in (2, 3):
            ours, theirs = self.node.connect(protocol), self.redis.connect()
            theirs.value("HELLO", protocol)
            for side in (ours, theirs):
                self.addCleanup(side.close)
            scores = [struct.unpack("<d", rng.randbytes(8))[0] for _ in range(DOUBLES)]
            scores += [rng.uniform(-1e6, 1e6) for _ in range(DOUBLES)] + [float(rng.randrange(1 << 60)) for _ in range(DOUBLES)]
            scores = [score for score in scores if score == score] + [2.0 ** 52, -2.0 ** 53, 5e-324, 1.7976931348623157e308]
            words = [("ZADD", "z", repr(score), "m%d" % i) for i, score in enumerate(scores)]
            words += [("ZSCORE", "z", "m%d" % i) for i in range(len(scores))] + [("ZRANGE", "z", "0", "-1", "WITHSCORES")]
            for word, ours_reply, theirs_reply in zip(words, ours.pipeline(words), theirs.pipeline(words)):
                self.assertEqual(ours_reply, theirs_reply, word)

    def test_payloads_are_restored_by_the_other(self):
        rng = random.Random(self.seed)
        for _ in range(PAYLOADS):
            size = rng.choice([1, 2, 10, 127, 128, 129, 500])
            words = []
            for i in range(size):
                score = rng.choice(["inf", "-inf", "0", repr(rng.uniform(-1e9, 1e9)), str(rng.randrange(-1 << 40, 1 << 40))])
                words += [score, rng.choice([str(i), "m%d" % i, "x" * rng.choice([10, 63, 64, 65, 400]) + str(i)])]
            for side in (self.ours, self.theirs):
                side.value("DEL", "z")
                side.value("ZADD", "z", *words)
            expected = self.theirs.value("ZRANGE", "z", 0, -1, "WITHSCORES")
            self.assertEqual(self.ours.value("OBJECT", "ENCODING", "z"), self.theirs.value("OBJECT", "ENCODING", "z"))
            for giver, taker in ((self.ours, self.theirs), (self.theirs, self.ours)):
                payload = giver.value("DUMP", "z")
                taker.value("RESTORE", "copy", 0, payload, "REPLACE")
                self.assertEqual(taker.value("ZRANGE", "copy", 0, -1, "WITHSCORES"), expected)

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
            ZADD a 1 x 2 y 3 z | ZADD a 1 x | ZADD a XX 5 no | ZADD a CH 4 x | ZINCRBY a 1 x | ZINCRBY a 0 x | ZADD b INCR 5 x
            ZREM a x nothing | ZADD a 1 p 1 q 1 r 7 s 8 t | ZREMRANGEBYLEX a [p (q | ZREMRANGEBYRANK a 0 0
            ZREMRANGEBYSCORE a 7 8 | ZREMRANGEBYSCORE a 70 80 | ZPOPMIN a | ZPOPMAX a 2 | ZMPOP 2 nothing a MIN COUNT 5 | ZPOPMIN a
            ZADD a 1 x 2 y | ZUNIONSTORE u 2 a b | ZINTERSTORE i 2 a b | ZINTERSTORE i 2 a nothing | ZDIFFSTORE d 2 a b
            ZRANGESTORE r a 0 -1 | ZRANGESTORE r a 5 6 | ZRANGESTORE r a 5 6 | ZREM d y | GEOADD g 13 38 p 15 37 c
            GEOADD g CH 13 38 p | GEOSEARCHSTORE s g FROMLONLAT 13 38 BYRADIUS 500 km | GEORADIUS g 13 38 1 km STORE s
            GEORADIUS g 13 38 500 km STOREDIST s2 | GEOSEARCHSTORE s nothing FROMLONLAT 13 38 BYRADIUS 500 km
            RENAME s2 s3 | COPY s3 s4 | DEL g | SET marker end"""
        for line in commands.replace("\n", "|").split("|"):
            words = line.split()
            if not words:
                continue
            self.assertEqual(self.ours.call(*words), self.theirs.call(*words), words)
        seen = []
        for listener in listeners:
            events = []
            while not events or events[-1] != (b"__keyevent@0__:set", b"marker"):
                frame = listener.read_frame()[0]
                events.append((frame[1][2][1], frame[1][3][1]))
            seen.append(events)
        self.assertEqual(seen[0], seen[1])

    def test_what_is_refused_changes_nothing(self):
        self.ours.value("ZADD", "z", "inf", "m")
        for words in (("ZADD", "z", "1", "n", "x", "o"), ("ZADD", "z", "INCR", "-inf", "m"), ("ZINCRBY", "z", "nan", "m"),
                      ("GEOADD", "z", "1", "2", "p", "200", "1", "q"), ("ZUNIONSTORE", "z", "2", "z"),
                      ("RESTORE", "z", "0", b"\x05\x01\x01m\0\0\0\0\0\0\xf8\x7f", "REPLACE")):
            with self.assertRaises(ReplyError):
                self.ours.value(*words)
        self.assertEqual(self.ours.value("ZRANGE", "z", 0, -1, "WITHSCORES"), [b"m", b"inf"])

    def test_restarts(self):
        node = SingleNode(enable_debug_command="yes").start().wait_ready()
        self.addCleanup(node.stop)
        connection = node.connect()
        words = [word for i in range(2000) for word in (i * 7 % 1000, "m%d" % i)]
        connection.value("ZADD", "large", *words)
        connection.value("ZADD", "large", "-5", "m1999", "17.5", "new")
        connection.value("ZREM", "large", "m3")
        connection.value("GEOADD", "places", "13.361389", "38.115556", "Palermo")
        def answers(connection):
            return [connection.call(*words) for words in (
                ("ZRANGE", "large", 0, -1, "WITHSCORES"), ("ZRANK", "large", "new"), ("ZCOUNT", "large", "(100", "300"),
                ("GEOPOS", "places", "Palermo"), ("OBJECT", "ENCODING", "large"), ("TYPE", "places"))]
        before = answers(connection)
        connection.close()
        for _ in range(2):
            node.kill()
            node.start().wait_ready()
            connection = node.connect()
            self.assertEqual(answers(connection), before)
            self.assertGreater(connection.value("MEMORY", "USAGE", "large"), 2000 * 30)
            connection.value("SAVE")
            connection.close()


if __name__ == "__main__":
    unittest.main()
