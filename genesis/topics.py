"""Every topic once: its name, what its key is, who writes it and how long it is kept (design §7)."""

from dataclasses import dataclass, field

DAY_MS = 24 * 3600 * 1000

MESSAGE_BYTES = 2 << 20
"""Most bytes of a message: producers, topics and consumers agree on it. A state at its cap and the events of
one step stay below (content model §7); Kafka's own default, 1 MiB, would refuse them."""

_LARGE = {"max.message.bytes": str(MESSAGE_BYTES)}

APP_ID = "genesis"
"""Faust's application id, consumer group of the sessions agent and prefix of its changelog."""


@dataclass(frozen=True)
class Topic:
    """One topic as the stack creates it; `config` are Kafka's own topic settings."""

    name: str
    key: str
    writers: tuple[str, ...]
    config: dict[str, str] = field(default_factory=dict)
    co_partitioned: bool = True
    """True: as many partitions as the setting `partitions`; False: one."""


COMMANDS = Topic(
    "genesis.commands",
    "session id",
    ("Debezium", "generator", "sweeper"),
    {"retention.ms": str(7 * DAY_MS), **_LARGE},
)
EVENTS = Topic(
    "genesis.events", "session id", ("sessions agent",), {"retention.ms": "-1", "retention.bytes": "-1", **_LARGE}
)
REQUESTS = Topic(
    "genesis.generation.requests", "session id", ("sessions agent",), {"retention.ms": str(7 * DAY_MS), **_LARGE}
)
PROGRESS = Topic("genesis.progress", "session id", ("generator",), {"retention.ms": str(3600 * 1000), **_LARGE})
DEAD_LETTERS = Topic(
    "genesis.dead-letters", "as the source", ("any consumer",), {"retention.ms": str(30 * DAY_MS), **_LARGE}
)
SESSIONS_CHANGELOG = Topic(
    f"{APP_ID}-sessions-changelog",
    "session id",
    ("Faust",),
    {
        "cleanup.policy": "compact",
        "segment.bytes": str(32 << 20),
        "min.cleanable.dirty.ratio": "0.1",
        **_LARGE,
    },
)
HEARTBEAT = Topic(
    "__debezium-heartbeat.genesis",
    "server name",
    ("Debezium",),
    {"retention.ms": str(DAY_MS)},
    co_partitioned=False,
)

ALL: tuple[Topic, ...] = (COMMANDS, EVENTS, REQUESTS, PROGRESS, DEAD_LETTERS, SESSIONS_CHANGELOG, HEARTBEAT)
