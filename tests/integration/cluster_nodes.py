"""A cluster of real processes for the tests beside this file, and the waiting for what it comes to.

All nodes use the same two ports, each at a loopback address of its own that no other test of the machine uses at the
same time: a node that is down keeps its place, and tests run beside each other.
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "redis-compat"))

from harness import resp
from harness.resp import ReplyError

SERVER = os.environ["STARLING_SERVER"]
PORT = 25001
BUS_PORT = 25002
IO_THREADS = 2
# Of servers that are slower than others, as those with sanitizers are: stretches all waiting, and their time limits.
SLOW = float(os.environ.get("STARLING_SLOW", "1"))
LIMIT_S = 30 * SLOW
QUORUM_TIMEOUT_MS = int(1000 * SLOW)
# What a write says that was not done in time: it may have happened, or it came too late to.
UNCERTAIN = ("may still take effect", "was lost", "too late")


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def until(condition, what, limit_s=30, pause_s=0.02):
    """Waits for a true value of condition() and returns it. Connections that break on the way count as false."""
    limit_s *= SLOW
    limit = time.monotonic() + limit_s
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (OSError, resp.Closed, ReplyError) as error:
            last = error
        if time.monotonic() > limit:
            raise AssertionError("not within %d s: %s (last: %r)" % (limit_s, what, last))
        time.sleep(pause_s)


def local_host(index):
    """127.X.Y.N for this process: its number is nobody else's while it runs."""
    return "127.%d.%d.%d" % (1 + (os.getpid() >> 8) % 250, os.getpid() & 255, index + 1)


class Node:
    """One process, its directory and its connections."""

    def __init__(self, cluster, index, host, seeds, settings):
        self.cluster = cluster
        self.index = index
        self.host = host
        self.seeds = seeds
        self.settings = settings
        self.directory = os.path.join(cluster.directory, str(index))
        self.log_path = self.directory + ".log"
        self.process = None
        self.connections = {}

    def start(self, **more):
        """`more`: settings for this start only, with underscores for hyphens."""
        os.makedirs(self.directory, exist_ok=True)
        settings = {"port": PORT, "cluster-port": BUS_PORT, "bind": self.host, "dir": self.directory,
                    "cluster-enabled": "yes", "cluster-seeds": self.seeds, "io-threads": IO_THREADS}
        settings.update(self.settings)
        settings.update((name.replace("_", "-"), value) for name, value in more.items())
        line = list(self.cluster.prefix(self)) + [SERVER]
        for name, value in settings.items():
            line += ["--" + name, str(value)]
        self.close()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def connect(self, protocol=2, timeout_s=LIMIT_S):
        connection = resp.Connection((self.host, PORT), timeout_s)
        if protocol != 2:
            connection.value("HELLO", protocol)
        return connection

    def call(self, *arguments, protocol=2):
        """The reply as Python values; an error raises ReplyError. The connection stays for the next call."""
        if protocol not in self.connections:
            self.connections[protocol] = self.connect(protocol)
        try:
            return self.connections[protocol].value(*arguments)
        except (OSError, resp.Closed):
            self.connections.pop(protocol).close()
            raise

    def error(self, *arguments, protocol=2):
        """The text of the error that the command must be answered with."""
        try:
            reply = self.call(*arguments, protocol=protocol)
        except ReplyError as error:
            return str(error)
        raise AssertionError("%r instead of an error to %r" % (reply, arguments))

    def own(self, *arguments, protocol=2):
        """The command's reply by what this node holds itself."""
        return self.call("QUORUM", "EXEC", "R", "1", "--", *arguments, protocol=protocol)

    def info(self):
        lines = self.call("CLUSTER", "INFO").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def id(self):
        return self.call("CLUSTER", "MYID").decode()

    def flags(self):
        """{node id: its flags} as this node sees the cluster."""
        lines = self.call("CLUSTER", "NODES").decode().splitlines()
        return {line.split()[0]: line.split()[2].split(",") for line in lines}

    def wait_ready(self):
        def ready():
            if not self.alive():
                raise AssertionError("the node ended with %s:\n%s" % (self.process.returncode, self.log_tail()))
            return self.info()["cluster_state"] == "ok"
        until(ready, "%s takes part" % self.host)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def log_tail(self, lines=20):
        return "\n".join(self.log().splitlines()[-lines:])

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.close()

    def terminate(self):
        self.signal(signal.SIGTERM)
        status = self.process.wait(LIMIT_S)
        self.close()
        return status

    def wipe(self):
        shutil.rmtree(self.directory)

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()


class Cluster:
    """Nodes that are started together, and end with stop()."""

    def __init__(self, count=3, host=local_host, **settings):
        """`settings`: of every node, with underscores for hyphens."""
        self.directory = tempfile.mkdtemp(prefix="starling-cluster-")
        settings = {name.replace("_", "-"): value for name, value in settings.items()}
        settings.setdefault("cluster-min-nodes", count)
        settings["quorum-timeout"] = int(settings.get("quorum-timeout", 1000) * SLOW)
        seeds = " ".join("%s:%d" % (host(index), BUS_PORT) for index in range(count))
        self.nodes = [Node(self, index, host(index), seeds, settings) for index in range(count)]

    def prefix(self, node):
        """What stands before the server on a node's command line."""
        return ()

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait_whole()
        return self

    def wait_whole(self):
        """Every node takes part and sees all others up."""
        for node in self.nodes:
            node.wait_ready()
        for node in self.nodes:
            until(lambda: not any(flag.startswith("fail") for flags in node.flags().values() for flag in flags)
                  and len(node.flags()) == len(self.nodes), "%s sees all others" % node.host)
            until(lambda: self.reaches_all(node), "each loop of %s reaches all others" % node.host)

    @staticmethod
    def reaches_all(node):
        """By connections that follow each other: each is the next loop's."""
        for _ in range(2 * IO_THREADS):
            with contextlib.closing(node.connect()) as connection:
                if connection.call("QUORUM", "EXEC", "R", "ALL", "--", "EXISTS", "nothing")[0] != resp.INTEGER:
                    return False
        return True

    def wait_seen(self, node, others, flags):
        """The others see the node with one of the flags."""
        for other in others:
            until(lambda: set(flags) & set(other.flags()[self.ids[node.index]]), "%s sees a node %s" % (other.host, flags))

    def note_ids(self):
        self.ids = [node.id() for node in self.nodes]

    def repair(self):
        """Whatever a test did to the nodes: all run again."""
        for node in self.nodes:
            if node.alive():
                node.signal(signal.SIGCONT)
            else:
                node.start()
        self.wait_whole()

    def stop(self):
        for node in self.nodes:
            if node.alive():
                node.kill()
            node.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        for node in self.nodes:
            if os.path.exists(node.log_path):
                os.unlink(node.log_path)


def certain(action):
    """Repeats what may be repeated while its outcome is uncertain. Returns its reply."""
    def attempt():
        try:
            return (action(),)
        except ReplyError as error:
            if not any(text in str(error) for text in UNCERTAIN):
                raise AssertionError("an error that says nothing of the outcome: %s" % error) from None
            return None
    return until(attempt, "an answer")[0]
