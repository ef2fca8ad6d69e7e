"""All geo commands."""

from step import command
from values import cased, key, keys, small, string

# Longitude and latitude of each, far enough apart that no two are as near to something as another.
PLACES = {
    b"Palermo": (13.361389, 38.115556), b"Catania": (15.087269, 37.502669), b"Roma": (12.4964, 41.9028),
    b"Quito": (-78.4678, -0.1807), b"Suva": (178.4419, -18.1416), b"Apia": (-171.7514, -13.8507), b"Alert": (-62.3481, 82.5018),
    b"Pole": (31.7, 85.04), b"Null": (0.0, 0.0), b"Ushuaia": (-68.3030, -54.8019), b"Troll": (2.535, -72.0114),
    b"\x00\xff": (13.5833, 37.3167), b"a": (15.2, 37.6), b"b": (15.3, 37.1), b"c": (14.9, 38.0),
}
NAMES = list(PLACES)
RADII = [b"0", b"1", b"100", b"12345.678", b"50", b"200", b"200000", b"1000", b"5000", b"20000", b"1e7", b"3e7", b"1e9", b"inf"]
NOT_RADII = [b"-1", b"abc", b"", b"nan", b"-0.1"]


def name(rng):
    return rng.choice(NAMES) if rng.random() < 0.9 else b"nobody"


def degrees(rng, place):
    return [b"%.*f" % (rng.choice([6, 12]), value) for value in place]


def position(rng):
    roll = rng.random()
    if roll < 0.06:
        return rng.choice([[b"181", b"0"], [b"0", b"86"], [b"-181", b"-86"], [b"abc", b"1"], [b"1", b""], [b"inf", b"0"],
                           [b"1e300", b"5"]])
    if roll < 0.4:
        return [b"%.4f" % rng.uniform(-180, 180), b"%.4f" % rng.uniform(-85, 85)]
    longitude, latitude = PLACES[rng.choice(NAMES)]
    return degrees(rng, (max(-180, min(180, longitude + rng.uniform(-1, 1))), max(-85, min(85, latitude + rng.uniform(-1, 1)))))


def unit(rng):
    return cased(rng, rng.choice(["m", "km", "ft", "mi"])) if rng.random() < 0.96 else rng.choice([b"", b"yd", b"k"])


def length(rng):
    return rng.choice(NOT_RADII) if rng.random() < 0.04 else rng.choice(RADII)


def added(rng, places):
    return [part for place in places for part in (*degrees(rng, PLACES[place]), place)]


def geoadd(rng):
    options = [cased(rng, word) for word in ("NX", "XX", "CH") if rng.random() < 0.12]
    places = rng.sample(NAMES, rng.choice([1, 2, 5, len(NAMES)]))
    return ["GEOADD", key(rng), *options, *(added(rng, places) if rng.random() < 0.9 else [*position(rng), b"elsewhere"])]


def shown(rng):
    return [cased(rng, word) for word in ("WITHCOORD", "WITHDIST", "WITHHASH") if rng.random() < 0.3]


def wanted(rng):
    options = []
    if rng.random() < 0.4:
        options += [cased(rng, "COUNT"), rng.choice([b"1", b"2", b"3", b"100", b"0", b"-1", b"abc"])]
        if rng.random() < 0.4:
            options.append(cased(rng, "ANY"))
    if rng.random() < 0.5:
        options.append(cased(rng, rng.choice(["ASC", "DESC"])))
    if rng.random() < 0.03:
        options.append(cased(rng, rng.choice(["ANY", "NOSUCH", "STORE"])))
    return options


def shape(rng):
    centre = [cased(rng, "FROMMEMBER"), name(rng)] if rng.random() < 0.5 else [cased(rng, "FROMLONLAT"), *position(rng)]
    area = [cased(rng, "BYRADIUS"), length(rng), unit(rng)] if rng.random() < 0.5 else \
        [cased(rng, "BYBOX"), length(rng), length(rng), unit(rng)]
    parts = [centre, area] if rng.random() < 0.95 else rng.choice([[centre], [area], [centre, area, area], [centre, centre, area]])
    rng.shuffle(parts)
    return [word for part in parts for word in part]


def geosearch(rng):
    return ["GEOSEARCH", key(rng), *shape(rng), *wanted(rng), *shown(rng)]


def geosearchstore(rng):
    return ["GEOSEARCHSTORE", key(rng), key(rng), *shape(rng), *wanted(rng),
            *rng.choice([[], [cased(rng, "STOREDIST")]]), *(shown(rng) if rng.random() < 0.1 else [])]


def georadius(rng):
    by_member = rng.random() < 0.5
    readonly = rng.random() < 0.4
    command_name = ("GEORADIUSBYMEMBER" if by_member else "GEORADIUS") + ("_RO" if readonly else "")
    centre = [name(rng)] if by_member else position(rng)
    options = wanted(rng)
    if rng.random() < (0.05 if readonly else 0.4):
        options += [cased(rng, rng.choice(["STORE", "STOREDIST"])), key(rng)]
        options += shown(rng) if rng.random() < 0.1 else []
    else:
        options += shown(rng)
    return [command_name, key(rng), *centre, length(rng), unit(rng), *options]


def filled(rng):
    name_of_key = key(rng)
    return [command("DEL", name_of_key), command("GEOADD", name_of_key, *added(rng, NAMES))]


commands = [
    (6, geoadd),
    (4, filled),
    (3, lambda rng: ["GEOPOS", key(rng), *[name(rng) for _ in range(rng.randint(0, 3))]]),
    (3, lambda rng: ["GEOHASH", key(rng), *[name(rng) for _ in range(rng.randint(0, 3))]]),
    (4, lambda rng: ["GEODIST", key(rng), name(rng), name(rng), *rng.choice([[], [unit(rng)], [unit(rng)], [b"m", b"m"]])]),
    (12, geosearch),
    (6, geosearchstore),
    (10, georadius),
    (1, lambda rng: ["ZRANGE", key(rng), "0", "-1", "WITHSCORES"]),
    (1, lambda rng: ["ZADD", key(rng), rng.choice([b"-1", b"0", b"1.5", b"4503599627370496", b"1e15", b"3479099956230698"]), b"odd"]),
    (1, lambda rng: ["ZREM", key(rng), b"odd"]),
    (1, lambda rng: ["SET", key(rng), string(rng)]),
    (1, lambda rng: ["DEL", *keys(rng)]),
    (1, lambda rng: ["ZREMRANGEBYRANK", key(rng), small(rng), small(rng)]),
]
