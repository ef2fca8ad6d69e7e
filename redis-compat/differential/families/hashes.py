"""All hash commands."""

from step import command
from values import cased, field, integer, key, number, pattern, relative, string


def fields(rng):
    return [field(rng) for _ in range(rng.randint(1, 4))]


def pairs(rng):
    return [part for _ in range(rng.randint(1, 4)) for part in (field(rng), string(rng))]


def count(rng):
    """HRANDFIELD's and SRANDMEMBER's: no huge negative ones that are valid, they ask for that many elements."""
    return rng.choice([b"0", b"1", b"2", b"3", b"10", b"200", b"-1", b"-3", b"-20", b"9223372036854775807",
                       b"-9223372036854775808", b"9223372036854775808", b"abc", b"", b"1.5", b"-0"])


def hrandfield(rng):
    arguments = ["HRANDFIELD", key(rng)]
    if rng.random() < 0.8:
        arguments.append(count(rng))
        if rng.random() < 0.5:
            arguments.append(cased(rng, rng.choice(["WITHVALUES", "WITHVALUES", "WITHVALUES", "VALUES"])))
    return arguments


def scan_options(rng):
    options = []
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        options += rng.choice([lambda: [cased(rng, "MATCH"), pattern(rng)],
                               lambda: [cased(rng, "COUNT"), rng.choice([b"1", b"2", b"10", b"1000", b"0", b"-1", b"abc"])],
                               lambda: [cased(rng, "NOVALUES")], lambda: [cased(rng, "COUNT")]])()
    return options


def scan_cursor(rng):
    return rng.choice([b"0"] * 12 + [b"5", b"-1", b"abc", b"", b"00", b"18446744073709551615", b"18446744073709551616", b"0x"])


def big(rng):
    """Around the limits of the compact encoding."""
    name = key(rng)
    return [command("HSET", name, *[part for i in range(rng.choice([509, 511, 512])) for part in ("f%d" % i, "v")]),
            command("HSET", name, field(rng), rng.choice([b"v" * 64, b"v" * 65])), command("OBJECT", "ENCODING", name)]


commands = [
    (8, lambda rng: [rng.choice(["HSET", "HSET", "HMSET"]), key(rng), *pairs(rng)]),
    (3, lambda rng: ["HGET", key(rng), field(rng)]),
    (2, lambda rng: ["HMGET", key(rng), *fields(rng)]),
    (2, lambda rng: ["HGETALL", key(rng)]),
    (3, lambda rng: ["HDEL", key(rng), *fields(rng)]),
    (2, lambda rng: ["HEXISTS", key(rng), field(rng)]),
    (4, lambda rng: ["HINCRBY", key(rng), field(rng), integer(rng)]),
    (4, lambda rng: ["HINCRBYFLOAT", key(rng), field(rng), number(rng)]),
    (2, lambda rng: [rng.choice(["HKEYS", "HVALS", "HLEN"]), key(rng)]),
    (3, lambda rng: ["HSETNX", key(rng), field(rng), string(rng)]),
    (2, lambda rng: ["HSTRLEN", key(rng), field(rng)]),
    (3, hrandfield),
    (3, lambda rng: ["HSCAN", key(rng), scan_cursor(rng), *scan_options(rng)]),
    (1, big),
    (1, lambda rng: ["HSET", key(rng), field(rng), number(rng)]),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["DEL", key(rng)]),
    (1, lambda rng: [rng.choice(["TYPE", "TTL", "EXISTS"]), key(rng)]),
    (1, lambda rng: ["EXPIRE", key(rng), rng.choice([relative(rng), relative(rng), b"-1", b"0"])]),
    (1, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
]
