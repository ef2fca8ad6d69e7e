"""Makes a failing sequence small: delta debugging over its steps, then over the arguments of each."""

import time
from dataclasses import replace


def shrink(steps, fails, seconds=60.0):
    """The smallest sublist found that still fails. `fails(steps)` runs it on empty servers."""
    deadline = time.monotonic() + seconds
    steps = list(steps)
    size = max(1, len(steps) // 2)
    while time.monotonic() < deadline:
        reduced = False
        start = 0
        while start < len(steps) and time.monotonic() < deadline:
            candidate = steps[:start] + steps[start + size:]
            if candidate and fails(candidate):
                steps, reduced = candidate, True
            else:
                start += size
        if size == 1 and not reduced:
            break
        if not reduced or size > len(steps):
            size = max(1, size // 2)
    return shrink_arguments(steps, fails, deadline)


# With other arguments these would end the server, wait for ever or go on in the background.
LEFT_ALONE = frozenset((b"SHUTDOWN", b"SAVE", b"BGSAVE", b"CONFIG", b"WAIT", b"MONITOR", b"DEBUG", b"CLIENT"))


def simpler(step):
    """Steps like this one with one thing less."""
    if step.name() in LEFT_ALONE:
        return
    for i in range(len(step.arguments) - 1, 0, -1):
        yield replace(step, arguments=step.arguments[:i] + step.arguments[i + 1:])
    for i in range(1, len(step.arguments)):
        argument = step.arguments[i]
        for shorter in (b"a", argument[:len(argument) // 2], argument[:-1]):
            if len(shorter) < len(argument):
                yield replace(step, arguments=step.arguments[:i] + (shorter,) + step.arguments[i + 1:])
    if step.pause_ms:
        yield replace(step, pause_ms=0)
    if step.connection:
        yield replace(step, connection=0)


def shrink_arguments(steps, fails, deadline):
    changed = True
    while changed and time.monotonic() < deadline:
        changed = False
        for index in range(len(steps)):
            for candidate_step in simpler(steps[index]):
                if time.monotonic() > deadline:
                    return steps
                candidate = steps[:index] + [candidate_step] + steps[index + 1:]
                if fails(candidate):
                    steps, changed = candidate, True
                    break
    return steps
