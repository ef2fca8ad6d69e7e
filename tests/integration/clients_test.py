"""What a server tells its clients about themselves and about what it counts: on one node, as redis-server 7.0 does."""

import contextlib
import time
import unittest

from single_node import LIMIT_S, SingleNode, info
from harness import resp


class OneNode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = SingleNode()
        cls.addClassCleanup(cls.node.stop)
        cls.node.start().wait_ready()

    def client(self, protocol=2):
        return contextlib.closing(self.node.connect(protocol))

    def frames(self, connection, count):
        return [resp.to_python(connection.read_frame()[0]) for _ in range(count)]


class Replies(OneNode):
    """CLIENT REPLY takes away replies. What subscribing and unsubscribing tell is none."""

    def test_confirmations_come_with_replies_off(self):
        for protocol in (2, 3):
            with self.subTest(protocol=protocol), self.client(protocol) as connection:
                connection.send("CLIENT", "REPLY", "OFF")
                connection.send("SET", "key", "unheard")
                connection.send("SUBSCRIBE", "a", "b")
                connection.send("PSUBSCRIBE", "p*")
                connection.send("SSUBSCRIBE", "s")
                connection.send("UNSUBSCRIBE", "a")
                connection.send("PUNSUBSCRIBE")
                connection.send("SUNSUBSCRIBE", "s")
                connection.send("UNSUBSCRIBE")
                connection.send("CLIENT", "REPLY", "ON")
                self.assertEqual(
                    [[b"subscribe", b"a", 1], [b"subscribe", b"b", 2], [b"psubscribe", b"p*", 3], [b"ssubscribe", b"s", 1],
                     [b"unsubscribe", b"a", 2], [b"punsubscribe", b"p*", 1], [b"sunsubscribe", b"s", 0],
                     [b"unsubscribe", b"b", 0], b"OK"], self.frames(connection, 9))

    def test_skip_is_used_up_by_what_it_cannot_skip(self):
        with self.client() as connection:
            connection.send("CLIENT", "REPLY", "SKIP")
            connection.send("SUBSCRIBE", "a")
            connection.send("PING")
            self.assertEqual([[b"subscribe", b"a", 1], [b"pong", b""]], self.frames(connection, 2))

    def test_confirmations_of_a_transaction(self):
        with self.client(3) as connection:
            connection.send("CLIENT", "REPLY", "OFF")
            for words in (["MULTI"], ["SUBSCRIBE", "a"], ["GET", "key"], ["EXEC"], ["CLIENT", "REPLY", "ON"]):
                connection.send(*words)
            self.assertEqual([[b"subscribe", b"a", 1], b"OK"], self.frames(connection, 2))

    def test_no_message_before_its_confirmation(self):
        for protocol in (2, 3):
            with self.subTest(protocol=protocol), self.client(protocol) as connection:
                for words in (["MULTI"], ["SUBSCRIBE", "a"], ["PUBLISH", "a", "text"], ["EXEC"]):
                    connection.send(*words)
                self.assertEqual([b"OK", b"QUEUED", b"QUEUED"], self.frames(connection, 3))
                raw = b""
                while b"text" not in raw or b":1\r\n" not in raw.split(b"subscribe", 1)[1]:
                    raw += connection.read_frame()[1]
                self.assertLess(raw.index(b"subscribe"), raw.index(b"text"))


class Counts(OneNode):
    def test_the_reset_of_the_counters_is_the_first_that_is_counted(self):
        with self.client() as connection:
            for _ in range(3):
                connection.value("GET", "key")
                connection.value("CONFIG", "RESETSTAT")
                counted = info(connection, "commandstats")
                self.assertIn("cmdstat_config|resetstat", counted)
                self.assertTrue(counted["cmdstat_config|resetstat"].startswith("calls=1,"), counted)
                self.assertNotIn("cmdstat_get", counted)
            histogram = connection.value("LATENCY", "HISTOGRAM", "config|resetstat")
            self.assertEqual(b"config|resetstat", histogram[0])

    def test_a_new_threshold_holds_from_the_next_command_on(self):
        with self.client() as connection:
            connection.value("CONFIG", "SET", "slowlog-log-slower-than", "-1")
            connection.value("SLOWLOG", "RESET")
            # One pipeline, so one batch.
            connection.send_raw(resp.encode(["CONFIG", "SET", "slowlog-log-slower-than", "0"]) + resp.encode(["PING"]) +
                                resp.encode(["SLOWLOG", "LEN"]) + resp.encode(["CONFIG", "SET", "slowlog-log-slower-than", "-1"]))
            self.assertEqual([b"OK", b"PONG", 2, b"OK"], self.frames(connection, 4))

    def test_paused_clients_are_blocked_clients(self):
        with self.client() as connection, self.client() as paused:
            connection.value("CLIENT", "PAUSE", "60000", "WRITE")
            paused.send("SET", "key", "value")
            limit = time.monotonic() + LIMIT_S
            while info(connection, "clients")["blocked_clients"] != "1":
                self.assertLess(time.monotonic(), limit)
                time.sleep(0.05)
            flags = [line for line in connection.value("CLIENT", "LIST").decode().splitlines() if "flags=b" in line]
            self.assertEqual(1, len(flags), flags)
            connection.value("CLIENT", "UNPAUSE")
            self.assertEqual([b"OK"], self.frames(paused, 1))


if __name__ == "__main__":
    unittest.main()
