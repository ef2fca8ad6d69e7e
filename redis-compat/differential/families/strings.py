"""All string commands."""

from step import command
from values import absolute, cased, expiry, integer, key, keys, number, relative, small, string


def set_options(rng):
    """Any options, conflicting ones too."""
    options = []
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        options += rng.choice([lambda: [cased(rng, "NX")], lambda: [cased(rng, "XX")], lambda: [cased(rng, "GET")],
                               lambda: [cased(rng, "KEEPTTL")], lambda: expiry(rng), lambda: expiry(rng),
                               lambda: [string(rng)]] if rng.random() < 0.2 else
                              [lambda: [cased(rng, "NX")], lambda: [cased(rng, "XX")], lambda: [cased(rng, "GET")],
                               lambda: [cased(rng, "KEEPTTL")], lambda: expiry(rng)])()
    return options


def set_command(rng):
    return ["SET", key(rng), string(rng), *set_options(rng)]


def set_short(rng):
    return command("SET", key(rng), string(rng), cased(rng, "PX"), rng.randint(1, 3), pause_ms=15)


def getex(rng):
    options = rng.choice([lambda: [], lambda: [cased(rng, "PERSIST")], lambda: expiry(rng), lambda: expiry(rng),
                          lambda: [cased(rng, "PERSIST")] + expiry(rng), lambda: expiry(rng) + expiry(rng),
                          lambda: [cased(rng, "EX")], lambda: [cased(rng, "KEEPTTL")]])()
    return ["GETEX", key(rng), *options]


def setex(rng):
    return [cased(rng, "SETEX"), key(rng), rng.choice([relative(rng), relative(rng), b"0", b"-1", b"abc", b"9223372036854775807",
                                                       b"9223372036854775"]), string(rng)]


def psetex(rng):
    return ["PSETEX", key(rng), rng.choice([relative(rng, True), relative(rng, True), b"0", b"-5", b"1.5",
                                            b"9223372036854775807"]), string(rng)]


def offset_for_write(rng):
    """SETRANGE's: never one that makes both servers write half a gigabyte."""
    return rng.choice([b"0", b"1", b"2", b"5", b"10", b"100", b"5000", b"-1", b"536870912", b"4294967296",
                       b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"abc", b"1.5", b"", b"01"])


def mset(rng):
    pairs = [part for _ in range(rng.randint(1, 4)) for part in (key(rng), string(rng))]
    return [rng.choice(["MSET", "MSETNX"]), *pairs]


def lcs(rng):
    options = []
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        options += rng.choice([lambda: [cased(rng, "LEN")], lambda: [cased(rng, "IDX")], lambda: [cased(rng, "WITHMATCHLEN")],
                               lambda: [cased(rng, "MINMATCHLEN"), small(rng)], lambda: [string(rng)]])()
    return ["LCS", key(rng), key(rng), *options]


def lcs_words(rng):
    words = [b"ohmytext", b"mynewtext", b"aXbXcXd", b"abcd", b"aaaabaaa", b"abababab", b"", b"x"]
    return [command("MSET", "k1", rng.choice(words), "k2", rng.choice(words)),
            command("LCS", "k1", "k2", *rng.choice([[], ["LEN"], ["IDX"], ["IDX", "WITHMATCHLEN"],
                                                    ["IDX", "MINMATCHLEN", 2], ["IDX", "MINMATCHLEN", 3, "WITHMATCHLEN"]]))]


commands = [
    (8, set_command),
    (1, set_short),
    (6, lambda rng: [cased(rng, "GET"), key(rng)]),
    (3, lambda rng: ["APPEND", key(rng), string(rng)]),
    (2, lambda rng: [rng.choice(["INCR", "DECR"]), key(rng)]),
    (4, lambda rng: [rng.choice(["INCRBY", "DECRBY"]), key(rng), integer(rng)]),
    (3, lambda rng: ["INCRBYFLOAT", key(rng), number(rng)]),
    (1, lambda rng: ["GETDEL", key(rng)]),
    (3, getex),
    (2, lambda rng: [rng.choice(["GETRANGE", "SUBSTR"]), key(rng), small(rng), small(rng)]),
    (1, lambda rng: ["GETSET", key(rng), string(rng)]),
    (2, lambda rng: ["MGET", *keys(rng)]),
    (2, mset),
    (2, lambda rng: ["SETNX", key(rng), string(rng)]),
    (2, setex),
    (1, psetex),
    (3, lambda rng: ["SETRANGE", key(rng), offset_for_write(rng), string(rng)]),
    (2, lambda rng: ["STRLEN", key(rng)]),
    (2, lcs),
    (1, lcs_words),
    (1, lambda rng: ["SET", key(rng), number(rng)]),
    (1, lambda rng: ["SET", key(rng), integer(rng)]),
    (1, lambda rng: [rng.choice(["TTL", "PTTL", "TYPE", "EXISTS", "DEL"]), key(rng)]),
    (1, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
    (1, lambda rng: ["EXPIREAT", key(rng), absolute(rng)]),
]
