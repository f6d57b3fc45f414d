"""Makes the schema of the read models out of the schema.sql of each folder."""

import hashlib

import asyncpg

from genesis import wire
from genesis.errors import GenesisError
from projections import sql

PACKAGES = (
    "projections",
    "projections.domain_events",
    "projections.session_view",
    "projections.handles",
    "projections.tasks",
    "projections.novels",
)
"""Where the schema.sql files lie, in the order in which they are run."""

OWNER = "genesis_projector"
READERS = ("genesis_door", "genesis_sweeper")


class SchemaOfAnotherRelease(GenesisError):
    """The read models were made by another release; run `genesis rebuild` once: it fills them anew from
    genesis.events."""


def fingerprint() -> str:
    """What this release makes the read models of: SHA-256 of the files and of the form of a session's state.

    session_view holds states as the kernel folds them: another form of the state is another schema.
    """
    parts = (*_sources(), f"state {wire.STATE_SCHEMA}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _sources() -> list[str]:
    return [sql.read(package, "schema.sql") for package in PACKAGES]


async def create(connection: "asyncpg.Connection[asyncpg.Record]", schema: str = "read") -> None:
    """Make the read models in `schema`, empty, if they are not there; `connection` is an administrator's.

    The projector owns them, the door and the sweeper may read them. Raises SchemaOfAnotherRelease where the
    schema was made of other files.
    """
    sources = _sources()
    quoted = '"' + schema.replace('"', '""') + '"'
    async with connection.transaction():
        # Two starts at once: the second waits here and then finds the schema made.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('genesis read schema', 0))")
        if await connection.fetchval("SELECT to_regclass($1)", f"{quoted}.projection_schema") is not None:
            made_of = await connection.fetchval(f"SELECT fingerprint FROM {quoted}.projection_schema")
            if made_of != fingerprint():
                raise SchemaOfAnotherRelease
            return
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted} AUTHORIZATION {OWNER}")
        await connection.execute(f"SET LOCAL ROLE {OWNER}")
        await connection.execute(f"SET LOCAL search_path TO {quoted}")
        for source in sources:
            await connection.execute(source)
        await connection.execute("INSERT INTO projection_schema (fingerprint) VALUES ($1)", fingerprint())
        readers = ", ".join(READERS)
        await connection.execute(f"GRANT USAGE ON SCHEMA {quoted} TO {readers}")
        await connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted} TO {readers}")
        await connection.execute(f"REVOKE ALL ON quarantine FROM {readers}")
        await connection.execute(f"GRANT SELECT (kind) ON quarantine TO {readers}")
        await connection.execute(f"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {quoted} FROM PUBLIC")
