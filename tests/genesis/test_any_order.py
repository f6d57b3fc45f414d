"""Any order of commands, repeats, early answers, late results: what holds in every session whatever happens."""

import random
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from genesis import wire
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import Action, available_actions
from genesis.session.evolve import fold
from genesis.session.handles import HandleStatus
from genesis.session.machine import Turn, handle
from genesis.session.rules import STATE_CAP, Rules
from genesis.session.stages import Stage
from genesis.session.state import Generating, Review, Session
from tests import examples
from tests.spec import SESSION

RULES = Rules()
STAGES = st.sampled_from(list(Stage))


class AnySession(RuleBasedStateMachine):
    """A session that is told anything at any time, checked after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Session | None = None
        self.history: list[e.Recorded] = []
        self.sent: list[Envelope] = []
        self.requested: list[tuple[str, m.GenerationRequest]] = []
        self.handles: list[tuple[Stage, object, object]] = []
        self.at = examples.NOON
        self.events_at_end = 0

    # -- what may come

    def send(self, message: m.Message, numbered: bool = True, version: int | None = None) -> None:
        envelope = Envelope(
            message_id=examples.a_uuid(f"any/{len(self.sent)}"),
            session_id=SESSION,
            user_id=examples.OWNER,
            correlation_id=examples.a_uuid(f"correlation/{len(self.sent)}"),
            at=self.at,
            message=message,
            command_no=(self.state.command_no if self.state else 0) + 1 if numbered else None,
            expected_version=version,
        )
        self.sent.append(envelope)
        self.deliver(envelope)

    def deliver(self, envelope: Envelope) -> None:
        before = self.state
        # Everything travels as bytes, so that what works here works on the wire.
        step = handle(wire.load_envelope(wire.dump_envelope(envelope)), before, RULES)
        if step.turn is not Turn.NOW:
            assert step.state is before
            assert not step.events
            return
        self.state = step.state
        self.history.extend(wire.load_event(wire.dump_event(recorded)) for recorded in step.events)
        self.requested += [
            (request.stage, wire.load_request(wire.dump_request(request))) for request in step.requests
        ]
        if step.record is not None:
            assert len(step.record) <= STATE_CAP
            self.state = wire.load_state(step.record)
        for stage, each in (self.state.handles() if self.state else {}).items():
            if each.status is HandleStatus.WAITING:
                self.handles.append((stage, each.handle_id, each.expires_at))
        if envelope.command_no is not None:
            assert any(recorded.causation_id == envelope.message_id for recorded in step.events), "no outcome"

    @initialize(idea=st.text(max_size=20).filter(lambda text: "\x00" not in text), walked=st.integers(0, 5))
    def begin(self, idea: str, walked: int) -> None:
        """Somewhere on the way, so that the later stages are met as often as the first."""
        self.send(m.StartGenesis(idea=idea))
        for _ in range(walked):
            self.the_awaited_result()
            self.go_on()

    @rule()
    def start_again(self) -> None:
        self.send(m.StartGenesis())

    @rule(stage=STAGES)
    def generate(self, stage: Stage) -> None:
        self.send(m.GenerateInspiration(stage=stage))

    @precondition(lambda self: self.requested)
    @rule(data=st.data(), fails=st.booleans(), timed_out=st.booleans())
    def result(self, data: st.DataObject, fails: bool, timed_out: bool) -> None:
        """Of any task ever requested: the running one, an older one, one that had its result."""
        _, request = data.draw(st.sampled_from(self.requested[-3:]))
        if fails:
            failure = m.GenerationFailed(
                task_id=request.task_id,
                stage=request.stage,
                attempt=None if timed_out else 1,
                code="any",
                timed_out=timed_out,
            )
            self.send(failure, numbered=timed_out)
        else:
            self.send(examples.success(request.task_id, request.stage), numbered=False)

    @precondition(lambda self: self.state is not None and self.state.running())
    @rule()
    def the_awaited_result(self) -> None:
        task = next(iter(self.state.running().values()))
        self.send(examples.success(task.task_id, task.stage), numbered=False)

    @rule(
        stage=STAGES,
        kind=st.sampled_from(["select", "feedback", "confirm"]),
        early=st.booleans(),
        candidate=st.sampled_from(["k1", "k2", "k3", "s1", "", "w1"]),
        revision=st.sampled_from([1, 1, 1, 2]),
    )
    def answer(self, stage: Stage, kind: str, early: bool, candidate: str, revision: int) -> None:
        phase = self.state.slot(stage).phase if self.state else None
        proposal = examples.a_uuid("nothing")
        if isinstance(phase, Generating):
            proposal = phase.task.task_id if early or not phase.draft else phase.draft.proposal_id
        elif isinstance(phase, Review):
            proposal = phase.draft.proposal_id
        names = {"stage": stage, "proposal_id": proposal, "revision": revision}
        match kind:
            case "select":
                self.send(m.SelectConcept(**names, base=candidate or "k1"))
            case "feedback":
                self.send(m.ProvideFeedback(**names, chips=("darker",)))
            case _:
                self.send(m.ConfirmStage(**names, candidate=candidate))

    @precondition(lambda self: self.state is not None and not self.state.status.is_over)
    @rule()
    def go_on(self) -> None:
        """Confirm what is in review, so that sessions get far."""
        for stage in Stage:
            if isinstance(phase := self.state.slot(stage).phase, Review):
                draft = phase.draft
                self.send(
                    m.ConfirmStage(stage=stage, proposal_id=draft.proposal_id, candidate=draft.candidates[0].id)
                )
                return

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def repaired(self, data: st.DataObject) -> None:
        """From the whole history or, as a repair that comes late, from less of it; the story does not change."""
        before, count, requests = self.state, len(self.history), len(self.requested)
        end = data.draw(st.sampled_from([count, max(1, count - 1), 1]))
        rebuilt = fold(self.history[:end])
        self.send(m.StateRepaired(record=wire.dump_state(rebuilt).decode()), numbered=False)
        assert len(self.history) == count
        assert wire.state_hash(self.state) == wire.state_hash(before)
        taken = end == count
        assert self.state.repairs == before.repairs + taken
        sent = {request.task_id for _, request in self.requested[requests:]}
        assert sent == (set(self.state.running()) if taken else set())

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def handle_expires(self, data: st.DataObject) -> None:
        stage, handle_id, expires_at = data.draw(st.sampled_from(self.handles[-4:]))
        self.send(m.HandleExpired(stage=stage, handle_id=handle_id, expires_at=expires_at))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        envelope = data.draw(st.sampled_from(self.sent))
        if envelope.command_no is None:
            self.deliver(envelope)
            return
        before = (self.state, len(self.history))
        self.deliver(envelope)
        assert (self.state, len(self.history)) == before

    @rule()
    def finish(self) -> None:
        self.send(m.FinishGenesis())

    @precondition(lambda self: len(self.sent) > 30)
    @rule()
    def abandon(self) -> None:
        self.send(m.AbandonGenesis())

    @rule(stage=STAGES)
    def navigate(self, stage: Stage) -> None:
        self.send(m.NavigateToStage(stage=stage))

    @precondition(lambda self: self.state is not None)
    @rule(version=st.integers(0, 3))
    def stale_version(self, version: int) -> None:
        self.send(m.FinishGenesis(), version=version)

    @rule(minutes=st.integers(-5, 40))
    def time_passes(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)

    # -- what always holds

    @invariant()
    def the_sequence_is_contiguous_and_ids_are_unique(self) -> None:
        assert [recorded.sequence for recorded in self.history] == list(range(1, len(self.history) + 1))
        assert len({recorded.event_id for recorded in self.history}) == len(self.history)
        times = [recorded.created_at for recorded in self.history]
        assert times == sorted(times)

    @invariant()
    def a_replay_equals_the_state(self) -> None:
        rebuilt = fold(self.history)
        assert (rebuilt is None) == (self.state is None)
        if rebuilt and self.state:
            assert wire.state_hash(rebuilt) == wire.state_hash(self.state)
            assert rebuilt.version == self.state.version

    @invariant()
    def handles_fit_their_phases(self) -> None:
        for slot in self.state.stages.values() if self.state and not self.state.status.is_over else ():
            if isinstance(slot.phase, Generating):
                assert slot.phase.handle.status is HandleStatus.PENDING_PAUSE
            if isinstance(slot.phase, Review):
                assert slot.phase.handle.status in (HandleStatus.WAITING, HandleStatus.EXPIRED)
                assert slot.phase.handle.kept is None

    @invariant()
    def after_the_end_there_are_only_refusals_and_costs(self) -> None:
        ended = next(
            (
                place
                for place, recorded in enumerate(self.history)
                if isinstance(recorded.event, e.SessionFinished | e.SessionAbandoned)
            ),
            None,
        )
        if ended is not None:
            rest = [recorded.event for recorded in self.history[ended + 1 :]]
            assert all(isinstance(event, e.CommandRejected | e.GenerationDiscarded) for event in rest)

    @invariant()
    def what_is_offered_is_granted(self) -> None:
        """At one step in twenty, since it tries every action."""
        if self.state is None or len(self.history) % 20 != 3:
            return
        for action in available_actions(self.state):
            envelope = Envelope(
                message_id=examples.a_uuid("offered"),
                session_id=SESSION,
                user_id=examples.OWNER,
                correlation_id=examples.a_uuid("offered"),
                at=self.at,
                message=command_for(action, self.state),
                command_no=self.state.command_no + 1,
            )
            step = handle(envelope, self.state, RULES)
            assert not any(
                isinstance(each.event, e.CommandRejected) and each.causation_id == envelope.message_id
                for each in step.events
            ), action


def command_for(action: Action, state: Session) -> m.PersonCommand:
    """A command that does what this action offers."""
    match action.action:
        case "generate" | "regenerate":
            return m.GenerateInspiration(stage=action.stage)
        case "select":
            draft = state.slot(action.stage).phase.draft
            other = random.Random(0).choice([each.id for each in draft.candidates if each.id != draft.chosen])
            return m.SelectConcept(stage=action.stage, proposal_id=action.proposal_id, base=other)
        case "feedback":
            return m.ProvideFeedback(stage=action.stage, proposal_id=action.proposal_id, text="less")
        case "confirm":
            return m.ConfirmStage(stage=action.stage, proposal_id=action.proposal_id)
        case "finish":
            return m.FinishGenesis()
        case _:
            return m.AbandonGenesis()


TestAnySession = AnySession.TestCase
TestAnySession.settings = settings(
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)
