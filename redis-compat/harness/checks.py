"""A tally of checks: each has a name, passes or fails, and a script ends with exit status 1 if any failed."""

import sys
import traceback


class Skip(Exception):
    """Raised by a check that cannot run here; its text says why."""


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def equal(self, actual, expected, what=""):
        if actual != expected:
            raise AssertionError("%s: %.300r instead of %.300r" % (what, actual, expected))

    def run(self, name, function, *arguments):
        """Runs one check and prints its line."""
        try:
            note = function(*arguments)
        except Skip as reason:
            self.skipped += 1
            print("skip  %s: %s" % (name, reason), flush=True)
            return
        except Exception:
            self.failed += 1
            print("FAIL  %s\n%s" % (name, traceback.format_exc()), flush=True)
            return
        self.passed += 1
        print("ok    %s%s" % (name, ": " + note if note else ""), flush=True)

    def finish(self):
        print("%d passed, %d failed%s" % (self.passed, self.failed,
                                          ", %d skipped" % self.skipped if self.skipped else ""), flush=True)
        sys.exit(1 if self.failed else 0)
