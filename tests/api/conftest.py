"""The API that the tests of this floor share."""

from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from connectors.settings import Settings
from tests.api.door import Door, serving
from tests.conftest import Database


@pytest.fixture
async def door(database: Database, free_ports: Callable[[int], list[int]]) -> AsyncIterator[Door]:
    """The API with a database of its own. There is no Kafka: streams carry events, no partial text."""
    kafka, port = free_ports(2)
    settings = Settings(
        database_dsn=SecretStr(database.role("genesis_door")),
        bootstrap=f"127.0.0.1:{kafka}",
        port=port,
        stream_limit=20,
    )
    async with serving(settings, database) as door:
        yield door
