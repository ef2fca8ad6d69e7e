"""Compares what COMMAND says of every command both servers have: arity, flags, keys, categories, subcommands, docs."""

import exceptions
from harness.resp import to_python


def text(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {text(k): text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [text(item) for item in value]
    return value


def ask(side, *arguments):
    return text(to_python(side.call(*arguments)))


def as_map(flat):
    return dict(zip(flat[::2], flat[1::2])) if isinstance(flat, list) else flat


def key_specification(flat):
    """With nested maps, flags as a sorted list, and without notes, which are prose."""
    found = {}
    for name, value in as_map(flat).items():
        if name == "flags":
            found[name] = sorted(value)
        elif name in ("begin_search", "find_keys"):
            part = as_map(value)
            found[name] = (part["type"], sorted(as_map(part["spec"]).items()))
    return found


def entry_of(info):
    """A command's entry of COMMAND INFO as {aspect: value}."""
    name, arity, flags, first, last, step, categories, tips, keys, subcommands = info
    return {"name": name, "arity": arity, "flags": sorted(flags), "first key": first, "last key": last, "step": step,
            "categories": sorted(categories), "tips": sorted(tips),
            "key specifications": [key_specification(specification) for specification in keys],
            "subcommands": {sub[0]: entry_of(sub) for sub in subcommands}}


def differences(name, expected, actual):
    found = []
    for aspect, value in expected.items():
        if aspect == "subcommands":
            for sub in value:
                if sub in actual[aspect]:
                    found += differences(sub.replace("|", " "), value[sub], actual[aspect][sub])
        elif value != actual[aspect]:
            found.append("%s: %s is %r, in Redis %r" % (name, aspect, actual[aspect], value))
    return found


# Aspects of COMMAND DOCS that are facts: the other ones are prose.
DOCUMENTED = ("since", "group", "doc_flags", "deprecated_since")


def argument(flat, key_index=True):
    """One argument of COMMAND DOCS with nested maps and sorted flags."""
    found = dict(as_map(flat))
    if not key_index:
        found.pop("key_spec_index", None)
    if "flags" in found:
        found["flags"] = sorted(found["flags"])
    if "arguments" in found:
        found["arguments"] = [argument(part) for part in found["arguments"]]
    return found


def versions(entry):
    """Of the changes of a command that its documentation tells; what changed is prose."""
    for since, what in entry.get("history", []):
        yield since if what else "without a text"


def documentation_differences(name, expected, actual):
    expected, actual = as_map(expected), as_map(actual)
    found = []
    for aspect in DOCUMENTED:
        if expected.get(aspect) != actual.get(aspect):
            found.append("%s: %s is %r, in Redis %r" % (name, aspect, actual.get(aspect), expected.get(aspect)))
    if not actual.get("summary"):
        found.append("%s: has no summary" % name)
    histories = [list(versions(entry)) for entry in (expected, actual)]
    if histories[0] != histories[1]:
        found.append("%s: history is %r, in Redis %r" % (name, histories[1], histories[0]))
    if name not in exceptions.UNDOCUMENTED:
        key_index = name not in exceptions.PATTERNS_NAME_KEYS
        arguments = [[argument(part, key_index) for part in entry.get("arguments", [])] for entry in (expected, actual)]
        if arguments[0] != arguments[1]:
            found.append("%s: arguments are %r, in Redis %r" % (name, arguments[1], arguments[0]))
    subcommands = [as_map(entry.get("subcommands", [])) for entry in (expected, actual)]
    for sub in subcommands[0]:
        if sub in subcommands[1]:
            found += documentation_differences(sub, subcommands[0][sub], subcommands[1][sub])
    return found


def compare(pair):
    """One line for each difference."""
    reference, tested = pair.sides()
    listed = [{name for name in ask(side, "COMMAND", "LIST") if "|" not in name} for side in (reference, tested)]
    names = sorted(listed[0] & listed[1])
    found = []
    if ask(tested, "COMMAND", "COUNT") != len(listed[1]):
        found.append("COMMAND COUNT is not the number of commands in COMMAND LIST")
    if len(ask(tested, "COMMAND")) != len(listed[1]):
        found.append("COMMAND has another length than COMMAND LIST")
    infos = [ask(side, "COMMAND", "INFO", *names) for side in (reference, tested)]
    for name, expected, actual in zip(names, *infos):
        if not actual:
            found.append("%s: in COMMAND LIST, not in COMMAND INFO" % name)
        elif len(actual) != len(expected):
            found.append("%s: its entry has %d parts, in Redis %d" % (name, len(actual), len(expected)))
        else:
            found += differences(name, entry_of(expected), entry_of(actual))
    docs = [as_map(ask(side, "COMMAND", "DOCS", *names)) for side in (reference, tested)]
    for name in names:
        if name not in docs[1]:
            found.append("%s: not in COMMAND DOCS" % name)
            continue
        found += documentation_differences(name, docs[0][name], docs[1][name])
    return found
