"""Nodes in network namespaces behind one bridge, whose links can be cut, in one direction too.

Needs root, and says so if it is not: main() runs the test again in a network of its own (`unshare`). Only what nodes say
to each other is cut; the test reaches each node all the time.
"""

import functools
import os
import subprocess
import sys
import unittest

from cluster_nodes import Cluster

INSIDE = "STARLING_TEST_NETWORK"


def host(index):
    return "10.77.0.%d" % (index + 1)


def run(*words, **options):
    subprocess.run(words, check=True, capture_output=True, text=True, **options)


def can_make_networks():
    try:
        run("unshare", "--net", "--mount", "sh", "-c",
            "mount -t tmpfs none /run && ip netns add probe && ip netns exec probe nft list ruleset")
        return True
    except (OSError, subprocess.CalledProcessError):
        return False


class Network:
    """A bridge, and a namespace for each node."""

    def __init__(self, count):
        run("mount", "-t", "tmpfs", "none", "/run")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "address", "add", "10.77.0.254/24", "dev", "bridge")
        run("ip", "link", "set", "bridge", "up")
        for index in range(count):
            name = self.name(index)
            run("ip", "netns", "add", name)
            run("ip", "link", "add", "to-" + name, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", "to-" + name, "master", "bridge", "up")
            run("ip", "-n", name, "address", "add", host(index) + "/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
            self.nft(index, "add table inet cut; add chain inet cut input { type filter hook input priority 0; }")

    @staticmethod
    def name(index):
        return "node-%d" % index

    def nft(self, index, rules):
        run("ip", "netns", "exec", self.name(index), "nft", rules)

    def cut(self, sender, receiver):
        """What one node sends no longer reaches the other."""
        self.nft(receiver, "add rule inet cut input ip saddr %s drop" % host(sender))

    def heal(self, count=3):
        for index in range(count):
            self.nft(index, "flush chain inet cut input")


@functools.cache
def network(count=3):
    """The one of this process."""
    return Network(count)


class NetworkCluster(Cluster):
    def prefix(self, node):
        return ("ip", "netns", "exec", Network.name(node.index))


needs_namespaces = unittest.skipUnless(INSIDE in os.environ, "network namespaces cannot be made here: that takes root")


def main():
    if INSIDE not in os.environ and can_make_networks():
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    unittest.main()
