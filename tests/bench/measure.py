"""What is measured, and how: CPU and memory of a process from /proc, a load from starling-bench, and when a server is
done with the work a load has left behind."""

import dataclasses
import json
import os
import pathlib
import subprocess
import threading
import time

from servers import Placement, ServerError

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Idle: less CPU than this share of a core over this long.
IDLE_SHARE = 0.05
IDLE_WINDOW_S = 0.5
SETTLE_TIMEOUT_S = 300


def _stat_fields(path):
    # The command's name may hold spaces and parentheses; the fields count from behind it.
    return pathlib.Path(path).read_text().rpartition(")")[2].split()


def cpu_seconds(pid):
    """User and system time of all threads, those that ended too, and of the children it has waited for."""
    fields = _stat_fields(f"/proc/{pid}/stat")
    return sum(int(field) for field in fields[11:15]) * TICK_S


def children(pid):
    try:
        return [child for task in os.listdir(f"/proc/{pid}/task")
                for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except FileNotFoundError:
        return []


def rss_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def machine_busy_seconds():
    """All CPUs' time in use, time stolen by the hypervisor included."""
    user, nice, system, _, _, irq, softirq, steal = (
        int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_S


def directory_bytes(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def settle(server):
    """Waits until the server has finished its background work. Returns the seconds that took. A server with a command
    for it is first made to do what it would otherwise put off, so that no work is left out of the account; when it refuses, server.puts_work_off says so."""
    started = time.monotonic()
    if server.name.startswith("starling"):
        server.puts_work_off = server.ask("DEBUG", "CHECKPOINT").startswith("-")
    while time.monotonic() - started < SETTLE_TIMEOUT_S:
        before = cpu_seconds(server.pid)
        time.sleep(IDLE_WINDOW_S)
        server.check_alive()
        if cpu_seconds(server.pid) - before <= IDLE_SHARE * IDLE_WINDOW_S and not children(server.pid):
            return time.monotonic() - started
    raise ServerError(f"{server.name} was still busy after {SETTLE_TIMEOUT_S} s")


@dataclasses.dataclass
class LoadGenerator:
    program: str
    connections: int = 50
    keys: int = 1_000_000
    placement: Placement = Placement()

    def run(self, server, workload, **options):
        """Runs one load (see starling-bench's usage for the options); returns its "measured" object."""
        arguments = {"port": server.port, "connections": self.connections, "keys": self.keys, "workload": workload}
        arguments.update(options)
        command = [self.program]
        for name, value in arguments.items():
            if value is not False:
                command.append("--" + name.replace("_", "-"))
                if value is not True:
                    command.append(str(value))
        result = subprocess.run(command, capture_output=True, text=True, preexec_fn=self.placement.apply)
        if result.returncode != 0:
            raise ServerError(f"{' '.join(command)}: {result.stderr.strip()}")
        measured = json.loads(result.stdout)["measured"]
        if measured["errors"]:
            raise ServerError(f"{workload}: {measured['errors']} wrong replies, the first: {measured['first_error']}")
        # Every key a GET asks for has been set before.
        if measured["misses"]:
            raise ServerError(f"{workload}: {measured['misses']} keys were not there")
        return measured

    def fill(self, server, value_size, pipeline=64, **options):
        """Sets every key once."""
        return self.run(server, "set", order="sequential", requests=self.keys, value_size=value_size, pipeline=pipeline,
                        **options)


def measure_load(server, generator, workload, settles, **options):
    """One load with the server's CPU. `settles`: also what it costs until the background work is done."""
    server_before, machine_before = cpu_seconds(server.pid), machine_busy_seconds()
    started = time.monotonic()
    result = generator.run(server, workload, **options)
    elapsed = time.monotonic() - started
    server_after, machine_after = cpu_seconds(server.pid), machine_busy_seconds()
    server.check_alive()
    others = machine_after - machine_before - (server_after - server_before) - result["client_cpu_seconds"]
    result["cpu_us_per_request"] = (server_after - server_before) * 1e6 / result["requests"]
    # What other programs took of the machine: the figures mean little when it is much.
    result["others_share"] = max(0.0, others) / (elapsed * os.cpu_count())
    result["settled_cpu_us_per_request"] = result["cpu_us_per_request"]
    if settles:
        result["settle_seconds"] = settle(server)
        result["puts_work_off"] = server.puts_work_off
        result["settled_cpu_us_per_request"] = (cpu_seconds(server.pid) - server_before) * 1e6 / result["requests"]
    return result


class Sampler:
    """Notes a process's memory and its data directory's size once a second, until it is left."""

    def __init__(self, server, interval_s=1.0):
        self.server = server
        self.interval_s = interval_s
        self.samples = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        started = time.monotonic()
        while not self._stop.wait(self.interval_s):
            try:
                self.samples.append({
                    "seconds": round(time.monotonic() - started, 1),
                    "rss_bytes": rss_bytes(self.server.pid),
                    "cpu_seconds": round(cpu_seconds(self.server.pid), 2),
                    "directory_bytes": directory_bytes(self.server.directory),
                })
            except FileNotFoundError:
                return

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
