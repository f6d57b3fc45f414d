"""`genesis repair SESSION`: a session's state and read models made anew from its history (design §8)."""

import asyncio
import sys
from collections.abc import Sequence
from uuid import UUID

from rich.console import Console

from connectors.outbox import repairs
from connectors.postgres import READ_SCHEMA, connect
from connectors.settings import Settings
from genesis.errors import GenesisError
from projections import repair as sessions
from projections import restate
from projections.restate import Fate, Sent
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
            sent = await restate.send(reached, [state], force=force)
            if not works:
                say(out, "Its state is replaced when the studio is started: nothing runs now.")
                return 0
            await _handled(reached, sent)
            answer = (await restate.answers(reached, sent))[session_id]
            again = 0
            if answer.fate is Fate.TAKEN:
                again = await repairs.revive_commands(connection, session_id, COMMANDS_SENT)
                await repairs.end(connection, session_id, "DONE")
        finally:
            await connection.close()
    if answer.fate is Fate.TAKEN:
        say(
            out,
            f"Its state is repaired (repair {answer.repairs}), and what it owes is asked for again. "
            f"Commands without an outcome that were sent again: {again}.",
        )
        return 0
    say(
        out,
        f"Its state was left alone: it is at sequence {answer.sequence}, ahead of the {state.sequence} events of the "
        "database. Wait until the projector has caught up (`genesis status`) and repair again; --force takes it back "
        "to those events.",
        "yellow",
    )
    return 1


async def _handled(settings: Settings, sent: Sequence[Sent]) -> None:
    """Wait until the worker has handled the repair and saved what came of it. Raises WorkerAway, PipeSilent."""
    try:
        async with asyncio.timeout(WORKER_SECONDS):
            while not await restate.handled(settings, sent):  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # the broker tells nobody of a commit
    except TimeoutError as error:
        raise WorkerAway from error
