"""File systems for a check: a small tmpfs, and an ext4 on a loop device whose power can be cut. They need root."""

import array
import fcntl
import os
import subprocess
import tempfile

from harness.checks import Skip

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2  # The journal goes too, as when the power goes.


def require_mounts():
    if os.geteuid() != 0:
        raise Skip("mounting needs root")


def run(*line):
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip("%s: %s" % (" ".join(line), (done.stderr or done.stdout).strip()))


class Mount:
    """A context manager; folders below are made by folder()."""

    def __init__(self):
        self.mount_point = tempfile.mkdtemp(prefix="starling-mount-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.mount_point], capture_output=True)
        os.rmdir(self.mount_point)

    def folder(self, name):
        path = os.path.join(self.mount_point, name)
        os.makedirs(path, exist_ok=True)
        return path


class SmallTmpfs(Mount):
    def __init__(self, megabytes):
        super().__init__()
        run("mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "tmpfs", self.mount_point)

    def read_only(self):
        run("mount", "-o", "remount,ro", self.mount_point)


class Ext4Loop(Mount):
    def __init__(self, megabytes):
        super().__init__()
        self.image = tempfile.NamedTemporaryFile(prefix="starling-disk-")
        self.image.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", self.image.name)
        run("mount", "-o", "loop", self.image.name, self.mount_point)

    def __exit__(self, *details):
        super().__exit__(*details)
        self.image.close()

    def remount(self):
        """After a power cut: what the disk had is what is left."""
        run("umount", self.mount_point)
        run("mount", "-o", "loop", self.image.name, self.mount_point)


def power_cut(mount_point):
    folder = os.open(mount_point, os.O_RDONLY)
    try:
        fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, array.array("I", [NO_LOG_FLUSH]))
    finally:
        os.close(folder)
