"""SORT and SORT_RO. What Redis leaves to the order of its hash tables is avoided: sets that are not sorted (BY nosort
without STORE), and weights with ALPHA, of which several may be equal, on sets and sorted sets. So are numbers out of
range: after one SORT takes others for such, too."""

from step import command
from values import cased, key, member, mutate, small, string

ELEMENTS = [b"1", b"2", b"3", b"10", b"-5", b"0.5", b"1e3", b"07", b"a", b"b", b"", b" 4", b"0x10", b"inf", b"nan", b"x\xff"]
NUMBERS = ELEMENTS[:8]
PATTERNS = [b"w_*", b"w_*", b"h_*->f", b"h_*->g", b"*", b"k*", b"w_*->", b"->*", b"h_*->f->", b"**"]
VALUES = PATTERNS + [b"#", b"#", b"##", b"nosort", b"w_1"]


def elements(rng):
    pool = NUMBERS if rng.random() < 0.7 else ELEMENTS
    return [rng.choice(pool) for _ in range(rng.choice([1, 2, 4, 8]))]


def options(rng, may_store, ordered):
    """In any order. `ordered`: the key has an order of its own, which may be kept."""
    found = []
    if ordered and rng.random() < 0.3:
        found += [[cased(rng, "BY"), rng.choice([b"nosort", b"w_1", b"#", b""])]]
    elif rng.random() < 0.3:
        found += [[cased(rng, "BY"), rng.choice(PATTERNS)]]
    elif rng.random() < 0.5:
        found += [[cased(rng, "ALPHA")]]
    if rng.random() < 0.4:
        found += [[cased(rng, "LIMIT"), small(rng), rng.choice([small(rng), b"1", b"2", b"-1", b"abc"])]]
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        found += [[cased(rng, "GET"), rng.choice(VALUES)]]
    if rng.random() < 0.5:
        found += [[cased(rng, rng.choice(["ASC", "DESC"]))]]
    if may_store and rng.random() < 0.3:
        found += [[cased(rng, "STORE"), key(rng)]]
    if rng.random() < 0.05:
        found += [[rng.choice([b"BY", b"GET", b"LIMIT", b"STORE", b"x"])]]
    rng.shuffle(found)
    return [word for option in found for word in option]


def sort(rng):
    name = rng.choice(["SORT", "SORT", "SORT_RO"])
    return [cased(rng, name), key(rng), *options(rng, name == "SORT" or rng.random() < 0.1, False)]


def sort_of(rng):
    """Of a list, whose order is the same in both whatever it is sorted by."""
    name = key(rng)
    arguments = ["SORT", name, *options(rng, True, True)]
    return [command("DEL", name), command("RPUSH", name, *elements(rng)), command(*mutate(rng, arguments))]


commands = [
    (6, sort_of),
    (4, lambda rng: [rng.choice(["LPUSH", "RPUSH"]), key(rng), *elements(rng)]),
    (3, lambda rng: ["SADD", key(rng), *elements(rng)]),
    (3, lambda rng: ["ZADD", key(rng), small(rng), rng.choice(ELEMENTS)]),
    (4, lambda rng: ["SET", b"w_" + rng.choice(ELEMENTS), rng.choice([rng.choice(NUMBERS), string(rng)])]),
    (3, lambda rng: ["HSET", b"h_" + rng.choice(ELEMENTS), rng.choice([b"f", b"g", b"f->"]), rng.choice(NUMBERS)]),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["DEL", rng.choice([key(rng), b"w_" + rng.choice(ELEMENTS)])]),
    (2, lambda rng: ["LRANGE", key(rng), "0", "-1"]),
    (1, lambda rng: ["SMEMBERS", key(rng)]),
    (1, lambda rng: ["COMMAND", "GETKEYS", *sort(rng)]),
    (1, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
    (1, lambda rng: ["LREM", key(rng), "0", member(rng)]),
    (5, sort),
]
