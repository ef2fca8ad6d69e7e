"""A step of a sequence: one command on one of its connections, or raw bytes.

A family's generator makes a list of steps from a random.Random; everything later (running, shrinking, printing) works on
such lists, so any sublist of a sequence must be a sequence too.
"""

from dataclasses import dataclass

from harness import resp

ARGUMENTS_SHOWN = 60
# Steps that are no commands: the server under test is ended, by SIGTERM or kill -9, and started again.
RESTART, KILL = b"#RESTART", b"#KILL"
RESTARTS = frozenset((RESTART, KILL))


@dataclass(frozen=True)
class Step:
    arguments: tuple = ()  # bytes each
    connection: int = 0
    pause_ms: int = 0  # Wait so long after it (a short expiry must pass), then touch its keys.
    raw: bytes = None  # Sent as it is instead of `arguments`; what comes back is compared as a stretch of bytes.

    def name(self):
        return self.arguments[0].upper() if self.arguments else b""


def command(*arguments, connection=0, pause_ms=0):
    return Step(tuple(resp.as_bytes(argument) for argument in arguments), connection, pause_ms)


def quote(argument):
    """As redis-cli reads it."""
    plain = argument and all(33 <= byte < 127 and byte not in b"\"'\\" for byte in argument)
    if plain:
        return argument.decode()
    if len(argument) > 2000 and len(set(argument)) == 1:
        return '"%s"' % (quote(argument[:1]).strip('"')) + "{repeated %d times}" % len(argument)
    text = ""
    for byte in argument:
        character = chr(byte)
        if character in "\"\\":
            text += "\\" + character
        elif 32 <= byte < 127:
            text += character
        else:
            text += "\\x%02x" % byte
    return '"%s"' % text


def format_step(step):
    """A line for redis-cli; what redis-cli cannot say follows as a comment."""
    if step.raw is not None:
        line = "# raw bytes: %r" % step.raw
    else:
        line = " ".join(quote(argument) for argument in step.arguments[:ARGUMENTS_SHOWN])
    notes = []
    if len(step.arguments) > ARGUMENTS_SHOWN:
        notes.append("and so on, %d arguments" % len(step.arguments))
    if step.connection:
        notes.append("connection %d" % step.connection)
    if step.pause_ms:
        notes.append("then wait %d ms" % step.pause_ms)
    return line + ("   # " + ", ".join(notes) if notes else "")
