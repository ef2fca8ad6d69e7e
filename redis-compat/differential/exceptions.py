"""Replies that differ from Redis's on purpose. Nothing else may.

Each entry: (what, why, applies), where applies(step, expected, actual) gets the step and both frames as (kind, payload) and
says whether this pair is the difference meant. Keep them as narrow as can be.
"""


def encoding_by_value(value):
    if value.isdigit() or (value[:1] == b"-" and value[1:].isdigit()):
        if len(value) <= 20 and -1 << 63 <= int(value) < 1 << 63 and b"%d" % int(value) == value:
            return b"int"
    return b"embstr" if len(value) <= 44 else b"raw"


def told_by_value(step, expected, actual):
    """Redis's encoding can only be looser: raw for what would be embstr, embstr for what would be int."""
    order = [b"int", b"embstr", b"raw"]
    return (step.name() == b"OBJECT" and step.arguments[1].upper() == b"ENCODING" and expected[1] in order
            and actual[1] in order[:order.index(expected[1])])


def library_of_client(step, expected, actual):
    if step.name() != b"CLIENT" or not expected[1] or not actual[1] or expected[0] != actual[0]:
        return False
    def fields(frame):
        return [[word.split(b"=")[0] for word in line.split()] for line in frame[1].splitlines()]
    return [names + [b"lib-name", b"lib-ver"] for names in fields(expected)] == fields(actual)


def all_clients_in_transaction(step, expected, actual):
    return (step.name() == b"CLIENT" and
            actual[1] == b"ERR a command about all clients cannot run inside a transaction with io-threads above 1")


EXCEPTIONS = [
    ("OBJECT ENCODING of strings", "it is told by the value alone; Redis also tells how the value came about (SETRANGE and "
     "APPEND leave raw, INCRBYFLOAT embstr), which would have to be stored with every string", told_by_value),
    ("CLIENT INFO and LIST end with lib-name and lib-ver", "CLIENT SETINFO of Redis 7.2 is there, for clients that send it",
     library_of_client),
    ("CLIENT LIST, KILL and PAUSE inside EXEC", "other threads would have to be asked while the transaction holds its keys; "
     "nobody is known to do it", all_clients_in_transaction),
]


def excused(step, expected, actual):
    return any(applies(step, expected, actual) for _, _, applies in EXCEPTIONS)


def encoding_excused(value, encoding):
    """The first exception once more, where the data are compared and the value is at hand."""
    return encoding == encoding_by_value(value)
