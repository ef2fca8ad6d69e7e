"""BGSAVE's snapshots: each is a data directory that a server starts on, with what the keys were then."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import redis

SERVER = os.environ["STARLING_SERVER"]
LIMIT_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def contents(client):
    """All of a database, but for what passes with time: {name: (type, payload, whether it has a deadline)}."""
    found = {}
    for name in client.scan_iter(count=1000):
        kind = client.type(name)
        value = {b"string": client.get, b"hash": client.hgetall, b"set": client.smembers}[kind](name)
        found[name] = kind, value, client.pexpiretime(name)
    return found


class Snapshot(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.data = pathlib.Path(directory.name) / "data"
        self.data.mkdir()

    def start(self, directory):
        port = free_port()
        process = subprocess.Popen(
            [SERVER, "--port", str(port), "--dir", str(directory), "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        limit = time.monotonic() + LIMIT_S
        while True:
            try:
                redis.Redis("127.0.0.1", port).ping()
                return process, lambda database=0: redis.Redis("127.0.0.1", port, db=database)
            except redis.ConnectionError:
                if time.monotonic() > limit or process.poll() is not None:
                    raise
                time.sleep(0.05)

    def snapshots(self):
        return sorted((self.data / "snapshots").iterdir())

    def wait_for_save(self, client):
        limit = time.monotonic() + LIMIT_S
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            self.assertLess(time.monotonic(), limit, "the snapshot takes too long")
            time.sleep(0.02)
        self.assertEqual(client.info("persistence")["rdb_last_bgsave_status"], "ok")

    def fill(self, database):
        client = database()
        for i in range(500):
            client.set("string:%d" % i, os.urandom(i))
            client.hset("hash:%d" % (i % 50), "field:%d" % i, i)
            client.sadd("set:%d" % (i % 20), i, "member:%d" % i)
        client.set("big", os.urandom(3 << 20))
        client.pexpire("string:7", 10**9)
        client.pexpire("hash:7", 10**9)
        client.delete("string:8", "set:3")
        database(5).mset({"other:%d" % i: i for i in range(100)})

    def test_opens_as_a_data_directory(self):
        process, database = self.start(self.data)
        self.fill(database)
        expected = {i: contents(database(i)) for i in (0, 5)}
        self.assertGreater(len(expected[0]), 500)
        self.assertGreater(database().info("persistence")["rdb_changes_since_last_save"], 1000)
        database().bgsave()
        # What changes from here on is not in it.
        self.wait_for_save(database())
        self.assertEqual(database().info("persistence")["rdb_changes_since_last_save"], 0)
        database().set("string:1", "later")
        database().set("later", "later")
        database(5).flushdb()
        self.assertEqual(database().info("persistence")["rdb_changes_since_last_save"], 3)
        (snapshot,) = self.snapshots()

        # Beside the node that made it, and again, as it is a node of its own from then on.
        for _ in range(2):
            copy, copied = self.start(snapshot)
            self.assertEqual({i: contents(copied(i)) for i in (0, 5)}, expected)
            self.assertEqual(copied().dbsize(), len(expected[0]))
            copied().set("own", "1")
            copied().delete("own")
            copy.send_signal(signal.SIGKILL)
            copy.wait()

        self.assertEqual(database().get("later"), b"later")
        process.terminate()
        self.assertEqual(process.wait(LIMIT_S), 0)

    def test_under_writes(self):
        """A snapshot taken while transactions move a sum between keys has the whole sum."""
        _, database = self.start(self.data)
        client = database()
        client.config_set("snapshots-keep", 3)
        names = ["account:%d" % i for i in range(64)]
        client.mset({name: 100 for name in names})
        for round_number in range(3):
            client.bgsave()
            i = 0
            while client.info("persistence")["rdb_bgsave_in_progress"] or i < 50:
                with client.pipeline(transaction=True) as pipeline:
                    pipeline.decrby(names[i % 64], i).incrby(names[(i * 7 + 1) % 64], i).execute()
                i += 1
            _, copied = self.start(self.snapshots()[-1])
            self.assertEqual(sum(map(int, copied().mget(names))), 6400, "round %d" % round_number)

    def test_keeps_as_many_as_it_is_told(self):
        _, database = self.start(self.data)
        client = database()
        client.set("key", "value")
        for _ in range(3):
            client.save()
        (kept,) = client.execute_command("SNAPSHOT", "LIST")
        self.assertEqual([kept[1].decode()], [path.name for path in self.snapshots()])
        self.assertGreater(kept[3], 0)
        self.assertEqual(kept[5], 0)
        client.config_set("snapshots-keep", 3)
        for _ in range(3):
            client.save()
        self.assertEqual(len(self.snapshots()), 3)
        name = self.snapshots()[1].name
        client.execute_command("SNAPSHOT", "DROP", name)
        self.assertNotIn(name, [path.name for path in self.snapshots()])
        with self.assertRaisesRegex(redis.ResponseError, "no such snapshot"):
            client.execute_command("SNAPSHOT", "DROP", name)
        # A server's own data is no snapshot any more.
        oldest = self.snapshots()[0]
        _, copied = self.start(oldest)
        client.config_set("snapshots-keep", 1)
        client.save()
        self.assertEqual(self.snapshots()[0], oldest)
        self.assertEqual(len(self.snapshots()), 2)
        with self.assertRaisesRegex(redis.ResponseError, "a server runs on this snapshot"):
            client.execute_command("SNAPSHOT", "DROP", oldest.name)
        self.assertEqual(copied().get("key"), b"value")


if __name__ == "__main__":
    unittest.main()
