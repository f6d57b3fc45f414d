"""`genesis repair SESSION`: a session's state and read models made anew from its history (design §8)."""

import asyncio
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Self
from uuid import UUID

from aiokafka.partitioner import DefaultPartitioner
from rich.console import Console

from connectors import kafka as clients
from connectors import reading
from connectors.pipe import committed
from connectors.postgres import READ_SCHEMA, Connection, connect
from connectors.settings import Settings
from genesis import wire
from genesis.envelope import Envelope
from genesis.errors import GenesisError
from genesis.session.messages import StateRepaired
from genesis.session.state import Session
from genesis.topics import APP_ID, COMMANDS, SESSIONS_CHANGELOG
from projections import repair as sessions
from stack import installation, postgres
from stack.mending import grounds, say

WORKER_SECONDS = 60.0
"""Longest wait for the worker to take a repair."""


COMMANDS_SENT = 500
"""Commands without an outcome that are sent again with a repair; the sweeper finds the rest."""


class WorkerAway(GenesisError):
    """The repair lies in genesis.commands, but the worker has not taken it; see `genesis status`. It is taken when
    the worker is back."""


async def repair(settings: Settings, session_id: UUID, *, force: bool = False, console: Console | None = None) -> int:
    """Repairs one session and says what came of it; returns the exit code, 1 where its state was left alone.

    Raises SessionUnknown, HistoryUnreadable, WorkerAway, TopicUnreadable, PipeSilent.
    """
    out = console or Console(file=sys.stdout)
    works = installation.running(settings) is not None
    async with grounds(settings, out) as reached:
        connection = await connect(postgres.dsn(settings), application_name="genesis repair", search_path=READ_SCHEMA)
        try:
            inconsistent = await sessions.write_anew(connection, session_id)
            state = sessions.folded(await sessions.history_of(connection, session_id))
            say(
                out,
                f"The read models of session {session_id} are written anew from {state.sequence} events"
                f"{'; they are no longer inconsistent' if inconsistent else ''}.",
            )
            changelog = await _Changelog.at_end(reached, session_id)
            offset = await _send(reached, state, force)
            if not works:
                say(out, "Its state is replaced when the studio is started: nothing runs now.")
                return 0
            await _taken_in(reached, changelog.partition, offset)
            saved = await changelog.last()
            sent = 0
            if saved.repairs > changelog.before.repairs:
                sent = await _send_again(connection, session_id)
        finally:
            await connection.close()
    if saved.repairs > changelog.before.repairs:
        say(
            out,
            f"Its state is repaired (repair {saved.repairs}), and what it owes is asked for again. "
            f"Commands without an outcome that were sent again: {sent}.",
        )
        return 0
    say(
        out,
        f"Its state was left alone: it is at sequence {saved.sequence}, ahead of the {state.sequence} events of the "
        "database. Wait until the projector has caught up (`genesis status`) and repair again; --force takes it back "
        "to those events.",
        "yellow",
    )
    return 1


class _Age(NamedTuple):
    """What the prefix of a saved state says."""

    repairs: int
    sequence: int


@dataclass(frozen=True, slots=True)
class _Changelog:
    """A session's place in the changelog, and what stood there before the repair."""

    settings: Settings
    key: bytes
    partition: int
    end: int
    before: _Age

    @classmethod
    async def at_end(cls, settings: Settings, session_id: UUID) -> Self:
        """Its partition as it is now."""
        first, ends = await reading.bounds(settings, SESSIONS_CHANGELOG.name)
        key = str(session_id).encode()
        partition = int(DefaultPartitioner()(key, sorted(ends), sorted(ends)))
        there = cls(settings, key, partition, first[partition], _Age(0, 0))
        return cls(settings, key, partition, ends[partition], await there.last())

    async def last(self) -> _Age:
        """The last record of the session, now."""
        _, ends = await reading.bounds(self.settings, SESSIONS_CHANGELOG.name)
        found = self.before
        async for batch in reading.read(
            self.settings, SESSIONS_CHANGELOG.name, {self.partition: self.end}, {self.partition: ends[self.partition]}
        ):
            for record in batch:
                if record.key == self.key:
                    found = _age(record.value)
        return found


def _age(record: bytes) -> _Age:
    try:
        return _Age(*wire.state_prefix(record)[1:])
    except ValueError:
        # It can't be read: that may be what is repaired.
        return _Age(0, 0)


async def _send(settings: Settings, state: Session, force: bool) -> int:
    """Send the repair; its offset."""
    envelope = Envelope(
        message_id=uuid.uuid4(),
        session_id=state.session_id,
        user_id=state.user_id,
        correlation_id=uuid.uuid4(),
        at=datetime.now(UTC),
        message=StateRepaired(record=wire.dump_state(state).decode(), force=force),
    )
    producer = clients.producer(settings)
    await producer.start()
    try:
        key = str(state.session_id).encode()
        placed = await producer.send_and_wait(COMMANDS.name, wire.dump_envelope(envelope), key)
    finally:
        await producer.stop()
    return int(placed.offset)


async def _taken_in(settings: Settings, partition: int, offset: int) -> None:
    """Wait until the worker has handled the message there and saved what came of it."""
    try:
        async with asyncio.timeout(WORKER_SECONDS):
            while (await committed(settings, APP_ID, COMMANDS)).get(partition, 0) <= offset:  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # the broker tells nobody of a commit
    except TimeoutError as error:
        raise WorkerAway from error


async def _send_again(connection: Connection, session_id: UUID) -> int:
    """Send the commands again that have no outcome, those that were given up among them; how many."""
    async with connection.transaction():
        await connection.execute(
            """
            UPDATE door.command_inbox c SET given_up_at = NULL, resent_count = 0
            WHERE c.session_id = $1 AND c.status = 'RECEIVED' AND c.given_up_at IS NOT NULL
                AND (c.internal OR NOT EXISTS (
                    -- A like command that came meanwhile is the one that counts.
                    SELECT FROM door.command_inbox other
                    WHERE other.session_id = c.session_id AND other.command_type = c.command_type
                        AND other.active_key = c.active_key AND other.id <> c.id AND NOT other.internal
                        AND other.status IN ('RECEIVED', 'PROCESSING')))
            """,
            session_id,
        )
        sent: int | None = await connection.fetchval(
            """
            SELECT (door.resend_commands(c.session_id, min(c.command_no), $2)).sent
            FROM door.command_inbox c
            WHERE c.session_id = $1 AND c.status = 'RECEIVED' AND c.given_up_at IS NULL
            GROUP BY c.session_id
            """,
            session_id,
            COMMANDS_SENT,
        )
    return sent or 0
