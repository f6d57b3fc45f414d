"""An event that can't be read, on the real log: streamed, an outcome, and visible to the operator."""

import json
from uuid import uuid4

import pytest

from genesis import topics
from genesis.session.events import SessionAbandoned
from genesis.session.stages import Stage
from tests.scenarios.command import genesis
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Body, Novelist, eventually
from tests.scenarios.test_pipe import producing

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_an_event_that_cannot_be_read_answers_its_command_and_marks_its_session(real_studio: RealStudio):
    """As after a bug: a worker has handled the command, and written what nobody understands."""
    stack = real_studio.stack
    novelist, healthy = Novelist(real_studio), Novelist(real_studio)
    session = await novelist.start(idea="damaged", seed=1)
    await novelist.until("input-requested", Stage.CONCEPT_SELECTION)
    await stack.remove_worker("worker")
    try:
        sent = await novelist.send("ABANDON_GENESIS", {"reason": "enough"})
        damaged = {
            **novelist.seen[-1],
            "event_id": str(uuid4()),
            "event_type": "session-abandoned",
            "event_version": SessionAbandoned.EVENT_VERSION,
            "sequence": novelist.last + 1,
            "causation_id": str(sent.command_id),
            "payload": {"in": "words of another time"},
        }
        async with producing(stack) as producer:
            await producer.send_and_wait(topics.EVENTS.name, json.dumps(damaged).encode(), key=str(session).encode())

        streamed = await novelist.until("unreadable")
        assert (streamed["sequence"], streamed["event_id"]) == (damaged["sequence"], damaged["event_id"])
        assert streamed["payload"]["event_type"] == "session-abandoned"
        assert "another time" not in json.dumps(streamed)
        assert sent.command_id is not None
        assert (await real_studio.outcome(sent.command_id))["status"] == "COMPLETED"
    finally:
        await stack.add_worker("worker")

    async def marked() -> bool:
        return bool((await real_studio.state(session))["inconsistent"])

    await eventually(marked, "the session is marked inconsistent")
    found = await doctored(real_studio)
    assert found["a session is marked inconsistent"]["weight"] == "broken"
    assert found["a message of genesis.events can't be read and lies in quarantine"]["weight"] == "note"

    code, said = await genesis(stack.settings, "repair", str(session))
    assert (code, f"Event {damaged['sequence']} of session {session} can't be read by this release" in said) == (
        1,
        True,
    )
    await healthy.whole_session(idea="beside it", seed=2)
    await healthy.must_have_lost_and_doubled_nothing()


async def doctored(studio: RealStudio) -> dict[str, Body]:
    """What the doctor finds at a quick look, by what it is."""
    code, said = await genesis(studio.stack.settings, "doctor", "--json")
    assert code == 1, said
    return {each["what"]: each for each in json.loads(said[said.index("{") :])["findings"]}
