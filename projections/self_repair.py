"""Sessions whose saved state is behind their events are repaired without anybody's word (decision 0043).

What shows such a session lies in the database already, so looking for it costs a few index reads, however long the
history is: an event in quarantine, a command that was given up, and what `lost.py` finds on its way. The repair is
the operator's own: the history folded anew and sent to the worker, then the commands without an outcome once more.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

import asyncpg
from aiokafka.errors import KafkaError

from connectors import reading
from connectors.outbox import repairs
from connectors.outbox.repairs import Attempt, Reason
from connectors.pipe import PipeSilent
from connectors.postgres import UNAVAILABLE, Connection, DatabaseUnavailable
from connectors.settings import Settings
from genesis.errors import GenesisError
from genesis.session.state import Session
from projections import repair, restate
from projections.restate import Answer, Fate, Sent
from projections.runner import open_connection

log = logging.getLogger(__name__)

AT_ONCE = 5
"""Repairs that are under way at the same time: each may read a whole history and send a whole state."""

PAGE = 100
"""Sessions put on the list by one look."""

COMMANDS_SENT = 500
"""Commands of a session that are sent again after its repair; the search for lost ones finds the rest."""

WORKER_SECONDS = 60.0
"""Longest wait for the worker to handle a repair before the attempt counts as in vain."""

# Not those that wait for their next attempt, nor those that are beyond help until tomorrow.
_AGAIN = """
NOT EXISTS (SELECT FROM door.session_repairs r WHERE r.session_id = found.session_id
    AND (r.state = 'DUE' OR (r.state = 'FAILED' AND r.ended_at > now() - interval '1 day')))
"""

INCONSISTENT = f"SELECT session_id FROM session_view found WHERE inconsistent AND {_AGAIN} LIMIT $1"

# One that stays given up after a repair has a like command in its place.
GIVEN_UP = f"""
SELECT DISTINCT session_id FROM door.command_inbox found
WHERE given_up_at IS NOT NULL AND status = 'RECEIVED' AND {_AGAIN}
    AND NOT EXISTS (SELECT FROM door.session_repairs r WHERE r.session_id = found.session_id
        AND r.state = 'DONE' AND r.ended_at > found.given_up_at)
LIMIT $1
"""

_REFUSED: tuple[type[BaseException], ...] = (asyncpg.PostgresError, DatabaseUnavailable, *UNAVAILABLE)

LOOKS: tuple[tuple[Reason, str], ...] = (("inconsistent", INCONSISTENT), ("given_up", GIVEN_UP))


class ViewsRefused(GenesisError):
    """The read models of a session can't be written anew now."""


class Workers(Protocol):
    """How repairs reach the workers; the module projections.restate outside of tests."""

    def send(self, settings: Settings, states: Sequence[Session], /) -> Awaitable[list[Sent]]: ...
    def handled(self, settings: Settings, sent: Sequence[Sent], /) -> Awaitable[bool]: ...
    def answers(self, settings: Settings, sent: Sequence[Sent], /) -> Awaitable[dict[UUID, Answer]]: ...


class SelfRepair:
    """Finds sessions to be repaired and takes the repairs one step further at each look."""

    def __init__(
        self, settings: Settings, workers: Workers = restate, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._clock = clock
        self._sent: list[Sent] = []
        self._sent_at = 0.0
        self._silent = False

    async def sweep(self, connection: Connection) -> int:
        """One look over a sweeper's connection: note who needs a repair, begin what is due, or see what came of it;
        how many sessions are repaired now."""
        for reason, query in LOOKS:
            for row in await connection.fetch(query, PAGE):
                await repairs.ask(connection, row["session_id"], reason)
        try:
            if self._sent:
                return await self._finish(connection)
            await self._begin(connection)
        except (PipeSilent, reading.TopicUnreadable, KafkaError) as error:
            # They stay on the list: each is due again after its pause.
            if not self._silent:
                log.warning("sessions can't be repaired: %s", error)
            self._silent, self._sent = True, []
            return 0
        self._silent = False
        return 0

    async def _begin(self, connection: Connection) -> None:
        states: list[Session] = []
        for attempt in await repairs.begin(connection, AT_ONCE):
            log.warning("session %s is repaired (%s, attempt %d)", attempt.session_id, attempt.reason, attempt.number)
            try:
                states.append(await self._folded(connection, attempt))
            except repair.SessionUnknown:
                # Its very first event is on its way, or its first command was never handled at all: then it has no
                # state either, and what is missing is the command.
                await repairs.revive_commands(connection, attempt.session_id, COMMANDS_SENT)
                await repairs.end(connection, attempt.session_id, "DONE")
            except (repair.HistoryIncomplete, ViewsRefused) as error:
                await self._in_vain(connection, attempt.session_id, str(error))
            except repair.HistoryUnreadable as error:
                log.error("session %s can't be repaired: %s", attempt.session_id, error)
                await repairs.end(connection, attempt.session_id, "FAILED", str(error))
        if states:
            self._sent = await self._workers.send(self._settings, states)
            self._sent_at = self._clock()

    async def _folded(self, connection: Connection, attempt: Attempt) -> Session:
        session = attempt.session_id
        # First of all, since whoever can't be folded must not have its views touched.
        state = repair.folded(await repair.history_of(connection, session))
        if await connection.fetchval("SELECT inconsistent FROM session_view WHERE session_id = $1", session):
            await self._views_anew(session)
        return state

    async def _views_anew(self, session_id: UUID) -> None:
        # The read models are the projector's: the sweeper may only read them.
        assert self._settings.database_dsn is not None  # the projector beside us runs on it
        try:
            projector = await open_connection(self._settings.database_dsn.get_secret_value())
            try:
                await repair.write_anew(projector, session_id)
            finally:
                projector.terminate()
        except _REFUSED as error:
            # Not the message: it may quote the person.
            raise ViewsRefused(f"Its read models could not be written anew ({type(error).__name__}).") from error

    async def _finish(self, connection: Connection) -> int:
        sent = self._sent
        if not await self._workers.handled(self._settings, sent):
            if self._clock() - self._sent_at <= WORKER_SECONDS:
                return 0
            self._sent = []
            for one in sent:
                await self._in_vain(connection, one.session_id, "No worker has handled it.")
            return 0
        answers = await self._workers.answers(self._settings, sent)
        self._sent = []
        repaired = 0
        for one in sent:
            answer = answers[one.session_id]
            if answer.fate is Fate.AHEAD:
                await self._in_vain(
                    connection, one.session_id, "The session had moved beyond the events that were folded."
                )
                continue
            again = await repairs.revive_commands(connection, one.session_id, COMMANDS_SENT)
            await repairs.end(connection, one.session_id, "DONE")
            repaired += 1
            log.warning(
                "session %s is repaired to sequence %d (repair %d); commands sent again: %d",
                one.session_id,
                one.sequence,
                answer.repairs,
                again,
            )
        return repaired

    async def _in_vain(self, connection: Connection, session_id: UUID, why: str) -> None:
        left = await repairs.end(connection, session_id, "DUE", why)
        said = "it is given up for today" if left == "FAILED" else "it is tried again"
        log.warning("the repair of session %s came to nothing and %s: %s", session_id, said, why)
