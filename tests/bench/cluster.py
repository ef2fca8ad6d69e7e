"""What a quorum costs: three Starling nodes with N = 3 at several R and W, beside Redis Cluster (three masters with one
asynchronous replica each) and beside one node of either. All servers keep their data on disk with appendfsync everysec."""

import contextlib
import dataclasses
import os
import shutil
import statistics
import subprocess
import time

import measure
from matrix import progress
from servers import Server, ServerError

NODES = 3
# By pipeline. As many for each store: a load leaves work in proportion to the keys it changed, and a slower one
# changes the same keys less often.
REQUESTS_PER_SECOND = {1: 50_000, 16: 250_000}
LEVELS = (1, 2, 3)
LOADS = tuple((workload, pipeline) for pipeline in (1, 16) for workload in ("set", "get"))
READY_S = 60
# Nodes that slept find each other again in this time.
WAKE_S = 1.5
FIGURES = ("requests_per_second", "p50_us", "p99_us", "cpu_us_per_request", "settled_cpu_us_per_request",
           "others_share")


@dataclasses.dataclass
class Group:
    """Processes that are one store. `levels`: the R = W that it is measured with, None if it has no such thing."""
    name: str
    servers: list
    route: str = "given"
    levels: tuple = (None,)
    workloads: tuple = ("set", "get")
    filled: bool = False  # The same processes as another group, which has put the keys there.

    def cpu_seconds(self):
        return sum(measure.cpu_seconds(server.pid) for server in self.servers)

    def set_level(self, level):
        for server in self.servers if level else ():
            for name in ("quorum-r", "quorum-w"):
                if server.ask("CONFIG", "SET", name, str(level)) != "+OK":
                    raise ServerError(f"{server.name} does not take {name} {level}")


@contextlib.contextmanager
def awake(group):
    """Only inside do the group's processes get any CPU."""
    for server in group.servers:
        server.resume()
    if len(group.servers) > 1:
        time.sleep(WAKE_S)
    yield
    for server in group.servers:
        server.pause()


def wait_for_cluster(server):
    deadline = time.monotonic() + READY_S
    while "cluster_state:ok" not in server.ask("CLUSTER", "INFO"):
        if time.monotonic() > deadline:
            raise ServerError(f"{server.name}: no cluster in {READY_S} s; see {server.log_path}")
        time.sleep(0.1)


def start_starling(launcher, stack, ports):
    seeds = " ".join(f"127.0.0.1:{port + 10000}" for port in ports)
    servers = []
    for port in ports:
        directory = launcher.data / f"starling-{port}"
        command = [launcher.require("starling"), "--port", str(port), "--dir", str(directory), "--io-threads", "1",
                   "--appendfsync", "everysec", "--enable-debug-command", "local", "--cluster-enabled", "yes",
                   "--cluster-seeds", seeds, "--cluster-min-nodes", str(len(ports))]
        servers.append(stack.enter_context(Server(f"starling {port}", command, port, directory, launcher.placement)))
    for server in servers:
        wait_for_cluster(server)
    return servers


def start_redis_cluster(launcher, stack, ports):
    servers = []
    for port in ports:
        directory = launcher.data / f"redis-{port}"
        command = [launcher.require("redis"), "--port", str(port), "--dir", str(directory), "--save", "",
                   "--appendonly", "yes", "--appendfsync", "everysec", "--cluster-enabled", "yes",
                   "--cluster-node-timeout", "60000", "--repl-timeout", "600"]
        servers.append(stack.enter_context(Server(f"redis {port}", command, port, directory, launcher.placement)))
    create = [shutil.which("redis-cli"), "--cluster", "create", *(f"127.0.0.1:{port}" for port in ports),
              "--cluster-replicas", "1", "--cluster-yes"]
    result = subprocess.run(create, capture_output=True, text=True, timeout=READY_S)
    if result.returncode != 0:
        raise ServerError(f"redis-cli --cluster create: {result.stdout[-1000:]}{result.stderr[-1000:]}")
    for server in servers:
        wait_for_cluster(server)
    time.sleep(5)  # The replicas connect and copy.
    return servers


def start_groups(launcher, stack):
    base = launcher.port
    for number, make in enumerate((
            lambda ports: Group("Redis, one node", [stack.enter_context(launcher.start("redis", "everysec"))]),
            lambda ports: Group("Starling, one node", [stack.enter_context(launcher.start("starling", "everysec", side=1))]),
            lambda ports: Group("Redis Cluster, 3 + 3", start_redis_cluster(launcher, stack, ports), "owner"),
            lambda ports: Group("Starling, 3 nodes", start_starling(launcher, stack, ports[:NODES]), "owner", LEVELS))):
        group = make([base + 10 * number + offset for offset in range(2 * NODES)])
        for server in group.servers:
            server.pause()
        yield group
    # What a read costs that asks nobody, where connections are not spread over three processes.
    yield Group("Starling, one of 3 nodes", group.servers, "given", (1,), ("get",), True)


def measure_load(group, generator, workload, **options):
    cpu, machine = group.cpu_seconds(), measure.machine_busy_seconds()
    started = time.monotonic()
    result = generator.run(group.servers[0], workload, route=group.route, **options)
    elapsed = time.monotonic() - started
    used, busy = group.cpu_seconds() - cpu, measure.machine_busy_seconds() - machine
    if workload != "get":
        for server in group.servers:
            measure.settle(server)
    settled = group.cpu_seconds() - cpu
    others = max(0.0, busy - used - result["client_cpu_seconds"]) / (elapsed * os.cpu_count())
    return {**result, "cpu_us_per_request": used * 1e6 / result["requests"],
            "settled_cpu_us_per_request": settled * 1e6 / result["requests"], "others_share": others}


def run_cluster(launcher, generator, options):
    """One row for each group, level and load: the medians of its repetitions."""
    found = {}
    with contextlib.ExitStack() as stack:
        progress("starting 11 servers")
        groups = list(start_groups(launcher, stack))
        for group in groups:
            if group.filled:
                continue
            with awake(group):
                generator.run(group.servers[0], "set", order="sequential", requests=generator.keys, pipeline=64,
                              route=group.route)
                for server in group.servers:
                    measure.settle(server)
        for repetition in range(options["repetitions"]):
            progress(f"{repetition + 1}/{options['repetitions']}")
            for (workload, pipeline) in LOADS:
                for group in groups:
                    if workload not in group.workloads:
                        continue
                    with awake(group):
                        for level in group.levels:
                            group.set_level(level)
                            found.setdefault((workload, pipeline, group.name, level), []).append(measure_load(
                                group, generator, workload, pipeline=pipeline,
                                requests=int(options["seconds"] * REQUESTS_PER_SECOND[pipeline])))
    return [{"workload": workload, "pipeline": pipeline, "store": name, "level": level,
             **{figure: statistics.median(one[figure] for one in results) for figure in FIGURES}}
            for (workload, pipeline, name, level), results in found.items()]


def cluster_markdown(rows, host, options):
    lines = [f"{host['cpu']}, {host['cores']} cores, Linux {host['kernel']}; {options['keys']:,} keys of 64 B, "
             f"{options['connections']} connections spread over the nodes, each key sent to the node that CLUSTER SLOTS "
             f"names, medians of {options['repetitions']} loads of {options['seconds']:g} × 50,000 requests (250,000 at "
             "pipeline 16). CPU: all processes of the store, "
             "µs per request (with the background work that a load leaves). Last column: requests per CPU against one "
             "node of Starling.", "",
             "| load | store | R = W | req/s | p50 ms | p99 ms | CPU µs | settled CPU µs | per CPU |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    single = {(row["workload"], row["pipeline"]): row for row in rows if row["store"] == "Starling, one node"}
    for row in sorted(rows, key=lambda one: LOADS.index((one["workload"], one["pipeline"]))):
        base = single[row["workload"], row["pipeline"]]
        share = base["settled_cpu_us_per_request"] / row["settled_cpu_us_per_request"]
        lines.append(f"| {row['workload'].upper()} P{row['pipeline']} | {row['store']} | {row['level'] or '–'} | "
                     f"{row['requests_per_second']:,.0f} | {row['p50_us'] / 1000:.2f} | {row['p99_us'] / 1000:.2f} | "
                     f"{row['cpu_us_per_request']:.2f} | {row['settled_cpu_us_per_request']:.2f} | {share:.2f} |")
    worst = max(row["others_share"] for row in rows)
    if worst > 0.05:
        lines += ["", f"**Warning**: other programs took up to {worst:.0%} of the machine during a load."]
    return "\n".join(lines) + "\n"
