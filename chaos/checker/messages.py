"""Every event belongs to a message that this session was really sent, and every message was handled once, whole."""

from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from chaos.checker.replay import Replay
from chaos.checker.violation import Kind, Violation
from chaos.evidence import Accepted, Evidence
from genesis.session import events as e
from genesis.session import identity

MOST_ATTEMPTS = 20
"""Attempts of a generation whose results are looked for, where its claim has been cleared away."""


def check(evidence: Evidence, story: Replay) -> Iterator[Violation]:
    """Complaints about the messages behind a session's events (design §3, §6)."""
    by_number = {one.command_no: one for one in evidence.inbox.values() if one.session == story.session}
    results = {identity.event_id(result, 0): result for result in _results(evidence, story)}
    commands = {one.command for one in by_number.values()}
    handled = 0
    seen: set[UUID] = set()
    for group in _groups(story.events):
        first = group[0]
        number = first.command_no
        whole = [one.part for one in group] == list(range(1, first.of + 1))
        if not whole or len({(one.of, one.command_no) for one in group}) != 1:
            yield _complaint(Kind.MISSING_EVENT, story, group, f"is not {first.of} whole parts of one message")
        if number is None:
            message = results.get(first.event_id)
        elif number <= handled:
            yield _complaint(Kind.DOUBLED_EVENT, story, group, f"number {number} was handled again")
            continue
        else:
            if number > handled + 1:
                yield _complaint(Kind.LOST_COMMAND, story, group, f"number {handled + 1} was never handled")
            handled = number
            message = _command_id(by_number.get(number))
        if message is None:
            yield _complaint(Kind.FORGED_EVENT, story, group, f"no message of number {number}")
            continue
        if message in seen:
            yield _complaint(Kind.DOUBLED_EVENT, story, group, f"message {message} was handled again")
        seen.add(message)
        for one in group:
            if one.event_id != identity.event_id(message, one.part - 1):
                yield _complaint(Kind.FORGED_EVENT, story, [one], f"its id is not that of message {message}")
            if one.causation_id not in {message} | commands:
                yield _complaint(Kind.FORGED_EVENT, story, [one], f"caused by {one.causation_id}, of no session")


def _command_id(accepted: Accepted | None) -> UUID | None:
    return accepted.command if accepted else None


def _groups(events: list[e.Recorded]) -> Iterator[list[e.Recorded]]:
    """The events of each message."""
    begin = 0
    for place, recorded in enumerate(events):
        if place > begin and (recorded.part == 1 or recorded.command_no != events[begin].command_no):
            yield events[begin:place]
            begin = place
    if events:
        yield events[begin:]


def _results(evidence: Evidence, story: Replay) -> Iterator[UUID]:
    """Ids of the results that the session's generations may have brought."""
    for recorded in story.events:
        if isinstance(recorded.event, e.GenerationRequested):
            task = recorded.event.task.task_id
            claim = evidence.claims.get(task)
            attempts = claim.attempt if claim else MOST_ATTEMPTS
            yield from (identity.result_id(task, attempt) for attempt in range(1, attempts + 1))


def _complaint(kind: Kind, story: Replay, group: list[e.Recorded], why: str) -> Violation:
    place = f"events {group[0].sequence} to {group[-1].sequence}"
    types = ", ".join(one.event.type for one in islice(group, 3))
    return Violation(kind, story.session, f"{place} ({types}): {why}")
