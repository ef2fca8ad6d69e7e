"""Client-side caching in a cluster: who tracks keys at one node is told of changes through every node, also where one is
lost; and no copy outlives a change.
"""

import contextlib
import time
import unittest

from cluster_nodes import Cluster, until
from tracking_client import KEYS, Caching, Told, fence, no_copy_outlives_a_change
from harness import resp


class Three(Caching):
    """Every node holds every key."""

    @classmethod
    def make(cls):
        return Cluster()

    def test_changes_through_every_node_are_told_at_every_node(self):
        for reader in self.nodes:
            told = Told(self, reader)
            for writer in self.nodes:
                for key in KEYS[:10]:
                    told.keep(key)
                    writer.call("SET", key, writer.host)
                    told.is_told(key)

    def test_what_is_not_changed_may_be_kept(self):
        told = Told(self, self.nodes[0])
        for key in KEYS:
            self.nodes[1].call("SET", key, "1")
        for key in KEYS:
            told.keep(key)
        told.seen.clear()
        self.nodes[2].call("SET", KEYS[0], "2")
        told.is_told(KEYS[0])
        time.sleep(0.5)
        self.assertEqual({KEYS[0]}, set(told.look()))

    def test_changes_of_all_kinds(self):
        told = Told(self, self.nodes[0])
        key = b"{kinds}:1"
        for change in (("DEL", key), ("APPEND", key, "x"), ("EXPIRE", key, 100), ("PEXPIRE", key, 1),
                       ("EVAL", "redis.call('set', KEYS[1], 1)", 1, key), ("RENAME", key, "{kinds}:2"),
                       ("QUORUM", "EXEC", "W", "ALL", "STRICT", "--", "INCRBY", key, 5), ("FLUSHALL",)):
            self.nodes[1].call("SET", key, "1")
            told.keep(key)
            self.nodes[2].call(*change)
            told.is_told(key)

    def test_transactions(self):
        told = Told(self, self.nodes[0])
        keys = [b"{t}:%d" % i for i in range(3)]
        for writer in self.nodes:
            for key in keys:
                told.keep(key)
            with contextlib.closing(writer.connect()) as connection:
                connection.value("MULTI")
                for key in keys:
                    connection.value("SET", key, writer.host)
                connection.value("EXEC")
            for key in keys:
                told.is_told(key)
        # What it reads inside one.
        for key in keys:
            told.connection.value("MULTI")
            told.connection.send("GET", key)
            told.connection.value("EXEC")
            time.sleep(0.2)
            told.look()
            told.seen.clear()
        told.connection.value("MULTI")
        told.connection.value("GET", keys[0])
        told.connection.value("EXEC")
        told.look()
        told.seen.clear()
        self.nodes[1].call("SET", keys[0], "x")
        told.is_told(keys[0])

    def test_by_prefix(self):
        for reader in self.nodes:
            told = Told(self, reader, "BCAST", "PREFIX", "cached:", "PREFIX", "user:")
            for writer in self.nodes:
                for key in (KEYS[0], b"user:1"):
                    told.seen.clear()
                    writer.call("SET", key, writer.host)
                    told.is_told(key)
                writer.call("SET", "other", "1")
                self.assertNotIn(b"other", told.look())

    def test_when_asked_for(self):
        told = Told(self, self.nodes[0], "OPTIN")
        key = KEYS[0]
        self.nodes[1].call("SET", key, "1")
        time.sleep(0.5)
        told.get(key)
        self.nodes[1].call("SET", key, "2")
        time.sleep(0.5)
        self.assertEqual([], told.look())

        def kept():
            told.connection.send_raw(resp.encode(("CLIENT", "CACHING", "YES")) + resp.encode(("GET", key)))
            told.seen.clear()
            time.sleep(0.1)
            return key not in told.look()
        until(kept, "it may be kept")
        self.nodes[1].call("SET", key, "3")
        told.is_told(key)

    def test_redirected(self):
        for reader in self.nodes:
            with contextlib.closing(reader.connect()) as listener, contextlib.closing(reader.connect()) as reads:
                number = listener.value("CLIENT", "ID")
                listener.value("SUBSCRIBE", "__redis__:invalidate")
                self.assertEqual(b"OK", reads.value("CLIENT", "TRACKING", "ON", "REDIRECT", number))
                for writer in self.nodes:
                    reads.value("GET", "redirected")
                    writer.call("SET", "redirected", writer.host)
                    listener.socket.settimeout(10)
                    frame = listener.read_frame()[0]
                    self.assertEqual([b"message", b"__redis__:invalidate", [b"redirected"]], resp.to_python(frame))
                    time.sleep(0.3)
                    fence(listener)

    def test_not_inside_transactions(self):
        with contextlib.closing(self.nodes[0].connect(3)) as connection:
            connection.value("MULTI")
            connection.value("CLIENT", "TRACKING", "ON")
            frames = connection.call("EXEC")[1]
            self.assertEqual(resp.ERROR, frames[0][0])

    def test_when_a_node_goes_all_is_told_and_copies_may_be_kept_again(self):
        told = Told(self, self.nodes[0])
        gone, other = self.nodes[1:]
        for key in KEYS:
            told.keep(key)
        told.seen.clear()
        gone.kill()
        until(lambda: None in told.look(), "all keys are told")
        self.cluster.wait_seen(gone, [self.nodes[0], other], ("fail",))
        told.keep(KEYS[0])
        other.call("SET", KEYS[0], "without it")
        told.is_told(KEYS[0])
        gone.start()
        self.cluster.wait_whole()
        told.keep(KEYS[1])
        gone.call("SET", KEYS[1], "with it")
        told.is_told(KEYS[1])

    def test_no_copy_outlives_a_change(self):
        no_copy_outlives_a_change(self, self.nodes, self.nodes)

    def test_no_copy_outlives_a_change_while_a_node_is_killed(self):
        def kill_and_start():
            time.sleep(2)
            self.nodes[2].kill()
            time.sleep(2)
            self.nodes[2].start()
        no_copy_outlives_a_change(self, self.nodes[:2], self.nodes, kill_and_start)


class Five(Caching):
    """Most nodes do not hold a key, and others read it for them."""

    @classmethod
    def make(cls):
        return Cluster(5)

    def test_changes_through_every_node_are_told_at_every_node(self):
        for reader in self.nodes:
            told = Told(self, reader)
            for writer in self.nodes:
                for key in KEYS[:6]:
                    told.keep(key)
                    writer.call("SET", key, writer.host)
                    told.is_told(key)

    def test_by_prefix(self):
        told = Told(self, self.nodes[0], "BCAST", "PREFIX", "cached:")
        for writer in self.nodes:
            for key in KEYS[:10]:
                told.seen.clear()
                writer.call("SET", key, writer.host)
                told.is_told(key)

    def test_keys_of_several_nodes(self):
        told = Told(self, self.nodes[0])
        for key in KEYS:
            self.nodes[1].call("SET", key, "1")

        def kept():
            told.connection.send("MGET", *KEYS)
            told.seen.clear()
            time.sleep(0.2)
            return not told.look()
        until(kept, "they may be kept")
        for writer, key in zip(self.nodes * 6, KEYS):
            writer.call("SET", key, "2")
            told.is_told(key)

    def test_no_copy_outlives_a_change(self):
        no_copy_outlives_a_change(self, self.nodes, self.nodes)


if __name__ == "__main__":
    unittest.main()
