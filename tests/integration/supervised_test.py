"""Whoever starts the server is told when it is ready and when it stops; a second SIGTERM does not cut the stop short."""

import os
import signal
import socket
import subprocess
import tempfile
import unittest

SERVER = os.environ["STARLING_SERVER"]
LIMIT_S = 60


class Supervised(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.log = os.path.join(self.directory, "server.log")

    def start(self, *settings, environment=None):
        process = subprocess.Popen(
            [SERVER, "--port", "0", "--unixsocket", os.path.join(self.directory, "s"), "--dir",
             os.path.join(self.directory, "data"), "--pidfile", os.path.join(self.directory, "pid"), *settings],
            stdout=open(self.log, "wb"), stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def listen(self):
        path = os.path.join(self.directory, "notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.settimeout(LIMIT_S)
        return listener, path

    def test_told_when_ready_and_when_it_stops(self):
        for setting in ("systemd", "auto"):
            with self.subTest(setting):
                listener, path = self.listen()
                process = self.start("--supervised", setting, environment={"NOTIFY_SOCKET": path})
                self.assertEqual(b"READY=1", listener.recv(100))
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(os.path.join(self.directory, "s"))
                    client.sendall(b"PING\r\n")
                    self.assertEqual(b"+PONG\r\n", client.recv(100))
                process.terminate()
                self.assertEqual(b"STOPPING=1", listener.recv(100))
                self.assertEqual(0, process.wait(LIMIT_S))
                os.unlink(path)

    def test_a_second_signal_changes_nothing(self):
        for _ in range(5):
            listener, path = self.listen()
            process = self.start("--supervised", "systemd", environment={"NOTIFY_SOCKET": path})
            listener.recv(100)
            process.terminate()
            listener.recv(100)
            while process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGINT)
            self.assertEqual(0, process.returncode)
            self.assertFalse(os.path.exists(os.path.join(self.directory, "pid")))
            with open(self.log) as log:
                self.assertIn("everything acknowledged is on disk", log.read())
            os.unlink(path)


if __name__ == "__main__":
    unittest.main()
