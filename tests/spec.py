"""Given what happened, when a message comes, then these events follow: the language of the kernel's stories."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.evolve import fold
from genesis.session.machine import Step, Turn, handle
from genesis.session.reasons import Reason
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from genesis.session.state import Draft, Generating, Review, Session
from tests import examples

T = TypeVar("T")
SESSION = examples.a_uuid("session")


@dataclass
class Story:
    """A session that messages are sent to one after the other, as the agent would."""

    rules: Rules = field(default_factory=Rules)
    at: datetime = examples.NOON
    state: Session | None = None
    history: list[e.Recorded] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    last: Step | None = None
    _sent: int = 0

    def when(self, message: m.Message, expected_version: int | None = None, **how: object) -> Story:
        """Send this message; commands of persons and of the sweeper get the session's next number."""
        self._sent += 1
        numbered = not isinstance(message, m.GenerationSucceeded) and how.get("numbered", True)
        envelope = Envelope(
            message_id=self.message_id(message),
            session_id=SESSION,
            user_id=examples.OWNER,
            correlation_id=examples.a_uuid(f"correlation/{self._sent}"),
            at=self.at,
            message=message,
            command_no=(self.state.command_no if self.state else 0) + 1 if numbered else None,
            expected_version=expected_version,
        )
        return self.deliver(envelope)

    given = when

    def message_id(self, message: m.Message) -> UUID:
        if isinstance(message, m.GenerationSucceeded):
            return identity.result_id(message.task_id, message.attempt)
        return examples.a_uuid(f"message/{self._sent}")

    def deliver(self, envelope: Envelope) -> Story:
        """Hand over this envelope as it is, a repeat perhaps."""
        self.last = handle(envelope, self.state, self.rules)
        self.last_envelope = envelope
        self.envelopes.append(envelope)
        self.state = self.last.state
        self.history.extend(self.last.events)
        return self

    def after(self, pause: timedelta) -> Story:
        self.at += pause
        return self

    # -- what came of it

    def then(self, *types: type[e.Event]) -> Story:
        """Exactly these events followed, in this order."""
        assert self.last is not None
        assert [type(recorded.event) for recorded in self.last.events] == list(types)
        return self

    def then_refused(self, reason: Reason) -> Story:
        self.then(e.CommandRejected)
        event = self.event(e.CommandRejected)
        assert event.reason == reason
        return self

    def then_nothing(self, turn: Turn = Turn.NOW) -> Story:
        assert self.last is not None
        assert (self.last.turn, self.last.events, self.last.requests) == (turn, (), ())
        return self

    def event(self, kind: type[T]) -> T:
        assert self.last is not None
        return next(recorded.event for recorded in self.last.events if isinstance(recorded.event, kind))

    # -- where it stands

    @property
    def session(self) -> Session:
        assert self.state is not None
        return self.state

    def phase(self, stage: Stage) -> object:
        return self.session.slot(stage).phase

    def generating(self, stage: Stage) -> Generating:
        phase = self.phase(stage)
        assert isinstance(phase, Generating)
        return phase

    def review(self, stage: Stage) -> Review:
        phase = self.phase(stage)
        assert isinstance(phase, Review)
        return phase

    def draft(self, stage: Stage) -> Draft:
        return self.review(stage).draft

    def replayed(self) -> Session | None:
        return fold(self.history)

    # -- steps many stories take

    def started(self, **brief: object) -> Story:
        return self.given(m.StartGenesis(idea="a clerk who sells the sea", **brief))

    def proposed(self, stage: Stage) -> Story:
        """The running generation of this stage brings the example proposal."""
        return self.given(examples.success(self.generating(stage).task.task_id, stage))

    def confirm(self, stage: Stage, note: str = "") -> Story:
        """Confirm the draft in review, its first candidate."""
        draft = self.draft(stage)
        return self.given(
            m.ConfirmStage(
                stage=stage,
                proposal_id=draft.proposal_id,
                revision=draft.revision,
                candidate=draft.candidates[0].id,
                note=note,
            )
        )

    def confirmed_up_to(self, last: Stage) -> Story:
        """Started and walked through every stage up to and with this one."""
        self.started()
        for stage in Stage:
            self.proposed(stage).confirm(stage)
            if stage is last:
                break
        return self
