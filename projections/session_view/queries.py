"""Questions to the sessions: how one stands, and which ones somebody has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from connectors.postgres import Connection, Pool
from genesis.session.state import Session
from projections import sql

_SQL = sql.named(__package__)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the read model knows of a session beside its state."""

    title: str
    idea: str
    """The first 200 characters."""
    inconsistent: bool
    """An event of it could not be projected; the state may be behind its history until it is repaired."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Summary:
    """A session in a list."""

    session_id: UUID
    status: str
    mode: str
    current_stage: str
    version: int
    title: str
    idea: str
    novel_id: UUID | None
    inconsistent: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Loaded:
    """A session as the projector goes on from it."""

    session: Session | None
    """None where not even its first event could be read."""
    inconsistent: bool
    last: int
    """Sequence of the last event of its history, which the session may be behind where it is inconsistent."""
    size: int
    """Characters of its JSON."""


async def state(connection: Connection | Pool, session_id: UUID, user_id: str) -> tuple[Session, Facts] | None:
    """How a session of this user stands; None if there is none, or none of whose events could be read."""
    row = await connection.fetchrow(_SQL["state"], session_id, user_id)
    if row is None or row["head"] is None:
        return None
    return Session.model_validate_json(_json(row)), Facts(
        title=row["title"] or "",
        idea=row["idea"] or "",
        inconsistent=row["inconsistent"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def version(connection: Connection | Pool, session_id: UUID, user_id: str) -> int | None:
    """The version of a session of this user, without reading the session; None if there is none."""
    found: int | None = await connection.fetchval(_SQL["version"], session_id, user_id)
    return found


async def sessions(
    connection: Connection | Pool, user_id: str, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Summary]:
    """The sessions of a user, newest first; `before`: created_at and session_id of the last of the page before."""
    if before is None:
        rows = await connection.fetch(_SQL["newest"], user_id, limit)
    else:
        rows = await connection.fetch(_SQL["older"], user_id, *before, limit)
    return [Summary(**{**dict(row), "title": row["title"] or "", "idea": row["idea"] or ""}) for row in rows]


async def load(connection: Connection, session_ids: Sequence[UUID]) -> dict[UUID, Loaded]:
    """These sessions, those that there are, for the projector."""
    return {row["session_id"]: _loaded(row) for row in await connection.fetch(_SQL["load"], session_ids)}


def _loaded(row: asyncpg.Record) -> Loaded:
    if row["head"] is None:
        return Loaded(None, row["inconsistent"], row["last"] or 0, 0)
    text = _json(row)
    session = Session.model_validate_json(text)
    return Loaded(session, row["inconsistent"], row["last"] or session.sequence, len(text))


def _json(row: asyncpg.Record) -> str:
    return f'{row["head"][:-1]},"brief":{row["brief"]},"stages":{{{row["stages"] or ""}}}}}'
