"""Commands whose reply is random or a part of the whole: compared by what must be true of it.

A special gets (pair, step), where pair.call(step arguments) sends one command to both servers on the step's connection.
It returns None, or (expected, actual) frames that are wrong. Where the two servers now hold different data (SPOP), it makes
them the same again.
"""

from harness.resp import BULK, ERROR, INTEGER

ITERATIONS_AT_MOST = 100_000


def is_error(frame):
    return frame[0] == ERROR


def describe_value(ask, key):
    """A key's type and value as something comparable. `ask(*arguments)` returns a frame."""
    try:
        return describe_known(ask, key)
    except (TypeError, IndexError):
        return b"no value can be read", ask(b"TYPE", key)[1]


def describe_known(ask, key):
    kind = ask(b"TYPE", key)[1]
    if kind == b"string":
        return kind, ask(b"GET", key)[1]
    if kind == b"hash":
        items = [item[1] for item in ask(b"HGETALL", key)[1]]
        return kind, tuple(sorted(zip(items[::2], items[1::2])))
    if kind == b"set":
        return kind, tuple(sorted(item[1] for item in ask(b"SMEMBERS", key)[1]))
    if kind == b"zset":
        items = scored_members(ask, key)
        return kind, tuple(zip(items[::2], map(without_sign, items[1::2])))
    if kind == b"list":
        return kind, tuple(item[1] for item in ask(b"LRANGE", key, b"0", b"-1")[1])
    if kind == b"stream":
        return kind, repr(without_times(ask(b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0")))
    return kind, ask(b"DUMP", key)[1]


# Of XINFO: what depends on the moment, and what Starling makes up.
OF_THE_MOMENT = (b"idle", b"seen-time", b"radix-tree-keys", b"radix-tree-nodes")
LEAST_TIME_MS = 10 ** 12


def without_times(frame):
    """A frame of XINFO without what two servers cannot have in common."""
    if not isinstance(frame[1], list):
        return (INTEGER, b"now") if frame[0] == INTEGER and int(frame[1]) >= LEAST_TIME_MS else frame
    items, name = [], None
    for item in frame[1]:
        items.append((INTEGER, b"now") if name in OF_THE_MOMENT else without_times(item))
        name = item[1] if not isinstance(item[1], list) else None
    return (frame[0], items)


def xinfo(pair, step):
    expected, actual = pair.call(*step.arguments)
    return checked(expected, actual, without_times(expected) == without_times(actual))


def xpending(pair, step):
    """Which entries, whose and how often: how long ago depends on the moment."""
    expected, actual = pair.call(*step.arguments)
    if len(step.arguments) < 6 or not isinstance(expected[1], list) or not isinstance(actual[1], list):
        return checked(expected, actual, expected == actual)
    def outline(frame):
        return [item[1][:2] + item[1][3:] if isinstance(item[1], list) and len(item[1]) == 4 else item for item in frame[1]]
    return checked(expected, actual, outline(expected) == outline(actual))


def without_sign(score):
    """-0 as 0: see exceptions.py."""
    return b"0" if score == b"-0" else score


def flattened(frame):
    """The texts of an array whose items are texts or arrays of them."""
    return [part for item in frame[1] for part in (flattened(item) if isinstance(item[1], list) else [item[1]])]


def scored_members(ask, key):
    """Members and scores by turns, in their order."""
    return flattened(ask(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"))


def checked(expected, actual, fine):
    return None if fine else (expected, actual)


def as_list(frame):
    """The members a reply carries: of a bulk string, a null, or an array or set."""
    if isinstance(frame[1], list):
        return [item[1] for item in frame[1]]
    return [frame[1]] if frame[0] == BULK and frame[1] is not None else []


def same_outline(expected, actual):
    """Same type, same length."""
    if expected[0] != actual[0] or (expected[1] is None) != (actual[1] is None):
        return False
    return not isinstance(expected[1], list) or len(expected[1]) == len(actual[1])


def spop(pair, step):
    before = pair.call(b"SMEMBERS", *step.arguments[1:2])[1] if len(step.arguments) > 1 else (ERROR, b"")
    expected, actual = pair.call(*step.arguments)
    if expected == actual or is_error(expected) or is_error(actual):
        return checked(expected, actual, expected == actual)
    if is_error(before) or not same_outline(expected, actual):
        return expected, actual
    members, right, popped = set(as_list(before)), as_list(expected), as_list(actual)
    left = pair.tested.call(b"SMEMBERS", step.arguments[1])
    fine = len(set(popped)) == len(popped) and set(popped) <= members and set(as_list(left)) == members - set(popped)
    if fine and set(popped) != set(right):
        pair.tested.call(b"SADD", step.arguments[1], *popped)
        pair.tested.call(b"SREM", step.arguments[1], *right)
    return checked(expected, actual, fine)


def srandmember(pair, step):
    expected, actual = pair.call(*step.arguments)
    if expected == actual or is_error(expected) or is_error(actual) or not same_outline(expected, actual):
        return checked(expected, actual, expected == actual)
    members = set(as_list(pair.tested.call(b"SMEMBERS", step.arguments[1])))
    drawn = as_list(actual)
    distinct = len(step.arguments) < 3 or not step.arguments[2].startswith(b"-")
    return checked(expected, actual, set(drawn) <= members and (not distinct or len(set(drawn)) == len(drawn)))


def hrandfield(pair, step):
    return random_pairs(pair, step, lambda: flattened(pair.tested.call(b"HGETALL", step.arguments[1])))


def zrandmember(pair, step):
    return random_pairs(pair, step, lambda: scored_members(pair.tested.call, step.arguments[1]))


def random_pairs(pair, step, read_all):
    expected, actual = pair.call(*step.arguments)
    if expected == actual or is_error(expected) or is_error(actual) or not same_outline(expected, actual):
        return checked(expected, actual, expected == actual)
    everything = read_all()
    whole = dict(zip(everything[::2], everything[1::2]))
    if len(step.arguments) < 4:
        drawn = as_list(actual)
        fine = set(drawn) <= set(whole)
    else:
        flat = flattened(actual)
        nested = all(isinstance(item[1], list) for item in actual[1])
        drawn = flat[::2]
        fine = nested == all(isinstance(item[1], list) for item in expected[1])
        fine = fine and all(whole.get(name) == value for name, value in zip(drawn, flat[1::2]))
    distinct = len(step.arguments) < 3 or not step.arguments[2].startswith(b"-")
    return checked(expected, actual, fine and (not distinct or len(set(drawn)) == len(drawn)))


def randomkey(pair, step):
    expected, actual = pair.call(*step.arguments)
    if expected == actual or not same_outline(expected, actual) or is_error(actual):
        return checked(expected, actual, expected == actual)
    return checked(expected, actual, actual[1] in as_list(pair.tested.call(b"KEYS", b"*")))


def well_formed_scan(frame):
    return isinstance(frame[1], list) and len(frame[1]) == 2 and frame[1][0][0] == BULK and isinstance(frame[1][1][1], list)


def scan_all(ask, arguments, position, width, first):
    """Follows a scan from its first reply to the end; the set of all elements, of `width` items each."""
    found, frame = set(), first
    for _ in range(ITERATIONS_AT_MOST):
        if not well_formed_scan(frame):
            return frame
        items = [item[1] for item in frame[1][1][1]]
        found.update(zip(*[items[i::width] for i in range(width)]))
        cursor = frame[1][0][1]
        if cursor == b"0":
            return found
        frame = ask(*(arguments[:position] + (cursor,) + arguments[position + 1:]))
    return "the scan has no end"


def scan(pair, step):
    name = step.name()
    position = 1 if name == b"SCAN" else 2
    expected, actual = pair.call(*step.arguments)
    if is_error(expected) or is_error(actual) or len(step.arguments) <= position:
        return checked(expected, actual, expected == actual)
    if not well_formed_scan(expected) or not well_formed_scan(actual):
        return expected, actual
    if step.arguments[position].strip(b"+0") != b"":
        return None  # A cursor nobody gave out: any part of the elements may come.
    width = 2 if name in (b"HSCAN", b"ZSCAN") else 1
    everything = [scan_all(server.call, step.arguments, position, width, first)
                  for server, first in ((pair.reference, expected), (pair.tested, actual))]
    if name == b"ZSCAN":
        everything = [{(member, without_sign(score)) for member, score in found} if isinstance(found, set) else found
                      for found in everything]
    if everything[0] == everything[1]:
        return None
    return tuple((INTEGER, b"a whole scan returns %s" % repr(found).encode()) for found in everything)


def dump(pair, step):
    """Each server must restore the other's payload to the same value."""
    expected, actual = pair.call(*step.arguments)
    if expected == actual or expected[0] != BULK or actual[0] != BULK or None in (expected[1], actual[1]):
        return checked(expected, actual, expected == actual)
    copy = b"copy restored by the differential tester"
    results = []
    for server, payload in ((pair.reference, actual[1]), (pair.tested, expected[1])):
        restored = server.call(b"RESTORE", copy, b"0", payload, b"REPLACE")
        value = describe_value(server.call, copy)
        results.append((restored, value == describe_value(server.call, step.arguments[1])))
        server.call(b"DEL", copy)
    if all(restored[1] == b"OK" and same for restored, same in results):
        return None
    return tuple((frame[0], frame[1] + b" (restored from the other: %r)" % (result,))
                 for frame, result in zip((expected, actual), results))


SPECIALS = {
    b"SPOP": spop, b"SRANDMEMBER": srandmember, b"HRANDFIELD": hrandfield, b"RANDOMKEY": randomkey,
    b"SCAN": scan, b"HSCAN": scan, b"SSCAN": scan, b"DUMP": dump,
    b"ZRANDMEMBER": zrandmember, b"ZSCAN": scan, b"XINFO": xinfo, b"XPENDING": xpending,
}
