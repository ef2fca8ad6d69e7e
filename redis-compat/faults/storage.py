"""Trouble with the data directory: full, missing, read-only, taken."""

import os
import subprocess
import tempfile
import time

from faults.mounts import SmallTmpfs, require_mounts
from faults.workload import Writer
from harness import resp
from harness.checks import Skip
from harness.servers import Server, is_redis, wait_until


def fill(connection, acknowledged, most=4000):
    """Sets keys of 100 kB, noting those acknowledged, until one is refused; returns the error."""
    start = len(acknowledged)
    for number in range(start, start + most):
        key, value = "fill:%d" % number, os.urandom(100_000)
        answer = connection.call("SET", key, value)
        if answer[0] == resp.ERROR:
            return answer[1].decode()
        acknowledged[key] = hash(value)
    return None


def all_there(connection, acknowledged):
    for key, expected in acknowledged.items():
        if hash(connection.value("GET", key)) != expected:
            raise AssertionError("%s, acknowledged, is lost or different" % key)


def full_disk(settings):
    """Writes get errors, reads go on; with space again, writes resume; nothing acknowledged is lost."""
    require_mounts()
    with SmallTmpfs(256) as disk:
        filler = os.path.join(disk.mount_point, "filler")
        with open(filler, "wb") as file:
            file.write(bytes(128 << 20))
        # A Redis whose rewrite meets the full disk cannot read its log again.
        own = {"auto-aof-rewrite-percentage": "0"} if is_redis(settings.server) else {}
        server = Server(settings.server, {"appendfsync": "everysec", **own}, disk.folder("data"))
        try:
            writer, acknowledged = Writer(b"w"), {}
            connection = server.connect(60)
            for _ in range(100):
                writer.write_batch(connection)
            refusal = fill(connection, acknowledged)
            if refusal is None:
                raise AssertionError("400 MB fit into 128 MB")
            for _ in range(20):
                writer.write_batch(connection)
            if writer.errors == 0 and connection.call("SET", "refused?", os.urandom(1_000_000))[0] != resp.ERROR:
                raise AssertionError("1 MB is accepted on the full disk")
            writer.verify(connection)
            all_there(connection, acknowledged)
            os.unlink(filler)
            if not wait_until(lambda: connection.call("SET", "resumed", "1")[1] == b"OK", 20, 0.2):
                raise AssertionError("writes do not resume: %r" % (connection.call("SET", "resumed", "1"),))
            errors = writer.errors
            for _ in range(50):
                writer.write_batch(connection)
            if writer.errors != errors:
                raise AssertionError("%d errors after space was freed" % (writer.errors - errors))
            server.kill()
            server.start()
            connection = server.connect(60)
            writer.verify(connection)
            all_there(connection, acknowledged)
            if connection.value("GET", "resumed") != b"1":
                raise AssertionError("the write after the disk was freed is lost")
        finally:
            server.stop()
    return "full after %d MB: %s" % (len(acknowledged) // 10, refusal[:80])


def start_error(settings, directory, words, environment=None):
    """The server must end by itself, with a status that is not 0 and a message with one of `words`."""
    server = Server(settings.server, {"appendfsync": "everysec"}, directory, wait=False, environment=environment)
    try:
        try:
            status = server.process.wait(10)
        except subprocess.TimeoutExpired:
            raise AssertionError("it runs, on %s" % directory) from None
        log = server.log()
        if status <= 0 or not any(word.lower() in log.lower() for word in words):
            raise AssertionError("exit status %s, and says:\n%s" % (status, log))
        return log.strip().splitlines()[-1][-160:]
    finally:
        server.stop()


def missing_directory(settings):
    return start_error(settings, "/nonexistent/starling/data", ["/nonexistent/starling/data"])


def file_for_directory(settings):
    with tempfile.NamedTemporaryFile() as file:
        return start_error(settings, file.name, [file.name])


def read_only_directory(settings):
    require_mounts()
    with SmallTmpfs(8) as disk:
        folder = disk.folder("data")
        disk.read_only()
        return start_error(settings, folder, ["read-only", "permission", "not writable", "can't open", "cannot write"])


def two_servers(settings):
    if is_redis(settings.server):
        raise Skip("Redis lets two servers share a directory")
    with Server(settings.server, {"appendfsync": "everysec"}) as first:
        connection = first.connect()
        connection.value("SET", "mine", "1")
        message = start_error(settings, first.directory, ["lock", "in use", "another", "already"])
        if connection.value("GET", "mine") != b"1" or connection.value("SET", "mine", "2") != b"OK":
            raise AssertionError("the first server suffered")
    return message


def damaged_tail(settings):
    """Garbage at the end of the newest log file, as a torn write leaves it, must not stop the start."""
    if is_redis(settings.server):
        raise Skip("Starling's own files")
    server = Server(settings.server, {"appendfsync": "everysec"})
    try:
        writer = Writer(b"w")
        connection = server.connect()
        for _ in range(100):
            writer.write_batch(connection)
        server.kill()
        logs = [os.path.join(folder, name) for folder, _, names in os.walk(server.directory) for name in names
                if "commit" in os.path.join(folder, name) or name.endswith(".log")]
        if not logs:
            raise Skip("no commit log found by name")
        newest = max(logs, key=os.path.getmtime)
        with open(newest, "ab") as file:
            file.write(os.urandom(37))
        time.sleep(0.05)
        server.start()
        writer.verify(server.connect())
    finally:
        server.stop()
    return os.path.basename(newest)


CHECKS = [("full-disk", full_disk), ("missing-directory", missing_directory), ("file-for-directory", file_for_directory),
          ("read-only-directory", read_only_directory), ("two-servers", two_servers), ("damaged-tail", damaged_tail)]
