"""A command that mends and was cut off must come to its end before anything else starts."""

import asyncpg
import pytest
from pydantic import SecretStr

from stack import migrate, standstill
from tests.conftest import Database

pytestmark = pytest.mark.postgres


async def test_nothing_starts_before_what_was_begun_has_ended(database: Database):
    settings = database.settings.model_copy(update={"postgres_dsn": SecretStr(database.admin)})
    await migrate.note_installation(settings, "cluster")
    connection = await asyncpg.connect(database.admin)
    await standstill.begin(connection, "genesis repair --all")

    with pytest.raises(standstill.Unfinished, match="`genesis repair --all` was cut off"):
        await migrate.note_installation(settings, "cluster")
    with pytest.raises(standstill.Unfinished, match="`genesis repair --all` was cut off"):
        await standstill.begin(connection, "genesis restore-log")

    await standstill.begin(connection, "genesis repair --all")
    await standstill.end(connection, "genesis repair --all")
    await migrate.note_installation(settings, "cluster")
    await connection.close()


async def test_who_is_connected_to_the_database_is_still_at_work(database: Database):
    """No broker is asked: whoever says that the studio runs is asked first."""
    projector = await asyncpg.connect(
        database.role("genesis_projector"), server_settings={"application_name": "genesis projector"}
    )
    connection = await asyncpg.connect(database.admin)
    with pytest.raises(standstill.StillWorking, match="genesis projector"):
        await standstill.demand_database(connection)
    await projector.close()
    await connection.close()
