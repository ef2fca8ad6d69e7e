"""What clients ask of a node that has just started, and whose peers come up a moment later, waits for them."""

import unittest

from cluster_nodes import LIMIT_S, PORT, Cluster, resp

KEYS = 24  # Of each command: some that this node coordinates, some that others do.


class Starting(unittest.TestCase):
    def test_what_came_before_the_peers_is_answered(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.stop)
        cluster.start()
        first, others = cluster.nodes[0], cluster.nodes[1:]
        for i in range(KEYS):
            first.call("RPUSH", "list:%d" % i, "a", "b")
        for node in cluster.nodes:
            node.kill()
        first.start()
        commands = []
        for i in range(KEYS):
            commands += [("INCR", "count:%d" % i), ("LPOP", "list:%d" % i), ("SET", "text:%d" % i, "x"),
                         ("GET", "count:%d" % i), ("DEL", "text:%d" % i), ("SADD", "set:%d" % i, "x")]
        connections = [resp.connect_when_ready((first.host, PORT), LIMIT_S, first.alive) for _ in commands]
        for connection, command in zip(connections, commands):
            connection.send(*command)
        for node in others:
            node.start()
        for connection, command in zip(connections, commands):
            reply, _ = connection.read_frame()
            connection.close()
            self.assertNotEqual(resp.ERROR, reply[0], "%s: %s" % (" ".join(command), reply[1]))


if __name__ == "__main__":
    unittest.main()
