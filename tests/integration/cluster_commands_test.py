"""VCLOCK, QUORUM and CLUSTER on real nodes: replies in both protocols, on every node, and what is refused."""

import unittest

from cluster_nodes import PORT, QUORUM_TIMEOUT_MS, Cluster, resp, until

NOT_A_CONTEXT = "ERR not a context of this cluster: hand back what VCLOCK answered, unchanged"
LEVELS = "ERR R and W are ONE, QUORUM, ALL, LOCAL_QUORUM, EACH_QUORUM or a number from 1 to 255"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, cluster_secret="what the tests know")
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.nodes = cls.cluster.nodes

    def everywhere(self, expected, *arguments, protocol=2):
        for node in self.nodes:
            until(lambda: node.own(*arguments, protocol=protocol) == expected,
                  "%s answers %r with %r" % (node.host, arguments, expected))

    def refused(self, cases):
        for node in self.nodes:
            for error, *command in cases:
                for protocol in (2, 3):
                    self.assertEqual(error, node.error(*command, protocol=protocol), command)


class Vclock(Commands):
    def values(self, node, key):
        reply = node.call("VCLOCK", "GET", key, protocol=3)
        self.assertEqual([b"context", b"siblings"], list(reply))
        return reply[b"context"], sorted(reply[b"siblings"])

    def test_a_key_that_never_was(self):
        for node in self.nodes:
            self.assertEqual({b"context": b"", b"siblings": []}, node.call("VCLOCK", "GET", "never", protocol=3))
            self.assertEqual([b"context", b"", b"siblings", []], node.call("VCLOCK", "GET", "never"))
            self.assertEqual({b"context": [], b"siblings": []}, node.call("VCLOCK", "INSPECT", "never", protocol=3))
            self.assertEqual([b"context", [], b"siblings", []], node.call("VCLOCK", "INSPECT", "never"))

    def test_reading_and_writing(self):
        for i, node in enumerate(self.nodes):
            key, other = "plain:%d" % i, self.nodes[(i + 1) % 3]
            node.call("SET", key, "one")
            context, siblings = self.values(other, key)
            self.assertEqual([b"one"], siblings)
            self.assertRegex(context, rb"^[A-Za-z0-9_-]+$")
            after = other.call("VCLOCK", "SET", key, context, "two")
            self.assertEqual((after, [b"two"]), self.values(node, key))
            self.assertEqual(b"two", node.call("GET", key))
            self.assertEqual([b"context", after, b"siblings", [b"two"]], node.call("VCLOCK", "GET", key))
            self.everywhere(b"two", "GET", key)
            # A plain SET replaces what is there, all of it.
            node.call("VCLOCK", "SET", key, "", "blind")
            self.assertEqual([b"blind", b"two"], self.values(other, key)[1])
            other.call("SET", key, "three")
            self.assertEqual([b"three"], self.values(node, key)[1])

    def test_blind_writes_are_siblings(self):
        for i, node in enumerate(self.nodes):
            key = "blind:%d" % i
            contexts = [each.call("VCLOCK", "SET", key, "", each.host) for each in self.nodes]
            context, siblings = self.values(node, key)
            self.assertEqual(sorted(each.host.encode() for each in self.nodes), siblings)
            winner = node.call("GET", key)
            self.assertEqual(self.nodes[2].host.encode(), winner, "the latest wins")
            self.everywhere(winner, "GET", key)
            node.call("VCLOCK", "SET", key, context, "all seen")
            self.assertEqual([b"all seen"], self.values(node, key)[1])
            self.assertTrue(all(contexts))

    def test_deleting(self):
        for i, node in enumerate(self.nodes):
            key, other = "deleted:%d" % i, self.nodes[(i + 1) % 3]
            node.call("SET", key, "old")
            old, _ = self.values(node, key)
            other.call("VCLOCK", "SET", key, "", "concurrent")
            after = other.call("VCLOCK", "DEL", key, old)
            self.assertTrue(after)
            self.assertEqual([b"concurrent"], self.values(node, key)[1])
            node.call("VCLOCK", "DEL", key, self.values(node, key)[0])
            context, siblings = self.values(other, key)
            self.assertEqual([], siblings)
            self.assertNotEqual(b"", context, "what was deleted stays known")
            self.everywhere(None, "GET", key)
            self.assertEqual(0, other.call("EXISTS", key))
            self.assertEqual(b"AFTER", node.call("VCLOCK", "COMPARE", context, old))
            # What was written without knowing of the deletion comes beside it; with its context it is a new life.
            other.call("VCLOCK", "SET", key, context, "again")
            self.assertEqual([b"again"], self.values(node, key)[1])

    def test_deadlines(self):
        for i, node in enumerate(self.nodes):
            key = "deadline:%d" % i
            node.call("VCLOCK", "SET", key, "", "v", "PXAT", 4000000000000)
            self.assertEqual(4000000000000, node.call("PEXPIRETIME", key))
            node.call("VCLOCK", "SET", key, self.values(node, key)[0], "v", "EXAT", 4000000001)
            self.assertEqual(4000000001000, node.call("PEXPIRETIME", key))
            node.call("VCLOCK", "SET", key, self.values(node, key)[0], "v", "EX", 1000)
            self.assertTrue(990 <= node.call("TTL", key) <= 1000)
            node.call("VCLOCK", "SET", key, self.values(node, key)[0], "v", "PX", 20)
            until(lambda: self.values(node, key)[1] == [], "the deadline passes")
            self.assertNotEqual(b"", self.values(node, key)[0])
            self.everywhere(None, "GET", key)

    def test_comparing(self):
        node = self.nodes[0]
        first = node.call("VCLOCK", "SET", "compared", "", "1")
        second = self.nodes[1].call("VCLOCK", "SET", "compared", first, "2")
        node.call("SET", "another", "x")
        another, _ = self.values(node, "another")
        for node in self.nodes:
            for protocol in (2, 3):
                compare = lambda a, b: node.call("VCLOCK", "COMPARE", a, b, protocol=protocol)
                self.assertEqual(b"EQUAL", compare(first, first))
                self.assertEqual(b"EQUAL", compare("", ""))
                self.assertEqual(b"BEFORE", compare(first, second))
                self.assertEqual(b"AFTER", compare(second, first))
                self.assertEqual(b"BEFORE", compare("", first))
                self.assertEqual(b"AFTER", compare(first, ""))

    def test_inspecting(self):
        for i, node in enumerate(self.nodes):
            key = "inspected:%d" % i
            node.call("VCLOCK", "SET", key, "", "four", "PXAT", 4000000000000)
            context = self.values(node, key)[0]
            node.call("VCLOCK", "SET", key, "", "fifth")
            node.call("VCLOCK", "DEL", key, context)
            reply = node.call("VCLOCK", "INSPECT", key, protocol=3)
            self.assertEqual([b"context", b"siblings"], list(reply))
            for actor, counter in reply[b"context"]:
                self.assertRegex(actor, rb"^[0-9a-f]{16}$")
                self.assertGreater(counter, 0)
            values = [sibling for sibling in reply[b"siblings"] if not sibling[b"tombstone"]]
            self.assertEqual([5], [sibling[b"bytes"] for sibling in values])
            now_s = node.call("TIME")[0]
            for sibling in reply[b"siblings"]:
                self.assertEqual([b"actor", b"counter", b"written-ms", b"deadline-ms", b"tombstone", b"bytes"], list(sibling))
                self.assertTrue(abs(sibling[b"written-ms"] / 1000 - int(now_s)) < 600)
                self.assertIs(type(sibling[b"tombstone"]), bool)
                self.assertEqual(-1, sibling[b"deadline-ms"])
            flat = node.call("VCLOCK", "INSPECT", key)
            self.assertEqual([b"context", reply[b"context"], b"siblings"], flat[::2][:1] + [flat[1], flat[2]])
            self.assertEqual([[word for pair in sibling.items() for word in pair] for sibling in reply[b"siblings"]], flat[3])
            self.everywhere(reply, "VCLOCK", "INSPECT", key, protocol=3)

    def test_refused(self):
        self.nodes[0].call("SET", "refused", "v")
        self.nodes[0].call("SADD", "a set", "m")
        context = self.values(self.nodes[0], "refused")[0]
        flipped = context[:10] + (b"A" if context[10:11] != b"A" else b"B") + context[11:]
        expire = "ERR invalid expire time in 'vclock|set' command"
        self.refused([
            ("ERR wrong number of arguments for 'vclock' command", "VCLOCK"),
            ("ERR unknown subcommand 'NOSUCH'. Try VCLOCK HELP.", "VCLOCK", "NOSUCH", "k"),
            ("ERR wrong number of arguments for 'vclock|get' command", "VCLOCK", "GET"),
            ("ERR wrong number of arguments for 'vclock|get' command", "VCLOCK", "GET", "a", "b"),
            ("ERR wrong number of arguments for 'vclock|set' command", "VCLOCK", "SET", "k", "v"),
            ("ERR wrong number of arguments for 'vclock|del' command", "VCLOCK", "DEL", "k"),
            ("ERR wrong number of arguments for 'vclock|compare' command", "VCLOCK", "COMPARE", ""),
            ("ERR wrong number of arguments for 'vclock|inspect' command", "VCLOCK", "INSPECT"),
            (NOT_A_CONTEXT, "VCLOCK", "SET", "refused", "x", "w"),
            (NOT_A_CONTEXT, "VCLOCK", "SET", "refused", flipped, "w"),
            (NOT_A_CONTEXT, "VCLOCK", "SET", "refused", context + b"A", "w"),
            (NOT_A_CONTEXT, "VCLOCK", "SET", "refused", context[:-1], "w"),
            (NOT_A_CONTEXT, "VCLOCK", "SET", "refused", b"A" * 100000, "w"),
            (NOT_A_CONTEXT, "VCLOCK", "DEL", "refused", flipped),
            (NOT_A_CONTEXT, "VCLOCK", "COMPARE", context, flipped),
            (NOT_A_CONTEXT, "VCLOCK", "COMPARE", "*", context),
            ("ERR syntax error", "VCLOCK", "SET", "refused", context, "w", "EX"),
            ("ERR syntax error", "VCLOCK", "SET", "refused", context, "w", "NO", "10"),
            ("ERR syntax error", "VCLOCK", "SET", "refused", context, "w", "EX", "10", "PX", "10"),
            ("ERR value is not an integer or out of range", "VCLOCK", "SET", "refused", context, "w", "EX", "x"),
            (expire, "VCLOCK", "SET", "refused", context, "w", "EX", "0"),
            (expire, "VCLOCK", "SET", "refused", context, "w", "PX", "-5"),
            (expire, "VCLOCK", "SET", "refused", context, "w", "EX", "9223372036854775807"),
            (expire, "VCLOCK", "SET", "refused", context, "w", "PXAT", "1"),
            (WRONG_TYPE, "VCLOCK", "GET", "a set"),
            (WRONG_TYPE, "VCLOCK", "SET", "a set", "", "w"),
            (WRONG_TYPE, "VCLOCK", "DEL", "a set", ""),
        ])
        self.everywhere(b"v", "GET", "refused")
        self.assertEqual((context, [b"v"]), self.values(self.nodes[1], "refused"))

    def test_contexts_of_another_cluster(self):
        other = Cluster(1, host=lambda index: self.nodes[0].host[:-1] + "9", cluster_secret="another", replicas=1)
        self.addCleanup(other.stop)
        other.start()
        theirs = other.nodes[0].call("VCLOCK", "SET", "k", "", "v")
        self.assertEqual(NOT_A_CONTEXT, self.nodes[0].error("VCLOCK", "SET", "k", theirs, "v"))

    def test_what_command_says(self):
        keys = lambda *command: self.nodes[0].call("COMMAND", "GETKEYS", *command)
        for command in (("GET", "k"), ("SET", "k", "", "v"), ("DEL", "k", ""), ("INSPECT", "k")):
            self.assertEqual([b"k"], keys("VCLOCK", *command))
        described = self.nodes[0].call("COMMAND", "INFO", "vclock")[0]
        self.assertEqual([b"vclock", -2], described[:2])
        subcommands = {each[0]: each for each in described[9]}
        self.assertEqual({b"vclock|get", b"vclock|set", b"vclock|del", b"vclock|compare", b"vclock|inspect"},
                         {name for name in subcommands if not name.endswith(b"|help")})
        self.assertEqual([-5, 2, 2, 1], [subcommands[b"vclock|set"][1]] + subcommands[b"vclock|set"][3:6])
        self.assertIn(b"readonly", subcommands[b"vclock|get"][2])
        self.assertIn(b"write", subcommands[b"vclock|del"][2])


class Quorum(Commands):
    DEFAULTS = {b"n": 3, b"r": b"QUORUM", b"w": b"QUORUM", b"mode": b"sloppy", b"timeout": QUORUM_TIMEOUT_MS}

    def test_of_a_connection(self):
        for node in self.nodes:
            one, other = node.connect(3), node.connect(2)
            self.assertEqual(self.DEFAULTS, one.value("QUORUM", "GET"))
            self.assertEqual([word for pair in self.DEFAULTS.items() for word in pair], other.value("QUORUM", "GET"))
            self.assertEqual(b"OK", one.value("QUORUM", "SET", "R", "1", "W", "all", "STRICT", "TIMEOUT", "250"))
            changed = {b"n": 3, b"r": b"1", b"w": b"ALL", b"mode": b"strict", b"timeout": 250}
            self.assertEqual(changed, one.value("QUORUM", "GET"))
            self.assertEqual(b"OK", one.value("QUORUM", "SET", "SLOPPY"))
            self.assertEqual({**changed, b"mode": b"sloppy"}, one.value("QUORUM", "GET"))
            self.assertEqual(self.DEFAULTS[b"timeout"], dict(zip(*[iter(other.value("QUORUM", "GET"))] * 2))[b"timeout"])
            self.assertEqual(b"OK", one.value("QUORUM", "RESET"))
            self.assertEqual(self.DEFAULTS, one.value("QUORUM", "GET"))
            one.value("QUORUM", "SET", "R", "ONE")
            one.value("RESET")
            self.assertEqual([word for pair in self.DEFAULTS.items() for word in pair], one.value("QUORUM", "GET"))
            one.close()
            other.close()

    def test_of_a_node(self):
        settings = {b"r": "quorum-r", b"w": "quorum-w", b"mode": "quorum-mode", b"timeout": "quorum-timeout"}
        changed = {b"n": 3, b"r": b"ONE", b"w": b"ALL", b"mode": b"strict", b"timeout": 250}
        node = self.nodes[0]
        connection = node.connect(3)
        for expected in [changed, self.DEFAULTS] * 5:
            for field, setting in settings.items():
                self.assertEqual(b"OK", connection.value("CONFIG", "SET", setting, expected[field]))
                self.assertEqual(expected[field], connection.value("QUORUM", "GET")[field])
        for setting in ("quorum-r", "quorum-w"):
            why = "ERR CONFIG SET failed (possibly related to argument '%s') - '%s' is 4, but there are 3 replicas"
            self.refused([(why % (setting, setting), "CONFIG", "SET", setting, "4")])
        connection.close()
        self.assertEqual(self.DEFAULTS, node.call("QUORUM", "GET", protocol=3))

    def test_of_one_command(self):
        for i, node in enumerate(self.nodes):
            key = "exec:%d" % i
            for level in ("1", "2", "3", "ONE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM"):
                self.assertEqual(b"OK", node.call("QUORUM", "EXEC", "W", level, "STRICT", "--", "SET", key, level))
                self.assertEqual(level.encode(), node.call("QUORUM", "EXEC", "R", "ALL", "--", "GET", key))
            self.assertEqual(b"EACH_QUORUM", node.call("QUORUM", "EXEC", "R", level, "TIMEOUT", "5000", "--", "GET", key))
            self.assertEqual(b"PONG", node.call("QUORUM", "EXEC", "R", "1", "--", "PING"))
            self.assertEqual({b"a": b"1"}, node.call("HSET", key + "h", "a", 1) and node.call(
                "QUORUM", "EXEC", "R", "2", "--", "HGETALL", key + "h", protocol=3))
            self.assertEqual(self.DEFAULTS, node.call("QUORUM", "GET", protocol=3))

    def test_refused(self):
        exec_error = ("ERR QUORUM EXEC takes options, then --, then a command that is no QUORUM EXEC itself, and not inside "
                      "MULTI")
        self.refused([
            ("ERR wrong number of arguments for 'quorum' command", "QUORUM"),
            ("ERR unknown subcommand 'NOSUCH'. Try QUORUM HELP.", "QUORUM", "NOSUCH"),
            ("ERR wrong number of arguments for 'quorum|get' command", "QUORUM", "GET", "x"),
            ("ERR wrong number of arguments for 'quorum|set' command", "QUORUM", "SET"),
            ("ERR wrong number of arguments for 'quorum|explain' command", "QUORUM", "EXPLAIN"),
            ("ERR syntax error", "QUORUM", "SET", "R"),
            ("ERR syntax error", "QUORUM", "SET", "FAST"),
            (LEVELS, "QUORUM", "SET", "R", "0"),
            (LEVELS, "QUORUM", "SET", "W", "256"),
            (LEVELS, "QUORUM", "SET", "W", "MOST"),
            ("ERR TIMEOUT is milliseconds from 1 to 3600000", "QUORUM", "SET", "TIMEOUT", "0"),
            ("ERR TIMEOUT is milliseconds from 1 to 3600000", "QUORUM", "SET", "TIMEOUT", "soon"),
            (exec_error, "QUORUM", "EXEC", "GET", "x"),
            (exec_error, "QUORUM", "EXEC", "R", "1", "--"),
            (exec_error, "QUORUM", "EXEC", "R", "1", "--", "QUORUM", "EXEC", "R", "1", "--", "GET", "x"),
            ("ERR unknown command 'NOSUCH', with args beginning with: 'x' ", "QUORUM", "EXEC", "R", "1", "--", "NOSUCH", "x"),
            ("ERR wrong number of arguments for 'get' command", "QUORUM", "EXEC", "R", "1", "--", "GET"),
        ])
        for node in self.nodes:
            self.assertEqual(self.DEFAULTS, node.call("QUORUM", "GET", protocol=3))

    def test_explaining(self):
        fields = [b"partition", b"epoch", b"r", b"w", b"mode", b"coordinator", b"verdict", b"replicas"]
        ids = {node.id().encode(): node for node in self.nodes}
        replies = [node.call("QUORUM", "EXPLAIN", "some key", protocol=3) for node in self.nodes]
        for reply in replies:
            self.assertEqual(fields, list(reply))
            self.assertEqual((b"QUORUM", b"QUORUM", b"sloppy"), (reply[b"r"], reply[b"w"], reply[b"mode"]))
            self.assertEqual(reply[b"replicas"][0][b"node"], reply[b"coordinator"])
            half = b"yes, 3 of 3 replicas are up and 2 are needed"
            self.assertEqual(b"read: " + half + b"; write: " + half, reply[b"verdict"])
            self.assertEqual((self.nodes[0].call("CLUSTER", "KEYSLOT", "some key"), 1), (reply[b"partition"], reply[b"epoch"]))
            self.assertEqual(set(ids), {replica[b"node"] for replica in reply[b"replicas"]})
            for replica in reply[b"replicas"]:
                self.assertEqual((ids[replica[b"node"]].host + ":%d" % PORT).encode(), replica[b"address"])
                self.assertEqual((b"", b"", b"up", 0), tuple(replica[name] for name in (b"rack", b"datacenter", b"state", b"hints")))
                self.assertEqual([], replica[b"version"])
        order = [[replica[b"node"] for replica in reply[b"replicas"]] for reply in replies]
        self.assertTrue(order[0] == order[1] == order[2])
        self.nodes[1].call("QUORUM", "EXEC", "W", "ALL", "--", "SET", "some key", "value")
        inspected = self.nodes[0].call("VCLOCK", "INSPECT", "some key", protocol=3)
        for node in self.nodes:
            reply = node.call("QUORUM", "EXPLAIN", "some key", protocol=3)
            self.assertEqual([inspected[b"context"]] * 3, [replica[b"version"] for replica in reply[b"replicas"]])
        self.nodes[0].call("MULTI")
        self.nodes[0].call("QUORUM", "EXPLAIN", "some key")
        self.assertIsNone(self.nodes[0].call("EXEC")[0][15][0][11])
        flat = self.nodes[0].call("QUORUM", "EXPLAIN", "some key")
        self.assertEqual(fields, flat[::2])
        four = self.nodes[0].call("QUORUM", "EXEC", "STRICT", "W", "4", "--", "QUORUM", "EXPLAIN", "some key", protocol=3)
        self.assertIn(b"write: no, 3 of 3 replicas are up and 4 are needed", four[b"verdict"])


class ClusterSubcommands(Commands):
    def same_slots(self):
        """CLUSTER SLOTS, the same to the byte on all nodes; it may be long, so it is taken apart once."""
        connection = self.nodes[0].connect()
        connection.send("CLUSTER", "SLOTS")
        frame, raw = connection.read_frame()
        connection.close()
        for node in self.nodes[1:]:
            connection = node.connect()
            connection.send("CLUSTER", "SLOTS")
            connection.send("PING")
            self.assertEqual(raw + b"+PONG\r\n", connection.read_bytes(len(raw) + len(b"+PONG\r\n")))
            connection.close()
        return resp.to_python(frame)

    def test_same_on_every_node(self):
        slots = self.same_slots()
        covered = [slot for first, last, *_ in slots for slot in range(first, last + 1)]
        self.assertEqual(list(range(16384)), covered)
        self.assertTrue(all(len(entry) == 3 for entry in slots), "each slot is shown with the node that coordinates it")
        shards = [node.call("CLUSTER", "SHARDS") for node in self.nodes]
        self.assertTrue(shards[0] == shards[1] == shards[2])
        ids = [dict(zip(shard[3][0][::2], shard[3][0][1::2]))[b"id"] for shard in shards[0]]
        self.assertEqual(sorted(node.id().encode() for node in self.nodes), ids)
        lines = [node.call("CLUSTER", "NODES").decode().replace("myself,", "").splitlines() for node in self.nodes]
        self.assertTrue(lines[0] == lines[1] == lines[2])
        self.assertEqual(sorted(lines[0]), lines[0])
        # What SLOTS, SHARDS and NODES say of the first replicas is the same.
        firsts = {}
        for first, last, coordinator, *_ in slots:
            firsts.setdefault(coordinator[2].decode(), set()).update(range(first, last + 1))
        for line in lines[0]:
            name, address, flags, *_ = line.split()
            self.assertIn(name, firsts)
            owned = set()
            for part in line.split()[8:]:
                first, _, last = part.partition("-")
                owned.update(range(int(first), int(last or first) + 1))
            self.assertEqual(firsts[name], owned)
            self.assertEqual("master", flags)

    def test_myself(self):
        for node in self.nodes:
            mine = [line for line in node.call("CLUSTER", "NODES").decode().splitlines() if "myself" in line]
            self.assertEqual(1, len(mine))
            self.assertTrue(mine[0].startswith(node.id() + " %s:%d@" % (node.host, PORT)))
            self.assertRegex(node.id(), "^[0-9a-f]{40}$")

    def test_info(self):
        for node in self.nodes:
            info = node.info()
            self.assertEqual(("1", "ok", "16384", "16384", "3", "3"),
                             tuple(info["cluster_" + name] for name in ("enabled", "state", "slots_assigned", "slots_ok",
                                                                        "known_nodes", "size")))

    def test_slots_of_keys(self):
        for node in self.nodes:
            # From the specification of Redis Cluster, and CRC-16's check value.
            self.assertEqual(12739, node.call("CLUSTER", "KEYSLOT", "123456789"))
            self.assertEqual(node.call("CLUSTER", "KEYSLOT", "user1000"), node.call("CLUSTER", "KEYSLOT", "{user1000}.following"))
            self.assertEqual(node.call("CLUSTER", "KEYSLOT", "{bar"), node.call("CLUSTER", "KEYSLOT", "foo{{bar}}zap"))
            self.assertNotEqual(node.call("CLUSTER", "KEYSLOT", "bar"), node.call("CLUSTER", "KEYSLOT", "foo{}{bar}"))
        self.nodes[0].call("QUORUM", "EXEC", "W", "3", "--", "MSET", "{counted}1", 1, "{counted}2", 2)
        slot = self.nodes[0].call("CLUSTER", "KEYSLOT", "{counted}")
        for node in self.nodes:
            self.assertEqual(2, node.call("CLUSTER", "COUNTKEYSINSLOT", slot))
            self.assertEqual({b"{counted}1", b"{counted}2"}, set(node.call("CLUSTER", "GETKEYSINSLOT", slot, 10)))
            self.assertEqual(1, len(node.call("CLUSTER", "GETKEYSINSLOT", slot, 1)))
        self.refused([("ERR Invalid slot", "CLUSTER", "COUNTKEYSINSLOT", "16384"),
                      ("ERR Invalid slot", "CLUSTER", "GETKEYSINSLOT", "-1", "1"),
                      ("ERR Invalid number of keys", "CLUSTER", "GETKEYSINSLOT", "1", "-1")])


    def test_help(self):
        for name in ("CLUSTER", "QUORUM", "VCLOCK"):
            for node in self.nodes:
                for protocol in (2, 3):
                    lines = node.call(name, "HELP", protocol=protocol)
                    self.assertEqual((name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:").encode(), lines[0])
                    self.assertEqual([b"HELP", b"    Prints this help."], lines[-2:])
            named = {line.split()[0].lower() for line in lines[1:] if not line.startswith(b" ")}
            described = self.nodes[0].call("COMMAND", "INFO", name.lower())[0]
            known = {each[0].split(b"|")[1] for each in described[9]} - {b"slaves"}
            self.assertEqual(known, named, "every subcommand of %s is explained" % name)

    def test_links(self):
        ids = {node.id().encode() for node in self.nodes}
        for node in self.nodes:
            for protocol in (2, 3):
                links = node.call("CLUSTER", "LINKS", protocol=protocol)
                if protocol == 2:
                    links = [dict(zip(link[::2], link[1::2])) for link in links]
                self.assertTrue(all(list(link) == [b"direction", b"node", b"create-time", b"events", b"send-buffer-allocated",
                                                   b"send-buffer-used"] for link in links))
                to = {link[b"node"] for link in links if link[b"direction"] == b"to"}
                self.assertEqual(ids - {node.id().encode()}, to)
                now_ms = int(node.call("TIME")[0]) * 1000
                self.assertTrue(all(now_ms - 600000 < link[b"create-time"] < now_ms + 60000 for link in links))

    def test_single_nodes(self):
        unknown = "0" * 40
        for node in self.nodes:
            for other in self.nodes:
                for protocol in (2, 3):
                    self.assertEqual([], node.call("CLUSTER", "REPLICAS", other.id(), protocol=protocol))
                    self.assertEqual([], node.call("CLUSTER", "SLAVES", other.id().upper(), protocol=protocol))
                    self.assertEqual(0, node.call("CLUSTER", "COUNT-FAILURE-REPORTS", other.id(), protocol=protocol))
                    self.assertIn("cannot forget it" if other is not node else "can't forget myself",
                                  node.error("CLUSTER", "FORGET", other.id(), protocol=protocol))
            self.assertEqual(b"OK", node.call("CLUSTER", "MEET", self.nodes[0].host, PORT, 25002))
            self.assertEqual(3, len(node.flags()))
            for protocol in (2, 3):
                for word in ("ASKING", "READONLY", "READWRITE"):
                    self.assertEqual(b"OK", node.call(word, protocol=protocol))
        self.refused([
            ("ERR Unknown node " + unknown, "CLUSTER", "REPLICAS", unknown),
            ("ERR Unknown node " + unknown, "CLUSTER", "SLAVES", unknown),
            ("ERR Unknown node x", "CLUSTER", "FORGET", "x"),
            ("ERR Unknown node x", "CLUSTER", "COUNT-FAILURE-REPORTS", "x"),
            ("ERR Invalid node address specified: 127.0.0.1:0", "CLUSTER", "MEET", "127.0.0.1", "0"),
            ("ERR Invalid node address specified: 127.0.0.1:x", "CLUSTER", "MEET", "127.0.0.1", "x"),
            ("ERR Invalid node address specified: 127.0.0.1:7001", "CLUSTER", "MEET", "127.0.0.1", "7001", "65536"),
            ("ERR wrong number of arguments for 'cluster|meet' command", "CLUSTER", "MEET", "127.0.0.1"),
            ("ERR wrong number of arguments for 'cluster|replicas' command", "CLUSTER", "REPLICAS"),
            ("ERR wrong number of arguments for 'cluster|links' command", "CLUSTER", "LINKS", "x"),
            ("ERR wrong number of arguments for 'cluster|help' command", "CLUSTER", "HELP", "x"),
            ("ERR wrong number of arguments for 'asking' command", "ASKING", "x"),
        ])

    def test_outside_a_cluster(self):
        alone = Cluster(1, host=lambda index: self.nodes[0].host[:-1] + "8", cluster_enabled="no")
        self.addCleanup(alone.stop)
        node = alone.nodes[0]
        node.start()
        until(lambda: node.call("PING"), "it answers")
        for command in (("CLUSTER", "LINKS"), ("CLUSTER", "REPLICAS", "x"), ("CLUSTER", "FORGET", "x"),
                        ("CLUSTER", "MEET", "127.0.0.1", "7001"), ("CLUSTER", "COUNT-FAILURE-REPORTS", "x"), ("ASKING",),
                        ("READONLY",), ("READWRITE",)):
            for protocol in (2, 3):
                self.assertEqual("ERR This instance has cluster support disabled", node.error(*command, protocol=protocol))
        for name in ("CLUSTER", "QUORUM", "VCLOCK"):
            self.assertEqual(b"    Prints this help.", node.call(name, "HELP")[-1])


if __name__ == "__main__":
    unittest.main()
