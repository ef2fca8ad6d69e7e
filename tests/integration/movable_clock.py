"""The wall clock of a server that a test starts: a preloaded shim moves CLOCK_REALTIME, and nothing else, while it runs."""

import os

from cluster_nodes import SERVER, Cluster

SHIM = os.environ.get("STARLING_CLOCK_SHIM",
                      os.path.join(os.path.dirname(SERVER), "tests", "libstarling-clock-shim.so"))


class MovableClock:
    def __init__(self, path):
        self.path = path
        self.move(0)

    def move(self, seconds):
        """So far ahead of the truth, at once."""
        with open(self.path + ".new", "w") as file:
            file.write("%.3f\n" % seconds)
        os.rename(self.path + ".new", self.path)

    def prefix(self):
        """What stands before the server on its command line."""
        sanitizer = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        return ("env", "LD_PRELOAD=" + SHIM, "STARLING_CLOCK_OFFSET=" + self.path, "ASAN_OPTIONS=" + sanitizer)


class ClusterOfClocks(Cluster):
    """`clocks[i].move()` is node i's."""

    def __init__(self, count, **settings):
        super().__init__(count, **settings)
        self.clocks = [MovableClock(os.path.join(self.directory, "%d.clock" % i)) for i in range(count)]

    def prefix(self, node):
        return self.clocks[node.index].prefix()
