"""maxmemory bounds what the process grows by, also where it is small."""

import os
import random
import socket
import statistics
import subprocess
import tempfile
import time
import unittest

import redis

SERVER = os.environ["STARLING_SERVER"]
LIMIT_S = 60
MIB = 2**20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as figures:
        return int(figures.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Limit(unittest.TestCase):
    def start(self, *settings):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        port = free_port()
        log = os.path.join(directory.name, "server.log")
        process = subprocess.Popen([SERVER, "--port", str(port), "--dir", directory.name, "--bind", "127.0.0.1",
                                    "--logfile", log, *settings], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        client = redis.Redis("127.0.0.1", port)
        limit = time.monotonic() + LIMIT_S
        while True:
            try:
                client.ping()
                return process, client, log
            except redis.ConnectionError:
                if time.monotonic() > limit or process.poll() is not None:
                    raise
                time.sleep(0.05)

    def load(self, process, client, limit_mib):
        """Sets three times what fits, half of it with a time to live. Answers growth over the limit."""
        empty = resident_bytes(process.pid)
        chance = random.Random(1)
        noise = chance.randbytes(MIB)
        growth, written, number = [], 0, 0
        while written < 3 * limit_mib * MIB:
            pipe = client.pipeline(transaction=False)
            for _ in range(500):
                size = chance.choice((30, 64, 100))
                begin = chance.randrange(len(noise) - size)
                ttl = chance.choice((None, 5, 1000, 100_000)) if chance.random() < 0.5 else None
                pipe.set(f"key:{number}", noise[begin:begin + size], ex=ttl)
                number += 1
                written += size + 50
            pipe.execute()
            growth.append((resident_bytes(process.pid) - empty) / (limit_mib * MIB))
        return growth

    def check(self, storage, limit_mib):
        process, client, _ = self.start("--storage", storage, "--maxmemory", f"{limit_mib}mb", "--maxmemory-policy",
                                        "allkeys-lru")
        growth = self.load(process, client, limit_mib)
        self.assertGreater(max(growth), 0.8)  # It was put to the test.
        self.assertLess(statistics.median(growth[len(growth) // 2:]), 1.05)

    def test_a_cache_keeps_its_limit(self):
        self.check("memory", 24)

    def test_a_durable_node_keeps_its_limit(self):
        self.check("rocksdb", 32)

    def test_a_limit_that_is_set_later_holds_too(self):
        process, client, _ = self.start("--storage", "rocksdb", "--block-cache-size", "6mb")
        empty = resident_bytes(process.pid)
        self.load(process, client, 24)
        client.config_set("maxmemory", "48mb")
        limit = time.monotonic() + LIMIT_S
        while resident_bytes(process.pid) - empty > 1.05 * 48 * MIB and time.monotonic() < limit:
            time.sleep(0.2)
        self.assertLess(resident_bytes(process.pid) - empty, 1.05 * 48 * MIB)

    def test_a_limit_that_cannot_be_kept_is_told(self):
        _, client, log = self.start("--maxmemory", "1gb")
        client.config_set("maxmemory", "16mb")
        with open(log, encoding="utf-8") as lines:
            self.assertIn("# maxmemory 16 MiB is not kept", lines.read())


if __name__ == "__main__":
    unittest.main()
