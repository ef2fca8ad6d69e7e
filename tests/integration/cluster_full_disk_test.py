"""The disk of one node of three is full: every node still takes every write, and with room again it catches up.

Needs root, for a small file system.
"""

import os
import sys
import threading
import time
import unittest

from cluster_nodes import Cluster, until
from harness.resp import ReplyError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "redis-compat"))

from faults.mounts import SmallTmpfs
from harness.checks import Skip

DISK_MIB = 256
VALUE = "x" * 1000


class FullDisk(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        try:
            self.disk = SmallTmpfs(DISK_MIB)
        except Skip as reason:
            self.skipTest(str(reason))
        self.addCleanup(self.disk.__exit__)
        self.cluster = Cluster(3, repair_interval=0)
        self.addCleanup(self.cluster.stop)
        self.nodes = self.cluster.nodes
        self.nodes[2].directory = self.disk.folder("2")
        self.cluster.start()

    def fill(self):
        path = os.path.join(self.disk.mount_point, "filler")
        with open(path, "wb", 0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        return path

    def all_there(self, keys, read):
        for start in range(0, len(keys), 500):
            chunk = keys[start:start + 500]
            missing = [key for key, value in zip(chunk, read(*chunk)) if value != VALUE.encode()]
            self.assertEqual([], missing)

    def test_writes_go_around_it(self):
        first, second, full = self.nodes
        filler = self.fill()
        acknowledged, refused = [], []
        stop = threading.Event()

        def write(number, node):
            connection = node.connect()
            i = 0
            while not stop.is_set():
                key = "key:%d:%d" % (number, i)
                i += 1
                try:
                    connection.value("SET", key, VALUE)
                    acknowledged.append(key)
                except ReplyError as error:
                    refused.append((time.monotonic(), str(error)))
            connection.close()

        threads = [threading.Thread(target=write, args=(i, node)) for i, node in enumerate(self.nodes)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: "MISCONF" in " ".join(error for _, error in list(refused)) or
                  first.info().get("cluster_hints_waiting", "0") != "0", "the disk is full", 120)
            # From now on there is only the first moment, until the others have heard of it.
            time.sleep(3)
            moment = time.monotonic()
            count = len(acknowledged)
            until(lambda: len(acknowledged) > count + 1000, "writes go on", 60)
            late = [error for at, error in refused if at > moment]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        print("%d acknowledged, %d refused in the first moment, %d later" % (len(acknowledged), len(refused) - len(late), len(late)))
        self.assertEqual([], late)
        self.assertLess(len(refused), 1000)
        # Who asks the full node reads and writes as before.
        self.assertEqual(b"OK", full.call("SET", "through the full one", "value"))
        self.assertEqual(b"value", second.call("GET", "through the full one"))
        self.assertEqual(b"QUEUED", full.call("MULTI") and full.call("SET", "in a transaction", "1"))
        self.assertEqual([b"OK"], full.call("EXEC"))
        self.all_there(acknowledged, lambda *keys: first.call("MGET", *keys))

        os.unlink(filler)
        until(lambda: all(int(node.info()["cluster_hints_waiting"]) == 0 for node in self.nodes), "it has caught up", 120)
        self.all_there(acknowledged, lambda *keys: full.own("MGET", *keys))
        self.assertEqual([b"value", b"1"], full.own("MGET", "through the full one", "in a transaction"))


if __name__ == "__main__":
    unittest.main()
