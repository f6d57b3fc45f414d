"""Keeps the way from the outbox to Kafka whole: publication, replication slot, connector (design §4).

What is missing is made again and what is stuck is restarted, each with one sentence. Rows that were written while
a part was missing may be lost to the pipe; finding and sending those again is the sweeper's work, not this one's.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import httpx

from connectors.outbox import register
from connectors.pipe import SLOT
from connectors.postgres import UNAVAILABLE, Connection, DatabaseRefused, DatabaseUnavailable, connect

PUBLICATION = "genesis_outbox_pub"
"""Name of the publication that the connector reads; the migrations make it."""

TABLE = "door.event_outbox"

STUCK_SECONDS = 20.0
"""A slot that nobody reads for so long, though the connector says it runs, has it restarted."""

WAL_WARNING = 1 << 30
"""Bytes of WAL held back by the slot that are worth a sentence; the embedded server gives the slot up at 2 GB."""

KEPT = 20
"""Repairs that are remembered for `genesis status`."""

log = logging.getLogger(__name__)

_PUBLICATION = """
    SELECT p.pubinsert AS inserts, EXISTS (
        SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = to_regclass($2)) AS has_table
    FROM pg_publication p WHERE p.pubname = $1
"""

# Busy: Debezium takes its snapshot over another connection than the slot's, for as long as the outbox is.
_SLOT = """
    SELECT s.active, s.wal_status, coalesce(s.invalidation_reason, '') AS invalidated,
        pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint AS held,
        EXISTS (SELECT FROM pg_stat_activity a
            WHERE a.usename = $2 AND a.datname = current_database() AND a.state IS DISTINCT FROM 'idle') AS busy
    FROM (VALUES ($1::text)) AS wanted (name)
    LEFT JOIN pg_replication_slots s ON s.slot_name = wanted.name AND s.database = current_database()
"""


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that was found broken and has been mended."""

    at: float
    """Unix time in seconds."""
    what: str
    """A sentence without its full stop."""


class Watchdog:
    """Looks at the three every few seconds. It needs an administrator's login: what it mends are their things."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        config: dict[str, str],
        dsn: str,
        repaired: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client` has Connect's base_url, `config` is the connector's; `repaired` is called after each repair."""
        self._client = client
        self._config = config
        self._dsn = dsn
        self._repaired = repaired
        self._clock = clock
        self._unread_since: float | None = None
        self._warned = False
        self.repairs: deque[Repair] = deque(maxlen=KEPT)
        """What was mended since the start, the last at the end."""

    async def run(self) -> None:
        """Looks for ever; a server that gives no answer is no error here: others look after it."""
        while True:
            # First a pause: the state of what was registered a moment ago is not known to Connect at once.
            await asyncio.sleep(register.WATCH_SECONDS)
            await self.look()

    async def look(self) -> None:
        """One look at everything, in the order in which one needs the other."""
        try:
            await self._look_at_database()
        except DatabaseUnavailable:
            log.info("the database gives no answer")
        except UNAVAILABLE as error:
            log.info("the database gives no answer: %s", type(error).__name__)
        except (DatabaseRefused, asyncpg.PostgresError) as error:
            log.error("publication and slot can't be looked after: %s", error)
        try:
            await self._look_at_connector()
        except (httpx.HTTPError, TimeoutError) as error:
            log.info("connect gives no answer: %s", type(error).__name__)
        except register.ConnectorRefused as error:
            log.error("%s", error)

    async def _look_at_database(self) -> None:
        connection = await connect(self._dsn, application_name="genesis watchdog", command_timeout=10.0)
        try:
            await self._mend_publication(connection)
            await self._mend_slot(connection)
        finally:
            await connection.close(timeout=5)

    async def _mend_publication(self, connection: Connection) -> None:
        """Without it the slot moves on over rows that it does not hand out, and nobody says a word."""
        found = await connection.fetchrow(_PUBLICATION, PUBLICATION, TABLE)
        if found is None:
            await connection.execute(f"CREATE PUBLICATION {PUBLICATION} FOR TABLE {TABLE} WITH (publish = 'insert')")
            self._say(f"the publication {PUBLICATION} was missing and is made again")
        elif not found["has_table"]:
            await connection.execute(f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {TABLE}")
            self._say(f"the publication {PUBLICATION} had lost the table {TABLE} and has it again")
        elif not found["inserts"]:
            await connection.execute(f"ALTER PUBLICATION {PUBLICATION} SET (publish = 'insert')")
            self._say(f"the publication {PUBLICATION} left out inserts and carries them again")

    async def _mend_slot(self, connection: Connection) -> None:
        slot = await connection.fetchrow(_SLOT, SLOT, self._config["database.user"])
        assert slot is not None  # one row always, with nulls where there is no slot
        unread = not slot["active"] and not slot["busy"]
        if slot["invalidated"] or slot["wal_status"] == "lost":
            # Debezium would wait for it half an hour and then fail; without it, it makes a new one and begins
            # with the rows that are kept.
            await connection.execute("SELECT pg_drop_replication_slot($1)", SLOT)
            why = slot["invalidated"] or "lost"
            self._say(f"the replication slot was given up by the server ({why}) and is dropped for a new one")
            unread = False
        if not unread:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = self._clock()
        held = slot["held"] or 0
        if held > WAL_WARNING and not self._warned:
            log.warning("the replication slot holds back %d MB of WAL: does Debezium read it?", held >> 20)
        self._warned = held > WAL_WARNING

    async def _look_at_connector(self) -> None:
        found = await register.health(self._client)
        if not found.running:
            self._unread_since = None
            if mended := await register.mend(self._client, self._config, found):
                self._say(mended)
        elif self._unread_since is not None and self._clock() - self._unread_since > STUCK_SECONDS:
            await register.restart(self._client)
            self._unread_since = None
            self._say(f"nobody had read the replication slot for {STUCK_SECONDS:.0f} s; the connector is restarted")

    def _say(self, what: str) -> None:
        log.warning("%s", what)
        self.repairs.append(Repair(time.time(), what))
        self._repaired()
