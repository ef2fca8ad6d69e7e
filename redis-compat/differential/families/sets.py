"""All set commands."""

from families.hashes import count, scan_cursor, scan_options
from step import command
from values import cased, key, keys, member, relative, small, string


def members(rng):
    return [member(rng) for _ in range(rng.randint(1, 5))]


def store(rng):
    return [rng.choice(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), key(rng), *keys(rng)]


def sintercard(rng):
    names = keys(rng, 1, 3)
    number = rng.choice([b"%d" % len(names)] * 6 + [b"0", b"-1", b"5", b"abc", b"", b"9223372036854775807"])
    options = rng.choice([[]] * 3 + [[cased(rng, "LIMIT"), small(rng)]] * 3 +
                         [[cased(rng, "LIMIT")], [cased(rng, "LIMIT"), b"1", cased(rng, "LIMIT"), b"2"], [b"x"]])
    return ["SINTERCARD", number, *names, *options]


def spop(rng):
    counts = [[], [], [b"1"], [b"2"], [b"3"], [b"100"], [b"0"], [b"-1"], [b"abc"], [b"9223372036854775807"],
              [b"9223372036854775808"], [b""], [b"1", b"2"]]
    return ["SPOP", key(rng), *rng.choice(counts)]


def integers_at_the_limit(rng):
    name = key(rng)
    return [command("SADD", name, *range(rng.choice([510, 511, 512, 513]))), command("SADD", name, member(rng)),
            command("OBJECT", "ENCODING", name)]


commands = [
    (8, lambda rng: ["SADD", key(rng), *members(rng)]),
    (3, lambda rng: ["SREM", key(rng), *members(rng)]),
    (2, lambda rng: ["SCARD", key(rng)]),
    (2, lambda rng: ["SISMEMBER", key(rng), member(rng)]),
    (2, lambda rng: ["SMISMEMBER", key(rng), *members(rng)]),
    (2, lambda rng: ["SMEMBERS", key(rng)]),
    (3, lambda rng: ["SMOVE", key(rng), key(rng), member(rng)]),
    (4, lambda rng: [rng.choice(["SINTER", "SUNION", "SDIFF"]), *keys(rng)]),
    (4, store),
    (3, sintercard),
    (4, spop),
    (3, lambda rng: ["SRANDMEMBER", key(rng), *rng.choice([[], [count(rng)], [count(rng)]])]),
    (3, lambda rng: ["SSCAN", key(rng), scan_cursor(rng), *scan_options(rng)]),
    (1, integers_at_the_limit),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["DEL", key(rng)]),
    (1, lambda rng: [rng.choice(["TYPE", "TTL", "EXISTS"]), key(rng)]),
    (1, lambda rng: ["EXPIRE", key(rng), rng.choice([relative(rng), relative(rng), b"-1", b"0"])]),
    (2, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
]
