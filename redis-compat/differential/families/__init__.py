"""Generators of sequences, one module for each family of commands.

A family module has `commands`: a list of (weight, function(rng) -> arguments, a Step or a list of Steps).
"""

import importlib

from step import Step, command
from values import mutate

MODULES = ["strings", "bits", "hashes", "sets", "lists", "sorted_sets", "geo", "hyperloglogs", "streams", "sorting", "keys", "transactions",
           "scripts", "functions", "connection", "databases", "pubsub", "server", "protocol"]
FOLLOW_PUSHES = {"pubsub"}
# Families whose commands may be mixed into one sequence.
MIXABLE = ["strings", "bits", "hashes", "sets", "lists", "sorted_sets", "hyperloglogs", "streams", "keys"]


def load(name):
    return importlib.import_module("families." + name)


def commands_of(name):
    if name == "mixed":
        return [entry for family in MIXABLE for entry in load(family).commands]
    return load(name).commands


def names():
    return MODULES + ["mixed"]


def as_steps(rng, made):
    if isinstance(made, Step):
        return [made]
    if made and isinstance(made[0], Step):
        return made
    return [command(*mutate(rng, made))]


def generate(name, rng, length):
    """A sequence of about `length` steps of the family, half of them spoken in RESP3."""
    module = load(name) if name != "mixed" else load("strings")
    commands = commands_of(name)
    weights = [weight for weight, _ in commands]
    steps = [command("HELLO", 3)] if rng.random() < 0.5 and getattr(module, "HELLO", True) else []
    if name in MIXABLE or name == "mixed":
        fill = load("fill")
        for _ in range(rng.randint(0, 4)):
            steps += fill.some_key(rng)
    while len(steps) < length:
        make = rng.choices(commands, weights)[0][1]
        steps += as_steps(rng, make(rng))
    return steps
