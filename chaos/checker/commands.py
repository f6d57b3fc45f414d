"""Every acknowledged command is in the inbox once, was handled, and has exactly one final outcome."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from chaos.checker.replay import Replay
from chaos.checker.violation import Kind, Violation
from chaos.evidence import Accepted, Evidence
from chaos.history import Answered, Invoked, Looked
from genesis.session import events as e
from genesis.session import identity

FINAL = ("COMPLETED", "FAILED")


def check_door(evidence: Evidence) -> Iterator[Violation]:
    """What clients were answered, against what the door has kept (design §4)."""
    answers: dict[str, list[Answered]] = defaultdict(list)
    tries: dict[str, int] = defaultdict(int)
    keys: dict[int, str] = {}
    for entry in evidence.history:
        if isinstance(entry, Invoked):
            keys[entry.call] = entry.key
            tries[entry.key] += 1
        elif isinstance(entry, Answered):
            answers[keys[entry.call]].append(entry)
    for key in tries:
        granted = [answer for answer in answers[key] if answer.outcome == "ok"]
        if granted:
            yield from _granted(evidence, key, granted)
        elif len(answers[key]) == tries[key] and all(_refused(answer) for answer in answers[key]):
            command = identity.command_id(evidence.owner, key)
            if command in evidence.inbox:
                yield Violation(Kind.GHOST, evidence.inbox[command].session, f"command {command}")


def _refused(answer: Answered) -> bool:
    # A 5xx promises nothing: the transaction may have been committed before the connection broke.
    return answer.outcome == "fail" and answer.status < 500


def _granted(evidence: Evidence, key: str, granted: list[Answered]) -> Iterator[Violation]:
    first = granted[0]
    told = {(answer.command, answer.session, answer.command_no) for answer in granted}
    if len(told) > 1:
        yield Violation(Kind.OTHER_ANSWER, first.session, f"key {key} was answered with {len(told)} commands")
    known = evidence.inbox.get(first.command) if first.command else None
    if known is None:
        yield Violation(Kind.LOST_COMMAND, first.session, f"command {first.command} is not in the inbox")
    elif (known.session, known.command_no) != (first.session, first.command_no):
        detail = f"command {first.command}: answered as number {first.command_no}, kept as {known.command_no}"
        yield Violation(Kind.OTHER_ANSWER, first.session, detail)


def check_outcomes(evidence: Evidence, story: Replay) -> Iterator[Violation]:
    """Each accepted command of a session against the events it caused (design §3 rule 5)."""
    accepted = sorted(
        (one for one in evidence.inbox.values() if one.session == story.session), key=lambda one: one.command_no
    )
    numbers = [one.command_no for one in accepted]
    count = evidence.counts.get(story.session)
    if numbers != list(range(1, len(numbers) + 1)) or count != len(numbers):
        detail = f"numbers {numbers[:1]} to {numbers[-1:]}, {len(numbers)} rows, counted {count}"
        yield Violation(Kind.NUMBERS, story.session, detail)
    caused = outcomes_by_cause(story)
    for one in accepted:
        yield from _outcome(one, caused.get(one.command, set()), story)


def _outcome(one: Accepted, told: set[str], story: Replay) -> Iterator[Violation]:
    name = f"command {one.command} (number {one.command_no}, {one.command_type})"
    final = told & set(FINAL)
    if not told:
        yield Violation(Kind.LOST_COMMAND, story.session, f"{name} has no event; the inbox says {one.status}")
    elif len(final) != 1:
        yield Violation(Kind.UNDECIDED, story.session, f"{name}: the log says {sorted(told)}")
    elif one.status not in final:
        yield Violation(Kind.OTHER_OUTCOME, story.session, f"{name}: inbox {one.status}, log {sorted(final)}")
    if one.given_up:
        yield Violation(Kind.LOST_COMMAND, story.session, f"{name} was given up")


def outcomes_by_cause(story: Replay) -> Mapping[UUID, set[str]]:
    """What the log says became of each command that it names as a cause."""
    caused: dict[UUID, set[str]] = defaultdict(set)
    for recorded in story.events:
        match recorded.event:
            case e.InputReceived(kept=True):
                status = "PROCESSING"
            case e.CommandRejected():
                status = "FAILED"
            case _:
                status = "COMPLETED"
        caused[recorded.causation_id].add(status)
    return caused


def check_looks(evidence: Evidence) -> Iterator[Violation]:
    """What clients were told of outcomes: one end, never taken back, and the one that is kept."""
    ends: dict[UUID, str] = {}
    for entry in evidence.history:
        if not isinstance(entry, Looked):
            continue
        known = evidence.inbox.get(entry.command)
        session = known.session if known else None
        before = ends.get(entry.command)
        if before and entry.status != before:
            yield Violation(Kind.OTHER_OUTCOME, session, f"command {entry.command}: {before}, later {entry.status}")
        elif entry.status in FINAL:
            ends[entry.command] = entry.status
            if known and known.status != entry.status:
                detail = f"command {entry.command}: a client saw {entry.status}, the inbox says {known.status}"
                yield Violation(Kind.OTHER_OUTCOME, session, detail)
