"""Runs a sequence on the reference and on the server under test and finds the first reply that differs.

Runs of ordinary commands on one connection are pipelined; specials, pauses and raw bytes go alone. A sequence with pub/sub
goes command by command, and after each every connection is drained with a PING, so that messages pushed to it are seen.
"""

import socket
import time

from exceptions import encoding_excused
from harness import resp
from harness.resp import ARRAY, CLOSED, PUSH, SIMPLE
from rules import equal
from specials import SPECIALS, describe_value
from step import KILL, RESTARTS, Step

RESET_CONFIG = {"hash-max-listpack-entries": "512", "hash-max-listpack-value": "64", "set-max-intset-entries": "512",
                "zset-max-listpack-entries": "128", "zset-max-listpack-value": "64",
                "notify-keyspace-events": ""}
QUIET_SECONDS = 0.03  # Raw bytes: the reference's answer is over when it says nothing for so long.
SLOW_SECONDS = 0.5
PATIENCE_SECONDS = 2.0  # How long what the reference answered may take from the server under test.
ALONE = frozenset((b"QUIT", b"CLIENT", b"SHUTDOWN", b"RESET"))
LAST = b"the last request"


class Mismatch:
    def __init__(self, index, step, expected, actual):
        self.index = index  # Of the step; len(steps) when the data differ after the last.
        self.step = step
        self.expected = expected
        self.actual = actual


class Side:
    """One server's end of one connection of the sequence."""

    def __init__(self, address):
        self.connection = resp.Connection(address, PATIENCE_SECONDS * 5)

    def read(self):
        try:
            return self.connection.read_frame()
        except (resp.Closed, ConnectionError):
            return CLOSED, b""
        except socket.timeout:
            return (0, b"no reply in time"), b"timeout"
        except resp.ProtocolError as error:
            return (0, str(error).encode()), b"broken"

    def send(self, data):
        try:
            self.connection.send_raw(data)
        except OSError:
            pass  # The reading end will report it as closed.

    def call(self, *arguments):
        self.send(resp.encode(arguments))
        return self.read()[0]


class Pair:
    """The same connection to both servers."""

    def __init__(self, reference_address, tested_address):
        self.reference = Side(reference_address)
        self.tested = Side(tested_address)
        self.queued = None  # Steps queued since MULTI, None outside.
        self.closed = False

    def sides(self):
        return self.reference, self.tested

    def call(self, *arguments):
        data = resp.encode(arguments)
        for side in self.sides():
            side.send(data)
        return tuple(side.read()[0] for side in self.sides())

    def check(self, step, expected, actual):
        """Compares one reply and follows the transaction's state. Returns whether it is right."""
        name, queued = step.name(), self.queued
        if expected[0] == CLOSED:
            self.closed = True
        elif name == b"MULTI" and expected[0] == (SIMPLE, b"OK"):
            self.queued = []
        elif name in (b"EXEC", b"DISCARD", b"RESET") and expected[0] != (SIMPLE, b"QUEUED") and \
                not (expected[0][0] == resp.ERROR and b"wrong number" in expected[0][1]):
            self.queued = None
        elif queued is not None and expected[0] == (SIMPLE, b"QUEUED"):
            queued.append(step)
        return equal(step, expected, actual, queued)

    def close(self):
        for side in self.sides():
            side.connection.close()


class Executor:
    def __init__(self, reference_address, tested_address, revive=lambda: None, restart=None):
        """`revive` is called when a server closed the executor's own connection, to start it again if it has died.

        `restart(by_kill)` ends the server under test, by kill -9 or SIGTERM, and starts it again.
        """
        self.addresses = reference_address, tested_address
        self.revive = revive
        self.restart = restart
        self.admin = Pair(*self.addresses)
        self.commands_sent = 0

    def reconnect(self):
        """After a restart of either server."""
        self.admin.close()
        self.admin = Pair(*self.addresses)

    def reset(self, follow_pushes):
        """Empties both servers. Where pushes are followed, keys expire only when touched: the moment must be the same."""
        try:
            self._empty(follow_pushes)
        except (OSError, resp.Closed):
            self.revive()
            self.reconnect()
            self._empty(follow_pushes)

    def _empty(self, follow_pushes):
        setup = [("FLUSHALL",), ("FUNCTION", "FLUSH"), ("DEBUG", "SET-ACTIVE-EXPIRE", 0 if follow_pushes else 1)]
        setup += [("CONFIG", "SET", name, value) for name, value in RESET_CONFIG.items()]
        for side in self.admin.sides():
            frames = side.connection.pipeline(setup)
            if frames[0] != (SIMPLE, b"OK"):
                raise RuntimeError("FLUSHALL answered %r" % (frames[0],))

    def run(self, steps, follow_pushes=False):
        """Runs `steps` on empty servers. Returns the first Mismatch, or None."""
        self.reset(follow_pushes)
        pairs = {}
        try:
            mismatch = self._run_steps(steps, pairs, follow_pushes)
        finally:
            for pair in pairs.values():
                pair.close()
        try:
            return mismatch or self.compare_data(len(steps))
        except (OSError, resp.Closed):
            return Mismatch(len(steps), Step((b"#", b"the connection of another client")), (0, b"still open"), CLOSED)

    def _pair(self, pairs, index):
        if index not in pairs:
            pairs[index] = Pair(*self.addresses)
        return pairs[index]

    def _run_steps(self, steps, pairs, follow_pushes):
        index = 0
        while index < len(steps):
            step = steps[index]
            if step.name() in RESTARTS:
                self._restart(step, pairs)
                index += 1
                continue
            pair = self._pair(pairs, step.connection)
            if pair.closed:
                index += 1
                continue
            if step.raw is not None:
                mismatch, index = self._run_raw(index, step, pair), index + 1
            elif follow_pushes:
                mismatch, index = self._run_followed(index, step, pair, pairs), index + 1
            elif step.name() in SPECIALS:
                mismatch, index = self._run_special(index, step, pair), index + 1
            else:
                end = index + 1
                while end < len(steps) and self._batches(steps[end - 1], steps[end]):
                    end += 1
                mismatch, index = self._run_batch(index, steps[index:end], pair), end
            if mismatch:
                return mismatch
            if step.pause_ms:
                mismatch = self._pause(index, step, pair, pairs, follow_pushes)
                if mismatch:
                    return mismatch
        return None

    def _restart(self, step, pairs):
        """What connections held (MULTI, WATCH, RESP3, the database) is gone on both servers, the data on none."""
        for pair in pairs.values():
            pair.close()
        pairs.clear()
        self.restart(step.name() == KILL)
        self.reconnect()

    @staticmethod
    def _batches(previous, step):
        return (step.connection == previous.connection and step.raw is None and not previous.pause_ms
                and not step.pause_ms and step.name() not in RESTARTS and step.name() not in SPECIALS and step.name() not in ALONE
                and previous.name() not in ALONE)

    def _run_batch(self, index, steps, pair):
        data = b"".join(resp.encode(step.arguments) for step in steps)
        self.commands_sent += len(steps)
        for side in pair.sides():
            side.send(data)
        replies = [[side.read() for _ in steps] for side in pair.sides()]
        for offset, (step, expected, actual) in enumerate(zip(steps, *replies)):
            if not pair.check(step, expected, actual):
                return Mismatch(index + offset, step, expected[0], actual[0])
        return None

    def _run_special(self, index, step, pair):
        if pair.queued is not None:
            return None  # Its reply would come in EXEC's, where the servers could not be made equal again.
        self.commands_sent += 1
        wrong = SPECIALS[step.name()](pair, step)
        return Mismatch(index, step, *wrong) if wrong else None

    def _run_raw(self, index, step, pair):
        """Sends the bytes, then a PING that ends the answer where the bytes left the connection in order."""
        if pair.queued is not None:
            return None
        self.commands_sent += 1
        for side in pair.sides():
            side.send(step.raw + resp.encode((b"PING", LAST)))
        expected, expected_closed = read_up_to(pair.reference.connection, QUIET_SECONDS, None)
        actual, actual_closed = read_up_to(pair.tested.connection, PATIENCE_SECONDS, len(expected))
        more, closed = pair.tested.connection.read_available(0.001 if expected_closed == actual_closed else QUIET_SECONDS)
        actual, actual_closed = actual + more, actual_closed or closed
        if (expected, expected_closed) != (actual, actual_closed):
            # Perhaps the reference was only slow to answer.
            more, closed = pair.reference.connection.read_available(SLOW_SECONDS)
            expected, expected_closed = expected + more, expected_closed or closed
            more, closed = pair.tested.connection.read_available(QUIET_SECONDS)
            actual, actual_closed = actual + more, actual_closed or closed
        # Left inside a request, or in MULTI, it is of no more use.
        pair.closed = expected_closed or not expected.endswith(LAST + b"\r\n")
        if (expected, expected_closed) == (actual, actual_closed):
            return None
        show = [(0, data + (b" and closed" if closed else b""))
                for data, closed in ((expected, expected_closed), (actual, actual_closed))]
        return Mismatch(index, step, *show)

    def _run_followed(self, index, step, pair, pairs):
        """One command with every frame it causes on any connection, pushed messages included."""
        self.commands_sent += 1
        for side in pair.sides():
            side.send(resp.encode(step.arguments))
        for other in [pair] + [other for other in pairs.values() if other is not pair]:
            if other.closed or (other is not pair and other.queued is not None):
                continue
            one = other is pair and (pair.queued is not None or step.name() == b"MULTI")
            expected = self._drain(other.reference, one)
            actual = self._drain(other.tested, one)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while len(actual) < len(expected) and actual[-1:] != [CLOSED] and time.monotonic() < deadline:
                time.sleep(0.005)  # A message may still be on its way from another thread of the server.
                actual += self._drain(other.tested, one)
            other.closed = CLOSED in expected
            if replies_first(step):
                expected = pushes_first(expected)
            expected, actual = settle_order(step, expected), settle_order(step, actual)
            if len(expected) != len(actual):
                return Mismatch(index, step, (ARRAY, expected), (ARRAY, actual))
            for frame_expected, frame_actual in zip(expected, actual):
                own = step if other is pair else Step((b"PING",))
                fine = other.check(own, (frame_expected, None), (frame_actual, b""))
                if not fine:
                    return Mismatch(index, step, (ARRAY, expected), (ARRAY, actual))
        return None

    @staticmethod
    def _drain(side, one):
        """All frames up to the answer to a PING; with `one` (a PING would be queued in MULTI), up to the first reply."""
        frames = []
        if not one:
            side.send(resp.encode((b"PING", b"drained")))
        while True:
            frame = side.read()[0]
            if not one and (frame == (resp.BULK, b"drained") or frame == (ARRAY, [(resp.BULK, b"pong"), (resp.BULK, b"drained")])):
                return frames
            frames.append(frame)
            if frame[0] == 0 or (one and frame[0] != PUSH):
                return frames

    def _pause(self, index, step, pair, pairs, follow_pushes):
        """Lets a short expiry pass, then touches the keys, as an expired key counts in DBSIZE until somebody looks."""
        time.sleep(step.pause_ms / 1000)
        touch = Step((b"EXISTS",) + step.arguments[1:], step.connection)
        if follow_pushes:
            return self._run_followed(index - 1, touch, pair, pairs)
        if not pair.closed and pair.queued is None:
            pair.call(*touch.arguments)
        return None

    def compare_data(self, index):
        """Compares all keys of all databases: type, value, time to live, and how it is encoded."""
        sides = self.admin.sides()
        sizes = [side.connection.pipeline([c for db in range(16) for c in (("SELECT", db), ("DBSIZE",))]) for side in sides]
        databases = [db for db in range(16) if any(int(s[2 * db + 1][1]) for s in sizes if s[2 * db + 1][0] == resp.INTEGER)]
        found = [{}, {}]
        for side, into in zip(sides, found):
            for database in databases:
                side.call("SELECT", database)
                for name in sorted(item[1] for item in side.call("KEYS", "*")[1]):
                    left = side.call("PTTL", name)[1]
                    if left == b"-2":
                        continue
                    encoding = side.call("OBJECT", "ENCODING", name)[1]
                    into[(database, name)] = describe_value(side.call, name), encoding, int(left)
            side.call("SELECT", 0)
        for where in sorted(set(found[0]) | set(found[1])):
            expected, actual = found[0].get(where), found[1].get(where)
            if expected and actual and expected[0] == actual[0] and near_deadlines(expected[2], actual[2]) and (
                    expected[1] == actual[1] or encoding_excused(*expected[0], actual[1])):
                continue
            step = Step((b"#", b"the data of database %d, key" % where[0], where[1]))
            return Mismatch(index, step, *((0, repr(part).encode()) for part in only_different(expected, actual)))
        return None


def read_up_to(connection, quiet_seconds, length):
    """What comes until LAST was answered, or `length` bytes came, or silence: (bytes, whether closed)."""
    data, closed = b"", False
    connection.socket.settimeout(quiet_seconds)
    while not closed and not (data.endswith(LAST + b"\r\n") if length is None else len(data) >= length):
        try:
            chunk = connection.socket.recv(1 << 16)
        except socket.timeout:
            break
        except ConnectionError:
            chunk = b""
        data, closed = data + chunk, not chunk
    if length is not None and not closed:
        more, closed = connection.read_available(0.002)
        data += more
    connection.socket.settimeout(PATIENCE_SECONDS * 5)
    return data, closed


# In RESP3 a message that a command sends to its own client comes before the command's reply. With these Redis has written the
# reply when it publishes the event, and sends it first; with EXPIRE, unless it deletes.
REPLY_FIRST = frozenset((b"GETSET", b"GETDEL", b"GETEX", b"HSET", b"HMSET", b"HSETNX", b"HINCRBY", b"HINCRBYFLOAT", b"BITFIELD",
                         b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"))


def replies_first(step):
    return step.name() in REPLY_FIRST or \
        step.name() == b"SET" and b"GET" in [argument.upper() for argument in step.arguments[3:]]


def pushes_first(frames):
    return [frame for frame in frames if frame[0] == PUSH] + [frame for frame in frames if frame[0] != PUSH]


def settle_order(step, frames):
    """Puts in one order what may come in several.

    Redis sends the confirmations of an unsubscribing from everything, and one message's copies for several patterns, in the
    order of its hash tables.
    """
    if step.name() in (b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE") and len(step.arguments) == 1:
        named = [frame for frame in frames if isinstance(frame[1], list) and len(frame[1]) == 3]
        counts = [frame[1][2] for frame in named]
        names = sorted((frame[1][:2] for frame in named), key=repr)
        rest = [frame for frame in frames if frame not in named]
        return [(named[0][0], name + [count]) for name, count in zip(names, counts)] + rest
    frames = list(frames)
    start = 0
    while start < len(frames):
        end = start + 1
        while end < len(frames) and pattern_message(frames[start]) and \
                pattern_message(frames[start]) == pattern_message(frames[end]):
            end += 1
        frames[start:end] = sorted(frames[start:end], key=repr)
        start = end
    return frames


def pattern_message(frame):
    """The channel and text of a pmessage, None for anything else."""
    parts = frame[1] if isinstance(frame[1], list) and len(frame[1]) == 4 else None
    return parts[2:] if parts and parts[0][1] == b"pmessage" else None


def only_different(expected, actual):
    """Both descriptions of a key without the elements they share."""
    if not expected or not actual or not isinstance(expected[0][1], tuple) or not isinstance(actual[0][1], tuple):
        return expected, actual
    shared = set(expected[0][1]) & set(actual[0][1])
    return tuple(((kind, tuple(element for element in value if element not in shared)), encoding, left)
                 for (kind, value), encoding, left in (expected, actual))


def near_deadlines(a, b):
    return a == b or (a > 0 and b > 0 and abs(a - b) <= 10_000)
