"""Every session: its events folded, and against them its view, its saved state and its commands."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import orjson

from genesis import wire
from genesis.session.events import Recorded
from genesis.session.evolve import evolve
from genesis.session.state import Session
from projections.domain_events import queries as history
from projections.domain_events.project import UNREADABLE
from projections.rebuild import Told
from projections.session_view import queries as views
from stack.findings import Findings
from stack.reconcile_saved import Saved

LATE_SECONDS = 60
"""A stored result that its session has not taken for so long is stuck."""

SESSIONS = 100
"""Sessions compared at once."""

REPAIR = "`genesis repair SESSION` for each; for many `genesis repair --all` with the studio stopped."

_EVENTS = """
SELECT event_id, event_type, event_version, aggregate_type, aggregate_id, sequence, correlation_id, causation_id,
    created_at, payload::text AS payload, metadata::text AS metadata, kafka_partition, kafka_offset
FROM domain_events ORDER BY aggregate_id, sequence
"""


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


class SessionComparison:
    """Folds the history session by session and holds against it what else is known of the session."""

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
