"""Pub/sub on three connections, with keyspace notifications. The executor compares every pushed message."""

from step import command
from values import cased, expiry, field, key, member, relative, string

CHANNELS = [b"c1", b"c2", b"c3", b"news.art", b"", b"\xff\x00", b"__keyspace@0__:k1", b"__keyevent@0__:set"]
PATTERNS = [b"*", b"c*", b"c?", b"news.*", b"", b"[ab]*", b"__key*", b"__keyevent@*__:*", b"__keyspace@0__:*", b"nomatch", b"c[12]"]

HELLO = b"\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a"  # As DUMP gives it.


def channels(rng, pool=None, least=1):
    return [rng.choice(pool or CHANNELS) for _ in range(rng.randint(least, 3))]


def on(rng, *arguments, connection=None):
    return command(*arguments, connection=rng.randrange(3) if connection is None else connection)


def subscribe(rng):
    word = rng.choice(["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"])
    return on(rng, cased(rng, word), *channels(rng, PATTERNS if word == "PSUBSCRIBE" else CHANNELS))


def unsubscribe(rng):
    word = rng.choice(["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"])
    return on(rng, cased(rng, word), *channels(rng, PATTERNS if word == "PUNSUBSCRIBE" else CHANNELS, least=0))


def notify(rng):
    """No invalid value: having refused one, Redis 7.0 loses the n it had."""
    value = rng.choice([b"KEA", b"KEA", b"KEA", b"", b"Kg$", b"E$gx", b"Kh", b"Es", b"KEA", b"AKEn", b"KEm", b"A", b"K"])
    return on(rng, "CONFIG", "SET", "notify-keyspace-events", value)


def write(rng):
    return on(rng, *rng.choice([
        lambda: ["SET", key(rng), string(rng)], lambda: ["SET", key(rng), string(rng), *expiry(rng)],
        lambda: ["DEL", key(rng), key(rng)], lambda: ["EXPIRE", key(rng), rng.choice([relative(rng), b"-1"])],
        lambda: ["HSET", key(rng), field(rng), "1"], lambda: ["HDEL", key(rng), field(rng)],
        lambda: ["HINCRBY", key(rng), field(rng), "1"], lambda: ["HINCRBYFLOAT", key(rng), field(rng), "1.5"],
        lambda: ["SADD", key(rng), member(rng)], lambda: ["SREM", key(rng), member(rng)],
        lambda: ["SMOVE", key(rng), key(rng), member(rng)], lambda: ["SUNIONSTORE", key(rng), key(rng), key(rng)],
        lambda: ["SINTERSTORE", key(rng), key(rng), key(rng)], lambda: ["SDIFFSTORE", key(rng), key(rng)],
        lambda: ["RENAME", key(rng), key(rng)], lambda: ["COPY", key(rng), key(rng), "REPLACE"],
        lambda: ["MOVE", key(rng), "1"], lambda: ["PERSIST", key(rng)], lambda: ["INCR", key(rng)],
        lambda: ["INCRBYFLOAT", key(rng), "0.5"], lambda: ["APPEND", key(rng), "x"], lambda: ["SETRANGE", key(rng), "2", "x"],
        lambda: ["SETBIT", key(rng), "7", "1"], lambda: ["BITOP", "OR", key(rng), key(rng), key(rng)],
        lambda: ["BITFIELD", key(rng), "SET", "u8", "0", "1"], lambda: ["GETDEL", key(rng)], lambda: ["GETEX", key(rng), "PERSIST"],
        lambda: ["GETEX", key(rng), "EX", relative(rng)], lambda: ["GET", key(rng)], lambda: ["GETSET", key(rng), "v"],
        lambda: ["MSET", key(rng), "1", key(rng), "2"], lambda: ["MSETNX", key(rng), "1", key(rng), "2"],
        lambda: ["SETNX", key(rng), "1"], lambda: ["SETEX", key(rng), relative(rng), "1"], lambda: ["SETEX", key(rng), "0", "1"],
        lambda: ["UNLINK", key(rng)], lambda: ["FLUSHDB"], lambda: ["RENAMENX", key(rng), key(rng)],
        lambda: ["HSETNX", key(rng), field(rng), "1"], lambda: ["PEXPIREAT", key(rng), "1"], lambda: ["TYPE", key(rng)],
        lambda: ["EXISTS", key(rng)], lambda: ["SINTER", key(rng), key(rng)], lambda: ["TTL", key(rng)],
        lambda: ["TOUCH", key(rng), key(rng)], lambda: ["OBJECT", "ENCODING", key(rng)], lambda: ["DUMP", "missing"],
        lambda: ["RESTORE", key(rng), rng.choice([b"0", b"1000"]), HELLO, *rng.choice([[], ["REPLACE"], ["REPLACE", "ABSTTL"]])],
        lambda: ["COPY", key(rng), key(rng), "DB", "1"], lambda: ["FLUSHALL"], lambda: ["SWAPDB", "0", "1"],
    ])(), connection=0)


def expired(rng):
    return command("SET", key(rng), "v", "PX", 2, pause_ms=15)


def introspect(rng):
    return on(rng, "PUBSUB", *rng.choice([
        ["CHANNELS"], ["CHANNELS", "c*"], ["NUMPAT"], ["NUMSUB"], ["NUMSUB", "c1", "c2", "c1"], ["SHARDCHANNELS"],
        ["SHARDCHANNELS", "c?"], ["SHARDNUMSUB", "c1", "c3"], ["NUMPAT", "x"], ["NONSENSE"], ["CHANNELS", "a", "b"], ["HELP"]]))


def transaction(rng):
    """On a connection that never subscribes: Redis 7.0 puts messages to oneself inside EXEC's array, breaking it."""
    publish = [command("PUBLISH", rng.choice(CHANNELS), string(rng), connection=3) for _ in range(rng.randint(1, 3))]
    return [command("MULTI", connection=3), *publish, command("EXEC", connection=3)]


commands = [
    (5, subscribe),
    (3, unsubscribe),
    (6, lambda rng: on(rng, cased(rng, rng.choice(["PUBLISH", "PUBLISH", "SPUBLISH"])), rng.choice(CHANNELS), string(rng))),
    (2, notify),
    (8, write),
    (1, expired),
    (3, introspect),
    (1, transaction),
    (1, lambda rng: on(rng, "PING", *([string(rng)] if rng.random() < 0.5 else []))),
    (1, lambda rng: on(rng, "HELLO", rng.choice([2, 3]))),
    (1, lambda rng: on(rng, *rng.choice([["SUBSCRIBE"], ["PUBLISH", "a"], ["PUBLISH"], ["PSUBSCRIBE"], ["SSUBSCRIBE"], ["ECHO", "x"],
                                         ["RESET"], ["CLIENT", "GETNAME"], ["SELECT", "1"], ["SELECT", "0"]]))),
    (1, lambda rng: command("QUIT", connection=rng.randrange(1, 3))),
]
