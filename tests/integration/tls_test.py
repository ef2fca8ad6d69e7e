"""TLS for clients: what works without it works with it, what bounds clients bounds them, who must not get in does not, and
the log says who and why."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import unittest

from cluster_nodes import LIMIT_S, PORT, SLOW, until
from single_node import SingleNode, info
from tls_nodes import NAME, TLS_PORT, Certificates, TlsConnection
from harness import resp

HANDSHAKE_S = 7 * SLOW


class TlsNode(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.stop)
        for name in ("server", "client"):
            cls.made.sign(name)
        cls.made.sign("gone", days=-1)
        cls.strangers = Certificates("another authority")
        cls.addClassCleanup(cls.strangers.stop)
        cls.strangers.sign("stranger")
        cls.node = SingleNode(**cls.made.server_settings(), **cls.settings)
        cls.addClassCleanup(cls.node.stop)
        cls.node.start().wait_ready()
        cls.host = cls.node.address[0]

    def client(self, protocol=2, context=None):
        connection = TlsConnection(self.host, context or self.made.context("client"))
        self.addCleanup(connection.close)
        if protocol != 2:
            connection.value("HELLO", protocol)
        return connection

    def plain(self):
        connection = self.node.connect()
        self.addCleanup(connection.close)
        return connection

    def raw(self, port=TLS_PORT):
        raw = socket.create_connection((self.host, port), timeout=LIMIT_S)
        self.addCleanup(raw.close)
        return raw

    def wait_log(self, pattern):
        return until(lambda: re.search(pattern, self.node.log()), "the log says " + pattern)

    def wait_gone(self, count):
        """No more than so many clients are left."""
        with contextlib.closing(self.node.connect()) as connection:
            until(lambda: int(info(connection, "clients")["connected_clients"]) <= count + 1, "clients are gone")


def hello():
    """The first bytes of a TLS client."""
    outgoing = ssl.MemoryBIO()
    wrapped = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME)
    with contextlib.suppress(ssl.SSLWantReadError):
        wrapped.do_handshake()
    return outgoing.read()


class Requests(TlsNode):
    def test_both_ports_are_one_server(self):
        sealed, plain = self.client(), self.plain()
        self.assertEqual(b"OK", sealed.value("SET", "a", "1"))
        self.assertEqual(b"1", plain.value("GET", "a"))
        self.assertEqual("TLSv1.3", sealed.socket.version())

    def test_older_protocol(self):
        context = self.made.context("client")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        connection = self.client(context=context)
        self.assertEqual("TLSv1.2", connection.socket.version())
        self.assertEqual(b"PONG", connection.value("PING"))

    def test_pipeline_written_before_it_is_read(self):
        connection = self.client()
        for number in range(100):
            connection.value("SET", "p%d" % number, "v%d" % number)
        count = 100_000
        connection.send_raw(b"".join(resp.encode(["GET", "p%d" % (number % 100)]) for number in range(count)))
        for number in range(count):
            self.assertEqual((resp.BULK, b"v%d" % (number % 100)), connection.read_frame()[0])

    def test_large_values_both_ways(self):
        connection = self.client()
        value = bytes(range(256)) * (50_000_000 // 256)
        self.assertEqual(b"OK", connection.value("SET", "large", value))
        self.assertEqual(len(value), connection.value("STRLEN", "large"))
        self.assertEqual(value, connection.value("GET", "large"))
        self.assertEqual(value, self.plain().value("GET", "large"))
        self.plain().value("DEL", "large")

    def test_requests_cut_anywhere(self):
        """Sizes around those of records and of the parser's buffers; some leave input over between two reads."""
        connection = self.client()
        request = b"".join(resp.encode(["SET", "c%d" % size, bytes([size % 251]) * size]) + resp.encode(["GET", "c%d" % size])
                           for size in (0, 1, 4095, 4096, 16383, 16384, 16385, 32767, 32768, 40000, 65535, 65537, 200000))
        for step in (1 << 20, 16384, 16000, 4096, 1021):
            for begin in range(0, len(request), step):
                connection.send_raw(request[begin:begin + step])
            for size in (0, 1, 4095, 4096, 16383, 16384, 16385, 32767, 32768, 40000, 65535, 65537, 200000):
                self.assertEqual((resp.SIMPLE, b"OK"), connection.read_frame()[0])
                self.assertEqual((resp.BULK, bytes([size % 251]) * size), connection.read_frame()[0])

    def test_one_byte_in_each_record(self):
        connection = self.client()
        for byte in resp.encode(["ECHO", "x" * 300]):
            connection.send_raw(bytes([byte]))
        self.assertEqual((resp.BULK, b"x" * 300), connection.read_frame()[0])

    def test_pushes(self):
        subscriber, watcher, tracker = self.client(3), self.client(), self.client(3)
        subscriber.send("SUBSCRIBE", "news")
        self.assertEqual([b"subscribe", b"news", 1], resp.to_python(subscriber.read_frame()[0]))
        self.assertEqual(b"OK", watcher.value("MONITOR"))
        tracker.value("CLIENT", "TRACKING", "ON")
        tracker.value("GET", "tracked")
        sender = self.client()
        self.assertEqual(1, sender.value("PUBLISH", "news", "x" * 100_000))
        sender.value("SET", "tracked", "1")
        self.assertEqual([b"message", b"news", b"x" * 100_000], resp.to_python(subscriber.read_frame()[0]))
        self.assertEqual([b"invalidate", [b"tracked"]], resp.to_python(tracker.read_frame()[0]))
        until(lambda: b'"SET" "tracked"' in watcher.read_frame()[0][1], "MONITOR shows it")

    def test_blocking_and_waiting(self):
        waiting = self.client()
        waiting.send("BLPOP", "queue", "0")
        self.client().value("RPUSH", "queue", "first")
        self.assertEqual([b"queue", b"first"], resp.to_python(waiting.read_frame()[0]))

    def test_answered_while_a_script_is_busy(self):
        self.plain().value("CONFIG", "SET", "busy-reply-threshold", "100")
        self.addCleanup(lambda: self.plain().value("CONFIG", "SET", "busy-reply-threshold", "5000"))
        others = [self.client() for _ in range(6)]
        running = self.client()
        running.send("EVAL", "while true do end", "0")
        for other in others:
            until(lambda: str(other.call("GET", "a")[1]).startswith("b'BUSY"), "BUSY")
        late = self.client()
        self.assertIn("BUSY", str(late.call("GET", "a")[1]))
        self.assertEqual(b"OK", others[0].value("SCRIPT", "KILL"))
        self.assertIn("killed", str(running.read_frame()[0][1]))
        self.assertEqual(b"PONG", late.value("PING"))

    def test_ends_in_order(self):
        connection = self.client()
        connection.send("QUIT")
        self.assertEqual((resp.SIMPLE, b"OK"), connection.read_frame()[0])
        self.assertEqual(b"", connection.socket.recv(1))  # An end that was only cut would raise an error.
        other = self.client()
        self.assertEqual(1, self.plain().value("CLIENT", "KILL", "ID", other.value("CLIENT", "ID")))
        self.assertEqual(b"", other.socket.recv(1))

    def test_session_is_taken_up_again(self):
        context = self.made.context("client")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        first = self.client(context=context)
        first.value("PING")
        raw = self.raw()
        second = context.wrap_socket(raw, server_hostname=NAME, session=first.socket.session)
        self.addCleanup(second.close)
        self.assertTrue(second.session_reused)

    def test_redis_cli(self):
        if shutil.which("redis-cli") is None:
            self.skipTest("there is no redis-cli")
        line = ["redis-cli", "-h", self.host, "-p", str(TLS_PORT), "--tls", "--sni", NAME]
        known = ["--cert", self.made.path("client.pem"), "--key", self.made.path("client.key")]
        for words, cacert, wanted in ((["SET", "cli", "1"], self.made, "OK\n"), (["GET", "cli"], self.made, "1\n"),
                                      (["GET", "cli"], self.strangers, "")):
            done = subprocess.run(line + known + ["--cacert", cacert.path("ca.pem")] + words, capture_output=True, text=True)
            self.assertEqual(wanted, done.stdout, done.stderr)
        self.assertIn("certificate verify failed", done.stderr)

    def test_redis_py(self):
        import redis
        client = redis.Redis(host=self.host, port=TLS_PORT, ssl=True, ssl_ca_certs=self.made.path("ca.pem"),
                             ssl_certfile=self.made.path("client.pem"), ssl_keyfile=self.made.path("client.key"),
                             ssl_check_hostname=False)
        with client, client.pipeline(transaction=True) as pipeline:
            for number in range(1000):
                pipeline.incrby("py", number)
            self.assertEqual(499500, pipeline.execute()[-1])


class Bounds(TlsNode):
    def test_output_limit(self):
        subscriber = self.client()
        subscriber.value("CLIENT", "SETNAME", "slow-reader")
        subscriber.value("SUBSCRIBE", "flood")
        plain = self.plain()
        plain.value("CONFIG", "SET", "client-output-buffer-limit", "pubsub 2mb 0 0")
        payload = b"x" * (1 << 20)

        def closed():
            return plain.value("PUBLISH", "flood", payload) == 0
        until(closed, "the subscriber is closed")
        self.wait_log("client-output-buffer-limit.*name=slow-reader")

    def test_query_buffer_limit(self):
        self.plain().value("CONFIG", "SET", "client-query-buffer-limit", "1mb")
        self.addCleanup(lambda: self.plain().value("CONFIG", "SET", "client-query-buffer-limit", "1gb"))
        connection = self.client()
        with self.assertRaises((OSError, resp.Closed)):
            connection.send("SET", "k", b"x" * (8 << 20))
            connection.read_frame()
        self.wait_log("requests exceed client-query-buffer-limit")

    def test_maxclients(self):
        plain = self.plain()
        self.wait_gone(1)
        plain.value("CONFIG", "SET", "maxclients", "4")
        self.addCleanup(lambda: plain.value("CONFIG", "SET", "maxclients", "10000"))
        kept = []
        with self.assertRaises((OSError, resp.Closed)):
            for _ in range(5):
                kept.append(self.client())
                kept[-1].value("PING")
        self.assertGreaterEqual(len(kept), 2)
        self.assertEqual(b"PONG", kept[0].value("PING"))

    def test_timeout(self):
        plain = self.plain()
        plain.value("CONFIG", "SET", "timeout", "1")
        self.addCleanup(lambda: self.plain().value("CONFIG", "SET", "timeout", "0"))
        self.assertEqual(b"", self.client().socket.recv(1))

    def test_memory_is_counted(self):
        connection = self.client()
        line = connection.value("CLIENT", "LIST", "ID", connection.value("CLIENT", "ID")).decode()
        self.assertGreater(int(re.search(r"tot-mem=(\d+)", line).group(1)), 12 << 10)


class Strangers(TlsNode):
    def setUp(self):
        # Lines that anybody may cause are limited in number: each test has a server's log of its own.
        self.node.kill()
        self.node.start().wait_ready()

    def refused(self, context):
        """With TLS 1.3 the client only learns it when it reads."""
        with self.assertRaises((ssl.SSLError, OSError, resp.Closed)):
            self.client(context=context).value("PING")

    def test_clients_must_show_a_certificate(self):
        self.refused(self.made.context())
        self.wait_log(r"TLS handshake with 127\.\S+ has failed: peer did not return a certificate")
        stranger = self.strangers.context("stranger", authority=self.made)
        self.refused(stranger)
        self.wait_log("has failed: certificate verify failed: unable to get local issuer certificate")
        self.refused(self.made.context("gone"))
        self.wait_log("has failed: certificate verify failed: certificate has expired")
        self.assertEqual(b"PONG", self.client().value("PING"))

    def test_clients_may_show_a_certificate(self):
        stranger = self.strangers.context("stranger", authority=self.made)
        self.addCleanup(lambda: self.plain().value("CONFIG", "SET", "tls-auth-clients", "yes"))
        self.plain().value("CONFIG", "SET", "tls-auth-clients", "optional")
        self.assertEqual(b"PONG", self.client(context=self.made.context()).value("PING"))
        self.assertEqual(b"PONG", self.client().value("PING"))
        self.refused(stranger)
        self.plain().value("CONFIG", "SET", "tls-auth-clients", "no")
        self.assertEqual(b"PONG", self.client(context=stranger).value("PING"))

    def test_a_client_that_does_not_trust_the_server(self):
        with self.assertRaisesRegex(ssl.SSLError, "certificate verify failed"):
            self.client(context=self.strangers.context())
        self.wait_log("has failed: .*alert unknown ca")

    def test_bytes_without_tls(self):
        for said in (b"PING\r\n", resp.encode(["PING"]), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(100)):
            raw = self.raw()
            raw.sendall(said)
            self.assertEqual(b"-ERR this port speaks TLS, and only TLS\r\n", raw.recv(100))
            self.assertIn(self.end_of(raw), (b"", "reset"))
        self.wait_log(r"Bytes without TLS on the TLS port, from 127\.\S+:\d+: closed")

    @staticmethod
    def end_of(raw):
        try:
            return raw.recv(100)
        except ConnectionResetError:
            return "reset"

    def test_tls_on_the_plain_port(self):
        with self.assertRaises(ssl.SSLError) as caught:
            TlsConnection(self.host, self.made.context("client"), port=PORT)
        self.assertIn("WRONG_VERSION_NUMBER", str(caught.exception))
        self.wait_log(r"TLS on the port without it, from 127\.\S+:\d+: closed")

    def test_no_value_is_taken_for_tls(self):
        connection = self.plain()
        value = b"\x16\x03\x01" * 100_000
        for begins in range(3):
            self.assertEqual(b"OK", connection.value("SET", "k", value[begins:]))
            self.assertEqual(value[begins:], connection.value("GET", "k"))

    def test_handshakes_that_end_early(self):
        said = hello()
        for length in (1, 5, 50, len(said)):
            raw = self.raw()
            raw.sendall(said[:length])
            raw.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while raw.recv(1 << 16):
                    pass
        self.wait_log("has failed: the peer has closed the connection")
        # A probe that only looks whether somebody listens is no reason for a line.
        lines = self.node.log().count("\n")
        for _ in range(5):
            self.raw().close()
        self.assertEqual(b"PONG", self.client().value("PING"))
        self.assertEqual(lines, self.node.log().count("\n"))

    def test_handshakes_that_never_end(self):
        said = hello()
        waiting = []
        for number in range(100):
            raw = self.raw()
            raw.sendall(said[:number * len(said) // 100])
            waiting.append(raw)
        begin = time.monotonic()
        self.assertEqual(b"PONG", self.client().value("PING"))
        self.assertLess(time.monotonic() - begin, 2 * SLOW)
        for raw in waiting:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(b"", raw.recv(100))
        self.assertLess(time.monotonic() - begin, HANDSHAKE_S + 2)
        self.assertGreater(time.monotonic() - begin, 4)
        self.wait_log("has failed: it took too long")
        self.wait_gone(1)

    def test_a_handshake_byte_by_byte(self):
        """Slow, and within the time that there is."""
        outgoing, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
        wrapped = self.made.context("client").wrap_bio(incoming, outgoing, server_hostname=NAME)
        raw = self.raw()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        done = False
        while not done:
            try:
                wrapped.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            for byte in outgoing.read():
                raw.sendall(bytes([byte]))
            if not done:
                incoming.write(raw.recv(1 << 16))
        wrapped.write(b"PING\r\n")
        raw.sendall(outgoing.read())
        reply = b""
        while not reply.endswith(b"\r\n"):
            incoming.write(raw.recv(1 << 16))
            with contextlib.suppress(ssl.SSLWantReadError):
                while True:
                    reply += wrapped.read(100)
        self.assertEqual(b"+PONG\r\n", reply)

    def test_records_that_are_none(self):
        """In the middle of a connection: it is closed, with the alert that says so."""
        before = len(self.node.log())
        connection = self.client()
        connection.value("PING")
        raw = socket.socket(fileno=os.dup(connection.socket.fileno()))
        self.addCleanup(raw.close)
        raw.sendall(struct.pack(">BHH", 23, 0x0303, 0xffff) + b"x" * 1000)
        with self.assertRaises((ssl.SSLError, OSError, resp.Closed)):
            connection.read_frame()
        until(lambda: "has failed" in self.node.log()[before:], "the log says so")
        self.assertEqual(b"PONG", self.client().value("PING"))

    def test_five_hundred_at_once(self):
        context = self.made.context("client")
        sockets = []
        for _ in range(500):
            raw = socket.create_connection((self.host, TLS_PORT), timeout=LIMIT_S)
            self.addCleanup(raw.close)
            sockets.append(raw)
        connected = []
        lock = threading.Lock()

        def connect(part):
            for raw in part:
                # What waits for its turn here must not be cut off by the server meanwhile: its time begins with it.
                wrapped = context.wrap_socket(raw, server_hostname=NAME)
                wrapped.sendall(b"PING\r\n")
                with lock:
                    connected.append((wrapped, wrapped.recv(100)))
        threads = [threading.Thread(target=connect, args=(sockets[first::8],)) for first in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([b"+PONG\r\n"] * 500, [reply for _, reply in connected])
        self.assertEqual("501", info(self.plain(), "clients")["connected_clients"])
        for wrapped, _ in connected:
            wrapped.close()
        self.wait_gone(1)


class Certificate(TlsNode):
    """Settings at run time."""

    def setUp(self):
        self.plain().value("CONFIG", "SET", "tls-cert-file", self.made.path("server.pem"),
                           "tls-key-file", self.made.path("server.key"))

    def serial(self):
        with contextlib.closing(self.client()) as connection:
            return connection.socket.getpeercert()["serialNumber"]

    def refuse(self, *pairs):
        with self.assertRaisesRegex(resp.ReplyError, "Unable to update TLS configuration. Check server logs."):
            self.plain().value("CONFIG", "SET", *pairs)

    def test_changed_without_a_connection_lost(self):
        self.made.sign("server", into="next")
        old, before = self.client(), self.serial()
        self.plain().value("CONFIG", "SET", "tls-cert-file", self.made.path("next.pem"),
                           "tls-key-file", self.made.path("next.key"))
        self.assertNotEqual(before, self.serial())
        self.assertEqual(b"OK", old.value("SET", "a", b"x" * 1_000_000))
        self.assertEqual(1_000_000, len(old.value("GET", "a")))
        self.assertEqual(self.made.path("next.pem").encode(), self.plain().value("CONFIG", "GET", "tls-cert-file")[1])

    def test_renewed_under_the_same_name(self):
        self.made.sign("server", into="renewed")
        names = ("tls-cert-file", self.made.path("renewed.pem"), "tls-key-file", self.made.path("renewed.key"))
        self.plain().value("CONFIG", "SET", *names)
        before = self.serial()
        self.made.sign("server", into="renewed")
        self.assertEqual(before, self.serial())
        self.plain().value("CONFIG", "SET", *names)
        self.assertNotEqual(before, self.serial())

    def test_a_bad_one_is_refused(self):
        before = self.serial()
        self.refuse("tls-cert-file", self.made.path("nowhere.pem"))
        self.wait_log("TLS goes on as before: tls-cert-file '.*nowhere.pem': No such file or directory")
        self.refuse("tls-cert-file", self.made.path("client.pem"))  # Of another key.
        self.refuse("tls-ca-cert-file", self.made.path("server.key"))
        self.refuse("tls-ciphers", "nonsense")
        self.refuse("tls-ca-cert-file", "")
        self.assertEqual(before, self.serial())
        self.assertEqual(self.made.path("server.pem").encode(), self.plain().value("CONFIG", "GET", "tls-cert-file")[1])
        with self.assertRaisesRegex(resp.ReplyError, "TLSv1.3|invalid"):
            self.plain().value("CONFIG", "SET", "tls-protocols", "SSLv3")

    def test_an_expired_one_is_warned_of(self):
        self.plain().value("CONFIG", "SET", "tls-cert-file", self.made.path("gone.pem"), "tls-key-file",
                           self.made.path("gone.key"))
        self.wait_log("The certificate .*gone.pem has expired: clients that check it will not connect")
        with self.assertRaisesRegex(ssl.SSLError, "certificate has expired"):
            self.client()

    def test_protocols(self):
        self.addCleanup(lambda: self.plain().value("CONFIG", "SET", "tls-protocols", ""))
        self.plain().value("CONFIG", "SET", "tls-protocols", "TLSv1.2")
        self.assertEqual("TLSv1.2", self.client().socket.version())
        self.plain().value("CONFIG", "SET", "tls-protocols", "TLSv1.3")
        self.assertEqual("TLSv1.3", self.client().socket.version())

    def test_ciphers(self):
        self.addCleanup(lambda: self.plain().value("CONFIG", "SET", "tls-ciphersuites", ""))
        self.plain().value("CONFIG", "SET", "tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")
        self.assertEqual("TLS_CHACHA20_POLY1305_SHA256", self.client().socket.cipher()[0])


class TlsOnly(TlsNode):
    settings = {"port": 0, "tls_auth_clients": "no"}

    @classmethod
    def setUpClass(cls):
        # What asks whether the node is ready uses the port without TLS.
        cls.wait = SingleNode.wait_ready
        SingleNode.wait_ready = lambda node: node
        try:
            super().setUpClass()
        finally:
            SingleNode.wait_ready = cls.wait
        until(lambda: "Ready to accept" in cls.node.log(), "it is ready")

    def test_the_other_port_is_closed(self):
        self.assertEqual(b"PONG", self.client().value("PING"))
        with self.assertRaises(ConnectionRefusedError):
            self.raw(PORT)
        self.assertEqual(str(TLS_PORT), info(self.client(), "server")["tcp_port"])


class Refused(unittest.TestCase):
    """What makes no sense stops the start, and the message says why."""

    def start(self, **settings):
        node = SingleNode(**settings)
        self.addCleanup(node.stop)
        node.start()
        node.process.wait(LIMIT_S)
        self.assertNotEqual(0, node.process.returncode)
        return node.log()

    def test_settings(self):
        made = Certificates()
        self.addCleanup(made.stop)
        made.sign("server").sign("other")
        good = made.server_settings()
        self.assertIn("tls-port needs 'tls-cert-file' and 'tls-key-file'", self.start(tls_port=TLS_PORT))
        self.assertIn("port and tls-port are the same", self.start(**good | {"tls_port": PORT}))
        self.assertIn("tls-ca-cert-file", self.start(**good | {"tls_ca_cert_file": ""}))
        self.assertIn("mismatch", self.start(**good | {"tls_key_file": made.path("other.key")}))
        self.assertIn("accepted: no", self.start(**good | {"tls_cluster": "yes"}))


if __name__ == "__main__":
    unittest.main()
