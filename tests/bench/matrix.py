"""The paired comparison: for each promise, value size and number of I/O threads, both servers are started anew on empty
directories and filled; then every load runs on the one, at once on the other, while the one not measured is stopped."""

import contextlib
import dataclasses
import itertools
import sys
import time

import measure


@dataclasses.dataclass
class Plan:
    pair: tuple = ("redis", "starling")
    modes: tuple = ("memory", "everysec", "always")
    value_sizes: tuple = (64, 1024)
    io_threads: tuple = (1, 2)
    pipelines: tuple = (1, 16, 64)
    workloads: tuple = ("set", "get")
    repetitions: int = 5
    seconds: float = 2.0
    keys: int = 1_000_000

    def cells(self):
        return itertools.product(self.modes, self.value_sizes, self.io_threads)

    def loads(self):
        return itertools.product(self.pipelines, self.workloads)

    def rounds(self):
        return len(self.modes) * len(self.value_sizes) * len(self.io_threads) * self.repetitions


def progress(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def awake(server):
    """Only inside does the server get any CPU."""
    server.resume()
    yield server
    server.pause()


def fill(plan, server, generator, value_size, durable):
    """Sets every key once and leaves the server without work."""
    empty_bytes = measure.rss_bytes(server.pid)
    result = generator.fill(server, value_size)
    result["rss_bytes_per_key"] = (measure.rss_bytes(server.pid) - empty_bytes) / plan.keys
    if durable:
        measure.settle(server)
    result["settled_rss_bytes_per_key"] = (measure.rss_bytes(server.pid) - empty_bytes) / plan.keys
    result["directory_bytes_per_key"] = measure.directory_bytes(server.directory) / plan.keys
    return {"workload": "fill", "pipeline": 64, **result}


def run_round(plan, launcher, generator, mode, value_size, io_threads):
    """Both servers anew; every load on the one, then on the other. Yields (side, observation)."""
    durable = mode != "memory"
    with contextlib.ExitStack() as stack:
        servers = []
        for side, kind in enumerate(plan.pair):
            server = stack.enter_context(launcher.start(kind, mode, io_threads, value_size, side))
            servers.append(server)
            with awake(server):
                yield side, fill(plan, server, generator, value_size, durable)
        for pipeline, workload in plan.loads():
            for side, server in enumerate(servers):
                # The floor stores nothing: its GETs can be right only in size.
                verify = {"verify": "size"} if plan.pair[side] == "floor" else {}
                with awake(server):
                    result = measure.measure_load(server, generator, workload, settles=durable and workload != "get",
                                                  pipeline=pipeline, value_size=value_size, seconds=plan.seconds,
                                                  **verify)
                yield side, {"workload": workload, "pipeline": pipeline, **result}


def run_plan(plan, launcher, generator):
    """Every observation as a flat dictionary: what was run (side 0 or 1 of the pair, repetition, …) and what came out.
    The fill is the workload "fill"."""
    observations = []
    done = 0
    for mode, value_size, io_threads in plan.cells():
        for repetition in range(plan.repetitions):
            done += 1
            progress(f"{done}/{plan.rounds()} {mode}, {value_size} B, io-threads {io_threads}, "
                     f"repetition {repetition + 1}")
            for side, observation in run_round(plan, launcher, generator, mode, value_size, io_threads):
                observations.append({"mode": mode, "value_size": value_size, "io_threads": io_threads, "side": side,
                                     "server": plan.pair[side], "repetition": repetition, **observation})
    return observations
