"""One message of genesis.commands met by its session, in bytes: what is to be sent, and what is to be saved.

Pure like the kernel it runs; the agent in `sessions.py` only carries out what comes from here.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from genesis import wire
from genesis.envelope import Envelope
from genesis.session import machine
from genesis.session.events import CommandRejected
from genesis.session.machine import Step, Turn
from genesis.session.messages import StateRepaired
from genesis.session.reasons import Reason
from genesis.session.rules import Rules
from genesis.session.state import Session, shrink
from streams.dead_letters import dead_letter
from streams.records import Arrived, Record

READER = "sessions"
"""Name of the agent, also in the dead letters it writes."""


@dataclass(frozen=True, slots=True)
class Held:
    """A session as it is held in memory: decoded, and the bytes that stand in the table."""

    state: Session
    record: bytes


@dataclass(frozen=True, slots=True)
class Advance:
    """What a message led to. Records carry the session's id as key."""

    outcome: str
    """For the log: `granted`, `refused: REASON`, `repaired`, `nothing`, `repeat`, `ahead`,
    `unreadable`, `crashed`, `set aside`."""
    what: str
    """Type of the message, where it could be told."""
    message_id: str
    after: Held | None
    """The session afterwards; the very same object as before where nothing changed."""
    saves: bool
    """The table value is to be put, changed or not: the changelog may lack it (design §4, `command_no`)."""
    events: tuple[Record, ...] = ()
    requests: tuple[Record, ...] = ()
    letter: Record | None = None
    error: BaseException | None = None
    """What made it unreadable or crashed the rules; its class and place may be logged, its message may not."""


def advance(arrived: Arrived, before: Held | None, rules: Rules) -> Advance:
    """The next step of the session that this message is for.

    Raises nothing on account of the message, but wire.Newer: what this release does not know it must not refuse.
    """
    try:
        envelope = _opened(arrived)
    except wire.Newer:
        raise
    except Exception as error:
        return _put_aside(arrived, before, error, Reason.UNREADABLE, _numbered_by_headers(arrived))
    try:
        step = machine.handle(envelope, before.state if before else None, rules)
        return _carried_out(arrived, before, step, envelope.message.type, str(envelope.message_id))
    except wire.Newer:
        raise
    except Exception as error:
        numbered = None
        if envelope.command_no is not None:
            numbered = Numbered(
                envelope.message_id, envelope.command_no, envelope.message.type, envelope.at, envelope.user_id
            )
        return _put_aside(arrived, before, error, Reason.INTERNAL_ERROR, numbered)


def without_state(arrived: Arrived, record: bytes, error: BaseException) -> Advance:
    """A message whose session can't be read from the table: a repair mends it, all else becomes a dead letter.

    Guessing the state would fork the session's history. The command has no outcome until an operator
    repairs the session, and it is then sent again. Raises wire.Newer as `advance` does.
    """
    try:
        envelope = _opened(arrived)
        if isinstance(message := envelope.message, StateRepaired):
            step = machine.repair(envelope, message, None, repairs=_repairs(record))
            return _carried_out(arrived, None, step, message.type, str(envelope.message_id))
    except wire.Newer:
        raise
    except Exception as unreadable:
        error = unreadable
    letter = dead_letter(arrived, reader=READER, error=error)
    return Advance("set aside", "", "", None, saves=False, letter=letter, error=error)


def _opened(arrived: Arrived) -> Envelope:
    try:
        envelope = wire.load_envelope(arrived.value or b"")
        session_id: UUID | None = envelope.session_id
    except wire.Newer as error:
        if arrived.key == str(error.session_id).encode():
            raise
        session_id = None
    if session_id is None or arrived.key is None or str(session_id).encode() != arrived.key:
        raise wire.Unreadable("the session in the body is not the one in the key")
    return envelope


def _repairs(record: bytes) -> int:
    try:
        return wire.state_prefix(record)[1]
    except ValueError:
        return 0


class Numbered(NamedTuple):
    """What is known of a command without its body."""

    command_id: UUID
    number: int
    command_type: str
    at: datetime
    user_id: str


def _put_aside(
    arrived: Arrived, before: Held | None, error: BaseException, reason: Reason, numbered: Numbered | None
) -> Advance:
    """A dead letter, and for a numbered command its outcome (design §3 rule 5)."""
    letter = dead_letter(arrived, reader=READER, error=error)
    outcome = "crashed" if reason is Reason.INTERNAL_ERROR else "unreadable"
    alone = Advance(outcome, "", "", before, saves=before is not None, letter=letter, error=error)
    session_id = _uuid(arrived.key)
    if numbered is None or session_id is None:
        return alone
    try:
        step = machine.reject(
            message_id=numbered.command_id,
            session_id=session_id,
            user_id=numbered.user_id,
            command_no=numbered.number,
            command_type=numbered.command_type,
            at=numbered.at,
            reason=reason,
            state=before.state if before else None,
        )
        done = _carried_out(arrived, before, step, numbered.command_type, str(numbered.command_id))
    except Exception:
        # Even the refusal crashes: better a command without an outcome than a partition that stands still.
        return alone
    if step.turn is not Turn.NOW:
        # Its letter was written when it was its turn, or will be.
        return done
    return replace(done, outcome=outcome, letter=letter, error=error)


def _numbered_by_headers(arrived: Arrived) -> Numbered | None:
    """Id, number, type and time of a command from its Kafka headers, where Debezium put them."""
    command_id, number = _uuid(arrived.header("command_id")), arrived.header("command_no")
    command_type = arrived.header("command_type")
    if command_id is None or command_type is None or number is None or not number.isdigit() or int(number) < 1:
        return None
    # Bounded: whoever may write to the topic writes a header, and this one goes into an event.
    return Numbered(command_id, int(number), command_type.decode("utf-8", "replace")[:60], _accepted_at(arrived), "")


def _accepted_at(arrived: Arrived) -> datetime:
    # Debezium writes a timestamptz column as ISO 8601; the broker's time is the next best and as stable.
    try:
        at = datetime.fromisoformat((arrived.header("created_at") or b"").decode())
    except ValueError:
        return datetime.fromtimestamp(arrived.timestamp, UTC)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _uuid(text: bytes | None) -> UUID | None:
    try:
        found = UUID((text or b"").decode())
    except ValueError:
        return None
    return found if str(found).encode() == text else None


def _carried_out(arrived: Arrived, before: Held | None, step: Step, what: str, message_id: str) -> Advance:
    if step.turn is Turn.REPEAT:
        return Advance("repeat", what, message_id, before, saves=True)
    if step.turn is Turn.AHEAD:
        return Advance("ahead", what, message_id, before, saves=False)
    if step.state is None or step.record is None:
        # A late result of a session that has nothing to say to it.
        return Advance("nothing", what, message_id, before, saves=before is not None)
    key = arrived.key
    trace = arrived.header("traceparent")
    traceparent = trace.decode("ascii", "replace") if trace else None
    passed_on = [("traceparent", trace)] if trace else []
    return Advance(
        _outcome(step),
        what,
        message_id,
        # Shrunk as it was saved: a restart must not find another state than the cache.
        Held(shrink(step.state), step.record),
        saves=True,
        events=tuple(
            Record(key, wire.dump_event(event), wire.event_headers(event, traceparent)) for event in step.events
        ),
        requests=tuple(Record(key, wire.dump_request(request), passed_on) for request in step.requests),
    )


def _outcome(step: Step) -> str:
    for recorded in step.events:
        if isinstance(recorded.event, CommandRejected):
            return f"refused: {recorded.event.reason}"
    return "granted" if step.events else "repaired"
