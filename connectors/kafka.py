"""Kafka clients as every process makes them: idempotent producers, consumers that commit by hand."""

from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from connectors.settings import Settings
from genesis.topics import MESSAGE_BYTES

Client: TypeAlias = Any
"""An AIOKafkaProducer or AIOKafkaConsumer; aiokafka is only half typed, which strict type checks refuse."""

SESSION_SECONDS = 15.0
"""Session timeout: how long a silent member of a consumer group keeps its partitions."""

HEARTBEAT_SECONDS = 3.0
"""Seconds between two heartbeats of a member."""

REBALANCE_SECONDS = 30.0
"""How long members may take to give up their partitions in a rebalance."""

METADATA_SECONDS = 10
"""Age at which a consumer asks for the topics' metadata again; the default is five minutes."""


def producer(settings: Settings, **overrides: Any) -> Client:
    """A producer whose acknowledged record is on all in-sync replicas, once and in order; not started.

    Keys are placed as Java does it (murmur2, aiokafka's default), so that a key has one partition whoever
    sends it. A send fails after 60 s without an answer of the broker.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "client_id": "genesis",
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 0,
        "max_request_size": MESSAGE_BYTES,
        "request_timeout_ms": 60_000,
    }
    return AIOKafkaProducer(**{**options, **overrides})


def group_consumer(settings: Settings, group: str, **overrides: Any) -> Client:
    """A member of a consumer group that commits by hand and starts at the beginning; not started, not subscribed.

    `Settings.instance` makes its membership static: a killed process has its partitions back at once. Unset
    it must be None: with an empty string all members would fence each other for ever.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "client_id": "genesis",
        "group_id": group,
        "group_instance_id": settings.instance or None,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": int(SESSION_SECONDS * 1000),
        "heartbeat_interval_ms": int(HEARTBEAT_SECONDS * 1000),
        "rebalance_timeout_ms": int(REBALANCE_SECONDS * 1000),
        "metadata_max_age_ms": METADATA_SECONDS * 1000,
        "max_partition_fetch_bytes": MESSAGE_BYTES,
    }
    return AIOKafkaConsumer(**{**options, **overrides})


def listener(settings: Settings, *topics: str, **overrides: Any) -> Client:
    """A consumer without a group that hears what comes from now on in all partitions of `topics`; not started."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "client_id": "genesis",
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "latest",
        "max_partition_fetch_bytes": MESSAGE_BYTES,
    }
    return AIOKafkaConsumer(*topics, **{**options, **overrides})
