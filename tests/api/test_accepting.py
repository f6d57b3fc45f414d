"""Commands over HTTP: what is accepted survives, what is refused changes nothing, what is repeated is one."""

import asyncio
from uuid import uuid4

import orjson
import pytest

from genesis import topics, wire
from genesis.session import identity
from genesis.session.stages import Stage
from tests import examples
from tests.api.door import Door, confirmation

pytestmark = pytest.mark.postgres


async def test_a_start_is_accepted_and_can_be_followed(door: Door):
    answer = await door.post("START_GENESIS", {"idea": "a clerk who sells the sea"}, **{"Idempotency-Key": "first"})
    assert answer.status_code == 202
    told = answer.json()
    command = identity.command_id("local", "first")
    assert told == {
        "command_id": str(command),
        "session_id": str(identity.session_id(command)),
        "command_no": 1,
        "status": "RECEIVED",
    }
    assert answer.headers["location"] == f"/genesis/commands/{command}"

    outcome = (await door.client.get(answer.headers["location"])).json()
    assert (outcome["status"], outcome["reason"], outcome["refusal"], outcome["events"]) == (
        "RECEIVED",
        None,
        None,
        [],
    )
    assert (outcome["session_id"], outcome["command_type"]) == (told["session_id"], "START_GENESIS")


async def test_what_goes_into_the_outbox_is_what_was_sent(door: Door):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    correlation = uuid4()
    body = {
        "command_type": "START_GENESIS",
        "payload": {"idea": "Ein Glöckner 🔔"},
        "correlation_id": str(correlation),
    }
    answer = await door.client.post("/genesis/commands", json=body, headers={"traceparent": trace})
    row = await door.admin.fetchrow("SELECT topic, partition_key, payload, traceparent FROM door.event_outbox")
    assert row is not None
    assert (row["topic"], row["partition_key"], row["traceparent"]) == (
        topics.COMMANDS.name,
        answer.json()["session_id"],
        trace,
    )
    envelope = wire.load_envelope(row["payload"].encode())
    assert (envelope.user_id, envelope.command_no, envelope.correlation_id) == ("local", 1, correlation)
    assert wire.payload_of(envelope.message)["idea"] == "Ein Glöckner 🔔"


async def test_the_same_key_again_is_the_same_command(door: Door):
    first = await door.post("START_GENESIS", {"idea": "x"}, **{"Idempotency-Key": "k"})
    again = await asyncio.gather(
        *(door.post("START_GENESIS", {"idea": "x"}, **{"Idempotency-Key": "k"}) for _ in range(5))
    )
    assert {(answer.status_code, answer.content) for answer in again} == {(202, first.content)}
    assert await door.numbers() == 1


async def test_the_same_key_with_another_body_is_refused(door: Door):
    await door.post("START_GENESIS", {"idea": "x"}, **{"Idempotency-Key": "k"})
    answer = await door.post("START_GENESIS", {"idea": "y"}, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "key-reused")
    assert await door.numbers() == 1


async def test_without_a_key_each_request_is_a_command(door: Door):
    answers = [await door.post("START_GENESIS") for _ in range(2)]
    assert len({answer.json()["session_id"] for answer in answers}) == 2


async def test_such_a_command_is_being_carried_out_already(door: Door):
    session = await door.session()
    await door.work()
    feedback = {"stage": "CONCEPT_SELECTION", "proposal_id": str(examples.a_uuid("p")), "text": "darker"}
    first = await door.post("PROVIDE_FEEDBACK", feedback, session)
    second = await door.post("PROVIDE_FEEDBACK", {**feedback, "text": "lighter"}, session)
    assert (first.status_code, second.status_code, second.headers["retry-after"]) == (202, 409, "1")
    problem = second.json()
    assert problem["active_command"] == first.json()["command_id"]
    assert [each["action"] for each in problem["available_actions"]] == ["stop", "abandon"]
    # Another stage's answer is another matter.
    other = await door.post("PROVIDE_FEEDBACK", {**feedback, "stage": "WORLDVIEW"}, session)
    assert (other.status_code, other.json()["command_no"]) == (202, 3)


async def test_what_is_refused_uses_no_number(door: Door):
    session = await door.session()
    foreign = await door.session(owner="somebody else")
    before = await door.numbers()
    refused = [
        (await door.post("DANCE", {}, session), 400),
        (await door.post("HANDLE_EXPIRED", {}, session), 400),
        (await door.post("NAVIGATE_TO_STAGE", {"stage": "NOWHERE"}, session), 400),
        (await door.post("FINISH_GENESIS", {}, session, **{"Idempotency-Key": "k" * 201}), 400),
        (await door.post("FINISH_GENESIS", {}, foreign), 404),
        (await door.post("FINISH_GENESIS", {}, uuid4()), 404),
    ]
    assert [answer.status_code for answer, _ in refused] == [status for _, status in refused]
    for answer, status in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
    assert await door.numbers() == before
    assert await door.admin.fetchval("SELECT count(*) FROM door.command_inbox") == 1


async def test_the_version_that_was_seen_travels_to_the_machine(door: Door):
    session = await door.session()
    await door.post("FINISH_GENESIS", {}, session, **{"If-Match": '"7"'})
    payload = await door.admin.fetchval("SELECT payload FROM door.event_outbox WHERE command_no = 2")
    assert orjson.loads(payload)["expected_version"] == 7


async def test_a_refusal_is_told_with_what_may_be_done_instead(door: Door):
    session = await door.session()
    answer = await door.post("NAVIGATE_TO_STAGE", {"stage": "WORLDVIEW"}, session)
    await door.work()
    outcome = (await door.client.get(answer.headers["location"])).json()
    assert (outcome["status"], outcome["reason"]) == ("FAILED", "stage_closed")
    [event] = outcome["events"]
    assert event["event_type"] == "command-rejected"
    assert outcome["refusal"]["message"].startswith("This stage is not open yet")
    assert [each["action"] for each in outcome["refusal"]["available_actions"]] == ["stop", "abandon"]


async def test_a_granted_command_names_what_it_caused(door: Door):
    session = await door.session()
    await door.work()
    await door.propose(session)
    answer = await door.post("CONFIRM_STAGE", confirmation(door.draft(session, Stage.CONCEPT_SELECTION)), session)
    await door.work()
    outcome = (await door.client.get(answer.headers["location"])).json()
    assert (outcome["status"], outcome["refusal"]) == ("COMPLETED", None)
    assert [event["event_type"] for event in outcome["events"]] == [
        "proposal-chosen",
        "input-received",
        "stage-confirmed",
        "stage-entered",
        "generation-requested",
    ]


async def test_a_foreign_command_is_not_there(door: Door):
    assert (await door.client.get(f"/genesis/commands/{uuid4()}")).status_code == 404
