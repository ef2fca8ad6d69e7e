"""Replies that differ from Redis's on purpose. Nothing else may.

Each entry: (what, why, applies), where applies(step, expected, actual) gets the step and both frames as (kind, payload) and
says whether this pair is the difference meant. Keep them as narrow as can be.
"""

EXCEPTIONS = []


def excused(step, expected, actual):
    return any(applies(step, expected, actual) for _, _, applies in EXCEPTIONS)
