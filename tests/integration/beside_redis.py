"""One node beside the redis-server that is installed: the same commands to both, and every reply the same."""

import os
import pathlib
import random
import shutil
import sys
import unittest

from single_node import SingleNode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "redis-compat" / "differential"))

import families
from executor import Executor
from harness.servers import Server
from step import format_step


class BesideRedis(unittest.TestCase):
    """`ours` and `theirs`: a connection to each, whose keys and functions are gone when a test begins."""

    @classmethod
    def setUpClass(cls):
        if shutil.which("redis-server") is None:
            raise unittest.SkipTest("there is no redis-server to compare with")
        cls.seed = int(os.environ.get("STARLING_SEED") or random.SystemRandom().randrange(1 << 40))
        print("STARLING_SEED=%d" % cls.seed, flush=True)
        cls.node = SingleNode(enable_debug_command="yes").start().wait_ready()
        cls.addClassCleanup(cls.node.stop)
        cls.redis = Server("redis-server")
        cls.addClassCleanup(cls.redis.stop)

    def setUp(self):
        self.ours = self.node.connect()
        self.theirs = self.redis.connect()
        for side in (self.ours, self.theirs):
            self.addCleanup(side.close)
            side.value("FLUSHALL")
            side.value("FUNCTION", "FLUSH")

    def compare(self, family, sequences, length):
        """Commands of a family of redis-compat/differential, made at random from the seed."""
        executor = Executor(self.redis.address, self.node.address)
        for number in range(sequences):
            steps = families.generate(family, random.Random("%s %d" % (family, self.seed + number)), length)
            mismatch = executor.run(steps)
            if mismatch:
                shown = "\n".join(map(format_step, steps[:mismatch.index + 1]))
                self.fail("seed %d:\n%s\nRedis: %r\nother: %r" % (self.seed + number, shown, mismatch.expected, mismatch.actual))
        executor.admin.close()
