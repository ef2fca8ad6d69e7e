"""Users and what they may do: beside the redis-server that is installed where replies are the same; what is refused where, on
one node; users in files; on three nodes."""

import contextlib
import os
import pathlib
import shutil
import unittest

from cluster_nodes import Cluster, until
from harness import resp
from harness.resp import ReplyError
from harness.servers import Server
from single_node import SingleNode

HASH = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4"


def reply(side, *arguments):
    """The value, or the error's text."""
    try:
        return side.value(*arguments)
    except ReplyError as error:
        return "error: " + str(error)


def sorted_rules(value):
    """Redis 7.0 tells of the rules of commands in any order, 7.2 in that in which they were given."""
    if isinstance(value, list):
        return [sorted_rules(each) for each in value]
    return b" ".join(sorted(value.split(b" "))) if isinstance(value, bytes) else value


def closed(connection):
    """Whether the other end has closed it."""
    def gone():
        try:
            connection.value("PING")
        except (OSError, resp.Closed):
            return True
        except ReplyError:
            pass
        return False
    return until(gone, "the connection is closed", 10)


# What both answer alike, in the order in which it is asked.
SAME = [
    ("ACL", "LIST"), ("ACL", "USERS"), ("ACL", "WHOAMI"), ("ACL", "GETUSER", "default"), ("ACL", "GETUSER", "nobody"),
    ("ACL", "SETUSER", "a", "on", ">pw", "%R~a*", "%W~b*", "~c*", "&ch*", "+@read", "-get", "+select|0"),
    ("ACL", "GETUSER", "a"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "a", "(+set ~x* %R~y)", "(", "&*", "+get)"), ("ACL", "SETUSER", "a", "(+set", "~z)"),
    ("ACL", "GETUSER", "a"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "a", "clearselectors", "+@all", "-debug", "-config|set"), ("ACL", "GETUSER", "a"),
    ("ACL", "SETUSER", "a", "nopass"), ("ACL", "GETUSER", "a"), ("ACL", "SETUSER", "a", "resetpass", "off"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "a", "#" + HASH), ("ACL", "SETUSER", "a", "!" + HASH), ("ACL", "SETUSER", "a", "!" + HASH),
    ("ACL", "SETUSER", "a", "sanitize-payload"), ("ACL", "LIST"), ("ACL", "SETUSER", "a", "skip-sanitize-payload"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "a", "reset"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "b", "+@READ", "+CONFIG|GET"), ("ACL", "GETUSER", "b"),
    ("ACL", "SETUSER", "b", "allkeys", "allchannels", "allcommands", "ON"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "b", "resetkeys", "resetchannels", "nocommands"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "c", "foo"), ("ACL", "SETUSER", "c", "+gett"), ("ACL", "SETUSER", "c", "-gett"),
    ("ACL", "SETUSER", "c", "+@foo"), ("ACL", "SETUSER", "c", "+config|nn"), ("ACL", "SETUSER", "c", "-config|nn"),
    ("ACL", "SETUSER", "c", "+config|get|x"), ("ACL", "SETUSER", "c", "+get|"), ("ACL", "SETUSER", "c", "-select|0"),
    ("ACL", "SETUSER", "c", "%Z~a"), ("ACL", "SETUSER", "c", "%RR~a"), ("ACL", "SETUSER", "c", "~a b"),
    ("ACL", "SETUSER", "c", "allkeys", "~x"), ("ACL", "SETUSER", "c", "allchannels", "&x"),
    ("ACL", "SETUSER", "c", "<nn"), ("ACL", "SETUSER", "c", "#nn"), ("ACL", "SETUSER", "c", "#" + HASH.upper()),
    ("ACL", "SETUSER", "c", "(+get"), ("ACL", "SETUSER", "c", "(+gett)"), ("ACL", "SETUSER", "c", "(+get", "+set"),
    ("ACL", "SETUSER", "a b", "on"), ("ACL", "USERS"),
    ("ACL", "SETUSER", "d", "on", "nopass", "~a", "%R~r", "%W~w", "&n*", "+get", "+set", "+copy", "+publish", "+subscribe",
     "+psubscribe", "+config|get", "+select|1", "+mset", "+eval"),
] + [("ACL", "DRYRUN", "d") + tuple(words.split()) for words in (
    "get a", "get r", "set w 1", "set a 1", "copy r w", "publish n1 x", "subscribe n1 n2", "psubscribe n*", "config get x",
    "select 1", "mset a 1 w 2", "eval return 1 a", "eval return 1 1 a", "nothing", "get", "config set a", "config nothing x",
    "acl whoami x", "auth x", "set a 1 get")] + [
    ("ACL", "DRYRUN", "nobody", "get", "a"),
    ("ACL", "DELUSER", "d", "nobody", "b"), ("ACL", "DELUSER", "default"), ("ACL", "DELUSER", "a", "default"), ("ACL", "USERS"),
    ("ACL", "CAT", "nothing"), ("ACL", "CAT", "read", "x"), ("ACL", "CAT"),
    ("ACL", "GENPASS", "0"), ("ACL", "GENPASS", "x"), ("ACL", "GENPASS", "4097"), ("ACL", "GENPASS", "1", "2"),
    ("ACL", "LOG", "x"), ("ACL", "LOG", "1", "2"), ("ACL", "LOG", "RESET"), ("ACL", "LOG"), ("ACL", "LOG", "-1"),
    ("ACL", "LOAD"), ("ACL", "SAVE"), ("ACL", "NOTHING"), ("ACL",),
    ("AUTH", "pw"), ("AUTH", "nobody", "pw"), ("AUTH", "default", "anything"), ("HELLO", "3", "AUTH", "nobody", "x"),
]


class BesideRedis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("redis-server") is None:
            raise unittest.SkipTest("there is no redis-server to compare with")
        cls.node = SingleNode().start().wait_ready()
        cls.addClassCleanup(cls.node.stop)
        cls.redis = Server("redis-server")
        cls.addClassCleanup(cls.redis.stop)

    def setUp(self):
        self.ours, self.theirs = self.node.connect(), self.redis.connect()
        for side in (self.ours, self.theirs):
            self.addCleanup(side.close)
            for user in side.value("ACL", "USERS"):
                if user != b"default":
                    side.value("ACL", "DELUSER", user)

    def test_replies(self):
        for words in SAME:
            with self.subTest(words=words):
                expected = reply(self.theirs, *words)
                if words[:2] == ("ACL", "DRYRUN") and isinstance(expected, bytes):
                    # Redis 7.2 says whose permissions they are.
                    expected = expected.replace(b"This user", b"User " + words[2].encode())
                self.assertEqual(sorted_rules(expected), sorted_rules(reply(self.ours, *words)))

    def test_refusals_are_of_the_same_commands(self):
        """Whatever its words, what one refuses the other does, and with the same key or channel named."""
        rules = ("on", "nopass", "~a*", "%R~r*", "%W~w*", "&n*", "+@all", "-@dangerous", "-@admin", "+config|get", "-getset", "+sort",
                 "(~s* +set +get +getdel)")
        uses = [
            "get a", "get r", "get w", "get s", "get z", "set a 1", "set r 1", "set w 1", "set w 1 get", "set s 1 get", "getdel s",
            "getdel r", "getdel a", "getset a 1", "getex r", "getex r persist", "mget a r", "mget a w", "mset a 1 w 2",
            "mset a 1 r 2", "exists r w", "exists z", "type w", "ttl w", "touch w", "del w", "del r", "unlink w r", "copy r w",
            "copy w r", "rename a1 a2", "rename r w", "append w x", "append a x", "strlen w", "strlen r", "incr w", "incr a",
            "hset w f v", "hget w f", "hget r f", "hincrby w f 1", "hgetall r", "hdel w f", "lpush w x", "lpop w", "lpop a", "lmove a1 a2 left left",
            "lmove r w left left", "lrange r 0 1", "llen w", "llen r", "sadd w x", "srem w x", "smembers r", "sinterstore w r r",
            "sinterstore r r r", "sintercard 2 r r", "sintercard 2 r w", "smove r w x", "zadd w 1 x", "zincrby w 1 x",
            "zscore r x", "zunion 2 r a", "zunionstore w 2 r r", "zunionstore w 2 r w", "zrangestore w r 0 1", "zpopmin w",
            "bitcount r", "bitcount w", "bitfield r get u8 0", "bitfield r set u8 0 1", "bitfield_ro r get u8 0", "bitop not w r", "setbit w 0 1",
            "pfadd w x", "pfcount r", "pfmerge w r", "geoadd w 1 1 x", "geosearchstore w r fromlonlat 1 1 byradius 1 m", "xadd w * a b",
            "xlen r", "xread streams r 0", "xreadgroup group g c streams r >", "xdel w 1-1",
            "expire w 1", "persist w", "dump r", "restore w 0 x", "object freq r", "sort r", "sort r store w", "sort r store r", "sort r by nosort store w", "sort a by a*",
            "georadius r 1 1 1 m store w", "georadius r 1 1 1 m store r", "georadius r 1 1 1 m storedist w", "xread count 1 streams w 0",
            "xreadgroup group g c streams w >", "lmpop 1 w left", "blmpop 0 1 r left", "zmpop 1 r min", "bzmpop 0 1 w min", "zdiffstore w 1 r",
            "zinterstore w 2 r r weights 1 2", "bitop and w r r", "bitop and r r r", "xclaim w g c 0 1-1", "xautoclaim r g c 0 0", "pfcount r r",
            "getdel w", "getex w", "substr w 0 1", "lcs r r", "lcs r w", "sintercard 1 w", "zintercard 1 r", "smismember r x", "hrandfield r",
            "object encoding w", "memory usage w", "expiretime w", "renamenx w1 w2", "msetnx w 1 r 2", "brpoplpush r w 0", "blmove a w left left 0",
            "geosearch r fromlonlat 1 1 byradius 1 m", "zrangestore r r 0 1", "fcall f 1 r", "fcall_ro f 1 r", "fcall f 1 a", "xgroup create w g 0",
            "xinfo stream r", "xinfo stream w", "xsetid w 1-1", "sunionstore w r", "sdiffstore w w", "restore r 0 x", "eval return 0",
            "eval return 1 r", "eval_ro return 1 r", "publish n1 x", "publish m x", "spublish m x", "subscribe n1", "subscribe n1 m",
            "psubscribe n*", "psubscribe n1*", "ssubscribe m", "unsubscribe m", "config get x", "config set maxmemory 0", "keys *", "flushall",
            "client list", "client id", "info", "slowlog get", "scan 0", "randomkey", "dbsize", "wait 0 0", "ping", "echo x", "select 0",
            "auth x", "hello", "reset", "quit", "multi", "exec", "watch a", "watch z", "acl whoami", "acl list", "command count",
            "swapdb 0 1", "move w 1", "debug sleep 0", "shutdown", "object help", "memory usage r",
        ]
        differ = []
        for side in (self.ours, self.theirs):
            side.value("ACL", "SETUSER", "u", *rules)
        for words in uses:
            ours, theirs = (reply(side, "ACL", "DRYRUN", "u", *words.split()) for side in (self.ours, self.theirs))
            if b"OK" in (ours, theirs) or "error" in str(ours) + str(theirs):
                same = ours == theirs
            else:
                # "… to access the 'x' key"; Redis 7.2 says whose permissions they are.
                same = ours.decode().split(" no permissions ")[1] == theirs.decode().split(" no permissions ")[1]
            if not same:
                differ.append((words, ours, theirs))
        self.assertEqual([], differ)

    def test_categories(self):
        """Each has the commands that it has in Redis, as far as they are here."""
        here = set(self.names(self.ours))
        for category in self.ours.value("ACL", "CAT"):
            with self.subTest(category=category):
                ours, theirs = (set(side.value("ACL", "CAT", category)) for side in (self.ours, self.theirs))
                known = here & set(self.names(self.theirs))
                self.assertEqual(sorted(theirs & known), sorted(ours & known))

    def names(self, side):
        return [name for category in side.value("ACL", "CAT") for name in side.value("ACL", "CAT", category)]

    def test_log(self):
        entries = []
        for side, server in ((self.ours, self.node), (self.theirs, self.redis)):
            side.value("ACL", "LOG", "RESET")
            side.value("ACL", "SETUSER", "u", "on", ">pw", "~a", "+get", "+multi", "+exec", "+eval", "&c", "+publish")
            with contextlib.closing(server.connect()) as user:
                user.value("AUTH", "u", "pw")
                for words in (("GET", "z"), ("get", "z"), ("SET", "a", "1"), ("PUBLISH", "d", "x"), ("AUTH", "u", "x"),
                              ("MULTI",), ("GET", "y"), ("EXEC",), ("EVAL", "return redis.call('GET', 'x')", "0")):
                    reply(user, *words)
            kept = {b"count", b"reason", b"context", b"object", b"username"}
            found = [dict(zip(entry[::2], entry[1::2])) for entry in side.value("ACL", "LOG")]
            self.assertTrue(all(b"user=u" in entry[b"client-info"] for entry in found))
            self.assertTrue(all(0 <= float(entry[b"age-seconds"]) < 60 for entry in found))
            entries.append([{name: value for name, value in entry.items() if name in kept} for entry in found])
        self.assertEqual(entries[1], entries[0])
        self.assertEqual(6, len(entries[0]))

    def test_acl_check_cmd(self):
        for side, server in ((self.ours, self.node), (self.theirs, self.redis)):
            side.value("ACL", "SETUSER", "u", "on", "nopass", "~a", "+get", "+eval")
        for words in ("'get','a'", "'get','b'", "'set','a','1'", "'nothing'", "'get'"):
            with self.subTest(words=words):
                results = []
                for server in (self.node, self.redis):
                    with contextlib.closing(server.connect()) as user:
                        user.value("AUTH", "u", "")
                        results.append(str(reply(user, "EVAL", "return redis.acl_check_cmd(%s)" % words, "0")).split(" script:")[0])
                self.assertEqual(results[1], results[0])

    def test_sort_by_keys_that_are_not_named(self):
        for side in (self.ours, self.theirs):
            side.value("DEL", "a")
            side.value("RPUSH", "a", "1", "2")
            side.value("ACL", "SETUSER", "u", "on", "nopass", "~a", "+sort")
            side.value("ACL", "SETUSER", "v", "on", "nopass", "%R~*", "+sort")
        for words in (("SORT", "a"), ("SORT", "a", "BY", "x"), ("SORT", "a", "BY", "x*"), ("SORT", "a", "GET", "#"), ("SORT", "a", "GET", "x*")):
            for name in ("u", "v"):
                with self.subTest(words=words, user=name):
                    results = []
                    for server in (self.node, self.redis):
                        with contextlib.closing(server.connect()) as user:
                            user.value("AUTH", name, "")
                            results.append(reply(user, *words))
                    self.assertEqual(results[1], results[0])


class OneNode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = SingleNode().start().wait_ready()
        cls.addClassCleanup(cls.node.stop)

    def setUp(self):
        self.admin = self.node.connect()
        self.addCleanup(self.admin.close)
        self.admin.value("FLUSHALL")
        self.admin.value("ACL", "SETUSER", "u", "reset", "on", ">pw", "~a*", "&c*", "+@all", "-@dangerous", "-incr")

    def login(self, name="u", password="pw", protocol=2):
        connection = self.node.connect(protocol=protocol)
        self.addCleanup(connection.close)
        connection.value("AUTH", name, password)
        return connection

    def test_texts(self):
        user = self.login()
        self.assertEqual(b"u", user.value("ACL", "WHOAMI"))
        self.assertEqual(b"OK", user.value("SET", "a", "1"))
        for words, error in (
                (("INCR", "a"), "NOPERM User u has no permissions to run the 'incr' command"),
                (("CONFIG", "GET", "x"), "NOPERM User u has no permissions to run the 'config|get' command"),
                (("GET", "b"), "NOPERM No permissions to access a key"),
                (("PUBLISH", "d", "x"), "NOPERM No permissions to access a channel"),
                (("AUTH", "u", "no"), "WRONGPASS invalid username-password pair or user is disabled.")):
            with self.subTest(words=words):
                self.assertEqual("error: " + error, reply(user, *words))
        # A password that was wrong changes nothing.
        self.assertEqual(b"u", user.value("ACL", "WHOAMI"))
        self.assertIn(b" user=u ", user.value("CLIENT", "INFO"))

    def test_hello_reset_and_off(self):
        connection = self.node.connect()
        self.addCleanup(connection.close)
        connection.value("HELLO", "2", "AUTH", "u", "pw")
        self.assertEqual(b"u", connection.value("ACL", "WHOAMI"))
        connection.value("RESET")
        self.assertEqual(b"default", connection.value("ACL", "WHOAMI"))
        self.admin.value("ACL", "SETUSER", "u", "off")
        self.assertIn("WRONGPASS", reply(connection, "AUTH", "u", "pw"))

    def test_a_change_counts_for_connections_that_are_there(self):
        users = [self.login() for _ in range(4)]  # Of all loops.
        self.admin.value("ACL", "SETUSER", "u", "-get")
        for user in users:
            self.assertIn("NOPERM", str(reply(user, "GET", "a")))
        self.admin.value("ACL", "SETUSER", "u", "+get", "+incr")
        for user in users:
            self.assertIsNone(user.value("GET", "a"))
        self.assertEqual(1, users[0].value("INCR", "a"))

    def test_the_default_user_narrowed_and_back(self):
        other = self.node.connect()
        self.addCleanup(other.close)
        other.value("SET", "a", "1")
        admin = self.admin
        admin.value("ACL", "SETUSER", "root", "on", ">pw", "~*", "&*", "+@all")
        root = self.login("root")
        root.value("ACL", "SETUSER", "default", "-set")
        self.assertIn("NOPERM User default has no permissions to run the 'set' command", reply(other, "SET", "a", "2"))
        self.assertEqual(b"1", other.value("GET", "a"))
        root.value("ACL", "SETUSER", "default", "+@all")
        self.assertEqual(b"OK", other.value("SET", "a", "2"))
        root.value("ACL", "SETUSER", "default", ">pw")
        # Who is there stays; who comes has to say it.
        self.assertEqual(b"OK", other.value("SET", "a", "3"))
        with contextlib.closing(self.node.connect(timeout_s=10)) as new:
            self.assertIn("NOAUTH", reply(new, "GET", "a"))
            new.value("AUTH", "pw")
            self.assertEqual(b"3", new.value("GET", "a"))
        root.value("ACL", "SETUSER", "default", "nopass")

    def test_transactions(self):
        user = self.login()
        user.value("MULTI")
        user.value("SET", "a", "1")
        self.assertIn("NOPERM", reply(user, "INCR", "a"))
        self.assertIn("EXECABORT", reply(user, "EXEC"))
        self.assertIsNone(user.value("GET", "a"))
        user.value("MULTI")
        user.value("SET", "a", "1")
        user.value("SET", "a2", "2")
        user.value("PUBLISH", "c", "x")
        self.admin.value("ACL", "SETUSER", "u", "resetkeys", "~a", "resetchannels", "-set", "+set")
        _, results = user.call("EXEC")
        results = [text for _, text in results]
        self.assertEqual(b"OK", results[0])
        text = ("NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command "
                "is no longer allowed for the following reason: no permission to ")
        self.assertEqual(text + "touch the specified keys", results[1].decode())
        self.assertEqual(text + "access one of the channels used as arguments", results[2].decode())
        self.assertIsNone(self.admin.value("GET", "a2"))

    def test_scripts_and_functions(self):
        self.admin.value("FUNCTION", "LOAD", "REPLACE",
                         "#!lua name=l\nredis.register_function('f', function(keys, args) return redis.call(unpack(args)) end)")
        user = self.login()
        call = ("EVAL", "return redis.call(unpack(ARGV))", "0")
        for prefix in (call, ("FCALL", "f", "0")):
            with self.subTest(prefix=prefix):
                self.assertEqual(b"OK", user.value(*prefix, "SET", "a", "1"))
                self.assertIn("error: ERR ACL failure in script: User u has no permissions to run the 'incr' command",
                              reply(user, *prefix, "INCR", "a"))
                self.assertIn("ERR ACL failure in script: No permissions to access a key", reply(user, *prefix, "SET", "b", "1"))
                self.assertIn("ERR ACL failure in script: No permissions to access a channel",
                              reply(user, *prefix, "PUBLISH", "d", "1"))
        self.assertIn("NOPERM", reply(user, *call[:2], "1", "b"))
        self.assertIsNone(self.admin.value("GET", "b"))
        self.assertEqual(b"1", self.admin.value("GET", "a"))
        user.value("MULTI")
        user.value(*call, "INCR", "a")
        self.assertIn("ACL failure in script", str(user.call("EXEC")))

    def test_a_deleted_user_is_closed(self):
        users = [self.login() for _ in range(4)]
        self.admin.value("ACL", "DELUSER", "u")
        self.admin.value("ACL", "SETUSER", "u", "on", ">pw", "+@all")
        for user in users:
            closed(user)
        self.admin.value("ACL", "SETUSER", "self", "on", ">pw", "+@all")
        own = self.login("self")
        self.assertEqual(1, own.value("ACL", "DELUSER", "self"))
        closed(own)
        self.assertEqual(b"PONG", self.admin.value("PING"))

    def test_subscribers_who_may_not_listen_any_more_are_closed(self):
        listeners = []
        for words in (("SUBSCRIBE", "c1"), ("PSUBSCRIBE", "c*"), ("SSUBSCRIBE", "c2")):
            listener = self.login(protocol=3)
            listener.send(*words)
            listener.read_frame()
            listeners.append(listener)
        idle = self.login()
        self.admin.value("ACL", "SETUSER", "u", "&other")
        self.assertEqual(b"PONG", listeners[0].value("PING"))
        self.admin.value("ACL", "SETUSER", "u", "resetchannels", "&c1")
        self.assertEqual(b"PONG", listeners[0].value("PING"))
        closed(listeners[1])
        closed(listeners[2])
        self.assertEqual(b"PONG", idle.value("PING"))
        self.admin.value("ACL", "SETUSER", "u", "resetchannels")
        closed(listeners[0])

    def test_a_blocked_client_is_asked_again(self):
        user = self.login()
        user.send("BLPOP", "a", "0")
        until(lambda: b"blocked_clients:1" in self.admin.value("INFO", "clients"), "it waits")
        self.admin.value("ACL", "SETUSER", "u", "-blpop")
        self.admin.value("RPUSH", "a", "x")
        with self.assertRaises(ReplyError) as raised:
            resp.to_python(user.read_frame()[0])
        self.assertIn("NOPERM", str(raised.exception))
        self.assertEqual(1, self.admin.value("LLEN", "a"))

    def test_passwords_are_told_to_nobody(self):
        self.admin.value("CONFIG", "SET", "slowlog-log-slower-than", "0")
        self.admin.value("ACL", "SETUSER", "w", ">geheim", "on")
        self.admin.value("CONFIG", "SET", "slowlog-log-slower-than", "10000")
        self.assertNotIn("geheim", str(self.admin.value("SLOWLOG", "GET", "-1")))
        self.assertNotIn("geheim", str(self.admin.value("ACL", "LIST")))
        self.assertNotIn("geheim", self.node.log())

    def test_log_is_bounded(self):
        user = self.login()
        self.admin.value("CONFIG", "SET", "acllog-max-len", "3")
        before = self.denied()
        for number in range(5):
            reply(user, "GET", "z%d" % number)
        self.assertEqual(3, len(self.admin.value("ACL", "LOG", "100")))
        self.assertEqual(before + 5, self.denied(), "INFO counts all")
        self.admin.value("CONFIG", "SET", "acllog-max-len", "128")

    def denied(self):
        """Commands and keys that were refused."""
        fields = dict(line.split(":", 1) for line in self.admin.value("INFO", "stats").decode().split() if ":" in line)
        return int(fields["acl_access_denied_cmd"]) + int(fields["acl_access_denied_key"])

    def test_channels_of_new_users_as_configured(self):
        for value, channels in (("allchannels", b"&*"), ("resetchannels", b"")):
            self.admin.value("CONFIG", "SET", "acl-pubsub-default", value)
            self.admin.value("ACL", "SETUSER", "new", "on")
            user = self.admin.value("ACL", "GETUSER", "new")
            self.assertEqual(channels, dict(zip(user[::2], user[1::2]))[b"channels"])
            self.admin.value("ACL", "DELUSER", "new")
        self.assertIn("immutable", reply(self.admin, "CONFIG", "SET", "aclfile", "/x"))

    def test_whoever_is_refused_in_a_pipeline_goes_on(self):
        user = self.login()
        frames = user.pipeline([("SET", "a", "1"), ("SET", "b", "1"), ("AUTH", "u", "no"), ("GET", "a"), ("AUTH", "default", ""),
                                ("SET", "b", "2"), ("GET", "b")])
        texts = [text for _, text in frames]
        self.assertEqual([b"OK", b"1", b"OK", b"OK", b"2"], [texts[i] for i in (0, 3, 4, 5, 6)])
        self.assertIn(b"NOPERM", texts[1])
        self.assertIn(b"WRONGPASS", texts[2])

    def test_kill_by_user(self):
        users = [self.login() for _ in range(3)]
        self.assertEqual(3, self.admin.value("CLIENT", "KILL", "USER", "u"))
        for user in users:
            closed(user)
        self.assertIn("No such user 'nobody'", reply(self.admin, "CLIENT", "KILL", "USER", "nobody"))


class Files(unittest.TestCase):
    def start(self, **settings):
        node = SingleNode(**settings)
        self.addCleanup(node.stop)
        return node

    def as_user(self, node, name, password):
        connection = node.connect()
        self.addCleanup(connection.close)
        connection.value("AUTH", name, password)
        return connection

    def test_a_file_of_users(self):
        node = self.start()
        path = node.path("users.acl")
        with open(path, "w") as file:
            file.write("user alice on >pw ~* &* +@all\n\nuser bob on >pw (+get ~x)\n")
        node.start(aclfile=path).wait_ready()
        alice = self.as_user(node, "alice", "pw")
        bob = self.as_user(node, "bob", "pw")
        self.assertIsNone(bob.value("GET", "x"))
        alice.value("ACL", "SETUSER", "carol", "on", ">pw", "+ping")
        alice.value("ACL", "SAVE")
        with open(path) as file:
            saved = file.read()
        self.assertIn("user carol on #" + HASH + " resetchannels -@all +ping\n", saved)
        self.assertNotIn(">pw", saved)
        with open(path, "a") as file:
            file.write("user dave on +nonsense\n")
        self.assertIn("users.acl:5: Error in applying operation '+nonsense': Unknown command or category name in ACL. WARNING: ACL "
                      "errors detected", reply(alice, "ACL", "LOAD"))
        with open(path, "w") as file:
            file.write("user alice on >pw ~* &* +@all\nuser default off\n")
        alice.value("ACL", "LOAD")
        self.assertEqual([b"alice", b"default"], alice.value("ACL", "USERS"))
        closed(bob)
        with contextlib.closing(node.connect()) as stranger:
            self.assertIn("NOAUTH", reply(stranger, "PING"))
        node.kill()
        with open(path, "a") as file:
            file.write("usr\n")
        node.start(aclfile=path)
        self.assertEqual(1, node.process.wait(30))
        self.assertIn("users.acl:3 should start with user keyword followed by the username", node.log())

    def test_users_in_the_configuration_are_written_back(self):
        node = self.start()
        path = node.path("s.conf")
        with open(path, "w") as file:
            file.write("# Mine.\nuser alice on >pw ~* &* +@all\nport 1\n")
        self.run_with(node, path)
        alice = self.as_user(node, "alice", "pw")
        alice.value("ACL", "SETUSER", "bob", "on", ">pw", "~a\"b", "(+get %R~x)")
        rules = alice.value("ACL", "LIST")
        alice.value("CONFIG", "REWRITE")
        alice.value("CONFIG", "REWRITE")
        with open(path) as file:
            text = file.read()
        self.assertEqual(2, text.count("\nuser "))
        self.assertIn("# Mine.\n", text)
        self.assertNotIn(">pw", text)
        node.kill()
        self.run_with(node, path)
        alice = self.as_user(node, "alice", "pw")
        self.assertEqual(rules, alice.value("ACL", "LIST"))
        alice.value("CONFIG", "SET", "requirepass", "other")
        self.assertEqual(b"OK", self.as_user(node, "default", "other").value("ACL", "SETUSER", "default", "-debug"))
        alice.value("CONFIG", "REWRITE")
        node.kill()
        self.run_with(node, path)
        self.assertIn(b"-debug", str(self.as_user(node, "default", "other").value("ACL", "LIST")).encode())

    def run_with(self, node, path):
        node.start(file=path)
        until(lambda: "Ready" in node.log(), "it is ready")

    def test_a_password_for_everybody(self):
        node = self.start(requirepass="pw").start()
        until(lambda: "Ready" in node.log(), "it is ready")
        with contextlib.closing(node.connect()) as stranger:
            self.assertIn("NOAUTH", reply(stranger, "ACL", "WHOAMI"))
            stranger.value("AUTH", "pw")
            self.assertEqual(b"default", stranger.value("ACL", "WHOAMI"))
            self.assertIn(HASH, str(stranger.value("ACL", "LIST")))
            stranger.value("CONFIG", "SET", "requirepass", "")
            self.assertIn(b" nopass ", stranger.value("ACL", "LIST")[0])

    def test_wrong_users_stop_the_start(self):
        for text, message in (
                ("user alice on\nuser bob +nonsense\n", "s.conf:2: Error in applying operation '+nonsense': Unknown command"),
                ("user alice on\nuser alice off\n", "s.conf:2: Duplicate user 'alice' found"),
                ("user alice on\naclfile /x\n", "it must be one or the other"),
                ("aclfile /nonexistent/users\n", "Users could not be loaded: /nonexistent/users"),
                ("user\n", "a user's name is missing")):
            with self.subTest(text=text):
                node = self.start()
                path = node.path("s.conf")
                with open(path, "w") as file:
                    file.write(text)
                node.start(file=path)
                self.assertEqual(1, node.process.wait(30))
                self.assertIn(message, node.log())


class OnThreeNodes(unittest.TestCase):
    """`node(i)`: connections to the nodes as the default user, who may do everything unless a test says otherwise."""

    def setUp(self):
        self.cluster = Cluster(3)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.nodes = self.cluster.nodes

    def login(self, node, name="u", password="pw"):
        connection = node.connect()
        self.addCleanup(connection.close)
        connection.value("AUTH", name, password)
        return connection

    def key_of(self, coordinator, prefix="a"):
        """A key that begins so, and that this node coordinates."""
        for number in range(1000):
            key = "%s%d" % (prefix, number)
            holders = self.nodes[0].call("CLUSTER", "KEYSLOT", key)
            for first, last, owner, *_ in self.nodes[0].call("CLUSTER", "SLOTS"):
                if first <= holders <= last and owner[0].decode() == coordinator.host:
                    return key
        raise AssertionError("no key of that node")

    def test_who_was_made_anew_in_one_transaction_is_another_one_everywhere(self):
        rules = ("ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all")
        self.nodes[0].call(*rules)
        old = self.login(self.nodes[2])
        self.nodes[0].call(*rules)
        self.assertEqual(b"u", old.value("ACL", "WHOAMI"))
        for words in (("MULTI",), ("ACL", "DELUSER", "u"), rules, ("EXEC",)):
            self.nodes[0].call(*words)
        closed(old)
        self.assertEqual(b"u", self.login(self.nodes[2]).value("ACL", "WHOAMI"))

    def test_users_are_the_same_on_all_nodes_when_it_is_answered(self):
        for number in range(30):
            node = self.nodes[number % 3]
            node.call("ACL", "SETUSER", "u", "on", ">pw", "~a%d" % number, "+get", "+acl|whoami")
            lists = [other.call("ACL", "LIST") for other in self.nodes]
            self.assertEqual(lists[0], lists[1])
            self.assertEqual(lists[0], lists[2])
            self.assertIn(b"~a%d " % number, lists[0][1] + lists[0][0])
        for node in self.nodes:
            self.assertEqual(b"u", self.login(node).value("ACL", "WHOAMI"))
        listener = self.login(self.nodes[2])
        self.assertEqual(1, self.nodes[0].call("ACL", "DELUSER", "u"))
        for node in self.nodes:
            self.assertEqual([b"default"], node.call("ACL", "USERS"))
            with contextlib.closing(node.connect()) as stranger:
                self.assertIn("WRONGPASS", reply(stranger, "AUTH", "u", "pw"))
        closed(listener)

    def test_rules_hold_where_commands_are_forwarded_to(self):
        first = self.nodes[0]
        first.call("ACL", "SETUSER", "u", "on", ">pw", "~a*", "%R~r*", "&c*", "+@all", "-@dangerous", "-incr")
        users = [self.login(node) for node in self.nodes]
        for owner in self.nodes:
            key, foreign, readable = self.key_of(owner), self.key_of(owner, "b"), self.key_of(owner, "r")
            first.call("SET", foreign, "theirs")
            first.call("SET", readable, "read")
            for user in users:
                with self.subTest(owner=owner.host, key=key):
                    self.assertEqual(b"OK", user.value("SET", key, "1"))
                    self.assertEqual(b"1", user.value("GET", key))
                    self.assertEqual(b"read", user.value("GET", readable))
                    for words in (("GET", foreign), ("SET", readable, "x"), ("MSET", key, "1", foreign, "2"), ("DEL", key, foreign),
                                  ("VCLOCK", "GET", foreign), ("VCLOCK", "SET", readable, "", "x"), ("INCR", key),
                                  ("QUORUM", "EXEC", "R", "1", "--", "GET", foreign), ("QUORUM", "EXEC", "W", "1", "--", "INCR", key),
                                  ("QUORUM", "EXEC", "R", "1", "--", "CONFIG", "GET", "port"),
                                  ("WATCH", foreign), ("FLUSHALL",), ("PUBLISH", "d", "x")):
                        self.assertIn("error: NOPERM", str(reply(user, *words)), words)
                    self.assertEqual(b"1", user.value("QUORUM", "EXEC", "R", "1", "--", "GET", key))
                    for words in (("SET", foreign, "x"), ("INCR", key), ("SET", readable, "x"), ("PUBLISH", "d", "x")):
                        error = reply(user, "EVAL", "return redis.call(unpack(ARGV))", "1", key, *words)
                        self.assertIn("ACL failure in script", str(error), words)
                    self.assertEqual(b"OK", user.value("EVAL", "return redis.call('SET', KEYS[1], '1')", "1", key))
                    user.value("MULTI")
                    self.assertIn("NOPERM", reply(user, "SET", foreign, "x"))
                    self.assertIn("EXECABORT", reply(user, "EXEC"))
                    user.value("WATCH", key)
                    user.value("MULTI")
                    user.value("SET", key, "1")
                    user.value("EVAL", "return redis.call('INCR', KEYS[1])", "1", key)
                    _, frames = user.call("EXEC")
                    self.assertEqual(b"OK", frames[0][1])
                    self.assertIn(b"ACL failure in script", frames[1][1])
                    self.assertEqual(b"theirs", first.call("GET", foreign))
                    self.assertEqual(b"read", first.call("GET", readable))

    def test_the_users_of_the_node_that_runs_it_count(self):
        first, _, third = self.nodes
        key = self.key_of(third)
        path = os.path.join(third.directory, "of_its_own.acl")
        pathlib.Path(path).write_text("user default on nopass ~* &* +@all -incr\n")
        third.process.terminate()
        third.process.wait()
        third.start(aclfile=path)
        self.cluster.wait_whole()
        until(lambda: third.host.encode() == [owner[0] for low, high, owner, *_ in first.call("CLUSTER", "SLOTS")
                                              if low <= first.call("CLUSTER", "KEYSLOT", key) <= high][0], "it coordinates again")
        self.assertEqual(b"OK", first.call("SET", key, "1"))
        self.assertIn("NOPERM", first.error("INCR", key))
        self.assertIn("ACL failure in script", first.error("EVAL", "return redis.call('INCR', KEYS[1])", "1", key))

    def test_who_may_only_name_scripts(self):
        first = self.nodes[0]
        first.call("ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-eval")
        sha = first.call("SCRIPT", "LOAD", "return redis.call('SET', KEYS[1], '1')")
        user = self.login(self.nodes[1])
        for owner in self.nodes:
            key = self.key_of(owner)
            self.assertEqual(b"OK", user.value("EVALSHA", sha, "1", key))
            user.value("MULTI")
            user.value("EVALSHA", sha, "1", key)
            self.assertEqual([b"OK"], user.value("EXEC"))
            self.assertIn("NOPERM", reply(user, "EVAL", "return 1", "1", key))

    def test_a_transaction_is_asked_about_where_it_runs(self):
        first = self.nodes[0]
        first.call("ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all")
        for owner in self.nodes:
            user = self.login(first)
            key = self.key_of(owner)
            user.value("MULTI")
            user.value("SET", key, "1")
            user.value("INCR", key)
            self.nodes[1].call("ACL", "SETUSER", "u", "-incr")
            _, frames = user.call("EXEC")
            self.assertEqual(b"OK", frames[0][1])
            self.assertIn(b"NOPERM ACLs rules changed", frames[1][1])
            self.assertEqual(b"1", first.call("GET", key))
            self.nodes[1].call("ACL", "SETUSER", "u", "+incr")

    def test_whoever_waits_is_asked_again(self):
        first = self.nodes[0]
        for owner in self.nodes:
            first.call("ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all")
            key = self.key_of(owner, "queue")
            user = self.login(first)
            user.send("BLPOP", key, "0")
            until(lambda: b"blocked_clients:1" in first.call("INFO", "clients"), "it waits")
            self.nodes[2].call("ACL", "SETUSER", "u", "-blpop")
            first.call("RPUSH", key, "x")
            self.assertIn(b"NOPERM", user.read_frame()[0][1])
            self.assertEqual(1, first.call("LLEN", key))

    def test_who_was_away_learns_it_and_who_restarts_knows_it(self):
        first, second, third = self.nodes
        first.call("ACL", "SETUSER", "root", "on", ">pw", "~*", "&*", "+@all")
        first.call("ACL", "SETUSER", "gone", "on", ">pw", "+@all")
        third.kill()
        until(lambda: b"OK" == first.call("ACL", "SETUSER", "u", "on", ">pw", "~a*", "+get"), "a user is made without the third node")
        second.call("ACL", "DELUSER", "gone")
        users = second.call("ACL", "LIST")
        third.start()
        self.cluster.wait_whole()
        until(lambda: users == third.call("ACL", "LIST"), "the third node has heard of it")
        self.assertIn("NOPERM", str(reply(self.login(third), "GET", "b")))
        # From its own disk, with nobody there to tell it.
        path = os.path.join(third.directory, "users")
        until(lambda: b" ~a* " in pathlib.Path(path).read_bytes(), "the third node has saved it")
        for node in self.nodes:
            node.kill()
        third.start()
        until(lambda: users == third.call("ACL", "LIST"), "it knows them by itself")

    def test_the_default_user_switched_off(self):
        first = self.nodes[0]
        first.call("ACL", "SETUSER", "root", "on", ">pw", "~*", "&*", "+@all")
        root = self.login(self.nodes[1], "root")
        root.value("ACL", "SETUSER", "default", "off")
        for node in self.nodes:
            with contextlib.closing(node.connect()) as stranger:
                self.assertIn("NOAUTH", reply(stranger, "GET", "a"))
        # One who may do everything is still another one than the default user.
        for owner_number in range(3):
            key = "k%d" % owner_number
            root.value("MULTI")
            root.value("SET", key, "1")
            root.value("ACL", "WHOAMI")
            self.assertEqual([b"OK", b"root"], root.value("EXEC"))
        root.value("ACL", "SETUSER", "default", "on")
        with contextlib.closing(self.nodes[2].connect()) as anybody:
            self.assertIsNone(anybody.value("GET", "nothing"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
