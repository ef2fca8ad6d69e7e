"""All stream commands. Ids are given, not made, so that both servers give the same; those that wait do so for a moment."""

from step import command
from values import cased, integer, key, keys, relative, small, string

GROUPS = [b"g1", b"g2", b"", b"g\x00\r\n"]
CONSUMERS = [b"c1", b"c2", b"c3", b"", b"c\x00\xff"]
# Few and close to each other, so that they collide; then edges, and what is no id.
IDS = [b"%d-%d" % (ms, seq) for ms in (1, 2, 3, 5, 8, 13) for seq in (0, 1, 2, 7)] + [b"1", b"2", b"5", b"9", b"20", b"100"]
EDGES = [b"0", b"0-0", b"0-1", b"-", b"+", b"$", b">", b"18446744073709551615", b"18446744073709551615-18446744073709551615",
         b"18446744073709551615-0", b"9223372036854775808-1", b"0-18446744073709551615"]
BAD_IDS = [b"", b"abc", b"1-", b"-1", b"1-2-3", b"1-*", b"*-1", b"1.5", b" 1", b"+1", b"01", b"18446744073709551616", b"1-abc",
           b"(", b"(1", b"\x001", b"1\x00", b"1" * 200, b"--", b"( 1"]
TIMEOUTS = [b"1", b"2", b"5", b"-1", b"abc", b"", b"1.5", b"9223372036854775808"]


def id_(rng):
    roll = rng.random()
    return rng.choice(IDS) if roll < 0.85 else rng.choice(EDGES) if roll < 0.95 else rng.choice(BAD_IDS)


def new_id(rng):
    """Mostly above what is there."""
    roll = rng.random()
    if roll < 0.6:
        return b"%d-%d" % (rng.randint(1, 60), rng.randint(0, 3))
    if roll < 0.75:
        return b"%d-*" % rng.randint(0, 60)
    return id_(rng)


def bound(rng):
    roll = rng.random()
    if roll < 0.3:
        return rng.choice([b"-", b"+"])
    return (b"(" if roll < 0.5 else b"") + id_(rng)


def group(rng):
    return rng.choice(GROUPS[:2] * 4 + GROUPS)


def consumer(rng):
    return rng.choice(CONSUMERS[:3] * 3 + CONSUMERS)


def count(rng):
    return rng.choice([[]] * 3 + [[cased(rng, "COUNT"), small(rng)]] * 3 + [[cased(rng, "COUNT")], [b"x"]])


def fields(rng):
    made = [part for _ in range(rng.choice([1, 1, 2, 3])) for part in (rng.choice([b"f", b"g", string(rng)]), string(rng))]
    return made if rng.random() < 0.95 else made[:-1]


def trim(rng):
    by = rng.choice(["MAXLEN", "MINID"])
    threshold = small(rng) if by == "MAXLEN" else id_(rng)
    about = rng.choice([[], [], [b"="], [b"~"]])
    limit = rng.choice([[]] * 5 + [[cased(rng, "LIMIT"), small(rng)]])
    return [cased(rng, by), *about, threshold, *limit]


def xadd(rng):
    options = []
    if rng.random() < 0.25:
        options += trim(rng)
    if rng.random() < 0.1:
        options.append(cased(rng, "NOMKSTREAM"))
    rng.shuffle(options) if rng.random() < 0.05 else None
    return ["XADD", key(rng), *options, new_id(rng), *fields(rng)]


def streams(rng, sources, ids):
    names = keys(rng, 1, sources)
    chosen = [ids(rng) for _ in names]
    return [cased(rng, "STREAMS"), *names, *(chosen if rng.random() < 0.95 else chosen[1:])]


def xread(rng):
    block = [cased(rng, "BLOCK"), rng.choice(TIMEOUTS)] if rng.random() < 0.15 else []
    return command("XREAD", *count(rng), *block, *streams(rng, 3, id_))


def xreadgroup(rng):
    block = [cased(rng, "BLOCK"), rng.choice(TIMEOUTS)] if rng.random() < 0.1 else []
    options = count(rng) + block + ([cased(rng, "NOACK")] if rng.random() < 0.2 else [])
    named = [cased(rng, "GROUP"), group(rng), consumer(rng)] if rng.random() < 0.97 else []
    return command("XREADGROUP", *named, *options, *streams(rng, 2, lambda rng: rng.choice([b">"] * 4 + [b"0", id_(rng)])))


def xgroup(rng):
    read = [cased(rng, "ENTRIESREAD"), small(rng)] if rng.random() < 0.15 else []
    start = rng.choice([b"$", b"0", b"0", id_(rng)])
    return ["XGROUP", *rng.choice([
        lambda: [cased(rng, "CREATE"), key(rng), group(rng), start, *rng.choice([[], [cased(rng, "MKSTREAM")]]), *read],
        lambda: [cased(rng, "CREATE"), key(rng), group(rng), start, *rng.choice([[], [cased(rng, "MKSTREAM")]]), *read],
        lambda: [cased(rng, "SETID"), key(rng), group(rng), start, *read],
        lambda: [cased(rng, "DESTROY"), key(rng), group(rng)],
        lambda: [cased(rng, "CREATECONSUMER"), key(rng), group(rng), consumer(rng)],
        lambda: [cased(rng, "DELCONSUMER"), key(rng), group(rng), consumer(rng)]])()]


def xclaim(rng):
    options = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        options += rng.choice([lambda: [cased(rng, "JUSTID")], lambda: [cased(rng, "FORCE")],
                               lambda: [cased(rng, "RETRYCOUNT"), small(rng)], lambda: [cased(rng, "LASTID"), id_(rng)],
                               lambda: [cased(rng, "TIME"), rng.choice([b"1000", b"-5", b"x"])],
                               lambda: [cased(rng, "IDLE"), rng.choice([b"100000", b"-1", b"0", b"x"])]])()
    idle = rng.choice([b"0", b"0", b"0", b"50000", b"-1", b"x"])
    return ["XCLAIM", key(rng), group(rng), consumer(rng), idle, *[id_(rng) for _ in range(rng.randint(1, 3))], *options]


def xautoclaim(rng):
    idle = rng.choice([b"0", b"0", b"0", b"50000", b"-1", b"x"])
    just = [cased(rng, "JUSTID")] if rng.random() < 0.3 else []
    return ["XAUTOCLAIM", key(rng), group(rng), consumer(rng), idle, bound(rng), *count(rng), *just]


def xpending(rng):
    idle = rng.choice([[]] * 4 + [[cased(rng, "IDLE"), rng.choice([b"0", b"50000", b"x"])]])
    extended = [*idle, bound(rng), bound(rng), small(rng), *rng.choice([[], [consumer(rng)]])]
    return ["XPENDING", key(rng), group(rng), *(extended if rng.random() < 0.7 else [])]


def xsetid(rng):
    added = [cased(rng, "ENTRIESADDED"), small(rng)] if rng.random() < 0.3 else []
    deleted = [cased(rng, "MAXDELETEDID"), id_(rng)] if rng.random() < 0.3 else []
    return ["XSETID", key(rng), id_(rng), *added, *deleted]


def xinfo(rng):
    full = rng.choice([[], [cased(rng, "FULL")], [cased(rng, "FULL"), cased(rng, "COUNT"), small(rng)]])
    return ["XINFO", *rng.choice([lambda: [cased(rng, "STREAM"), key(rng), *full],
                                  lambda: [cased(rng, "GROUPS"), key(rng)],
                                  lambda: [cased(rng, "CONSUMERS"), key(rng), group(rng)]])()]


def filled(rng):
    """A stream that a group reads from."""
    name, reader = key(rng), group(rng)
    steps = [command("DEL", name)]
    steps += [command("XADD", name, "%d-%d" % (i, rng.randint(0, 2)), "f", i) for i in range(1, rng.choice([3, 10, 30]))]
    steps += [command("XGROUP", "CREATE", name, reader, rng.choice(["0", "$", "5"])),
              command("XREADGROUP", "GROUP", reader, consumer(rng), "COUNT", rng.randint(1, 9), "STREAMS", name, ">")]
    return steps


commands = [
    (14, xadd),
    (2, lambda rng: ["XTRIM", key(rng), *trim(rng)]),
    (4, lambda rng: ["XDEL", key(rng), *[id_(rng) for _ in range(rng.randint(1, 3))]]),
    (2, lambda rng: ["XLEN", key(rng)]),
    (5, lambda rng: [rng.choice(["XRANGE", "XREVRANGE"]), key(rng), bound(rng), bound(rng), *count(rng)]),
    (3, xread),
    (2, xsetid),
    (4, xgroup),
    (8, xreadgroup),
    (3, lambda rng: ["XACK", key(rng), group(rng), *[id_(rng) for _ in range(rng.randint(1, 3))]]),
    (4, xpending),
    (4, xclaim),
    (3, xautoclaim),
    (5, xinfo),
    (2, filled),
    (1, lambda rng: ["DUMP", key(rng)]),
    (1, lambda rng: ["DEL", key(rng)]),
    (1, lambda rng: ["SET", key(rng), integer(rng)]),
    (1, lambda rng: [rng.choice(["RENAME", "COPY"]), key(rng), key(rng)]),
    (1, lambda rng: [rng.choice(["TYPE", "TTL", "EXISTS"]), key(rng)]),
    (1, lambda rng: ["EXPIRE", key(rng), rng.choice([relative(rng), b"-1", b"0"])]),
    (1, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
]
