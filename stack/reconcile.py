"""Holds what the studio has written in five places against each other: log, history, read models, states, commands.

The database is read in one snapshot, so that its tables agree with each other while people write; the changelog is
read before it and once more after it, so that what is merely on its way is not taken for wrong.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from connectors import reading
from connectors.postgres import READ_SCHEMA, connect
from connectors.settings import Settings
from genesis import wire
from genesis.session.events import Recorded
from genesis.session.evolve import evolve
from genesis.session.state import Session
from genesis.topics import EVENTS, SESSIONS_CHANGELOG
from projections.domain_events import queries as history
from projections.domain_events.project import UNREADABLE
from projections.rebuild import Told
from projections.session_view import queries as views
from stack.findings import Findings

PATIENCE_SECONDS = 60.0
"""Longest wait for the projector, and for a worker to save what its events say."""

LATE_SECONDS = 60
"""A stored result that its session has not taken for so long is stuck."""

SESSIONS = 100
"""Sessions compared at once."""

RECORDS = 2000
"""Messages compared at once."""

REPAIR = "`genesis repair SESSION` for each; for many `genesis repair --all` with the studio stopped."

_EVENTS = """
SELECT event_id, event_type, event_version, aggregate_type, aggregate_id, sequence, correlation_id, causation_id,
    created_at, payload::text AS payload, metadata::text AS metadata, kafka_partition, kafka_offset
FROM domain_events ORDER BY aggregate_id, sequence
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """A record of the changelog: its age, and the hash of its state; no hash where it can't be read."""

    repairs: int
    sequence: int
    hash: str | None


@dataclass(slots=True)
class Tale:
    """One session as its events tell it."""

    session_id: UUID
    state: Session | None = None
    last: int = 0
    broken: bool = False
    causes: set[UUID] = field(default_factory=set)
    at_saved: str | None = None
    """Hash of the state at the sequence that is saved, if the events lead there."""


async def reconcile(settings: Settings, admin_dsn: str, findings: Findings, told: Told) -> None:
    """Compare everything; `told` hears of messages and events as they are read. Raises TopicUnreadable."""
    saved = await _Saved.read(settings)
    connection = await connect(
        admin_dsn, application_name="genesis doctor", search_path=READ_SCHEMA, command_timeout=3600
    )
    try:
        ends = await _projected(settings, connection, findings)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await _Log(settings, connection, findings).compare(ends, told)
            behind = await _Sessions(connection, findings, saved.last).compare(told)
    finally:
        await connection.close()
    await _demand_saved(saved, behind, findings)


async def _projected(
    settings: Settings, connection: "asyncpg.Connection[asyncpg.Record]", findings: Findings
) -> dict[int, int]:
    """Wait until the projector has passed the present ends of the log; how far it has come."""
    _, ends = await reading.bounds(settings, EVENTS.name)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        positions = await history.positions(connection)
        missing = sum(max(0, end - positions.get(number, 0)) for number, end in ends.items())
        if not missing or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    findings.add(
        "broken",
        "a message of genesis.events has not been projected",
        "See `genesis status` and logs/projector.log.",
        count=missing,
    )
    # Asked after the positions: what is projected was in the log before.
    _, now = await reading.bounds(settings, EVENTS.name)
    lost = sum(max(0, position - now.get(number, 0)) for number, position in positions.items())
    findings.add(
        "broken",
        "a message was projected that genesis.events no longer has at its end",
        "Bring the topic back, or run `genesis restore-log` with the studio stopped.",
        count=lost,
    )
    return {number: min(end, positions.get(number, 0)) for number, end in ends.items()}


class _Log:
    """Is every message of the log in the history or in quarantine, and the history in the log?"""

    def __init__(
        self, settings: Settings, connection: "asyncpg.Connection[asyncpg.Record]", findings: Findings
    ) -> None:
        self._settings, self._connection, self._findings = settings, connection, findings

    async def compare(self, ends: dict[int, int], told: Told) -> None:
        first, _ = await reading.bounds(self._settings, EVENTS.name)
        done, total = 0, sum(end - first.get(number, 0) for number, end in ends.items())
        async for batch in reading.read(self._settings, EVENTS.name, first, ends, records=RECORDS):
            await self._compare(batch)
            done += len(batch)
            told(done, total)
        self._findings.checked["messages of genesis.events"] = done
        # By place, since that is what positions and streams go by; a message that repeats another has no row.
        stored = await self._connection.fetchval(
            "SELECT count(*) FROM domain_events d JOIN unnest($1::integer[], $2::bigint[], $3::bigint[])"
            " AS p (partition, first, next) ON p.partition = d.kafka_partition"
            " WHERE d.kafka_offset < p.next AND d.kafka_offset >= p.first",
            list(ends),
            [first.get(number, 0) for number in ends],
            list(ends.values()),
        )
        beyond = await self._connection.fetchval("SELECT count(*) FROM domain_events") - stored
        if any(first.values()):
            self._findings.add(
                "broken",
                "an event of the database has no message in genesis.events, which has lost its beginning",
                "Bring the topic back, or `genesis restore-log` with the studio stopped.",
                count=beyond,
            )

    async def _compare(self, batch: Sequence[Any]) -> None:
        rows = await self._connection.fetch(
            """
            SELECT m.partition, m."offset" FROM unnest($1::integer[], $2::bigint[], $3::uuid[])
                AS m (partition, "offset", event_id)
            WHERE NOT EXISTS (SELECT FROM domain_events d WHERE d.event_id = m.event_id)
                AND NOT EXISTS (
                    SELECT FROM domain_events d WHERE d.kafka_partition = m.partition AND d.kafka_offset = m."offset")
                AND NOT EXISTS (
                    SELECT FROM quarantine q WHERE q.kafka_partition = m.partition AND q.kafka_offset = m."offset")
            """,
            [record.partition for record in batch],
            [record.offset for record in batch],
            [_event_id(record.value) for record in batch],
        )
        for row in rows:
            self._findings.add(
                "broken",
                "a message of genesis.events is neither in the history nor in quarantine",
                "`genesis rebuild`.",
                f"{row['partition']}/{row['offset']}",
            )


def _event_id(value: bytes | None) -> UUID | None:
    try:
        return UUID(orjson.loads(value or b"")["event_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class _Saved:
    """The last record of every session in the changelog."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read_up_to: dict[int, int] | None = None
        self.last: dict[UUID, Saved] = {}

    @classmethod
    async def read(cls, settings: Settings) -> "_Saved":
        saved = cls(settings)
        await saved.read_on()
        return saved

    async def read_on(self) -> None:
        """Read what has come since."""
        first, ends = await reading.bounds(self._settings, SESSIONS_CHANGELOG.name)
        async for batch in reading.read(
            self._settings, SESSIONS_CHANGELOG.name, self._read_up_to or first, ends, records=RECORDS
        ):
            for record in batch:
                self._take(record)
        self._read_up_to = ends

    def _take(self, record: Any) -> None:
        try:
            session_id = UUID((record.key or b"").decode())
        except ValueError:
            return
        if record.value is None:
            self.last.pop(session_id, None)
            return
        saved = _saved(record.value)
        known = self.last.get(session_id)
        # As a recovery does it: a zombie's late record does not win.
        if known is None or (saved.repairs, saved.sequence) >= (known.repairs, known.sequence):
            self.last[session_id] = saved


def _saved(record: bytes) -> Saved:
    try:
        _, repairs, sequence = wire.state_prefix(record)
    except ValueError:
        return Saved(-1, -1, None)
    try:
        return Saved(repairs, sequence, wire.state_hash(wire.load_state(record)))
    except wire.Unreadable:
        return Saved(repairs, sequence, None)


class _Sessions:
    """Every session: its events folded, and against them its view, its saved state and its commands."""

    def __init__(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        findings: Findings,
        saved: dict[UUID, Saved],
    ) -> None:
        self._connection, self._findings, self._saved = connection, findings, saved
        self._aside: set[UUID] = set()

    async def compare(self, told: Told) -> dict[UUID, int]:
        """Compare all; sessions whose saved state is behind their events, with the sequence it should have."""
        behind: dict[UUID, int] = {}
        batch: list[Tale] = []
        seen: set[UUID] = set()
        async for tale in self._tales(told):
            seen.add(tale.session_id)
            if self._state(tale):
                behind[tale.session_id] = tale.state.sequence if tale.state else 0
            batch.append(tale)
            if len(batch) == SESSIONS:
                await self._rows(batch)
                batch = []
        await self._rows(batch)
        self._findings.checked["sessions"] = len(seen)
        for session_id in self._saved.keys() - seen:
            self._findings.add(
                "broken",
                "a state is saved of a session that has no event",
                "`genesis repair --all` with the studio stopped.",
                session_id,
            )
        await self._never_begun(seen)
        return behind

    async def _tales(self, told: Told) -> AsyncIterator[Tale]:
        total = await self._connection.fetchval("SELECT count(*) FROM domain_events")
        tale: Tale | None = None
        done = 0
        async for row in self._connection.cursor(_EVENTS, prefetch=500):
            event = history.stored(row)
            if tale is None or tale.session_id != event.session_id:
                if tale is not None:
                    yield tale
                tale = Tale(UUID(int=event.session_id.int))
            self._take(tale, event)
            done += 1
            if done % 500 == 0 or done == total:
                told(done, total)
        self._findings.checked["events"] = done
        if tale is not None:
            yield tale

    def _take(self, tale: Tale, event: history.StoredEvent) -> None:
        tale.last = event.sequence
        recorded = self._read(event)
        if recorded is None:
            cause = orjson.loads(event.body)["causation_id"]
            if cause:
                tale.causes.add(UUID(cause))
            tale.broken = True
            return
        tale.causes.add(recorded.causation_id)
        if tale.broken:
            return
        try:
            tale.state = evolve(tale.state, recorded)
        except ValueError:
            tale.broken = True
            self._findings.add(
                "broken",
                "the history of a session has a hole or a contradiction",
                "`genesis rebuild`; if it stays, the log itself is damaged: bring it back from a copy.",
                tale.session_id,
            )
            return
        saved = self._saved.get(tale.session_id)
        if saved is not None and saved.sequence == recorded.sequence:
            tale.at_saved = wire.state_hash(tale.state)

    def _read(self, event: history.StoredEvent) -> Recorded | None:
        if event.event_type == UNREADABLE:
            return None
        try:
            return wire.load_event(event.body)
        except wire.Unreadable:
            self._findings.add(
                "broken",
                "an event can't be read by this release",
                "Install the release that wrote it.",
                event.session_id,
            )
            return None

    def _state(self, tale: Tale) -> bool:
        """Judge the saved state; True where it seems to be behind and has to be looked at again."""
        saved = self._saved.get(tale.session_id)
        if tale.broken or tale.state is None:
            return False
        if saved is None or saved.sequence < tale.state.sequence:
            return True
        if saved.hash is None:
            self._findings.add("broken", "a saved state can't be read", REPAIR, tale.session_id)
        elif tale.at_saved is None:
            self._findings.add(
                "broken",
                "a saved state is ahead of its events",
                "`genesis repair SESSION --force`, once it is certain that the events are lost.",
                tale.session_id,
            )
        elif tale.at_saved != saved.hash:
            self._findings.add("broken", "a saved state is not what its events make", REPAIR, tale.session_id)
        return False

    async def _rows(self, batch: list[Tale]) -> None:
        if not batch:
            return
        ids = [tale.session_id for tale in batch]
        loaded = await views.load(self._connection, ids)
        commands = await self._connection.fetch(
            """
            SELECT session_id, array_agg(id ORDER BY command_no) AS ids,
                array_agg(command_no ORDER BY command_no) AS numbers,
                array_agg(status ORDER BY command_no) AS statuses
            FROM door.command_inbox WHERE session_id = ANY ($1::uuid[]) GROUP BY session_id
            """,
            ids,
        )
        of_session = {row["session_id"]: row for row in commands}
        results = await self._connection.fetch(
            """
            SELECT t.session_id FROM async_tasks t JOIN door.generation_claims c ON c.task_id = t.id
            WHERE t.session_id = ANY ($1::uuid[]) AND t.status = 'RUNNING' AND c.state = 'DONE'
                AND c.done_at < now() - make_interval(secs => $2)
            """,
            ids,
            LATE_SECONDS,
        )
        aside = await self._connection.fetch(
            "SELECT DISTINCT session_id FROM quarantine WHERE session_id = ANY ($1::uuid[])", ids
        )
        # What lies in quarantine is an outcome, too, and may say of none of its events which command it was.
        self._aside = {UUID(int=row["session_id"].int) for row in aside}
        for row in results:
            self._findings.add(
                "broken",
                "a generation has its result, but its session has not taken it",
                "`genesis repair SESSION` asks for it again; nothing is paid twice.",
                row["session_id"],
            )
        for tale in batch:
            self._view(tale, loaded.get(tale.session_id))
            self._commands(tale, of_session.get(tale.session_id))

    def _view(self, tale: Tale, view: views.Loaded | None) -> None:
        if view is None:
            self._findings.add(
                "broken", "a session with events has no read model", "`genesis rebuild`.", tale.session_id
            )
        elif not view.inconsistent and not tale.broken and view.session != tale.state:
            self._findings.add("broken", "a read model is not what its events make", REPAIR, tale.session_id)

    def _commands(self, tale: Tale, row: "asyncpg.Record | None") -> None:
        if row is None:
            self._findings.add(
                "note",
                "a session's commands are not in the inbox",
                "Its log came from another installation; it can be read, but nobody can go on with it.",
                tale.session_id,
            )
            return
        self._findings.checked["commands"] += len(row["ids"])
        if row["numbers"] != list(range(1, len(row["numbers"]) + 1)):
            self._findings.add(
                "broken",
                "the numbers of a session's commands have gaps",
                "The inbox has lost rows: bring the database back from a copy.",
                tale.session_id,
            )
        for command_id, status in zip(row["ids"], row["statuses"], strict=True):
            answered = UUID(int=command_id.int) in tale.causes
            if status == "RECEIVED" and answered:
                self._findings.add(
                    "broken",
                    "a command has its events, but not its outcome in the inbox",
                    "A bug worth a report; the session itself is right.",
                    command_id,
                )
            elif status != "RECEIVED" and not answered and tale.session_id not in self._aside:
                self._findings.add(
                    "broken",
                    "a command has an outcome, but no event tells of it",
                    "Events are lost: `genesis rebuild` where genesis.events has them.",
                    command_id,
                )

    async def _never_begun(self, seen: set[UUID]) -> None:
        """Sessions of the door that no event tells of, though their first command was answered."""
        rows = await self._connection.fetch(
            """
            SELECT DISTINCT c.session_id FROM door.command_inbox c
            WHERE c.status <> 'RECEIVED'
                AND NOT EXISTS (SELECT FROM domain_events d WHERE d.aggregate_id = c.session_id)
            LIMIT 1000
            """
        )
        for row in rows:
            self._findings.add(
                "broken",
                "commands of a session have outcomes, but it has no event at all",
                "Events are lost: `genesis rebuild` where genesis.events has them.",
                row["session_id"],
            )


async def _demand_saved(saved: _Saved, behind: dict[UUID, int], findings: Findings) -> None:
    """Those that seemed to be behind may only have been on their way."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while behind:
        await saved.read_on()
        behind = {
            session_id: sequence
            for session_id, sequence in behind.items()
            if session_id not in saved.last or saved.last[session_id].sequence < sequence
        }
        if time.monotonic() > deadline:
            break
        if behind:
            await asyncio.sleep(0.5)
    findings.checked["saved states"] = len(saved.last)
    for session_id in behind:
        findings.add(
            "broken",
            "a saved state is behind its events, or missing",
            REPAIR,
            session_id,
        )
