"""Clients that misbehave, and requests of extreme sizes. The server stays up, bounded and quick for everybody else."""

import hashlib
import os
import random
import resource
import socket
import threading
import time

from harness import resp
from harness.checks import Skip
from harness.servers import Server, wait_until

MIB = 1 << 20


def serves(server, seconds=5.0):
    """Somebody else is served within `seconds`."""
    connection = server.connect(seconds)
    start = time.monotonic()
    if connection.call("SET", "served", "1")[1] != b"OK" or connection.call("GET", "served")[1] != b"1":
        raise AssertionError("other clients are not served")
    connection.close()
    return time.monotonic() - start


def bounded(server, before, allowed, what):
    grown = server.resident_bytes() - before
    if grown > allowed:
        raise AssertionError("%s: resident memory grew by %d MiB" % (what, grown // MIB))
    return "%d MiB more" % (grown // MIB)


def idle_connections(settings):
    count = 10_000
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 500
    if limit[0] < needed:
        if limit[1] < needed:
            raise Skip("the limit of open files is %d" % limit[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, limit[1]))
    with Server(settings.server, {"maxclients": count + 100}) as server:
        before = server.resident_bytes()
        sockets = []
        try:
            for _ in range(count):
                sockets.append(socket.create_connection(server.address))
            slowest = serves(server)
            for index in random.sample(range(count), 500):
                sockets[index].sendall(b"PING\r\n")
                if sockets[index].recv(100) != b"+PONG\r\n":
                    raise AssertionError("an idle connection is not served")
            grown = server.resident_bytes() - before
            connected = int(server.connect().value("INFO", "clients").split(b"connected_clients:")[1].split()[0])
            if connected < count:
                raise AssertionError("INFO knows %d clients" % connected)
        finally:
            for one in sockets:
                one.close()
        serves(server)
    return "%d bytes each, another client served in %.0f ms" % (grown // count, slowest * 1000)


def too_many_clients(settings):
    with Server(settings.server, {"maxclients": 20}) as server:
        held = [server.connect() for _ in range(20)]
        extra = server.connect()
        data, closed = extra.read_available(2)
        if data != b"-ERR max number of clients reached\r\n" or not closed:
            raise AssertionError("client 21 got %r, closed: %s" % (data, closed))
        for one in held:
            one.close()
        if not wait_until(lambda: can_ping(server), 5):
            raise AssertionError("no client is let in after the others left")


def can_ping(server):
    try:
        return server.connect().call("PING")[1] == b"PONG"
    except (OSError, resp.Closed):
        return False


def flood(connection, request, times):
    """Sends without ever reading, until all is sent or the server stops taking it."""
    connection.socket.settimeout(2)
    try:
        for _ in range(times):
            connection.send_raw(request)
    except OSError:
        pass


def never_reads(settings):
    """2 GB of replies asked for and not read, with Redis's limit of the output buffer set."""
    with Server(settings.server, {"client-output-buffer-limit": "normal 32mb 16mb 10"}) as server:
        connection = server.connect()
        connection.value("SET", "large", bytes(MIB))
        before = server.resident_bytes()
        flood(connection, resp.encode(("GET", "large")) * 20, 100)
        serves(server)
        return bounded(server, before, 200 * MIB, "a client that never reads")


def never_reads_by_default(settings):
    """Without a limit of its own a client is bounded by what all clients together may hold."""
    with Server(settings.server, {"maxmemory-clients": "64mb"}) as server:
        connection = server.connect()
        fields = [word for number in range(1000) for word in ("f%d" % number, "v" * 1000)]
        connection.value("HSET", "large", *fields)
        before = server.resident_bytes()
        flood(connection, resp.encode(("HGETALL", "large")) * 20, 50)
        serves(server)
        if not wait_until(lambda: "evicted_clients:0" not in server.connect().value("INFO", "stats").decode(), 10):
            raise AssertionError("nobody was closed")
        return bounded(server, before, 250 * MIB, "a client that never reads")


def writes_first(settings):
    """A pipeline as some libraries send it: all of it is written before the first reply is read."""
    count, size = 200_000, 1000
    with Server(settings.server) as server:
        server.connect().value("SET", "k", b"v" * size)
        before = server.resident_bytes()
        connection = server.connect(120)
        connection.send_raw(resp.encode(("GET", "k")) * count)
        left = (len(b"$%d\r\n" % size) + size + 2) * count
        while left > 0:
            piece = connection.socket.recv(min(left, 4 * MIB))
            if not piece:
                raise AssertionError("closed, %d bytes early" % left)
            left -= len(piece)
        serves(server)
        return bounded(server, before, count * size * 1.5, "a pipeline that is written first")


def subscriber_never_reads(settings):
    with Server(settings.server) as server:
        subscriber = server.connect()
        subscriber.call("SUBSCRIBE", "news")
        publisher = server.connect()
        before = server.resident_bytes()
        message = bytes(MIB)
        for _ in range(200):
            publisher.value("PUBLISH", "news", message)
        if publisher.value("PUBLISH", "news", "over?") != 0:
            raise AssertionError("the subscriber is still there after 200 MB")
        serves(server)
        return bounded(server, before, 128 * MIB, "a subscriber that never reads")


def send_value(connection, key, length, fill):
    connection.send_raw(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n" % (len(key), key, length))
    digest, sent = hashlib.blake2b(), 0
    while sent < length:
        piece = fill[:min(len(fill), length - sent)]
        connection.send_raw(piece)
        digest.update(piece)
        sent += len(piece)
    connection.send_raw(b"\r\n")
    return digest.digest()


def read_value(connection, key):
    """Streams a value: (length, digest)."""
    connection.send("GET", key)
    stream = connection.socket.makefile("rb", 1 << 20)
    length = int(stream.readline()[1:])
    digest, left = hashlib.blake2b(), length
    while left > 0:
        piece = stream.read(min(left, 4 * MIB))
        if not piece:
            raise AssertionError("the connection ended %d bytes early" % left)
        digest.update(piece)
        left -= len(piece)
    stream.readline()
    return length, digest.digest()


def largest_value(settings):
    """512 MiB, the most a value may have: kept, read back, and there after kill -9."""
    length = 512 * MIB
    server = Server(settings.server, {"appendfsync": "everysec"})
    try:
        connection = server.connect(120)
        sent = send_value(connection, b"largest", length, os.urandom(4 * MIB - 3))
        if connection.read_frame()[0] != (resp.SIMPLE, b"OK"):
            raise AssertionError("512 MiB refused")
        if read_value(connection, b"largest") != (length, sent):
            raise AssertionError("512 MiB read back differently")
        answer = connection.call("APPEND", "largest", "x")
        if answer[0] != resp.ERROR or b"exceeds maximum allowed size" not in answer[1]:
            raise AssertionError("one byte more: %r" % (answer,))
        serves(server)
        server.kill()
        server.start()
        if read_value(server.connect(120), b"largest") != (length, sent):
            raise AssertionError("512 MiB differ after kill -9")
    finally:
        server.stop()


def too_large_value(settings):
    with Server(settings.server) as server:
        connection = server.connect()
        connection.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n")
        data, closed = connection.read_available(2)
        if data != b"-ERR Protocol error: invalid bulk length\r\n" or not closed:
            raise AssertionError("%r, closed: %s" % (data, closed))


def million_commands(settings):
    """A pipeline of a million commands sent in one go, its replies read only as they come."""
    count = 1_000_000
    with Server(settings.server) as server:
        before = server.resident_bytes()
        connection = server.connect(120)
        data = resp.encode(("INCR", "counter")) * count
        start = time.monotonic()
        sender = threading.Thread(target=connection.send_raw, args=(data,), daemon=True)
        sender.start()
        time.sleep(0.5)
        got, lines = 0, 0
        while lines < count:
            piece = connection.socket.recv(1 << 20)
            if not piece:
                raise AssertionError("closed after %d replies" % lines)
            lines += piece.count(b"\n")
            got += len(piece)
        sender.join()
        seconds = time.monotonic() - start
        if connection.value("GET", "counter") != b"%d" % count:
            raise AssertionError("the counter is wrong")
        return "%.1f s, %s" % (seconds, bounded(server, before, 300 * MIB, "the pipeline"))


def garbage(settings):
    seed = int(os.environ.get("STARLING_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
    rng = random.Random(seed)
    with Server(settings.server) as server:
        for _ in range(100 if settings.short else 5000):
            connection = server.connect()
            roll = rng.random()
            if roll < 0.4:
                data = rng.randbytes(rng.choice([1, 10, 1000, 100_000]))
            elif roll < 0.7:
                data = bytes(rng.choice(b"*$:+-0123456789\r\n\r\nAZ \"'\x00\xff") for _ in range(rng.choice([10, 100, 3000])))
            else:
                data = bytearray(resp.encode(("SET", "k", "v" * 50)) * 20)
                for _ in range(5):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                connection.send_raw(bytes(data))
            except OSError:
                pass  # Closed on us at an error, before all was sent.
            connection.close()
            if not server.alive():
                raise AssertionError("the server died, seed %d" % seed)
        serves(server)
    return "seed %d" % seed


def half_requests(settings):
    """Announced and never sent: bulks of 512 MB, a million arguments, and requests that end anywhere."""
    with Server(settings.server) as server:
        before = server.resident_bytes()
        whole = resp.encode(("SET", "key", "v" * 100))
        pieces = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n", b"*1048576\r\n", b"*2\r\n$536870912\r\n" + b"x" * 1000, b"*", b"$"]
        pieces += [whole[:cut] for cut in range(1, len(whole), 7)]
        held = []
        for index in range(300):
            connection = server.connect()
            connection.send_raw(pieces[index % len(pieces)])
            held.append(connection)
        serves(server)
        note = bounded(server, before, 200 * MIB, "300 half requests")
        connection = server.connect()
        connection.send_raw(whole[:20])
        time.sleep(0.2)
        connection.send_raw(whole[20:])
        if connection.read_frame()[0] != (resp.SIMPLE, b"OK"):
            raise AssertionError("the other half is not taken")
        return note


def before_authentication(settings):
    """A client that has not logged in may make the server hold only little."""
    with Server(settings.server) as server:
        server.connect().value("CONFIG", "SET", "requirepass", "secret")
        before = server.resident_bytes()
        for request, answer in ((b"*1\r\n$20000\r\n", b"unauthenticated bulk length"),
                                (b"*11\r\n", b"unauthenticated multibulk length")):
            connection = resp.Connection(server.address)
            connection.send_raw(request)
            data, closed = connection.read_available(2)
            if answer not in data or not closed:
                raise AssertionError("%r got %r, closed: %s" % (request, data, closed))
        connection = resp.Connection(server.address)
        if connection.call("GET", "k")[1] != b"NOAUTH Authentication required.":
            raise AssertionError("GET is answered without AUTH")
        if connection.call("AUTH", "secret")[1] != b"OK":
            raise AssertionError("AUTH fails")
        note = bounded(server, before, 32 * MIB, "clients without AUTH")
        connection.value("CONFIG", "SET", "requirepass", "")
        return note


def http(settings):
    """A browser tricked into sending commands is cut off before any is executed."""
    with Server(settings.server) as server:
        for request in (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET http 1\r\n",
                        b"GET / HTTP/1.1\r\nHost: localhost:6379\r\n\r\nSET http 1\r\n"):
            connection = server.connect()
            connection.send_raw(request)
            data, closed = connection.read_available(2)
            if not closed:
                raise AssertionError("still connected after %r: %r" % (request, data))
        if server.connect().value("EXISTS", "http") != 0:
            raise AssertionError("a command inside a HTTP request was executed")
        if "attack" not in server.log().lower():
            raise AssertionError("the log says nothing of it")
        serves(server)


CHECKS = [("idle-connections", idle_connections), ("too-many-clients", too_many_clients), ("never-reads", never_reads),
          ("never-reads-by-default", never_reads_by_default), ("writes-first", writes_first), ("subscriber-never-reads", subscriber_never_reads),
          ("largest-value", largest_value), ("too-large-value", too_large_value), ("million-commands", million_commands),
          ("garbage", garbage), ("half-requests", half_requests), ("before-authentication", before_authentication), ("http", http)]
