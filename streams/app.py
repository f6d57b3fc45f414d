"""The Faust app: its settings, its topics and its table, declared once."""

from typing import Any, cast

import faust

from connectors.kafka import HEARTBEAT_SECONDS, METADATA_SECONDS, REBALANCE_SECONDS, SESSION_SECONDS
from connectors.settings import Settings
from genesis.topics import APP_ID, COMMANDS, MESSAGE_BYTES
from streams.guards import DurableTable, IdemTransport, SafeTableManager
from streams.lease import Lease

TABLE = "sessions"
"""Name of the table; with APP_ID it makes the name of the changelog (`genesis.topics.SESSIONS_CHANGELOG`)."""


class Machine(faust.App):
    """The app of the sessions agent."""

    settings: Settings
    """Of this process."""

    lease: Lease
    """Whether this worker may still take itself for the owner of its partitions."""

    commands: Any
    """Topic genesis.commands, raw bytes."""

    sessions: DurableTable
    """Session id → record (genesis.wire.dump_state), raw bytes, changelog-backed."""


def declare(settings: Settings, *, store: str = "rocksdb://") -> Machine:
    """The app with topic and table, no agent yet, nothing started. `store` is another only in tests."""
    name = settings.instance or "worker"
    app = Machine(
        APP_ID,
        broker=f"kafka://{settings.bootstrap.replace(',', ';kafka://')}",
        key_serializer="raw",
        value_serializer="raw",
        store=store,
        # One folder per worker: RocksDB locks its files.
        datadir=settings.data.absolute() / f"worker-{name}",
        # None, never "": an empty string would make all members fence each other for ever.
        consumer_group_instance_id=settings.instance or None,
        consumer_auto_offset_reset="earliest",
        # The assignor tells workers apart by this address, though nobody listens there.
        canonical_url=f"http://{name}",
        web_enabled=False,
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_rebalance_timeout=REBALANCE_SECONDS,
        broker_commit_interval=1.0,
        broker_max_poll_records=500,
        stream_buffer_maxsize=512,
        # A rebalance waits for the batches in work, else two workers would handle the same messages.
        stream_wait_empty=True,
        consumer_max_fetch_size=MESSAGE_BYTES,
        # A topic made anew is noticed by its metadata; until then a worker may stand without partitions.
        consumer_metadata_max_age_ms=METADATA_SECONDS * 1000,
        producer_linger=0,
        producer_acks=-1,
        producer_request_timeout=60,
        producer_max_request_size=MESSAGE_BYTES,
        producer_max_batch_size=MESSAGE_BYTES // 2,
        worker_redirect_stdouts=False,
        Table=DurableTable,
        TableManager=SafeTableManager,
    )
    app.settings = settings
    app.lease = Lease(SESSION_SECONDS)
    app.transport = IdemTransport(app.conf.broker_consumer, app)
    app.commands = app.topic(
        COMMANDS.name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )
    app.sessions = cast(Any, app).Table(
        TABLE,
        key_type=bytes,
        value_type=bytes,
        partitions=settings.partitions,
        # A fresh dict: the store takes entries out of it. Faust's defaults are 2 GiB of cache per partition.
        options={"block_cache_size": 16 << 20, "write_buffer_size": 4 << 20} if store.startswith("rocksdb") else None,
    )
    return app
