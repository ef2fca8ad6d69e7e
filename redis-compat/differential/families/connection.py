"""Connection commands. CLIENT LIST shows what else is connected, so it is compared by its fields."""

from step import Step, command
from values import cased, integer, small, string


def hello(rng):
    arguments = [cased(rng, "HELLO")]
    if rng.random() < 0.9:
        arguments.append(rng.choice([b"2", b"3", b"2", b"3", b"1", b"4", b"abc", b"", b"03", b"-3", b"3.0"]))
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        arguments += rng.choice([lambda: [cased(rng, "SETNAME"), name(rng)], lambda: [cased(rng, "AUTH"), b"default", b"x"],
                                 lambda: [cased(rng, "AUTH"), b"default"], lambda: [cased(rng, "SETNAME")],
                                 lambda: [string(rng)], lambda: [cased(rng, "AUTH"), b"nobody", b"x"]])()
    return arguments


def name(rng):
    return rng.choice([b"name", b"n", b"", b"with space", b"new\nline", b"a" * 200, b"\xff", b"~!"])


def client(rng):
    word = rng.choice(["ID", "INFO", "GETNAME", "SETNAME", "SETNAME", "GETNAME", "LIST", "NO-EVICT", "UNPAUSE", "KILL",
                       "UNBLOCK", "REPLY", "PAUSE", "NONSENSE", "HELP", "TRACKINGINFO", "GETREDIR"])
    arguments = [cased(rng, "CLIENT"), cased(rng, word)]
    if word == "SETNAME":
        arguments.append(name(rng))
    elif word == "NO-EVICT":
        arguments.append(cased(rng, rng.choice(["ON", "OFF", "MAYBE"])))
    elif word == "LIST":
        arguments += rng.choice([[], [], ["TYPE", "normal"], ["TYPE", "pubsub"], ["TYPE", "nothing"], ["ID", "abc"],
                                 ["ID", "99999999"], ["TYPE"], ["ID"], ["x"]])
    elif word == "KILL":
        arguments += rng.choice([["127.0.0.1:1"], ["ID", "99999999"], ["ID", "abc"], ["ID", "0"], ["TYPE", "nothing"],
                                 ["ADDR", "127.0.0.1:1"], ["LADDR", "127.0.0.1:1"], ["USER", "nobody"], ["SKIPME", "maybe"],
                                 ["ID"], [], ["x", "y"], ["ID", "99999999", "SKIPME", "no"], ["TYPE", "pubsub"]])
    elif word == "UNBLOCK":
        arguments += rng.choice([["99999999"], ["99999999", "TIMEOUT"], ["99999999", "ERROR"], ["abc"], ["1", "x"]])
    elif word == "REPLY":
        arguments += rng.choice([["ON"], ["MAYBE"], []])
    elif word == "PAUSE":
        arguments += rng.choice([["0"], ["-1"], ["abc"], ["0", "WRITE"], ["0", "ALL"], ["0", "x"], [], ["99999999999999999999"]])
    return arguments


def silenced(rng):
    """CLIENT REPLY OFF and SKIP, sent in one piece."""
    return Step(raw=rng.choice([b"CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nCLIENT REPLY ON\r\nPING\r\n",
                           b"CLIENT REPLY SKIP\r\nPING\r\nPING again\r\n",
                           b"CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING again\r\n",
                           b"CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nCLIENT REPLY ON\r\nPING a\r\n",
                           b"CLIENT REPLY OFF\r\nMULTI\r\nPING\r\nEXEC\r\nCLIENT REPLY ON\r\nPING b\r\n"]))


commands = [
    (3, hello),
    (6, client),
    (1, silenced),
    (3, lambda rng: ["PING", *([string(rng)] if rng.random() < 0.5 else [])]),
    (2, lambda rng: ["ECHO", string(rng)]),
    (3, lambda rng: ["SELECT", small(rng)]),
    (1, lambda rng: ["SELECT", integer(rng)]),
    (2, lambda rng: ["AUTH", *rng.choice([["x"], ["default", "x"], ["default", ""], [], ["nobody", "x"], ["a", "b", "c"]])]),
    (2, lambda rng: command("RESET")),
    (1, lambda rng: command("QUIT", connection=rng.randrange(1, 3))),
    (1, lambda rng: ["PING", "a", "b"]),
    (1, lambda rng: [string(rng)[:300] or b"x", string(rng)]),
    (1, lambda rng: [rng.choice(["GET", "SET", "INCR"]), "k1", string(rng)]),
    (1, lambda rng: command("CLIENT", "GETNAME", connection=1)),
    (1, lambda rng: command("CLIENT", "SETNAME", name(rng), connection=1)),
    (1, lambda rng: ["MULTI"]),
    (1, lambda rng: ["EXEC"]),
]
