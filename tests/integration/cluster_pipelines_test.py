"""Commands on keys of several nodes, many under way from one client: each reads and changes its own keys, and no others."""

import os
import random
import unittest

from cluster_nodes import Cluster, resp

KEYS = 400
SEED = int(os.environ.get("STARLING_SEED") or random.randrange(1 << 32))


def value_of(name):
    return b"value of " + name.encode()


class Pipelines(unittest.TestCase):
    COUNT = 5

    @classmethod
    def setUpClass(cls):
        print("STARLING_SEED=%d" % SEED)
        cls.cluster = Cluster(cls.COUNT)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.connections = [node.connect() for node in cls.cluster.nodes]

    @classmethod
    def tearDownClass(cls):
        for connection in cls.connections:
            connection.close()

    def write(self, connection, names, at_once):
        """By MSETs of `at_once` keys each, all in one pipeline."""
        commands = []
        for start in range(0, len(names), at_once):
            commands.append(["MSET"])
            for name in names[start:start + at_once]:
                commands[-1] += [name, value_of(name)]
        self.assertEqual([(resp.SIMPLE, b"OK")] * len(commands), [frame[:2] for frame in connection.pipeline(commands)])

    def test_reads(self):
        draw = random.Random(SEED)
        names = ["read:%d" % i for i in range(KEYS)]
        self.write(self.connections[0], names, 50)
        for turn in range(300):
            commands = [["MGET"] + draw.sample(names, draw.randrange(2, 5)) for _ in range(6)]
            frames = self.connections[turn % self.COUNT].pipeline(commands)
            for command, frame in zip(commands, frames):
                self.assertEqual([value_of(name) for name in command[1:]], resp.to_python(frame), turn)

    def test_writes(self):
        for turn in range(60):
            names = ["write:%d:%d" % (turn, i) for i in range(36)]
            connection = self.connections[turn % self.COUNT]
            self.write(connection, names, 3)
            self.assertEqual([value_of(name) for name in names], connection.value("MGET", *names), turn)

    def test_deletes(self):
        for turn in range(60):
            names = ["delete:%d:%d" % (turn, i) for i in range(36)]
            connection = self.connections[turn % self.COUNT]
            self.write(connection, names, 36)
            gone, left = names[:30], names[30:]
            frames = connection.pipeline([["DEL"] + gone[start:start + 3] for start in range(0, 30, 3)])
            self.assertEqual([3] * 10, [resp.to_python(frame) for frame in frames], turn)
            self.assertEqual([None] * 30 + [value_of(name) for name in left], connection.value("MGET", *names), turn)


class OfThree(Pipelines):
    """Every node holds every key: only writes go to several nodes."""
    COUNT = 3


if __name__ == "__main__":
    unittest.main()
