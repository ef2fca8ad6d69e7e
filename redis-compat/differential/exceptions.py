"""Replies that differ from Redis's on purpose. Nothing else may.

Each entry: (what, why, applies), where applies(step, expected, actual) gets the step and both frames as (kind, payload) and
says whether this pair is the difference meant. Keep them as narrow as can be.
"""

from harness.resp import ERROR

# From the tightest to the loosest, by type.
ENCODINGS = {b"string": [b"int", b"embstr", b"raw"], b"hash": [b"listpack", b"hashtable"], b"set": [b"intset", b"hashtable"],
             b"zset": [b"listpack", b"skiplist"], b"list": [b"listpack", b"quicklist"]}

# Redis 7.0 says nothing of these commands' arguments, though they have some, or of PFMERGE's that it may have no sources;
# Starling does.
UNDOCUMENTED = {"command|getkeys", "command|getkeysandflags", "pfmerge"}

# Redis counts the patterns of these among the keys that a specification is of; Starling keys alone.
PATTERNS_NAME_KEYS = {"sort", "sort_ro"}


def is_integer(value):
    digits = value[1:] if value[:1] == b"-" else value
    return digits.isdigit() and len(value) <= 20 and -1 << 63 <= int(value) < 1 << 63 and b"%d" % int(value) == value


def encoding_by_value(kind, value):
    """What a value has that was just made. `value`: bytes; a tuple of pairs; a tuple of members; members and scores."""
    if kind == b"string":
        return b"int" if is_integer(value) else b"embstr" if len(value) <= 44 else b"raw"
    if kind == b"hash":
        compact = len(value) <= 512 and all(len(part) <= 64 for pair in value for part in pair)
        return b"listpack" if compact else b"hashtable"
    if kind == b"set":
        return b"intset" if len(value) <= 512 and all(map(is_integer, value)) else b"hashtable"
    if kind == b"zset":
        return b"listpack" if len(value) <= 128 and all(len(member) <= 64 for member, _ in value) else b"skiplist"
    if kind == b"list":
        return b"listpack" if 7 + sum(len(item) + 2 for item in value) <= 8192 else b"quicklist"
    return None


def told_by_value(step, expected, actual):
    """Redis's encoding can only be looser, as it never goes back."""
    return (step.name() == b"OBJECT" and step.arguments[1].upper() == b"ENCODING" and
            any(expected[1] in order and actual[1] in order[:order.index(expected[1])] for order in ENCODINGS.values()))


def shared_by_value(step, expected, actual):
    return (step.name() == b"OBJECT" and step.arguments[1].upper() == b"REFCOUNT" and
            (expected[1], actual[1]) == (b"1", b"2147483647"))


def ends_at_nul(step, expected, actual):
    """Both errors, Redis's lacking what follows a NUL in an argument it quotes."""
    if expected[0] != ERROR or actual[0] != ERROR or not any(b"\0" in argument for argument in step.arguments):
        return False
    return b"\0" in actual[1] and expected[1].startswith(actual[1][:actual[1].index(b"\0")])


def library_of_client(step, expected, actual):
    if step.name() != b"CLIENT" or not expected[1] or not actual[1] or expected[0] != actual[0]:
        return False
    def fields(frame):
        return [[word.split(b"=")[0] for word in line.split()] for line in frame[1].splitlines()]
    return [names + [b"lib-name", b"lib-ver"] for names in fields(expected)] == fields(actual)


def all_clients_in_transaction(step, expected, actual):
    return (step.name() == b"CLIENT" and
            actual[1] == b"ERR a command about all clients cannot run inside a transaction with io-threads above 1")


def port_is_fixed(step, expected, actual):
    return step.name() == b"CONFIG" and b"port" in step.arguments and actual[1] is not None and \
        actual[1].endswith(b"(possibly related to argument 'port') - can't set immutable config")


def count_cut_to_32_bits(step, expected, actual):
    """Redis's GETKEYS reads a number of keys with atoi, which takes what it can and cuts that to 32 bits."""
    if step.name() != b"COMMAND" or step.arguments[1].upper() not in (b"GETKEYS", b"GETKEYSANDFLAGS"):
        return False
    if len(step.arguments) < 4 or step.arguments[2].upper() != b"SINTERCARD" or actual[0] != ERROR:
        return False
    count = step.arguments[3]
    return not is_integer(count) or not 0 < int(count) < 1 << 31


def zero_without_sign(step, expected, actual):
    """Equal but for scores of -0, also as a script or a transaction answers with them."""
    def unsigned(frame):
        if isinstance(frame[1], list):
            return frame[0], list(map(unsigned, frame[1]))
        return frame[0], b"0" if frame[1] == b"-0" else frame[1]
    shows_scores = step.name().startswith((b"Z", b"BZ", b"EVAL")) or step.name() == b"EXEC"
    return shows_scores and unsigned(expected) == unsigned(actual)


EXCEPTIONS = [
    ("OBJECT ENCODING", "it is told by the value alone; Redis also tells how the value came about (SETRANGE and APPEND leave "
     "raw, INCRBYFLOAT embstr, a hash or set once large stays so), which would have to be stored with every record. Lists as "
     "in Redis 7.2: a short one is a listpack, which 7.0 does not have",
     told_by_value),
    ("OBJECT REFCOUNT of small integers", "Redis shares one object among their keys, but not with a key that COPY made; told by "
     "the value too", shared_by_value),
    ("error texts that quote an argument with a NUL", "Redis ends the argument there; Starling shows it whole", ends_at_nul),
    ("CLIENT INFO and LIST end with lib-name and lib-ver", "CLIENT SETINFO of Redis 7.2 is there, for clients that send it",
     library_of_client),
    ("CLIENT LIST, KILL and PAUSE inside EXEC", "other threads would have to be asked while the transaction holds its keys; "
     "nobody is known to do it", all_clients_in_transaction),
    ("COMMAND GETKEYS SINTERCARD with a number of keys that is none", "Redis reads the beginning of it, and 32 bits of that; "
     "the command itself refuses it in both", count_cut_to_32_bits),
    ("scores of -0", "Redis shows them as 0 while a sorted set is a listpack, and as -0 from when it is a skiplist; Starling "
     "keeps 0", zero_without_sign),
    ("CONFIG SET port", "the port is fixed at the start", port_is_fixed),
]


def excused(step, expected, actual):
    return any(applies(step, expected, actual) for _, _, applies in EXCEPTIONS)


def encoding_excused(kind, value, encoding):
    """The first exception once more, where the data are compared and the value is at hand."""
    return encoding == encoding_by_value(kind, value)
