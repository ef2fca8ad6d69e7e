"""Scripts on a real node and on a cluster of three: what they do is one operation, whoever asks and whatever ends."""

import contextlib
import hashlib
import os
import signal
import threading
import time
import unittest

from cluster_nodes import Cluster, until
from harness import resp
from harness.resp import ReplyError
from single_node import SingleNode, info

INCREMENT = "local n = redis.call('GET', KEYS[1]) or 0; redis.call('SET', KEYS[1], n + 1); return n + 1"
# Undeclared keys, the way BullMQ names its jobs.
JOBS = """
local id = redis.call('INCR', KEYS[1] .. ':id')
local job = KEYS[1] .. ':' .. id
redis.call('HSET', job, 'name', ARGV[1], 'n', id)
redis.call('SADD', KEYS[1] .. ':all', job)
return job
"""
MOVE = """
local amount = tonumber(ARGV[1])
local from = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], from - amount)
redis.call('INCRBY', KEYS[2], amount)
return from - amount
"""
ENDLESS = "redis.call('SET', KEYS[1], 'changed') while true do pcall(function() while true do end end) end"
# Each coroutine catches what ends the one that it begins, and begins another.
NESTED = ("redis.call('SET', KEYS[1], 'changed') local function f() while true do "
          "coroutine.resume(coroutine.create(f)) pcall(coroutine.resume, coroutine.create(f)) end end f()")
# One call that lasts for seconds and looks at nothing meanwhile: a pattern that backtracks.
DEAF = "return string.find(string.rep('a', 150), '^' .. string.rep('a*', 5) .. 'b')"
CLIENTS = 6
TIMES = 200
BEGUN_S = 0.5  # By then a script has begun. (If it has not, a test waits for longer, and may fail, never pass wrongly.)


def sha(text):
    return hashlib.sha1(text.encode()).hexdigest()


def failure(connection, *arguments):
    """The text of the error that the command must be answered with."""
    try:
        reply = connection.value(*arguments)
    except ReplyError as error:
        return str(error)
    raise AssertionError("%r instead of an error to %r" % (reply, arguments))


def together(count, work):
    """work(i) on a thread of its own each; raises what the first raised."""
    failures = []

    def guarded(i):
        try:
            work(i)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class OnOneNode(unittest.TestCase):
    SETTINGS = {"io_threads": 3, "busy_reply_threshold": 200}

    def setUp(self):
        self.node = SingleNode(**self.SETTINGS).start().wait_ready()
        self.addCleanup(self.node.stop)

    def connect(self, protocol=2):
        connection = self.node.connect(protocol)
        self.addCleanup(connection.close)
        return connection

    def test_increments_of_many_clients_add_up(self):
        connection = self.connect()
        self.assertEqual(connection.value("SCRIPT", "LOAD", INCREMENT), sha(INCREMENT).encode())

        def work(_):
            own = self.connect()
            for _ in range(TIMES):
                own.value("EVALSHA", sha(INCREMENT), 1, "counter")
        together(CLIENTS, work)
        self.assertEqual(connection.value("GET", "counter"), b"%d" % (CLIENTS * TIMES))

    def test_keys_that_were_not_declared(self):
        def work(client):
            own = self.connect()
            for i in range(TIMES // 4):
                own.value("EVAL", JOBS, 1, "queue", "job-%d-%d" % (client, i))
        together(CLIENTS, work)
        count = CLIENTS * (TIMES // 4)
        connection = self.connect()
        self.assertEqual(connection.value("GET", "queue:id"), b"%d" % count)
        self.assertEqual(connection.value("SCARD", "queue:all"), count)
        for i in range(1, count + 1):
            self.assertEqual(connection.value("HGET", "queue:%d" % i, "n"), b"%d" % i)

    def test_keys_in_different_orders_do_not_block_each_other(self):
        script = "for i = 1, #ARGV do redis.call('INCR', ARGV[i]) end return #ARGV"

        def work(client):
            own = self.connect()
            keys = ["a%d" % i for i in range(12)]
            for i in range(TIMES):
                turned = keys[i % 12:] + keys[:i % 12]
                own.value("EVAL", script, 0, *(turned if client % 2 else reversed(turned)))
        together(CLIENTS, work)
        for i in range(12):
            self.assertEqual(self.connect().value("GET", "a%d" % i), b"%d" % (CLIENTS * TIMES))

    def test_nobody_sees_the_middle_of_a_script(self):
        connection = self.connect()
        connection.value("MSET", "from", 1000, "to", 0)
        ended = threading.Event()

        def look():
            own = self.connect()
            while not ended.is_set():
                values = [int(value) for value in own.value("MGET", "from", "to")]
                self.assertEqual(sum(values), 1000)

        def work(client):
            if client == 0:
                return look()
            own = self.connect()
            try:
                for _ in range(TIMES):
                    own.value("EVAL", MOVE, 2, "from", "to", 1)
            finally:
                ended.set()
        together(3, work)

    def test_an_endless_script_is_killed_and_leaves_nothing(self):
        for clients, script in ((1, ENDLESS), (8, ENDLESS), (1, NESTED)):
            with self.subTest(clients=clients, script=script):
                connection = self.connect()
                connection.value("SET", "key", "before")
                victims = [self.connect() for _ in range(clients)]
                ended = []
                thread = threading.Thread(target=lambda: ended.append(failure(self.connect(), "EVAL", script, 1, "key")))
                thread.start()
                # What a loop has read before it began waits for its end: the victims speak later.
                time.sleep(BEGUN_S)
                # Whichever loop runs it, all others and its own say so.
                for victim in victims:
                    until(lambda: failure_or_none(victim, "GET", "key"), "BUSY")
                self.assertIn("BUSY Redis is busy running a script", failure(self.connect(), "PING"))
                until(lambda: self.connect().value("SCRIPT", "KILL") == b"OK", "it is killed")
                thread.join(30)
                self.assertIn("Script killed by user with SCRIPT KILL.", ended[0])
                self.assertEqual(connection.value("GET", "key"), b"before")
                self.assertIn("NOTBUSY", failure(connection, "SCRIPT", "KILL"))

    def test_what_cannot_be_taken_back_is_not_killed(self):
        connection = self.connect()
        connection.value("SET", "key", "x")
        script = ("redis.call('PUBLISH', 'channel', 'x') local until_s = redis.call('TIME')[1] + 5 "
                  "while redis.call('TIME')[1] + 0 < until_s do for i = 1, 10000 do end end return 7")
        result = []
        thread = threading.Thread(target=lambda: result.append(self.connect().value("EVAL", script, 1, "key")))
        thread.start()
        time.sleep(BEGUN_S)
        until(lambda: "UNKILLABLE" in failure(self.connect(), "SCRIPT", "KILL"), "it cannot be killed")
        thread.join(120)
        self.assertEqual(result, [7])

    def test_others_are_told_though_a_script_looks_at_nothing(self):
        connections = [self.connect() for _ in range(6)]
        for connection in connections:
            connection.value("PING")
        script = self.connect()
        script.value("EVAL", "return 1", 0)
        script.send("EVAL", DEAF, 1, "key")
        time.sleep(0.1)  # It has begun, and nobody is told BUSY yet: they wait for its stripes.
        for connection, command in zip(connections, (["GET", "key"], ["FLUSHALL"], ["DBSIZE"], ["INFO", "keyspace"], ["SET", "key", "x"],
                                                     ["SWAPDB", "0", "1"])):
            connection.send(*command)
        time.sleep(1.5)
        told = sum(connection.read_available(0.01)[0].startswith(b"-BUSY") for connection in connections)
        self.assertEqual(script.read_available(0.01)[0], b"", "the script ended too early for the test")
        # One loop of three is the script's own.
        self.assertGreaterEqual(told, len(connections) // 3 * (self.SETTINGS["io_threads"] - 1))
        self.assertIsNone(resp.to_python(script.read_frame()[0]))

    def test_what_was_read_with_an_endless_script_is_answered(self):
        connections = [self.connect() for _ in range(9)]
        for connection in connections:
            connection.value("PING")
        # All of it is there when the node looks, so that it reads it in one pass.
        os.kill(self.node.process.pid, signal.SIGSTOP)
        for i, connection in enumerate(connections):
            if i == 4:
                connection.send("EVAL", "while true do end", 0)
            else:
                connection.send_raw(b"".join(resp.encode(command) for command in (("SET", "own%d" % i, i), ("GET", "own%d" % i))))
            time.sleep(0.01)
        os.kill(self.node.process.pid, signal.SIGCONT)
        others = connections[:4] + connections[5:]
        for connection in others:
            for _ in range(2):
                late_failure(connection)  # What was before the script is answered, what is behind it told BUSY.
        until(lambda: self.connect().value("SCRIPT", "KILL") == b"OK", "it is killed")
        self.assertIn("killed by user", late_failure(connections[4]))
        for connection in others:
            self.assertEqual(connection.value("PING"), b"PONG")

    def test_the_end_of_the_process_ends_a_script(self):
        for threshold in ("5000", "0"):
            for script, left in ((ENDLESS, b"before"), ("redis.call('PUBLISH', 'c', 'm') " + ENDLESS, b"changed")):
                with self.subTest(threshold=threshold, script=script):
                    connection = self.connect()
                    connection.value("SET", "key", "before")
                    connection.value("CONFIG", "SET", "busy-reply-threshold", threshold)
                    for _ in range(self.SETTINGS["io_threads"]):  # One of them is at the loop that hears signals.
                        self.connect().send("EVAL", script, 1, "key")
                    time.sleep(BEGUN_S)
                    self.node.process.terminate()
                    self.assertEqual(self.node.process.wait(30), 0)
                    self.node.start().wait_ready()
                    if self.SETTINGS.get("storage") != "memory":
                        self.assertEqual(self.connect().value("GET", "key"), left)

    def test_in_a_transaction(self):
        connection = self.connect()
        self.assertEqual(connection.value("MULTI"), b"OK")
        for command in (("SET", "a", "1"), ("EVAL", INCREMENT, 1, "a"), ("EVAL", JOBS, 1, "queue", "x"),
                        ("EVAL", "return redis.call('GET', 'a')", 0)):
            self.assertEqual(connection.value(*command), b"QUEUED")
        self.assertEqual(connection.value("EXEC"), [b"OK", 2, b"queue:1", b"2"])
        connection.value("WATCH", "a")
        self.connect().value("EVAL", INCREMENT, 1, "a")
        connection.value("MULTI")
        connection.value("SET", "a", "lost")
        self.assertIsNone(connection.value("EXEC"))

    def test_the_database_of_a_script_ends_with_it(self):
        connection = self.connect()
        connection.value("EVAL", "redis.call('SELECT', 3) redis.call('SET', KEYS[1], 'three')", 1, "k")
        self.assertIsNone(connection.value("GET", "k"))
        connection.value("SELECT", 3)
        self.assertEqual(connection.value("GET", "k"), b"three")

    def test_monitor_shows_what_scripts_call(self):
        monitor = self.connect()
        self.assertEqual(monitor.value("MONITOR"), b"OK")
        self.connect().value("EVAL", "return redis.call('GET', KEYS[1])", 1, "k")
        lines = [monitor.read_frame()[0][1] for _ in range(2)]
        self.assertIn(b'"EVAL" "return redis', lines[0])
        self.assertTrue(lines[1].endswith(b'[0 lua] "GET" "k"'), lines)

    def test_what_info_tells(self):
        connection = self.connect()
        connection.value("EVAL", "return 1", 0)
        connection.value("SCRIPT", "LOAD", "return 2")
        memory = info(connection, "memory")
        self.assertEqual(memory["number_of_cached_scripts"], "2")
        self.assertGreater(int(memory["used_memory_scripts"]), 0)
        self.assertGreater(int(memory["used_memory_vm_eval"]), 10000)
        connection.value("EVALSHA", sha("return 1"), 0)
        stats = info(connection, "commandstats")
        self.assertTrue(stats["cmdstat_evalsha"].startswith("calls=1,"))
        self.assertEqual(connection.value("SCRIPT", "FLUSH"), b"OK")
        self.assertEqual(info(connection, "memory")["number_of_cached_scripts"], "0")
        self.assertIn("NOSCRIPT", failure(connection, "EVALSHA", sha("return 1"), 0))

    def test_memory_limit(self):
        connection = self.connect()
        self.assertEqual(connection.value("CONFIG", "SET", "lua-memory-limit", "8mb"), b"OK")
        error = failure(connection, "EVAL", "local t = {} for i = 1, 1e8 do t[i] = 'x' .. i end", 0)
        self.assertIn("not enough memory", error)
        self.assertEqual(connection.value("EVAL", "return 1", 0), 1)

    def test_maxmemory(self):
        connection = self.connect()
        connection.value("EVAL", "return 1", 0)
        connection.value("SET", "k", "x" * 100000)
        for setting in (("maxmemory-policy", "noeviction"), ("maxmemory", "1")):
            connection.value("CONFIG", "SET", *setting)
        if "OOM" not in (failure_or_none(connection, "SET", "l", "x") or ""):
            return  # With a disk there is always room.
        self.assertIn("OOM", failure(connection, "EVAL", "return redis.call('SET', KEYS[1], 'x')", 1, "l"))
        self.assertEqual(connection.value("EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 'x')", 1, "l"), b"OK")

    def test_effects_survive_a_crash(self):
        connection = self.connect()
        connection.value("CONFIG", "SET", "appendfsync", "always")
        for i in range(20):
            connection.value("EVAL", JOBS, 1, "queue", "x")
        self.node.kill()
        self.node.start().wait_ready()
        again = self.connect()
        self.assertEqual(again.value("GET", "queue:id"), b"20")
        self.assertEqual(again.value("SCARD", "queue:all"), 20)


def late_failure(connection):
    """The error that is answered soon, or None. Raises what a socket does when no answer comes."""
    connection.socket.settimeout(10)
    try:
        resp.to_python(connection.read_frame()[0])
        return None
    except ReplyError as error:
        return str(error)


class InMemory(OnOneNode):
    SETTINGS = {"io_threads": 1, "busy_reply_threshold": 200, "storage": "memory"}

    def test_effects_survive_a_crash(self):
        self.skipTest("without a disk nothing does")


class KeysOnDisk(unittest.TestCase):
    """Records that have left memory: the script starts over until they are there."""

    KEYS = 50_000

    def setUp(self):
        self.node = SingleNode(maxmemory="64mb", notify_keyspace_events="KEA").start().wait_ready()
        self.addCleanup(self.node.stop)

    def filled(self, value):
        connection = self.node.connect()
        self.addCleanup(connection.close)
        for i in range(0, self.KEYS, 100):
            connection.value("MSET", *(word for j in range(i, i + 100) for word in ("k%d" % j, value)))
        return connection

    def test_events_of_runs_that_do_not_count_are_not_told(self):
        connection = self.filled("v" * 2000)
        listener = self.node.connect()
        self.addCleanup(listener.close)
        listener.send("SUBSCRIBE", "__keyevent@0__:incrby", "end")
        for _ in range(2):
            listener.read_frame()
        script = "redis.call('INCR', 'runs') for i = 1, 20 do redis.call('STRLEN', 'k' .. (i * 37 + ARGV[1])) end"
        restarts = int(info(connection)["disk_reads"])
        for i in range(10):
            connection.value("EVAL", script, 0, i)
        self.assertGreater(int(info(connection)["disk_reads"]), restarts, "no key was on disk")
        connection.value("PUBLISH", "end", "end")
        told = 0
        while resp.to_python(listener.read_frame()[0])[1] != b"end":
            told += 1
        self.assertEqual(told, 10)

    def test_a_great_many_undeclared_keys(self):
        connection = self.filled("v" * 2000)
        script = "local n = 0 for i = 1, ARGV[1] do n = n + redis.call('STRLEN', 'k' .. i * 7) end return n"
        begun = time.monotonic()
        self.assertEqual(connection.value("EVAL", script, 0, 1000), 1000 * 2000)
        print("1000 undeclared keys, most of them on disk: %.2f s" % (time.monotonic() - begun))

    def test_undeclared_keys_that_are_not_in_memory(self):
        value = "v" * 2000
        connection = self.filled(value)
        script = ("local n = redis.call('INCR', 'runs') local sum = 0 "
                  "for i = 1, 20 do sum = sum + #redis.call('GET', 'k' .. (i * 37 + ARGV[1])) end "
                  "redis.call('SET', 'last', ARGV[1]) return sum + n")
        for i in range(10):
            self.assertEqual(connection.value("EVAL", script, 0, i), 20 * len(value) + i + 1)
        self.assertEqual(connection.value("GET", "runs"), b"10")


class InACluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, replicas=3, busy_reply_threshold=500).start()
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        self.nodes = self.cluster.nodes
        for node in self.nodes:
            if not node.alive():
                node.start()
        self.cluster.wait_whole()
        self.nodes[0].call("FLUSHALL")

    def test_a_script_that_was_loaded_is_known_everywhere(self):
        text = "return {KEYS[1], ARGV[1], 'loaded'}"
        for node in self.nodes:
            self.assertEqual(node.call("SCRIPT", "EXISTS", sha(text)), [0])
        self.assertEqual(self.nodes[1].call("SCRIPT", "LOAD", text), sha(text).encode())
        for node in self.nodes:
            self.assertEqual(node.call("SCRIPT", "EXISTS", sha(text)), [1])
            for i in range(20):
                key = b"key%d" % i
                self.assertEqual(node.call("EVALSHA", sha(text), 1, key, "x"), [key, b"x", b"loaded"])
        self.assertEqual(self.nodes[2].call("SCRIPT", "FLUSH"), b"OK")
        for node in self.nodes:
            self.assertEqual(node.call("SCRIPT", "EXISTS", sha(text)), [0])
            self.assertIn("NOSCRIPT", node.error("EVALSHA", sha(text), 1, "k", "x"))

    def test_what_one_node_knows_runs_wherever_the_keys_are(self):
        text = "return redis.call('SET', KEYS[1], 'by text')"
        # EVAL without keys runs here, and only this node knows it.
        self.nodes[0].call("EVAL", "return 1", 0)
        with contextlib.closing(self.nodes[0].connect()) as connection:
            connection.value("EVAL", text, 1, "first")
            for i in range(30):
                try:
                    self.assertEqual(connection.value("EVALSHA", sha(text), 1, "other%d" % i), b"OK")
                except ReplyError as error:
                    # Another loop's or node's coordinator ran the EVAL: then this node never saw the text.
                    self.assertIn("NOSCRIPT", str(error))
                    self.assertEqual(self.nodes[0].call("SCRIPT", "EXISTS", sha(text)), [0])
                    connection.value("SCRIPT", "LOAD", text)
                    self.assertEqual(connection.value("EVALSHA", sha(text), 1, "other%d" % i), b"OK")

    def test_counters_at_three_nodes_add_up(self):
        def work(client):
            with contextlib.closing(self.nodes[client % 3].connect()) as own:
                for i in range(TIMES // 4):
                    own.value("EVAL", INCREMENT, 1, "counter%d" % (i % 5))
        together(CLIENTS, work)
        total = sum(int(self.nodes[0].call("GET", "counter%d" % i)) for i in range(5))
        self.assertEqual(total, CLIENTS * (TIMES // 4))

    def test_effects_are_on_all_replicas(self):
        script = "redis.call('HSET', KEYS[1], 'a', 1, 'b', 2) redis.call('SADD', KEYS[2], 'm') redis.call('EXPIRE', KEYS[2], 1000)"
        self.nodes[0].call("EVAL", script, 2, "{t}h", "{t}s")
        for node in self.nodes:
            until(lambda: node.own("HLEN", "{t}h") == 2, "the hash is at %s" % node.host)
            until(lambda: node.own("SCARD", "{t}s") == 1, "the set is at %s" % node.host)
            self.assertGreater(node.own("TTL", "{t}s"), 900)

    def test_keys_that_were_not_declared_are_refused(self):
        node = self.nodes[0]
        self.assertIn("non local key", node.error("EVAL", "return redis.call('GET', 'elsewhere')", 1, "here"))
        self.assertIn("did not declare", node.error("EVAL", "return redis.call('GET', '{here}2')", 1, "{here}1"))
        self.assertIn("non local key", node.error("EVAL", "return redis.call('SET', 'x', 1)", 0))
        self.assertIn("no node holds all keys", node.error("EVAL", "return redis.call('KEYS', '*')", 0))
        self.assertIn("no-cluster", node.error("EVAL", "#!lua flags=no-cluster\nreturn 1", 0))
        self.assertEqual(node.call("EVAL", "return 5", 0), 5)

    def test_in_a_transaction(self):
        for node in self.nodes:
            with contextlib.closing(node.connect()) as connection:
                connection.value("SCRIPT", "LOAD", INCREMENT)
                connection.value("MULTI")
                connection.value("SET", "tx", 1)
                connection.value("EVALSHA", sha(INCREMENT), 1, "tx")
                connection.value("EVAL", INCREMENT, 1, "tx")
                self.assertEqual(connection.value("EXEC"), [b"OK", 2, 3])

    def test_what_locks_other_keys_by_itself_is_refused(self):
        with contextlib.closing(self.nodes[0].connect()) as connection:
            for command in (["COUNTKEYSINSLOT", "12182"], ["GETKEYSINSLOT", "12182", "10"], ["RESTAMP"]):
                arguments = ", ".join("'%s'" % word for word in ["CLUSTER"] + command)
                self.assertIn("not allowed in transactions and scripts",
                              failure(connection, "EVAL", "return redis.call(%s)" % arguments, 1, "foo"))

    def test_an_endless_script_is_ended_and_leaves_nothing(self):
        node = self.nodes[0]
        key = next("k%d" % i for i in range(1000) if self.coordinator("k%d" % i) == node.host)
        node.call("SET", key, "before")
        ended = []

        def run():
            with contextlib.closing(node.connect()) as own:
                ended.append(failure(own, "EVAL", ENDLESS, 1, key))
        thread = threading.Thread(target=run)
        thread.start()

        thread.join(30)
        self.assertIn("busy-reply-threshold", ended[0])
        for other in self.nodes:
            self.assertEqual(other.call("GET", key), b"before")

    def test_a_script_that_is_ended_leaves_what_others_have_not_seen(self):
        for number, script in enumerate(("redis.call('SET', KEYS[1], 'x')", "redis.call('DEL', KEYS[1])", "redis.call('INCR', KEYS[1])")):
            key = "versions%d" % number
            for value in ("1", "2"):
                # A write that saw nothing takes nothing away.
                self.nodes[number].call("VCLOCK", "SET", key, "", value)
            before = [node.call("VCLOCK", "GET", key) for node in self.nodes]
            self.assertEqual({b"1", b"2"}, set(before[0][3]), before)
            self.assertIn("busy-reply-threshold", self.nodes[0].error("EVAL", script + " while true do end", 1, key))
            self.assertEqual(before, [node.call("VCLOCK", "GET", key) for node in self.nodes])

    def coordinator(self, key):
        reply = self.nodes[0].call("QUORUM", "EXPLAIN", key)
        text = repr(reply)
        hosts = [(text.index(node.host), node.host) for node in self.nodes if node.host in text]
        return min(hosts)[1]

    def test_acknowledged_effects_survive_the_death_of_a_node(self):
        script = "redis.call('SADD', KEYS[1], ARGV[1]) return redis.call('INCR', KEYS[2])"
        acknowledged = []
        stop = threading.Event()

        def work():
            i = 0
            while not stop.is_set():
                i += 1
                node = self.nodes[1 + i % 2]
                try:
                    node.call("EVAL", script, 2, "{d%d}s" % (i % 7), "{d%d}n" % (i % 7), i)
                    acknowledged.append(i)
                except (OSError, ReplyError, EOFError):
                    pass
                except Exception:  # pylint: disable=broad-except
                    node.close()
        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: len(acknowledged) > 50, "scripts run")
        self.nodes[0].kill()
        died_at = len(acknowledged)
        until(lambda: len(acknowledged) > died_at + 50, "scripts run without the node", limit_s=60)
        stop.set()
        thread.join()
        for tag in range(7):
            members = {int(member) for member in self.nodes[1].call("SMEMBERS", "{d%d}s" % tag)}
            mine = {i for i in acknowledged if i % 7 == tag}
            self.assertLessEqual(mine, members)
            self.assertGreaterEqual(int(self.nodes[1].call("GET", "{d%d}n" % tag)), len(mine))


def failure_or_none(connection, *arguments):
    try:
        connection.value(*arguments)
        return None
    except ReplyError as error:
        return str(error)


if __name__ == "__main__":
    unittest.main()
