"""Questions to the door: whether a session was accepted, and how far a command has come."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres import Connection, Pool

_SESSION = "SELECT created_at FROM door.genesis_sessions WHERE id = $1 AND owner = $2"
_COMMAND = """
    SELECT id AS command_id, session_id, command_no, command_type, status, reason, correlation_id, received_at,
        processed_at, given_up_at
    FROM door.command_inbox WHERE id = $1 AND owner = $2
"""


@dataclass(frozen=True, slots=True)
class AcceptedCommand:
    """A command of the inbox and its outcome so far."""

    command_id: UUID
    session_id: UUID
    command_no: int
    command_type: str
    status: str
    """RECEIVED, PROCESSING, COMPLETED or FAILED."""
    reason: str | None
    """Why it was refused; a stable word."""
    correlation_id: UUID
    received_at: datetime
    processed_at: datetime | None
    given_up_at: datetime | None
    """Since when nobody sends it again: it was lost too often."""


async def session_accepted_at(connection: Connection | Pool, session_id: UUID, owner: str) -> datetime | None:
    """When this owner's session was accepted; None if there is none."""
    accepted_at: datetime | None = await connection.fetchval(_SESSION, session_id, owner)
    return accepted_at


async def command(connection: Connection | Pool, command_id: UUID, owner: str) -> AcceptedCommand | None:
    """A command of a session of this owner; None if there is none."""
    row = await connection.fetchrow(_COMMAND, command_id, owner)
    return None if row is None else AcceptedCommand(**dict(row))
