"""Commands over keys that are mostly on disk: a real process whose memory holds a fraction of its data."""

import os
import pathlib
import socket
import subprocess
import tempfile
import time
import unittest

import redis

SERVER = os.environ["STARLING_SERVER"]
START_LIMIT_S = 60
KEYS = 20000
BATCH = 500


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def name(i):
    return b"k%d" % i


def value(i):
    return b"%d:" % i + b"v" * 1000


class KeyspaceOnDisk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.port = free_port()
        data = pathlib.Path(directory.name) / "data"
        data.mkdir()
        process = subprocess.Popen(
            [SERVER, "--port", str(cls.port), "--dir", str(data), "--maxmemory", "8mb", "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
        )
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.terminate)
        cls.connect().ping()

    @classmethod
    def connect(cls, database=0):
        client = redis.Redis("127.0.0.1", cls.port, db=database)
        limit = time.monotonic() + START_LIMIT_S
        while True:
            try:
                client.ping()
                return client
            except redis.ConnectionError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)

    def setUp(self):
        self.redis = self.connect()
        self.redis.flushall()
        self.fill(0, KEYS)

    def fill(self, first, last):
        """Sets keys, and waits until most records are on disk only."""
        for start in range(first, last, BATCH):
            pipeline = self.redis.pipeline(transaction=False)
            for i in range(start, start + BATCH):
                pipeline.set(name(i), value(i))
            pipeline.execute()
        limit = time.monotonic() + START_LIMIT_S
        while self.redis.info("memory")["records_memory"] > (last - first) * 1000 // 2:
            self.assertLess(time.monotonic(), limit, "nothing is evicted")
            time.sleep(0.1)

    def test_walks_see_all_keys(self):
        everything = {name(i) for i in range(KEYS)}
        self.assertEqual(KEYS, self.redis.dbsize())
        listed = self.redis.keys("*")
        self.assertEqual((KEYS, everything), (len(listed), set(listed)))
        self.assertEqual(everything, set(self.redis.scan_iter(count=700)))
        ones = {key for key in everything if key.startswith(b"k1")}
        self.assertEqual(ones, set(self.redis.keys("k1*")))
        self.assertEqual(ones, set(self.redis.scan_iter(match="k1*", count=700, _type="string")))
        self.assertEqual([], list(self.redis.scan_iter(count=5000, _type="hash")))
        drawn = {self.redis.randomkey() for _ in range(50)}
        self.assertLessEqual(drawn, everything)
        self.assertGreater(len(drawn), 40)

    def test_keys_are_found_where_they_are(self):
        r, other = self.redis, self.connect(1)
        for i in range(0, 200, 5):
            r.rename(name(i), b"renamed" + name(i))
            self.assertEqual(value(i), r.get(b"renamed" + name(i)))
            self.assertEqual(1, r.execute_command("COPY", name(i + 1), b"copy", "DB", "1", "REPLACE"))
            self.assertEqual(value(i + 1), other.get(b"copy"))
            self.assertEqual(1, r.move(name(i + 1), 1))
            self.assertEqual(value(i + 1), other.get(name(i + 1)))
            self.assertEqual(1, r.unlink(name(i + 2)))
            self.assertEqual(0, r.exists(name(i), name(i + 1), name(i + 2)))
            self.assertTrue(r.expire(name(i + 3), 1000))
            self.assertGreater(r.ttl(name(i + 3)), 900)
            r.restore(b"restored", 0, r.dump(name(i + 4)), replace=True)
            self.assertEqual(value(i + 4), r.get(b"restored"))
        self.assertEqual((KEYS - 80 + 1, 40 + 1), (r.dbsize(), other.dbsize()))

    def test_a_transaction_follows_its_databases(self):
        for i in range(0, 100):
            pipeline = self.redis.pipeline(transaction=True)
            pipeline.swapdb(0, 3)
            pipeline.get(name(i))
            pipeline.execute_command("SELECT", 3)
            pipeline.get(name(i))
            pipeline.swapdb(3, 0)
            pipeline.execute_command("SELECT", 0)
            pipeline.get(name(i))
            replies = pipeline.execute()
            self.assertEqual([None, value(i), value(i)], [replies[1], replies[3], replies[6]])

    def test_walks_within_a_transaction(self):
        pipeline = self.redis.pipeline(transaction=True)
        pipeline.delete(name(1))
        pipeline.keys("k1*")
        pipeline.randomkey()
        pipeline.dbsize()
        pipeline.flushall()
        pipeline.keys("*")
        pipeline.randomkey()
        _, ones, drawn, size, _, left, none = pipeline.execute()
        self.assertEqual({name(i) for i in range(2, KEYS) if name(i).startswith(b"k1")}, set(ones))
        self.assertTrue(drawn.startswith(b"k"))
        self.assertEqual((KEYS - 1, [], None), (size, left, none))

    def test_the_average_time_left_is_that_of_keys_with_a_deadline(self):
        self.redis.set("session", "x", ex=1000)
        left = self.redis.info("keyspace")["db0"]["avg_ttl"]
        self.assertTrue(0 < left <= 1_000_100, left)
        self.redis.delete("session")
        database = self.redis.info("keyspace")["db0"]
        self.assertEqual((0, 0), (database["expires"], database["avg_ttl"]))

    def test_the_figures_of_memory_fit_together(self):
        memory = self.redis.info("memory")
        self.assertGreater(memory["allocator_allocated"], memory["records_memory"])
        self.assertGreaterEqual(memory["allocator_active"], memory["allocator_allocated"])
        self.assertGreaterEqual(memory["allocator_resident"], memory["allocator_active"])
        self.assertEqual(memory["allocator_frag_bytes"], memory["allocator_active"] - memory["allocator_allocated"])


if __name__ == "__main__":
    unittest.main()
