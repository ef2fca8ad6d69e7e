"""The servers under test: how each is started for a mode, asked, and stopped. One runs at a time."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The modes that are compared with each other: the same promise on both sides.
MODES = ("memory", "everysec", "always")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 120


class ServerError(RuntimeError):
    """A server that is missing, does not start, dies, or answers an error."""


def redis_options(mode, io_threads):
    options = ["--save", "", "--io-threads", str(io_threads)]
    if mode == "memory":
        return options + ["--appendonly", "no"]
    return options + ["--appendonly", "yes", "--appendfsync", mode]


def starling_options(mode, io_threads):
    options = ["--io-threads", str(io_threads)]
    if mode == "memory":
        return options + ["--storage", "memory"]
    return options + ["--storage", "rocksdb", "--appendfsync", mode]


class Server:
    """One running server process with an empty data directory of its own."""

    def __init__(self, name, command, port, directory, cores=None):
        self.name = name
        self.port = port
        self.directory = pathlib.Path(directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.log_path = self.directory.with_suffix(".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory)
        if cores:
            os.sched_setaffinity(self.process.pid, cores)
        self._wait_until_ready()

    @property
    def pid(self):
        return self.process.pid

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                if self.ask("PING") in ("+PONG", "+OK"):
                    return
            except OSError:
                pass
            time.sleep(0.05)
        self.stop()
        raise ServerError(f"{self.name} was not ready in {START_TIMEOUT_S} s; see {self.log_path}")

    def check_alive(self):
        if self.process.poll() is not None:
            with open(self.log_path, "rb") as log:
                tail = log.read()[-2000:].decode(errors="replace")
            raise ServerError(f"{self.name} ended with status {self.process.returncode}:\n{tail}")

    def ask(self, *words, timeout_s=600):
        """Sends one command; returns the reply's first line (with its type), or a bulk string's content."""
        request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as connection:
            connection.sendall(request.encode())
            with connection.makefile("rb") as replies:
                line = replies.readline().decode().rstrip("\r\n")
                if line.startswith("$") and line != "$-1":
                    return replies.read(int(line[1:])).decode(errors="replace")
                return line

    def stop(self):
        """SIGTERM, and SIGKILL when it takes too long; the data directory goes."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Launcher:
    """Knows how to start every kind of server: redis, starling, valkey, floor."""

    def __init__(self, build, port, data, server_cores=None, starling=None):
        self.port = port
        self.data = pathlib.Path(data)
        self.server_cores = server_cores
        self.programs = {
            "redis": shutil.which("redis-server"),
            "valkey": shutil.which("valkey-server"),
            "starling": str(starling or pathlib.Path(build) / "starling-server"),
            "floor": str(pathlib.Path(build) / "starling-bench-floor"),
        }

    def kinds(self):
        return tuple(self.programs)

    def require(self, kind):
        program = self.programs.get(kind)
        if not program or not os.access(program, os.X_OK):
            raise ServerError(f"{kind}: no program to run ({program or 'not in PATH'})")
        return program

    def version(self, kind):
        """The first line a server says about itself."""
        if kind == "floor":
            return "libuv loop that only frames and answers"
        result = subprocess.run([self.require(kind), "--version"], capture_output=True, text=True, timeout=10)
        return (result.stdout or result.stderr).strip().split("\n")[0]

    def start(self, kind, mode, io_threads=1, value_size=64, extra=()):
        program = self.require(kind)
        # Two names, so that a server is never measured on the remains of the other one.
        directory = self.data / f"{kind}-{mode}"
        if kind == "floor":
            command = [program, str(self.port), str(value_size)]
        else:
            options = starling_options if kind == "starling" else redis_options
            command = [program, "--port", str(self.port), "--dir", str(directory), *options(mode, io_threads), *extra]
        return Server(f"{kind} ({mode})", command, self.port, directory, self.server_cores)
