"""Client-side caching: what a connection that tracks keys is told, beside the redis-server that is installed; that no
copy outlives a change, with many clients on several loops; and the bound of the table.
"""

import contextlib
import shutil
import signal
import threading
import time
import unittest

from cluster_nodes import SLOW, until
from single_node import SingleNode, info
from tracking_client import CachingClient, fence, pushes
from harness import resp
from harness.servers import Server


class Id:
    """In a command: the id of a connection."""

    def __init__(self, name):
        self.name = name


class Side:
    """One server with named connections, all of which are looked at after each step."""

    def __init__(self, connect):
        self.connect = connect
        self.connections = {}
        self.ids = {}

    def open(self, name, protocol):
        connection = self.connect()
        if protocol == 3:
            connection.value("HELLO", 3)
        self.ids[name] = connection.value("CLIENT", "ID")
        self.connections[name] = connection

    def close(self, name):
        self.connections.pop(name).close()
        # Each loop finds out about its own clients, and the next step may run on another one.
        with contextlib.closing(self.connect()) as other:
            until(lambda: b"id=%d " % self.ids[name] not in other.value("CLIENT", "LIST"), "%s is gone" % name)

    def seen(self, names, first):
        """`first`: whose command has been sent; the others hear of it when it has been answered."""
        order = sorted(self.connections, key=lambda name: (name != first, name))
        frames = {name: fence(self.connections[name]) for name in order}
        return {name: [self.shown(frame, names) for frame in found] for name, found in frames.items()}

    def shown(self, frame, names):
        """Numbers of clients differ: their names, where one is spoken of."""
        kind, payload = frame
        if isinstance(payload, list):
            names |= kind == resp.PUSH and payload[0][1] == b"tracking-redir-broken"
            return (kind, [self.shown(item, names) for item in payload])
        for name, number in self.ids.items():
            if names and kind == resp.INTEGER and payload == b"%d" % number:
                return (kind, "id of " + name)
        return (kind, payload)

    def step(self, name, *arguments):
        """The replies and what else comes on each connection, in order."""
        if arguments[0] == "open":
            self.open(name, arguments[1])
        elif arguments[0] == "close":
            self.close(name)
        elif arguments[0] == "wait":
            time.sleep(arguments[1])
        elif isinstance(arguments[0], tuple):
            self.connections[name].send_raw(b"".join(resp.encode(self.resolved(each)) for each in arguments))
        else:
            self.connections[name].send(*self.resolved(arguments))
        return self.seen("CLIENT" in arguments, name)

    def resolved(self, arguments):
        return [self.ids[word.name] if isinstance(word, Id) else word for word in arguments]

    def end(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()


TWO = [("x", "open", 3), ("w", "open", 2)]
KEYS = [("w", "MSET", "a", "1", "b", "2", "c", "3", "user:1", "4", "user:2", "5", "item:1", "6")]
TRACK = ("x", "CLIENT", "TRACKING", "ON")
STATE = [("x", "CLIENT", "TRACKINGINFO"), ("x", "CLIENT", "GETREDIR")]

SCENARIOS = {
    "what is read is told once": TWO + KEYS + [
        TRACK, ("w", "SET", "a", "x"), ("x", "GET", "a"), ("w", "SET", "a", "y"), ("w", "SET", "a", "z"), ("x", "GET", "a"),
        ("x", "GET", "a"), ("w", "DEL", "a"), ("x", "GET", "a"), ("w", "APPEND", "a", "v"), ("x", "MGET", "a", "b", "c"),
        ("w", "MSET", "c", "1", "b", "1"), ("w", "GETDEL", "a"), ("x", "CLIENT", "TRACKING", "OFF"), ("x", "GET", "b"),
        ("w", "SET", "b", "x")] + STATE,
    "a change of the same value is told": TWO + KEYS + [TRACK, ("x", "GET", "a"), ("w", "SET", "a", "1"),
                                                       ("x", "GET", "a"), ("w", "GETSET", "a", "1")],
    "what changes nothing is not": TWO + KEYS + [
        TRACK, ("x", "MGET", "a", "no"), ("w", "SETNX", "a", "2"), ("w", "DEL", "no"), ("w", "LPUSHX", "no", "v"),
        ("w", "PERSIST", "a"), ("w", "EXISTS", "a")],
    "what a connection changes itself is told behind its reply": TWO + KEYS + [
        TRACK, ("x", "GET", "a"), ("x", "SET", "a", "x"), ("x", "SET", "a", "y"),
        ("x", ("GET", "a"), ("SET", "a", "1"), ("GET", "b"), ("DEL", "b"), ("GET", "c"))],
    "reads of all types": TWO + [
        TRACK, ("w", "HSET", "h", "f", "v"), ("w", "SADD", "s", "m"), ("w", "ZADD", "z", "1", "m"), ("w", "RPUSH", "l", "e"),
        ("w", "XADD", "x", "1-1", "f", "v"), ("w", "PFADD", "p", "e"), ("w", "SET", "n", "5"),
        ("x", "HGET", "h", "f"), ("w", "HSET", "h", "f", "w"), ("x", "HGETALL", "h"), ("w", "HINCRBY", "h", "n", "1"),
        ("x", "SMEMBERS", "s"), ("w", "SADD", "s", "m2"), ("x", "SISMEMBER", "s", "m"), ("w", "SREM", "s", "m"),
        ("x", "ZRANGE", "z", "0", "-1"), ("w", "ZINCRBY", "z", "1", "m"), ("x", "ZSCORE", "z", "m"), ("w", "ZREM", "z", "m"),
        ("x", "LRANGE", "l", "0", "-1"), ("w", "LPUSH", "l", "f"), ("x", "LLEN", "l"), ("w", "RPOP", "l"),
        ("x", "XLEN", "x"), ("w", "XADD", "x", "2-1", "f", "v"), ("x", "XRANGE", "x", "-", "+"), ("w", "XDEL", "x", "1-1"),
        ("x", "XREAD", "STREAMS", "x", "0"), ("w", "XTRIM", "x", "MAXLEN", "0"),
        ("x", "PFCOUNT", "p"), ("w", "PFADD", "p", "f", "g", "h"), ("x", "STRLEN", "n"), ("w", "INCR", "n"),
        ("x", "GETRANGE", "n", "0", "0"), ("w", "SETRANGE", "n", "1", "y"), ("x", "BITCOUNT", "n"), ("w", "SETBIT", "n", "1", "0"),
        ("x", "EXISTS", "n"), ("w", "EXPIRE", "n", "100"), ("x", "TTL", "n"), ("w", "PERSIST", "n"), ("x", "TYPE", "n"),
        ("w", "RENAME", "n", "m"), ("x", "SUNION", "s", "s2"), ("w", "SADD", "s2", "m"), ("x", "LCS", "m", "m"),
        ("w", "SET", "m", "x"), ("x", "SORT_RO", "l"), ("w", "RPUSH", "l", "9"), ("x", "DUMP", "m"), ("w", "COPY", "h", "m", "REPLACE")],
    "what writes is not tracked": TWO + KEYS + [
        TRACK, ("x", "GETSET", "a", "x"), ("w", "SET", "a", "1"), ("x", "INCR", "a"), ("w", "SET", "a", "1"),
        ("x", "GETEX", "a"), ("w", "SET", "a", "1"), ("x", "SORT", "l"), ("w", "RPUSH", "l", "1")],
    "databases share names": TWO + KEYS + [TRACK, ("x", "GET", "a"), ("w", "SELECT", "3"), ("w", "SET", "a", "x"),
                                          ("w", "SET", "b", "x")],
    "flushes": TWO + KEYS + [
        TRACK, ("x", "GET", "a"), ("w", "FLUSHALL"), ("w", "SET", "a", "x"), ("x", "GET", "a"), ("w", "FLUSHDB"),
        ("w", "SET", "a", "x"), ("x", ("GET", "a"), ("FLUSHALL",), ("GET", "a")), ("w", "SET", "a", "z")],
    "transactions": TWO + KEYS + [
        TRACK, ("x", "MGET", "a", "b"), ("w", ("MULTI",), ("SET", "a", "x"), ("DEL", "b"), ("SET", "a", "y"), ("EXEC",)),
        ("x", ("MULTI",), ("GET", "a"), ("GET", "b"), ("EXEC",)), ("w", "SET", "b", "x"),
        ("x", ("MULTI",), ("SET", "a", "x"), ("GET", "a"), ("INCR", "c"), ("EXEC",)), ("w", "SET", "a", "y"), ("w", "INCR", "c"),
        ("x", ("MULTI",), ("GET", "c"), ("DISCARD",)), ("w", "INCR", "c"),
        ("x", ("MULTI",), ("CLIENT", "TRACKING", "OFF"), ("CLIENT", "TRACKING", "ON", "OPTIN"), ("CLIENT", "CACHING", "YES"), ("GET", "a"),
               ("EXEC",), ("GET", "b")), ("w", "MSET", "a", "1", "b", "1")],
    "scripts": TWO + KEYS + [
        TRACK, ("x", "EVAL", "return redis.call('get', KEYS[1])", "1", "a"), ("w", "SET", "a", "x"),
        ("x", "EVAL_RO", "return redis.call('mget', KEYS[1], KEYS[2])", "2", "a", "b"),
        ("w", "EVAL", "redis.call('set', KEYS[1], 1) redis.call('del', KEYS[2])", "2", "a", "b"),
        ("x", "GET", "a"), ("x", "EVAL", "return redis.call('incr', KEYS[1])", "1", "a"), ("w", "INCR", "a")],
    "what expires": TWO + [
        TRACK, ("w", "SET", "a", "1", "PX", "100"), ("x", "GET", "a"), ("w", "wait", 1.0), ("x", "GET", "a"), ("w", "SET", "a", "1"),
        ("x", "GET", "a"), ("w", "PEXPIREAT", "a", "1"), ("w", "SET", "b", "1"), ("x", "GET", "b"), ("w", "EXPIRE", "b", "-1")],
    "by prefix": TWO + KEYS + [
        TRACK + ("BCAST", "PREFIX", "user:", "PREFIX", "it")] + STATE + [
        ("w", "SET", "user:1", "x"), ("w", "SET", "user:1", "y"), ("w", "SET", "a", "x"), ("w", "DEL", "user:none"), ("w", "DEL", "user:2"),
        ("x", "GET", "a"), ("w", "SET", "a", "y"), ("w", "MSET", "item:1", "1", "user:9", "1", "user:8", "1", "b", "1"),
        ("w", ("MULTI",), ("SET", "user:z", "1"), ("SET", "user:a", "1"), ("SET", "user:z", "2"), ("EXEC",)),
        ("w", "SET", "user:gone", "1", "PX", "50"), ("w", "wait", 1.0), ("w", "FLUSHALL"),
        TRACK + ("BCAST", "PREFIX", "zz")] + STATE + [("w", "SET", "zzz", "1"), ("w", "SET", "user:1", "1"),
        ("x", "CLIENT", "TRACKING", "OFF"), ("w", "SET", "zzz", "1"), ("w", "SET", "user:1", "1")] + STATE,
    "all keys": TWO + KEYS + [
        TRACK + ("BCAST",)] + STATE + [("w", "SET", "a", "x"), ("w", "EVAL", "for i = 1, 9 do redis.call('set', KEYS[i], i) end", "9",
                                       "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"),
        ("x", "SET", "own", "1"), ("x", ("SET", "own", "1"), ("SET", "own2", "1"))],
    "prefixes without what is its own": TWO + KEYS + [
        TRACK + ("BCAST", "NOLOOP"), ("x", "SET", "a", "x"), ("w", "SET", "a", "y"), ("x", "MSET", "a", "1", "b", "1"),
        ("x", "FLUSHDB")] + STATE,
    "without what is its own": TWO + KEYS + [
        TRACK + ("NOLOOP",)] + STATE + [("x", "GET", "a"), ("x", "SET", "a", "x"), ("w", "SET", "a", "y"), ("x", "GET", "a"),
        ("w", "SET", "a", "z"), ("x", ("MULTI",), ("GET", "a"), ("SET", "a", "1"), ("EXEC",)), ("w", "SET", "a", "z"),
        ("x", "GET", "a"), ("x", "EVAL", "redis.call('set', KEYS[1], 1)", "1", "a"), ("w", "SET", "a", "x")],
    "when asked for": TWO + KEYS + [
        TRACK + ("OPTIN",)] + STATE + [("x", "GET", "a"), ("w", "SET", "a", "x"), ("x", "CLIENT", "CACHING", "YES")] + STATE + [
        ("x", "GET", "a"), ("x", "GET", "b"), ("w", "MSET", "a", "1", "b", "1"), ("x", "CLIENT", "CACHING", "YES"),
        ("x", ("MULTI",), ("GET", "a"), ("GET", "b"), ("EXEC",)), ("x", "GET", "c"), ("w", "MSET", "a", "1", "b", "1", "c", "1"),
        ("x", "CLIENT", "CACHING", "YES"), ("x", "NONSENSE"), ("x", "GET", "a"), ("w", "SET", "a", "1"),
        ("x", ("CLIENT", "CACHING", "YES"), ("GET", "a"), ("GET", "b")), ("w", "MSET", "a", "1", "b", "1"),
        ("x", "CLIENT", "CACHING", "NO"), ("x", "CLIENT", "CACHING", "MAYBE")],
    "unless not wanted": TWO + KEYS + [
        TRACK + ("OPTOUT",)] + STATE + [("x", "GET", "a"), ("w", "SET", "a", "x"), ("x", "CLIENT", "CACHING", "NO")] + STATE + [
        ("x", "GET", "a"), ("x", "GET", "b"), ("w", "MSET", "a", "1", "b", "1"), ("x", "CLIENT", "CACHING", "YES")],
    "told by a connection of RESP2": [("x", "open", 2), ("s", "open", 2), ("w", "open", 2)] + KEYS + [
        ("s", "SUBSCRIBE", "__redis__:invalidate"), TRACK + ("REDIRECT", Id("s"))] + STATE + [
        ("x", "GET", "a"), ("w", "SET", "a", "x"), ("x", "GET", "a"), ("x", "SET", "a", "y"), ("w", "FLUSHALL"), ("w", "SET", "b", "1"),
        ("x", "GET", "b"), ("s", "UNSUBSCRIBE"), ("w", "SET", "b", "2"), ("s", "SUBSCRIBE", "other"), ("x", "GET", "b"),
        ("w", "SET", "b", "3"), TRACK, ("x", "GET", "b"), ("w", "SET", "b", "4")] + STATE,
    "told by a connection of RESP3": [("x", "open", 2), ("s", "open", 3), ("w", "open", 2)] + KEYS + [
        TRACK + ("REDIRECT", Id("s"), "BCAST", "PREFIX", "us")] + STATE + [("w", "SET", "user:1", "x"), ("w", "SET", "a", "x"),
        ("x", "SET", "user:1", "x")],
    "who is told in its place is gone": [("x", "open", 3), ("s", "open", 3), ("w", "open", 2)] + KEYS + [
        TRACK + ("REDIRECT", Id("s")), ("x", "MGET", "a", "b"), ("s", "close"), ("w", "SET", "a", "x")] + STATE + [
        ("w", "SET", "b", "x"), TRACK + ("REDIRECT", Id("s")), TRACK, ("x", "GET", "a"), ("w", "SET", "a", "x")] + STATE,
    "RESP2 alone is told nothing": [("x", "open", 2), ("w", "open", 2)] + KEYS + [
        TRACK, ("x", "GET", "a"), ("w", "SET", "a", "x"), ("x", "GET", "a"), ("x", "HELLO", "3", "SETNAME", "y"), ("w", "SET", "a", "x")],
    "RESET ends it": TWO + KEYS + [TRACK + ("BCAST",), ("x", "RESET"), ("x", "HELLO", "3", "SETNAME", "y"), ("w", "SET", "a", "x"),
                                   TRACK, ("x", "GET", "a"), ("w", "SET", "a", "x")] + STATE,
    "errors": TWO + STATE + [
        ("x", "CLIENT", "TRACKING"), ("x", "CLIENT", "TRACKING", "MAYBE"), TRACK + ("WHAT",), TRACK + ("REDIRECT", "99999"),
        TRACK + ("REDIRECT", "x"), TRACK + ("REDIRECT",), TRACK + ("PREFIX",), TRACK + ("PREFIX", "a"), TRACK + ("BCAST", "OPTIN"),
        TRACK + ("OPTIN", "OPTOUT"), TRACK + ("BCAST", "PREFIX", "foo", "PREFIX", "foobar"), ("x", "CLIENT", "CACHING", "YES"),
        ("x", "CLIENT", "CACHING"), TRACK + ("BCAST", "PREFIX", "foo"), TRACK + ("BCAST", "PREFIX", "fo"), TRACK, TRACK + ("OPTIN", "BCAST"),
        ("x", "CLIENT", "CACHING", "YES"), ("x", "CLIENT", "CACHING", "NO"), ("x", "CLIENT", "TRACKING", "OFF"), TRACK + ("OPTIN",),
        TRACK + ("OPTOUT",), TRACK + ("BCAST",), ("x", "CLIENT", "TRACKING", "OFF", "OPTOUT"), ("x", "CLIENT", "GETREDIR", "x")] + STATE,
}


def joined(step):
    """By prefix a loop tells of all changes of its round at once, and what another one does may fall into two of its rounds."""
    result = {}
    for name, messages in step.items():
        result[name] = kept = []
        for message in messages:
            if kept and all(keys_of(each) is not None for each in (kept[-1], message)):
                kept[-1] = (kept[-1][0], [kept[-1][1][0], (42, keys_of(kept[-1]) + keys_of(message))])
            else:
                kept.append(message)
    return result


def keys_of(message):
    """Of a push that tells of some; else nothing."""
    kind, value = message
    if kind != 62 or value[0] != (36, b"invalidate") or value[1][0] != 42:
        return None
    return value[1][1]


class BesideRedis(unittest.TestCase):
    """Every reply and everything that is told is the same, on each connection, in its order."""

    @classmethod
    def setUpClass(cls):
        if shutil.which("redis-server") is None:
            raise unittest.SkipTest("there is no redis-server to compare with")
        cls.node = SingleNode().start().wait_ready()
        cls.addClassCleanup(cls.node.stop)
        cls.redis = Server("redis-server")
        cls.addClassCleanup(cls.redis.stop)

    def test_scenarios(self):
        for title, steps in SCENARIOS.items():
            with self.subTest(title):
                ours, theirs = Side(self.node.connect), Side(self.redis.connect)
                try:
                    for side in (ours, theirs):
                        with contextlib.closing(side.connect()) as connection:
                            connection.value("FLUSHALL")
                    for number, step in enumerate(steps):
                        if step[1] == "HELLO":
                            # What servers say of themselves differs.
                            for side in (ours, theirs):
                                side.step(*step)
                            continue
                        expected, told = joined(theirs.step(*step)), joined(ours.step(*step))
                        self.assertEqual(expected, told, "step %d: %r" % (number, step))
                finally:
                    ours.end()
                    theirs.end()

    def test_flags_and_redirection_in_client_list(self):
        def shown(connect):
            with contextlib.ExitStack() as stack:
                connections = [stack.enter_context(contextlib.closing(connect())) for _ in range(2)]
                x, s = connections
                x.value("HELLO", 3)
                number = s.value("CLIENT", "ID")
                lines = []

                def note():
                    line = x.value("CLIENT", "INFO").decode()
                    fields = dict(field.split("=", 1) for field in line.split() if "=" in field)
                    lines.append((fields["flags"], fields["redir"].replace(str(number), "s")))
                note()
                for options in (["BCAST"], ["REDIRECT", number], ["OPTIN"]):
                    x.value("CLIENT", "TRACKING", "ON", *options)
                    note()
                    x.value("CLIENT", "TRACKING", "OFF")
                x.value("CLIENT", "TRACKING", "ON", "REDIRECT", number)
                x.value("GET", "k")
                s.close()
                with contextlib.closing(connect()) as w:
                    until(lambda: w.value("SET", "k", "v") and x.value("GET", "k") and note() is None and "R" in lines[-1][0],
                          "the redirection is broken", pause_s=0.05)
                return lines[:4] + lines[-1:]
        self.assertEqual(shown(self.redis.connect), shown(self.node.connect))


class OneRound(unittest.TestCase):
    def test_what_another_client_changed_in_the_same_round_is_told(self):
        """Whichever of the two came last: who does not want to hear of its own changes wants to hear of that."""
        node = SingleNode(io_threads=1).start().wait_ready()
        self.addCleanup(node.stop)
        with contextlib.closing(node.connect()) as own, contextlib.closing(node.connect()) as other:
            own.value("HELLO", 3)
            own.value("CLIENT", "TRACKING", "ON", "BCAST", "NOLOOP")
            for number in range(20):
                node.process.send_signal(signal.SIGSTOP)
                for connection, field in ((own, "a"), (other, "b")) if number % 2 else ((other, "b"), (own, "a")):
                    connection.send("HSET", "k", field, number)
                node.process.send_signal(signal.SIGCONT)
                other.read_frame()
                self.assertIn(b"k", pushes(fence(own)), "round %d" % number)


class Node(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = SingleNode(storage="memory", io_threads=4).start().wait_ready()
        cls.addClassCleanup(cls.node.stop)

    def setUp(self):
        with contextlib.closing(self.node.connect()) as connection:
            connection.value("FLUSHALL")

    def connect(self, protocol=2):
        connection = self.node.connect(protocol)
        self.addCleanup(connection.close)
        return connection

    def figures(self, connection):
        found = info(connection)
        return [int(found["tracking_" + name]) for name in ("clients", "total_keys", "total_items", "total_prefixes")]

    def test_figures(self):
        x, y, w = self.connect(3), self.connect(3), self.connect()
        self.assertEqual([0, 0, 0, 0], self.figures(w))
        x.value("CLIENT", "TRACKING", "ON")
        y.value("CLIENT", "TRACKING", "ON")
        for client, keys in ((x, "abc"), (y, "bcd")):
            for key in keys:
                client.value("GET", key)
        self.assertEqual([2, 4, 6, 0], self.figures(w))
        w.value("SET", "b", "1")
        self.assertEqual([2, 3, 4, 0], self.figures(w))
        y.value("CLIENT", "TRACKING", "OFF")
        y.value("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a", "PREFIX", "b")
        self.assertEqual([2, 3, 4, 2], self.figures(w))
        w.value("FLUSHALL")
        self.assertEqual([2, 0, 0, 2], self.figures(w))
        x.close()
        y.close()
        until(lambda: self.figures(w) == [0, 0, 0, 0], "clients that are gone track nothing")

    def test_the_table_is_bounded_and_who_is_thrown_out_is_told(self):
        x, y, w = self.connect(3), self.connect(3), self.connect()
        w.value("CONFIG", "SET", "tracking-table-max-keys", 10)
        self.addCleanup(lambda: w.value("CONFIG", "SET", "tracking-table-max-keys", 1000000))
        for client in (x, y):
            client.value("CLIENT", "TRACKING", "ON")
        keys = [b"key:%d" % i for i in range(200)]
        told = {x: [], y: []}
        for client in (x, y):
            for key in keys:
                client.send("GET", key)
            replies = 0
            while replies < len(keys):
                frame = client.read_frame()[0]
                replies += frame[0] != resp.PUSH
                told[client] += pushes([frame])
        for client in (x, y):
            told[client] += pushes(fence(client))
        self.assertEqual(10, self.figures(w)[1])
        # The rest is known to one or the other still, and told when it changes.
        left = 400 - len(told[x]) - len(told[y])
        self.assertEqual(left, self.figures(w)[2])
        self.assertLessEqual(10, left)
        self.assertLessEqual(left, 20)
        for key in keys:
            w.value("SET", key, "1")
        for client in (x, y):
            self.assertEqual(sorted(keys), sorted(told[client] + pushes(fence(client))))
        self.assertGreater(len(set(told[x][:50])), 40, "not the same keys all the time")

    def test_a_large_table_that_becomes_small(self):
        x, w = self.connect(3), self.connect()
        self.addCleanup(lambda: w.value("CONFIG", "SET", "tracking-table-max-keys", 1000000))
        x.value("CLIENT", "TRACKING", "ON")
        for i in range(500):
            x.value("GET", "key:%d" % i)
        w.value("CONFIG", "SET", "tracking-table-max-keys", 50)
        for i in range(10):
            x.send("GET", "other:%d" % i)
        told = pushes(fence(x))
        self.assertEqual(50, self.figures(w)[1])
        self.assertEqual(460, len(told))
        w.value("CONFIG", "SET", "tracking-table-max-keys", 0)
        for i in range(500):
            x.value("GET", "key:%d" % i)
        self.assertLessEqual(500, self.figures(w)[1])

    def test_what_is_evicted_is_told(self):
        x, w = self.connect(3), self.connect()
        self.addCleanup(lambda: w.value("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction"))
        x.value("CLIENT", "TRACKING", "ON")
        client = CachingClient(x)
        keys = [b"evict:%d" % i for i in range(300)]
        for key in keys:
            w.value("SET", key, b"x" * 10000)
        for key in keys:
            client.ask(key)
        while client.asked:
            client.take(x.read_frame()[0])
        client.settle()
        self.assertEqual(set(keys), set(client.copies))
        w.value("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", "16mb")
        until(lambda: w.call("SET", "more:%s" % time.monotonic(), b"x" * 100000) and
              sum(w.value("EXISTS", key) for key in keys) < 200, "some are evicted", pause_s=0)

        def only_what_is_there():
            client.settle()
            return all(w.value("EXISTS", key) for key in client.copies)
        until(only_what_is_there, "what was evicted has been told")
        self.assertGreater(len(client.copies), 0)

    def test_no_copy_outlives_a_change(self):
        """Caching clients of all kinds on all loops, and writers of all kinds: then each copy is what is there."""
        keys = [b"hot:%d" % i for i in range(40)]
        end = time.monotonic() + 6 * SLOW
        failures = []

        def guarded(function):
            def run():
                try:
                    function()
                except Exception as error:
                    failures.append(error)
            return run

        def writer(seed):
            connection = self.connect()
            source = __import__("random").Random(seed)

            def run():
                number = 0
                while time.monotonic() < end:
                    commands = []
                    for _ in range(source.randint(1, 8)):
                        number += 1
                        key, value = source.choice(keys), b"%d.%d" % (seed, number)
                        commands.append(source.choice([
                            ("SET", key, value), ("SET", key, value), ("DEL", key), ("SET", key, value, "PX", 1), ("APPEND", key, b"x"),
                            ("EVAL", "redis.call('set', KEYS[1], ARGV[1])", 1, key, value)]))
                    if source.random() < 0.02:
                        commands.append(("FLUSHALL",))
                    connection.pipeline(commands)
            return guarded(run)

        clients = []
        for seed in range(8):
            options = ([], ["NOLOOP"], ["BCAST"], ["BCAST", "PREFIX", "hot:"], ["OPTIN"])[seed % 5]
            clients.append((CachingClient(self.connect(3), *options, seed=seed), options))

        def reader(client, options):
            def run():
                before = ("CLIENT", "CACHING", "YES") if "OPTIN" in options else ()
                while time.monotonic() < end:
                    client.run_once(keys, 5, *before)
            return guarded(run)
        threads = [threading.Thread(target=writer(seed)) for seed in range(3)]
        threads += [threading.Thread(target=reader(*client)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures)
        # What has a deadline of a millisecond is told when it is found to be over.
        time.sleep(1)
        w = self.connect()
        now = {key: w.value("GET", key) for key in keys}
        for client, options in clients:
            client.settle()
            for key, copy in client.copies.items():
                self.assertEqual(now[key], copy, (key, options))
            self.assertGreater(client.told, 100, options)
            self.assertGreater(client.hits, 0, options)


if __name__ == "__main__":
    unittest.main()
