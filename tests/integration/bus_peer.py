"""A peer that speaks the bus as the nodes do, holds the secret, and says what a test has it say."""

import hashlib
import hmac
import os
import socket
import struct
import time

HELLO, HELLO_REPLY, REFUSE, GOSSIP, TOPOLOGY, FORWARD, WRITE, PAXOS, PING, PONG = 1, 2, 3, 4, 5, 7, 9, 22, 23, 24
INITIATOR = b"starling bus initiator"
MAGIC = b"STARLING"
ID_BYTES = 20
NONCE_BYTES = 32
GOSSIP_VERSION = 2
UPDATE = 3


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(value):
    return varint(len(value)) + value


def frame(kind, payload, correlation=0):
    body = bytes([kind]) + varint(correlation) + payload
    return struct.pack("<I", len(body)) + body


def description(host, port, bus_port, cluster=0, epoch=0, min_nodes=1, replicas=3):
    return (string(host.encode()) + varint(port) + varint(bus_port) + varint(1) + string(b"") + string(b"") +
            struct.pack("<Q", cluster) + varint(epoch) + varint(min_nodes) + varint(replicas) + struct.pack("<Q", 7) + b"\1" +
            string(b"") + string(b""))


def gossip(entries, suspicions=(), descriptions=(), kind=UPDATE):
    """entries: (id, incarnation, heartbeat, version); suspicions: (observer, accused, incarnation, heartbeat, ms);
    descriptions: (id, version, description). The first entry is the sender's own."""
    out = bytes([GOSSIP_VERSION, kind]) + varint(1)
    out += varint(len(entries)) + b"".join(e[0] + varint(e[1]) + varint(e[2]) + varint(e[3]) for e in entries)
    out += varint(len(suspicions)) + b"".join(s[0] + s[1] + varint(s[2]) + varint(s[3]) + varint(s[4]) for s in suspicions)
    out += varint(0)
    out += varint(len(descriptions)) + b"".join(d[0] + varint(d[1]) + d[2] for d in descriptions)
    return out + b"\0"  # No clock is told.


class Refused(Exception):
    pass


class Peer:
    def __init__(self, address, secret, node_id, own_address="127.0.0.1:1", cluster=0):
        self.id = node_id
        self.socket = socket.create_connection(address, 30)
        self.buffer = b""
        # Every version of the protocol there may be: what is used is the node's.
        introduction = (MAGIC + varint(1) + varint(1000) + b"\1" + os.urandom(NONCE_BYTES) + struct.pack("<Q", cluster) +
                        node_id + varint(0) + string(own_address.encode()) + struct.pack("<QQ", 1, time.time_ns() // 1000))
        self.send(HELLO, introduction)
        theirs = self.expect(HELLO_REPLY)
        proof = hmac.new(secret.encode(), bytes([len(INITIATOR)]) + INITIATOR + string(introduction) + string(theirs),
                         hashlib.sha256).digest()
        self.send(HELLO, proof)
        self.expect(HELLO_REPLY)

    def send(self, kind, payload, correlation=0):
        self.socket.sendall(frame(kind, payload, correlation))

    def receive(self):
        """(kind, payload) of the next frame."""
        while len(self.buffer) < 4 or len(self.buffer) < 4 + struct.unpack("<I", self.buffer[:4])[0]:
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise Refused("the node closed the connection")
            self.buffer += piece
        size = struct.unpack("<I", self.buffer[:4])[0]
        body, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
        rest = body[1:]
        while rest[0] & 0x80:
            rest = rest[1:]
        return body[0], rest[1:]

    def expect(self, kind):
        got, payload = self.receive()
        if got != kind:
            raise Refused("frame %d: %r" % (got, payload))
        return payload

    def close(self):
        self.socket.close()
