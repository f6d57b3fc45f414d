"""What can be read of a session: from the 202 on, by its owner only, and never older than what was shown."""

from uuid import uuid4

import pytest

from genesis.content.proposal import PROCEDURAL_BADGE
from genesis.session.stages import Stage
from tests.api.door import Door, confirmation, until

pytestmark = pytest.mark.postgres


async def test_right_after_the_202_a_session_is_starting(door: Door):
    session = await door.session()
    answer = await door.client.get(f"/genesis/{session}/state")
    state = answer.json()
    assert (answer.status_code, state["status"], state["version"], answer.headers["etag"]) == (
        200,
        "starting",
        0,
        '"0"',
    )
    assert (await door.client.get(f"/genesis/{session}/events")).json() == {"events": [], "next_after": None}


async def test_a_foreign_session_is_not_there(door: Door):
    for session in (await door.session(owner="somebody else"), uuid4()):
        for path in ("state", "events", "events/stream"):
            answer = await door.client.get(f"/genesis/{session}/{path}")
            assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (404, "session-not-found")


async def test_a_state_tells_where_the_session_stands(door: Door):
    session = await door.session()
    await door.work()
    generating = (await door.client.get(f"/genesis/{session}/state")).json()
    stage = generating["stages"]["CONCEPT_SELECTION"]
    assert (generating["current_stage"], generating["is_pending"]) == ("CONCEPT_SELECTION", True)
    assert (stage["phase"], stage["draft"], stage["handle"]["status"]) == ("GENERATING", None, "PENDING_PAUSE")

    await door.propose(session)
    review = (await door.client.get(f"/genesis/{session}/state")).json()
    stage = review["stages"]["CONCEPT_SELECTION"]
    assert (review["status"], review["is_pending"]) == ("IN_PROGRESS", False)
    assert (stage["phase"], stage["draft"]["badge"]) == ("REVIEW", PROCEDURAL_BADGE)
    assert [each["title"] for each in stage["draft"]["candidates"]] == ["The Salt Ledger", "A Lamp for the Drowned"]
    assert review["handles"]["CONCEPT_SELECTION"]["status"] == "WAITING"
    assert {each["action"] for each in review["available_actions"]} >= {"select", "feedback", "abandon"}
    assert review["confirmed_data"] == {}

    await door.post("CONFIRM_STAGE", confirmation(door.draft(session, Stage.CONCEPT_SELECTION)), session)
    await door.work()
    confirmed = (await door.client.get(f"/genesis/{session}/state")).json()
    stage = confirmed["stages"]["CONCEPT_SELECTION"]
    assert (stage["phase"], stage["confirmed"]["badge"]) == ("CONFIRMED", PROCEDURAL_BADGE)
    assert confirmed["confirmed_data"]["CONCEPT_SELECTION"]["title"] == "The Salt Ledger"
    assert (confirmed["current_stage"], confirmed["is_pending"]) == ("STORY_CONCEPTION", True)
    assert confirmed["spent"]["amount"] == "0"


async def test_an_unchanged_state_is_a_304(door: Door):
    session = await door.session()
    await door.work()
    path = f"/genesis/{session}/state"
    first = await door.client.get(path)
    assert first.headers["etag"] == f'"{first.json()["version"]}"'
    again = await door.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await door.propose(session)
    changed = await door.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"] != first.headers["etag"]) == (200, True)


async def test_sessions_are_listed_newest_first(door: Door):
    sessions = [await door.session() for _ in range(3)]
    await door.work()
    listed = (await door.client.get("/genesis?limit=2")).json()["sessions"]
    assert [each["session_id"] for each in listed] == [str(each) for each in reversed(sessions)][:2]
    assert (await door.client.get("/genesis?limit=0")).status_code == 400


async def test_a_history_comes_in_pages(door: Door):
    session = await door.session()
    await door.write(session, range(1, 8))
    first = (await door.client.get(f"/genesis/{session}/events?limit=5")).json()
    rest = (await door.client.get(f"/genesis/{session}/events?limit=5&after={first['next_after']}")).json()
    assert [each["sequence"] for each in first["events"] + rest["events"]] == list(range(1, 8))
    assert rest["next_after"] is None


async def test_reads_wait_while_the_read_side_is_behind_what_was_shown(door: Door):
    session = await door.session()
    await door.write(session, range(1, 4))
    await until(lambda: door.hub.handed_out == {**door.hub.handed_out, 0: 2}, "the hub to have seen them")

    # What a crash does to rows that were committed without waiting for the disk.
    await door.admin.execute("DELETE FROM read.domain_events WHERE sequence = 3")
    await door.put_position(0, 2)
    await door.kill_hub_connection()
    await until(lambda: not door.hub.settled, "the hub to notice")
    for path in (f"/genesis/{session}/state", f"/genesis/{session}/events/stream", "/genesis", "/novels"):
        answer = await door.client.get(path)
        assert (answer.status_code, answer.headers.get("retry-after")) == (503, "1"), path
    assert (await door.client.get("/health/ready")).json()["parts"]["hub"] is False
    # Accepting goes on: it is the door's own.
    assert (await door.post("START_GENESIS")).status_code == 202

    door.offset[0] = 2
    await door.write(session, [3])
    await until(lambda: door.hub.settled, "the read side to catch up")
    assert (await door.client.get(f"/genesis/{session}/state")).status_code == 200


async def test_health_names_the_parts(door: Door):
    answer = await door.client.get("/health/ready")
    assert (answer.status_code, answer.json()["parts"]) == (503, {"database": True, "hub": True, "progress": False})
