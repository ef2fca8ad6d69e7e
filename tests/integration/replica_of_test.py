"""REPLICAOF: a running redis-server moves over to a node, and to a cluster; what breaks on the way, and that what is there then
is what the leader had, key by key."""

import contextlib
import os
import random
import shutil
import socket
import sys
import threading
import time
import unittest

from cluster_nodes import Cluster, until
from single_node import SingleNode, info

from harness import resp
from harness.resp import ReplyError
from harness.servers import Server

LIBRARY = "#!lua name=moved\nredis.register_function{function_name='moved_f', callback=function(keys, args) return args[1] end, flags={'no-writes'}}"
READONLY = "READONLY You can't write against a read only replica."
# Databases that the load writes to.
DATABASES = (0, 3)


def dump(connection, databases=DATABASES):
    """{(database, key): (type, deadline, what it holds)}, by commands that show all there is."""
    held = {}
    for database in databases:
        connection.value("SELECT", database)
        for key in connection.value("KEYS", "*"):
            kind = connection.value("TYPE", key)
            value = {b"string": lambda k: connection.value("PFCOUNT" if k.startswith(b"hll") else "GET", k),
                     b"list": lambda k: connection.value("LRANGE", k, 0, -1),
                     b"set": lambda k: sorted(connection.value("SMEMBERS", k)),
                     b"zset": lambda k: connection.value("ZRANGE", k, 0, -1, "WITHSCORES"),
                     b"hash": lambda k: pairs(connection.value("HGETALL", k)),
                     b"stream": lambda k: (connection.value("XRANGE", k, "-", "+"), groups(connection, k))}.get(kind, lambda k: None)(key)
            held[database, key] = (kind, connection.value("PEXPIRETIME", key), value)
    connection.value("SELECT", 0)
    # What expired between KEYS and here.
    return {key: value for key, value in held.items() if value[0] != b"none"}


def pairs(flat):
    return sorted(zip(flat[::2], flat[1::2]))


def groups(connection, key):
    shown = []
    for group in connection.value("XINFO", "GROUPS", key):
        fields = dict(zip(group[::2], group[1::2]))
        pending = connection.value("XPENDING", key, fields[b"name"], "-", "+", 1000)
        shown.append((fields[b"name"], fields[b"last-delivered-id"], [(entry[0], entry[1], entry[3]) for entry in pending]))
    return shown


class Load:
    """Writes of all types, and deadlines that come and move, until stop()."""

    def __init__(self, connect, seed):
        self.random = random.Random(seed)
        self.connect = connect
        self.running = True
        self.writes = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def step(self):
        rnd = self.random
        n = str(rnd.randrange(60))
        short = str(rnd.randrange(1, 60))
        return rnd.choice((
            ("SET", "s" + n, str(rnd.random())), ("SET", "px" + n, "v", "PX", short), ("INCR", "n" + n), ("APPEND", "a" + n, "x"),
            ("PEXPIRE", "px" + n, short), ("PERSIST", "px" + n), ("PEXPIRE", "px" + n, "100000"), ("EXPIREAT", "s" + n, "4000000000"),
            ("RENAME", "px" + n, "moved" + n), ("COPY", "px" + n, "copy" + n, "REPLACE"), ("GETEX", "px" + n, "PERSIST"),
            ("RPUSH", "l" + n, "a", "b", short), ("LPOP", "l" + n), ("LMOVE", "l" + n, "l1", "LEFT", "RIGHT"),
            ("SADD", "set" + n, short, n), ("SPOP", "set" + n), ("SUNIONSTORE", "u" + n, "set" + n, "set1"),
            ("ZADD", "z" + n, short, "m" + short), ("ZINCRBY", "z" + n, "1.5", "m"), ("ZPOPMIN", "z" + n),
            ("HSET", "h" + n, "f" + short, short), ("HINCRBY", "h" + n, "i", "3"), ("HDEL", "h" + n, "f" + short),
            ("XADD", "x" + n, "MAXLEN", "20", "*", "f", short), ("XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "x" + n, ">"),
            ("XGROUP", "CREATE", "x" + n, "g", "0", "MKSTREAM"), ("PFADD", "hll" + n, short), ("SETBIT", "bits" + n, short, "1"),
            ("GEOADD", "geo" + n, "13.3", "38.1", "m" + short), ("DEL", "s" + n), ("SELECT", str(rnd.choice(DATABASES))),
            ("EVAL", "redis.call('incr', KEYS[1]); return redis.call('expire', KEYS[1], 1000)", "1", "lua" + n)))

    def run(self):
        try:
            with contextlib.closing(self.connect()) as connection:
                while self.running:
                    if self.random.random() < 0.1:
                        connection.call("MULTI")
                        for _ in range(3):
                            connection.call(*self.step())
                        connection.call("EXEC")
                    for _ in range(5):
                        connection.call(*self.step())
                    self.writes += 5
                    time.sleep(0.002)
        except (OSError, resp.Closed):
            pass  # The leader was killed.

    def stop(self):
        self.running = False
        self.thread.join()


class Relay:
    """What a leader says, changed on the way: `change(bytes so far, piece)` gives what is passed on, or None to cut."""

    def __init__(self, target, change):
        self.target, self.change = target, change
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(self.target)
            threading.Thread(target=self.pass_on, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(far, near, self.change), daemon=True).start()

    @staticmethod
    def pass_on(source, sink, change):
        count = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                passed = piece if change is None else change(count, piece)
                count += len(piece)
                if passed is None:
                    break
                sink.sendall(passed)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


@unittest.skipUnless(shutil.which("redis-server"), "there is no redis-server to follow")
class ReplicaOf(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("STARLING_SEED") or random.SystemRandom().randrange(1 << 40))
        print("STARLING_SEED=%d" % self.seed, flush=True)

    def start_leader(self, **settings):
        settings = {"repl-diskless-sync-delay": "0"} | {name.replace("_", "-"): value for name, value in settings.items()}
        leader = Server("redis-server", settings)
        self.addCleanup(leader.stop)
        return leader

    def start_node(self, **settings):
        node = SingleNode(**settings).start().wait_ready()
        self.addCleanup(node.stop)
        return node

    def connection_to(self, server):
        connection = server.connect()
        self.addCleanup(connection.close)
        return connection

    def fill(self, connection):
        connection.value("FUNCTION", "LOAD", LIBRARY)
        connection.value("SET", "large", b"\0\r\n" * 100_000)
        for size in (3, 1000):
            connection.value("RPUSH", "list%d" % size, *["item %d" % i for i in range(size)])
            connection.value("SADD", "ints%d" % size, *range(size))
            connection.value("SADD", "words%d" % size, *["w%d" % i for i in range(size)])
            connection.value("ZADD", "zset%d" % size, *[x for i in range(size) for x in (i / 7, "m%d" % i)])
            connection.value("HSET", "hash%d" % size, *[x for i in range(size) for x in ("f%d" % i, "v" * i)])
            for i in range(size):
                connection.value("XADD", "stream%d" % size, "*", "f", i)
            connection.value("XGROUP", "CREATE", "stream%d" % size, "g", "0")
            connection.value("XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "stream%d" % size, ">")
        connection.value("SET", "deadline", "x", "PX", "3600000")
        connection.value("ZADD", "inf", "inf", "a", "-inf", "b")

    def follow(self, node, leader):
        self.assertEqual(node.value("REPLICAOF", "127.0.0.1", leader.port), b"OK")

    def wait_up(self, node):
        until(lambda: info(node, "replication").get("master_link_status") == "up", "the link to the leader is up")

    def wait_same(self, node, leader, databases=DATABASES):
        """Nobody writes. All that the leader had said is done, and what both hold is the same."""
        def caught_up():
            wanted = int(info(leader, "replication")["master_repl_offset"])
            return int(info(node, "replication")["slave_repl_offset"]) >= wanted
        time.sleep(0.2)  # Deadlines of the load are over.
        until(caught_up, "what the leader has said is done")
        mine, theirs = dump(node, databases), dump(leader, databases)
        different = {key: (theirs.get(key), mine.get(key)) for key in theirs.keys() | mine.keys() if theirs.get(key) != mine.get(key)}
        self.assertFalse(different, "leader's and own: %r" % dict(list(different.items())[:5]))
        self.assertEqual(info(node, "replication")["leader_errors"], "0", info(node, "replication"))

    def test_moves_in_under_load_and_writes_on(self):
        leader, node = self.start_leader(), self.start_node()
        theirs, mine = self.connection_to(leader), self.connection_to(node)
        self.fill(theirs)
        mine.value("SET", "mine", "goes")
        mine.value("FUNCTION", "LOAD", LIBRARY.replace("moved", "mine"))
        load = Load(leader.connect, self.seed)
        self.addCleanup(load.stop)
        until(lambda: load.writes > 500, "some load")
        self.follow(mine, leader)
        self.assertEqual(mine.value("REPLICAOF", "127.0.0.1", leader.port), b"OK Already connected to specified master")
        self.wait_up(mine)
        shown = info(mine, "replication")
        self.assertEqual((shown["role"], shown["master_port"]), ("slave", str(leader.port)))
        self.assertEqual(mine.value("ROLE")[:4], [b"slave", b"127.0.0.1", leader.port, b"connected"])
        self.assertEqual(info(theirs, "replication")["connected_slaves"], "1")
        # Reads go, writes do not: neither by themselves nor in transactions and scripts.
        self.assertEqual(mine.value("GET", "large"), b"\0\r\n" * 100_000)
        self.assertIsNone(mine.value("GET", "mine"))
        for write in (("SET", "k", "v"), ("DEL", "large"), ("FLUSHALL",), ("EVAL", "return redis.call('set', KEYS[1], 1)", "1", "k")):
            with self.assertRaisesRegex(ReplyError, "READONLY You can't write against a read only replica."):
                mine.value(*write)
        mine.value("MULTI")
        self.assertEqual(mine.call("SET", "k", "v"), (resp.ERROR, READONLY.encode()))
        self.assertTrue(mine.call("EXEC")[1].startswith(b"EXECABORT"))
        self.assertEqual(mine.value("FCALL", "moved_f", "0", "hello"), b"hello")
        before = load.writes
        until(lambda: load.writes > before + 2000, "more load")
        load.stop()
        self.wait_same(mine, theirs)
        # The leader counts it as a replica that has all.
        self.assertEqual(theirs.value("WAIT", "1", "5000"), 1)
        self.assertEqual(mine.value("REPLICAOF", "NO", "ONE"), b"OK")
        self.assertEqual(info(mine, "replication")["role"], "master")
        self.assertEqual(mine.value("SET", "k", "v"), b"OK")
        theirs.value("SET", "late", "x")
        time.sleep(0.5)
        self.assertIsNone(mine.value("GET", "late"))

    def test_deadlines_are_the_leaders(self):
        """What is due goes when the leader says so, though it is hidden before; and what is prolonged at the last moment stays."""
        leader, node = self.start_leader(), self.start_node()
        theirs, mine = self.connection_to(leader), self.connection_to(node)
        self.follow(mine, leader)
        self.wait_up(mine)
        theirs.value("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        theirs.value("SET", "due", "x", "PX", "30")
        theirs.value("SET", "stays", "x", "PX", "30")
        # A leader may begin its stream a second late: with the next word of its replica.
        until(lambda: mine.value("DBSIZE") == 2, "both come, though they may be due by then")
        time.sleep(0.2)
        self.assertIsNone(mine.value("GET", "due"))
        self.assertEqual(mine.value("DBSIZE"), 2)
        theirs.value("GET", "due")  # It goes there, and so here.
        until(lambda: mine.value("DBSIZE") == 1, "the leader's DEL")
        # The node is held while the deadline passes, the leader prolongs it in time.
        pause = self.connection_to(node)
        theirs.value("SET", "moved", "x", "PX", "300")
        until(lambda: mine.value("GET", "moved") == b"x", "it is there")
        pause.value("CLIENT", "PAUSE", "600", "WRITE")
        theirs.value("PERSIST", "moved")
        theirs.value("SET", "again", "x", "PX", "100")
        theirs.value("PEXPIRE", "again", "500000")
        until(lambda: mine.value("GET", "moved") == b"x" and mine.value("GET", "again") == b"x", "they are kept")
        self.assertEqual(mine.value("PTTL", "moved"), -1)
        self.assertEqual(mine.value("REPLICAOF", "NO", "ONE"), b"OK")
        until(lambda: mine.value("DBSIZE") == 2, "what is due goes by itself again")

    def test_links_break_and_leaders_restart(self):
        leader, node = self.start_leader(save="3600 1000000"), self.start_node()
        theirs, mine = self.connection_to(leader), self.connection_to(node)
        self.fill(theirs)
        load = Load(leader.connect, self.seed)
        self.addCleanup(load.stop)
        self.follow(mine, leader)
        self.wait_up(mine)
        for _ in range(3):
            until(lambda: theirs.value("CLIENT", "KILL", "TYPE", "replica") == 1, "a link to break")
            self.wait_up(mine)
        load.stop()
        self.wait_same(mine, theirs)
        statistics = info(theirs, "stats")
        self.assertEqual((statistics["sync_full"], statistics["sync_partial_ok"]), ("1", "3"))
        # Killed, it comes back with what it had saved, which is another history: that counts.
        theirs.value("SAVE")
        theirs.value("SET", "not saved", "x")
        until(lambda: mine.value("GET", "not saved") == b"x", "it was here")
        load = Load(leader.connect, self.seed + 1)
        self.addCleanup(load.stop)
        until(lambda: load.writes > 100, "load while it is killed")
        leader.kill()
        load.stop()
        until(lambda: info(mine, "replication")["master_link_status"] == "down", "the link is down")
        self.assertEqual(mine.value("GET", "not saved"), b"x")
        leader.start()
        theirs = self.connection_to(leader)
        self.wait_up(mine)
        self.wait_same(mine, theirs)
        self.assertIsNone(mine.value("GET", "not saved"))
        # The node itself: killed, it follows on, and may be written to no more than before.
        node.kill()
        node.start().wait_ready()
        mine = self.connection_to(node)
        with self.assertRaisesRegex(ReplyError, "READONLY|LOADING"):
            mine.value("SET", "k", "v")
        self.wait_up(mine)
        self.wait_same(mine, theirs)
        mine.value("REPLICAOF", "NO", "ONE")
        node.kill()
        node.start().wait_ready()
        mine = self.connection_to(node)
        self.assertEqual(info(mine, "replication")["role"], "master")
        self.assertEqual(dump(mine), dump(theirs))

    def test_files_that_are_damaged_or_cut_change_nothing(self):
        for diskless in ("yes", "no"):
            leader, node = self.start_leader(repl_diskless_sync=diskless, rdbcompression="no"), self.start_node()
            theirs, mine = self.connection_to(leader), self.connection_to(node)
            self.fill(theirs)
            mine.value("SET", "mine", "stays")
            broken = True

            def cut(count, piece):
                return None if broken and count > 150_000 else piece

            def damage(count, piece):
                if not broken or not count <= 100_000 < count + len(piece):
                    return piece
                at = 100_000 - count
                return piece[:at] + bytes([piece[at] ^ 4]) + piece[at + 1:]

            for change, message in ((cut, "connection"), (damage, "RDB file is refused")):
                broken = True
                relay = Relay(leader.address, change)
                self.addCleanup(relay.close)
                mine.value("REPLICAOF", "127.0.0.1", relay.port)
                until(lambda: message in info(mine, "replication")["leader_last_error"], message)
                until(lambda: relay.connections > 1, "it tries again")
                self.assertEqual(info(mine, "replication")["master_link_status"], "down")
                self.assertEqual(mine.value("GET", "mine"), b"stays")
                self.assertEqual(mine.value("DBSIZE"), 1)
            self.assertRegex(node.log(), "RDB file is refused: .*at byte [0-9]+ of the file")
            broken = False
            self.wait_up(mine)
            self.wait_same(mine, theirs)
            leader.stop()
            node.stop()

    def test_half_a_copy_is_never_shown(self):
        """The node is killed while it loads: it starts as one whose copy is not whole, answers LOADING, and NO ONE drops it."""
        leader, node = self.start_leader(), self.start_node()
        theirs, mine = self.connection_to(leader), self.connection_to(node)
        theirs.value("DEBUG", "POPULATE", "300000", "key", "100")
        mine.value("SET", "mine", "goes")
        self.follow(mine, leader)
        until(lambda: int(info(mine, "replication")["leader_keys_loaded"]) > 1000, "it loads", pause_s=0.005)
        if info(mine, "replication")["leader_stage"] == "loading":
            with self.assertRaisesRegex(ReplyError, "LOADING"):
                mine.value("GET", "key:1")
        node.kill()
        leader.stop()
        node.start()
        mine = until(lambda: self.ready(node), "it serves again")
        shown = info(mine, "replication")
        self.assertEqual((shown["role"], shown["master_link_status"]), ("slave", "down"))
        for words in (("DBSIZE",), ("EVAL", "return redis.call('get', KEYS[1])", "1", "key:1")):
            with self.assertRaisesRegex(ReplyError, "LOADING"):
                mine.value(*words)
        self.assertEqual(mine.value("REPLICAOF", "NO", "ONE"), b"OK")
        self.assertEqual(mine.value("DBSIZE"), 0)
        self.assertEqual(mine.value("SET", "k", "v"), b"OK")

    def ready(self, node):
        connection = self.connection_to(node)
        return connection if info(connection, "persistence")["loading"] == "0" and "role" in info(connection, "replication") else None

    def test_passwords(self):
        leader, node = self.start_leader(), self.start_node(requirepass="own")
        theirs, mine = self.connection_to(leader), self.connection_to(node)
        theirs.value("CONFIG", "SET", "requirepass", "secret")
        mine.value("AUTH", "own")
        theirs.value("SET", "k", "v")
        mine.value("SET", "mine", "stays")
        for password, error in (("", "NOAUTH"), ("wrong", "WRONGPASS")):
            mine.value("CONFIG", "SET", "masterauth", password)
            self.follow(mine, leader) if password == "" else None
            until(lambda: error in info(mine, "replication")["leader_last_error"], error)
            self.assertEqual(mine.value("GET", "mine"), b"stays")
        mine.value("CONFIG", "SET", "masterauth", "secret")
        self.wait_up(mine)
        self.wait_same(mine, theirs)
        theirs.value("ACL", "SETUSER", "copier", "on", ">pw", "+psync", "+replconf", "+ping")
        mine.value("CONFIG", "SET", "masteruser", "copier", "masterauth", "pw")
        theirs.value("CLIENT", "KILL", "TYPE", "replica")
        theirs.value("SET", "k", "w")
        until(lambda: mine.value("GET", "k") == b"w", "it follows as another user")
        self.assertNotIn("secret", node.log())
        for words in (("REPLICAOF", "127.0.0.1", "0"), ("REPLICAOF", "127.0.0.1", "x")):
            with self.assertRaisesRegex(ReplyError, "ERR Invalid master port"):
                mine.value(*words)

    def test_into_a_cluster(self):
        leader = self.start_leader()
        cluster = Cluster(3).start()
        self.addCleanup(cluster.stop)
        theirs = self.connection_to(leader)
        self.fill(theirs)
        follower, other = cluster.nodes[0].connect(timeout_s=60), cluster.nodes[1].connect(timeout_s=60)
        for connection in (follower, other):
            self.addCleanup(connection.close)
        other.value("SET", "before", "goes")
        self.follow(follower, leader)
        self.wait_up(follower)
        for i in range(300):
            theirs.value("MULTI")
            theirs.value("INCR", "counter")
            theirs.value("RPUSH", "queue", i)
            theirs.value("EXEC")
            theirs.value("SET", "k%d" % i, i)
        self.wait_same(follower, theirs, (0,))
        with self.assertRaisesRegex(ReplyError, "READONLY"):
            follower.value("SET", "k", "v")
        self.assertEqual(follower.value("REPLICAOF", "NO", "ONE"), b"OK")
        self.assertEqual(follower.value("SET", "k", "v"), b"OK")
        self.assertIsNone(other.value("GET", "before"))
        self.assertEqual(other.value("GET", "counter"), b"300")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
