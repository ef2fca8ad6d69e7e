"""Commands on keys of any type."""

from functools import lru_cache

from step import command
from values import BAD_DEADLINES, absolute, cased, expiry, field, integer, key, keys, member, pattern, relative, small, string


def expire(rng):
    word = rng.choice(["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"])
    milliseconds = word.startswith("P")
    value = absolute(rng, milliseconds) if word.endswith("AT") else relative(rng, milliseconds)
    if rng.random() < 0.25:
        value = rng.choice(BAD_DEADLINES)
    options = []
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 3])):
        options.append(cased(rng, rng.choice(["NX", "XX", "GT", "LT", "NX", "XX", "GT", "LT", "AB"])))
    return [cased(rng, word), key(rng), value, *options]


def expire_now(rng):
    return command("PEXPIRE", key(rng), rng.randint(1, 3), pause_ms=15)


def copy(rng):
    options = []
    for _ in range(rng.choice([0, 1, 1, 2])):
        options += rng.choice([lambda: [cased(rng, "REPLACE")],
                               lambda: [cased(rng, "DB"), rng.choice([b"0", b"1", b"2", b"15", b"16", b"-1", b"abc"])],
                               lambda: [cased(rng, "DB")]])()
    return ["COPY", key(rng), key(rng), *options]


def scan(rng):
    options = []
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        options += rng.choice([
            lambda: [cased(rng, "MATCH"), pattern(rng)],
            lambda: [cased(rng, "COUNT"), rng.choice([b"1", b"2", b"10", b"1000", b"0", b"-1", b"abc"])],
            lambda: [cased(rng, "TYPE"), cased(rng, rng.choice(["string", "hash", "set", "list", "zset", "stream", "nothing"]))],
            lambda: [cased(rng, "TYPE")], lambda: [b"x"]])()
    return ["SCAN", rng.choice([b"0"] * 12 + [b"5", b"-1", b"abc", b"", b"00", b"18446744073709551616"]), *options]


def object_(rng):
    word = rng.choice(["ENCODING", "ENCODING", "REFCOUNT", "FREQ", "IDLETIME", "HELP", "NONSENSE"])
    return [cased(rng, "OBJECT"), cased(rng, word), *([] if word == "HELP" and rng.random() < 0.8 else [key(rng)])]


def restore_options(rng):
    options = []
    for _ in range(rng.choice([0, 1, 1, 2])):
        options += rng.choice([lambda: [cased(rng, "REPLACE")], lambda: [cased(rng, "REPLACE")],
                               lambda: [cased(rng, "ABSTTL")],
                               lambda: [cased(rng, "IDLETIME"), rng.choice([b"0", b"10", b"-1", b"abc"])],
                               lambda: [cased(rng, "FREQ"), rng.choice([b"0", b"255", b"256", b"-1", b"abc"])],
                               lambda: [string(rng)]])()
    return options


def crc64(data):
    """CRC-64 of the Jones polynomial, reflected, as at the end of a DUMP payload."""
    table = crc64_table()
    crc = 0
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


@lru_cache(maxsize=1)
def crc64_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
        table.append(crc)
    return table


def seal(body, version=10):
    data = body + version.to_bytes(2, "little")
    return data + crc64(data).to_bytes(8, "little")


def payload(rng):
    """A DUMP payload: of strings by their plain and integer encodings, a plain hash or set; now and then spoilt."""
    def length_of(data):
        return bytes([len(data)]) + data if len(data) < 64 else bytes([0x40 | len(data) >> 8, len(data) & 255]) + data
    body = rng.choice([
        lambda: b"\x00" + length_of(string(rng)[:1000]),
        lambda: b"\x00\xc0" + rng.randbytes(1), lambda: b"\x00\xc1" + rng.randbytes(2), lambda: b"\x00\xc2" + rng.randbytes(4),
        lambda: b"\x02\x02" + length_of(b"a") + length_of(member(rng) + b"2"),
        lambda: b"\x02\x02" + length_of(b"1") + length_of(b"2"),
        lambda: b"\x04\x01" + length_of(field(rng)) + length_of(string(rng)[:1000]),
        lambda: b"\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x05\x00",  # An intset of 1 and 5.
        lambda: b"\x00\xc3\x09\x40\x64\x01\x61\x61\xe0\x57\x00\x01\x61\x61",  # LZF: 100 times "a".
        lambda: b"\x02\x02" + length_of(b"a") + length_of(b"a"),  # The same member twice.
        # Not one that ends early: Redis reads on into the version and the checksum, and may find a value in them.
        lambda: b"\x02\x00", lambda: b"\x04\x00", lambda: b"\x7f\x00",
    ])()
    version = rng.choice([10] * 8 + [9, 6, 1, 11, 65535])
    sealed = seal(body, version)
    roll = rng.random()
    if roll < 0.08:
        sealed = sealed[:-1]
    elif roll < 0.16:
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    elif roll < 0.2:
        sealed = rng.choice([b"", b"abc", b"\x01" * 10])
    return sealed


def restore(rng):
    time = rng.choice([b"0"] * 6 + [relative(rng, True), relative(rng, True), absolute(rng, True), b"-1", b"abc", b"1" * 20])
    return ["RESTORE", key(rng), time, payload(rng), *restore_options(rng)]


commands = [
    (5, expire),
    (2, expire_now),
    (5, lambda rng: [rng.choice(["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]), key(rng)]),
    (3, lambda rng: ["PERSIST", key(rng)]),
    (3, lambda rng: [rng.choice(["DEL", "UNLINK"]), *keys(rng)]),
    (2, lambda rng: ["EXISTS", *keys(rng)]),
    (2, lambda rng: ["TOUCH", *keys(rng)]),
    (2, lambda rng: ["TYPE", key(rng)]),
    (4, lambda rng: [rng.choice(["RENAME", "RENAMENX"]), key(rng), key(rng)]),
    (4, copy),
    (2, lambda rng: ["KEYS", pattern(rng)]),
    (1, lambda rng: ["RANDOMKEY"]),
    (1, lambda rng: ["DBSIZE"]),
    (4, scan),
    (3, object_),
    (3, lambda rng: ["DUMP", key(rng)]),
    (5, restore),
    (4, lambda rng: ["SET", key(rng), string(rng), *(expiry(rng) if rng.random() < 0.3 else [])]),
    (3, lambda rng: ["HSET", key(rng), field(rng), string(rng)]),
    (3, lambda rng: ["SADD", key(rng), member(rng), member(rng)]),
    (1, lambda rng: ["SETRANGE", key(rng), rng.choice([0, 3, 60]), "x"]),
    (1, lambda rng: ["INCRBY", key(rng), integer(rng)]),
    (1, lambda rng: ["MOVE", key(rng), small(rng)]),
    (1, lambda rng: command("WAIT", 0, rng.choice([b"0", b"1", b"-1", b"abc"]))),  # Unspoilt: WAIT 1 0 never returns.
    (1, lambda rng: ["MEMORY", "USAGE", key(rng), *rng.choice([[], ["SAMPLES", 5], ["SAMPLES", 0], ["SAMPLES", -1], ["X"]])]),
]
