"""Server commands, as far as two servers can answer the same. What tells of the server itself is compared by shape."""

from step import command
from values import cased, key, small, string

SETTINGS = ["hash-max-listpack-entries", "hash-max-listpack-value", "set-max-intset-entries"]


def config(rng):
    """Nowhere n in notify-keyspace-events: Redis 7.0 takes it and does not tell of it afterwards."""
    setting = rng.choice(SETTINGS)
    old = {"hash-max-listpack-entries": "hash-max-ziplist-entries", "hash-max-listpack-value": "hash-max-ziplist-value"}
    return ["CONFIG", *rng.choice([
        lambda: [cased(rng, "SET"), cased(rng, setting), rng.choice([b"0", b"1", b"5", b"128", b"512"])],
        lambda: ["SET", setting, rng.choice([b"abc", b"", b"-1", b"1.5"])],
        lambda: ["SET", old.get(setting, setting), rng.choice([b"4", b"64"])],
        lambda: ["GET", setting], lambda: ["GET", old.get(setting, setting)], lambda: ["GET", cased(rng, setting)],
        lambda: ["GET", rng.choice(["no-such-setting", "no*such", ""])], lambda: ["GET"],
        lambda: ["GET", "hash-max-*-entries", setting], lambda: ["SET", "no-such-setting", "1"], lambda: ["SET", setting],
        lambda: ["SET", setting, "3", setting, "4"], lambda: ["SET", setting, "3", "no-such-setting", "4"],
        lambda: ["SET", "maxmemory", "abc"], lambda: ["SET", "appendfsync", "sometimes"],
        lambda: ["SET", "maxmemory-policy", "nonsense"], lambda: ["GET", "maxclients"],
        lambda: ["RESETSTAT"], lambda: ["NONSENSE"], lambda: [], lambda: ["SET", "databases", "4"],
        lambda: ["SET", "notify-keyspace-events", rng.choice(["KEA", "AKE", "Kg$", "xyz", "", "lshzxetdm", "KEAm"])],
        lambda: ["GET", "notify-keyspace-events"]])()]


def command_command(rng):
    """Unspoilt, and with counts that are integers or not at all: GETKEYS of Redis takes 1e for 1."""
    return command("COMMAND", *rng.choice([
        lambda: ["GETKEYS", "SET", key(rng), string(rng)], lambda: ["GETKEYS", "MSET", "a", "1", "b", "2"],
        lambda: ["GETKEYS", "MSET", "a", "1", "b"], lambda: ["GETKEYS", "GET"], lambda: ["GETKEYS"], lambda: ["GETKEYS", "PING"],
        lambda: ["GETKEYS", "NOSUCH", "a"], lambda: ["GETKEYS", "BITOP", "AND", "d", "a", "b"],
        lambda: ["GETKEYS", "SINTERCARD", rng.choice([b"1", b"0", b"3", b"-1", b"abc", b"2"]), "a", "b"], lambda: ["GETKEYS", "SINTERCARD", "2", "a", "b"],
        lambda: ["GETKEYS", "OBJECT", "ENCODING", "a"], lambda: ["GETKEYS", "MEMORY", "USAGE", "a"],
        lambda: ["GETKEYS", "COPY", "a", "b", "DB", "1"], lambda: ["GETKEYSANDFLAGS", "COPY", "a", "b"],
        lambda: ["GETKEYSANDFLAGS", "SET", "a", "b"], lambda: ["GETKEYSANDFLAGS", "GET", "a"], lambda: ["GETKEYSANDFLAGS", "SMOVE", "a", "b", "c"],
        lambda: ["GETKEYSANDFLAGS", "SET", "a", "b", "GET"], lambda: ["GETKEYSANDFLAGS", "DEL", "a", "b", "a"],
        lambda: ["GETKEYSANDFLAGS", "BITFIELD", "a", "GET", "u8", "0"], lambda: ["GETKEYSANDFLAGS", "LCS", "a", "b"],
        lambda: ["GETKEYSANDFLAGS", "SUNIONSTORE", "a", "b", "c"], lambda: ["GETKEYSANDFLAGS", "PING"],
        lambda: ["GETKEYS", "RENAME", "a", "b"], lambda: ["GETKEYS", "SUBSCRIBE", "a"], lambda: ["GETKEYS", "SSUBSCRIBE", "a", "b"],
        lambda: ["INFO", "get"], lambda: ["INFO", "nosuch"], lambda: ["INFO", "nosuch", "nosuch"],
        lambda: ["DOCS", "nosuch"], lambda: ["NONSENSE"], lambda: ["COUNT", "x"],
        lambda: ["LIST", "FILTERBY", "PATTERN", "getra*"], lambda: ["LIST", "FILTERBY", "ACLCAT", "nosuch"],
        lambda: ["LIST", "FILTERBY", "MODULE", "x"], lambda: ["LIST", "FILTERBY", "X", "x"], lambda: ["LIST", "x"]])())


def debug(rng):
    return ["DEBUG", *rng.choice([["SLEEP", "0"], ["SET-ACTIVE-EXPIRE", "1"], ["OBJECT", "k1"], ["OBJECT", "nosuch"], ["NONSENSE"],
                                  ["CHANGE-REPL-ID"], []])]


def various(rng):
    return rng.choice([
        lambda: ["SLOWLOG", *rng.choice([["LEN"], ["RESET"], ["GET", "abc"], ["GET", "-2"], ["NONSENSE"], ["GET", "0"]])],
        lambda: ["LATENCY", *rng.choice([["RESET"], ["HISTORY", "nosuch"], ["NONSENSE"], ["RESET", "nosuch"], ["LATEST"]])],
        lambda: ["MEMORY", *rng.choice([["USAGE", "nosuch"], ["NONSENSE"], ["USAGE"], ["PURGE"], ["DOCTOR"]])],
        lambda: ["INFO", *rng.choice([[], ["server"], ["everything"], ["nosuch"], ["all"], ["clients", "memory"]])],
        lambda: ["TIME"], lambda: ["TIME", "x"], lambda: ["LASTSAVE"], lambda: ["ROLE"], lambda: ["DBSIZE"], lambda: ["DBSIZE", "x"],
        lambda: command("LOLWUT"), lambda: command("LOLWUT", "VERSION", "5"), lambda: command("SHUTDOWN", "NONSENSE"), lambda: command("SHUTDOWN", "ABORT"),
        lambda: command("BGSAVE", "NONSENSE"), lambda: command("SAVE", "x"), lambda: ["FLUSHALL", "NONSENSE"], lambda: ["FLUSHDB", small(rng)],
        lambda: ["SWAPDB", small(rng), small(rng)], lambda: ["OBJECT", "HELP"], lambda: command("WAIT", "-1", "0"),
        lambda: command("WAIT", "1", "1"), lambda: command("MONITOR", "x"),
    ])()


commands = [
    (5, config),
    (1, lambda rng: command("CONFIG", "SET", "port", "abc")),  # Unspoilt: port 0 would stop Redis from listening.
    (5, command_command),
    (2, debug),
    (5, various),
    (2, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: [cased(rng, rng.choice(["NOSUCH", "GETT", "\"x\"", "a b", "x" * 200])), string(rng), string(rng), "y" * 200]),
    (1, lambda rng: command(*["nosuch"] + ["argument %d" % i for i in range(rng.choice([1, 20]))])),
]
