"""The worker's table loses the last states of a session; the studio notices and mends it without anybody's word."""

import shutil
from collections.abc import Callable
from uuid import UUID

import asyncpg
import pytest

from connectors import reading
from connectors.settings import Settings
from genesis import topics, wire
from genesis.session.stages import Stage
from genesis.session.state import Generating, Session
from stack import kafka
from stack.launcher import Stack
from tests.scenarios.agreement import must_agree
from tests.scenarios.command import genesis
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist, eventually
from tests.scenarios.test_mending import made_anew
from tests.scenarios.test_pipe import producing

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

CHANGELOG = topics.SESSIONS_CHANGELOG.name
STORY = Stage.STORY_CONCEPTION


async def robbed(stack: Stack, session: UUID, keeps: Callable[[Session], bool]) -> None:
    """Take from the changelog what this session saved after the last state that `keeps` is true of, and wipe the
    worker's disk."""
    settings = stack.settings.model_copy(update={"bootstrap": kafka.bootstrap(stack.settings)})
    await stack.remove_worker("worker")
    last = await records(settings)
    key = str(session).encode()
    kept = [record for record in last.pop(key) if keeps(wire.load_state(record))]
    # Without them in the topic: a recovery would take the youngest it finds.
    await made_anew(settings, CHANGELOG)
    async with producing(stack) as producer:
        for other, told in last.items():
            await producer.send_and_wait(CHANGELOG, told[-1], key=other)
        await producer.send_and_wait(CHANGELOG, kept[-1], key=key)
    shutil.rmtree(settings.data / "worker-genesis-worker")
    await stack.add_worker("worker")


async def records(settings: Settings) -> dict[bytes, list[bytes]]:
    """What each session has saved, in order."""
    first, ends = await reading.bounds(settings, CHANGELOG)
    found: dict[bytes, list[bytes]] = {}
    async for batch in reading.read(settings, CHANGELOG, first, ends):
        for record in batch:
            found.setdefault(record.key, []).append(record.value)
    return found


async def at_the_story(studio: RealStudio, idea: str) -> Novelist:
    novelist = Novelist(studio)
    await novelist.start(idea=idea, seed=1)
    await novelist.walk(Stage.CONCEPT_SELECTION)
    await novelist.review(STORY)
    return novelist


async def goes_on(studio: RealStudio, novelist: Novelist) -> None:
    """The person confirms what they see and walks on to the end; nothing is lost, nothing is doubled."""
    await novelist.confirm(STORY)
    for stage in list(Stage)[2:]:
        await novelist.confirm(stage)
    await novelist.send("FINISH_GENESIS", {})
    await novelist.until("session-finished")
    await must_agree(studio, novelist)


async def repaired(stack: Stack, session: UUID) -> tuple[str, str, int]:
    """Reason, state and attempts of the session's repair."""
    admin = await asyncpg.connect(stack.dsn())
    try:
        row = await admin.fetchrow("SELECT * FROM door.session_repairs WHERE session_id = $1", session)
    finally:
        await admin.close()
    assert row is not None, "the session was never found to be behind"
    return row["reason"], row["state"], row["attempts"]


async def test_a_session_that_lost_commands_is_repaired_when_the_next_one_has_no_outcome(real_studio: RealStudio):
    """To the worker the person's next command comes ahead of its turn, however often it is sent again."""
    stack = real_studio.stack
    novelist = await at_the_story(real_studio, "behind by a command")
    assert novelist.session is not None
    await robbed(stack, novelist.session, lambda state: state.command_no == 1)
    await goes_on(real_studio, novelist)
    assert await repaired(stack, novelist.session) == ("unanswered", "DONE", 1)


async def test_a_session_that_lost_a_result_is_repaired_once_its_answer_forks_the_history(real_studio: RealStudio):
    """The worker waits for a proposal that everybody has seen, and keeps the answer to it: another history begins."""
    stack = real_studio.stack
    novelist = await at_the_story(real_studio, "behind by a result")
    assert novelist.session is not None
    await robbed(
        stack,
        novelist.session,
        lambda state: STORY in state.stages and isinstance(state.slot(STORY).phase, Generating),
    )
    await goes_on(real_studio, novelist)
    assert await repaired(stack, novelist.session) == ("inconsistent", "DONE", 1)

    async def consistent() -> bool:
        return not (await real_studio.state(novelist.replayed().session_id))["inconsistent"]

    await eventually(consistent, "the read models are right again")


async def test_a_state_ahead_of_its_events_is_taken_back_only_by_force(real_studio: RealStudio):
    """As if events were lost: the worker has done more than anybody can see, and numbers its events beyond a hole."""
    stack = real_studio.stack
    novelist = await at_the_story(real_studio, "ahead of its events")
    assert novelist.session is not None
    seen = novelist.replayed()
    saved = await eventually(lambda: real_studio.saved(seen.session_id, seen.sequence), "the state is saved")
    await stack.remove_worker("worker")
    shutil.rmtree(stack.settings.data / "worker-genesis-worker")
    ahead = saved.model_copy(update={"sequence": saved.sequence + 5})
    async with producing(stack) as producer:
        await producer.send_and_wait(CHANGELOG, wire.dump_state(ahead), key=str(seen.session_id).encode())
    await stack.add_worker("worker")

    code, said = await genesis(stack.settings, "repair", str(seen.session_id))
    assert code == 1, said
    assert f"left alone: it is at sequence {seen.sequence + 5}, ahead of the {seen.sequence} events" in said
    code, said = await genesis(stack.settings, "repair", "--force", str(seen.session_id))
    assert (code, "Its state is repaired (repair 1)" in said) == (0, True), said
    await goes_on(real_studio, novelist)
