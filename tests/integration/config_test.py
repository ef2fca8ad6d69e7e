"""The configuration of a real process: what stops its start, what CONFIG REWRITE leaves for the next one."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import redis

SERVER = os.environ["STARLING_SERVER"]
REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "conf" / "starling.conf"
START_LIMIT_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(*arguments):
    return subprocess.run([SERVER, *arguments], capture_output=True, text=True, timeout=START_LIMIT_S)


class Config(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.data = self.directory / "data"
        self.data.mkdir()

    def connect(self, port):
        client = redis.Redis("127.0.0.1", port, decode_responses=True)
        limit = time.monotonic() + START_LIMIT_S
        while True:
            try:
                client.ping()
                return client
            except redis.ConnectionError:
                self.assertLess(time.monotonic(), limit, "the server does not answer")
                time.sleep(0.05)

    def start(self, *arguments):
        port = free_port()
        log = open(self.directory / "log", "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [SERVER, *arguments, "--port", str(port), "--dir", str(self.data)], stdout=log, stderr=log
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, self.connect(port)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(START_LIMIT_S), 0)

    def test_answers_without_a_server(self):
        self.assertRegex(ask("--version").stdout, r"^Starling server v=\d")
        self.assertTrue(ask("--help").stdout.startswith("Usage: starling-server"))
        self.assertEqual(ask("--print-config").stdout, REFERENCE.read_text())

    def test_wrong_settings_stop_the_start(self):
        file = self.directory / "s.conf"
        file.write_text("port 7000\nappendfsync sometimes\n")
        result = ask(str(file))
        self.assertEqual(result.returncode, 1)
        self.assertEqual(
            result.stderr,
            f"{file}:2: 'appendfsync sometimes'\n"
            "  argument(s) must be one of the following: everysec, always, no\n"
            "  accepted: everysec, always, no\n",
        )
        self.assertEqual(ask(str(self.directory / "absent.conf")).returncode, 1)
        self.assertIn("modules cannot be loaded", ask("--loadmodule", "x.so").stderr)

    def test_rewrite_survives_a_restart(self):
        file = self.directory / "s.conf"
        file.write_text("# mine\nmaxclients 100\n")
        process, client = self.start(str(file))
        client.config_set("maxclients", 200)
        client.config_set("requirepass", "a b")
        client.auth("a b")
        self.assertTrue(client.config_rewrite())
        self.stop(process)
        self.assertTrue(file.read_text().startswith("# mine\nmaxclients 200\n"))
        self.assertIn('requirepass "a b"\n', file.read_text())

        process = subprocess.Popen([SERVER, str(file)], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        port = int(next(line.split()[1] for line in file.read_text().splitlines() if line.startswith("port ")))
        limit = time.monotonic() + START_LIMIT_S
        while True:
            try:
                client = redis.Redis("127.0.0.1", port, password="a b", decode_responses=True)
                self.assertEqual(client.config_get("maxclients"), {"maxclients": "200"})
                break
            except redis.ConnectionError:
                self.assertLess(time.monotonic(), limit, "the server does not answer")
                time.sleep(0.05)
        self.stop(process)

    def test_the_log_tells_of_clients_when_asked(self):
        log = self.directory / "s.log"
        _, client = self.start("--logfile", str(log))
        self.assertNotIn("Accepted", log.read_text())
        client.config_set("loglevel", "verbose")
        port = client.connection_pool.connection_kwargs["port"]
        socket.create_connection(("127.0.0.1", port)).close()
        limit = time.monotonic() + START_LIMIT_S
        while not re.search(r"- Accepted 127\.0\.0\.1:(\d+)\n(.*\n)*.*- Closed 127\.0\.0\.1:\1\n", log.read_text()):
            self.assertLess(time.monotonic(), limit, log.read_text())
            time.sleep(0.05)

    def test_daemon(self):
        pid_file = self.directory / "s.pid"
        log = self.directory / "s.log"
        port = free_port()
        result = ask("--daemonize", "yes", "--pidfile", str(pid_file), "--logfile", str(log), "--port", str(port),
                     "--dir", str(self.data))
        self.assertEqual(result.returncode, 0)
        self.addCleanup(lambda: pid_file.exists() and os.kill(int(pid_file.read_text()), signal.SIGKILL))
        client = self.connect(port)
        pid = int(pid_file.read_text())
        self.assertEqual(client.config_get("daemonize"), {"daemonize": "yes"})
        self.assertIn(f"{pid}:M ", log.read_text())
        os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + START_LIMIT_S
        while pid_file.exists():
            self.assertLess(time.monotonic(), limit, "the server does not stop")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
