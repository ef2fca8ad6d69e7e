"""SELECT, MOVE, SWAPDB, COPY DB, FLUSHDB and FLUSHALL over several databases."""

from step import command
from values import cased, key, pattern, relative, small, string


def database(rng):
    return rng.choice([b"0", b"1", b"2", b"1", b"2", b"15"] * 3 + [b"16", b"-1", b"abc", b"", b"1.0", b"01", b"4294967296",
                                                                  b"99999999999999999999"])


def connection(rng, arguments):
    return command(*arguments, connection=rng.choice([0, 0, 1]))


commands = [
    (4, lambda rng: connection(rng, ["SELECT", database(rng)])),
    (6, lambda rng: connection(rng, ["SET", key(rng), string(rng)])),
    (2, lambda rng: connection(rng, ["SADD", key(rng), string(rng)])),
    (3, lambda rng: connection(rng, ["GET", key(rng)])),
    (5, lambda rng: ["MOVE", key(rng), database(rng)]),
    (4, lambda rng: connection(rng, ["SWAPDB", database(rng), database(rng)])),
    (4, lambda rng: ["COPY", key(rng), key(rng), cased(rng, "DB"), database(rng), *rng.choice([[], ["REPLACE"]])]),
    (1, lambda rng: [rng.choice(["FLUSHDB", "FLUSHALL"]), *rng.choice([[], [], ["ASYNC"], ["sync"], ["x"], ["ASYNC", "SYNC"]])]),
    (3, lambda rng: connection(rng, ["DBSIZE"])),
    (2, lambda rng: ["KEYS", pattern(rng)]),
    (2, lambda rng: ["EXPIRE", key(rng), relative(rng)]),
    (2, lambda rng: ["TTL", key(rng)]),
    (1, lambda rng: ["SCAN", 0]),
    (1, lambda rng: ["RANDOMKEY"]),
    (1, lambda rng: [command("WATCH", key(rng)), command("SWAPDB", database(rng), database(rng), connection=1),
                     command("MULTI"), command("GET", key(rng)), command("EXEC")]),
    (1, lambda rng: [command("MULTI"), command("SELECT", database(rng)), command("SET", key(rng), string(rng)),
                     command("MOVE", key(rng), database(rng)), command("SWAPDB", database(rng), database(rng)),
                     command("EXEC")]),
    (1, lambda rng: ["SELECT", small(rng)]),
]
