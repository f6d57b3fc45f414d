"""One message met by one session: the whole step, with its repeats, gaps, caps and crashes (design §3, §4)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from genesis import wire
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import identity
from genesis.session.actions import available_actions
from genesis.session.decider import decide
from genesis.session.decision import Decision
from genesis.session.evolve import evolve
from genesis.session.messages import GenerationFailed, GenerationRequest, GenerationSucceeded, StateRepaired
from genesis.session.process import newly_owed, owed
from genesis.session.reasons import SENTENCES, Reason
from genesis.session.rules import Rules
from genesis.session.state import Session


class Turn(Enum):
    """Whether it is a numbered message's turn."""

    NOW = "now"
    REPEAT = "repeat"
    """Handled before: skip it, but put the state again, since the changelog may lack it."""
    AHEAD = "ahead"
    """An earlier number is missing: leave the state alone; the sweeper re-sends in order."""


def turn(state: Session | None, command_no: int | None) -> Turn:
    """Whose turn it is. Never decided by a Kafka offset: topics can be made anew (design §3 rule 6)."""
    if command_no is None:
        return Turn.NOW
    last = state.command_no if state else 0
    if command_no <= last:
        return Turn.REPEAT
    return Turn.NOW if command_no == last + 1 else Turn.AHEAD


@dataclass(frozen=True, slots=True)
class Step:
    """What handling one message came to."""

    turn: Turn
    state: Session | None
    events: tuple[e.Recorded, ...] = ()
    requests: tuple[GenerationRequest, ...] = ()
    record: bytes | None = None
    """What is to be saved; None where nothing changed."""


def handle(envelope: Envelope, state: Session | None, rules: Rules) -> Step:
    """The step this message leads to; pure. A message that is not its turn changes nothing.

    Raises whatever a bug in the rules raises: the caller answers it with `reject`.
    """
    if isinstance(envelope.message, StateRepaired):
        return repair(envelope, envelope.message, state)
    now = turn(state, envelope.command_no)
    if now is not Turn.NOW:
        return Step(now, state)
    step = _stepped(decide(envelope, state, rules), state)
    if step.record is not None and len(step.record) > rules.state_cap:
        step = _stepped(_refused_for_size(envelope, state, rules), state)
    return step


def repair(envelope: Envelope, message: StateRepaired, state: Session | None, repairs: int = 0) -> Step:
    """The state that was folded anew takes the place of the session's own, unless that is ahead of it (design §8).

    No event: nothing has happened in the story. All that is owed is sent, not only what is owed newly, since
    nobody knows what of it ever was. `repairs` are those of a record that can't be read any more: in a recovery
    the repaired state must win over it. Raises wire.Unreadable.
    """
    rebuilt = wire.load_state(message.record.encode())
    if rebuilt.session_id != envelope.session_id:
        raise wire.Unreadable("the repaired state is another session's")
    if state is not None and state.sequence > rebuilt.sequence and not message.force:
        return Step(Turn.NOW, state)
    before = max(repairs, rebuilt.repairs, state.repairs if state else 0)
    after = rebuilt.model_copy(update={"repairs": before + 1})
    return Step(Turn.NOW, after, (), tuple(owed(after).values()), wire.dump_state(after))


def _stepped(decision: Decision, before: Session | None) -> Step:
    after = decision.maybe_state
    if after is None or after is before:
        return Step(Turn.NOW, before)
    return Step(Turn.NOW, after, decision.recorded(), newly_owed(before, after), wire.dump_state(after))


def _refused_for_size(envelope: Envelope, state: Session | None, rules: Rules) -> Decision:
    """Over the cap a result is a failed attempt, and anything else is refused (content model §7)."""
    if isinstance(result := envelope.message, GenerationSucceeded):
        failure = GenerationFailed(
            task_id=result.task_id,
            attempt=result.attempt,
            stage=result.stage,
            code=Reason.TOO_LARGE,
            message=SENTENCES[Reason.TOO_LARGE],
            provenance=result.provenance,
        )
        return decide(replace(envelope, message=failure), state, rules)
    decision = Decision(envelope, state, rules)
    decision.refuse(Reason.TOO_LARGE)
    return decision


def reject(
    *,
    message_id: UUID,
    session_id: UUID,
    user_id: str,
    command_no: int,
    command_type: str,
    at: datetime,
    reason: Reason,
    state: Session | None,
) -> Step:
    """The outcome of a numbered command that can't be read or that crashed the rules (design §3 rule 5).

    Its id, number and type travel as Kafka headers, so the command need not be readable.
    """
    now = turn(state, command_no)
    if now is not Turn.NOW:
        return Step(now, state)
    recorded = e.Recorded(
        event_id=identity.event_id(message_id, 0),
        event=e.CommandRejected(
            command_type=command_type,
            reason=reason,
            message=SENTENCES[reason],
            available_actions=available_actions(state),
        ),
        session_id=session_id,
        sequence=(state.sequence if state else 0) + 1,
        correlation_id=message_id,
        causation_id=message_id,
        created_at=max(at, state.last_at) if state else at,
        user_id=state.user_id if state else user_id,
        command_no=command_no,
        part=1,
        of=1,
    )
    after = evolve(state, recorded)
    return Step(now, after, (recorded,), (), wire.dump_state(after))
