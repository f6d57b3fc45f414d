"""One scenario, two harnesses: `studio` is the studio in memory, then the real stack."""

import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Haunted:
    """A studio, and what a scenario calls where the worker would best die."""

    studio: Studio
    strike: Callable[[], object]


@pytest.fixture(
    params=[
        "memory",
        pytest.param("stack", marks=pytest.mark.stack),
        pytest.param("the worker dies", marks=pytest.mark.stack),
    ]
)
def haunted(request: pytest.FixtureRequest) -> Haunted:
    """The studio in memory, the real stack, and the real stack whose worker is killed at each strike."""
    if request.param == "memory":
        return Haunted(MemoryStudio(), lambda: None)
    real = request.getfixturevalue("real_studio")
    if request.param == "stack":
        return Haunted(real, lambda: None)
    return Haunted(real, lambda: real.stack.kill("worker", signal.SIGKILL))


@pytest.fixture(scope="session")
async def real_studio(stack: object) -> AsyncIterator[Studio]:
    """The real stack over HTTP and SSE, as a client sees it."""
    from tests.scenarios.real import RealStudio

    async with RealStudio(stack) as studio:  # type: ignore[arg-type]
        yield studio
