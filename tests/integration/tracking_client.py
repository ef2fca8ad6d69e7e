"""Clients that keep copies of what they read, as the server tells them of changes: for the tests beside this file."""

import random
import select
import time
import unittest

from cluster_nodes import until
from harness import resp


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
