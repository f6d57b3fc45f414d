"""Questions to the novels: which ones somebody has, and one of them whole."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres import Connection, Pool
from genesis.content.novel import Novel
from projections import sql

_SQL = sql.named(__package__)


@dataclass(frozen=True, slots=True)
class Summary:
    """A novel in a list."""

    id: UUID
    session_id: UUID
    title: str
    logline: str
    genre: str
    language: str
    audience: str
    target_words: int
    chapter_count: int
    created_at: datetime


async def novels(
    connection: Connection | Pool, user_id: str, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Summary]:
    """The novels of a user, newest first; `before`: created_at and id of the last one of the page before."""
    if before is None:
        rows = await connection.fetch(_SQL["newest"], user_id, limit)
    else:
        rows = await connection.fetch(_SQL["older"], user_id, *before, limit)
    return [Summary(**dict(row)) for row in rows]


async def novel(connection: Connection | Pool, novel_id: UUID, user_id: str) -> Novel | None:
    """A novel of this user, whole; None if there is none."""
    row = await connection.fetchrow(_SQL["novel"], novel_id, user_id)
    return None if row is None else Novel.model_validate(dict(row))
