"""All bit commands."""

from values import cased, integer, key, keys, small, string


def bit_offset(rng):
    """Never one that makes both servers write a huge string."""
    return rng.choice([b"0", b"1", b"2", b"7", b"8", b"9", b"15", b"16", b"63", b"100", b"1000", b"-1", b"4294967296",
                       b"9223372036854775807", b"-9223372036854775808", b"abc", b"", b"1.0", b"01", b"18446744073709551616"])


def setbit(rng):
    return ["SETBIT", key(rng), bit_offset(rng), rng.choice([b"0", b"1", b"1", b"2", b"-1", b"abc", b""])]


def ranged(rng):
    """[start [end [BYTE|BIT]]]"""
    count = rng.choice([0, 1, 2, 2, 3, 3, 3, 4])
    arguments = [small(rng) for _ in range(min(count, 2))]
    if count >= 3:
        arguments.append(cased(rng, rng.choice(["BYTE", "BIT", "BIT", "BITS"])))
    if count == 4:
        arguments.append(b"BIT")
    return arguments


def field_type(rng):
    return rng.choice([b"u8", b"i8", b"u1", b"i1", b"i5", b"u4", b"i16", b"u32", b"i64", b"u63", b"i63", b"U8", b"I8"] * 3 +
                      [b"u64", b"i65", b"u0", b"i0", b"x8", b"u", b"", b"8", b"u-1", b"u8 ", b"u08", b"i99999999999999999999"])


def field_offset(rng):
    return rng.choice([b"0", b"1", b"3", b"5", b"8", b"13", b"64", b"100", b"#0", b"#1", b"#3", b"#10"] * 3 +
                      [b"-1", b"#-1", b"#", b"", b"abc", b"4294967296", b"#4294967296", b"9223372036854775807",
                       b"#9223372036854775807", b"1.5", b"# 1", b"##1", b"18446744073709551616"])


def bitfield(rng):
    name = rng.choice(["BITFIELD", "BITFIELD", "BITFIELD", "BITFIELD_RO"])
    arguments = [cased(rng, name), key(rng)]
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5])):
        word = rng.choice(["GET", "GET", "SET", "INCRBY", "INCRBY", "OVERFLOW", "OVERFLOW"] if name == "BITFIELD" or
                          rng.random() < 0.1 else ["GET"])
        arguments.append(cased(rng, word))
        if word == "OVERFLOW":
            arguments.append(cased(rng, rng.choice(["WRAP", "SAT", "FAIL", "FAIL", "NONE"])))
            continue
        arguments += [field_type(rng), field_offset(rng)]
        if word != "GET":
            arguments.append(integer(rng))
    if rng.random() < 0.05:
        arguments.append(cased(rng, "GET"))
    return arguments


def bitop(rng):
    operation = rng.choice(["AND", "OR", "XOR", "NOT", "NOT", "NAND"])
    sources = keys(rng, 1, 1 if operation == "NOT" and rng.random() < 0.8 else 4)
    if rng.random() < 0.2:
        sources.append(b"missing")
    return ["BITOP", cased(rng, operation), key(rng), *sources]


commands = [
    (5, setbit),
    (3, lambda rng: ["GETBIT", key(rng), bit_offset(rng)]),
    (4, lambda rng: ["BITCOUNT", key(rng), *ranged(rng)]),
    (5, lambda rng: ["BITPOS", key(rng), rng.choice([b"0", b"1", b"0", b"1", b"2", b"-1", b"a", b""]), *ranged(rng)]),
    (6, bitfield),
    (4, bitop),
    (3, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["SET", key(rng), rng.choice([b"\xff" * 10, b"\x00" * 10, b"\x0f\xf0", b"\xff\xff\x00", b"\x7f"])]),
    (2, lambda rng: ["GET", key(rng)]),
    (1, lambda rng: ["DEL", key(rng)]),
    (1, lambda rng: ["STRLEN", key(rng)]),
    (1, lambda rng: ["OBJECT", "ENCODING", key(rng)]),
]
