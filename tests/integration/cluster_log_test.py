"""What the log of a cluster tells: nodes under one form of name, who has caught up, and two processes under one id."""

import re
import shutil
import unittest

from cluster_nodes import BUS_PORT, PORT, Cluster, Node, local_host, until

SECOND = 7  # Of the hosts: the second process's.


class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, loglevel="verbose", repair_interval=1)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()

    def name(self, index):
        return "%s:%d (%s)" % (self.cluster.nodes[index].host, PORT, self.cluster.ids[index][:8])

    def test_nodes_have_one_form_of_name_and_say_when_they_have_caught_up(self):
        first, second, third = self.cluster.nodes
        until(lambda: "This node has caught up" in third.log(), "it has what the others have")
        until(lambda: all("Topology of epoch" in node.log() for node in self.cluster.nodes), "they know each other")
        third.kill()
        met = [len(node.log()) for node in self.cluster.nodes]
        before = met[2]
        until(lambda: "Node %s is down" % self.name(2) in first.log(), "it is missed")
        first.call("SET", "key", "value")
        third.start()
        self.cluster.wait_whole()
        until(lambda: "This node has caught up" in third.log()[before:], "it has what it missed")
        self.assertIn("Recovering: the last stop was not clean", third.log()[before:])
        self.assertIn("Node %s is back" % self.name(2), first.log())
        self.assertIn("Lost the link to node %s, on the bus at %s:%d" % (self.name(2), third.host, BUS_PORT), first.log())
        for node in self.cluster.nodes:
            self.assertIsNone(re.search("[0-9a-f]{40}", node.log()), "an id of 40 digits")
            self.assertNotIn("actor", node.log())
            # Once they know where each other's clients are: by the address as well, wherever the digits stand.
            late = node.log()[met[node.index]:]
            for index, node_id in enumerate(self.cluster.ids):
                self.assertEqual(late.count(node_id[:8]), late.count(self.name(index)))

    def test_two_processes_on_copies_of_one_directory(self):
        first, second, third = self.cluster.nodes
        third.terminate()
        copy = Node(self.cluster, SECOND, local_host(SECOND), third.seeds, third.settings)
        shutil.copytree(third.directory, copy.directory)
        third.start()
        self.cluster.wait_whole()
        copy.start()
        self.addCleanup(copy.close)
        self.addCleanup(copy.kill)
        addresses = ["%s:%d" % (node.host, BUS_PORT) for node in (third, copy)]
        stop = "Stop the one at " + addresses[1]

        def told(text):
            return all(address in text for address in addresses) and stop in text and self.cluster.ids[2][:8] in text
        for node in (first, second):
            until(lambda: any(told(line) for line in node.log().splitlines()), "%s logs both addresses" % node.host)
            until(lambda: told(node.info()["cluster_waiting_for"]), "CLUSTER INFO of %s has them" % node.host)
        until(lambda: any(told(line) for line in copy.log().splitlines()), "the one that is to be stopped is told")
        until(lambda: told(copy.info()["cluster_waiting_for"]), "its CLUSTER INFO, too")
        # The first one goes on being the node.
        self.assertEqual(b"OK", first.call("QUORUM", "EXEC", "W", "3", "--", "SET", "key", "value"))
        # Once that one has gone the other one is the node.
        third.kill()
        self.cluster.wait_seen(third, (first, second), ["fail", "fail?"])
        until(lambda: first.call("QUORUM", "EXEC", "W", "3", "--", "SET", "key", "value"),
              "the copy is the node", 60)


if __name__ == "__main__":
    unittest.main()
