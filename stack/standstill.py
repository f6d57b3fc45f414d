"""What may only be mended while nobody works: is that so, and a note that keeps others from starting meanwhile."""

import asyncio
import time
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.postgres import Connection
from connectors.settings import Settings
from genesis.errors import GenesisError
from genesis.topics import APP_ID
from stack import installation, parts

GROUP_SECONDS = 30.0
"""Longest wait for the group to be empty: a worker that has just ended keeps its place for a session timeout."""

UNFINISHED = "unfinished"
"""Key in door.installation under which the command stands that must be run to its end."""


class StillWorking(GenesisError):
    """Parts of the studio are at work; stop it with `genesis stop` and run the command again."""


class Unfinished(GenesisError):
    """A command that mends was cut off; run it again, to its end, before the studio is started."""


async def demand(settings: Settings, connection: Connection) -> None:
    """Wait until no worker, projector or API is there. Raises StillWorking, with who it is."""
    started = (installation.running(settings) or {}).get("parts", {})
    if own := [name for name in started if name.partition("-")[0] in parts.APPLICATION]:
        raise StillWorking(f"The studio is running ({', '.join(own)}); stop it with `genesis stop` first.")
    deadline = time.monotonic() + GROUP_SECONDS
    while there := await _members(settings):
        if time.monotonic() > deadline:
            raise StillWorking(there)
        await asyncio.sleep(0.5)
    await demand_database(connection)


async def demand_database(connection: Connection) -> None:
    """No part of ours is connected to the database. Raises StillWorking."""
    others = await connection.fetch(
        "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename IN ('genesis_projector', 'genesis_door', 'genesis_generator') ORDER BY 1"
    )
    if others:
        names = ", ".join(row["application_name"] for row in others)
        raise StillWorking(f"Parts of the studio are connected to the database ({names}); stop them first.")


async def begin(connection: Connection, command: str) -> None:
    """Note that this command is under way: until it ends no studio starts. Raises Unfinished."""
    noted = await connection.fetchval(
        "INSERT INTO door.installation (key, value) VALUES ($1, $2)"
        " ON CONFLICT (key) DO UPDATE SET value = door.installation.value RETURNING value",
        UNFINISHED,
        command,
    )
    if noted != command:
        raise Unfinished(f"`{noted}` was cut off; run it again, to its end, before anything else.")


async def end(connection: Connection, command: str) -> None:
    """It has come to its end."""
    await connection.execute("DELETE FROM door.installation WHERE key = $1 AND value = $2", UNFINISHED, command)


async def _members(settings: Settings) -> str:
    """What speaks against it that nobody is in the workers' group; a group that the broker does not know is empty."""
    # Any: aiokafka's admin client is not typed.
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        [described] = await admin.describe_consumer_groups([APP_ID])
    except KafkaError as error:
        # A broker that has never had a group needs a moment to keep one.
        return f"Kafka does not say whether workers are connected ({type(error).__name__}); see `genesis status`."
    finally:
        await admin.close()
    count = sum(len(group[5]) for group in described.groups)
    return f"{count} worker(s) of the group {APP_ID} are connected to Kafka; stop them first." if count else ""
