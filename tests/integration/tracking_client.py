"""Clients that keep copies of what they read, as the server tells them of changes: for the tests beside this file."""

import random
import select
import threading
import time
import unittest

from cluster_nodes import SLOW, until
from harness import resp
from harness.resp import ReplyError

KEYS = [b"cached:%d" % i for i in range(30)]


def fence(connection):
    """What has come on the connection by now. Twice, as a change of another loop may be told behind the first answer."""
    frames = []
    for word in ("fence 1", "fence 2"):
        connection.send("PING", word)
        while True:
            frame, _ = connection.read_frame()
            answer = (resp.BULK, word.encode())
            if frame in (answer, (resp.ARRAY, [(resp.BULK, b"pong"), answer])):
                break
            frames.append(frame)
    return frames


def pushes(frames):
    """The keys that the frames tell of, and None for each that tells of all."""
    keys = []
    for kind, payload in frames:
        if kind == resp.PUSH and payload[0][1] == b"invalidate":
            keys += [None] if payload[1][0] == resp.NULL else [key for _, key in payload[1][1]]
    return keys


class CachingClient:
    """Reads keys and keeps what it has read until it is told that it may have changed."""

    def __init__(self, connection, *options, seed=0):
        self.connection = connection
        self.random = random.Random(seed)
        self.copies = {}
        self.asked = []
        self.told = self.told_all = self.hits = 0
        connection.value("CLIENT", "TRACKING", "ON", *options)

    def take(self, frame):
        kind, payload = frame
        if kind != resp.PUSH:
            key = self.asked.pop(0)
            if kind == resp.ERROR:
                self.copies.pop(key, None)
            else:
                self.copies[key] = None if kind == resp.NULL else payload
            return
        for key in pushes([frame]):
            if key is None:
                self.told_all += 1
                self.copies.clear()
            else:
                self.told += 1
                self.copies.pop(key, None)

    def ask(self, key, *before):
        if before:
            self.asked.append(None)
            self.connection.send(*before)
        self.asked.append(key)
        self.connection.send("GET", key)

    def look(self):
        """Takes what has come, and waits for nothing."""
        while self.connection.position < len(self.connection.buffer) or \
                select.select([self.connection.socket], [], [], 0)[0]:
            self.take(self.connection.read_frame()[0])

    def run_once(self, keys, pipeline, *before):
        """Reads some of the keys that it has no copies of."""
        for key in self.random.choices(keys, k=pipeline):
            if key in self.copies:
                self.hits += 1
            else:
                self.ask(key, *before)
        while self.asked:
            self.take(self.connection.read_frame()[0])
        self.look()

    def settle(self):
        for frame in fence(self.connection):
            self.take(frame)
        self.copies.pop(None, None)


class Told:
    """What a connection is told, as it comes."""

    def __init__(self, test, node, *options):
        self.connection = node.connect(3)
        test.addCleanup(self.connection.close)
        self.connection.value("CLIENT", "TRACKING", "ON", *options)
        self.seen = []

    def get(self, key):
        """Its value."""
        self.connection.send("GET", key)
        while True:
            frame = self.connection.read_frame()[0]
            if frame[0] == resp.PUSH:
                self.seen += pushes([frame])
            else:
                return frame[1]

    def look(self):
        self.seen += pushes(fence(self.connection))
        return self.seen

    def keep(self, key):
        """Reads the key until the copy may stay for a while: what was changed before is told still."""
        def kept():
            self.get(key)
            self.seen.clear()
            time.sleep(0.1)
            return not {key, None} & set(self.look())
        until(kept, "%r may be kept" % key)

    def is_told(self, key, limit_s=5):
        until(lambda: {key, None} & set(self.look()), "%r is told" % key, limit_s)


class Caching(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.make()
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes

    def tearDown(self):
        self.cluster.repair()


def write_for(seconds, node, seed):
    """Random changes of the keys; what fails may have happened or not."""
    end = time.monotonic() + seconds
    source = random.Random(seed)
    connection = None
    number = 0
    while time.monotonic() < end:
        try:
            connection = connection or node.connect()
            number += 1
            key = source.choice(KEYS)
            connection.value(*source.choice([("SET", key, "%d.%d" % (seed, number)), ("APPEND", key, "x"), ("DEL", key)]))
            time.sleep(source.random() * 0.01)
        except (OSError, resp.Closed):
            connection = None
            time.sleep(0.1)
        except ReplyError:
            pass
    if connection is not None:
        connection.close()


def no_copy_outlives_a_change(test, readers, writers, meanwhile=None, settled=None, asked=None):
    """Caching clients of all kinds at some nodes, writers through some: in the end each copy is what is there.

    `meanwhile` runs beside them, `settled` behind; what is there says the node `asked`."""
    seconds = 8 * SLOW
    failures = []
    clients = []
    for index in range(2 * len(readers) if len(readers) > 1 else 3):
        options = ([], ["BCAST"], ["OPTIN"])[index % 3]
        connection = readers[index % len(readers)].connect(3)
        test.addCleanup(connection.close)
        clients.append((CachingClient(connection, *options, seed=index), options))

    def read(client, options):
        before = ("CLIENT", "CACHING", "YES") if "OPTIN" in options else ()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                client.run_once(KEYS, 4, *before)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=client) for client in clients]
    threads += [threading.Thread(target=write_for, args=(seconds, node, seed)) for seed, node in enumerate(writers)]
    for thread in threads:
        thread.start()
    if meanwhile is not None:
        meanwhile()
    for thread in threads:
        thread.join()
    test.assertEqual([], failures)
    (settled or test.cluster.repair)()

    def all_fresh():
        """What was under way in the end may take a moment: a write that failed may still take effect."""
        node, r = (asked, "2") if asked is not None else (readers[0], "ALL")
        now = {key: node.call("QUORUM", "EXEC", "R", r, "--", "GET", key) for key in KEYS}
        for client, _ in clients:
            client.settle()
        return all(now[key] == copy for client, _ in clients for key, copy in client.copies.items())
    until(all_fresh, "each copy is what is there", 10)
    for client, options in clients:
        test.assertGreater(client.told, 20, options)
        test.assertGreater(client.hits, 0, options)
    test.assertTrue(any(client.copies for client, _ in clients))
