"""One message met by one session: outputs, dead letters and outcomes, in bytes."""

import json
from dataclasses import replace
from uuid import UUID

import pytest

from genesis import wire
from genesis.envelope import Envelope
from genesis.session import machine
from genesis.session import messages as m
from genesis.session.reasons import Reason
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from streams.advance import Advance, Held, advance, without_state
from streams.records import Arrived
from tests import examples
from tests.streams.wires import START, TRACE, arrived, broken, command, result

SESSION = examples.a_uuid("advance")
KEY = str(SESSION).encode()


def after(*messages: Arrived) -> Held:
    """The session after these messages."""
    held: Held | None = None
    for message in messages:
        held = advance(message, held, Rules()).after
    assert held is not None
    return held


def types(done: Advance) -> list[str]:
    return [json.loads(event.value or b"")["event_type"] for event in done.events]


def rejection(done: Advance) -> dict[str, object]:
    (event,) = done.events
    body: dict[str, object] = json.loads(event.value or b"")
    assert body["event_type"] == "command-rejected"
    return body


def letter_headers(done: Advance) -> dict[str, str]:
    assert done.letter is not None
    return {name: value.decode() for name, value in done.letter.headers if name.startswith("dead_letter_")}


def test_a_start_opens_the_session_and_asks_for_a_proposal():
    done = advance(command(SESSION, 1, START), None, Rules())

    assert done.outcome == "granted"
    assert types(done) == ["session-started", "stage-entered", "generation-requested"]
    assert [record.key for record in (*done.events, *done.requests)] == [KEY] * 4
    assert wire.load_request(done.requests[0].value or b"").session_id == SESSION
    assert done.after is not None
    assert wire.load_state(done.after.record) == done.after.state
    assert done.saves


def test_every_output_carries_the_trace_of_its_command():
    done = advance(command(SESSION, 1, START), None, Rules())

    assert all(("traceparent", TRACE) in record.headers for record in (*done.events, *done.requests))
    assert dict(done.events[0].headers)["ce_type"] == b"session-started"


def test_a_repeat_sends_nothing_and_puts_the_state_again():
    before = after(command(SESSION, 1, START))

    done = advance(command(SESSION, 1, START), before, Rules())

    assert (done.outcome, done.events, done.requests) == ("repeat", (), ())
    assert done.after is before
    assert done.saves


def test_a_command_ahead_of_its_turn_leaves_the_session_alone():
    before = after(command(SESSION, 1, START))

    done = advance(command(SESSION, 3, m.AbandonGenesis()), before, Rules())

    assert (done.outcome, done.events) == ("ahead", ())
    assert done.after is before
    assert not done.saves


def test_the_first_command_of_a_session_may_be_ahead_too():
    done = advance(command(SESSION, 2, START), None, Rules())

    assert (done.outcome, done.after, done.saves) == ("ahead", None, False)


def test_a_result_without_a_session_says_nothing():
    done = advance(result(SESSION, examples.a_uuid("task"), Stage.CONCEPT_SELECTION), None, Rules())

    assert (done.outcome, done.events, done.saves) == ("nothing", (), False)


def test_an_ended_session_is_held_as_it_was_saved():
    held = after(command(SESSION, 1, START), command(SESSION, 2, m.AbandonGenesis()))

    assert held.state == wire.load_state(held.record)


def test_an_unreadable_numbered_command_gets_a_dead_letter_and_its_outcome():
    before = after(command(SESSION, 1, START))
    poison = broken(command(SESSION, 2, m.AbandonGenesis()))

    done = advance(poison, before, Rules())

    body = rejection(done)
    assert body["causation_id"] == str(examples.a_uuid(f"{SESSION}/2"))
    assert body["payload"]["reason"] == Reason.UNREADABLE  # type: ignore[index]
    assert body["metadata"]["user_id"] == examples.OWNER  # type: ignore[index]
    assert done.letter is not None
    assert (done.letter.key, done.letter.value) == (poison.key, poison.value)
    assert set(poison.headers) <= set(done.letter.headers)
    assert letter_headers(done) == {
        "dead_letter_reader": "sessions",
        "dead_letter_error": "Unreadable",
        "dead_letter_topic": "genesis.commands",
        "dead_letter_partition": "0",
        "dead_letter_offset": "7",
    }


def test_after_an_unreadable_command_the_next_one_is_in_its_turn():
    held = after(command(SESSION, 1, START), broken(command(SESSION, 2, m.AbandonGenesis())))

    assert advance(command(SESSION, 3, m.AbandonGenesis()), held, Rules()).outcome == "granted"


def test_an_unreadable_start_leaves_a_refused_session():
    done = advance(broken(command(SESSION, 1, START)), None, Rules())

    assert done.after is not None
    assert done.after.state.status == "refused"
    assert rejection(done)["metadata"]["user_id"] == ""  # type: ignore[index]


def test_an_unreadable_repeat_writes_no_second_letter():
    poison = broken(command(SESSION, 1, START))
    before = after(poison)

    done = advance(poison, before, Rules())

    assert (done.outcome, done.letter, done.events) == ("repeat", None, ())


@pytest.mark.parametrize(
    "message",
    [
        arrived(SESSION, b"\xff\x00"),
        arrived(SESSION, None),
        arrived(SESSION, b""),
        arrived(None, b"{}"),
        arrived(None, None),
        replace(arrived(None, b"{}"), key=b"not an id"),
        arrived(SESSION, b"[" * 100_000),
        arrived(SESSION, b"{}", (("command_id", b"?"), ("command_no", b"1"), ("command_type", b"START_GENESIS"))),
        arrived(SESSION, b"{}", (("command_id", str(SESSION).encode()), ("command_no", "²".encode()))),
    ],
)
def test_what_has_no_number_and_no_sense_gets_a_dead_letter_only(message: Arrived):
    done = advance(message, None, Rules())

    assert done.outcome == "unreadable"
    assert done.letter is not None
    assert (done.letter.key, done.letter.value) != (None, None)
    assert (done.events, done.requests, done.saves) == ((), (), False)


def test_a_time_before_all_times_is_unreadable_not_a_crash():
    body = json.loads(command(SESSION, 1, START).value or b"")
    body["at"] = "0001-01-01T00:00:00+23:00"

    done = advance(broken(command(SESSION, 1, START), json.dumps(body).encode()), None, Rules())

    assert done.outcome == "unreadable"


def test_a_body_for_another_session_than_its_key_is_unreadable():
    other = examples.a_uuid("another")
    smuggled = replace(command(other, 1, START), key=KEY)

    done = advance(smuggled, None, Rules())

    assert done.outcome == "unreadable"
    assert rejection(done)["aggregate_id"] == str(SESSION)


def test_a_bug_in_the_rules_gets_a_dead_letter_and_its_outcome(monkeypatch: pytest.MonkeyPatch):
    def crash(*_: object) -> None:
        raise ZeroDivisionError("words of a person")

    monkeypatch.setattr(machine, "decide", crash)

    done = advance(replace(command(SESSION, 1, START), headers=()), None, Rules())

    assert done.outcome == "crashed"
    assert rejection(done)["payload"]["reason"] == Reason.INTERNAL_ERROR  # type: ignore[index]
    assert letter_headers(done)["dead_letter_error"] == "ZeroDivisionError"
    assert b"words" not in b"".join(value for _, value in done.letter.headers)  # type: ignore[union-attr]


def test_a_bug_met_by_a_result_gets_a_dead_letter_only(monkeypatch: pytest.MonkeyPatch):
    before = after(command(SESSION, 1, START))
    monkeypatch.setattr(machine, "decide", lambda *_: 1 / 0)

    done = advance(result(SESSION, UUID(int=1), Stage.CONCEPT_SELECTION), before, Rules())

    assert (done.outcome, done.events) == ("crashed", ())
    assert done.after is before
    assert done.letter is not None


def test_a_session_that_cannot_be_read_is_never_guessed():
    done = without_state(command(SESSION, 5, START), b"garbage", wire.Unreadable("not a saved session"))

    assert (done.after, done.saves, done.events) == (None, False, ())
    assert letter_headers(done)["dead_letter_error"] == "Unreadable"


def repair(record: bytes, *, force: bool = False, session: UUID = SESSION) -> Arrived:
    """What `genesis repair` sends: no number, no headers."""
    message = m.StateRepaired(record=record.decode(), force=force)
    envelope = Envelope(
        examples.a_uuid("repair"), session, examples.OWNER, examples.a_uuid("repair"), examples.NOON, message
    )
    return arrived(session, wire.dump_envelope(envelope))


def test_a_repair_replaces_the_state_and_sends_all_that_is_owed_without_an_event():
    whole = after(command(SESSION, 1, START))

    done = advance(repair(whole.record), None, Rules())

    assert (done.outcome, done.events, done.saves) == ("repaired", (), True)
    assert done.after is not None
    assert wire.state_prefix(done.after.record)[1:] == (1, 3)
    assert wire.state_hash(done.after.state) == wire.state_hash(whole.state)
    [request] = done.requests
    assert wire.load_request(request.value or b"").task_id in whole.state.running()


def test_a_repair_behind_the_session_leaves_it_alone_unless_it_is_forced():
    old = after(command(SESSION, 1, START))
    now = after(command(SESSION, 1, START), command(SESSION, 2, m.AbandonGenesis()))

    done = advance(repair(old.record), now, Rules())
    assert (done.outcome, done.after, done.requests) == ("nothing", now, ())

    forced = advance(repair(old.record, force=True), now, Rules())
    assert forced.outcome == "repaired"
    assert forced.after is not None
    assert wire.state_prefix(forced.after.record)[1:] == (1, old.state.sequence)


def test_a_repair_mends_a_session_whose_record_cannot_be_read_and_wins_over_it():
    whole = after(command(SESSION, 1, START))
    prefix = whole.record.replace(b" 0 3", b" 7 3").split(b"\n")[0]

    done = without_state(repair(whole.record), prefix + b"\n{broken", wire.Unreadable("not a saved session"))

    assert done.outcome == "repaired"
    assert done.after is not None
    assert wire.state_prefix(done.after.record)[1:] == (8, 3)


@pytest.mark.parametrize("record", [b"2 0 3\n{broken", b"garbage"])
def test_a_repair_that_cannot_be_read_becomes_a_dead_letter(record: bytes):
    before = after(command(SESSION, 1, START))

    for done in (advance(repair(record), before, Rules()), without_state(repair(record), b"", ValueError())):
        assert (done.events, done.requests) == ((), ())
        assert letter_headers(done)["dead_letter_error"] == "Unreadable"


def test_a_repair_with_another_session_s_state_becomes_a_dead_letter():
    other = advance(command(examples.a_uuid("other"), 1, START), None, Rules()).after
    assert other is not None

    done = advance(repair(other.record), after(command(SESSION, 1, START)), Rules())

    assert letter_headers(done)["dead_letter_error"] == "Unreadable"


def newer_state(held: Held) -> bytes:
    return held.record.replace(b"%d " % wire.STATE_SCHEMA, b"%d " % (wire.STATE_SCHEMA + 1), 1)


def newer_message(key: bytes | None = None) -> Arrived:
    known = command(SESSION, 2, m.AbandonGenesis())
    value = (known.value or b"").replace(b"ABANDON_GENESIS", b"DREAM_ON")
    return replace(known, value=value, key=key or known.key)


def test_what_a_newer_release_wrote_is_neither_refused_nor_put_aside():
    """A message, a repair's state: refused by this release they would be lost for the one that knows them."""
    before = after(command(SESSION, 1, START))
    for message in (newer_message(), repair(newer_state(before))):
        with pytest.raises(wire.Newer):
            advance(message, before, Rules())
        with pytest.raises(wire.Newer):
            without_state(message, b"garbage", wire.Unreadable("not a saved session"))


def test_with_another_key_it_is_junk():
    done = advance(newer_message(key=b"somebody"), after(command(SESSION, 1, START)), Rules())
    assert done.outcome == "unreadable"
