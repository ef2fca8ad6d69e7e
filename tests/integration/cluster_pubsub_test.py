"""Channels in a cluster of five: a shard channel is named by the place of a key and is none. Every node takes its
subscribers and its messages, alone too, and nobody is asked, and no disk is read, for a channel's name."""

import contextlib
import signal
import unittest

from cluster_nodes import Cluster, ReplyError, resp, until

CHANNELS = ["shard:%d" % i for i in range(12)]


class ShardChannels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(5, replicas=3)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes

    def tearDown(self):
        self.cluster.repair()

    @contextlib.contextmanager
    def subscriber(self, node, channels, protocol):
        """A connection to the node that has subscribed to all the channels at once."""
        with contextlib.closing(node.connect(protocol)) as connection:
            connection.send("SSUBSCRIBE", *channels)
            for number, channel in enumerate(channels, 1):
                self.assertEqual([b"ssubscribe", channel.encode(), number], resp.to_python(connection.read_frame()[0]))
            yield connection

    def test_every_node_subscribes_and_publishes_whatever_it_holds(self):
        for protocol in (2, 3):
            for listening in self.nodes:
                with self.subTest(protocol=protocol, at=listening.host), \
                        self.subscriber(listening, CHANNELS, protocol) as connection:
                    text = "%s by RESP%d" % (listening.host, protocol)
                    for i, channel in enumerate(CHANNELS):
                        node = self.nodes[i % 5]
                        self.assertEqual(1 if node is listening else 0, node.call("SPUBLISH", channel, text))
                    # Those of several nodes come in any order, and behind them may be late ones of the last round.
                    missing = {(b"smessage", channel.encode(), text.encode()) for channel in CHANNELS}
                    while missing:
                        missing.discard(tuple(resp.to_python(connection.read_frame()[0])))
                    connection.send("SUNSUBSCRIBE")
                    missing = {(b"sunsubscribe", channel.encode()) for channel in CHANNELS}
                    while missing:
                        missing.discard(tuple(resp.to_python(connection.read_frame()[0]))[:2])

    def test_in_a_transaction(self):
        node = self.nodes[0]
        with self.subscriber(node, CHANNELS, 2) as connection:
            for channel in CHANNELS:
                self.assertEqual(b"OK", node.call("MULTI"))
                self.assertEqual(b"QUEUED", node.call("SPUBLISH", channel, "queued"))
                self.assertEqual([1], node.call("EXEC"))
                self.assertEqual([b"smessage", channel.encode(), b"queued"],
                                 resp.to_python(connection.read_frame()[0]))

    def test_a_node_alone(self):
        alone, others = self.nodes[0], self.nodes[1:]
        for node in others:
            node.signal(signal.SIGSTOP)

        def knows():
            try:
                alone.call("SET", "key", "value")
                return False
            except ReplyError as error:
                return "NOQUORUM" in str(error)
        until(knows, "the node knows that it is alone")
        with self.subscriber(alone, CHANNELS, 2) as connection:
            for channel in CHANNELS:
                self.assertEqual(1, alone.call("SPUBLISH", channel, "alone"))
                self.assertEqual([b"smessage", channel.encode(), b"alone"],
                                 resp.to_python(connection.read_frame()[0]))

    def test_names_of_channels_are_not_looked_for_on_disk(self):
        node = self.nodes[0]
        before = self.reads(node)
        with self.subscriber(node, ["unheard:%d" % i for i in range(200)], 2):
            for i in range(200):
                node.call("SPUBLISH", "never:%d" % i, "message")
        self.assertEqual(before, self.reads(node))

    def reads(self, node):
        lines = node.call("INFO", "everything").decode().split("\r\n")
        figures = dict(line.split(":", 1) for line in lines if ":" in line)
        return {name: value for name, value in figures.items() if name in self.FIGURES}

    FIGURES = ("cluster_quorum_reads", "disk_reads")


if __name__ == "__main__":
    unittest.main()
