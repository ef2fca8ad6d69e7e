"""The paired comparison: for each promise, value size and number of I/O threads, both servers in turn, each time started
anew on an empty directory, filled, measured with every load, stopped."""

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

    def sessions(self):
        return len(list(self.cells())) * self.repetitions * 2


def progress(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def run_session(plan, launcher, generator, kind, mode, value_size, io_threads):
    """One server from start to stop. Returns (the fill's observation, the loads' observations)."""
    # The floor stores nothing: its GETs can be right only in size.
    verify = {"verify": "size"} if kind == "floor" else {}
    durable = mode != "memory"
    with launcher.start(kind, mode, io_threads, value_size) as server:
        empty_bytes = measure.rss_bytes(server.pid)
        fill = generator.fill(value_size)
        fill_rss_bytes = measure.rss_bytes(server.pid)
        if durable:
            measure.settle(server)
        fill["rss_bytes_per_key"] = (fill_rss_bytes - empty_bytes) / plan.keys
        fill["settled_rss_bytes_per_key"] = (measure.rss_bytes(server.pid) - empty_bytes) / plan.keys
        fill["directory_bytes_per_key"] = measure.directory_bytes(server.directory) / plan.keys
        loads = []
        for pipeline, workload in itertools.product(plan.pipelines, plan.workloads):
            result = measure.measure_load(server, generator, workload, settles=durable and workload != "get",
                                          pipeline=pipeline, value_size=value_size, seconds=plan.seconds, **verify)
            loads.append({"workload": workload, "pipeline": pipeline, **result})
    return fill, loads


def run_plan(plan, launcher, generator):
    """Every observation as a flat dictionary: what was run (side 0 or 1 of the pair, repetition, …) and what came out.
    The fill is the workload "fill"."""
    observations = []
    done = 0
    for mode, value_size, io_threads in plan.cells():
        for repetition in range(plan.repetitions):
            for side, kind in enumerate(plan.pair):
                done += 1
                progress(f"{done}/{plan.sessions()} {kind} {mode}, {value_size} B, io-threads {io_threads}, "
                         f"repetition {repetition + 1}")
                fill, loads = run_session(plan, launcher, generator, kind, mode, value_size, io_threads)
                setting = {"mode": mode, "value_size": value_size, "io_threads": io_threads, "side": side,
                           "server": kind, "repetition": repetition}
                for load in ({"workload": "fill", "pipeline": 64, **fill}, *loads):
                    observations.append({**setting, **load})
    return observations
