"""EVAL and its kin: snippets, and scripts that call one random command and tell of its reply."""

import hashlib

import families
from families.snippets import SNIPPETS
from step import command
from values import key

# What becomes of a reply, and of an error.
SHAPES = [
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "local r = redis.pcall(unpack(ARGV)) return {type(r), r}",
    "local r = redis.pcall(unpack(ARGV)) if type(r) == 'table' then return {r.err or r.ok or #r} end return {r}",
    "return {pcall(redis.call, unpack(ARGV))}",
    "redis.setresp(3) return redis.call(unpack(ARGV))",
    "redis.setresp(3) local r = redis.pcall(unpack(ARGV)) return {type(r), tostring(r == nil), r}",
    "\n\n  return\n redis.call(unpack(ARGV))",
    "#!lua\nreturn redis.call(unpack(ARGV))",
    "#!lua flags=no-writes\nreturn redis.call(unpack(ARGV))",
    "#!lua flags=no-writes,allow-oom,allow-stale\nreturn redis.pcall(unpack(ARGV))",
]
# Random, unordered, or told of the server: compared elsewhere. Absent commands have other errors.
LEFT_OUT = frozenset((b"SPOP", b"SRANDMEMBER", b"HRANDFIELD", b"RANDOMKEY", b"SCAN", b"HSCAN", b"SSCAN", b"DUMP", b"KEYS", b"SMEMBERS",
                      b"SINTER", b"SUNION", b"SDIFF", b"HKEYS", b"HVALS", b"HGETALL", b"TTL", b"PTTL", b"EXPIRETIME",
                      b"PEXPIRETIME", b"OBJECT", b"MEMORY", b"RESTORE", b"DEBUG", b"SORT", b"SORT_RO"))


def any_command(rng):
    while True:
        module = families.load(rng.choice(families.MIXABLE))
        steps = families.as_steps(rng, rng.choice(module.commands)[1](rng))
        fits = len(steps) == 1 and not steps[0].pause_ms and steps[0].raw is None
        if fits and steps[0].name() not in LEFT_OUT and len(steps[0].arguments) < 100:
            return steps[0].arguments


def snippet(rng):
    name = rng.choice(["EVAL", "EVAL", "EVAL", "eval_ro"])
    return [command(name, rng.choice(SNIPPETS), 0)]


def call(rng):
    name = rng.choice(["EVAL", "EVAL", "EVAL", "EVAL_RO"])
    return [command(name, rng.choice(SHAPES), 0, *any_command(rng))]


def by_sha(rng):
    text = rng.choice(SHAPES)
    sha = hashlib.sha1(text.encode()).hexdigest()
    return [command("SCRIPT", "LOAD", text), command("SCRIPT", "EXISTS", sha, sha.upper(), "nosuch"),
            command(rng.choice(["EVALSHA", "EVALSHA_RO"]), rng.choice([sha, sha.upper()]), 0, *any_command(rng))]


def keys_and_arguments(rng):
    count = rng.choice([0, 1, 2, 3, -1, 5, "x", "", " 1", "1.0", 2 ** 63])
    words = [key(rng) for _ in range(rng.randint(0, 4))]
    return [command("EVAL", "return {#KEYS, #ARGV, KEYS[1], KEYS[2], ARGV[1], ARGV[2]}", count, *words)]


def in_transaction(rng):
    return [command("MULTI"), *call(rng), *snippet(rng), command("EXEC")]


def container(rng):
    return [command("SCRIPT", *rng.choice([["EXISTS"], ["EXISTS", "x"], ["LOAD"], ["LOAD", "return ("], ["LOAD", "return 1"],
                                           ["FLUSH", "x"], ["FLUSH", "async", "x"], ["KILL"], ["KILL", "x"], ["NOSUCH"], []]))]


def unknown(rng):
    return [command("EVALSHA", rng.choice(["x", "0" * 40, "g" * 40, "0" * 39, ""]), rng.choice([0, 1, "x"]))]


commands = [(10, snippet), (10, call), (4, by_sha), (2, keys_and_arguments), (2, in_transaction), (1, container), (1, unknown)]
