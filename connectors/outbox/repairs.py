"""The list of sessions that are to be repaired by themselves, in `door.session_repairs` (decision 0043)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from connectors.postgres import Connection

Reason = Literal["unanswered", "given_up", "inconsistent", "untaken"]
"""Why a session is taken for behind its events; the table's comment says what each means."""

State = Literal["DUE", "DONE", "FAILED"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A repair that begins now."""

    session_id: UUID
    reason: Reason
    number: int
    """Which attempt it is, from 1."""


async def ask(connection: Connection, session_id: UUID, reason: Reason) -> bool:
    """Put a session on the list; False where repairs of it were in vain and another is not tried today."""
    listed: bool = await connection.fetchval("SELECT door.ask_repair($1, $2)", session_id, reason)
    return listed


async def begin(connection: Connection, limit: int) -> list[Attempt]:
    """The sessions whose repair is due, at most `limit`; each counts as attempted, whatever comes of it."""
    rows = await connection.fetch("SELECT session_id, reason, attempt FROM door.begin_repairs($1)", limit)
    return [Attempt(UUID(int=row["session_id"].int), row["reason"], row["attempt"]) for row in rows]


async def end(connection: Connection, session_id: UUID, state: State, remark: str | None = None) -> State | None:
    """Note what came of an attempt; DUE asks for another one, and the answer is FAILED where there were enough.

    A session that is not on the list stays off it: None.
    """
    left: State | None = await connection.fetchval("SELECT door.end_repair($1, $2, $3)", session_id, state, remark)
    return left


async def revive_commands(connection: Connection, session_id: UUID, limit: int) -> int:
    """Send the session's commands without an outcome again, those that were given up among them; how many."""
    sent: int = await connection.fetchval("SELECT door.revive_commands($1, $2)", session_id, limit)
    return sent


@dataclass(frozen=True, slots=True)
class Figures:
    """How the sessions stand that were to be repaired by themselves."""

    done: int
    last_done_at: datetime | None
    due: int
    failed: int


async def figures(connection: Connection) -> Figures:
    """Count them."""
    row = await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE state = 'DONE') AS done, count(*) FILTER (WHERE state = 'DUE') AS due,"
        " max(ended_at) FILTER (WHERE state = 'DONE') AS last_done_at,"
        " count(*) FILTER (WHERE state = 'FAILED') AS failed FROM door.session_repairs"
    )
    assert row is not None  # an aggregate: always one row
    return Figures(row["done"], row["last_done_at"], row["due"], row["failed"])
