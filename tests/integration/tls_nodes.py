"""Certificates made on the spot by openssl(1), and connections that use them, for the tests beside this file."""

import os
import ssl
import subprocess
import tempfile

import cluster_nodes  # It also finds the harness.
from harness import resp

TLS_PORT = cluster_nodes.PORT + 2
NAME = "localhost"
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Certificates:
    """An authority, and what it has signed: NAME.pem with NAME.key. Remove it by stop()."""

    def __init__(self, authority="an authority"):
        self.temporary = tempfile.TemporaryDirectory()
        self.openssl("req", "-x509", *NEW_KEY, "-subj", "/CN=" + authority, "-days", "30", "-keyout", "ca.key", "-out", "ca.pem")

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.temporary.name, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def path(self, name):
        return os.path.join(self.temporary.name, name)

    def sign(self, name, days=30, into=None):
        """`days` may be negative: it has expired. `into`: the files' name, if it is another."""
        into = into or name
        self.openssl("req", *NEW_KEY, "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + NAME,
                     "-keyout", into + ".key", "-out", into + ".csr")
        self.openssl("x509", "-req", "-in", into + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", str(days), "-copy_extensions", "copy", "-out", into + ".pem")
        return self

    def server_settings(self, name="server"):
        return {"tls_port": TLS_PORT, "tls_cert_file": self.path(name + ".pem"), "tls_key_file": self.path(name + ".key"),
                "tls_ca_cert_file": self.path("ca.pem")}

    def context(self, client=None, authority=None):
        """Of a client that checks the server, and has the certificate `client`, or none."""
        context = ssl.create_default_context(cafile=(authority or self).path("ca.pem"))
        if client is not None:
            context.load_cert_chain(self.path(client + ".pem"), self.path(client + ".key"))
        return context

    def stop(self):
        self.temporary.cleanup()


class TlsConnection(resp.Connection):
    def __init__(self, host, context, timeout_s=cluster_nodes.LIMIT_S, port=TLS_PORT):
        super().__init__((host, port), timeout_s)
        try:
            # Whether the connection was ended in order is part of what is tested.
            self.socket = context.wrap_socket(self.socket, server_hostname=NAME, suppress_ragged_eofs=False)
        except BaseException:
            self.socket.close()
            raise
