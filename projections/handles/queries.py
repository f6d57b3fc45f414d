"""Questions to the resume handles."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres import Connection, Pool
from projections import sql

_SQL = sql.named(__package__)


@dataclass(frozen=True, slots=True)
class StoredHandle:
    """One pause of one stage, open or over."""

    id: UUID
    stage: str
    task_id: UUID | None
    proposal_id: UUID | None
    status: str
    answer_command_id: UUID | None
    """The command that answered: kept while PENDING_PAUSE, applied when RESUMED."""
    created_at: datetime
    paused_at: datetime | None
    resumed_at: datetime | None
    expires_at: datetime | None


async def of_session(connection: Connection | Pool, session_id: UUID, limit: int) -> list[StoredHandle]:
    """The handles of a session, newest first, at most `limit`."""
    return [StoredHandle(**dict(row)) for row in await connection.fetch(_SQL["of_session"], session_id, limit)]
