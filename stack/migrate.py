"""Brings the database to the present schema: dbmate for `door` and the roles, then the read models."""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

import connectors
from connectors.settings import Settings
from genesis.errors import GenesisError
from projections import schema
from stack import postgres, secret_store, standstill

MIGRATIONS = Path(connectors.__file__).parent / "outbox" / "migrations"


class MigrationFailed(GenesisError):
    """The database could not be brought to the present schema; the message of dbmate says why."""


class OtherInstallation(GenesisError):
    """The database belongs to another Kafka cluster or was made with another number of partitions."""


async def migrate(settings: Settings, *, read_models: bool = True) -> None:
    """Creates the database, applies what migrations are missing, sets the roles' passwords, makes `read`.

    `read_models=False` leaves `read` as it is, for a rebuild. Raises MigrationFailed, SchemaOfAnotherRelease.
    """
    await _dbmate(settings)
    connection = await asyncpg.connect(postgres.dsn(settings), timeout=30)
    try:
        await _set_passwords(connection, settings)
        if read_models:
            await schema.create(connection)
    finally:
        await connection.close()


async def note_installation(settings: Settings, kafka_cluster: str) -> None:
    """Notes the partitions and the Kafka cluster at first start and refuses others later (design §7).

    Raises OtherInstallation, and Unfinished where a command that mends was cut off.
    """
    connection = await asyncpg.connect(postgres.dsn(settings), timeout=30)
    try:
        for key, value in (("partitions", str(settings.partitions)), ("kafka_cluster", kafka_cluster)):
            await connection.execute(
                "INSERT INTO door.installation (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
                key,
                value,
            )
        rows = await connection.fetch("SELECT key, value FROM door.installation")
    finally:
        await connection.close()
    noted = {row["key"]: row["value"] for row in rows}
    if noted["partitions"] != str(settings.partitions):
        raise OtherInstallation(
            f"This installation was made with {noted['partitions']} partitions, not {settings.partitions}; "
            f"set GENESIS_PARTITIONS={noted['partitions']}, for the number is fixed at the first start."
        )
    if noted["kafka_cluster"] != kafka_cluster:
        raise OtherInstallation(
            f"The database belongs to Kafka cluster {noted['kafka_cluster']}, but the broker is "
            f"{kafka_cluster}; start with the broker's own data folder. If that is lost for good, "
            "`genesis restore-log` writes the log anew from the database."
        )
    if command := noted.get(standstill.UNFINISHED):
        raise standstill.Unfinished(
            f"`{command}` was cut off; run it again, to its end, before the studio is started."
        )


async def _dbmate(settings: Settings) -> None:
    binary = Path(sys.executable).with_name("dbmate")
    if not binary.exists():
        raise MigrationFailed("The program dbmate is missing; `make run` installs it with the requirements.")
    parts = urlsplit(postgres.dsn(settings))
    query = parts.query or "sslmode=disable"
    process = await asyncio.create_subprocess_exec(
        str(binary),
        "--migrations-dir",
        str(MIGRATIONS),
        "--no-dump-schema",
        "up",
        # In the environment, not on the command line, which everybody on the machine can read.
        env={**os.environ, "DATABASE_URL": urlunsplit(parts._replace(query=query))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        lines = output.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise MigrationFailed(f"The database could not be migrated: {lines[-1]}")


async def _set_passwords(connection: "asyncpg.Connection[asyncpg.Record]", settings: Settings) -> None:
    secrets = secret_store.passwords(settings)
    for role in secret_store.ROLES:
        statement = await connection.fetchval(
            "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text) FROM pg_roles WHERE rolname = $1",
            role,
            secrets[role],
        )
        if statement is None:
            raise MigrationFailed(f"The migrations have not created the role {role}; is a file missing?")
        await connection.execute(statement)
