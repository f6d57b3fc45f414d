"""Any one process dies in the middle of a session: nothing is lost, nothing is doubled."""

import asyncio
import signal

import pytest

from genesis.session.stages import Stage
from tests.scenarios.agreement import must_agree
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PARTS = ["worker", "generator", "projector", "api", "connect"]


@pytest.mark.parametrize("part", PARTS)
async def test_a_process_killed_in_every_stage(real_studio: RealStudio, part: str):
    """Killed right after the answer went in, so that the message is on its way while the process is gone."""
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    await novelist.start(idea=f"the {part} dies", seed=1)
    for stage in (Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION, Stage.WORLDVIEW):
        await novelist.answer(stage)
        stack.kill(part, signal.SIGKILL)
    await novelist.walk(Stage.CHARACTERS, Stage.PLOT_OUTLINE)
    await novelist.finish()
    await must_agree(real_studio, novelist)


async def test_everything_is_killed_at_random_under_several_sessions(real_studio: RealStudio):
    """Six people write one session after the other for as long as the killing goes on."""
    stack = real_studio.stack
    written: list[Novelist] = []

    async def nemesis() -> None:
        for part in ("worker", "projector", "generator", "api", "worker", "connect", "generator", "worker"):
            await asyncio.sleep(0.7)
            stack.kill(part, signal.SIGKILL)

    kills = asyncio.create_task(nemesis())

    async def person(number: int) -> None:
        while not kills.done():
            novelist = Novelist(real_studio)
            written.append(novelist)
            await novelist.whole_session(idea=f"session {len(written)} of person {number}", seed=len(written))

    await asyncio.gather(*(person(number) for number in range(6)))
    await kills
    for novelist in written:
        await must_agree(real_studio, novelist)


async def test_a_second_worker_takes_over_when_one_is_killed(real_studio: RealStudio):
    stack = real_studio.stack
    await stack.add_worker("worker-2")
    try:
        await stack.wait_healthy("worker-2", 60)
        novelists = [Novelist(real_studio) for _ in range(8)]
        for n, novelist in enumerate(novelists):
            await novelist.start(idea=f"two workers {n}", seed=n)
        await asyncio.gather(*(each.walk(Stage.CONCEPT_SELECTION) for each in novelists))
        stack.kill("worker-2", signal.SIGKILL)
        rest = list(Stage)[1:]
        await asyncio.gather(*(each.walk(*rest) for each in novelists))
        await asyncio.gather(*(each.finish() for each in novelists))
        for novelist in novelists:
            await must_agree(real_studio, novelist)
    finally:
        await stack.remove_worker("worker-2")
