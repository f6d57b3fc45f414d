"""Names and bodies on the wire are promises: every message round-trips, and every version ever written is read."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis import wire
from genesis.content.impact import StaleReason
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.events import EVENTS
from genesis.session.messages import INTERNALS, PERSON_COMMANDS
from genesis.session.stages import Stage
from tests import examples
from tests.spec import SESSION, Story

GOLDEN = Path(__file__).parent / "golden"

MESSAGE_VERSIONS = {
    "START_GENESIS": 1,
    "GENERATE_INSPIRATION": 2,
    "SELECT_CONCEPT": 2,
    "PROVIDE_FEEDBACK": 2,
    "CONFIRM_STAGE": 1,
    "NAVIGATE_TO_STAGE": 1,
    "FINISH_GENESIS": 2,
    "ABANDON_GENESIS": 1,
    "HANDLE_EXPIRED": 1,
    "SESSION_EXPIRED": 1,
    "GENERATION_SUCCEEDED": 1,
    "GENERATION_FAILED": 1,
    "STATE_REPAIRED": 1,
}
"""How often the payload of a message has grown. Messages carry no version: what they gain must be optional."""
REQUEST_VERSION = 2


def a_story_of_everything() -> list[e.Recorded]:
    """Histories in which every event that is emitted today occurs."""
    walked = Story().confirmed_up_to(Stage.PLOT_OUTLINE).given(m.FinishGenesis())
    other = Story().started().proposed(Stage.CONCEPT_SELECTION)
    draft, handle = other.draft(Stage.CONCEPT_SELECTION), other.review(Stage.CONCEPT_SELECTION).handle
    other.given(m.HandleExpired(stage=draft.stage, handle_id=handle.handle_id, expires_at=handle.expires_at))
    other.given(m.ProvideFeedback(stage=draft.stage, proposal_id=draft.proposal_id, text="darker", chips=("darker",)))
    task = other.generating(draft.stage).task
    other.given(m.GenerationFailed(task_id=task.task_id, stage=task.stage, code="timed_out", timed_out=True))
    other.given(examples.success(task.task_id, task.stage))
    other.given(m.GenerateInspiration(stage=task.stage)).given(m.AbandonGenesis(reason="enough"))
    other.given(m.FinishGenesis())
    stale = e.StagesMarkedStale(
        stages={Stage.WORLDVIEW: (StaleReason(path="/rules/r1", because="premise", kind="derivation"),)}
    )
    [last] = other.history[-1:]
    edited = e.ProposalEdited(
        stage=draft.stage,
        proposal_id=draft.proposal_id,
        revision=2,
        how="patch",
        candidates=draft.candidates,
        touched=("/k1/title",),
        counters={"k": 2},
    )
    by_hand = [replace(last, event=event) for event in (stale, edited)]
    reopened = (
        Story().confirmed_up_to(Stage.CONCEPT_SELECTION).given(m.NavigateToStage(stage=Stage.CONCEPT_SELECTION))
    )
    return [*walked.history, *other.history, *reopened.history, *by_hand]


def messages() -> dict[str, m.Message]:
    task, stage = examples.a_uuid("task"), Stage.CONCEPT_SELECTION
    each: list[m.Message] = [
        m.StartGenesis(idea="a clerk who sells the sea", must_have=("a bell",), seed=7),
        m.GenerateInspiration(stage=stage, what="blend", candidates=("k1", "k2"), guidance="at sea", temperature=0.5),
        m.SelectConcept(proposal_id=task, base="k1", take=(m.Take(field="stakes", source="k2"),)),
        m.ProvideFeedback(stage=stage, proposal_id=task, text="darker", chips=("darker",), lock=("/k1/title",)),
        m.ConfirmStage(stage=stage, proposal_id=task, candidate="k1", note="yes"),
        m.NavigateToStage(stage=stage),
        m.FinishGenesis(title="Salt", accept_stale=True),
        m.AbandonGenesis(reason="enough"),
        m.HandleExpired(stage=stage, handle_id=task, expires_at=examples.NOON),
        m.SessionExpired(last_sequence=7),
        m.StateRepaired(record=Story().started().last.record.decode(), force=True),
        examples.success(task, stage),
        m.GenerationFailed(task_id=task, stage=stage, attempt=1, code="declined", message="The model declined."),
    ]
    return {message.type: message for message in each}


def envelope(message: m.Message) -> Envelope:
    return Envelope(
        message_id=examples.a_uuid("message"),
        session_id=SESSION,
        user_id=examples.OWNER,
        correlation_id=examples.a_uuid("correlation"),
        at=examples.NOON,
        message=message,
        command_no=3,
        expected_version=2,
    )


def goldens() -> Iterator[tuple[str, bytes]]:
    """File name and bytes of every message of this release."""
    first: dict[str, e.Recorded] = {}
    for recorded in a_story_of_everything():
        first.setdefault(recorded.event.type, recorded)
    for tag, recorded in first.items():
        yield f"event.{tag}.v{recorded.event.EVENT_VERSION}.json", wire.dump_event(recorded)
    for tag, message in messages().items():
        yield f"message.{tag}.v{MESSAGE_VERSIONS[tag]}.json", wire.dump_envelope(envelope(message))
    story = Story().confirmed_up_to(Stage.CHARACTERS)
    yield f"request.v{REQUEST_VERSION}.json", wire.dump_request(story.last.requests[0])
    yield f"state.v{wire.STATE_SCHEMA}.txt", story.last.record


def test_every_message_written_today_is_the_one_in_the_golden_files():
    """A changed body fails here: raise its version, add an upcaster, and write the new file with
    GENESIS_WRITE_GOLDEN=1; the old file stays."""
    for name, written in goldens():
        path = GOLDEN / name
        if os.environ.get("GENESIS_WRITE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(written + b"\n")
        assert path.read_bytes().rstrip(b"\n") == written, name


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*")), ids=lambda path: path.name)
def test_every_version_ever_written_is_read(path: Path):
    value = path.read_bytes().rstrip(b"\n")
    match path.name.split(".")[0]:
        case "event":
            assert wire.load_event(value).event.type == path.name.split(".")[1]
        case "message":
            assert wire.load_envelope(value).message.type == path.name.split(".")[1]
        case "request":
            assert wire.load_request(value).stage is Stage.PLOT_OUTLINE
        case "state":
            assert wire.load_state(value).session_id == SESSION
        case other:
            pytest.fail(f"no reader for golden files of kind {other}")


def test_no_message_lacks_a_golden_file():
    names = {path.name for path in GOLDEN.glob("*")}
    events = {f"event.{kind.model_fields['type'].default}.v{kind.EVENT_VERSION}.json" for kind in EVENTS}
    tags = {kind.model_fields["type"].default for kind in (*PERSON_COMMANDS, *INTERNALS)}
    commands = {f"message.{tag}.v{MESSAGE_VERSIONS[tag]}.json" for tag in tags}
    assert events | commands <= names


def test_events_and_states_round_trip():
    for recorded in a_story_of_everything():
        assert wire.load_event(wire.dump_event(recorded)) == recorded
    story = Story().confirmed_up_to(Stage.PLOT_OUTLINE)
    assert wire.load_state(story.last.record) == story.session


def test_repairs_stand_in_the_prefix_and_not_in_the_hash():
    story = Story().started()
    repaired = story.session.model_copy(update={"repairs": 2})
    assert wire.state_prefix(wire.dump_state(repaired)) == (wire.STATE_SCHEMA, 2, story.session.sequence)
    assert wire.load_state(wire.dump_state(repaired)).repairs == 2
    assert wire.state_hash(repaired) == wire.state_hash(story.session)


@given(
    idea=st.text(max_size=60).filter(lambda text: "\x00" not in text),
    chapters=st.integers(0, 60),
    at=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
)
def test_commands_round_trip_with_any_text_and_time(idea: str, chapters: int, at: datetime):
    sent = Envelope(
        message_id=examples.a_uuid("message"),
        session_id=SESSION,
        user_id=idea,
        correlation_id=SESSION,
        at=at.replace(tzinfo=UTC),
        message=m.StartGenesis(idea=idea, target_chapters=chapters),
        command_no=1,
    )
    assert wire.load_envelope(wire.dump_envelope(sent)) == sent


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'"text"',
        json.dumps({"type": "START_GENESIS", "id": "no uuid"}).encode(),
    ],
)
def test_bytes_that_are_no_message_are_unreadable_and_nothing_else(value: bytes):
    for load in (wire.load_envelope, wire.load_event, wire.load_request, wire.load_state):
        with pytest.raises(wire.Unreadable):
            load(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_unreadable_or_a_message(value: bytes):
    for load in (wire.load_envelope, wire.load_event, wire.load_request, wire.load_state):
        with contextlib.suppress(wire.Unreadable):
            assert load(value) is not None


def test_a_mutated_message_is_unreadable_or_another_message():
    body = json.loads(wire.dump_envelope(envelope(messages()["CONFIRM_STAGE"])))
    for name in body:
        for value in (None, 1.5, "x", [], {}, True, -1):
            with contextlib.suppress(wire.Unreadable):
                assert wire.load_envelope(json.dumps({**body, name: value}).encode()).message


def test_the_sentence_about_an_unreadable_message_holds_no_word_of_the_person():
    body = json.loads(wire.dump_envelope(envelope(messages()["START_GENESIS"])))
    body["payload"]["genre"] = "my secret " * 20
    with pytest.raises(wire.Unreadable) as caught:
        wire.load_envelope(json.dumps(body).encode())
    assert "secret" not in str(caught.value)


def an_event_s_body() -> dict[str, object]:
    return dict(json.loads(wire.dump_event(a_story_of_everything()[0])))


@pytest.mark.parametrize("beyond", [{"event_version": 99}, {"event_type": "session-dreamt"}])
def test_an_event_of_a_newer_release_is_told_from_junk(beyond: dict[str, object]):
    with pytest.raises(wire.Newer, match="Install the\nrelease that wrote it") as caught:
        wire.load_event(json.dumps({**an_event_s_body(), **beyond}).encode())
    assert caught.value.session_id == SESSION


@pytest.mark.parametrize(
    "junk",
    [
        {"aggregate_type": "something else"},
        {"aggregate_id": "none"},
        {"event_version": True},
        {"event_version": "99"},
        {"event_type": "Session Dreamt"},
        {"event_type": ["session-started"]},
        {"metadata": {}},
        {"payload": None},
    ],
)
def test_junk_is_not_taken_for_a_newer_release(junk: dict[str, object]):
    """Else anybody's junk would stop the readers."""
    newer = {**an_event_s_body(), "event_type": "session-dreamt", "event_version": 99}
    with pytest.raises(wire.Unreadable) as caught:
        wire.load_event(json.dumps({**newer, **junk}).encode())
    assert not isinstance(caught.value, wire.Newer)


def test_a_known_version_that_cannot_be_read_is_junk():
    with pytest.raises(wire.Unreadable) as caught:
        wire.load_event(json.dumps({**an_event_s_body(), "payload": {"mode": 7}}).encode())
    assert not isinstance(caught.value, wire.Newer)


def test_a_message_of_a_newer_release_is_told_from_junk():
    body = json.loads(wire.dump_envelope(envelope(messages()["START_GENESIS"])))
    with pytest.raises(wire.Newer) as caught:
        wire.load_envelope(json.dumps({**body, "type": "DREAM_ON"}).encode())
    assert caught.value.session_id == UUID(body["session_id"])
    for junk in ({"type": "dream on"}, {"type": "DREAM_ON", "at": "noon"}, {"type": "DREAM_ON", "payload": 1}):
        with pytest.raises(wire.Unreadable) as caught_junk:
            wire.load_envelope(json.dumps({**body, **junk}).encode())
        assert not isinstance(caught_junk.value, wire.Newer)


def test_a_state_of_a_newer_release_has_an_age_and_no_body():
    """A recovery must be able to tell that it is the younger one; nobody here may read it."""
    record = b"%d 3 17\n{}" % (wire.STATE_SCHEMA + 1)
    assert wire.state_prefix(record) == (wire.STATE_SCHEMA + 1, 3, 17)
    with pytest.raises(wire.Newer):
        wire.load_state(record)


def test_text_that_jsonb_cannot_hold_is_refused_at_the_door():
    with pytest.raises(ValueError, match="U\\+0000"):
        wire.parse_command("START_GENESIS", {"idea": "a\x00b"})
    with pytest.raises(ValueError, match="Unicode"):
        wire.parse_command("START_GENESIS", {"idea": "\ud800"})


def test_events_carry_cloudevents_headers():
    [first, *_] = a_story_of_everything()
    headers = dict(wire.event_headers(first, "00-abc-def-01"))
    assert headers["ce_type"] == b"session-started"
    assert headers["ce_subject"] == str(SESSION).encode()
    assert (headers["sequence"], headers["traceparent"]) == (b"1", b"00-abc-def-01")


def test_a_body_is_the_same_event_whichever_way_it_is_read():
    """In one pass where it looks as we write it, by way of JSON values where its keys are in another order."""
    for recorded in a_story_of_everything():
        value = wire.dump_event(recorded)
        reordered = json.dumps(json.loads(value), sort_keys=True).encode()
        assert wire.load_event(value) == wire.event_from_body(json.loads(value)) == wire.load_event(reordered)


@pytest.mark.parametrize("member", ["event_id", "aggregate_id", "sequence", "created_at", "payload", "metadata"])
def test_a_body_that_lacks_a_member_is_unreadable(member: str):
    body = json.loads(wire.dump_event(Story().started().history[0]))
    del body[member]
    with pytest.raises(wire.Unreadable):
        wire.load_event(json.dumps(body, separators=(",", ":")).encode())
