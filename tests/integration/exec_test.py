"""Commands about the whole node inside EXEC, which holds locks of its own: none may wait for what the transaction holds."""

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
ANSWER_LIMIT_S = 60
NODE_WIDE = [
    "INFO everything", "INFO keyspace", "DBSIZE", "MEMORY STATS", "MEMORY DOCTOR", "MEMORY PURGE", "CONFIG RESETSTAT", "LASTSAVE",
    "CONFIG SET maxmemory 100mb", "CONFIG SET maxmemory-policy allkeys-lru", "BGSAVE", "RANDOMKEY", "SCAN 0", "KEYS *",
    "LATENCY LATEST", "SLOWLOG GET", "CLIENT INFO", "TIME", "FLUSHDB", "SWAPDB 0 1", "FLUSHALL", "DEBUG SLEEP 0",
    "DEBUG CHECKPOINT", "LCS k1 k2", "WAIT 0 1", "PUBLISH c m",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NodeWideInsideExec(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        data = pathlib.Path(directory.name) / "data"
        data.mkdir()
        self.port = free_port()
        process = subprocess.Popen(
            [SERVER, "--port", str(self.port), "--dir", str(data), "--io-threads", "2", "--bind", "127.0.0.1",
             "--enable-debug-command", "yes"],
            stdout=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        limit = time.monotonic() + START_LIMIT_S
        while True:
            try:
                self.client().ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)

    def client(self):
        return redis.Redis("127.0.0.1", self.port, socket_timeout=ANSWER_LIMIT_S)

    def test_answers(self):
        for line in NODE_WIDE:
            for before in ([], [("SET", "a", "1")], [("SET", str(i), "1") for i in range(100)]):
                with self.subTest(command=line, keys=len(before)):
                    pipeline = self.client().pipeline(transaction=True)
                    for command in before:
                        pipeline.execute_command(*command)
                    pipeline.execute_command(*line.split())
                    self.assertEqual(len(pipeline.execute(raise_on_error=False)), len(before) + 1)
        self.assertTrue(self.client().ping())

    def test_counts_what_the_transaction_changed(self):
        pipeline = self.client().pipeline(transaction=True)
        pipeline.execute_command("SELECT", "3")
        pipeline.set("a", "1")
        pipeline.execute_command("DBSIZE")
        pipeline.execute_command("INFO", "keyspace")
        replies = pipeline.execute()
        self.assertEqual(replies[2], 1)
        self.assertEqual(replies[3]["db3"]["keys"], 1)


if __name__ == "__main__":
    unittest.main()
