"""The servers under test: how each is started for a mode, asked, paused and stopped."""

import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The modes that are compared with each other: the same promise on both sides.
MODES = ("memory", "everysec", "always")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 120
AUTOGROUP = pathlib.Path("/proc/self/autogroup")


class ServerError(RuntimeError):
    """A server that is missing, does not start, dies, or answers an error."""


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where a process runs (None: anywhere) and how it stands against other programs."""
    cores: frozenset = None
    niceness: int = 0

    def apply(self):
        """In the new process, before its program starts, so that all its threads inherit it."""
        if self.cores:
            os.sched_setaffinity(0, self.cores)
        if self.niceness:
            os.setpriority(os.PRIO_PROCESS, 0, self.niceness)
            # With autogroup scheduling a priority counts only within its session, and the session has one of its own.
            os.setsid()
            if AUTOGROUP.exists():
                AUTOGROUP.write_text(str(self.niceness))


def redis_options(mode, io_threads):
    options = ["--save", "", "--io-threads", str(io_threads)]
    if mode == "memory":
        return options + ["--appendonly", "no"]
    return options + ["--appendonly", "yes", "--appendfsync", mode]


def starling_options(mode, io_threads):
    # The harness asks for checkpoints by DEBUG CHECKPOINT, on a connection from this machine.
    options = ["--io-threads", str(io_threads), "--enable-debug-command", "local"]
    if mode == "memory":
        return options + ["--storage", "memory"]
    return options + ["--storage", "rocksdb", "--appendfsync", mode]


class Server:
    """One running server process with an empty data directory of its own."""

    def __init__(self, name, command, port, directory, placement=Placement()):
        self.name = name
        self.port = port
        self.puts_work_off = False
        self.directory = pathlib.Path(directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.log_path = self.directory.with_suffix(".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory, preexec_fn=placement.apply)
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

    def pause(self):
        """Stops all its threads where they are, so that it takes nothing from another server's measurement."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """SIGTERM, and SIGKILL when it takes too long; the data directory goes."""
        self.resume()
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

    def __init__(self, build, port, data, placement=Placement(), starling=None):
        build = pathlib.Path(build).resolve()  # Servers start in their own directory.
        self.port = port
        self.data = pathlib.Path(data).resolve()
        self.placement = placement
        self.programs = {
            "redis": shutil.which("redis-server"),
            "valkey": shutil.which("valkey-server"),
            "starling": str(pathlib.Path(starling or build / "starling-server").resolve()),
            "floor": str(build / "starling-bench-floor"),
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

    def start(self, kind, mode, io_threads=1, value_size=64, side=0, extra=()):
        """`side` 0 or 1 of a pair: each has a port and a directory of its own."""
        program = self.require(kind)
        port = self.port + side
        directory = self.data / f"{side}-{kind}-{mode}"
        if kind == "floor":
            command = [program, str(port), str(value_size)]
        else:
            options = starling_options if kind == "starling" else redis_options
            command = [program, "--port", str(port), "--dir", str(directory), *options(mode, io_threads), *extra]
        return Server(f"{kind} ({mode})", command, port, directory, self.placement)
