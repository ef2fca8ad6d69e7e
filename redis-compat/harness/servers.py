"""Starting and stopping servers on a free port of 127.0.0.1 with a directory of their own.

The server under test is Starling or, to test the tests themselves, any Redis: settings are given by Redis's names, and
`Launch` knows the few that differ (a Redis keeps its writes only with `appendonly yes`; Starling always does).
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import resp

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START_SECONDS = float(os.environ.get("STARLING_START_SECONDS", "120"))


def default_server():
    """$STARLING_SERVER, else the newest starling-server below build/, else None."""
    if os.environ.get("STARLING_SERVER"):
        return os.environ["STARLING_SERVER"]
    candidates = []
    build = os.path.join(REPOSITORY, "build")
    for folder in os.listdir(build) if os.path.isdir(build) else []:
        path = os.path.join(build, folder, "starling-server")
        if os.access(path, os.X_OK):
            candidates.append(path)
    return max(candidates, key=os.path.getmtime, default=None)


def free_port():
    """A port nobody listens on now: the lowest free one from $STARLING_TEST_PORT on, or one the kernel picks."""
    first = int(os.environ.get("STARLING_TEST_PORT", "0"))
    for port in range(first, first + 50) if first else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise RuntimeError("no free port in %d..%d" % (first, first + 49))


def is_redis(program):
    return "redis-server" in os.path.basename(program.split()[0])


class Server:
    """One server process. Use as a context manager, or call stop(); its directory goes with it unless it was given."""

    def __init__(self, program, settings=None, directory=None, port=None, environment=None, wait=True):
        """`program`: a path, or a command line. `settings`: {name: value} by Redis's names."""
        self.program = program
        self.settings = dict(settings or {})
        self.own_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="starling-compat-")
        self.port = port or free_port()
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        self.log_path = os.path.join(tempfile.gettempdir(), "starling-compat-%d-%d.log" % (os.getpid(), self.port))
        self.start(wait)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def command_line(self):
        settings = {"port": self.port, "dir": self.directory, "bind": "127.0.0.1", "enable-debug-command": "yes"}
        if is_redis(self.program):
            settings.update({"save": "", "appendonly": "no"})
            if "appendfsync" in self.settings:
                settings["appendonly"] = "yes"
        settings.update(self.settings)
        line = self.program.split()
        for name, value in settings.items():
            line += ["--" + name, str(value)]
        return line

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command_line(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment)
        if wait:
            try:
                resp.connect_when_ready(self.address, START_SECONDS, self.alive).close()
            except (RuntimeError, TimeoutError) as error:
                message = "%s: %s\n%s" % (" ".join(self.command_line()), error, self.log_tail())
                self.stop()
                raise RuntimeError(message) from None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def connect(self, timeout_s=30.0):
        return resp.Connection(self.address, timeout_s)

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        return self.process.wait()

    def terminate(self, seconds=30):
        """SIGTERM; returns the exit status, None if it did not end in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        if os.path.exists(self.log_path):
            os.unlink(self.log_path)

    def log(self):
        """All the server has logged, also to a logfile in its directory."""
        text = ""
        for path in (self.log_path, os.path.join(self.directory, self.settings.get("logfile", ""))):
            if os.path.isfile(path):
                with open(path, errors="replace") as log:
                    text += log.read()
        return text

    def log_tail(self, lines=15):
        return "\n".join(self.log().splitlines()[-lines:])

    def resident_bytes(self):
        return self._status_bytes("VmRSS")

    def peak_resident_bytes(self):
        return self._status_bytes("VmHWM")

    def _status_bytes(self, name):
        with open("/proc/%d/status" % self.process.pid) as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no %s" % name)


def wait_until(condition, seconds, interval=0.02):
    """Polls `condition` until it is true; returns whether it became so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
