"""Times are up on the real stack: a pause expires, a late answer resumes, an untouched session ends."""

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from connectors.settings import Settings
from stack.launcher import Stack
from tests.scenarios.agreement import must_agree
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

DAY = 24 * 3600


@pytest.fixture(scope="module")
async def hasty(data_folder: Path, free_ports: Callable[[int], list[int]]) -> AsyncIterator[RealStudio]:
    """A studio in which a pause lasts three seconds and a session that nobody touches eight."""
    names = ("postgres_port", "kafka_port", "kafka_controller_port", "connect_port", "port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    settings = Settings(data=data_folder / "hasty", handle_minutes=3 / 60, session_days=8 / DAY, **ports)
    async with Stack(settings) as stack, RealStudio(stack) as studio:
        yield studio


@pytest.mark.parametrize("killed", [False, True], ids=["", "the worker dies meanwhile"])
async def test_a_pause_expires_and_the_session_after_it(hasty: RealStudio, killed: bool):
    novelist = Novelist(hasty)
    await novelist.start(idea="left alone", seed=1)
    await novelist.until("input-requested")
    if killed:
        hasty.stack.kill("worker", signal.SIGKILL)
    await novelist.until("input-expired")
    await novelist.until("session-paused")
    if killed:
        hasty.stack.kill("worker", signal.SIGKILL)
    abandoned = await novelist.until("session-abandoned")
    assert abandoned["payload"]["cause"] == "expired"
    assert (await hasty.state(novelist.session))["status"] == "ABANDONED"
    await must_agree(hasty, novelist)


async def test_an_answer_after_the_pause_resumes_and_keeps_the_session_alive(hasty: RealStudio):
    novelist = Novelist(hasty)
    await novelist.start(idea="late answer", seed=1)
    await novelist.until("session-paused")
    proposal = next(each["payload"] for each in reversed(novelist.seen) if each["event_type"] == "proposal-made")
    made = proposal["proposal"]
    await novelist.send(
        "CONFIRM_STAGE",
        {
            "stage": proposal["stage"],
            "proposal_id": made["proposal_id"],
            "revision": made["revision"],
            "candidate": made["candidates"][0]["id"],
        },
    )
    await novelist.until("session-resumed")
    await novelist.until("stage-confirmed")
    await novelist.until("session-abandoned")
    await must_agree(hasty, novelist)
