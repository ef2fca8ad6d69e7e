#!/usr/bin/python3
"""The harness must be worth believing: wrong replies are seen, a dead server is no result, the arithmetic is right.
STARLING_BUILD names the folder of the programs; servers listen on ports the system chooses."""

import contextlib
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cluster
import measure
import report
from servers import ROOT, Launcher, ServerError

BUILD = os.environ.get("STARLING_BUILD", str(ROOT / "build" / "release"))
REQUESTS = 20_000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class AgainstTheFloor(unittest.TestCase):
    """The floor answers every GET with 64 times 'x': the right size, never the right bytes."""

    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.TemporaryDirectory()
        cls.port = free_port()
        cls.server = Launcher(BUILD, cls.port, cls.data.name).start("floor", "memory")
        cls.generator = measure.LoadGenerator(f"{BUILD}/starling-bench", connections=10, keys=1000)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.data.cleanup()

    def load(self, *arguments):
        result = subprocess.run([f"{BUILD}/starling-bench", "--port", str(self.port), "--requests", str(REQUESTS),
                                 "--keys", "1000", *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_counts_every_request_once(self):
        for pipeline in ("1", "7", "64"):
            measured = self.load("--workload", "set", "--pipeline", pipeline, "--series")["measured"]
            self.assertEqual(measured["requests"], REQUESTS)
            self.assertEqual(sum(second["requests"] for second in measured["series"]), REQUESTS)
            self.assertEqual(measured["errors"], 0)
            self.assertTrue(0 < measured["p50_us"] <= measured["p99_us"] <= measured["p999_us"] <= measured["max_us"])

    def test_sees_wrong_bytes(self):
        measured = self.load("--workload", "get", "--pipeline", "16")["measured"]
        self.assertEqual(measured["errors"], REQUESTS)
        self.assertEqual(self.load("--workload", "get", "--verify", "size")["measured"]["errors"], 0)

    def test_sees_wrong_size(self):
        measured = self.load("--workload", "get", "--verify", "size", "--value-size", "65")["measured"]
        self.assertEqual(measured["errors"], REQUESTS)

    def test_sees_wrong_kind_of_reply(self):
        for workload in ("ping", "incr", "hset", "sadd"):
            measured = self.load("--workload", workload, "--pipeline", "16")["measured"]
            self.assertEqual((measured["errors"], measured["first_error"]), (REQUESTS, "+OK"), workload)

    def test_preload_sets_every_key(self):
        self.assertEqual(self.load("--workload", "set", "--preload")["preload"]["requests"], 1000)

    def test_wrong_replies_are_no_result(self):
        with self.assertRaisesRegex(ServerError, "wrong replies"):
            self.generator.run(self.server, "get", requests=100)

    def test_counts_the_servers_cpu(self):
        before = measure.cpu_seconds(self.server.pid)
        result = measure.measure_load(self.server, self.generator, "set", settles=True, seconds=1)
        self.assertGreater(measure.cpu_seconds(self.server.pid), before)
        self.assertTrue(0 < result["cpu_us_per_request"] <= result["settled_cpu_us_per_request"])

    def test_a_paused_server_uses_nothing(self):
        self.server.pause()
        result = subprocess.run([f"{BUILD}/starling-bench", "--port", str(self.port), "--requests", "10",
                                 "--timeout-ms", "200"], capture_output=True, text=True, timeout=60)
        self.server.resume()
        self.assertIn("no reply in 200 ms", result.stderr)
        self.assertEqual(self.load("--workload", "set")["measured"]["requests"], REQUESTS)


def free_ports(count):
    """Consecutive ports whose bus ports are free too, at the moment."""
    while True:
        first = random.randrange(20_000, 22_000)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    for candidate in (port, port + 10_000):
                        stack.enter_context(socket.socket()).bind(("127.0.0.1", candidate))
                return list(range(first, first + count))
            except OSError:
                pass


class AgainstACluster(unittest.TestCase):
    KEYS = 3000

    def owned(self, servers, generator, route):
        """How many commands each node got while every key was set once."""
        before = [self.commands(server) for server in servers]
        self.assertEqual(generator.run(servers[1], "set", order="sequential", requests=self.KEYS, pipeline=7,
                                       route=route)["requests"], self.KEYS)
        return [self.commands(server) - count for server, count in zip(servers, before)]

    def commands(self, server):
        info = server.ask("INFO", "commandstats")
        return next((int(line.split("calls=")[1].split(",")[0]) for line in info.splitlines()
                     if line.startswith("cmdstat_set:")), 0)

    def test_routes(self):
        with tempfile.TemporaryDirectory() as data, contextlib.ExitStack() as stack:
            servers = cluster.start_starling(Launcher(BUILD, 0, data), stack, free_ports(3))
            generator = measure.LoadGenerator(f"{BUILD}/starling-bench", connections=6, keys=self.KEYS)
            # Nobody has to pass anything on when every key goes to who coordinates it.
            self.assertEqual(sum(self.owned(servers, generator, "owner")), self.KEYS)
            self.assertTrue(all(self.owned(servers, generator, "owner")))
            # The floor for the other routes: they too set every key, wherever it is sent.
            self.owned(servers, generator, "any")
            self.owned(servers, generator, "given")
            self.assertEqual(generator.run(servers[0], "get", requests=self.KEYS, route="owner")["misses"], 0)


class WithoutAServer(unittest.TestCase):
    def test_a_silent_server_is_no_result(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            result = subprocess.run([f"{BUILD}/starling-bench", "--port", str(silent.getsockname()[1]), "--requests",
                                     "10", "--connections", "2", "--timeout-ms", "200"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no reply in 200 ms", result.stderr)

    def test_bad_usage(self):
        for arguments in (["--pipeline", "0"], ["--workload", "lpush"], ["--seconds"], ["--nothing"], ["--keys", "9x"]):
            result = subprocess.run([f"{BUILD}/starling-bench", *arguments], capture_output=True, text=True)
            self.assertEqual(result.returncode, 2, arguments)

    def test_ratios_are_of_the_medians(self):
        setting = {"mode": "memory", "value_size": 64, "io_threads": 1, "workload": "get", "pipeline": 1}
        rates = ((100, 200, 900), (300, 100, 200))
        rows = report.summarize([{**setting, "side": side, "requests_per_second": rate}
                                 for repetition in range(3) for side in (0, 1)
                                 for rate in (rates[side][repetition],)])
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0]["ratios"]["requests_per_second"], {"of_medians": 1.0, "min": 200 / 900, "max": 3.0})


if __name__ == "__main__":
    unittest.main()
