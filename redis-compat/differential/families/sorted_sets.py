"""All sorted set commands. Those that wait have a timeout that is short, or find something."""

from families.hashes import count, scan_cursor, scan_options
from families.lists import TIMEOUTS
from step import command
from values import cased, key, keys, member, relative, small, string

SCORES = [b"0", b"1", b"-1", b"2", b"3", b"10", b"0.5", b"1.5", b"-2.5", b"0.1", b"3.3", b"1e3", b"1e17", b"1e20", b"1.5e300",
          b"inf", b"-inf", b"+inf", b"infinity", b"-0", b"1e-5", b"5e-324", b"9007199254740993", b"4503599627370497", b"0x10",
          b"123456789.125", b".5", b"5."]
NOT_SCORES = [b"", b" ", b"nan", b"-nan", b"abc", b" 1", b"1 ", b"1e", b"--1", b"1,5", b"1e400", b"1\x00", b"(1"]
BOUNDS = [b"-inf", b"+inf", b"inf", b"(1", b"(-1", b"(2.5", b"(inf", b"(-inf", b"(0", b"(", b"", b" 1", b"( 1", b"1e400", b"1\x00x"]
NOT_BOUNDS = [b"nan", b"(nan", b"((1", b"[1", b"abc", b"1 ", b"(1 ", b"-", b"+", b"1x"]
LETTERS = [b"a", b"b", b"c", b"d", b"e", b"aa", b"ab", b"ba", b"", b"\x00", b"\xff", b"z" * 70]
MEMBER_BOUNDS = [b"-", b"+", b"[a", b"(a", b"[b", b"(b", b"[c", b"(c", b"[", b"(", b"[aa", b"(ab", b"[\xff", b"(\xff", b"[zz",
                 b"-\x00x", b"+\x00"]
NOT_MEMBER_BOUNDS = [b"", b"a", b"-a", b"+a", b"--", b"\x00"]


def score(rng):
    return rng.choice(NOT_SCORES) if rng.random() < 0.05 else rng.choice(SCORES)


def score_bound(rng):
    roll = rng.random()
    return rng.choice(SCORES) if roll < 0.5 else rng.choice(NOT_BOUNDS) if roll < 0.55 else rng.choice(BOUNDS)


def member_bound(rng):
    return rng.choice(NOT_MEMBER_BOUNDS) if rng.random() < 0.05 else rng.choice(MEMBER_BOUNDS)


def members(rng):
    return [member(rng) for _ in range(rng.randint(1, 5))]


def some_of(rng, *words):
    return [cased(rng, word) for word in words if rng.random() < 0.2]


def zadd(rng):
    pairs = [part for _ in range(rng.choice([1, 1, 2, 3, 5, 40])) for part in (score(rng), member(rng))]
    return ["ZADD", key(rng), *some_of(rng, "NX", "XX", "GT", "LT", "CH"), *pairs]


def zadd_incr(rng):
    return ["ZADD", key(rng), *some_of(rng, "NX", "XX", "GT", "LT", "CH"), cased(rng, "INCR"), score(rng), member(rng),
            *rng.choice([[]] * 9 + [[score(rng), member(rng)]])]


def fill(rng):
    return ["ZADD", key(rng), *[part for i in range(rng.choice([5, 20, 200])) for part in (rng.randint(-5, 5), "m%d" % i)]]


def limit(rng):
    return rng.choice([[]] * 3 + [[cased(rng, "LIMIT"), small(rng), small(rng)]] * 3 +
                      [[cased(rng, "LIMIT"), b"1"], [cased(rng, "LIMIT"), b"0", b"2", cased(rng, "LIMIT"), b"1", b"1"]])


def zrange(rng):
    by_score = rng.random() < 0.5
    bounds = [score_bound(rng), score_bound(rng)] if by_score else [small(rng), small(rng)]
    options = [cased(rng, "BYSCORE")] if by_score else []
    options += some_of(rng, "REV", "REV", "WITHSCORES", "WITHSCORES", "NOSUCH")
    options += limit(rng) if by_score or rng.random() < 0.1 else []
    return [*bounds, *options]


def old_range(rng):
    if rng.random() < 0.4:
        return ["ZREVRANGE", key(rng), small(rng), small(rng), *some_of(rng, "WITHSCORES", "REV")]
    return [rng.choice(["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]), key(rng), score_bound(rng), score_bound(rng),
            *some_of(rng, "WITHSCORES", "BYSCORE"), *limit(rng)]


def number_of(rng, names):
    return rng.choice([b"%d" % len(names)] * 9 + [b"0", b"-1", b"9", b"abc", b"9223372036854775807"])


def combining_options(rng, names):
    options = []
    if rng.random() < 0.4:
        weights = len(names) + rng.choice([0] * 8 + [1, -1])
        options += [cased(rng, "WEIGHTS"), *[score(rng) for _ in range(weights)]]
    if rng.random() < 0.4:
        options += [cased(rng, "AGGREGATE"), cased(rng, rng.choice(["SUM", "MIN", "MAX", "MIN", "MAX", "AVG"]))]
    return options


def combine(rng):
    name = rng.choice(["ZUNION", "ZINTER", "ZDIFF"])
    # The sums of three depend on the order of those of equal size.
    names = keys(rng, 1, 2)
    options = combining_options(rng, names) if name != "ZDIFF" or rng.random() < 0.1 else []
    return [name, number_of(rng, names), *names, *options, *some_of(rng, "WITHSCORES", "WITHSCORES", "WITHSCORES")]


def combine_store(rng):
    name = rng.choice(["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"])
    names = keys(rng, 1, 2)
    options = combining_options(rng, names) if name != "ZDIFFSTORE" or rng.random() < 0.1 else []
    return [name, key(rng), number_of(rng, names), *names, *options, *some_of(rng, *(["WITHSCORES"] if rng.random() < 0.1 else []))]


def zintercard(rng):
    names = keys(rng, 1, 3)
    options = rng.choice([[]] * 3 + [[cased(rng, "LIMIT"), small(rng)]] * 3 + [[cased(rng, "LIMIT")], [b"WITHSCORES"]])
    return ["ZINTERCARD", number_of(rng, names), *names, *options]


def zmpop(rng):
    names = keys(rng, 1, 3)
    number = rng.choice([b"%d" % len(names)] * 9 + [b"0", b"-1", b"9", b"abc"])
    where = cased(rng, rng.choice(["MIN", "MAX", "MIN", "MAX", "MIN", "MAX", "MID"]))
    options = rng.choice([[]] * 3 + [[cased(rng, "COUNT"), small(rng)]] * 3 +
                         [[cased(rng, "COUNT")], [cased(rng, "COUNT"), b"1", cased(rng, "COUNT"), b"2"]])
    return [number, *names, where, *options]


def blocking(rng):
    """As a step, so that nobody makes a long timeout of a short one."""
    wait = rng.choice(TIMEOUTS)
    return command(*rng.choice([
        lambda: [rng.choice(["BZPOPMIN", "BZPOPMAX"]), *keys(rng, 1, 3), wait],
        lambda: ["BZMPOP", wait, *zmpop(rng)]])())


def by_bytes(rng):
    """Means something where all scores are the same."""
    name = key(rng)
    made = [command("DEL", name), command("ZADD", name, *[part for letter in rng.sample(LETTERS, 7) for part in ("1", letter)])]
    for _ in range(4):
        made.append(rng.choice([
            lambda: command(rng.choice(["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), name, member_bound(rng), member_bound(rng), *limit(rng)),
            lambda: command("ZRANGE", name, member_bound(rng), member_bound(rng), cased(rng, "BYLEX"),
                            *some_of(rng, "REV", "REV"), *limit(rng), *some_of(rng, "WITHSCORES")),
            lambda: command("ZLEXCOUNT", name, member_bound(rng), member_bound(rng)),
            lambda: command("ZREMRANGEBYLEX", name, member_bound(rng), member_bound(rng)),
            lambda: command("ZRANGESTORE", key(rng), name, member_bound(rng), member_bound(rng), cased(rng, "BYLEX"), *limit(rng)),
        ])())
    # What was stored elsewhere has the same scores, too.
    return made


def zrandmember(rng):
    options = [count(rng)] if rng.random() < 0.8 else []
    if options and rng.random() < 0.5:
        options.append(cased(rng, rng.choice(["WITHSCORES", "WITHSCORES", "WITHSCORES", "SCORES"])))
    return ["ZRANDMEMBER", key(rng), *options]


def at_the_limit(rng):
    name = key(rng)
    return [command("DEL", name),
            command("ZADD", name, *[part for i in range(rng.choice([126, 127, 128])) for part in (i % 7, "m%d" % i)]),
            command("ZADD", name, "3", rng.choice([b"m" * 64, b"m" * 65])), command("OBJECT", "ENCODING", name),
            command("DUMP", name)]


commands = [
    (8, zadd),
    (3, zadd_incr),
    (3, fill),
    (4, lambda rng: ["ZINCRBY", key(rng), score(rng), member(rng)]),
    (3, lambda rng: ["ZREM", key(rng), *members(rng)]),
    (2, lambda rng: ["ZCARD", key(rng)]),
    (2, lambda rng: ["ZSCORE", key(rng), member(rng)]),
    (2, lambda rng: ["ZMSCORE", key(rng), *members(rng)]),
    (4, lambda rng: [rng.choice(["ZRANK", "ZREVRANK"]), key(rng), member(rng)]),
    (3, lambda rng: ["ZCOUNT", key(rng), score_bound(rng), score_bound(rng)]),
    (8, lambda rng: ["ZRANGE", key(rng), *zrange(rng)]),
    (4, lambda rng: ["ZRANGESTORE", key(rng), key(rng), *zrange(rng)]),
    (6, old_range),
    (2, lambda rng: ["ZREMRANGEBYRANK", key(rng), small(rng), small(rng)]),
    (2, lambda rng: ["ZREMRANGEBYSCORE", key(rng), score_bound(rng), score_bound(rng)]),
    (3, lambda rng: [rng.choice(["ZPOPMIN", "ZPOPMAX"]), key(rng), *rng.choice([[], [small(rng)], [small(rng)], [b"1", b"2"]])]),
    (3, lambda rng: ["ZMPOP", *zmpop(rng)]),
    (2, blocking),
    (5, combine),
    (5, combine_store),
    (2, zintercard),
    (4, by_bytes),
    (3, zrandmember),
    (3, lambda rng: ["ZSCAN", key(rng), scan_cursor(rng), *scan_options(rng)]),
    (1, at_the_limit),
    (1, lambda rng: ["SADD", key(rng), *members(rng)]),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["DEL", key(rng)]),
    (1, lambda rng: [rng.choice(["TYPE", "TTL", "EXISTS", "DUMP"]), key(rng)]),
    (1, lambda rng: ["COPY", key(rng), key(rng), "REPLACE"]),
    (1, lambda rng: ["RENAME", key(rng), key(rng)]),
    (1, lambda rng: ["EXPIRE", key(rng), rng.choice([relative(rng), relative(rng), b"-1", b"0"])]),
    (2, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
]
