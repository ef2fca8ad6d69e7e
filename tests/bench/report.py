"""From observations to medians, ratios and Markdown."""

import collections
import os
import pathlib
import platform
import statistics

FIGURES = ("requests_per_second", "p50_us", "p99_us", "p999_us", "max_us", "cpu_us_per_request",
           "settled_cpu_us_per_request", "rss_bytes_per_key", "settled_rss_bytes_per_key", "directory_bytes_per_key",
           "others_share")
# Above this share of the machine, other programs have spoiled the measurement.
OTHERS_SHARE_WARNING = 0.05


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n"):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory_kb / 2**20, 1),
            "kernel": platform.release()}


def summarize(observations):
    """One row for each setting: per side the median of every figure, and the ratios side 1 / side 0 of the medians,
    with the least and the greatest ratio of a pair of repetitions."""
    groups = collections.defaultdict(lambda: ([], []))
    for observation in observations:
        key = tuple(observation[name] for name in ("mode", "value_size", "io_threads", "workload", "pipeline"))
        groups[key][observation["side"]].append(observation)
    rows = []
    for (mode, value_size, io_threads, workload, pipeline), sides in groups.items():
        row = {"mode": mode, "value_size": value_size, "io_threads": io_threads, "workload": workload,
               "pipeline": pipeline, "medians": [], "ratios": {}}
        for side in sides:
            row["medians"].append({figure: statistics.median(one[figure] for one in side)
                                   for figure in FIGURES if side and figure in side[0]})
        first, second = row["medians"]
        for figure in first.keys() & second.keys():
            pairs = [b[figure] / a[figure] for a, b in zip(*sides) if a[figure]]
            if first[figure] and pairs:
                row["ratios"][figure] = {"of_medians": second[figure] / first[figure], "min": min(pairs),
                                         "max": max(pairs)}
        rows.append(row)
    return rows


def _ratio(row, figure):
    ratio = row["ratios"].get(figure)
    return f"**{ratio['of_medians']:.2f}** ({ratio['min']:.2f}–{ratio['max']:.2f})" if ratio else "–"


def _milliseconds(medians):
    return " / ".join(f"{medians[figure] / 1000:.2f}" for figure in ("p50_us", "p99_us", "p999_us"))


def _load_table(rows, names):
    a, b = names
    lines = [f"| load | {a} req/s | {b} req/s | ratio | {a} CPU µs | {b} CPU µs | ratio | settled CPU µs | ratio | "
             f"{a} p50 / p99 / p99.9 ms | {b} p50 / p99 / p99.9 ms |",
             "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        first, second = row["medians"]
        lines.append(
            f"| {row['workload'].upper()} P{row['pipeline']} | {first['requests_per_second']:,.0f} | "
            f"{second['requests_per_second']:,.0f} | {_ratio(row, 'requests_per_second')} | "
            f"{first['cpu_us_per_request']:.2f} | {second['cpu_us_per_request']:.2f} | "
            f"{_ratio(row, 'cpu_us_per_request')} | "
            f"{first['settled_cpu_us_per_request']:.2f} / {second['settled_cpu_us_per_request']:.2f} | "
            f"{_ratio(row, 'settled_cpu_us_per_request')} | {_milliseconds(first)} | {_milliseconds(second)} |")
    return lines


def _memory_table(rows, names):
    lines = ["| promise | value | io-threads | " + " | ".join(f"{name} RSS B/key" for name in names) +
             " | ratio | after background work | ratio | on disk B/key |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        first, second = row["medians"]
        lines.append(
            f"| {row['mode']} | {row['value_size']} B | {row['io_threads']} | {first['rss_bytes_per_key']:.0f} | "
            f"{second['rss_bytes_per_key']:.0f} | {_ratio(row, 'rss_bytes_per_key')} | "
            f"{first['settled_rss_bytes_per_key']:.0f} / {second['settled_rss_bytes_per_key']:.0f} | "
            f"{_ratio(row, 'settled_rss_bytes_per_key')} | "
            f"{first['directory_bytes_per_key']:.0f} / {second['directory_bytes_per_key']:.0f} |")
    return lines


def warnings(rows, observations):
    if any(observation.get("puts_work_off") for observation in observations):
        yield "Starling refused DEBUG CHECKPOINT: its settled CPU leaves out the checkpoints that are still to come."
    worst = max((medians.get("others_share", 0) for row in rows for medians in row["medians"]), default=0)
    if worst > OTHERS_SHARE_WARNING:
        yield (f"Other programs took up to {worst:.0%} of the machine during a load: repeat this on an idle machine "
               "before relying on it.")


def markdown(rows, observations, names, context):
    """The whole comparison as a Markdown document; `context` is what main() writes into the JSON beside the rows."""
    host = context["machine"]
    lines = [f"{host['cpu']}, {host['cores']} cores, {host['memory_gib']} GiB, Linux {host['kernel']}; "
             f"{context['options']['keys']:,} keys, {context['options']['connections']} connections, medians of "
             f"{context['options']['repetitions']} × {context['options']['seconds']} s. CPU is the server's, per "
             f"request, all threads. Ratios are {names[1]} / {names[0]} (in brackets the range over the pairs).", ""]
    lines += [f"* {name}: {version}" for name, version in context["versions"].items()] + [""]
    lines += [f"**Warning**: {text}" for text in warnings(rows, observations)]
    cells = collections.OrderedDict()
    for row in rows:
        if row["workload"] != "fill":
            cells.setdefault((row["mode"], row["value_size"], row["io_threads"]), []).append(row)
    for (mode, value_size, io_threads), cell in cells.items():
        lines += [f"\n### {mode}, {value_size} B values, io-threads {io_threads}\n", *_load_table(cell, names)]
    lines += ["\n### Memory and disk after the fill\n",
              *_memory_table([row for row in rows if row["workload"] == "fill"], names)]
    return "\n".join(lines) + "\n"
