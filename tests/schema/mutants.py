"""Reports and events that are wrong on purpose: a schema that takes everything would be of no use."""
import collections
import copy

# Keys whose values are words of a list; of the open ones the contract says that more may be added.
WORDS = {"kind", "engine", "strategy", "family", "direction", "outcome", "signal", "signal_from", "learned_by",
         "event", "from", "at_expiry"}
OPEN_WORDS = {"reason", "code"}

# What does not go together, by outcome.
TIES = {
    "timeout": [
        ("schema_version", 2),
        ("started_at", "2026-11-03 02:14:56"),
        ("started_at", "2026-11-03T02:14:56+01:00"),
        ("target.address", None),
        ("target.port", 0),
        ("target.port", 7.5),
        ("method.directions", []),
        ("method.directions", ["outbound", "outbound"]),
        ("path.loss", 1.1),
        ("path.reply_ttl", 256),
        ("path.unanswered_missed", 3),
        ("result.timeout_s", None),
        ("result.survived_s", 0),
        ("result.expired_s", None),
        ("result.signal", None),
        ("result.signal_from", "nobody"),
        ("result.reason", "too_lossy"),
        ("result.directions.outbound.timeout_s", None),
        ("result.outcome", "closed_by_endpoint"),
        ("advice.tcp_keepalive_intvl_s", None),
        ("check", {"min_s": 5, "passed": None}),
        ("check", {"min_s": 5}),
        ("warnings", [{"code": "Mixed Fates", "message": "m"}]),
        ("warnings", [{"code": "eviction", "message": ""}]),
        ("error", "there is one"),
    ],
    "no_timeout": [
        ("result.survived_s", None),
        ("result.survived_s", 0),
        ("result.expired_s", 9),
        ("result.timeout_s", 9),
        ("result.signal", "silent"),
        ("check", {"min_s": 5, "passed": False}),
    ],
    "inconclusive": [
        ("result.reason", None),
        ("result.reason", "Too lossy"),
        ("result.timeout_s", 9),
        ("consistent_with", [{"platform": "p", "timeout_s": 9, "source": "s"}]),
        ("rfc5382.meets", True),
        ("check", {"min_s": 5, "passed": True}),
    ],
    "unreachable": [
        ("result.survived_s", 9),
        ("result.reason", "interrupted"),
        ("error", None),
    ],
}

# What validate.contradictions() is to see, in a timeout of one direction.
CONTRADICTIONS = [
    ("method.directions", ["inbound"]),
    ("method.max_idle_s", 0),
    ("path.rtt_ms.min", 1e6),
    ("result.survived_s", 1e6),
    ("result.expired_s", 0),
    ("result.directions.outbound", None),
    ("result.directions.outbound.timeout_s", 0),
    ("advice.tcp_keepalive_time_s", 10**6),
    ("check", {"min_s": 1e6, "passed": True}),
]

# What does not go together in an event, by its name.
EVENT_TIES = {
    "start": [("at_s", 1), ("target.port", 0), ("check", {"min_s": 5, "passed": True}), ("path.nat", {}),
              ("host_now.tcp_keepalive_intvl_s", 0)],
    "opened": [("connection", -1), ("connection", None), ("rtt_ms", None), ("ttl", 0), ("icmp_type", 3)],
    "icmp": [("icmp_type", 256), ("icmp_code", None), ("from", None)],
    "finding": [("survived_s", "1"), ("expired_s", -1)],
    "warning": [("message", None)],
    "end": [("result.outcome", "unreachable"), ("error", "there is one"), ("time", "now")],
}
OPTIONAL = collections.defaultdict(set, any={"input", "blur_ms"}, opened={"rtt_ms", "from", "ttl"}, icmp={"ttl"})

PLATFORM_TIES = [("schema_version", 2), ("platforms", [{}]), ("platforms", [7])]
PLAN_TIES = [("schema_version", 2), ("targets", []), ("plans", []), ("plans", [{}]), ("method.connections", 0)]


def places(value, path=()):
    """The path to every key, of a list in its first item."""
    if isinstance(value, dict):
        for key in value:
            yield (*path, key)
            yield from places(value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def changed(value, path, new):
    value = copy.deepcopy(value)
    at(value, path[:-1])[path[-1]] = new
    return value


def without(value, path):
    value = copy.deepcopy(value)
    del at(value, path[:-1])[path[-1]]
    return value


def lacking(value, optional=()):
    """Each without one key."""
    return [(f"without {path}", without(value, path)) for path in places(value) if path[0] not in optional]


def mistyped(value):
    """Each with one value of another type."""
    for path in places(value):
        old = at(value, path)
        for new in [{}, []] if old is None else [{}, [], "7", 7, True]:
            if type(new) is not type(old) and not (type(old) is float and type(new) is int):
                yield f"{path}: {new}", changed(value, path, new)


def misworded(value, keys):
    """Each with one word that is not known."""
    for path in places(value):
        if path[-1] in keys and isinstance(at(value, path), str):
            yield f"{path}: a word", changed(value, path, "no_such_word")


def enlarged(value):
    """Each with one key that is not known."""
    for path in [(), *places(value)]:
        if isinstance(at(value, path), dict):
            yield f"{path}: a key", changed(value, (*path, "no_such_key"), 1)


def opposed(value, pairs):
    """Each with one of the pairs of path and value."""
    return [(f"{path}: {new}", changed(value, path.split("."), new)) for path, new in pairs]
