"""What clients are told of themselves and of the keys' ages, and what DEBUG tells of values: beside redis-server."""

import time
import unittest

from beside_redis import BesideRedis
from cluster_nodes import until
from single_node import info


class Clients(BesideRedis):
    def setUp(self):
        super().setUp()
        self.sides = (self.ours, self.theirs)

    def both(self, *command):
        ours, theirs = (side.value(*command) for side in self.sides)
        self.assertEqual(theirs, ours, command)
        return ours

    def test_nothing_expires_while_writes_are_paused(self):
        for side in self.sides:
            side.value("CONFIG", "RESETSTAT")
        for words in (("MULTI",), ("SET", "e", "v", "PX", "10"), ("CLIENT", "PAUSE", "60000", "WRITE"), ("EXEC",)):
            self.both(*words)
        time.sleep(0.3)  # Both look for expired keys several times meanwhile.
        for words in (("GET", "e"), ("EXISTS", "e"), ("TTL", "e"), ("TYPE", "e"), ("KEYS", "*"), ("DBSIZE",)):
            self.both(*words)
        for side in self.sides:
            self.assertEqual("0", info(side, "stats")["expired_keys"])
        self.both("CLIENT", "UNPAUSE")
        for side in self.sides:
            until(lambda: info(side, "stats")["expired_keys"] == "1" and side.value("DBSIZE") == 0, "it goes then")

    def test_a_pause_that_ends_by_itself(self):
        for words in (("MULTI",), ("SET", "e", "v", "PX", "10"), ("CLIENT", "PAUSE", "1000", "WRITE"), ("EXEC",)):
            self.both(*words)
        time.sleep(0.2)
        for side in self.sides:
            self.assertEqual(1, side.value("DBSIZE"), "it stays while the pause holds")
        for side in self.sides:
            until(lambda: side.value("DBSIZE") == 0, "it goes when the pause has ended")

    def test_the_line_of_the_command_that_asks(self):
        for side in self.sides:
            for ask in (("CLIENT", "LIST"), ("CLIENT", "INFO"), ("CLIENT", "LIST", "ID", str(side.value("CLIENT", "ID")))):
                line = side.value(*ask).decode()
                fields = dict(field.split("=", 1) for field in line.splitlines()[-1].split())
                self.assertEqual(sum(map(len, ask)), int(fields["argv-mem"]), ask)
                self.assertEqual(sum(len(word) + len(str(len(word))) + 5 for word in ask) + 4, int(fields["qbuf"]), ask)
                self.assertGreater(int(fields["rbs"]), 0)

    def test_digests_of_values(self):
        for words in (("SET", "number", "1"), ("SET", "text", "a\0b"), ("SET", "aging", "x", "EX", "1000"),
                      ("HSET", "hash", "f", "v", "g", "7"), ("RPUSH", "list", "b", "a", "12"), ("SADD", "set", "x", "3", "y"),
                      ("ZADD", "sorted", "1", "a", "2.5", "b", "-inf", "c"), ("XADD", "stream", "1-1", "f", "v", "g", "w"),
                      ("XADD", "stream", "1-2", "f", "v"), ("SADD", "numbers", "3", "1", "2")):
            self.both(*words)
        digests = self.both("DEBUG", "DIGEST-VALUE", "number", "text", "aging", "hash", "list", "set", "sorted", "stream",
                            "numbers", "missing")
        self.assertEqual(10, len(set(digests)))
        self.assertEqual([b"0" * 40], digests[-1:])
        self.assertEqual([], self.both("DEBUG", "DIGEST-VALUE"))

    def test_loading_anew_keeps_everything(self):
        self.ours.value("SET", "key", "value")
        self.assertEqual(b"OK", self.ours.value("DEBUG", "LOADAOF"))
        self.assertEqual(b"value", self.ours.value("GET", "key"))

    def test_protected_settings(self):
        self.both("CONFIG", "GET", "enable-protected-configs")
        for side in self.sides:
            self.assertIn("can't set immutable config", str(side.call("CONFIG", "SET", "enable-protected-configs", "yes")))

    def test_memory_has_every_field(self):
        for side in self.sides:
            side.value("SET", "key", "value", "EX", "1000")
        ours, theirs = (dict(zip(reply[::2], reply[1::2])) for reply in
                        (side.value("MEMORY", "STATS") for side in self.sides))
        self.assertLessEqual(set(theirs), set(ours))
        self.assertEqual(theirs[b"db.0"][::2], ours[b"db.0"][::2])


if __name__ == "__main__":
    unittest.main()
