#!/usr/bin/env python3
"""Commands on large collections, Starling beside redis-server: the server's CPU and the time to the reply, medians.

call, background work not waited for. CPU is of all the server's threads, from schedstat.
call, background work not waited for. CPU is of all the server's threads, in nanoseconds, from schedstat.
"""

import argparse
import os
import pathlib
import socket
import statistics
import tempfile
import time

from servers import ROOT, Launcher, ServerError

FIELDS, MEMBERS, CALL_FIELDS = 500_000, 80_000, 100_000


def request(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


class Connection:
    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.replies = self.socket.makefile("rb", buffering=1 << 20)

    def _reply(self):
        line = self.replies.readline()
        if line[:1] == b"-":
            raise ServerError(line.decode())
        if line[:1] == b"$" and line != b"$-1\r\n":
            return self.replies.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return [self._reply() for _ in range(int(line[1:]))]
        return line[1:-2]

    def ask(self, data):
        self.socket.sendall(data)
        return self._reply()


def cpu_ns(pid):
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def members(first, count):
    return [f"member:{i}" for i in range(first, first + count)]


def fields(count):
    return [word for i in range(count) for word in (f"field:{i}", f"value:{i}")]


def setup_requests():
    every = fields(FIELDS)
    yield from (request("HSET", "h", *every[i:i + 2000]) for i in range(0, len(every), 2000))
    for key, first in (("a", 0), ("b", MEMBERS // 2)):
        yield request("SADD", key, *members(first, MEMBERS))


def cases(payload):
    """Name, what comes before, what is measured."""
    drop = [request("DEL", "c")]
    few = fields(CALL_FIELDS)
    sadd = request("SADD", "c", *members(0, MEMBERS))
    hset = request("HSET", "c", *few)
    yield f"COPY of {FIELDS:,} fields", drop, request("COPY", "h", "c")
    yield f"RESTORE of {FIELDS:,} fields", drop, request("RESTORE", "c", 0, payload)
    yield f"DEL of {FIELDS:,} fields", [], request("DEL", "c")
    yield f"HGETALL of {FIELDS:,} fields", [], request("HGETALL", "h")
    for name in ("SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE"):
        yield f"{name} of 2 × {MEMBERS:,}", drop, request(name, "c", "a", "b")
    yield f"SADD of {MEMBERS:,}", drop, sadd
    yield f"SMEMBERS of {MEMBERS:,}", [], request("SMEMBERS", "c")
    yield f"DEL of {MEMBERS:,} members", [], request("DEL", "c")
    yield f"HSET of {CALL_FIELDS:,}", drop, hset
    yield f"HSET of {CALL_FIELDS:,} that are there", [], hset
    yield f"HGETALL of {CALL_FIELDS:,}", [], request("HGETALL", "c")
    yield f"DEL of {CALL_FIELDS:,} fields", [], request("DEL", "c")


def measured(server, connection, before, command):
    server.resume()
    for data in before:
        connection.ask(data)
    time.sleep(0.05)  # What the last ones left to do in the background.
    cpu, started = cpu_ns(server.pid), time.monotonic()
    connection.ask(command)
    figures = ((cpu_ns(server.pid) - cpu) / 1e6, (time.monotonic() - started) * 1e3)
    server.pause()
    return figures


def compare(pair, rounds):
    connections, requests = [], []
    for server in pair:
        connections.append(Connection(server))
        for data in setup_requests():
            connections[-1].ask(data)
        requests.append(list(cases(connections[-1].ask(request("DUMP", "h")))))
        server.pause()
    figures = [[[] for _ in requests[0]] for _ in pair]
    for _ in range(rounds):
        for number in range(len(requests[0])):
            for side, server in enumerate(pair):
                figures[side][number].append(measured(server, connections[side], *requests[side][number][1:]))
    medians = [[tuple(map(statistics.median, zip(*case))) for case in side] for side in figures]
    return [case[0] for case in requests[0]], medians


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starling", default=ROOT / "build/release/starling-server", help="its program")
    parser.add_argument("--mode", choices=("memory", "everysec", "always"), default="everysec")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--port", type=int, default=7390)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as data:
        launcher = Launcher(ROOT / "build", options.port, data, starling=options.starling)
        with launcher.start("starling", options.mode) as first, launcher.start("redis", options.mode, side=1) as second:
            names, (ours, theirs) = compare((first, second), options.rounds)
    print(f"{options.mode}, medians of {options.rounds}, ms\n\n| | CPU | redis-server | ratio | wall | redis-server |\n"
          "|---|--:|--:|--:|--:|--:|")
    for name, (cpu, wall), (their_cpu, their_wall) in zip(names, ours, theirs):
        print(f"| {name} | {cpu:.1f} | {their_cpu:.1f} | {cpu / their_cpu:.2f} | {wall:.1f} | {their_wall:.1f} |")


if __name__ == "__main__":
    main()
