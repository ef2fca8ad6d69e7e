"""All commands on HyperLogLogs, and what strings have to do with them: bytes are compared, too."""

from step import command
from values import cased, expiry, key, keys, member, small, string

EMPTY = b"HYLL\x01" + b"\0" * 11 + b"\x7f\xff"
# Not one, one without registers, and one with a count that is wrong but valid. (Of one that is cut off within a run, or has
# some of its registers, Redis reads what is not there, or changes a part.)
RAW = [b"", b"HYLL", EMPTY, EMPTY[:16], b"HYLL\x00" + b"\0" * 11, b"HYLL\x02" + EMPTY[5:], b"hyll" + EMPTY[4:],
       b"HYLL\x01" + b"\0" * 3 + b"\x2a" + b"\0" * 7 + b"\x7f\xff", b"HYLL\x00" + b"\0" * 3 + b"\0" * 7 + b"\x80" + b"\0" * 12288]


def elements(rng):
    return [rng.choice([member, string, small])(rng) for _ in range(rng.choice([0, 1, 1, 2, 3, 8]))]


def many(rng):
    """Enough to make it dense now and then, and to have runs of equal values next to each other."""
    name = key(rng)
    start, count = rng.randrange(10 ** 6), rng.choice([50, 200, 800, 3000])
    added = [b"%d" % n for n in range(start, start + count)]
    return [command("PFADD", name, *added), command("GET", name), command("PFCOUNT", name), command("GET", name)]


commands = [
    (8, lambda rng: ["PFADD", key(rng), *elements(rng)]),
    (2, many),
    (4, lambda rng: ["PFCOUNT", key(rng)]),
    (3, lambda rng: ["PFCOUNT", *keys(rng, 1, 4)]),
    (4, lambda rng: ["PFMERGE", *keys(rng, 1, 4)]),
    (3, lambda rng: ["PFDEBUG", cased(rng, rng.choice(["GETREG", "DECODE", "ENCODING", "TODENSE", "X"])), key(rng)]),
    (3, lambda rng: ["GET", key(rng)]),
    (2, lambda rng: ["SET", key(rng), rng.choice(RAW)]),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["SADD", key(rng), member(rng)]),
    (1, lambda rng: ["GETRANGE", key(rng), "0", "20"]),
    (1, lambda rng: ["DUMP", key(rng)]),
    (1, lambda rng: ["GETEX", key(rng), *expiry(rng)]),
    (1, lambda rng: ["DEL", key(rng)]),
    (1, lambda rng: [rng.choice(["RENAME", "COPY"]), key(rng), key(rng)]),
    (1, lambda rng: [rng.choice(["TYPE", "STRLEN"]), key(rng)]),
]
