"""When two replies count as equal: byte for byte, unless the command's rule below says otherwise.

Here are the rules that need only the two replies. Commands with random or partial replies (SPOP, SCAN, DUMP, …) need more
requests; they are in specials.py.
"""

import re

from exceptions import excused
from harness.resp import ARRAY, BULK, CLOSED, ERROR, INTEGER, LIST_KINDS, MAP_KINDS, SIMPLE, VERBATIM

TOLERANCE_MS = 10_000  # Of the time left: both servers get a command a little apart, and this machine may be busy.


def same_kind(expected, actual):
    return expected[0] == actual[0] and (expected[1] is None) == (actual[1] is None)


def unordered(expected, actual):
    """Arrays and sets whose order means nothing."""
    return (same_kind(expected, actual) and expected[0] in LIST_KINDS and expected[1] is not None
            and sorted(map(repr, expected[1])) == sorted(map(repr, actual[1])))


def pairs(frame):
    items = frame[1]
    return sorted(map(repr, zip(items[::2], items[1::2])))


def unordered_pairs(expected, actual):
    """Maps, and arrays of alternating fields and values."""
    return (same_kind(expected, actual) and (expected[0] in LIST_KINDS or expected[0] in MAP_KINDS)
            and expected[1] is not None and pairs(expected) == pairs(actual))


def near(tolerance):
    """Integers this near each other; negative ones and zero carry a meaning and must be equal."""
    def rule(expected, actual):
        if expected[0] != INTEGER or actual[0] != INTEGER:
            return False
        a, b = int(expected[1]), int(actual[1])
        return a > 0 and b > 0 and abs(a - b) <= tolerance
    return rule


def same_shape(expected, actual):
    """The same types all the way down: for replies that tell of the server itself."""
    if not same_kind(expected, actual):
        return False
    if isinstance(expected[1], list):
        return len(expected[1]) == len(actual[1]) and all(map(same_shape, expected[1], actual[1]))
    return expected[0] not in (SIMPLE, ERROR)


def same_kind_only(expected, actual):
    return same_kind(expected, actual) and expected[0] not in (SIMPLE, ERROR)


def client_fields(expected, actual):
    """CLIENT INFO and LIST: the same lines with the same fields in the same order."""
    if not same_kind(expected, actual) or expected[0] not in (BULK, VERBATIM):
        return False
    def fields(frame):
        return [[word.split(b"=")[0] for word in line.split()] for line in frame[1].splitlines()]
    return fields(expected) == fields(actual)


def hello(expected, actual):
    """The same fields; the version and the connection's id are the server's own."""
    if not same_kind(expected, actual) or not isinstance(expected[1], list):
        return False
    def known(frame):
        return [pair for pair in zip(frame[1][::2], frame[1][1::2]) if pair[0][1] not in (b"version", b"id")]
    return len(expected[1]) == len(actual[1]) and known(expected) == known(actual)


def deep_unordered(expected, actual):
    """Equal but for the order of elements at any depth: command entries, whose flags and categories are sets."""
    def settled(frame):
        return (frame[0], sorted(map(settled, frame[1]), key=repr)) if isinstance(frame[1], list) else frame
    return settled(expected) == settled(actual)


def hashed_numbers(expected, actual):
    """DEBUG OBJECT: the same fields; the address, length and time differ."""
    def fields(frame):
        return re.sub(rb"0x[0-9a-f]+|[0-9]+", b"0", frame[1] or b"")
    return same_kind(expected, actual) and expected[0] == SIMPLE and fields(expected) == fields(actual)


RULES = {
    b"KEYS": unordered, b"SMEMBERS": unordered, b"SINTER": unordered, b"SUNION": unordered, b"SDIFF": unordered,
    b"HKEYS": unordered, b"HVALS": unordered, b"HGETALL": unordered_pairs,
    b"PUBSUB CHANNELS": unordered, b"PUBSUB SHARDCHANNELS": unordered, b"CONFIG GET": unordered_pairs,
    b"TTL": near(TOLERANCE_MS // 1000), b"EXPIRETIME": near(TOLERANCE_MS // 1000),
    b"PTTL": near(TOLERANCE_MS), b"PEXPIRETIME": near(TOLERANCE_MS),
    b"TIME": same_shape, b"LASTSAVE": same_shape, b"CLIENT ID": same_shape, b"OBJECT IDLETIME": same_shape,
    b"MEMORY USAGE": same_shape, b"HELLO": hello, b"CLIENT INFO": client_fields, b"CLIENT LIST": client_fields,
    b"HELP": same_kind_only, b"INFO": same_kind_only, b"LOLWUT": same_kind_only, b"DEBUG OBJECT": hashed_numbers,
    b"MEMORY DOCTOR": same_kind_only, b"MEMORY STATS": same_kind_only, b"MEMORY MALLOC-STATS": same_kind_only,
    b"COMMAND": same_kind_only, b"COMMAND LIST": unordered, b"COMMAND INFO": deep_unordered,
    b"COMMAND GETKEYSANDFLAGS": deep_unordered, b"SLOWLOG GET": same_kind_only, b"SLOWLOG LEN": same_shape, b"LATENCY LATEST": same_kind_only,
    b"FUNCTION LIST": deep_unordered, b"FUNCTION DUMP": same_kind_only,
    b"LATENCY DOCTOR": same_kind_only, b"LATENCY HISTOGRAM": same_kind_only,
}
CONTAINERS = {name.split()[0] for name in RULES if b" " in name}


def rule_name(step):
    name = step.name()
    if name == b"COMMAND" and len(step.arguments) == 2:
        return name  # All commands, which are compared by metadata.py.
    if len(step.arguments) == 2 and step.arguments[1].upper() == b"HELP":
        return b"HELP"
    if name in CONTAINERS and len(step.arguments) > 1:
        return name + b" " + step.arguments[1].upper()
    return name


def equal(step, expected, actual, queued=None):
    """Whether the reply `actual` to `step` is right, given Redis's. Both are (frame, raw bytes).

    `queued`: the transaction's steps, if `step` is its EXEC.
    """
    if expected[1] == actual[1]:
        return True
    return frames_equal(step, expected[0], actual[0], queued)


def frames_equal(step, expected, actual, queued=None):
    if expected == actual:
        return True
    if CLOSED not in (expected, actual):
        if step.name() == b"EXEC" and queued is not None and expected[0] == actual[0] == ARRAY \
                and expected[1] is not None and actual[1] is not None:
            return len(expected[1]) == len(actual[1]) == len(queued) and all(
                frames_equal(step, a, b) for step, a, b in zip(queued, expected[1], actual[1]))
        rule = RULES.get(rule_name(step))
        if rule and rule(expected, actual):
            return True
    return excused(step, expected, actual)
