"""More data than memory: a load of 10 M keys under a small maxmemory, then random reads of all of it."""

import measure
from matrix import progress

MIB = 2**20


def run_big(launcher, generator, options):
    """Returns the figures as a dictionary. `options`: value_size, maxmemory_mb, pipeline, read_seconds, mode, server."""
    extra = ("--maxmemory", f"{options['maxmemory_mb']}mb")
    with launcher.start(options["server"], options["mode"], extra=extra) as server:
        empty_bytes = measure.rss_bytes(server.pid)
        cpu_before = measure.cpu_seconds(server.pid)
        with measure.Sampler(server) as sampler:
            progress(f"load of {generator.keys:,} keys")
            load = generator.fill(server, options["value_size"], pipeline=options["pipeline"], series=True, timeout_ms=600_000)
            load["cpu_us_per_request"] = (measure.cpu_seconds(server.pid) - cpu_before) * 1e6 / load["requests"]
            progress("background work")
            load["settle_seconds"] = measure.settle(server)
            cpu_settled = measure.cpu_seconds(server.pid) - cpu_before
            load["settled_cpu_us_per_request"] = cpu_settled * 1e6 / load["requests"]
            load["directory_bytes"] = measure.directory_bytes(server.directory)
            keys_held = server.ask("DBSIZE")
            progress("random reads")
            reads = [{"pipeline": pipeline, **measure.measure_load(
                server, generator, "get", settles=False, pipeline=pipeline, value_size=options["value_size"],
                seconds=options["read_seconds"], series=True)} for pipeline in (1, 16)]
        return {"load": load, "reads": reads, "samples": sampler.samples, "empty_rss_bytes": empty_bytes,
                "peak_rss_bytes": max(sample["rss_bytes"] for sample in sampler.samples), "dbsize": keys_held}


def big_markdown(result, options, keys):
    load = result["load"]
    rates = sorted(second["requests"] for second in load["series"][:-1]) or [load["requests"]]
    growth = (result["peak_rss_bytes"] - result["empty_rss_bytes"]) / MIB
    lines = [f"{keys:,} keys × {options['value_size']} B ({options['server']}, {options['mode']}), maxmemory "
             f"{options['maxmemory_mb']} MiB:", "",
             f"* load: {load['requests_per_second']:,.0f} req/s (slowest second {rates[0]:,}, median "
             f"{rates[len(rates) // 2]:,}), CPU {load['cpu_us_per_request']:.2f} µs, settled "
             f"{load['settled_cpu_us_per_request']:.2f} µs after {load['settle_seconds']:.1f} s more",
             f"* longest stall (no reply on any connection): "
             f"{max(second['max_silence_us'] for second in load['series']) / 1000:.0f} ms; slowest request "
             f"{load['max_us'] / 1000:.0f} ms",
             f"* peak RSS {result['peak_rss_bytes'] / MIB:.0f} MiB, {growth:.0f} MiB above the empty server: "
             f"{growth / options['maxmemory_mb']:.2f} × maxmemory",
             f"* on disk {load['directory_bytes'] / MIB:,.0f} MiB; DBSIZE {result['dbsize']}"]
    lines += [f"* random GET, pipeline {read['pipeline']}: {read['requests_per_second']:,.0f} req/s, p50 "
              f"{read['p50_us'] / 1000:.2f} ms, p99 {read['p99_us'] / 1000:.2f} ms, p99.9 {read['p999_us'] / 1000:.2f} "
              f"ms, CPU {read['cpu_us_per_request']:.2f} µs" for read in result["reads"]]
    lines += ["", "| s | writes/s | longest silence ms | RSS MiB | disk MiB |", "|--:|--:|--:|--:|--:|"]
    step = max(1, len(load["series"]) // 30)
    for second in range(0, len(load["series"]), step):
        entry = load["series"][second]
        sample = result["samples"][min(second, len(result["samples"]) - 1)]
        lines.append(f"| {second + 1} | {entry['requests']:,} | {entry['max_silence_us'] / 1000:.0f} | "
                     f"{sample['rss_bytes'] / MIB:.0f} | {sample['directory_bytes'] / MIB:.0f} |")
    return "\n".join(lines) + "\n"
