"""A RESP2/RESP3 client that keeps replies as the exact bytes that came.

A frame is (kind, payload): kind is the reply's first byte as an int; payload is bytes for a scalar, a list of frames
for an aggregate (a map's keys and values alternate), None for a null of RESP2 ($-1, *-1). Raw bytes are kept beside it
by Connection.read_frame, so that "equal" can mean equal to the byte.
"""

import socket
import time

SIMPLE, ERROR, INTEGER, BULK, ARRAY = b"+-:$*"
NULL, DOUBLE, BOOLEAN, BLOB_ERROR, VERBATIM, MAP, SET, ATTRIBUTE, PUSH, BIG_NUMBER = b"_,#!=%~|>("

LINE_KINDS = frozenset((SIMPLE, ERROR, INTEGER, NULL, DOUBLE, BOOLEAN, BIG_NUMBER))
BLOB_KINDS = frozenset((BULK, BLOB_ERROR, VERBATIM))
LIST_KINDS = frozenset((ARRAY, SET, PUSH))
MAP_KINDS = frozenset((MAP, ATTRIBUTE))

CLOSED = (0, b"connection closed")


class ProtocolError(Exception):
    """The server sent something that is not RESP."""


class Incomplete(Exception):
    """The frame goes on beyond the buffer; `needed` is the least length the buffer must have."""

    def __init__(self, needed):
        super().__init__()
        self.needed = needed


class Closed(Exception):
    """The server closed the connection."""


def as_bytes(argument):
    if isinstance(argument, bytes):
        return argument
    return str(argument).encode()


def encode(arguments):
    """One request as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        data = as_bytes(argument)
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def parse(data, position):
    """Parses one frame of `data` at `position`: (frame, position after it). Raises Incomplete or ProtocolError."""
    end = data.find(b"\r\n", position)
    if end < 0:
        raise Incomplete(len(data) + 1)
    kind = data[position]
    line = bytes(data[position + 1:end])
    after = end + 2
    if kind in LINE_KINDS:
        return (kind, line), after
    try:
        length = int(line)
    except ValueError:
        raise ProtocolError("bad frame %r" % bytes(data[position:position + 64])) from None
    if kind in BLOB_KINDS:
        if length < 0:
            return (kind, None), after
        stop = after + length
        if len(data) < stop + 2:
            raise Incomplete(stop + 2)
        if data[stop:stop + 2] != b"\r\n":
            raise ProtocolError("bulk string of %d bytes is not ended by CRLF" % length)
        return (kind, bytes(data[after:stop])), stop + 2
    if kind in LIST_KINDS or kind in MAP_KINDS:
        if length < 0:
            return (kind, None), after
        items = []
        for _ in range(length * 2 if kind in MAP_KINDS else length):
            item, after = parse(data, after)
            items.append(item)
        return (kind, items), after
    raise ProtocolError("unknown reply type in %r" % bytes(data[position:position + 64]))


class FrameEnd:
    """Looks for the end of the frame that begins at `position`, in what has come so far, and goes on when more has."""

    def __init__(self, position):
        self.position = position
        self.missing = 1

    def find(self, data):
        """Raises Incomplete; else the frame is whole, as far as its lengths say."""
        while self.missing:
            end = data.find(b"\r\n", self.position)
            if end < 0:
                raise Incomplete(len(data) + 1)
            kind = data[self.position]
            after = end + 2
            items = 0
            if kind in BLOB_KINDS or kind in LIST_KINDS or kind in MAP_KINDS:
                try:
                    length = int(data[self.position + 1:end])
                except ValueError:
                    return  # parse() says what is wrong.
                if kind in BLOB_KINDS and length >= 0:
                    after += length + 2
                    if len(data) < after:
                        raise Incomplete(after)
                elif length > 0:
                    items = length * 2 if kind in MAP_KINDS else length
            self.position = after
            self.missing += items - 1


class Connection:
    """A blocking connection. Not thread-safe. Replies must come within `timeout_s`."""

    def __init__(self, address, timeout_s=30.0):
        """`address`: (host, port), or the path of a Unix socket."""
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout_s)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout=timeout_s)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout_s = timeout_s
        self.buffer = bytearray()
        self.position = 0

    def close(self):
        self.socket.close()

    def send(self, *arguments):
        self.socket.sendall(encode(arguments))

    def send_raw(self, data):
        self.socket.sendall(data)

    def _receive(self, needed):
        """Reads until the buffer holds `needed` bytes."""
        while len(self.buffer) < needed:
            try:
                chunk = self.socket.recv(max(1 << 16, min(needed - len(self.buffer), 1 << 22)))
            except ConnectionError:
                chunk = b""
            if not chunk:
                raise Closed()
            self.buffer += chunk

    def read_frame(self):
        """The next frame and its raw bytes. Raises Closed, socket.timeout or ProtocolError."""
        if self.position > 1 << 16:
            del self.buffer[:self.position]
            self.position = 0
        self._receive(self.position + 1)
        frame_end = FrameEnd(self.position)
        while True:
            try:
                frame_end.find(self.buffer)
                frame, after = parse(self.buffer, self.position)
            except Incomplete as incomplete:
                self._receive(incomplete.needed)
                continue
            raw = bytes(self.buffer[self.position:after])
            self.position = after
            if after == len(self.buffer):
                self.buffer.clear()
                self.position = 0
            return frame, raw

    def read_bytes(self, count):
        """The next bytes, whatever they are. Raises Closed or socket.timeout."""
        self._receive(self.position + count)
        data = bytes(self.buffer[self.position:self.position + count])
        self.position += count
        return data

    def read_available(self, seconds):
        """All bytes that come until none came for `seconds`; the flag says whether the server then had closed."""
        data = bytes(self.buffer[self.position:])
        self.buffer.clear()
        self.position = 0
        closed = False
        self.socket.settimeout(seconds)
        try:
            while True:
                chunk = self.socket.recv(1 << 16)
                if not chunk:
                    closed = True
                    break
                data += chunk
        except socket.timeout:
            pass
        except ConnectionError:
            closed = True
        self.socket.settimeout(self.timeout_s)
        return data, closed

    def call(self, *arguments):
        """Sends one command and returns its frame. Pushes that come before it are dropped."""
        self.send(*arguments)
        while True:
            frame, _ = self.read_frame()
            if frame[0] != PUSH:
                return frame

    def value(self, *arguments):
        """Like call, but returns the reply as Python values; an error reply raises ReplyError."""
        return to_python(self.call(*arguments))

    def pipeline(self, commands):
        """Sends all commands at once and returns their frames."""
        self.send_raw(b"".join(encode(command) for command in commands))
        return [self.read_frame()[0] for _ in commands]


class ReplyError(Exception):
    """An error reply; str() is its text."""


def to_python(frame):
    kind, payload = frame
    if kind in (ERROR, BLOB_ERROR):
        raise ReplyError(payload.decode("latin-1"))
    if payload is None or kind == NULL:
        return None
    if kind == INTEGER:
        return int(payload)
    if kind == BOOLEAN:
        return payload == b"t"
    if kind == DOUBLE:
        return float(payload)
    if kind in MAP_KINDS:
        values = [to_python(item) for item in payload]
        return dict(zip(values[::2], values[1::2]))
    if kind in LIST_KINDS:
        return [to_python(item) for item in payload]
    return payload


def connect_when_ready(address, seconds, alive=lambda: True):
    """Connects and waits until PING is answered. Raises TimeoutError, or RuntimeError once alive() is false."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection = Connection(address)
            if connection.call("PING") == (SIMPLE, b"PONG"):
                return connection
            connection.close()
        except (OSError, Closed):
            pass
        if not alive():
            raise RuntimeError("the server ended before it answered")
        if time.monotonic() > deadline:
            raise TimeoutError("no PONG within %g s" % seconds)
        time.sleep(0.02)
