"""Libraries of functions. Each registers its functions in an order of which neither server tells: libraries that are
listed have one function."""

from step import command
from values import cased, key, string

NAMES = [b"lib1", b"lib2", b"Lib1", b"lib_3"]
FUNCTIONS = [b"f1", b"f2", b"F1", b"g"]
BODIES = [
    b"return {keys, args}", b"return redis.call('SET', keys[1], args[1])", b"return redis.call('GET', keys[1])",
    b"return redis.pcall('INCR', keys[1])", b"return redis.status_reply('fine')", b"return redis.error_reply('MY bad')",
    b"error('boom')", b"error({err='X y'})", b"return nothing", b"x = 1", b"return KEYS", b"return {1, 2.5, 'a', false, {true}}",
    b"return redis.register_function('z', function() end)", b"return #keys + #args", b"redis.setresp(3) return redis.call('HGETALL', keys[1])",
    b"return cjson.encode(args)", b"return tostring(redis.call)~='nil'", b"return redis.call('nosuch')", b"return redis.call('FCALL', 'f1', 0)"]
FLAGS = [b"", b"", b"flags={'no-writes'}", b"flags={'allow-oom','no-writes'}", b"flags={'no-cluster'}", b"flags={'nope'}", b"flags=1", b"description='d'",
         b"description='d', flags={'no-writes','allow-stale','allow-cross-slot-keys'}", b"x=1"]
HEADERS = [b"#!lua name=%s", b"#!LUA name=%s", b"#!lua name=%s", b"#!lua name=%s ", b"#!lua name=%s name=b", b"#!lua x=%s", b"#!js name=%s", b"#!lua", b"", b"#!lua name=a-%s",
           b"#!lua 'name=%s'", b"#!lua name=\"%s"]
PROGRAMS = [b"return 1", b"redis.register_function(", b"redis.call('PING')", b"local x = pairs", b"y = 1", b"error('no')", b"redis.register_function('f')",
            b"redis.register_function(1, 2)", b"redis.register_function{callback=function() end}", b"redis.register_function{function_name='q'}",
            b"redis.register_function('a-b', function() end)", b"redis.register_function('w', function() end) redis.register_function('w', function() end)",
            b"redis.log(redis.LOG_DEBUG, 'x') redis.register_function('h', function() return 'h' end)", b"redis.register_function({1})"]


def code(rng):
    header = rng.choice(HEADERS[:3] * 8 + HEADERS)
    header = header.replace(b"%s", rng.choice(NAMES))
    if rng.random() < 0.15:
        return header + b"\n" + rng.choice(PROGRAMS)
    flags, body, name = rng.choice(FLAGS), rng.choice(BODIES), rng.choice(FUNCTIONS)
    if flags:
        return header + b"\nredis.register_function{function_name='%s', callback=function(keys, args) %s end, %s}" % (name, body, flags)
    return header + b"\nlocal n = 0\nredis.register_function('%s', function(keys, args) %s end)" % (name, body)


def load(rng):
    return ["FUNCTION", cased(rng, "LOAD"), *rng.choice([[], [cased(rng, "REPLACE")], [cased(rng, "REPLACE")], [b"x"], [b"REPLACE", b"REPLACE"]]), code(rng)]


def call(rng):
    keys = [key(rng) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    count = rng.choice([b"%d" % len(keys)] * 8 + [b"-1", b"9", b"x", b""])
    return [cased(rng, rng.choice(["FCALL", "FCALL", "FCALL_RO"])), rng.choice(FUNCTIONS + [b"h", b"none"]), count, *keys,
            *[string(rng) for _ in range(rng.choice([0, 1, 2]))]]


def listing(rng):
    return ["FUNCTION", "LIST", *rng.choice([[], [], [b"WITHCODE"], [b"LIBRARYNAME", b"lib*"], [b"libraryname", b"LIB1", b"withcode"], [b"LIBRARYNAME"],
                                             [b"x"], [b"WITHCODE", b"WITHCODE"]])]


commands = [
    (8, load),
    (12, call),
    (4, listing),
    (2, lambda rng: ["FUNCTION", "STATS"]),
    (2, lambda rng: ["FUNCTION", "DELETE", rng.choice(NAMES + [b"none"])]),
    (1, lambda rng: ["FUNCTION", "FLUSH", *rng.choice([[], [b"SYNC"], [b"async"], [b"x"], [b"SYNC", b"x"]])]),
    (1, lambda rng: ["FUNCTION", "RESTORE", rng.choice([b"", b"x", string(rng)]), *rng.choice([[], [b"APPEND"], [b"x"], [b"FLUSH", b"x"]])]),
    (2, lambda rng: ["FUNCTION", "DUMP"]),
    (1, lambda rng: ["FUNCTION", "KILL"]),
    (1, lambda rng: ["FUNCTION", "HELP"]),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["GET", key(rng)]),
    (1, lambda rng: [command("MULTI"), command(*call(rng)), command(*load(rng)), command("EXEC")]),
    (1, lambda rng: ["EVAL", "return redis.call('FCALL', 'f1', 0)", "0"]),
]
