"""A decision while it is being made: each event emitted is recorded and changes the state the next rule sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from genesis.content.proposal import Finding
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import identity
from genesis.session.actions import available_actions
from genesis.session.evolve import evolve
from genesis.session.handles import HandleStatus, KeptAnswer
from genesis.session.messages import INTERNALS
from genesis.session.reasons import SENTENCES, Reason
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from genesis.session.state import Generating, Review, Session, Status, StoppedTask


class Decision:
    """Collects the events that handling one message emits, and the state they lead to."""

    def __init__(self, envelope: Envelope, state: Session | None, rules: Rules) -> None:
        self.envelope = envelope
        self.rules = rules
        self.maybe_state = state
        self.at: datetime = max(envelope.at, state.last_at) if state else envelope.at
        """Time of everything that follows: the envelope's, never earlier than the session's last."""
        self.correlation_id = envelope.correlation_id
        self._cause = envelope.message_id
        self._command_type = envelope.message.type
        self._recorded: list[e.Recorded] = []

    @property
    def state(self) -> Session:
        """The state after the events so far. Raises LookupError where the session was never started."""
        if self.maybe_state is None:
            raise LookupError("the session has no state yet")
        return self.maybe_state

    def recorded(self) -> tuple[e.Recorded, ...]:
        """The events, each knowing how many there are in all."""
        count = len(self._recorded)
        return tuple(recorded if recorded.of == count else replace(recorded, of=count) for recorded in self._recorded)

    def emit(self, event: e.Event) -> None:
        """Record this event as the next of the session and let it change the state."""
        index = len(self._recorded)
        recorded = e.Recorded(
            event_id=identity.event_id(self.envelope.message_id, index),
            event=event,
            session_id=self.envelope.session_id,
            sequence=(self.maybe_state.sequence if self.maybe_state else 0) + 1,
            correlation_id=self.correlation_id,
            causation_id=self._cause,
            created_at=self.at,
            user_id=self.envelope.user_id,
            command_no=self.envelope.command_no,
            part=index + 1,
            of=index + 1,
        )
        self.maybe_state = evolve(self.maybe_state, recorded)
        self._recorded.append(recorded)

    @contextmanager
    def caused_by(self, kept: KeptAnswer) -> Iterator[None]:
        """What is emitted inside is the outcome of this kept answer, not of the message being handled."""
        outer = self._cause, self.correlation_id, self._command_type
        self._cause, self.correlation_id = kept.command_id, kept.correlation_id
        self._command_type = kept.answer.type
        try:
            yield
        finally:
            self._cause, self.correlation_id, self._command_type = outer

    @property
    def cause(self) -> UUID:
        """Id of the message, or of the kept answer, whose outcome is being decided."""
        return self._cause

    # -- steps that several rules share

    def refuse(self, reason: Reason, details: tuple[Finding, ...] = ()) -> None:
        """Say no: the reason, a sentence for people, and what may be done instead."""
        self.emit(
            e.CommandRejected(
                command_type=self._command_type,
                reason=reason,
                message=SENTENCES[reason],
                internal=isinstance(self.envelope.message, INTERNALS) and self._cause == self.envelope.message_id,
                details=details,
                available_actions=available_actions(self.maybe_state),
            )
        )

    def grant(self) -> None:
        """A command of the person is granted: a paused session resumes, expired handles are opened anew."""
        if self.state.status is Status.PAUSED:
            self.emit(e.SessionResumed())
        for stage, handle in self.state.handles().items():
            if handle.status is HandleStatus.EXPIRED:
                self.ask(stage, identity.fresh_handle_id(self.envelope.message_id, stage))

    def ask(self, stage: Stage, handle_id: UUID) -> None:
        """Wait for the person at this handle."""
        self.emit(
            e.InputRequested(
                stage=stage,
                handle_id=handle_id,
                proposal_id=self.review(stage).draft.proposal_id,
                expires_at=self.at + self.rules.handle_ttl,
            )
        )

    def resume_handle(self, stage: Stage) -> None:
        """The person answered: this stage's handle is RESUMED."""
        self.emit(
            e.InputReceived(
                stage=stage,
                handle_id=self.review(stage).handle.handle_id,
                kept=False,
                command_type=self._command_type,
                command_id=self._cause,
            )
        )

    def pause_if_idle(self) -> None:
        """PAUSED once the last open handle has expired and nothing runs (design §5)."""
        handles = self.state.handles().values()
        if (
            self.state.status is Status.IN_PROGRESS
            and any(handle.status is HandleStatus.EXPIRED for handle in handles)
            and not any(handle.is_open for handle in handles)
        ):
            self.emit(e.SessionPaused())

    # -- what the state says

    def review(self, stage: Stage) -> Review:
        """This stage's phase, known to be REVIEW. Raises LookupError if it is not: a bug in the rules."""
        phase = self.state.slot(stage).phase
        if not isinstance(phase, Review):
            raise LookupError(f"stage {stage} is {phase.name}, not REVIEW")
        return phase

    def awaited(self, task_id: UUID) -> Generating | None:
        """The phase that waits for this task's result, if one still does."""
        if self.maybe_state is None:
            return None
        for slot in self.maybe_state.stages.values():
            if isinstance(slot.phase, Generating) and slot.phase.task.task_id == task_id:
                return slot.phase
        return None

    def stopped(self, task_id: UUID) -> StoppedTask | None:
        """This task among those that ended without their result, if it is remembered."""
        remembered = self.maybe_state.stopped if self.maybe_state else ()
        return next((task for task in remembered if task.task_id == task_id), None)
