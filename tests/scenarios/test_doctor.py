"""The doctor on the real stack: each planted fault is found, named with its remedy, and gone after the remedy."""

import json
from collections import Counter
from typing import Any

import asyncpg
import pytest

from genesis import topics, wire
from genesis.session.stages import Stage
from tests.scenarios.agreement import must_agree
from tests.scenarios.command import genesis
from tests.scenarios.real import RealStudio
from tests.scenarios.saved import saved_state
from tests.scenarios.studio import Novelist
from tests.scenarios.test_pipe import producing

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def examined(studio: RealStudio) -> Counter[str]:
    """What the doctor finds broken, with how often."""
    code, said = await genesis(studio.stack.settings, "doctor", "--reconcile", "--json")
    report: dict[str, Any] = json.loads(said[said.index("{") :])
    found = Counter({each["what"]: each["count"] for each in report["findings"] if each["weight"] == "broken"})
    assert (code, report["well"]) == ((1, False) if found else (0, True)), said
    assert report["checked"]["sessions"] > 0
    assert report["checked"]["saved states"] > 0
    assert all(each["remedy"] for each in report["findings"])
    return found


async def test_planted_faults_are_found_and_mended(real_studio: RealStudio):
    """Other tests may have left faults of their own behind: what counts is what is found beyond them."""
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    session = await novelist.start(idea="examined", seed=1)
    await novelist.walk(Stage.CONCEPT_SELECTION)
    await novelist.until("input-requested", Stage.STORY_CONCEPTION)
    before = await examined(real_studio)

    admin = await asyncpg.connect(stack.dsn())
    await admin.execute(
        "UPDATE read.session_view SET head = replace(head::text, 'IN_PROGRESS', 'PAUSED')::json"
        " WHERE session_id = $1",
        session,
    )
    state = await saved_state(stack.settings, session, novelist.last)
    assert state is not None
    wrong = wire.dump_state(state.model_copy(update={"mode": "free_form"}))
    async with producing(stack) as producer:
        await producer.send_and_wait(topics.SESSIONS_CHANGELOG.name, wrong, key=str(session).encode())
    command = novelist.sent[0]
    # Left to people, or the sweeper would have mended it before the doctor comes.
    await admin.execute(
        "INSERT INTO door.session_repairs VALUES ($1, 'given_up', 'FAILED', 5, now(), now(), now(), 'Planted.')",
        session,
    )
    await admin.execute(
        "UPDATE door.command_inbox SET given_up_at = now(), status = 'RECEIVED' WHERE id = $1", command
    )

    found = await examined(real_studio) - before
    assert found == {
        "a read model is not what its events make": 1,
        "a saved state is not what its events make": 1,
        "a command has its events, but not its outcome in the inbox": 1,
        "a command was sent again five times in vain and is given up": 1,
        "a session could not be repaired by itself": 1,
    }

    await admin.execute(
        "UPDATE door.command_inbox SET given_up_at = NULL, status = 'COMPLETED' WHERE id = $1", command
    )
    await admin.close()
    code, said = await genesis(stack.settings, "repair", str(session))
    assert code == 0, said
    assert await examined(real_studio) - before == {}
    await novelist.send("ABANDON_GENESIS", {})
    await novelist.until("session-abandoned")
    await must_agree(real_studio, novelist)


async def test_events_missing_from_the_database_are_found_and_rebuilt(real_studio: RealStudio):
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    session = await novelist.start(idea="robbed", seed=1)
    await novelist.until("input-requested", Stage.CONCEPT_SELECTION)
    before = await examined(real_studio)
    admin = await asyncpg.connect(stack.dsn())
    await admin.execute("DELETE FROM read.domain_events WHERE aggregate_id = $1 AND sequence = 2", session)
    await admin.close()

    found = await examined(real_studio) - before
    assert found["a message of genesis.events is neither in the history nor in quarantine"] == 1
    assert found["the history of a session has a hole or a contradiction"] == 1

    code, said = await genesis(stack.settings, "rebuild")
    assert code == 0, said
    assert await examined(real_studio) - before == {}


async def test_people_get_a_table(real_studio: RealStudio):
    novelist = Novelist(real_studio)
    await novelist.start(idea="shown", seed=1)
    await novelist.until("input-requested", Stage.CONCEPT_SELECTION)
    code, said = await genesis(real_studio.stack.settings, "doctor", "--reconcile")
    assert ("Compared: " in said, "Nothing is broken" in said) == (True, code == 0), said
