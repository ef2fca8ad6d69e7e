"""MULTI, EXEC, DISCARD, WATCH and UNWATCH, with a second connection that changes what is watched."""

from dataclasses import replace

import families
from step import command
from values import cased, key, keys, relative, string

RANDOM = frozenset((b"SPOP", b"SRANDMEMBER", b"HRANDFIELD", b"RANDOMKEY", b"SCAN", b"HSCAN", b"SSCAN", b"DUMP"))


def any_command(rng, connection):
    """One command of a data family."""
    while True:
        module = families.load(rng.choice(families.MIXABLE))
        weight_function = rng.choice(module.commands)
        steps = families.as_steps(rng, weight_function[1](rng))
        if len(steps) == 1 and not steps[0].pause_ms and steps[0].name() not in RANDOM:
            return replace(steps[0], connection=connection)


def bad_command(rng, connection):
    return command(*rng.choice([["NOSUCH"], ["GET"], ["SET", "k1"], ["HSET", "k1", "f"], ["EXEC", "x"], ["INCR"], ["", "a"],
                                ["OBJECT"], ["OBJECT", "NOSUCH", "k1"], ["nosuch", "a b", "\x00"]]), connection=connection)


def transaction(rng):
    connection = rng.choice([0, 0, 0, 1])
    steps = []
    if rng.random() < 0.5:
        steps.append(command(cased(rng, "WATCH"), *keys(rng, 1, 3), connection=connection))
        if rng.random() < 0.2:
            steps.append(command("UNWATCH", connection=connection))
        for _ in range(rng.choice([0, 1, 2])):
            steps.append(any_command(rng, rng.choice([connection, 1 - connection, 1 - connection])))
    steps.append(command(cased(rng, "MULTI"), connection=connection))
    for _ in range(rng.choice([0, 1, 2, 3, 5])):
        roll = rng.random()
        if roll < 0.06:
            steps.append(bad_command(rng, connection))
        elif roll < 0.1:
            steps.append(command(*rng.choice([["MULTI"], ["WATCH", "k1"], ["UNWATCH"], ["PING"], ["SELECT", "0"], ["ECHO", "x"],
                                              ["SELECT", "99"], ["HELLO", "3"], ["HELLO", "2"], ["DBSIZE"], ["FLUSHDB"],
                                              ["WAIT", "0", "0"], ["SWAPDB", "0", "0"]]),
                                 connection=connection))
        elif roll < 0.2:
            steps.append(any_command(rng, 1 - connection))
        else:
            steps.append(any_command(rng, connection))
    steps.append(command(cased(rng, rng.choice(["EXEC", "EXEC", "EXEC", "EXEC", "DISCARD", "RESET"])), connection=connection))
    return steps


def watched_expiry(rng):
    """A watched key that expires before EXEC, or had expired before WATCH."""
    name = key(rng)
    steps = [command("SET", name, "v"), command("PEXPIRE", name, 2, pause_ms=15), command("WATCH", name),
             command("MULTI"), command("SET", name, "w"), command("EXEC")]
    if rng.random() < 0.5:
        steps.insert(1, steps.pop(2))
    return steps


def watched_flush(rng):
    name = key(rng)
    steps = [command("WATCH", name), command(*rng.choice([["FLUSHDB"], ["FLUSHALL"], ["FLUSHALL", "ASYNC"], ["SWAPDB", 0, 1],
                                                          ["SELECT", 1], ["DEL", name], ["UNLINK", name]]), connection=1),
             command("MULTI"), command("PING"), command("EXEC")]
    if rng.random() < 0.5:
        steps.insert(0, command("SET", name, "v"))
    return steps


commands = [
    (8, transaction),
    (1, watched_expiry),
    (1, watched_flush),
    (2, lambda rng: any_command(rng, rng.randrange(2))),
    (1, lambda rng: command(*rng.choice([["EXEC"], ["DISCARD"], ["UNWATCH"], ["WATCH"], ["MULTI", "x"], ["EXEC", "x"]]))),
    (1, lambda rng: command("SET", key(rng), string(rng), "EX", relative(rng), connection=1)),
]
