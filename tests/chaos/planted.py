"""Faults planted into clean evidence: ways in which a studio could break a promise, and what each is to be called."""

import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

from chaos.checker.violation import Kind
from chaos.evidence import Claim, Evidence, Json
from chaos.history import Answered, Entry, Framed, Invoked, Looked, StateRead
from genesis import wire
from genesis.session import events as e
from genesis.session import identity
from genesis.session.reasons import Reason
from tests import examples

Plant = Callable[[Evidence, random.Random], Evidence]


@dataclass(frozen=True)
class Planted:
    """One fault and the complaint that must be among those it leads to."""

    name: str
    kind: Kind
    plant: Plant


PLANTED: list[Planted] = []


def fault(kind: Kind) -> Callable[[Plant], Plant]:
    """Declares a fault that must be called `kind`."""

    def declare(plant: Plant) -> Plant:
        PLANTED.append(Planted(plant.__name__, kind, plant))
        return plant

    return declare


# -- what the faults are made with


def once(bodies: Any) -> list[Json]:
    return [deepcopy(body) for body in {body["sequence"]: body for body in bodies}.values()]


def with_log(evidence: Evidence, session: UUID, bodies: list[Json]) -> Evidence:
    return replace(evidence, log={**evidence.log, session: tuple(bodies)})


def a_log(evidence: Evidence, chance: random.Random) -> tuple[UUID, list[Json]]:
    session = chance.choice(sorted(evidence.log, key=str))
    return session, once(evidence.log[session])


def first_log(evidence: Evidence) -> tuple[UUID, list[Json]]:
    """Of the session that surely has an answered proposal."""
    session = next(iter(evidence.log))
    return session, once(evidence.log[session])


def place_of(entries: tuple[Entry, ...], kind: type[Entry], chance: random.Random, **wanted: Any) -> int:
    found = [
        place
        for place, entry in enumerate(entries)
        if isinstance(entry, kind) and all(getattr(entry, name) == value for name, value in wanted.items())
    ]
    return chance.choice(found)


def changed(evidence: Evidence, place: int, **fields: Any) -> Evidence:
    history = list(evidence.history)
    history[place] = history[place].model_copy(update=fields)
    return replace(evidence, history=tuple(history))


def with_history(evidence: Evidence, history: list[Entry]) -> Evidence:
    return replace(evidence, history=tuple(history))


def other(id: Any) -> UUID:
    return uuid5(UUID(str(id)), "another")


def appended(bodies: list[Json], event: e.Event, **changes: Any) -> Json:
    """The body of one more event, which looks like one of the last message's unless it is changed."""
    body = {
        **bodies[-1],
        "event_id": str(other(bodies[-1]["event_id"])),
        "event_type": event.type,
        "event_version": event.EVENT_VERSION,
        "sequence": len(bodies) + 1,
        "payload": event.model_dump(mode="json", exclude={"type"}),
    }
    return body | changes


REJECTION = e.CommandRejected(command_type="FINISH_GENESIS", reason=Reason.OVERTAKEN, message="Planted.")


# -- the log


@fault(Kind.MISSING_EVENT)
def an_event_lost_from_the_log(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = a_log(evidence, chance)
    del bodies[chance.randrange(len(bodies) - 1)]
    return with_log(evidence, session, bodies)


@fault(Kind.MISSING_EVENT)
def the_end_of_a_message_lost_from_the_log(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = first_log(evidence)
    cut = next(place for place, body in enumerate(bodies) if body["metadata"]["of"] > 1) + 1
    return with_log(evidence, session, bodies[:cut])


@fault(Kind.LOST_COMMAND)
def a_whole_session_lost_from_the_log(evidence: Evidence, chance: random.Random) -> Evidence:
    session, _ = a_log(evidence, chance)
    return with_log(evidence, session, [])


@fault(Kind.DOUBLED_EVENT)
def an_event_doubled_under_the_next_sequence(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = a_log(evidence, chance)
    again = appended(bodies, REJECTION, event_id=bodies[-1]["event_id"])
    return with_log(evidence, session, [*bodies, again])


@fault(Kind.DOUBLED_EVENT)
def a_command_handled_twice_under_new_ids(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = first_log(evidence)
    number = chance.choice([body["metadata"]["command_no"] for body in bodies if "command_no" in body["metadata"]])
    metadata = {**bodies[-1]["metadata"], "command_no": number, "part": 1, "of": 1}
    again = appended(bodies, REJECTION, metadata=metadata)
    return with_log(evidence, session, [*bodies, again])


@fault(Kind.REORDERED_EVENT)
def two_events_swapped_on_the_log(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = a_log(evidence, chance)
    place = chance.randrange(len(bodies) - 1)
    bodies[place], bodies[place + 1] = bodies[place + 1], bodies[place]
    return with_log(evidence, session, bodies)


@fault(Kind.REORDERED_EVENT)
def an_event_older_than_the_one_before(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = a_log(evidence, chance)
    bodies[-1]["created_at"] = "2001-01-01T00:00:00Z"
    return with_log(evidence, session, bodies)


@fault(Kind.FORKED_EVENT)
def two_events_at_one_place(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = a_log(evidence, chance)
    forked = deepcopy(chance.choice(bodies))
    forked["event_id"] = str(other(forked["event_id"]))
    return with_log(evidence, session, [*bodies, forked])


@fault(Kind.FORGED_EVENT)
def an_event_that_no_message_emits(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = a_log(evidence, chance)
    body = chance.choice(bodies)
    body["event_id"] = str(other(body["event_id"]))
    return with_log(evidence, session, bodies)


@fault(Kind.FORGED_EVENT)
def an_event_with_a_cause_from_nowhere(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = a_log(evidence, chance)
    body = chance.choice(bodies)
    body["causation_id"] = str(other(body["causation_id"]))
    return with_log(evidence, session, bodies)


@fault(Kind.FORGED_EVENT)
def an_event_that_cannot_follow(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = first_log(evidence)
    made = next(body for body in bodies if body["event_type"] == "proposal-made")
    made["payload"]["stage"] = "PLOT_OUTLINE"
    return with_log(evidence, session, bodies)


# -- commands


@fault(Kind.LOST_COMMAND)
def an_acknowledged_command_that_the_inbox_does_not_know(evidence: Evidence, chance: random.Random) -> Evidence:
    place = place_of(evidence.history, Answered, chance, outcome="ok")
    gone = evidence.history[place].command
    return replace(evidence, inbox={id: one for id, one in evidence.inbox.items() if id != gone})


@fault(Kind.LOST_COMMAND)
def an_accepted_command_without_an_event(evidence: Evidence, chance: random.Random) -> Evidence:
    session = chance.choice(sorted(evidence.counts, key=str))
    number = evidence.counts[session] + 1
    one = replace(
        next(iter(evidence.inbox.values())),
        command=other(session),
        session=session,
        command_no=number,
        status="RECEIVED",
    )
    return replace(evidence, inbox={**evidence.inbox, one.command: one}, counts={**evidence.counts, session: number})


@fault(Kind.LOST_COMMAND)
def a_command_that_was_given_up(evidence: Evidence, chance: random.Random) -> Evidence:
    one = chance.choice(list(evidence.inbox.values()))
    return replace(evidence, inbox={**evidence.inbox, one.command: replace(one, given_up=True)})


@fault(Kind.UNDECIDED)
def a_command_granted_and_refused(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = first_log(evidence)
    granted = next(
        body["causation_id"]
        for body in reversed(bodies)
        if body["event_type"] in ("stage-confirmed", "stage-entered")
    )
    return with_log(evidence, session, [*bodies, appended(bodies, REJECTION, causation_id=granted)])


@fault(Kind.OTHER_OUTCOME)
def an_inbox_that_tells_another_outcome(evidence: Evidence, chance: random.Random) -> Evidence:
    one = chance.choice(list(evidence.inbox.values()))
    status = "FAILED" if one.status == "COMPLETED" else "COMPLETED"
    return replace(evidence, inbox={**evidence.inbox, one.command: replace(one, status=status)})


@fault(Kind.OTHER_OUTCOME)
def an_outcome_taken_back(evidence: Evidence, chance: random.Random) -> Evidence:
    one = chance.choice([one for one in evidence.inbox.values() if one.status in ("COMPLETED", "FAILED")])
    looks = [
        Looked(at=1e6, client="a client", command=one.command, status=status) for status in (one.status, "RECEIVED")
    ]
    return with_history(evidence, [*evidence.history, *looks])


@fault(Kind.OTHER_ANSWER)
def one_key_answered_with_two_commands(evidence: Evidence, chance: random.Random) -> Evidence:
    place = place_of(evidence.history, Answered, chance, outcome="ok")
    answer = evidence.history[place]
    invoked = next(entry for entry in evidence.history if isinstance(entry, Invoked) and entry.call == answer.call)
    again = [
        invoked.model_copy(update={"call": -1}),
        answer.model_copy(update={"call": -1, "command": other(answer.command)}),
    ]
    return with_history(evidence, [*evidence.history, *again])


@fault(Kind.OTHER_ANSWER)
def an_answer_with_another_number(evidence: Evidence, chance: random.Random) -> Evidence:
    place = place_of(evidence.history, Answered, chance, outcome="ok")
    return changed(evidence, place, command_no=evidence.history[place].command_no + 1)


@fault(Kind.GHOST)
def a_refused_command_that_was_accepted(evidence: Evidence, chance: random.Random) -> Evidence:
    place = place_of(evidence.history, Answered, chance, outcome="fail")
    key = next(
        entry.key
        for entry in evidence.history
        if isinstance(entry, Invoked) and entry.call == evidence.history[place].call
    )
    command = identity.command_id(examples.OWNER, key)
    one = replace(next(iter(evidence.inbox.values())), command=command)
    return replace(evidence, inbox={**evidence.inbox, command: one})


@fault(Kind.NUMBERS)
def a_number_that_was_used_for_nothing(evidence: Evidence, chance: random.Random) -> Evidence:
    session = chance.choice(sorted(evidence.counts, key=str))
    return replace(evidence, counts={**evidence.counts, session: evidence.counts[session] + 1})


@fault(Kind.NUMBERS)
def one_number_for_two_commands(evidence: Evidence, chance: random.Random) -> Evidence:
    one = chance.choice(list(evidence.inbox.values()))
    twin = replace(one, command=other(one.command))
    return replace(evidence, inbox={**evidence.inbox, twin.command: twin})


# -- streams and reads


@fault(Kind.STREAM_MISSED)
def a_frame_that_never_came(evidence: Evidence, chance: random.Random) -> Evidence:
    history = list(evidence.history)
    del history[place_of(evidence.history, Framed, chance)]
    return with_history(evidence, history)


@fault(Kind.STREAM_DOUBLED)
def a_frame_that_came_twice(evidence: Evidence, chance: random.Random) -> Evidence:
    place = place_of(evidence.history, Framed, chance)
    history = list(evidence.history)
    return with_history(evidence, [*history[: place + 1], *history[place:]])


@fault(Kind.STREAM_REORDERED)
def two_frames_swapped(evidence: Evidence, chance: random.Random) -> Evidence:
    history = list(evidence.history)
    session = history[place_of(evidence.history, Framed, chance)].session
    places = [place for place, entry in enumerate(history) if isinstance(entry, Framed) and entry.session == session]
    first = chance.randrange(len(places) - 1)
    one, two = places[first], places[first + 1]
    history[one], history[two] = history[two], history[one]
    return with_history(evidence, history)


@fault(Kind.STREAM_FORGED)
def a_frame_with_another_body(evidence: Evidence, chance: random.Random) -> Evidence:
    return changed(evidence, place_of(evidence.history, Framed, chance), digest="0" * 24)


@fault(Kind.STREAM_FORGED)
def a_frame_beyond_the_end(evidence: Evidence, chance: random.Random) -> Evidence:
    frame = evidence.history[place_of(evidence.history, Framed, chance)]
    return with_history(evidence, [*evidence.history, frame.model_copy(update={"sequence": 10_000})])


@fault(Kind.STALE_READ)
def a_read_behind_the_stream(evidence: Evidence, chance: random.Random) -> Evidence:
    place = place_of(evidence.history, StateRead, chance)
    return changed(evidence, place, version=evidence.history[place].version - 1)


# -- the saved state


@fault(Kind.SAVED_STATE)
def a_state_that_was_never_saved(evidence: Evidence, chance: random.Random) -> Evidence:
    gone = chance.choice(sorted(evidence.saved, key=str))
    return replace(evidence, saved={id: record for id, record in evidence.saved.items() if id != gone})


@fault(Kind.SAVED_STATE)
def an_older_state_written_by_a_zombie(evidence: Evidence, chance: random.Random) -> Evidence:
    session = chance.choice(sorted(evidence.saved, key=str))
    state = wire.load_state(evidence.saved[session])
    older = wire.dump_state(state.model_copy(update={"sequence": state.sequence - 1}))
    return replace(evidence, saved={**evidence.saved, session: older})


@fault(Kind.SAVED_STATE)
def a_state_with_another_content(evidence: Evidence, chance: random.Random) -> Evidence:
    session = chance.choice(sorted(evidence.saved, key=str))
    state = wire.load_state(evidence.saved[session])
    record = wire.dump_state(state.model_copy(update={"command_no": state.command_no + 1}))
    return replace(evidence, saved={**evidence.saved, session: record})


@fault(Kind.SAVED_STATE)
def a_record_that_cannot_be_read(evidence: Evidence, chance: random.Random) -> Evidence:
    session = chance.choice(sorted(evidence.saved, key=str))
    return replace(evidence, saved={**evidence.saved, session: b"1 0 7\n{"})


# -- read models


def a_row(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    table = chance.choice([table for table, rows in evidence.rows.items() if rows])
    return table, chance.choice(sorted(evidence.rows[table]))


def with_rows(evidence: Evidence, table: str, rows: Mapping[str, Json]) -> Evidence:
    return replace(evidence, rows={**evidence.rows, table: rows})


@fault(Kind.READ_MODEL)
def a_row_lost(evidence: Evidence, chance: random.Random) -> Evidence:
    table, gone = a_row(evidence, chance)
    return with_rows(evidence, table, {key: row for key, row in evidence.rows[table].items() if key != gone})


@fault(Kind.READ_MODEL)
def a_row_too_many(evidence: Evidence, chance: random.Random) -> Evidence:
    table, key = a_row(evidence, chance)
    return with_rows(evidence, table, {**evidence.rows[table], "another": evidence.rows[table][key]})


@fault(Kind.READ_MODEL)
def a_column_changed(evidence: Evidence, chance: random.Random) -> Evidence:
    table, key = a_row(evidence, chance)
    row = dict(evidence.rows[table][key])
    column = chance.choice([name for name, value in sorted(row.items()) if isinstance(value, int | str | None)])
    if column in ("session_id", "aggregate_id"):
        column = "user_id"
    stamped = column.endswith("_at") or column == "deadline"
    row[column] = "2001-01-01T00:00:00+00:00" if stamped else 12345
    return with_rows(evidence, table, {**evidence.rows[table], key: row})


# -- answers


@fault(Kind.OTHER_PROPOSAL)
def an_answer_that_named_another_proposal(evidence: Evidence, chance: random.Random) -> Evidence:
    _, bodies = first_log(evidence)
    granted = next(UUID(body["causation_id"]) for body in bodies if body["event_type"] == "stage-confirmed")
    history = [
        entry.model_copy(update={"proposal": other(granted)})
        if isinstance(entry, Invoked) and identity.command_id(examples.OWNER, entry.key) == granted
        else entry
        for entry in evidence.history
    ]
    return with_history(evidence, history)


@fault(Kind.OTHER_PROPOSAL)
def an_answer_applied_to_another_revision(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = first_log(evidence)
    next(body for body in bodies if body["event_type"] == "stage-confirmed")["payload"]["confirmed"]["revision"] = 2
    return with_log(evidence, session, bodies)


# -- payments


@fault(Kind.PAID_TWICE)
def a_second_result_of_one_task(evidence: Evidence, chance: random.Random) -> Evidence:
    again = deepcopy(chance.choice(evidence.results))
    again["payload"]["attempt"] += 1
    return replace(evidence, results=(*evidence.results, again))


@fault(Kind.PAID_TWICE)
def an_attempt_begun_after_the_result(evidence: Evidence, chance: random.Random) -> Evidence:
    task = chance.choice(sorted(evidence.claims, key=str))
    claim = replace(evidence.claims[task], attempt=evidence.claims[task].attempt + 1)
    return replace(evidence, claims={**evidence.claims, task: claim})


@fault(Kind.PAID_TWICE)
def a_result_that_was_never_stored(evidence: Evidence, chance: random.Random) -> Evidence:
    task = chance.choice(sorted(evidence.claims, key=str))
    return replace(evidence, claims={**evidence.claims, task: Claim(task, evidence.claims[task].attempt, False)})


@fault(Kind.PAID_TWICE)
def a_cost_that_stands_in_two_events(evidence: Evidence, chance: random.Random) -> Evidence:
    session, bodies = first_log(evidence)
    made = next(body for body in bodies if body["event_type"] == "proposal-made")
    again = e.GenerationDiscarded(
        stage=made["payload"]["stage"],
        task_id=made["payload"]["task_id"],
        reason="stopped",
        provenance=examples.PROVENANCE,
    )
    return with_log(evidence, session, [*bodies, appended(bodies, again)])
