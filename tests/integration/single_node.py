"""One server of a test's own, without a cluster: in a directory of its own, at a loopback address and at a Unix socket that
no other test of the machine uses at the same time.
"""

import contextlib
import os
import subprocess
import tempfile

from cluster_nodes import PORT, SERVER, SLOW, die_with_parent, local_host, until
from harness import resp

LIMIT_S = 60 * SLOW


class SingleNode:
    def __init__(self, **settings):
        """`settings`: of every start, with underscores for hyphens."""
        self.temporary = tempfile.TemporaryDirectory()
        self.directory = self.temporary.name
        self.address = (local_host(100), PORT)
        self.socket = os.path.join(self.directory, "socket")
        self.log_path = os.path.join(self.directory, "log")
        self.settings = settings
        self.process = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self, environment=None, file=None, **more):
        """Starts it, and does not wait. `file`: of settings, above which the others count. `more`: settings for this start only."""
        settings = {"bind": self.address[0], "port": self.address[1], "unixsocket": self.socket, "dir": self.path("data"),
                    "io-threads": 2}
        settings.update((name.replace("_", "-"), value) for name, value in (self.settings | more).items())
        line = [SERVER] + ([file] if file else [])
        for name, value in settings.items():
            line += ["--" + name, str(value)]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **(environment or {})}, preexec_fn=die_with_parent)
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("it ended with %s:\n%s" % (self.process.returncode, self.log()))
            with contextlib.closing(self.connect()) as connection:
                return not str(connection.call("PING")[1]).startswith("b'LOADING")
        until(ready, "an answer")
        return self

    def connect(self, protocol=2, timeout_s=LIMIT_S):
        connection = resp.Connection(self.address, timeout_s)
        if protocol != 2:
            connection.value("HELLO", protocol)
        return connection

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.kill()
        self.temporary.cleanup()


def info(connection, section="everything"):
    """{field: its text} of INFO."""
    lines = connection.value("INFO", section).decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)
