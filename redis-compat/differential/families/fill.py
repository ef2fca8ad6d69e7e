"""Keys to start with, of every supported type and encoding."""

from step import command
from values import expiry, field, integer, key, member, relative, string


def some_key(rng):
    name = key(rng)
    kind = rng.randrange(12)
    if kind == 0:
        steps = [command("SET", name, string(rng))]
    elif kind == 1:
        steps = [command("SET", name, integer(rng))]
    elif kind == 2:
        steps = [command("HSET", name, *[part for _ in range(rng.randint(1, 5)) for part in (field(rng), string(rng))])]
    elif kind == 3:
        steps = [command("HSET", name, *[part for i in range(rng.choice([20, 100, 511, 513])) for part in ("f%d" % i, i)])]
    elif kind == 4:
        steps = [command("SADD", name, *[member(rng) for _ in range(rng.randint(1, 6))])]
    elif kind == 5:
        steps = [command("SADD", name, *rng.sample(range(-70000, 70000), rng.randint(1, 8)))]
    elif kind == 6:
        steps = [command("SADD", name, *range(rng.choice([511, 512, 513, 600])))]
    elif kind == 7:
        steps = [command("SADD", name, *["m%d" % i for i in range(rng.choice([10, 130]))])]
    elif kind == 8:
        steps = [command("ZADD", name, *[part for i in range(rng.choice([1, 5, 40])) for part in (rng.randint(-9, 9), member(rng))])]
    elif kind == 9:
        steps = [command("ZADD", name, *[part for i in range(rng.choice([10, 127, 129])) for part in (i % 5, "m%d" % i)])]
    elif kind == 10:
        steps = [command("RPUSH", name, *[member(rng) for _ in range(rng.choice([1, 3, 6, 40]))])]
    else:
        steps = [command("SET", name, string(rng), *expiry(rng))]
    if rng.random() < 0.2:
        steps.append(command("EXPIRE", name, relative(rng)))
    return steps
