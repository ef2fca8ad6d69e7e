"""Starting again: a clean stop leaves nothing to replay; after a kill the commit log is replayed, and meanwhile the port
answers as Redis's does that loads its file."""

import contextlib
import signal
import time
import unittest

from cluster_nodes import BUS_PORT, LIMIT_S, Cluster, until
from harness import resp
from harness.resp import ReplyError
from single_node import SingleNode, info

KEYS = 300_000
LOADING = "LOADING Redis is loading the dataset in memory"


def fill(connection, keys=KEYS):
    step = 1000
    for first in range(0, keys, step):
        words = ["MSET"]
        for i in range(first, first + step):
            words += ["key:%d" % i, "value of %d, which is as long as most are" % i]
        connection.value(*words)


def connect_at_once(node, address):
    """As soon as there is a port."""
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        try:
            return resp.Connection(address, LIMIT_S)
        except OSError:
            if node.process.poll() is not None:
                raise AssertionError("it ended:\n" + node.log()) from None
    raise AssertionError("no port")


class Restart(unittest.TestCase):
    def setUp(self):
        self.node = SingleNode().start().wait_ready()
        self.addCleanup(self.node.stop)

    def stop_cleanly(self, number=signal.SIGTERM):
        self.node.process.send_signal(number)
        self.assertEqual(0, self.node.process.wait(LIMIT_S))

    def check_keys(self, keys=KEYS):
        with contextlib.closing(self.node.connect()) as connection:
            self.assertEqual(keys, connection.value("DBSIZE"))
            for i in range(0, keys, keys // 100):
                self.assertEqual(b"value of %d, which is as long as most are" % i, connection.value("GET", "key:%d" % i))

    def test_a_clean_stop_leaves_nothing_to_replay(self):
        with contextlib.closing(self.node.connect()) as connection:
            fill(connection, 50_000)
        self.stop_cleanly()
        self.node.start().wait_ready()
        self.assertNotIn("Replayed", self.node.log())
        self.check_keys(50_000)
        # Again, with nothing to bring to the store.
        self.stop_cleanly()
        self.node.start().wait_ready()
        self.assertNotIn("Replayed", self.node.log())
        self.check_keys(50_000)

    def test_shutdown_nosave_leaves_the_log(self):
        with contextlib.closing(self.node.connect()) as connection:
            fill(connection, 50_000)
            connection.send("SHUTDOWN", "NOSAVE")
            with self.assertRaises(resp.Closed):
                connection.read_frame()
        self.assertEqual(0, self.node.process.wait(LIMIT_S))
        self.node.start().wait_ready()
        self.assertIn("Replayed 50000 changes", self.node.log())
        self.check_keys(50_000)

    def test_while_it_loads_it_says_so(self):
        with contextlib.closing(self.node.connect()) as connection:
            fill(connection)
        self.node.kill()
        self.node.start()
        with contextlib.closing(connect_at_once(self.node, self.node.address)) as connection:
            self.check_loading(connection)
            until(lambda: connection.call("PING") == (resp.SIMPLE, b"PONG"), "it has loaded")
            # The same connection goes on.
            self.assertEqual(b"OK", connection.value("SET", "key:0", "value of 0, which is as long as most are"))
            fields = info(connection, "persistence")
            self.assertEqual("0", fields["loading"])
            self.assertNotIn("loading_loaded_perc", fields)
        self.assertIn("Replayed %d changes" % KEYS, self.node.log())
        self.check_keys()

    def check_loading(self, connection):
        for words in (("PING",), ("GET", "key:1"), ("SET", "key:1", "x"), ("WATCH", "key:1"), ("DBSIZE",), ("KEYS", "*"),
                      ("EVAL", "return 1", "0"), ("SAVE",), ("FLUSHALL",), ("CLUSTER", "INFO")):
            with self.assertRaisesRegex(ReplyError, LOADING, msg=words):
                connection.value(*words)
        self.assertEqual(b"OK", connection.value("SELECT", "0"))
        self.assertEqual(b"OK", connection.value("MULTI"))
        with self.assertRaisesRegex(ReplyError, LOADING):
            connection.value("GET", "key:1")
        with self.assertRaisesRegex(ReplyError, "EXECABORT"):
            connection.value("EXEC")
        self.assertIn("server", connection.value("HELLO")[0].decode())
        fields = info(connection)
        self.assertEqual("1", fields["loading"])
        self.assertLessEqual(int(fields["loading_loaded_bytes"]), int(fields["loading_total_bytes"]))
        self.assertLessEqual(float(fields["loading_loaded_perc"]), 100)
        for field in ("loading_start_time", "loading_rdb_used_mem", "loading_eta_seconds"):
            self.assertGreaterEqual(int(fields[field]), 0)
        self.assertNotIn("db0", fields)

    def test_a_stop_while_it_loads_loses_nothing(self):
        with contextlib.closing(self.node.connect()) as connection:
            fill(connection)
        self.node.kill()
        self.node.start()
        with contextlib.closing(connect_at_once(self.node, self.node.address)) as connection:
            with self.assertRaisesRegex(ReplyError, LOADING):
                connection.value("PING")
        self.stop_cleanly()
        self.assertNotIn("Replayed", self.node.log())
        self.node.start().wait_ready()
        self.check_keys()

    def test_progress_is_true(self):
        with contextlib.closing(self.node.connect()) as connection:
            fill(connection)
        self.node.kill()
        self.node.start()
        seen = []
        with contextlib.closing(connect_at_once(self.node, self.node.address)) as connection:
            while True:
                fields = info(connection, "persistence")
                if fields["loading"] == "0":
                    break
                seen.append((int(fields["loading_loaded_bytes"]), int(fields["loading_total_bytes"])))
        self.assertTrue(seen)
        self.assertEqual(sorted(seen), seen)
        self.assertLessEqual(len({total for _, total in seen if total}), 1)
        self.assertTrue(all(loaded <= total for loaded, total in seen))


class ClusterRestart(unittest.TestCase):
    def test_a_member_that_loads_takes_no_part(self):
        cluster = Cluster().start()
        self.addCleanup(cluster.stop)
        cluster.note_ids()
        first, *others = cluster.nodes
        with contextlib.closing(first.connect()) as connection:
            fill(connection)
        until(lambda: first.own("DBSIZE") == KEYS, "it has all")
        first.kill()
        cluster.wait_seen(first, others, ("fail", "fail?"))
        first.start()
        with contextlib.closing(connect_at_once(first, (first.host, 25001))) as connection:
            for words in (("PING",), ("GET", "key:1"), ("CLUSTER", "INFO"), ("PUBLISH", "channel", "message")):
                with self.assertRaisesRegex(ReplyError, LOADING, msg=words):
                    connection.value(*words)
            fields = info(connection)
            self.assertEqual("cluster", fields["redis_mode"])
            self.assertEqual("1", fields["cluster_enabled"])
            with self.assertRaises(OSError):
                resp.Connection((first.host, BUS_PORT), LIMIT_S)
            self.assertEqual("1", info(connection)["loading"])
            self.assertEqual(b"value of 7, which is as long as most are", others[0].call("GET", "key:7"))
        cluster.wait_whole()
        self.assertEqual(KEYS, first.own("DBSIZE"))


if __name__ == "__main__":
    unittest.main()
