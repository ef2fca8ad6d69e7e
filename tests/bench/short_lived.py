#!/usr/bin/env python3
"""Keys that live for three seconds, set at a steady rate on one node and then on three: what they leave behind.

Prints the resident set and the disk of all nodes at each minute, and the keys they tell of. Both are to be level from the
second minute on; the last line says by how much the last minute's figures exceed those of the second. Not a test: it takes
minutes, and what is level is for a person to judge.
"""

import argparse
import contextlib
import socket
import time

from cluster import start_starling
from measure import directory_bytes, rss_bytes
from servers import ROOT, Launcher, Placement

MIB = 2**20

# Of a key.
LIFE_S = 3
VALUE = b"v" * 32
BATCHES_PER_SECOND = 20


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=5000, help="keys a second (default: %(default)s)")
    parser.add_argument("--minutes", type=int, default=60, help="for each number of nodes (default: %(default)s)")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3], help="cluster sizes (default: 1 3)")
    parser.add_argument("--port", type=int, default=7600, help="of the first node (default: %(default)s)")
    parser.add_argument("--data", default="/var/tmp/starling-short-lived", help="the nodes' directories (default: %(default)s)")
    parser.add_argument("--starling", default=ROOT / "build/release/starling-server", help="its program")
    parser.add_argument("--nice", type=int, default=0, help="of the nodes (default: %(default)s)")
    return parser.parse_args()


class Writer:
    """Sets keys that nobody set before, in pipelines, at one node."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.replies = self.socket.makefile("rb")
        self.written = 0
        self.refused = 0

    def batch(self, count):
        self.socket.sendall(b"".join(
            b"*5\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%b\r\n$2\r\nEX\r\n$1\r\n%d\r\n"
            % (number, len(VALUE), VALUE, LIFE_S) for number in range(self.written, self.written + count)))
        self.written += count
        self.refused += sum(not self.replies.readline().startswith(b"+") for _ in range(count))


def figures(servers):
    info = [dict(line.split(":", 1) for line in server.ask("INFO", "everything").splitlines() if ":" in line)
            for server in servers]
    return ([rss_bytes(server.pid) / MIB for server in servers], [directory_bytes(server.directory) / MIB for server in servers],
            servers[0].ask("DBSIZE"), max(float(one.get("oldest_tombstone", 0)) for one in info))


def show(minute, writer, found):
    resident, disk, keys, oldest = found
    print(f"{minute:>6} {writer.written:>10,} {writer.refused:>8,} {keys:>9} {oldest:>11.0f}   "
          f"{' '.join(f'{one:7.1f}' for one in resident)}   {' '.join(f'{one:7.1f}' for one in disk)}", flush=True)


def soak(launcher, count, options):
    print(f"\n{count} node(s), {options.rate:,} keys a second that live {LIFE_S} s\n"
          f"minute    written  refused    DBSIZE  oldest t/s   resident MiB ... disk MiB ...")
    with contextlib.ExitStack() as stack:
        servers = start_starling(launcher, stack, range(options.port, options.port + count))
        writer = Writer(servers[0].port)
        show(0, writer, figures(servers))
        second = None
        began = time.monotonic()
        for tick in range(options.minutes * 60 * BATCHES_PER_SECOND):
            time.sleep(max(0.0, began + tick / BATCHES_PER_SECOND - time.monotonic()))
            writer.batch(options.rate // BATCHES_PER_SECOND)
            if (tick + 1) % (60 * BATCHES_PER_SECOND) == 0:
                minute = (tick + 1) // (60 * BATCHES_PER_SECOND)
                found = figures(servers)
                show(minute, writer, found)
                second = found if minute == 2 else second
        time.sleep(LIFE_S * 5)
        show("after", writer, figures(servers))
        if second:
            print(f"against the second minute: resident {sum(found[0]) - sum(second[0]):+.1f} MiB, "
                  f"disk {sum(found[1]) - sum(second[1]):+.1f} MiB")


def main():
    chosen = options()
    launcher = Launcher(ROOT / "build", chosen.port, chosen.data, Placement(niceness=chosen.nice), chosen.starling)
    for count in chosen.nodes:
        soak(launcher, count, chosen)


if __name__ == "__main__":
    main()
