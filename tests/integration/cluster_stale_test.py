"""A coordinator that lost its disk, or slept, runs no command on what it does not know any more: every write command that
looks at its keys looks at them with R replicas, in a transaction and in parts too, and at its second key as at its first."""

import contextlib
import os
import shutil
import signal
import time
import unittest

from cluster_nodes import Cluster, resp, until
from harness.resp import ReplyError

# Overwrite without a look, by their declaration; so does SET without an option that looks.
BLIND = {"mset", "setex", "psetex"}
# Of the whole keyspace: not about keys.
WHOLE = {"flushall", "flushdb", "swapdb"}

OK = b"OK"
DUMPED = "DUMP"  # In a case: what DUMP says of a string "x".

READ_BY_GROUP = ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "K", ">")

# What is done while all is well, the command, its reply. K and L are of one partition, which the stale node
# coordinates; M is of another one.
CASES = [
    ([("SET", "K", "ab")], ("APPEND", "K", "c"), 3),
    ([("SET", "K", "a")], ("BITFIELD", "K", "GET", "u8", "0", "SET", "u8", "0", "1"), [97, 97]),
    ([("SET", "L", "abc")], ("BITOP", "NOT", "K", "L"), 3),
    ([("SET", "K", "abc"), ("SET", "L", "z")], ("BITOP", "OR", "K", "K", "L"), 3),
    ([("SET", "K", "x")], ("COPY", "K", "L"), 1),
    ([("SET", "K", "x"), ("SET", "L", "y")], ("COPY", "K", "L"), 0),
    ([("SET", "K", "x"), ("SET", "M", "y")], ("COPY", "K", "M"), 0),
    ([("SET", "M", "x"), ("SET", "K", "y")], ("COPY", "M", "K"), 0),
    ([("SET", "K", "5")], ("DECR", "K"), 4),
    ([("SET", "K", "5")], ("DECRBY", "K", "2"), 3),
    ([("SET", "K", "x"), ("SET", "L", "y")], ("DEL", "K", "L"), 2),
    ([("SET", "K", "x"), ("SET", "M", "y")], ("DEL", "K", "M"), 2),
    ([("SET", "K", "x")], ("EXPIRE", "K", "100"), 1),
    ([("SET", "K", "x")], ("EXPIREAT", "K", "33177117420"), 1),
    ([("SET", "K", "x")], ("GETDEL", "K"), b"x"),
    ([("SET", "K", "x")], ("GETEX", "K", "EX", "100"), b"x"),
    ([("SET", "K", "x")], ("GETSET", "K", "y"), b"x"),
    ([("HSET", "K", "f", "1")], ("HDEL", "K", "f"), 1),
    ([("HSET", "K", "f", "1")], ("HINCRBY", "K", "f", "2"), 3),
    ([("HSET", "K", "f", "1")], ("HINCRBYFLOAT", "K", "f", "2"), b"3"),
    ([("SET", "K", "x")], ("HMSET", "K", "f", "1"), "WRONGTYPE"),
    ([("HSET", "K", "f", "1")], ("HSET", "K", "f", "2"), 0),
    ([("HSET", "K", "f", "1")], ("HSETNX", "K", "f", "2"), 0),
    ([("SET", "K", "5")], ("INCR", "K"), 6),
    ([("SET", "K", "5")], ("INCRBY", "K", "2"), 7),
    ([("SET", "K", "5")], ("INCRBYFLOAT", "K", "2"), b"7"),
    ([("RPUSH", "K", "a", "b")], ("LINSERT", "K", "BEFORE", "b", "x"), 3),
    ([("RPUSH", "K", "a", "b")], ("LMOVE", "K", "L", "LEFT", "LEFT"), b"a"),
    ([("RPUSH", "M", "a"), ("SET", "K", "x")], ("LMOVE", "M", "K", "LEFT", "LEFT"), "WRONGTYPE"),
    ([("RPUSH", "K", "a", "b")], ("BLMOVE", "K", "L", "LEFT", "LEFT", "1"), b"a"),
    ([("RPUSH", "K", "a", "b")], ("RPOPLPUSH", "K", "L"), b"b"),
    ([("RPUSH", "K", "a", "b")], ("BRPOPLPUSH", "K", "L", "1"), b"b"),
    ([("RPUSH", "K", "a", "b")], ("LPOP", "K"), b"a"),
    ([("RPUSH", "K", "a", "b")], ("RPOP", "K", "2"), [b"b", b"a"]),
    ([("RPUSH", "K", "a", "b")], ("LPUSH", "K", "c"), 3),
    ([("RPUSH", "K", "a", "b")], ("LPUSHX", "K", "c"), 3),
    ([("RPUSH", "K", "a", "b")], ("RPUSH", "K", "c"), 3),
    ([("RPUSH", "K", "a", "b")], ("RPUSHX", "K", "c"), 3),
    ([("RPUSH", "K", "a", "b")], ("LREM", "K", "0", "a"), 1),
    ([("RPUSH", "K", "a", "b")], ("LSET", "K", "1", "c"), OK),
    ([("SET", "K", "x")], ("LTRIM", "K", "0", "1"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("MOVE", "K", "1"), 1),
    ([("SET", "K", "x")], ("MSETNX", "K", "y", "L", "y"), 0),
    ([("SET", "L", "x")], ("MSETNX", "K", "y", "L", "y"), 0),
    ([("SET", "K", "x")], ("MSETNX", "M", "y", "K", "y"), 0),
    ([("SET", "K", "x", "EX", "100")], ("PERSIST", "K"), 1),
    ([("PFADD", "K", "a")], ("PFADD", "K", "a"), 0),
    ([("PFADD", "K", "a")], ("PFDEBUG", "TODENSE", "K"), 1),
    ([("PFADD", "K", "a"), ("SET", "L", "x")], ("PFMERGE", "K", "L"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("PEXPIRE", "K", "100000"), 1),
    ([("SET", "K", "x")], ("PEXPIREAT", "K", "33177117420000"), 1),
    ([("SET", "K", "x")], ("RENAME", "K", "L"), OK),
    ([("SET", "K", "x")], ("RENAME", "K", "M"), OK),
    ([("SET", "K", "x"), ("SET", "L", "y")], ("RENAMENX", "K", "L"), 0),
    ([("SET", "M", "x"), ("SET", "K", "y")], ("RENAMENX", "M", "K"), 0),
    ([("SET", "K", "x")], ("RESTORE", "K", "0", DUMPED), "BUSYKEY"),
    ([("SADD", "K", "a")], ("SADD", "K", "a", "b"), 1),
    ([("SADD", "L", "a", "b"), ("SADD", "K", "b")], ("SDIFFSTORE", "K", "L", "K"), 1),
    ([("SADD", "K", "a", "b"), ("SADD", "M", "b")], ("SDIFFSTORE", "K", "K", "M"), 1),
    ([("SET", "K", "x")], ("BLPOP", "K", "1"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("BRPOP", "K", "1"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("BLMPOP", "1", "1", "K", "LEFT"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("LMPOP", "1", "K", "LEFT"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("SET", "K", "y", "NX"), None),
    ([("SET", "K", "x")], ("SET", "K", "y", "XX"), OK),
    ([("SET", "K", "x")], ("SET", "K", "y", "GET"), b"x"),
    ([("SADD", "K", "a")], ("SET", "K", "y", "GET"), "WRONGTYPE"),
    ([("SET", "K", "\x01")], ("SETBIT", "K", "7", "0"), 1),
    ([("SET", "K", "x")], ("SETNX", "K", "y"), 0),
    ([("SET", "K", "abc")], ("SETRANGE", "K", "1", "x"), 3),
    ([("SADD", "K", "a", "b"), ("SADD", "L", "b")], ("SINTERSTORE", "L", "K", "L"), 1),
    ([("SADD", "K", "a"), ("SADD", "L", "b")], ("SMOVE", "K", "L", "a"), 1),
    ([("SADD", "M", "a"), ("SET", "K", "x")], ("SMOVE", "M", "K", "a"), "WRONGTYPE"),
    ([("SADD", "K", "a")], ("SPOP", "K"), b"a"),
    ([("SADD", "K", "a", "b")], ("SREM", "K", "a"), 1),
    ([("RPUSH", "K", "2", "1")], ("SORT", "K"), [b"1", b"2"]),
    ([("SET", "L", "x")], ("SORT", "K", "STORE", "L"), 0),
    ([("SADD", "K", "a"), ("SADD", "L", "b")], ("SUNIONSTORE", "L", "K", "L"), 2),
    ([("SADD", "K", "a"), ("SADD", "M", "b")], ("SUNIONSTORE", "K", "K", "M"), 2),
    ([("SET", "K", "x"), ("SET", "M", "y")], ("UNLINK", "K", "M"), 2),
    ([("GEOADD", "K", "13", "38", "a")], ("GEOADD", "K", "13", "38", "a"), 0),
    ([("GEOADD", "K", "13", "38", "a")], ("GEORADIUS", "K", "13", "38", "1", "km"), [b"a"]),
    ([("GEOADD", "K", "13", "38", "a")], ("GEORADIUSBYMEMBER", "K", "a", "1", "km"), [b"a"]),
    ([("GEOADD", "K", "13", "38", "a")], ("GEOSEARCHSTORE", "L", "K", "FROMMEMBER", "a", "BYRADIUS", "1", "km"), 1),
    ([("ZADD", "K", "1", "a")], ("ZADD", "K", "2", "a", "3", "b"), 1),
    ([("ZADD", "K", "1", "a", "2", "b"), ("ZADD", "L", "1", "a")], ("ZDIFFSTORE", "L", "2", "K", "L"), 1),
    ([("ZADD", "K", "1", "a")], ("ZINCRBY", "K", "2", "a"), b"3"),
    ([("ZADD", "K", "1", "a", "2", "b"), ("ZADD", "L", "1", "a")], ("ZINTERSTORE", "L", "2", "K", "L"), 1),
    ([("SET", "K", "x")], ("ZMPOP", "1", "K", "MIN"), "WRONGTYPE"),
    ([("ZADD", "K", "1", "a", "2", "b")], ("ZPOPMAX", "K"), [b"b", b"2"]),
    ([("ZADD", "K", "1", "a", "2", "b")], ("ZPOPMIN", "K"), [b"a", b"1"]),
    ([("SET", "K", "x")], ("BZMPOP", "1", "1", "K", "MIN"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("BZPOPMAX", "K", "1"), "WRONGTYPE"),
    ([("SET", "K", "x")], ("BZPOPMIN", "K", "1"), "WRONGTYPE"),
    ([("ZADD", "K", "1", "a", "2", "b")], ("ZRANGESTORE", "L", "K", "0", "-1"), 2),
    ([("ZADD", "K", "1", "a", "2", "b")], ("ZREM", "K", "a"), 1),
    ([("ZADD", "K", "1", "a", "1", "b")], ("ZREMRANGEBYLEX", "K", "[a", "[a"), 1),
    ([("ZADD", "K", "1", "a", "2", "b")], ("ZREMRANGEBYRANK", "K", "0", "0"), 1),
    ([("ZADD", "K", "1", "a", "2", "b")], ("ZREMRANGEBYSCORE", "K", "1", "1"), 1),
    ([("ZADD", "K", "1", "a"), ("ZADD", "M", "2", "b")], ("ZUNIONSTORE", "K", "2", "K", "M"), 2),
    ([("ZADD", "K", "1", "a"), ("ZADD", "L", "2", "b")], ("ZUNIONSTORE", "L", "2", "K", "L"), 2),
    ([("XADD", "K", "1-1", "f", "v")], ("XADD", "K", "1-*", "f", "v"), b"1-2"),
    ([("XADD", "K", "1-1", "f", "v")], ("XDEL", "K", "1-1"), 1),
    ([("XADD", "K", "1-1", "f", "v")], ("XTRIM", "K", "MAXLEN", "0"), 1),
    ([("XADD", "K", "1-1", "f", "v")], ("XSETID", "K", "2-1"), OK),
    ([("XADD", "K", "1-1", "f", "v")], ("XGROUP", "CREATE", "K", "g", "0"), OK),
    ([("XADD", "K", "1-1", "f", "v"), ("XGROUP", "CREATE", "K", "g", "0")], ("XGROUP", "DESTROY", "K", "g"), 1),
    ([("XADD", "K", "1-1", "f", "v"), ("XGROUP", "CREATE", "K", "g", "0")],
     ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "K", ">"), [[b"K", [[b"1-1", [b"f", b"v"]]]]]),
    ([("XGROUP", "CREATE", "K", "g", "0", "MKSTREAM"), ("XADD", "K", "1-1", "f", "v"), READ_BY_GROUP], ("XACK", "K", "g", "1-1"), 1),
    ([("XGROUP", "CREATE", "K", "g", "0", "MKSTREAM"), ("XADD", "K", "1-1", "f", "v"), READ_BY_GROUP],
     ("XCLAIM", "K", "g", "d", "0", "1-1", "JUSTID"), [b"1-1"]),
    ([("XGROUP", "CREATE", "K", "g", "0", "MKSTREAM"), ("XADD", "K", "1-1", "f", "v"), READ_BY_GROUP],
     ("XAUTOCLAIM", "K", "g", "d", "0", "0", "JUSTID"), [b"0-0", [b"1-1"], []]),
]


def with_names(reply, names):
    """The reply with the key that it tells."""
    if isinstance(reply, list):
        return [with_names(part, names) for part in reply]
    return names["K"].encode() if reply == b"K" else reply


# Their replies are contexts; what they did shows in the reads after them.
BY_CONTEXT = {"vclock"}


class Stale(unittest.TestCase):
    def setUp(self):
        # Nothing but reads brings what a node has not.
        self.cluster = Cluster(3, repair_interval=0, hint_bandwidth=1)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.cluster.note_ids()
        self.nodes = self.cluster.nodes
        self.stale, self.other = self.nodes[1], self.nodes[0]
        self.tags = iter(range(10 ** 9))

    def tag(self, stale):
        """A hash tag of whose partition the stale node is, or is not, the coordinator."""
        for number in self.tags:
            explained = self.other.call("QUORUM", "EXPLAIN", "{%d}" % number, protocol=3)
            if (explained[b"replicas"][0][b"node"].decode() == self.cluster.ids[self.stale.index]) == stale:
                return "{%d}" % number

    def names(self):
        tag = self.tag(True)
        return {"K": tag + "first", "L": tag + "second", "M": self.tag(False) + "third"}

    def lose_records(self, node):
        """All but who it is is gone from its disk."""
        node.kill()
        for name in os.listdir(node.directory):
            path = os.path.join(node.directory, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif "cluster" not in name:
                os.remove(path)
        node.start()
        self.cluster.wait_whole()

    def prepare(self, cases):
        """Does what comes first, and takes the records from the coordinator. Returns (command, reply) with real keys."""
        self.other.call("SET", "dumped", "x")
        dumped = self.other.call("DUMP", "dumped")
        ready = []
        for first, command, reply in cases:
            names = self.names()
            names[DUMPED] = dumped
            for arguments in first:
                self.other.call("QUORUM", "EXEC", "W", "3", "--", *[names.get(word, word) for word in arguments])
            keys = {names[word] for arguments in first for word in arguments if word in ("K", "L", "M")}
            ready.append(([names.get(word, word) for word in command], with_names(reply, names), keys))
        self.lose_records(self.stale)
        for _, _, keys in ready:
            self.assertEqual(0, self.stale.own("EXISTS", *keys))
        return [(command, reply) for command, reply, _ in ready]

    def check(self, command, wanted, reply):
        if isinstance(wanted, str):
            self.assertEqual(wanted, str(reply).split()[0], command)
        else:
            self.assertEqual(wanted, reply, command)

    def test_every_write_command_is_here(self):
        tested = {command[0].lower() for _, command, _ in CASES}
        for entry in self.other.call("COMMAND"):
            name, flags, first_key = entry[0].decode(), {flag.decode() for flag in entry[2]}, entry[3]
            if "write" not in flags or name in BLIND | WHOLE | BY_CONTEXT:
                continue
            self.assertIn(name, tested, "first key %d" % first_key)

    def test_commands(self):
        for number, (command, wanted) in enumerate(self.prepare(CASES)):
            node = (self.stale, self.other)[number % 2]
            try:
                reply = node.call(*command)
            except ReplyError as error:
                reply = error
            with self.subTest(command=command):
                self.check(command, wanted, reply)

    def test_transactions(self):
        for number, (command, wanted) in enumerate(self.prepare(CASES)):
            node = (self.other, self.stale)[number % 2]
            with contextlib.closing(node.connect()) as connection:
                frames = connection.pipeline([("MULTI",), command, ("EXEC",)])
            with self.subTest(command=command):
                kind, replies = frames[2]
                self.assertEqual((resp.ARRAY, 1), (kind, len(replies or ())), frames)
                try:
                    reply = resp.to_python(replies[0])
                except ReplyError as error:
                    reply = error
                self.check(command, wanted, reply)

    def test_vclock(self):
        cases = [([("SET", "K", "x")], ("VCLOCK", "SET", "K", "", "y"), None),
                 ([("SET", "K", "x")], ("VCLOCK", "DEL", "K", ""), None)]
        for command, _ in self.prepare(cases):
            with self.subTest(command=command):
                self.stale.call(*command)
                # A write that saw nothing takes nothing away.
                self.assertIn(b"x", str(self.stale.call("VCLOCK", "GET", command[2])).encode())

    def test_what_it_slept_through(self):
        keys = [self.tag(True) for _ in range(20)]
        self.stale.signal(signal.SIGSTOP)
        self.addCleanup(self.stale.signal, signal.SIGCONT)
        others = [node for node in self.nodes if node is not self.stale]
        self.cluster.wait_seen(self.stale, others, ("fail", "fail?"))
        for key in keys:
            until(lambda: self.other.call("SETNX", key, "held") in (0, 1), "a lock without the node that sleeps")
        time.sleep(1)
        self.stale.signal(signal.SIGCONT)
        with contextlib.closing(self.stale.connect()) as connection:
            for frame in connection.pipeline([("SETNX", key, "again") for key in keys]):
                # An error is honest, a second grant is not.
                self.assertNotEqual((resp.INTEGER, b"1"), frame)


if __name__ == "__main__":
    unittest.main()
