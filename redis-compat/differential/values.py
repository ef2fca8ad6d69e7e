"""Pools of arguments the generators draw from: few keys, so that collisions and wrong types are frequent, and edges."""

KEYS = [b"k1", b"k2", b"k3", b"k4", b"k5", b"{tag}a", b"{tag}b", b"", b"bin\x00\xff\r\n"]
FIELDS = [b"f1", b"f2", b"f3", b"f4", b"", b"10", b"f\x00\r\n", b"a" * 70]
MEMBERS = [b"1", b"2", b"3", b"-5", b"1000000", b"9223372036854775807", b"-9223372036854775808", b"a", b"b", b"c", b"",
           b"01", b"+1", b"1.0", b"m\x00\xff", b"x" * 70, b"9223372036854775808"]

INTEGERS = [b"0", b"1", b"-1", b"2", b"3", b"5", b"7", b"10", b"-10", b"100", b"12345678", b"255", b"256", b"65536",
            b"2147483647", b"-2147483648", b"2147483648", b"4294967295", b"4294967296", b"9223372036854775807",
            b"-9223372036854775808", b"9223372036854775806", b"-9223372036854775807", b"9223372036854775808",
            b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616", b"99999999999999999999999"]
NOT_INTEGERS = [b"", b" ", b"01", b"+1", b"-0", b"00", b" 1", b"1 ", b"1.0", b"1e3", b"0x10", b"abc", b"-", b"--1",
                b"1\x00", b"\xff", b"1" * 40, b"nan", b"1_0", b"\n1"]
SMALL = [b"0", b"1", b"2", b"3", b"4", b"5", b"7", b"8", b"9", b"15", b"16", b"17", b"31", b"64", b"100", b"-1", b"-2",
         b"-3", b"-5", b"-8", b"-9", b"-100"]
FLOATS = [b"0", b"1", b"-1", b"0.1", b"0.2", b"-0.5", b"3.14159", b"1e3", b"1e-3", b"3.0e3", b"1e17", b"1e18", b"1e20",
          b"1.5e300", b"1e308", b"-1e308", b"1e4000", b"1e-400", b"5e-324", b"0.30000000000000004", b"123456789.123456789",
          b"10.50", b"5.0e3", b"-0", b"-0.0", b"00.5", b".5", b"5.", b"1000000000000000000000", b"0.000001",
          b"0.00000000000000001", b"17179869184.5", b"9007199254740993", b"0x1p3", b"0x10"]
NOT_FLOATS = [b"", b" ", b"nan", b"inf", b"-inf", b"+inf", b"infinity", b" 1", b"1 ", b"1.2.3", b"abc", b"1e", b"e5",
              b"1,5", b"1\x00", b"--1", b"1e99999", b"-1e99999", b"1" * 300]
STRINGS = [b"", b"a", b"hello", b"Hello World", b"foobar", b"ohmytext", b"mynewtext", b"\x00", b"\xff\xff", b"\xff\xf0\x00",
           b"\x00\xff\xf0", b"a\r\nb", b"10", b"-10", b"3.5", b"0", b"x" * 44, b"x" * 45, b"x" * 64, b"x" * 65,
           b"y" * 1000, bytes(range(256)), b"9223372036854775807", b"12345678901234567890", b"007", b"1 ", b"\x80" * 20]

FAR_SECONDS = [4102444800, 4133980800, 32503680000]  # 2100, 2101, 3000: absolute deadlines that stay ahead.
BAD_DEADLINES = [b"0", b"-1", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775", b"9223372036854775808",
                 b"92233720368547758", b"abc", b"", b"1.5", b"+5", b" 5"]


def key(rng):
    # The first few most often.
    return KEYS[min(int(rng.expovariate(0.5)), len(KEYS) - 1)]


def keys(rng, least=1, most=4):
    return [key(rng) for _ in range(rng.randint(least, most))]


def field(rng):
    return rng.choice(FIELDS)


def member(rng):
    return rng.choice(MEMBERS)


def integer(rng):
    return rng.choice(NOT_INTEGERS) if rng.random() < 0.12 else rng.choice(INTEGERS)


def small(rng):
    """Mostly a small integer: an offset, an index or a count."""
    roll = rng.random()
    return rng.choice(SMALL) if roll < 0.8 else integer(rng)


def number(rng):
    return rng.choice(NOT_FLOATS) if rng.random() < 0.15 else rng.choice(FLOATS)


def string(rng):
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(STRINGS)
    if roll < 0.8:
        return integer(rng)
    if roll < 0.9:
        return number(rng)
    return rng.randbytes(rng.randint(1, 40))


def cased(rng, word):
    """A keyword in any mixture of cases."""
    word = word.encode() if isinstance(word, str) else word
    roll = rng.random()
    if roll < 0.5:
        return word.upper()
    if roll < 0.8:
        return word.lower()
    return bytes(byte ^ 0x20 if chr(byte).isalpha() and rng.random() < 0.5 else byte for byte in word)


def relative(rng, milliseconds=False):
    """A relative expiry of minutes at least, never the same twice, so that GT and LT never hang on a millisecond."""
    seconds = rng.randint(500, 10_000_000)
    return b"%d" % (seconds * 1000 + rng.randint(0, 999) if milliseconds else seconds)


def absolute(rng, milliseconds=False):
    seconds = rng.choice(FAR_SECONDS) + rng.randint(0, 1000)
    return b"%d" % (seconds * 1000 if milliseconds else seconds)


def expiry(rng):
    """[EX s|PX ms|EXAT t|PXAT t], now and then with a bad number."""
    word = rng.choice(["EX", "PX", "EXAT", "PXAT"])
    if rng.random() < 0.2:
        # EX 9223372036854775 and its like are judged against the clock; every other one fails or is past at once.
        return [cased(rng, word), rng.choice(BAD_DEADLINES)]
    milliseconds = word.startswith("PX")
    value = absolute(rng, milliseconds) if word.endswith("AT") else relative(rng, milliseconds)
    return [cased(rng, word), value]


def pattern(rng):
    return rng.choice([b"*", b"k*", b"k?", b"k[1-3]", b"k[^1]", b"[a-z]*", b"*1", b"", b"\\k1", b"k[", b"k[1", b"f*", b"?",
                       b"**", b"*k*1*", b"{tag}*", b"[\\k]1", b"k[3-1]", b"\\", b"K*", b"*\xff*", b"nomatch", b"[]*", b"[^]*",
                       b"k\\", b"f[0-9]", b"[-x]*", b"*\x00*", b"k[1-", b"??", b"x*x*x*x*x*y"])


def mutate(rng, arguments):
    """Now and then spoils a command: an argument too few, too many, twice, swapped, or replaced."""
    if rng.random() > 0.06:
        return arguments
    arguments = list(arguments)
    roll = rng.randrange(5)
    if roll == 0 and len(arguments) > 1:
        arguments.pop(rng.randrange(1, len(arguments)))
    elif roll == 1:
        arguments.append(string(rng))
    elif roll == 2 and len(arguments) > 1:
        arguments.insert(rng.randrange(1, len(arguments)), rng.choice(arguments[1:]))
    elif roll == 3 and len(arguments) > 2:
        i, j = rng.sample(range(1, len(arguments)), 2)
        arguments[i], arguments[j] = arguments[j], arguments[i]
    elif len(arguments) > 1:
        arguments[rng.randrange(1, len(arguments))] = rng.choice([b"", b"abc", b"-1", b"0", b"NX", b"k1"])
    return arguments
