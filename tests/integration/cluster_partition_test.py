"""Three nodes in three network namespaces: cut apart, they go on as the client chose; healed, nothing is missing."""

import unittest

from cluster_network import NetworkCluster, host, main, needs_namespaces, network
from cluster_nodes import certain, until


@needs_namespaces
class Partition(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = network()
        cls.cluster = NetworkCluster(3, host, protected_mode="no")
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.note_ids()
        cls.nodes = cls.cluster.nodes

    def setUp(self):
        self.addCleanup(self.heal)

    def heal(self):
        self.network.heal()
        self.cluster.wait_whole()

    def cut_off(self, index):
        """Both ways, and waits until each side has noticed."""
        others = [node for node in self.nodes if node.index != index]
        for other in others:
            self.network.cut(index, other.index)
            self.network.cut(other.index, index)
        self.cluster.wait_seen(self.nodes[index], others, ("fail", "fail?"))
        for other in others:
            self.cluster.wait_seen(other, [self.nodes[index]], ("fail", "fail?"))
        return self.nodes[index], others

    def everywhere(self, expected, *arguments):
        for node in self.nodes:
            def settled():
                reply = node.own(*arguments)
                return (set(reply) if isinstance(expected, set) else reply) == expected
            until(settled, "%s answers %r with %r" % (node.host, arguments, expected))

    def same_record(self, key):
        until(lambda: self.nodes[0].own("VCLOCK", "INSPECT", key) == self.nodes[1].own("VCLOCK", "INSPECT", key)
              == self.nodes[2].own("VCLOCK", "INSPECT", key), "all nodes hold the same record of " + key)

    def test_cut_both_ways(self):
        for cut in range(3):
            with self.subTest(cut=cut):
                self.one_cut_off(cut)

    def one_cut_off(self, cut):
        prefix = "cut:%d:" % cut
        key = lambda name: prefix + name
        node = self.nodes[cut]
        node.call("SET", key("conflict"), "before")
        node.call("HSET", key("hash"), "common", 1)
        node.call("SADD", key("set"), "common")
        node.call("PFADD", key("visitors"), *range(100))
        node.call("SET", key("only"), "before")
        self.everywhere(b"before", "GET", key("only"))
        lone, majority = self.cut_off(cut)

        # The majority goes on, with quorums of two, strict or not.
        for i in range(30):
            one = majority[i % 2]
            certain(lambda: one.call("SET", key("majority:%d" % i), i))
            self.assertEqual(b"%d" % i, certain(lambda: majority[1 - i % 2].call("GET", key("majority:%d" % i))))
        self.assertEqual(b"OK", majority[0].call("QUORUM", "EXEC", "STRICT", "W", "2", "--", "SET", key("conflict"), "majority"))
        majority[1].call("HSET", key("hash"), "majority", 1)
        majority[0].call("SADD", key("set"), "majority")
        majority[0].call("PFADD", key("visitors"), *range(80, 2000))

        # The lone node: strict refuses, sloppy with a quorum of one goes on.
        for command in (("SET", key("only"), "refused"), ("SADD", key("set"), "refused")):
            error = lone.error("QUORUM", "EXEC", "STRICT", "W", "2", "--", *command)
            self.assertTrue(error.startswith("NOQUORUM "), error)
        error = lone.error("QUORUM", "EXEC", "STRICT", "R", "2", "--", "GET", key("only"))
        self.assertTrue(error.startswith("NOQUORUM "), error)
        for i in range(30):
            self.assertEqual(b"OK", lone.call("QUORUM", "EXEC", "R", "1", "W", "1", "SLOPPY", "--", "SET", key("lone:%d" % i), i))
            self.assertEqual(b"%d" % i, lone.own("GET", key("lone:%d" % i)))
        sloppy = ("QUORUM", "EXEC", "R", "1", "W", "1", "SLOPPY", "--")
        self.assertEqual(b"OK", lone.call(*sloppy, "SET", key("conflict"), "lone"))
        self.assertEqual(1, lone.call(*sloppy, "HSET", key("hash"), "lone", 1))
        self.assertEqual(1, lone.call(*sloppy, "SADD", key("set"), "lone"))
        self.assertEqual(1, lone.call(*sloppy, "PFADD", key("visitors"), *range(1900, 3000)))

        self.heal()
        # Estimated as if one node had seen all of them.
        node.call("PFADD", key("all visitors"), *range(3000))
        all_visitors = node.call("PFCOUNT", key("all visitors"))
        for node in self.nodes:
            for i in range(30):
                for side in ("majority", "lone"):
                    name = key("%s:%d" % (side, i))
                    until(lambda: node.own("GET", name) == b"%d" % i, "%s has %s" % (node.host, name))
            until(lambda: {b"majority", b"lone"} == set(node.own("VCLOCK", "GET", key("conflict"), protocol=3)[b"siblings"]),
                  "%s shows both writes" % node.host)
            until(lambda: {b"common", b"majority", b"lone"} == set(node.own("HGETALL", key("hash"))[::2]), "the hash has merged")
            until(lambda: {b"common", b"majority", b"lone"} <= set(node.own("SMEMBERS", key("set"))), "the set has merged")
            until(lambda: node.own("PFCOUNT", key("visitors")) == all_visitors, "the HyperLogLog has merged")
        self.same_record(key("conflict"))
        for node in self.nodes:
            self.assertEqual(b"OK", node.call("CLUSTER", "REPAIR"))
            until(lambda: node.info()["keys_with_siblings"].startswith("2=") and not
                  node.info()["keys_with_siblings"].startswith("2=0,"), "%s counts the conflict" % node.host)
        winners = {node.call("GET", key("conflict")) for node in self.nodes}
        self.assertEqual(1, len(winners), winners)
        # A write that has seen both resolves the conflict, everywhere.
        seen = lone.call("VCLOCK", "GET", key("conflict"), protocol=3)
        majority[0].call("VCLOCK", "SET", key("conflict"), seen[b"context"], "resolved")
        self.everywhere(b"resolved", "GET", key("conflict"))
        self.same_record(key("conflict"))

    def test_cut_one_way(self):
        """What one node sends is lost; it hears the others all the time."""
        for name, cuts in (("deaf", [(1, 0), (2, 0)]), ("mute", [(0, 1), (0, 2)]), ("half", [(0, 1)])):
            with self.subTest(name):
                for sender, receiver in cuts:
                    self.network.cut(sender, receiver)
                if name != "half":
                    self.cluster.wait_seen(self.nodes[0], self.nodes[1:], ("fail", "fail?"))
                key = lambda i: "%s:%d" % (name, i)
                for i in range(30):
                    node = self.nodes[1 + i % 2]
                    certain(lambda: node.call("SET", key(i), i))
                    other = self.nodes[2 - i % 2]
                    self.assertEqual(b"%d" % i, certain(lambda: other.call("GET", key(i))))
                self.heal()
                for i in range(30):
                    self.everywhere(b"%d" % i, "GET", key(i))

    def test_a_deletion_does_not_come_back(self):
        self.nodes[0].call("SET", "deleted", "v")
        self.nodes[0].call("SADD", "deleted:set", "a", "b")
        self.everywhere(b"v", "GET", "deleted")
        self.everywhere({b"a", b"b"}, "SMEMBERS", "deleted:set")
        _, majority = self.cut_off(0)
        certain(lambda: majority[0].call("DEL", "deleted"))
        certain(lambda: majority[1].call("SREM", "deleted:set", "a"))
        self.heal()
        self.everywhere(None, "GET", "deleted")
        self.everywhere({b"b"}, "SMEMBERS", "deleted:set")
        self.same_record("deleted")

    def test_increments_on_both_sides_add_up(self):
        sums = {("GET", "sum:new"): ("INCRBY", "sum:new"), ("GET", "sum:set"): ("INCRBY", "sum:set"),
                ("HGET", "sums", "new"): ("HINCRBY", "sums", "new"), ("HGET", "sums", "set"): ("HINCRBY", "sums", "set")}
        expected = dict.fromkeys(sums, 0)
        for cut in range(3):
            with self.subTest(cut=cut):
                # What a plain write leaves is what both sides go on from.
                certain(lambda: self.nodes[0].call("SET", "sum:set", 1000 * cut))
                certain(lambda: self.nodes[0].call("HSET", "sums", "set", 1000 * cut))
                expected[("GET", "sum:set")] = expected[("HGET", "sums", "set")] = 1000 * cut
                self.everywhere(b"%d" % (1000 * cut), "GET", "sum:set")
                self.everywhere(b"%d" % (1000 * cut), "HGET", "sums", "set")
                lone, majority = self.cut_off(cut)
                for i in range(500):
                    for read, add in sums.items():
                        majority[i % 2].call(*add, i)
                        lone.call("QUORUM", "EXEC", "R", "1", "W", "1", "SLOPPY", "--", *add, -3)
                        expected[read] += i - 3
                self.heal()
                for read in sums:
                    self.everywhere(b"%d" % expected[read], *read)
                for key in ("sum:new", "sum:set"):
                    self.same_record(key)
                    self.assertEqual(b"int", self.nodes[0].call("OBJECT", "ENCODING", key))
                    self.assertEqual([b"%d" % expected[("GET", key)]],
                                     self.nodes[1].own("VCLOCK", "GET", key, protocol=3)[b"siblings"])

    def test_example_of_the_dynamo_paper(self):
        """D1 and D2 by Sx, D3 by Sy and D4 by Sz from D2, reconciled as D5 by Sx."""
        key = next(name for name in map("versions:%d".__mod__, range(1000)) if self.coordinator(name) is self.nodes[0])
        sx, sy, sz = self.nodes
        sloppy = ("QUORUM", "EXEC", "R", "1", "W", "1", "SLOPPY", "--")

        def clock(node):
            """The context as {actor: counter}, and the values beside it."""
            return (dict(map(tuple, node.own("VCLOCK", "INSPECT", key, protocol=3)[b"context"])),
                    sorted(node.own("VCLOCK", "GET", key, protocol=3)[b"siblings"]))

        d1 = sx.call("VCLOCK", "SET", key, "", "D1")
        (actor_x, x1), = clock(sx)[0].items()
        d2 = sx.call("VCLOCK", "SET", key, d1, "D2")
        (actor, x2), = clock(sx)[0].items()
        self.assertEqual(actor_x, actor)
        self.assertGreater(x2, x1)
        for node in self.nodes:
            until(lambda: clock(node) == ({actor_x: x2}, [b"D2"]), "%s has D2" % node.host)

        for sender in range(3):
            for receiver in range(3):
                if sender != receiver:
                    self.network.cut(sender, receiver)
        for node in self.nodes:
            self.cluster.wait_seen(node, [other for other in self.nodes if other is not node], ("fail", "fail?"))
        d3 = sy.call(*sloppy, "VCLOCK", "SET", key, d2, "D3")
        d4 = sz.call(*sloppy, "VCLOCK", "SET", key, d2, "D4")
        (actor_y, y1), = [entry for entry in clock(sy)[0].items() if entry[0] != actor_x]
        (actor_z, z1), = [entry for entry in clock(sz)[0].items() if entry[0] != actor_x]
        self.assertEqual(3, len({actor_x, actor_y, actor_z}))
        self.assertEqual(({actor_x: x2, actor_y: y1}, [b"D3"]), clock(sy))
        self.assertEqual(({actor_x: x2, actor_z: z1}, [b"D4"]), clock(sz))
        self.assertEqual(({actor_x: x2}, [b"D2"]), clock(sx))

        self.heal()
        for node in self.nodes:
            until(lambda: clock(node) == ({actor_x: x2, actor_y: y1, actor_z: z1}, [b"D3", b"D4"]), "%s has both" % node.host)
            compare = lambda a, b: node.call("VCLOCK", "COMPARE", a, b)
            self.assertEqual([b"BEFORE", b"BEFORE", b"BEFORE", b"CONCURRENT"],
                             [compare(d1, d2), compare(d2, d3), compare(d2, d4), compare(d3, d4)])
        seen = sx.call("VCLOCK", "GET", key, protocol=3)[b"context"]
        d5 = sx.call("VCLOCK", "SET", key, seen, "D5")
        x3 = clock(sx)[0][actor_x]
        self.assertGreater(x3, x2)
        for node in self.nodes:
            until(lambda: clock(node) == ({actor_x: x3, actor_y: y1, actor_z: z1}, [b"D5"]), "%s has D5" % node.host)
        self.assertEqual([b"AFTER"] * 4, [sx.call("VCLOCK", "COMPARE", d5, earlier) for earlier in (d1, d2, d3, d4)])

    def coordinator(self, key):
        """The node that coordinates writes of the key while all are up."""
        first = self.nodes[0].call("QUORUM", "EXPLAIN", key, protocol=3)[b"replicas"][0][b"node"]
        return self.nodes[self.cluster.ids.index(first.decode())]

    def test_example_of_two_servers(self):
        """Servers A and B are cut apart, so that values foo, bar, baz and bax come about on both sides."""
        a, b = self.nodes[0], self.nodes[1]
        sloppy = ("QUORUM", "EXEC", "R", "1", "W", "1", "SLOPPY", "--")
        def get(node):
            reply = node.call(*sloppy, "VCLOCK", "GET", "example", protocol=3)
            return reply[b"context"], sorted(reply[b"siblings"])
        # A takes foo from a client that has seen nothing, and everybody has it.
        first = a.call("VCLOCK", "SET", "example", "", "foo")
        until(lambda: get(b)[1] == [b"foo"], "B has foo")
        self.cut_off(0)
        # On A's side bar replaces foo; on B's side baz replaces foo.
        bar = a.call(*sloppy, "VCLOCK", "SET", "example", first, "bar")
        self.assertEqual([b"bar"], get(a)[1])
        baz = b.call(*sloppy, "VCLOCK", "SET", "example", first, "baz")
        self.assertEqual([b"baz"], get(b)[1])
        self.assertEqual(b"CONCURRENT", a.call("VCLOCK", "COMPARE", bar, baz))
        self.assertEqual(b"BEFORE", a.call("VCLOCK", "COMPARE", first, bar))
        self.assertEqual(b"AFTER", b.call("VCLOCK", "COMPARE", baz, first))
        self.heal()
        for node in self.nodes:
            until(lambda: get(node)[1] == [b"bar", b"baz"], "%s shows both" % node.host)
        # A client that has read both writes bax, which replaces both.
        seen, _ = get(a)
        bax = b.call("VCLOCK", "SET", "example", seen, "bax")
        for node in self.nodes:
            until(lambda: get(node)[1] == [b"bax"], "%s has bax alone" % node.host)
        for earlier in (first, bar, baz, seen):
            self.assertEqual(b"AFTER", a.call("VCLOCK", "COMPARE", bax, earlier))
        # A client that still has the context of bar knows nothing of bax: both stay.
        a.call("VCLOCK", "SET", "example", bar, "late")
        for node in self.nodes:
            until(lambda: get(node)[1] == [b"bax", b"late"], "%s shows both again" % node.host)


if __name__ == "__main__":
    main()
