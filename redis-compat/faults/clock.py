"""The wall clock set back and forth under a running server, by a preloaded shim that moves only CLOCK_REALTIME."""

import os
import subprocess
import tempfile
import time

from harness.checks import Skip
from harness.servers import Server

SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tests", "clock_shim.c")


class MovableClock:
    """`environment` preloads the shim; move(seconds) sets how far from the truth the clock is, at once."""

    def __init__(self, folder):
        library = os.path.join(folder, "clock.so")
        built = subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SHIM],
                               capture_output=True, text=True)
        if built.returncode != 0:
            raise Skip("the shim does not build: " + built.stderr)
        self.path = os.path.join(folder, "offset")
        self.move(0)
        self.environment = {"LD_PRELOAD": library, "STARLING_CLOCK_OFFSET": self.path}

    def move(self, seconds):
        with open(self.path + ".new", "w") as file:
            file.write("%d\n" % seconds)
        os.rename(self.path + ".new", self.path)


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError("%s: %r instead of %r" % (what, actual, expected))


def follow(ask, jumps):
    """A jump of the clock, the server's so manieth since its start, is followed once it has lasted for a while."""
    limit = time.monotonic() + 120
    while True:
        fields = dict(line.split(":", 1) for line in ask("INFO", "server").decode().splitlines() if ":" in line)
        if int(fields["clock_jumps"]) == jumps and abs(int(fields["clock_skew_ms"])) < 500:
            return
        if time.monotonic() > limit:
            raise AssertionError("the clock is not followed: it is %s ms ahead" % fields["clock_skew_ms"])
        time.sleep(0.1)


def set_back(settings):
    with tempfile.TemporaryDirectory() as folder:
        clock = MovableClock(folder)
        server = Server(settings.server, {"appendfsync": "always"}, environment=clock.environment)
        try:
            ask = server.connect().value
            now = ask("TIME")
            clock.move(7200)
            if int(ask("TIME")[0]) - int(now[0]) < 7100:
                raise Skip("the server's clock does not follow the shim")
            follow(ask, 1)
            ask("SET", "key", "late clock")
            ask("HSET", "hash", "f", "late clock")
            ask("SADD", "set", "gone", "kept")
            ask("SET", "removed", "late clock")
            ask("SET", "session", "x", "EX", "600")
            clock.move(0)  # Two hours back.
            follow(ask, 2)
            ask("SET", "key", "early clock")
            ask("HSET", "hash", "f", "early clock")
            ask("SREM", "set", "gone")
            ask("DEL", "removed")
            ask("INCR", "counter")
            for where in ("at once", "after kill -9"):
                expect(ask("GET", "key"), b"early clock", "a key written again after the clock went back, " + where)
                expect(ask("HGET", "hash", "f"), b"early clock", "a field, " + where)
                expect(ask("SMEMBERS", "set"), [b"kept"], "a set, " + where)
                expect(ask("EXISTS", "removed"), 0, "a deleted key, " + where)
                expect(ask("GET", "counter"), b"1", "a counter, " + where)
                left = ask("TTL", "session")
                if not 600 < left <= 7800:
                    raise AssertionError("time to live %d after the clock went back, %s" % (left, where))
                server.kill()
                server.start()
                ask = server.connect().value
            clock.move(7200 + 700)
            follow(ask, 1)
            expect(ask("GET", "session"), None, "an expired key once the clock went forward")
            expect(ask("GET", "key"), b"early clock", "a key without expiry")
        finally:
            server.stop()


def set_back_while_down(settings):
    """Written, stopped; the clock goes back; started and written again: the later write wins."""
    with tempfile.TemporaryDirectory() as folder:
        clock = MovableClock(folder)
        clock.move(86400)
        server = Server(settings.server, {"appendfsync": "always"}, environment=clock.environment)
        try:
            for number, offset in enumerate((86400, 3600, 0)):
                clock.move(offset)
                ask = server.connect().value
                if number:
                    expect(ask("GET", "key"), b"%d" % (number - 1), "the key after start %d" % number)
                ask("SET", "key", number)
                if number % 2:
                    server.kill()
                else:
                    server.terminate()
                server.start()
            expect(server.connect().value("GET", "key"), b"2", "the key at last")
        finally:
            server.stop()


CHECKS = [("clock-set-back", set_back), ("clock-set-back-while-down", set_back_while_down)]
