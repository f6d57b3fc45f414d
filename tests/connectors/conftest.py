"""The door's database as the tests of the connectors use it: as administrator, and as the door itself."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from connectors.postgres import Pool, connect, open_pool


@pytest.fixture
async def admin(database: Any) -> AsyncIterator[asyncpg.Connection]:
    """The administrator, who may look at everything and prepare what a test needs."""
    connection = await connect(database.admin, application_name="test admin")
    yield connection
    await connection.close()


@pytest.fixture
async def door(database: Any) -> AsyncIterator[Pool]:
    """The API's pool, with the API's rights and no more."""
    # All ten at once, or the first would have done the work before the others are connected.
    async with await open_pool(
        database.role("genesis_door"), application_name="test door", min_size=10, max_size=10
    ) as pool:
        yield pool


@pytest.fixture
async def machinery(database: Any) -> AsyncIterator[Pool]:
    """Connections with the sweeper's rights."""
    async with await open_pool(database.role("genesis_sweeper"), application_name="test sweeper") as pool:
        yield pool
