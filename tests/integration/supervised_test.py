"""Whoever starts the server is told when it is ready and when it stops; a second SIGTERM does not cut the stop short."""

import os
import signal
import socket
import unittest

from single_node import LIMIT_S, SingleNode


class Supervised(unittest.TestCase):
    def setUp(self):
        self.node = SingleNode(port=0)
        self.addCleanup(self.node.stop)

    def start(self, supervised, notify):
        self.node.start({"NOTIFY_SOCKET": notify}, pidfile=self.node.path("pid"), supervised=supervised)
        return self.node.process

    def listen(self):
        path = self.node.path("notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.settimeout(LIMIT_S)
        return listener, path

    def test_told_when_ready_and_when_it_stops(self):
        for setting in ("systemd", "auto"):
            with self.subTest(setting):
                listener, path = self.listen()
                process = self.start(setting, path)
                self.assertEqual(b"READY=1", listener.recv(100))
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(self.node.socket)
                    client.sendall(b"PING\r\n")
                    self.assertEqual(b"+PONG\r\n", client.recv(100))
                process.terminate()
                self.assertEqual(b"STOPPING=1", listener.recv(100))
                self.assertEqual(0, process.wait(LIMIT_S))
                os.unlink(path)

    def test_a_second_signal_changes_nothing(self):
        for _ in range(5):
            listener, path = self.listen()
            process = self.start("systemd", path)
            listener.recv(100)
            process.terminate()
            listener.recv(100)
            while process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGINT)
            self.assertEqual(0, process.returncode)
            self.assertFalse(os.path.exists(self.node.path("pid")))
            self.assertIn("everything acknowledged is on disk", self.node.log())
            os.unlink(path)


if __name__ == "__main__":
    unittest.main()
