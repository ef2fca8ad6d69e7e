"""Writers that remember what was acknowledged, and the check that all of it is there.

Each writer has its own connection and its own keys: strings, a hash, a set, a counter, and a pair of keys always written
together. For everything it wrote it keeps which values may be found: exactly one once a write was acknowledged, and one
more for each later write whose fate is unknown (unanswered, or answered by an error).
"""

import random
import threading

from harness import resp

KEYS = 1000
BATCH = 16
COUNTER, PAIR = ("counter",), ("pair",)


class Writer:
    def __init__(self, name):
        self.name = name
        self.random = random.Random(name)
        self.number = 0
        self.acknowledged = 0
        self.errors = 0
        self.possible = {}  # what -> the values that may be found, oldest first; absent is None.
        self.counter = [0, 0]
        self.thread = None
        self.stopping = False
        self.disbelieving = False  # What is acknowledged from now on counts as unknown.

    # One write: what it changes, the value after it, its command.
    def _next(self):
        self.number += 1
        kind, n, value = self.random.randrange(10), self.random.randrange(KEYS), b"%d" % self.number
        if kind < 3:
            if self.random.random() < 0.02:
                value += b":" + b"x" * 5_000
            return ("string", n), value, (b"SET", b"%s:%d" % (self.name, n), value)
        if kind == 3:
            return ("string", n), None, (b"DEL", b"%s:%d" % (self.name, n))
        if kind == 4:
            return ("field", n), value, (b"HSET", self.name + b":hash", b"f%d" % n, value)
        if kind == 5:
            return ("field", n), None, (b"HDEL", self.name + b":hash", b"f%d" % n)
        if kind == 6:
            return ("member", n), b"in", (b"SADD", self.name + b":set", b"m%d" % n)
        if kind == 7:
            return ("member", n), None, (b"SREM", self.name + b":set", b"m%d" % n)
        if kind == 8:
            return COUNTER, None, (b"INCR", self.name + b":counter")
        return PAIR, value, (b"MSET", self.name + b":left", value, self.name + b":right", value)

    def start(self, address):
        self.stopping = False
        self.disbelieving = False
        self.thread = threading.Thread(target=self._run, args=(address,), daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping = True
        self.thread.join()

    def _run(self, address):
        try:
            connection = resp.Connection(address, 60)
        except OSError:
            return
        while not self.stopping and self.write_batch(connection):
            pass
        connection.close()

    def write_batch(self, connection, size=BATCH):
        """Writes `size` commands in one piece. Returns false when the connection is lost."""
        batch = [self._next() for _ in range(size)]
        answered = 0
        try:
            connection.send_raw(b"".join(resp.encode(command) for _, _, command in batch))
            for what, value, _ in batch:
                frame, _ = connection.read_frame()
                answered += 1
                if frame[0] == resp.ERROR or self.disbelieving:
                    self.errors += frame[0] == resp.ERROR
                    self._unknown(what, value)
                else:
                    self.acknowledged += 1
                    self._known(what, value)
        except (OSError, resp.Closed):
            for what, value, _ in batch[answered:]:
                self._unknown(what, value)
            return False
        return True

    def _known(self, what, value):
        if what == COUNTER:
            self.counter = [self.counter[0] + 1, self.counter[1] + 1]
        else:
            self.possible[what] = [value]

    def _unknown(self, what, value):
        if what == COUNTER:
            self.counter[1] += 1
        else:
            self.possible.setdefault(what, [None]).append(value)

    def verify(self, connection):
        """Raises AssertionError when something acknowledged is missing; takes what is found as known from here on."""
        strings = connection.value(b"MGET", *[b"%s:%d" % (self.name, n) for n in range(KEYS)])
        fields = as_map(connection.value(b"HGETALL", self.name + b":hash"))
        members = set(connection.value(b"SMEMBERS", self.name + b":set"))
        left, right = connection.value(b"MGET", self.name + b":left", self.name + b":right")
        counter = int(connection.value(b"GET", self.name + b":counter") or 0)
        found = {("string", n): strings[n] for n in range(KEYS)}
        found.update({("field", n): fields.get(b"f%d" % n) for n in range(KEYS)})
        found.update({("member", n): b"in" if b"m%d" % n in members else None for n in range(KEYS)})
        found[PAIR] = left
        wrong = ["%s: %.60r found, %.200r possible" % (what, value, self.possible.get(what, [None]))
                 for what, value in found.items() if value not in self.possible.get(what, [None])]
        if left != right:
            wrong.append("one MSET gave %r and %r" % (left, right))
        if not self.counter[0] <= counter <= self.counter[1]:
            wrong.append("counter %d is not in %r" % (counter, self.counter))
        if wrong:
            raise AssertionError("%s after %d acknowledged writes: %d wrong: %s" % (
                self.name, self.acknowledged, len(wrong), "; ".join(wrong[:5])))
        self.possible = {what: [value] for what, value in found.items()}
        self.counter = [counter, counter]


def as_map(value):
    return value if isinstance(value, dict) else dict(zip(value[::2], value[1::2]))


class Load:
    """Several writers at once."""

    def __init__(self, writers=6):
        self.writers = [Writer(b"w%d" % i) for i in range(writers)]

    def start(self, address):
        for writer in self.writers:
            writer.start(address)

    def disbelieve(self):
        """From here on acknowledgements prove nothing."""
        for writer in self.writers:
            writer.disbelieving = True

    def stop(self):
        for writer in self.writers:
            writer.stopping = True
        for writer in self.writers:
            writer.stop()

    def verify(self, server):
        connection = server.connect(60)
        for writer in self.writers:
            writer.verify(connection)
        connection.close()

    @property
    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)

    @property
    def errors(self):
        return sum(writer.errors for writer in self.writers)
