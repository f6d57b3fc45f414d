"""One scenario, two harnesses: `studio` is the studio in memory, then the real stack."""

from collections.abc import AsyncIterator

import pytest

from tests.scenarios.memory import MemoryStudio
from tests.scenarios.studio import Studio


@pytest.fixture(params=["memory", pytest.param("stack", marks=pytest.mark.stack)])
def studio(request: pytest.FixtureRequest) -> Studio:
    """A studio to tell a scenario in."""
    # Not async: pytest-asyncio can't ask for an async fixture from within another one.
    if request.param == "memory":
        return MemoryStudio()
    real: Studio = request.getfixturevalue("real_studio")
    return real


@pytest.fixture(scope="session")
async def real_studio(stack: object) -> AsyncIterator[Studio]:
    """The real stack over HTTP and SSE, as a client sees it."""
    from tests.scenarios.real import RealStudio

    async with RealStudio(stack) as studio:  # type: ignore[arg-type]
        yield studio
