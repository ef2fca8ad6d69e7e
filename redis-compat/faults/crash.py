"""Ends of a server under load: whatever way it goes, every acknowledged write is there when it comes back."""

import random
import time

from faults.mounts import Ext4Loop, power_cut, require_mounts
from faults.workload import Load
from harness.checks import Skip
from harness.servers import Server, is_redis


def rounds_of(settings, name, rounds, end, directory=None, **server_settings):
    """Starts, loads, ends and checks `rounds` times on one directory. Returns a note."""
    load = Load()
    server = Server(settings.server, dict(server_settings), directory)
    try:
        for round_number in range(rounds):
            load.start(server.address)
            time.sleep(random.uniform(0.2, 1.2))
            end(server, round_number)
            load.stop()
            server.start()
            load.verify(server)
    finally:
        server.stop()
    if load.acknowledged < 100 * rounds:
        raise AssertionError("only %d writes were acknowledged: %s proves nothing" % (load.acknowledged, name))
    return "%d rounds, %d acknowledged writes" % (rounds, load.acknowledged)


def kill(policy):
    def check(settings):
        if policy == "everysec" and is_redis(settings.server):
            raise Skip("Redis acknowledges before it writes while a background fsync runs")
        return rounds_of(settings, "kill -9", settings.rounds, lambda server, _: server.kill(), appendfsync=policy)
    return check


def sigterm(settings):
    def end(server, _):
        status = server.terminate()
        if status != 0:
            raise AssertionError("exit status %s after SIGTERM:\n%s" % (status, server.log_tail()))
    return rounds_of(settings, "SIGTERM", max(2, settings.rounds // 5), end, appendfsync="everysec")


def power(settings):
    """appendfsync always on an ext4 whose cache is thrown away at a moment nobody chose."""
    require_mounts()
    rounds = 3 if settings.short else 30
    with Ext4Loop(512) as disk:
        load = Load()
        server = Server(settings.server, {"appendfsync": "always"}, disk.folder("data"))
        try:
            for _ in range(rounds):
                load.start(server.address)
                time.sleep(random.uniform(0.3, 1.5))
                # Nobody hears what is said after the power went; and an fdatasync under way when ext4 is shut down may
                # return success although the extents it wrote stay unwritten.
                load.disbelieve()
                power_cut(disk.mount_point)
                server.kill()
                load.stop()
                disk.remount()
                server.start()
                load.verify(server)
        finally:
            server.stop()
    if load.acknowledged < 100 * rounds:
        raise AssertionError("only %d writes were acknowledged" % load.acknowledged)
    return "%d power cuts, %d acknowledged writes" % (rounds, load.acknowledged)


def repeated_restart(settings):
    """kill -9 during start-up itself, which must be as harmless."""
    load = Load()
    server = Server(settings.server, {"appendfsync": "everysec"})
    try:
        load.start(server.address)
        time.sleep(0.8)
        server.kill()
        load.stop()
        for _ in range(5 if settings.short else 30):
            server.start(wait=False)
            time.sleep(random.uniform(0, 0.25))
            server.kill()
        server.start()
        load.verify(server)
    finally:
        server.stop()
    return "%d acknowledged writes" % load.acknowledged


CHECKS = [("kill-always", kill("always")), ("kill-everysec", kill("everysec")), ("kill-no", kill("no")), ("sigterm", sigterm),
          ("kill-while-starting", repeated_restart), ("power-cut", power)]
