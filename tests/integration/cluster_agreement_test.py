"""Three nodes of which two do not hear each other, while the third hears both: with strict quorums what one of them
has acknowledged neither hides what the other acknowledges later, nor is decided a second time.

Each of the two coordinates, and reaches W with the third one.
"""

import contextlib
import threading
import unittest

from cluster_network import NetworkCluster, host, main, needs_namespaces, network
from cluster_nodes import ReplyError
from harness import resp


@needs_namespaces
class Agreement(unittest.TestCase):
    ROUNDS = 60

    @classmethod
    def setUpClass(cls):
        cls.network = network()
        cls.cluster = NetworkCluster(3, host, protected_mode="no", quorum_mode="strict", quorum_r=2, quorum_w=2)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes
        cls.network.cut(0, 1)
        cls.network.cut(1, 0)
        cls.cluster.wait_seen(cls.nodes[0], [cls.nodes[1]], ("fail", "fail?"))
        cls.cluster.wait_seen(cls.nodes[1], [cls.nodes[0]], ("fail", "fail?"))

    def connect(self, node):
        connection = node.connect()
        self.addCleanup(connection.close)
        return connection

    def both(self, work):
        """work(connection, side) at both nodes that are cut apart, at the same time; what it returned."""
        results = [None, None]
        errors = []

        def run(side, connection):
            try:
                results[side] = work(connection, side)
            except BaseException as error:  # Told below.
                errors.append(error)

        threads = [threading.Thread(target=run, args=(side, self.connect(self.nodes[side]))) for side in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results

    def contested(self, name):
        """A key of this name and a number that both sides coordinate: the node between them comes last."""
        ids = {identifier: index for index, identifier in enumerate(self.cluster.ids)}
        for number in range(1000):
            key = "%s:%d" % (name, number)
            replicas = self.nodes[2].call("QUORUM", "EXPLAIN", key, protocol=3)[b"replicas"]
            if ids[replicas[2][b"node"].decode()] == 2:
                return key
        raise AssertionError("no such key")

    def race(self, command):
        """command(round, side) at both sides in each of the rounds, begun together; the replies by round. An error that
        leaves it open, or that says that nothing was done, is None."""
        barrier = threading.Barrier(2)

        def work(connection, side):
            replies = []
            for number in range(self.ROUNDS):
                barrier.wait(60)
                try:
                    replies.append(connection.value(*command(number, side)))
                except ReplyError as error:
                    self.assertTrue(str(error).startswith("NOQUORUM "), error)
                    replies.append(error)
            return replies

        return list(zip(*self.both(work)))

    def shown(self, *command):
        """What the node between them answers, which is what everybody does."""
        return self.nodes[2].call(*command)

    def holders(self, command, won):
        rounds = self.race(command)
        taken = 0
        for number, replies in enumerate(rounds):
            winners = [side for side, reply in enumerate(replies) if reply == won]
            self.assertLessEqual(len(winners), 1, "round %d: %r" % (number, replies))
            if winners:
                taken += 1
                for node in self.nodes:
                    self.assertEqual(b"%d" % winners[0], node.call("GET", command(number, 0)[1]))
        # Two that meet may refuse each other, but not for long.
        self.assertGreater(taken, self.ROUNDS // 2)

    def test_set_nx(self):
        self.holders(lambda number, side: ("SET", "lock:%d" % number, side, "NX", "PX", "600000"), b"OK")

    def test_setnx(self):
        self.holders(lambda number, side: ("SETNX", "old-lock:%d" % number, side), 1)

    def test_a_lock_that_was_released(self):
        for number in range(self.ROUNDS):
            self.nodes[number % 2].call("SET", "again:%d" % number, "x")
            self.nodes[1 - number % 2].call("DEL", "again:%d" % number)
        self.holders(lambda number, side: ("SET", "again:%d" % number, side, "NX"), b"OK")

    def test_hsetnx(self):
        owners = self.contested("owners")
        rounds = self.race(lambda number, side: ("HSETNX", owners, "f%d" % number, side))
        for number, replies in enumerate(rounds):
            winners = [side for side, reply in enumerate(replies) if reply == 1]
            self.assertLessEqual(len(winners), 1, "round %d: %r" % (number, replies))
            if winners:
                self.assertEqual(b"%d" % winners[0], self.shown("HGET", owners, "f%d" % number))

    def numbers(self, *command):
        rounds = self.race(lambda number, side: command)
        given = [reply for replies in rounds for reply in replies if isinstance(reply, int)]
        self.assertEqual(len(given), len(set(given)), sorted(given))
        self.assertGreater(len(given), self.ROUNDS)
        return given

    def test_incr_gives_each_number_once(self):
        key = self.contested("numbers")
        given = self.numbers("INCR", key)
        self.assertGreaterEqual(int(self.shown("GET", key)), max(given))

    def test_hincrby_gives_each_number_once(self):
        self.numbers("HINCRBY", self.contested("more"), "numbers", 1)

    def test_getset_hands_each_value_on_once(self):
        key = self.contested("passed")
        self.nodes[2].call("SET", key, "begin")
        rounds = self.race(lambda number, side: ("GETSET", key, "%d:%d" % (number, side)))
        got = [reply for replies in rounds for reply in replies if isinstance(reply, bytes)]
        self.assertEqual(len(got), len(set(got)), sorted(got))

    def test_append_loses_nothing(self):
        key = self.contested("text")
        value = lambda number, side: "%d:%d;" % (number, side)
        rounds = self.race(lambda number, side: ("APPEND", key, value(number, side)))
        text = b";" + self.shown("GET", key)
        for number, replies in enumerate(rounds):
            for side, reply in enumerate(replies):
                if isinstance(reply, int):
                    self.assertEqual(1, text.count(b";" + value(number, side).encode()), value(number, side))

    def test_watch_and_exec_lose_no_update(self):
        key = self.contested("balance")
        self.nodes[2].call("SET", key, 0)

        def work(connection, side):
            done = 0
            for _ in range(self.ROUNDS):
                try:
                    connection.value("WATCH", key)
                    before = int(connection.value("GET", key))
                    connection.value("MULTI")
                    connection.value("SET", key, before + 1)
                    if connection.value("EXEC") is not None:
                        done += 1
                except ReplyError as error:
                    self.assertTrue("NOQUORUM" in str(error), error)
                    connection.call("DISCARD")
                    connection.call("UNWATCH")
            return done

        done = self.both(work)
        self.assertGreater(sum(done), 0)
        self.assertEqual(sum(done), int(self.shown("GET", key)), done)

    def test_exec_without_watch_runs_again(self):
        key = self.contested("head")

        def work(connection, side):
            replies = []
            for _ in range(self.ROUNDS):
                try:
                    connection.value("MULTI")
                    connection.value("INCR", key)
                    replies.append(connection.value("EXEC")[0])
                except ReplyError as error:
                    self.assertTrue("NOQUORUM" in str(error), error)
            return replies

        replies = sum(self.both(work), [])
        self.assertEqual(len(replies), len(set(replies)), sorted(replies))
        self.assertGreater(len(replies), self.ROUNDS)

    def test_exec_that_runs_again_leaves_nothing_of_a_try_behind(self):
        key = self.contested("tried")
        listener = self.connect(self.nodes[2])
        listener.value("SUBSCRIBE", "told")

        def work(connection, side):
            done = []
            name = ""
            for number in range(self.ROUNDS):
                words = "%d:%d" % (number, side)
                connection.value("SELECT", 0)
                connection.value("MULTI")
                for command in (("INCR", key), ("PUBLISH", "told", words), ("CLIENT", "SETNAME", words), ("SELECT", 3)):
                    connection.value(*command)
                database = 0
                try:
                    connection.value("EXEC")
                    done.append(words)
                    name, database = words, 3
                except ReplyError as error:
                    self.assertTrue("NOQUORUM" in str(error), error)
                state = dict(field.split("=", 1) for field in connection.value("CLIENT", "INFO").decode().split())
                self.assertEqual((name, str(database)), (state["name"], state["db"]))
            connection.value("PUBLISH", "told", "end")
            return done

        done = sum(self.both(work), [])
        self.assertGreater(len(done), self.ROUNDS)
        told = []
        while told.count("end") < 2:
            told.append(resp.to_python(listener.read_frame()[0])[2].decode())
        self.assertEqual(sorted(done), sorted(words for words in told if words != "end"))
        with contextlib.closing(self.nodes[2].connect()) as connection:
            self.assertGreaterEqual(int(connection.value("GET", key)), len(done))
            connection.value("SELECT", 3)
            self.assertEqual(0, connection.value("EXISTS", key))

    def test_a_set_that_is_acknowledged_later_shows(self):
        """Without a clock that is off: what both write within a millisecond."""
        for number in range(self.ROUNDS * 3):
            key = "order:%d" % number
            side = number % 2
            for _ in range(3):
                self.nodes[side].call("SET", key, "first")
            self.nodes[1 - side].call("SET", key, "second")
            self.assertEqual(b"second", self.shown("GET", key), key)


if __name__ == "__main__":
    main()
