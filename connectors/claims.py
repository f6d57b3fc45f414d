"""Claims of generations in Postgres: of all generator processes one works on a task, and its result is kept."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import asyncpg

from connectors.postgres import Connection, Pool


class Standing(StrEnum):
    """What a process that asks for a task has to do with it."""

    CLAIMED = "claimed"
    """It is this process's now: work on it, as the attempt that the claim names."""
    MINE = "mine"
    """This process works on it already: join that work."""
    ELSEWHERE = "elsewhere"
    """Another living process works on it: wait outside the pool and ask again after `lease_until`."""
    DONE = "done"
    """It is done: send the stored result again."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that works on tasks: its instance, which survives a restart, and what it drew at its start."""

    instance: str
    """Never shared by two living processes: another process under the same instance is a dead predecessor."""
    process: str

    @classmethod
    def start(cls, instance: str | None) -> "Owner":
        """The owner that this process is from now on; without an instance nobody can be its predecessor."""
        drawn = secrets.token_hex(8)
        return cls(instance or drawn, f"{instance}/{drawn}" if instance else drawn)


@dataclass(frozen=True, slots=True)
class Claim:
    """A task as it stands in the table when this process asked for it."""

    standing: Standing
    attempt: int
    """Number of the attempt, from 1: the one claimed, running or done."""
    process: str
    """Who runs it or ran it last."""
    lease_until: datetime
    """Until then its process is taken for alive."""
    result: bytes | None
    """What was stored, byte for byte, with standing DONE."""


class Claims:
    """The claims as one process sees them. Every call is one statement; none keeps a connection.

    Renewing and storing hold only while task, attempt and owner are still the claimed ones: False means that
    another process has taken the task over, so abort, send nothing, and note the cost with `discard`.
    """

    def __init__(self, database: Connection | Pool, owner: Owner) -> None:
        self._database = database
        self.owner = owner

    async def claim(self, task_id: UUID, session_id: UUID, lease: timedelta) -> Claim:
        """Ask for a task. A task whose process is dead or silent becomes a new attempt of this process."""
        row = await self._database.fetchrow(
            "SELECT * FROM door.claim_generation($1, $2, $3, $4, $5)",
            task_id,
            session_id,
            self.owner.instance,
            self.owner.process,
            lease,
        )
        assert row is not None  # the function has OUT parameters: always one row
        return _claim(row)

    async def renew(self, task_id: UUID, attempt: int, lease: timedelta) -> bool:
        """Say that this process still works on it, for another `lease` from now; False: taken over."""
        return bool(
            await self._database.fetchval(
                "SELECT door.renew_generation($1, $2, $3, $4)", task_id, attempt, self.owner.process, lease
            )
        )

    async def store(self, task_id: UUID, attempt: int, result: bytes, cost: Decimal | None) -> bool:
        """Keep the message that brings the result, before it is sent; False: taken over, send nothing.

        `cost` is None where the price is unknown. Once stored a result is never replaced.
        """
        return bool(
            await self._database.fetchval(
                "SELECT door.store_generation($1, $2, $3, $4, $5)",
                task_id,
                attempt,
                self.owner.process,
                result.decode(),
                cost,
            )
        )

    async def discard(self, task_id: UUID, cost: Decimal) -> None:
        """Note what an attempt cost whose result is not used."""
        await self._database.execute("SELECT door.add_discarded_cost($1, $2)", task_id, cost)

    async def fetch(self, task_id: UUID) -> Claim | None:
        """The task as it stands, without asking for it; None if nobody ever has."""
        row = await self._database.fetchrow(
            """
            SELECT CASE WHEN state = 'DONE' THEN 'done' WHEN process = $2 THEN 'mine' ELSE 'elsewhere' END AS outcome,
                   attempt, process, lease_until, result
            FROM door.generation_claims WHERE task_id = $1
            """,
            task_id,
            self.owner.process,
        )
        return None if row is None else _claim(row)


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(
        standing=Standing(row["outcome"]),
        attempt=row["attempt"],
        process=row["process"],
        lease_until=row["lease_until"],
        result=None if row["result"] is None else row["result"].encode(),
    )
