"""Questions to the generations."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from connectors.postgres import Connection, Pool
from projections import sql

_SQL = sql.named(__package__)


@dataclass(frozen=True, slots=True)
class StoredTask:
    """One generation, running or ended."""

    id: UUID
    stage: str
    task_type: str
    status: str
    attempt: int | None
    error: dict[str, Any] | None
    provenance: dict[str, Any] | None
    cost: Decimal | None
    """In `currency`; None where it is not known."""
    currency: str | None
    discarded: bool
    deadline: datetime
    requested_at: datetime
    finished_at: datetime | None


async def of_session(connection: Connection | Pool, session_id: UUID, limit: int) -> list[StoredTask]:
    """The generations of a session, newest first, at most `limit`."""
    return [StoredTask(**dict(row)) for row in await connection.fetch(_SQL["of_session"], session_id, limit)]
