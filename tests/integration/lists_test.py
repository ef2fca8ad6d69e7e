"""Lists on one node: every command as redis-server answers it, to the byte; and clients that wait for an element."""

import contextlib
import random
import shutil
import socket
import time
import unittest

from cluster_nodes import until
from harness import resp
from harness.resp import ReplyError
from harness.servers import Server
from single_node import SingleNode, info

REDIS = shutil.which("redis-server")

# In this order, on what those before left. "l": a b c a b. "s": a string. Names in brackets are of nothing.
COMMANDS = [line.split() for line in """
    LPOP no | LPOP no 3 | LPOP no 0 | RPOP no | LMPOP 1 no LEFT | LMOVE no d LEFT RIGHT | RPOPLPUSH no d | LPOS no x
    LPOS no x COUNT 0 | LINDEX no 0 | LINDEX no x | LSET no 0 v | LSET no x v | LINSERT no BEFORE a b | LINSERT no XX a b
    LRANGE no 0 x | LRANGE no 0 -1 | LREM no x a | LREM no 0 a | LPUSHX no a | RPUSHX no a b | LTRIM no 0 1 | LLEN no
    RPUSH l a b c a b | LLEN l | LPOP l 0 | LPOP l -1 | LPOP l x | LPOP l 1 2 | RPOP l 1 2 | LPUSH l | RPUSH l
    LMPOP 0 l LEFT | LMPOP x l LEFT | LMPOP 2 l LEFT | LMPOP 1 l UP | LMPOP 1 l LEFT COUNT 0 | LMPOP 1 l LEFT COUNT x
    LMPOP 1 l LEFT COUNT | LMPOP 1 l LEFT COUNT 1 COUNT 1 | LMPOP 1 l LEFT FOO | LMPOP 1 l | LMPOP -1 l LEFT
    LPOS l a RANK 0 | LPOS l a RANK x | LPOS l a RANK -9223372036854775808 | LPOS l a COUNT -1 | LPOS l a COUNT x
    LPOS l a MAXLEN -1 | LPOS l a MAXLEN x | LPOS l a FOO 1 | LPOS l a RANK | LPOS l zz | LPOS l zz COUNT 2 | LPOS l a
    LPOS l a RANK -1 | LPOS l a RANK 2 COUNT 0 MAXLEN 4 | LPOS l a COUNT 1 RANK -2 | LPOS l b count 0 | LPOS l b RANK 3
    LPOS l b RANK -1 COUNT 0 MAXLEN 2 | LSET l 9 x | LSET l x x | LSET l -6 x | LSET l -5 a | LSET l 4 b
    LINSERT l before zz x | LINSERT l FOO a x | LINSERT l BEFORE b x | LRANGE l 0 -1 | LINSERT l AFTER b y | LRANGE l 0 -1
    LREM l 1 zz | LREM l 0 x | LREM l -1 y | LREM l -1 a | LRANGE l 0 -1 | RPUSH l a | LTRIM l x 1 | LTRIM l 0 x
    LINDEX l 9 | LINDEX l -1 | LINDEX l 0 | LINDEX l -9 | LRANGE l 1 2 | LRANGE l -2 -1 | LRANGE l 3 1 | LRANGE l 0 99
    LRANGE l -99 1 | LRANGE l 9223372036854775807 -9223372036854775808 | LPUSH l 1 2 3 | LRANGE l 0 -1 | LTRIM l 1 -2
    LRANGE l 0 -1 | LPUSHX l p q | RPUSHX l r | LRANGE l 0 -1 | LMOVE l d LEFT LEFT | LMOVE l d left right | LRANGE d 0 -1
    LMOVE l d RIGHT LEFT | RPOPLPUSH l d | LRANGE d 0 -1 | LMOVE d d LEFT RIGHT | LRANGE d 0 -1 | LMOVE d d RIGHT LEFT
    LRANGE d 0 -1 | LMOVE d d LEFT LEFT | LMOVE d d RIGHT RIGHT | LRANGE d 0 -1 | LMOVE l d x LEFT | LMOVE l d LEFT x
    SET s v | LPOP s | LPOP s x | LPOP s 0 | LPUSH s x | RPUSH s x | LPUSHX s x | LLEN s | LINDEX s 0 | LINDEX s x
    LSET s 0 x | LRANGE s 0 1 | LRANGE s 0 x | LTRIM s 0 1 | LREM s 0 x | LREM s x x | LINSERT s BEFORE a b
    LINSERT s FOO a b | LPOS s a | LPOS s a RANK x | LMPOP 2 s l LEFT | LMPOP 2 no s LEFT | LMOVE s l LEFT LEFT
    LMOVE l s LEFT LEFT | LMOVE no s LEFT LEFT | BLMOVE no s LEFT LEFT 0.01 | BLMOVE s x LEFT LEFT 0.01 | BLPOP no s 0.01
    BLMPOP 0.01 2 no s LEFT | BRPOPLPUSH no s 0.01 | BRPOPLPUSH l s 0.01 | BLPOP no 0.01 | BRPOP no nor 0.01
    BLMPOP 0.01 2 no nor RIGHT COUNT 2 | BLMOVE no d LEFT RIGHT 0.01 | BRPOPLPUSH no d 0.01
    BLPOP l x | BLPOP l -1 | BLPOP l 1e300 | BLPOP l nan | BLPOP l inf | BLPOP l 9223372036854776 | BLPOP l 0x
    BLMPOP x 1 l LEFT | BLMPOP -1 1 l LEFT | BLMPOP 1 0 l LEFT | BLMPOP 1 1 l FOO | BLMPOP 1 2 l LEFT | LMPOP 1 l LEFT COUNT 0 1 | BLMPOP x 0 l FOO
    BLMOVE l d x LEFT 1 | BLMOVE l d LEFT LEFT x | BLMOVE l d x LEFT x | BRPOPLPUSH l d x | BRPOPLPUSH l d -1 | BLPOP l
    DEL l d | RPUSH l a b c d e f g h | BLPOP no l 0 | BRPOP l no 0 | BLMPOP 0 2 no l LEFT COUNT 2 | BLMPOP 0 1 l RIGHT
    BLMOVE l d LEFT RIGHT 0 | BRPOPLPUSH l d 0 | LRANGE d 0 -1 | LRANGE l 0 -1 | LMPOP 2 no l LEFT COUNT 9 | EXISTS l
    RPUSH l a | LMOVE l l LEFT RIGHT | RPOPLPUSH l l | LRANGE l 0 -1 | LREM l 1 a | EXISTS l | RPUSH l a b | LTRIM l 5 9
    EXISTS l | RPUSH l 1 2 3 | LPOP l 2 | RPOP l 5 | EXISTS l | RPUSH l x y z | RENAME l l2 | LRANGE l2 0 -1 | COPY l2 l3
    LRANGE l3 0 -1 | TYPE l2 | SCAN 0 TYPE list COUNT 100 MATCH l2 | PEXPIRE l2 100000 | LPUSH l2 w | PERSIST l2 | SET l2 v | GET l2
    LLEN | LINDEX l | CLIENT UNBLOCK 99999 | CLIENT UNBLOCK x | CLIENT UNBLOCK 1 FOO | CLIENT UNBLOCK 99999 ERROR
""".replace("\n", "|").split("|") if line.split()]

EVENTS = [line.split() for line in """
    RPUSH l a b c a b | LPUSH l x | LPUSHX l y | RPUSHX l z | LINSERT l AFTER a n | LSET l 0 w | LREM l 0 a | LPOP l
    RPOP l 2 | LMOVE l d LEFT RIGHT | LMOVE l l LEFT RIGHT | RPOPLPUSH l d | LTRIM l 0 0 | LPOP l | LMPOP 1 d LEFT COUNT 9
    RPUSH l a b c | BLPOP l 0 | BLMOVE l d RIGHT LEFT 0 | BRPOPLPUSH l d 0 | LREM d 0 b | LREM d 0 c | RPUSH l a
    LTRIM l 5 6 | LPOP no | LREM no 0 a | LPUSHX no a | RPUSH l a | LMOVE l l RIGHT LEFT | BRPOP l 0
""".replace("\n", "|").split("|") if line.split()]


class OneNode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = SingleNode(io_threads=cls.io_threads())
        cls.addClassCleanup(cls.node.stop)
        cls.node.start().wait_ready()

    @staticmethod
    def io_threads():
        return 2

    def setUp(self):
        self.main = self.client()
        self.main.value("FLUSHALL")

    def client(self, protocol=2):
        connection = self.node.connect(protocol)
        self.addCleanup(connection.close)
        return connection

    def blocked(self, *arguments, protocol=2):
        """A connection whose command waits, and its number."""
        connection = self.client(protocol)
        number = connection.value("CLIENT", "ID")
        connection.send(*arguments)
        self.wait_blocked(number)
        return connection, number

    def wait_blocked(self, number):
        def waits():
            line = self.main.value("CLIENT", "LIST", "ID", number).decode()
            return b"b" in dict(word.split("=", 1) for word in line.split())["flags"].encode()
        until(waits, "client %d waits" % number)

    def reply(self, connection):
        return resp.to_python(connection.read_frame()[0])

    def events(self, server, connection, commands):
        """The keyspace events of commands, in their order."""
        connection.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
        listener = server.connect()
        self.addCleanup(listener.close)
        listener.send("PSUBSCRIBE", "__key*__:*")
        listener.read_frame()
        for command in commands:
            connection.call(*command)
        connection.call("PUBLISH", "__key__:end", "end")
        frames = []
        while True:
            frame = resp.to_python(listener.read_frame()[0])
            if frame[-1] == b"end":
                return frames
            frames.append(frame[2:])

    def silent(self, connection):
        data, closed = connection.read_available(0.05)
        return data == b"" and not closed


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
        return redis, self.client(protocol)

    def test_replies(self):
        for protocol in (2, 3):
            redis, node = self.both(protocol)
            node.call("FLUSHALL")
            for command in COMMANDS:
                redis.send(*command)
                node.send(*command)
                with self.subTest(command=" ".join(command), protocol=protocol):
                    self.assertEqual(redis.read_frame()[1], node.read_frame()[1])

    def test_transactions(self):
        for protocol in (2, 3):
            redis, node = self.both(protocol)
            node.call("FLUSHALL")
            for command in ["BLPOP k 0", "BRPOP k j 0", "BLMPOP 0 1 k LEFT", "BLMOVE k d LEFT RIGHT 0", "BRPOPLPUSH k d 0"]:
                requests = [("MULTI",), tuple(command.split()), ("EXEC",)]
                with self.subTest(command=command, protocol=protocol):
                    self.assertEqual(redis.pipeline(requests), node.pipeline(requests))

    def test_events(self):
        redis, node = self.both()
        self.assertEqual(self.events(self.redis, redis, EVENTS), self.events(self.node, node, EVENTS))

    def test_payloads_go_both_ways(self):
        redis, node = self.both()
        node.call("FLUSHALL")
        rng = random.Random(7)
        for number in range(60):
            items = [rng.choice([b"%d" % rng.randint(-10 ** rng.randint(1, 18), 10 ** rng.randint(1, 18)), b"", b"text",
                                 bytes(rng.randrange(256) for _ in range(rng.randint(0, 90))), b"x" * rng.choice([64, 5000])])
                     for _ in range(rng.choice([1, 2, 10, 200, 2000]))]
            if number % 10 == 0:
                items.append(b"huge" * 3000)
            redis.call("DEL", "l")
            redis.call("RPUSH", "l", *items)
            self.assertEqual(b"OK", node.value("RESTORE", "l", 0, redis.value("DUMP", "l"), "REPLACE"))
            self.assertEqual(items, node.value("LRANGE", "l", 0, -1))
            self.assertEqual(b"OK", redis.value("RESTORE", "l", 0, node.value("DUMP", "l"), "REPLACE"))
            self.assertEqual(items, redis.value("LRANGE", "l", 0, -1))

    def test_a_move_whose_target_is_of_another_type(self):
        for server in (self.redis, self.node):
            with contextlib.closing(server.connect()) as other, contextlib.closing(server.connect()) as waits:
                other.call("FLUSHALL")
                other.call("SET", "d", "v")
                waits.send("BLMOVE", "l", "d", "LEFT", "LEFT", "0")
                time.sleep(0.1)
                other.call("RPUSH", "l", "a")
                self.assertRaisesRegex(ReplyError, "WRONGTYPE", self.reply, waits)
                self.assertEqual([b"a"], other.value("LRANGE", "l", 0, -1))


class Encodings(OneNode):
    def test_encodings_are_those_of_redis_7_2(self):
        self.main.value("RPUSH", "l", *range(100))
        self.assertEqual(b"listpack", self.main.value("OBJECT", "ENCODING", "l"))
        self.main.value("RPUSH", "l", "x" * 9000)
        self.assertEqual(b"quicklist", self.main.value("OBJECT", "ENCODING", "l"))
        self.main.value("RPOP", "l")
        self.main.value("CONFIG", "SET", "list-max-listpack-size", 99)
        self.addCleanup(self.main.value, "CONFIG", "SET", "list-max-listpack-size", -2)
        self.assertEqual(b"quicklist", self.main.value("OBJECT", "ENCODING", "l"))
        self.main.value("RPOP", "l")
        self.assertEqual(b"listpack", self.main.value("OBJECT", "ENCODING", "l"))
        self.assertGreater(self.main.value("MEMORY", "USAGE", "l"), 99)

    def test_lists_outlive_a_restart(self):
        self.main.value("RPUSH", "kept", *range(1000))
        self.main.value("LPUSH", "kept", "first")
        self.main.value("LINSERT", "kept", "AFTER", "500", "between")
        expected = self.main.value("LRANGE", "kept", 0, -1)
        self.node.kill()
        self.node.start().wait_ready()
        self.main = self.client()
        self.assertEqual(expected, self.main.value("LRANGE", "kept", 0, -1))


class Waiting(OneNode):
    def test_who_waits_longest_is_served_first(self):
        waiting = [self.blocked("BLPOP", "q", "0")[0] for _ in range(6)]
        for number, connection in enumerate(waiting):
            self.main.value("RPUSH", "q", number)
            self.assertEqual([b"q", b"%d" % number], self.reply(connection))
        self.assertEqual(0, self.main.value("EXISTS", "q"))

    def test_several_elements_serve_several(self):
        for push in ([("RPUSH", "q", "0", "1", "2", "3")],
                     [("MULTI",), ("RPUSH", "q", "0"), ("RPUSH", "q", "1", "2"), ("RPUSH", "q", "3"), ("EXEC",)]):
            waiting = [self.blocked("BLPOP", "q", "0")[0] for _ in range(3)]
            self.main.pipeline(push)
            for number, connection in enumerate(waiting):
                self.assertEqual([b"q", b"%d" % number], self.reply(connection))
            self.assertEqual([b"3"], self.main.value("LRANGE", "q", 0, -1))
            self.main.value("DEL", "q")

    def test_a_transaction_shows_nothing_before_its_end(self):
        connection, _ = self.blocked("BLPOP", "q", "0")
        self.main.pipeline([("MULTI",), ("RPUSH", "q", "a"), ("DEL", "q"), ("EXEC",)])
        self.assertTrue(self.silent(connection))
        self.main.pipeline([("MULTI",), ("RPUSH", "q", "a"), ("LPUSH", "q", "b"), ("EXEC",)])
        self.assertEqual([b"q", b"b"], self.reply(connection))

    def test_every_command_waits_and_is_served(self):
        for protocol in (2, 3):
            for command, reply in [("BRPOP no q 0", [b"q", b"b"]), ("BLMPOP 0 2 no q LEFT COUNT 9", [b"q", [b"a", b"b"]]),
                                   ("BLMOVE q d LEFT RIGHT 0", b"a"), ("BRPOPLPUSH q d 0", b"b")]:
                connection, _ = self.blocked(*command.split(), protocol=protocol)
                self.main.value("RPUSH", "q", "a", "b")
                self.assertEqual(reply, self.reply(connection), command)
                self.main.value("DEL", "q", "d")

    def test_what_comes_by_other_ways_than_a_push(self):
        self.main.value("RPUSH", "other", "a")
        dumped = self.main.value("DUMP", "other")
        for come in [("RENAME", "other", "q"), ("COPY", "kept", "q"), ("RESTORE", "q", 0, dumped), ("LMOVE", "kept", "q", "LEFT", "LEFT"),
                     ("SWAPDB", 0, 1)]:
            self.main.value("FLUSHALL")
            for name in ("other", "kept"):
                self.main.value("RPUSH", name, "a")
            self.main.value("SELECT", 1)
            self.main.value("RPUSH", "q", "a")
            self.main.value("SELECT", 0)
            connection, _ = self.blocked("BLPOP", "q", "0")
            self.main.value(*come)
            self.assertEqual([b"q", b"a"], self.reply(connection), come)

    def test_a_chain_of_moves(self):
        first, _ = self.blocked("BLMOVE", "a", "b", "LEFT", "RIGHT", "0")
        second, _ = self.blocked("BLMOVE", "b", "c", "LEFT", "RIGHT", "0")
        third, _ = self.blocked("BLPOP", "c", "0")
        self.main.value("RPUSH", "a", "x")
        self.assertEqual(b"x", self.reply(first))
        self.assertEqual(b"x", self.reply(second))
        self.assertEqual([b"c", b"x"], self.reply(third))

    def test_other_types_serve_nobody(self):
        connection, _ = self.blocked("BLPOP", "q", "0")
        self.main.value("SADD", "q", "a")
        self.assertTrue(self.silent(connection))
        self.main.value("DEL", "q")
        self.main.value("RPUSH", "q", "b")
        self.assertEqual([b"q", b"b"], self.reply(connection))

    def test_timeouts(self):
        for protocol in (2, 3):
            for timeout in ("0.01", "0.3"):
                connection = self.client(protocol)
                begun = time.monotonic()
                self.assertIsNone(connection.value("BLPOP", "q", timeout))
                self.assertGreaterEqual(time.monotonic() - begun, float(timeout) - 0.002)

    def test_later_requests_wait(self):
        connection = self.client()
        connection.send_raw(b"".join(resp.encode(c) for c in [("SET", "k", "1"), ("BLPOP", "q", "0"), ("SET", "k", "2"), ("GET", "k")]))
        self.assertEqual(b"OK", self.reply(connection))
        self.assertTrue(self.silent(connection))
        self.assertEqual(b"1", self.main.value("GET", "k"))
        self.main.value("RPUSH", "q", "a")
        self.assertEqual([[b"q", b"a"], b"OK", b"2"], [self.reply(connection) for _ in range(3)])

    def test_unblock(self):
        for how, expected in (([], None), (["TIMEOUT"], None), (["error"], "UNBLOCKED")):
            connection, number = self.blocked("BLPOP", "q", "0")
            self.assertEqual(1, self.main.value("CLIENT", "UNBLOCK", number, *how))
            if expected is None:
                self.assertIsNone(self.reply(connection))
            else:
                self.assertRaisesRegex(ReplyError, "^UNBLOCKED client unblocked via CLIENT UNBLOCK$", self.reply, connection)
            self.assertEqual(0, self.main.value("CLIENT", "UNBLOCK", number))
            self.main.value("RPUSH", "q", "stays")
            self.assertEqual(b"stays", self.main.value("LPOP", "q"))
            self.assertEqual(b"PONG", connection.value("PING"))

    def test_who_goes_away_is_given_nothing(self):
        for leave in (lambda c: c.close(), lambda c: c.socket.shutdown(socket.SHUT_WR)):
            gone, number = self.blocked("BLPOP", "q", "0")
            stays, _ = self.blocked("BLPOP", "q", "0")
            leave(gone)
            until(lambda: not self.main.value("CLIENT", "LIST", "ID", number), "it is gone")
            self.main.value("RPUSH", "q", "a")
            self.assertEqual([b"q", b"a"], self.reply(stays))
        killed, number = self.blocked("BLPOP", "q", "0")
        self.assertEqual(1, self.main.value("CLIENT", "KILL", "ID", number))
        self.assertRaises(resp.Closed, killed.read_frame)
        self.main.value("RPUSH", "q", "a")
        self.assertEqual(1, self.main.value("LLEN", "q"))

    def test_figures(self):
        self.blocked("BLPOP", "q", "0")
        until(lambda: info(self.main)["blocked_clients"] == "1", "it is counted")

    def test_many_wait_at_no_cost(self):
        count = 1000
        connections = [self.client() for _ in range(count)]
        for number, connection in enumerate(connections):
            connection.send("BLPOP", "q", "other:%d" % number, "0")
        until(lambda: info(self.main)["blocked_clients"] == str(count), "all wait")

        def cpu():
            figures = info(self.main)
            return float(figures["used_cpu_sys"]) + float(figures["used_cpu_user"])
        before = cpu()
        time.sleep(2)
        self.assertLess(cpu() - before, 0.5)
        self.main.value("RPUSH", "q", *range(count))
        self.assertEqual(sorted(b"%d" % i for i in range(count)), sorted(self.reply(c)[1] for c in connections))


class OneLoop(Waiting):
    """With one thread nothing comes between a push and whom it serves."""

    @staticmethod
    def io_threads():
        return 1

    def test_who_waits_comes_before_what_follows_in_a_pipeline(self):
        connection, _ = self.blocked("BLPOP", "q", "0")
        frames = self.main.pipeline([("RPUSH", "q", "a"), ("LPOP", "q"), ("RPUSH", "q", "b"), ("LPOP", "q")])
        self.assertEqual([1, None, 1, b"b"], [resp.to_python(frame) for frame in frames])
        self.assertEqual([b"q", b"a"], self.reply(connection))


if __name__ == "__main__":
    unittest.main()
