"""The guided session from the first POST to the outline, on memory and on the real stack."""

import asyncio
from uuid import uuid4

from genesis.session.stages import Stage
from genesis.session.state import Status
from tests.scenarios.studio import Novelist, Studio, eventually


async def test_a_whole_session_from_an_idea_to_a_novel(studio: Studio):
    novelist = Novelist(studio)
    await novelist.whole_session(idea="a clerk who sells the sea", seed=7)
    await novelist.must_have_lost_and_doubled_nothing()
    state = novelist.replayed()
    assert state.status is Status.COMPLETED
    assert state.novel_id is not None


async def test_the_same_key_twice_is_one_command(studio: Studio):
    novelist = Novelist(studio)
    key = str(uuid4())
    first = await novelist.send("START_GENESIS", {"idea": "twice"}, key)
    again = await novelist.send("START_GENESIS", {"idea": "twice"}, key)
    assert (first.command_id, first.session_id) == (again.command_id, again.session_id)
    novelist.session = first.session_id
    await novelist.walk(Stage.CONCEPT_SELECTION)
    await novelist.until("stage-confirmed")
    await novelist.must_have_lost_and_doubled_nothing()


async def test_feedback_brings_another_round(studio: Studio):
    novelist = Novelist(studio)
    await novelist.start(idea="a lamp that calls the dead")
    first = await novelist.until("proposal-made")
    await novelist.until("input-requested")
    await novelist.send(
        "PROVIDE_FEEDBACK",
        {
            "stage": "CONCEPT_SELECTION",
            "proposal_id": first["payload"]["proposal"]["proposal_id"],
            "text": "darker, and at sea",
        },
    )
    second = await novelist.until("proposal-made")
    assert second["payload"]["proposal"]["round"] == 2
    assert second["payload"]["proposal"]["parent"] == first["payload"]["proposal"]["proposal_id"]
    await novelist.answer(Stage.CONCEPT_SELECTION)
    await novelist.until("stage-confirmed")
    await novelist.must_have_lost_and_doubled_nothing()


async def test_a_refusal_is_an_event_and_an_outcome(studio: Studio):
    novelist = Novelist(studio)
    await novelist.start(idea="too soon")
    sent = await novelist.send("FINISH_GENESIS", {})
    rejected = await novelist.until("command-rejected")
    assert rejected["payload"]["reason"] == "stages_unconfirmed"
    assert sent.command_id is not None
    command = sent.command_id

    async def failed() -> bool:
        return (await studio.outcome(command))["status"] == "FAILED"

    await eventually(failed, "the refused command is FAILED")


async def test_what_the_door_answers_4xx_uses_no_number(studio: Studio):
    novelist = Novelist(studio)
    session = await novelist.start(idea="numbers")
    for command_type, payload in (
        ("CONFIRM_STAGE", {"stage": "NOWHERE"}),
        ("HANDLE_EXPIRED", {}),
        ("NO_SUCH_COMMAND", {}),
        ("START_GENESIS", {"mode": "backwards"}),
    ):
        assert (await studio.send(session, command_type, payload)).status == 400
    assert (await studio.send(uuid4(), "ABANDON_GENESIS", {})).status == 404
    sent = await novelist.send("ABANDON_GENESIS", {"reason": "enough"})
    assert sent.command_no == 2
    await novelist.until("session-abandoned")


async def test_sessions_beside_each_other_do_not_mix(studio: Studio):
    novelists = [Novelist(studio) for _ in range(5)]
    await asyncio.gather(*(each.whole_session(idea=f"idea {n}", seed=n) for n, each in enumerate(novelists)))
    for novelist in novelists:
        await novelist.must_have_lost_and_doubled_nothing()
        assert {body["aggregate_id"] for body in novelist.seen} == {str(novelist.session)}
