"""What happens to a package, in order: installed, used, killed, upgraded, removed, installed again, purged.

Runs as root on a machine that may be spoilt, with a systemd of its own (tests/packaging/machine): /mnt/first.deb and
/mnt/second.deb are the same but for their versions. Each step goes on from where the one before has left the machine.
"""

import grp
import os
import pathlib
import pwd
import resource
import shutil
import stat
import subprocess
import sys
import time
import unittest

UNIT = "starling.service"
CONFIG = pathlib.Path("/etc/starling/starling.conf")
DATA = pathlib.Path("/var/lib/starling")
LOG = pathlib.Path("/var/log/starling/starling.log")
SERVER = pathlib.Path("/usr/bin/starling-server")
KEYS = 2000
LIMIT_S = 60


def run(*line, fails=False, text=None):
    done = subprocess.run(line, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if (done.returncode != 0) != fails:
        raise AssertionError("%s: %s\n%s" % (" ".join(line), done.returncode, done.stdout))
    return done.stdout.strip()


def dpkg(*arguments):
    return run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *arguments)


def redis(*arguments):
    return run("redis-cli", "-e", *arguments)


def until(condition, what):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("no " + what + "\n" + run("journalctl", "--no-pager", "-n", "40"))
        time.sleep(0.05)


def shown(name):
    return run("systemctl", "show", "--value", "-p", name, UNIT)


def active():
    return shown("ActiveState") == "active"


def main_pid():
    return int(shown("MainPID"))


def mode(path):
    """As ls has it, with owner and group."""
    found = path.stat()
    return "%o %s:%s" % (stat.S_IMODE(found.st_mode), pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name)


def process_status(name):
    for line in pathlib.Path("/proc/%d/status" % main_pid()).read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].split()
    raise AssertionError(name)


def named_starling():
    """Whatever the machine has of that name where packages put things."""
    return sorted(run("find", "/etc", "/usr", "/var", "/lib/systemd", "/run", "-xdev", "-name", "*starling*").split())


class Lifecycle(unittest.TestCase):
    def holds_the_data(self):
        self.assertEqual(str(KEYS + 1), redis("DBSIZE"))
        self.assertEqual("hello", redis("GET", "greeting"))
        self.assertEqual("1234", redis("GET", "key:1234"))

    def setting(self, name):
        return redis("CONFIG", "GET", name).splitlines()[1:]

    def test_1_installed(self):
        depends = run("dpkg-deb", "-f", "/mnt/first.deb", "Depends")
        for library in ("libc6 (>=", "librocksdb7.8", "libjemalloc2", "libsodium23", "adduser"):
            self.assertIn(library, depends)
        dpkg("-i", "/mnt/first.deb")
        self.assertTrue(active(), run("journalctl", "--no-pager", "-n", "40"))
        self.assertEqual("enabled", shown("UnitFileState"))
        self.assertEqual("PONG", redis("PING"))
        self.assertRegex(run(str(SERVER), "--version"), r"^Starling server v=\d+\.\d+\.\d+ .*build=\w+ redis=7")

    def test_2_nobody_else_reads_it(self):
        self.assertEqual("750 starling:starling", mode(DATA))
        self.assertEqual("2750 starling:adm", mode(LOG.parent))
        self.assertEqual("640 starling:adm", mode(LOG))
        self.assertEqual("2770 root:starling", mode(CONFIG.parent))
        self.assertEqual("640 root:starling", mode(CONFIG))
        for path in (CONFIG, LOG):
            self.assertIn("Permission denied", run("runuser", "-u", "nobody", "--", "cat", str(path), fails=True))
        self.assertIn("Permission denied", run("runuser", "-u", "nobody", "--", "ls", str(DATA), fails=True))
        self.assertIn("nologin", pwd.getpwnam("starling").pw_shell)

    def test_3_runs_with_little_power(self):
        uid = str(pwd.getpwnam("starling").pw_uid)
        self.assertEqual([uid] * 4, process_status("Uid"))
        self.assertEqual(["1"], process_status("NoNewPrivs"))
        self.assertEqual(["2"], process_status("Seccomp"))
        self.assertEqual(0, int(process_status("CapBnd")[0], 16))
        limits = pathlib.Path("/proc/%d/limits" % main_pid()).read_text()
        # Where this machine may have no more for itself, systemd gives what there is.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = 65536 if hard == resource.RLIM_INFINITY else min(65536, hard)
        self.assertRegex(limits, r"Max open files +%d +%d " % (most, most))
        self.assertEqual(["10000"], self.setting("maxclients"))
        inside = ("nsenter", "-t", str(main_pid()), "-m", "--")
        for path in ("/usr/lib/x", "/etc/x", "/var/lib/x", "/root/x"):
            run(*inside, "touch", path, fails=True)
        for path in (DATA / "x", LOG.parent / "x", CONFIG.parent / "x", pathlib.Path("/run/starling/x"), pathlib.Path("/tmp/x")):
            run(*inside, "touch", str(path))
            run(*inside, "rm", str(path))

    def test_4_used(self):
        self.assertEqual("OK", redis("SET", "greeting", "hello"))
        lines = "".join("SET key:%d %d\r\n" % (i, i) for i in range(KEYS))
        self.assertIn("errors: 0, replies: %d" % KEYS, run("redis-cli", "--pipe", text=lines))
        self.assertEqual("3", redis("EVAL", "return #redis.call('MGET', 'key:1', 'key:2', 'key:3')", "0"))
        redis("BGSAVE")
        until(lambda: "rdb_bgsave_in_progress:0" in redis("INFO", "persistence"), "end of BGSAVE")
        self.assertIn("rdb_last_bgsave_status:ok", redis("INFO", "persistence"))
        self.holds_the_data()

    def test_5_writes_its_configuration(self):
        redis("CONFIG", "SET", "slowlog-max-len", "77")
        self.assertEqual("OK", redis("CONFIG", "REWRITE"))
        self.assertIn("slowlog-max-len 77", CONFIG.read_text())
        self.assertRegex(mode(CONFIG), "^640 [a-z]+:starling$")

    def test_6_its_log_is_rotated(self):
        run("logrotate", "--force", "/etc/logrotate.d/starling")
        self.assertTrue(LOG.with_name("starling.log.1").exists())

        def writes_to_the_new_one():
            redis("CONFIG", "SET", "maxmemory", "1mb")  # Is warned of.
            redis("CONFIG", "SET", "maxmemory", "1gb")
            return LOG.stat().st_size > 0
        until(writes_to_the_new_one, "line in the new log")
        self.assertEqual("640 starling:adm", mode(LOG))

    def test_7_starts_again_when_killed(self):
        before = main_pid()
        os.kill(before, 9)
        until(lambda: active() and main_pid() not in (0, before), "second start")
        self.holds_the_data()
        self.assertEqual(["77"], self.setting("slowlog-max-len"))

    def test_8_gives_up_when_it_cannot_start(self):
        good = CONFIG.read_text()
        with CONFIG.open("a") as file:
            file.write("no-such-setting 1\n")
        run("systemctl", "restart", UNIT, fails=True)
        until(lambda: shown("ActiveState") == "failed", "end of the attempts")
        self.assertIn("no-such-setting", run("journalctl", "--no-pager", "-u", UNIT))
        CONFIG.write_text(good)
        run("systemctl", "reset-failed", UNIT)
        run("systemctl", "start", UNIT)
        self.holds_the_data()

    def test_9_upgraded(self):
        before, asked = main_pid(), CONFIG.read_text()
        log_size = LOG.stat().st_size
        dpkg("-i", "/mnt/second.deb")
        self.assertEqual("999.0", run("dpkg-query", "-W", "-f", "${Version}", "starling"))
        self.assertTrue(active())
        self.assertNotEqual(before, main_pid())
        self.assertIn("everything acknowledged is on disk", LOG.read_text()[log_size:])
        self.holds_the_data()
        self.assertEqual(asked, CONFIG.read_text())
        self.assertRegex(mode(CONFIG), "^640 [a-z]+:starling$")
        self.assertEqual("750 starling:starling", mode(DATA))

    def test_a_removed_and_installed_again(self):
        before = main_pid()
        dpkg("-r", "starling")
        self.assertFalse(pathlib.Path("/proc/%d" % before).exists())
        self.assertFalse(SERVER.exists())
        for path in (CONFIG, DATA, LOG):
            self.assertTrue(path.exists(), path)
        pwd.getpwnam("starling")
        dpkg("-i", "/mnt/second.deb")
        self.assertTrue(active())
        self.holds_the_data()
        self.assertEqual(["77"], self.setting("slowlog-max-len"))

    def test_b_disabled_stays_disabled(self):
        run("systemctl", "disable", "--now", UNIT)
        dpkg("-i", "/mnt/second.deb")
        self.assertEqual("disabled", shown("UnitFileState"))
        self.assertFalse(active())
        run("systemctl", "start", UNIT)

    def test_c_is_a_node_of_a_cluster(self):
        run("systemctl", "stop", UNIT)
        for path in DATA.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with CONFIG.open("a") as file:
            file.write("cluster-enabled yes\ncluster-min-nodes 1\nreplicas 1\ncluster-secret s\ncluster-seeds localhost:16379\n")
        run("systemctl", "start", UNIT)
        until(lambda: "cluster_state:ok" in redis("CLUSTER", "INFO"), "cluster")
        self.assertEqual("OK", redis("SET", "greeting", "hello"))
        self.assertEqual("hello", redis("GET", "greeting"))

    def test_d_purged(self):
        before = main_pid()
        dpkg("-P", "starling")
        self.assertFalse(pathlib.Path("/proc/%d" % before).exists())
        self.assertEqual([], named_starling())
        self.assertRaises(KeyError, pwd.getpwnam, "starling")
        self.assertRaises(KeyError, grp.getgrnam, "starling")
        self.assertEqual("", run("systemctl", "list-unit-files", "--no-legend", "starling*", fails=True))


if __name__ == "__main__":
    unittest.main(failfast=True, verbosity=2, argv=sys.argv[:1])
