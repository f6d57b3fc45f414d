"""The commands that mend, on the real stack: as the operator runs them, while people write."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from connectors.settings import Settings
from genesis import topics
from genesis.session.stages import Stage
from projections.schema import SchemaOfAnotherRelease
from stack import kafka
from stack.launcher import Stack
from stack.migrate import OtherInstallation
from stack.parts import APPLICATION, KAFKA, POSTGRES
from tests.scenarios.agreement import must_agree
from tests.scenarios.command import PORTS, genesis
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist, eventually
from tests.scenarios.test_pipe import producing

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_the_read_models_are_rebuilt_under_open_streams(real_studio: RealStudio):
    novelists = [Novelist(real_studio) for _ in range(4)]
    rebuilt = asyncio.Event()

    async def write(novelist: Novelist) -> None:
        """Walks on as long as rebuilding goes on, and to the end of the session afterwards."""
        for number, stage in enumerate(Stage):
            if number == 2:
                await rebuilt.wait()
            await novelist.answer(stage)
        await novelist.finish()

    for number, novelist in enumerate(novelists):
        await novelist.start(idea=f"rebuilt under way {number}", seed=number)
    writing = asyncio.gather(*(write(novelist) for novelist in novelists))
    for _ in range(2):
        code, said = await genesis(real_studio.stack.settings, "rebuild")
        assert (code, "The read models are filled anew" in said) == (0, True), said
    rebuilt.set()
    await writing
    for novelist in novelists:
        await must_agree(real_studio, novelist)


@pytest.mark.long
async def test_an_upgrade_is_cured_with_nothing_running(data_folder: Path, free_ports: Callable[[int], list[int]]):
    settings = Settings(data=data_folder / "upgraded", **dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    async with Stack(settings, (POSTGRES, KAFKA)) as stack:
        admin = await asyncpg.connect(stack.dsn())
        await admin.execute("UPDATE read.projection_schema SET fingerprint = 'of the last release'")
        await admin.close()
    with pytest.raises(SchemaOfAnotherRelease, match="run `genesis rebuild` once"):
        await Stack(settings, (POSTGRES, KAFKA)).start()
    code, said = await genesis(settings, "rebuild")
    assert code == 0, said
    async with Stack(settings, (POSTGRES, KAFKA)) as stack:
        admin = await asyncpg.connect(stack.dsn())
        assert await admin.fetchval("SELECT count(*) FROM read.projection_positions") == 4
        await admin.close()


@pytest.fixture
async def own_studio(data_folder: Path, free_ports: Callable[[int], list[int]]) -> AsyncIterator[Settings]:
    """An installation of its own, to be stopped, robbed and started again; nothing runs yet."""
    settings = Settings(data=data_folder / "robbed", **dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    yield settings
    shutil.rmtree(settings.data, ignore_errors=True)


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[RealStudio]:
    async with Stack(settings) as stack, RealStudio(stack) as studio:
        yield studio


async def begun(studio: RealStudio, count: int) -> list[Novelist]:
    """Sessions at their second pause, one that is finished, one with an event in quarantine."""
    novelists = [Novelist(studio) for _ in range(count)]
    for number, novelist in enumerate(novelists):
        await novelist.start(idea=f"before the loss {number}", seed=number)
    await asyncio.gather(*(novelist.walk(Stage.CONCEPT_SELECTION) for novelist in novelists))
    for novelist in novelists:
        await novelist.until("input-requested", Stage.STORY_CONCEPTION)
    return novelists


async def gone_on(studio: RealStudio, novelist: Novelist) -> None:
    """The session walks on from its open pause to its end, in whichever studio runs now."""
    novelist.studio = studio
    asked = novelist.seen[-1]["payload"]["proposal_id"]
    [story] = [each["payload"]["proposal"] for each in novelist.seen if each["payload"].get("task_id") == asked]
    answer = {"stage": "STORY_CONCEPTION", "proposal_id": asked, "candidate": story["candidates"][0]["id"]}
    await novelist.send("CONFIRM_STAGE", answer)
    await novelist.walk(*list(Stage)[2:])
    await novelist.finish()
    await must_agree(studio, novelist)


@pytest.mark.long
async def test_everything_of_kafka_is_lost_and_comes_back_from_the_database(own_studio: Settings):
    async with started(own_studio) as studio:
        code, said = await genesis(own_studio, "restore-log")
        assert (code, "The studio is running" in said) == (1, True), said
        novelists = await begun(studio, 4)
        finished = Novelist(studio)
        await finished.whole_session(idea="finished before the loss", seed=9)
        forged = {**novelists[0].seen[1], "event_id": str(uuid4()), "payload": {"stage": "PLOT_OUTLINE"}}
        key = str(novelists[0].session).encode()
        async with producing(studio.stack) as producer:
            await producer.send_and_wait(topics.EVENTS.name, json.dumps(forged).encode(), key=key)
            await producer.send_and_wait(topics.EVENTS.name, b"junk", key=key)
        await eventually(lambda: in_quarantine(studio, 2), "both lie in quarantine")
    for lost in ("kafka", "worker-genesis-worker"):
        shutil.rmtree(own_studio.data / lost)

    with pytest.raises(OtherInstallation, match="genesis restore-log"):
        await Stack(own_studio).start()
    code, said = await genesis(own_studio, "restore-log")
    assert (code, "messages are back in genesis.events" in said) == (0, True), said

    async with started(own_studio) as studio:
        for novelist in novelists:
            await gone_on(studio, novelist)
        finished.studio = studio
        await must_agree(studio, finished)
        admin = await asyncpg.connect(studio.stack.dsn())
        assert await admin.fetchval("SELECT array_agg(kind ORDER BY kind) FROM read.quarantine") == [
            "fork",
            "unreadable",
        ]
        await admin.close()


async def test_a_lost_changelog_is_filled_anew_from_the_events(real_studio: RealStudio):
    """Its topic made anew and empty, as after a mishap of an operator."""
    stack = real_studio.stack
    novelists = await begun(real_studio, 3)
    for part in APPLICATION:
        await stack.remove_worker(part)
    await made_anew(stack.settings, topics.SESSIONS_CHANGELOG.name)
    code, said = await genesis(stack.settings, "repair", "--all")
    for part in APPLICATION:
        await stack.add_worker(part)
    assert (code, "sessions is made anew from" in said) == (0, True), said
    for novelist in novelists:
        await gone_on(real_studio, novelist)


async def made_anew(settings: Settings, topic: str) -> None:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap(settings))
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await eventually(gone, f"{topic} is deleted")
    finally:
        await admin.close()
    await kafka.create_topics(settings)


async def in_quarantine(studio: RealStudio, count: int) -> bool:
    admin = await asyncpg.connect(studio.stack.dsn())
    found = await admin.fetchval("SELECT count(*) FROM read.quarantine")
    await admin.close()
    return bool(found == count)


async def inconsistent(studio: RealStudio, novelist: Novelist) -> bool:
    assert novelist.session is not None
    return bool((await studio.state(novelist.session))["inconsistent"])


async def test_a_session_whose_saved_state_is_garbage_is_repaired_and_goes_on(real_studio: RealStudio):
    """Without the repair every command of the session would become a dead letter."""
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    session = await novelist.start(idea="garbage in the changelog", seed=1)
    await novelist.walk(Stage.CONCEPT_SELECTION)
    await novelist.until("input-requested", Stage.STORY_CONCEPTION)

    await stack.remove_worker("worker")
    shutil.rmtree(stack.settings.data / "worker-genesis-worker")
    async with producing(stack) as producer:
        key = str(session).encode()
        await producer.send_and_wait(topics.SESSIONS_CHANGELOG.name, b"2 0 9\n{torn", key=key)
    await stack.add_worker("worker")
    code, said = await genesis(stack.settings, "repair", str(session))

    assert (code, "Its state is repaired (repair 1)" in said) == (0, True), said
    asked = novelist.seen[-1]["payload"]["proposal_id"]
    [story] = [each["payload"]["proposal"] for each in novelist.seen if each["payload"].get("task_id") == asked]
    answer = {"stage": "STORY_CONCEPTION", "proposal_id": asked, "candidate": story["candidates"][0]["id"]}
    await novelist.send("CONFIRM_STAGE", answer)
    await novelist.walk(*list(Stage)[2:])
    await novelist.finish()
    await must_agree(real_studio, novelist)


async def test_a_forged_event_is_put_aside_and_its_session_made_right_by_itself(real_studio: RealStudio):
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    session = await novelist.start(idea="forked", seed=1)
    await novelist.walk(Stage.CONCEPT_SELECTION)
    await novelist.until("input-requested", Stage.STORY_CONCEPTION)

    forged = {**novelist.seen[1], "event_id": str(uuid4()), "payload": {"stage": "PLOT_OUTLINE"}}
    async with producing(stack) as producer:
        await producer.send_and_wait(topics.EVENTS.name, json.dumps(forged).encode(), key=str(session).encode())
    await eventually(lambda: mended(real_studio, session), "the sweeper has repaired it")

    assert not await inconsistent(real_studio, novelist)
    await novelist.send("ABANDON_GENESIS", {})
    await novelist.until("session-abandoned")
    await must_agree(real_studio, novelist)
    assert not await inconsistent(real_studio, novelist)


async def mended(studio: RealStudio, session: UUID) -> bool:
    """True once the sweeper has repaired this session."""
    admin = await asyncpg.connect(studio.stack.dsn())
    state = await admin.fetchval("SELECT state FROM door.session_repairs WHERE session_id = $1", session)
    await admin.close()
    return bool(state == "DONE")


@pytest.mark.parametrize(
    ("session", "sentence"),
    [("not-an-id", "not-an-id is not the id of a session"), (str(uuid4()), "has no event of session")],
)
async def test_a_session_that_is_none_is_said_to_be_none(real_studio: RealStudio, session: str, sentence: str):
    code, said = await genesis(real_studio.stack.settings, "repair", session)
    assert (code, sentence in said) == (1, True), said
