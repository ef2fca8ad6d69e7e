"""All list commands. Those that wait have a timeout that is short, or find something."""

from step import command
from values import cased, integer, key, keys, member, relative, small, string

ENDS = ["LEFT", "RIGHT"]
# What is no timeout, and what waits for so little that a sequence is not held up.
TIMEOUTS = [b"0.001", b"0.01", b"0.002", b"-1", b"abc", b"", b"-0.5", b"1e300", b"nan", b"inf"]


def items(rng, most=4):
    return [rng.choice([member, string])(rng) for _ in range(rng.randint(1, most))]


def end(rng):
    return cased(rng, rng.choice(ENDS * 6 + ["UP"]))


def count_options(rng):
    return rng.choice([[]] * 4 + [[cased(rng, "COUNT"), small(rng)]] * 4 + [[cased(rng, "COUNT")], [b"x"],
                      [cased(rng, "COUNT"), b"1", cased(rng, "COUNT"), b"1"]])


def lmpop(rng):
    names = keys(rng, 1, 3)
    number = rng.choice([b"%d" % len(names)] * 6 + [b"0", b"-1", b"5", b"abc", b"", b"9223372036854775807"])
    return [number, *names, end(rng), *count_options(rng)]


def lpos(rng):
    options = []
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        options += rng.choice([lambda: [cased(rng, rng.choice(["RANK", "COUNT", "MAXLEN"])), small(rng)],
                               lambda: [cased(rng, rng.choice(["RANK", "COUNT", "MAXLEN"]))]])() if rng.random() < 0.95 else [b"x"]
    return ["LPOS", key(rng), member(rng), *options]


def pop(rng):
    return [rng.choice(["LPOP", "RPOP"]), key(rng), *rng.choice([[], [], [small(rng)], [integer(rng)], [b"1", b"2"]])]


def blocking(rng):
    """As a step, so that nobody makes a long timeout of a short one."""
    wait = rng.choice(TIMEOUTS)
    return command(*rng.choice([
        lambda: [rng.choice(["BLPOP", "BRPOP"]), *keys(rng, 1, 3), wait],
        lambda: ["BLMPOP", wait, *lmpop(rng)],
        lambda: ["BLMOVE", key(rng), key(rng), end(rng), end(rng), wait],
        lambda: ["BRPOPLPUSH", key(rng), key(rng), wait]])())


def long_list(rng):
    name = key(rng)
    return [command("DEL", name), command("RPUSH", name, *["%d" % (i % 7) for i in range(rng.choice([31, 32, 33, 128, 500]))]),
            command("LREM", name, rng.choice(["0", "3", "-3", "100"]), "3"), command("LTRIM", name, small(rng), small(rng)),
            command("LINSERT", name, "AFTER", "5", "x"), command("LRANGE", name, "0", "-1")]


commands = [
    (8, lambda rng: [rng.choice(["LPUSH", "RPUSH"]), key(rng), *items(rng)]),
    (2, lambda rng: [rng.choice(["LPUSHX", "RPUSHX"]), key(rng), *items(rng)]),
    (5, pop),
    (3, lambda rng: ["LMPOP", *lmpop(rng)]),
    (4, lambda rng: ["LMOVE", key(rng), key(rng), end(rng), end(rng)]),
    (2, lambda rng: ["RPOPLPUSH", key(rng), key(rng)]),
    (3, lambda rng: ["LINSERT", key(rng), cased(rng, rng.choice(["BEFORE", "AFTER", "BEFORE", "AFTER", "x"])), member(rng), *items(rng, 1)]),
    (3, lambda rng: ["LSET", key(rng), small(rng), *items(rng, 1)]),
    (3, lambda rng: ["LREM", key(rng), small(rng), member(rng)]),
    (2, lambda rng: ["LTRIM", key(rng), small(rng), small(rng)]),
    (4, lambda rng: ["LRANGE", key(rng), small(rng), small(rng)]),
    (3, lambda rng: ["LINDEX", key(rng), small(rng)]),
    (2, lambda rng: ["LLEN", key(rng)]),
    (4, lpos),
    (2, blocking),
    (1, long_list),
    (1, lambda rng: ["DUMP", key(rng)]),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["DEL", key(rng)]),
    (1, lambda rng: [rng.choice(["RENAME", "COPY"]), key(rng), key(rng)]),
    (1, lambda rng: [rng.choice(["TYPE", "TTL", "EXISTS"]), key(rng)]),
    (1, lambda rng: ["EXPIRE", key(rng), rng.choice([relative(rng), relative(rng), b"-1", b"0"])]),
    (1, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
]
