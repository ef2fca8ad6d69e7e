"""Raw bytes: inline commands, requests in odd forms, and what breaks the protocol, after which both must close."""

from step import Step, command

HELLO = False

INLINE = [b"PING\r\n", b"PING\n", b"  PING  \r\n", b"PING hello\r\n", b"\r\n", b"\r\n\r\nPING\r\n", b"ping \"a b\"\r\n",
          b"echo \"\\x41\\n\\\"\"\r\n", b"echo 'it\\'s'\r\n", b"SET k1 v\r\nGET k1\r\n", b"\tPING\r\n", b"PING\t x\r\n",
          b"nosuch a b\r\n", b"ECHO \"\"\r\n", b"ECHO ''\r\n", b" \r\nPING\r\n", b"PING\r\nPING\r\nPING\r\n", b"ECHO \\x41\r\n"]
BROKEN_INLINE = [b"ECHO \"unbalanced\r\n", b"ECHO 'unbalanced\r\n", b"ECHO \"a\"b\r\n", b"ECHO 'a'b\r\n", b"ECHO \"\\\r\n",
                 b"x" * 300000, b"x" * 65530 + b"\r\n"]
ODD = [b"*0\r\n", b"*-1\r\n", b"*-1\r\nPING\r\n", b"*0\r\n*1\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
       b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n", b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", b"*-5\r\nPING\r\n", b"*1\r\n$4\r\nping\r\nPING\r\n",
       b"*1\r\n$0\r\n\r\n", b"*2\r\n$0\r\n\r\n$1\r\na\r\n", b"*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$3\r\n\x00\r\n\r\n*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n"]
# No argument counts between 1,048,576 and 2,147,483,647: Redis would wait for that many, Starling refuses.
BROKEN = [b"*1\r\n$-1\r\n", b"*1\r\n$-5\r\n", b"*1\r\n$abc\r\n", b"*1\r\n$1x\r\n", b"*1\r\nPING\r\n", b"*1\r\n:4\r\nPING\r\n",
          b"*abc\r\n", b"*1x\r\n", b"*2147483648\r\n", b"*99999999999999999999\r\n", b"*\r\n", b"*1\r\n$\r\n",
          b"*1\r\n$536870913\r\n", b"*1\r\n$99999999999999999999\r\n", b"* 1\r\n", b"*+1\r\n$4\r\nPING\r\n", b"*01\r\n$4\r\nPING\r\n",
          b"*1\r\n$04\r\nPING\r\n", b"*1\r\n$+4\r\nPING\r\n", b"*1\r\n\r\n", b"*1\r\n*1\r\n$4\r\nPING\r\n", b"*" + b"1" * 300000,
          b"*1\r\n$" + b"1" * 300000, b"*1048576\r\n$-1\r\n", b"*-2147483649\r\n", b"*1.0\r\n"]
HTTP = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        b"Host: x\r\n", b"post /\r\n", b"host:\r\n", b"SET k1 v\r\nPOST / HTTP/1.1\r\n"]
# No NUL: in an inline command Redis does not find the line's end behind one, and waits for more.
GARBAGE = [b"\x01\x02\r\n", b"\xff" * 100 + b"\r\n", b"$4\r\nPING\r\n", b"+OK\r\n", b":1\r\n", b"%1\r\n", b"-ERR\r\n", b"~1\r\n",
           b"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n"]


def raw(rng, pool):
    return Step(raw=rng.choice(pool), connection=rng.randrange(3))


def mixed(rng):
    """Several requests in one piece, the last perhaps broken, so that what came before must still be answered."""
    parts = [rng.choice(INLINE[:8] + ODD[:6]) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.3:
        parts.append(rng.choice(BROKEN + BROKEN_INLINE[:4]))
    return Step(raw=b"".join(parts), connection=rng.randrange(3))


def random_bytes(rng):
    return Step(raw=bytes(rng.choice(b"*$123\r\n-+ab\"' \x00") for _ in range(rng.randint(1, 30))) + b"\r\n",
                connection=rng.randrange(3))


commands = [
    (4, lambda rng: raw(rng, INLINE)),
    (1, lambda rng: raw(rng, BROKEN_INLINE)),
    (4, lambda rng: raw(rng, ODD)),
    (2, lambda rng: raw(rng, BROKEN)),
    (1, lambda rng: raw(rng, HTTP)),
    (1, lambda rng: raw(rng, GARBAGE)),
    (3, mixed),
    (1, lambda rng: command("PING", connection=rng.randrange(3))),
]
