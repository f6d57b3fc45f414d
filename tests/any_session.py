"""A session that is told anything at any time, in both modes: what holds in every session whatever happens."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from genesis import wire
from genesis.content.paths import resolve
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import COMMANDS, Action, Name, available_actions
from genesis.session.evolve import evolve, fold
from genesis.session.handles import HandleStatus
from genesis.session.machine import Turn, handle
from genesis.session.process import protected
from genesis.session.reasons import Reason
from genesis.session.rules import STATE_CAP, Rules
from genesis.session.stages import Stage
from genesis.session.state import Draft, Generating, Review, Session, Stale
from tests import examples, wishes
from tests.spec import SESSION

RULES = Rules()
STAGES = st.sampled_from(list(Stage))
SEEDS = st.integers(0, 2**32 - 1)
NOTHING = examples.a_uuid("nothing")
SAME: dict[Name, Name] = {"regenerate": "generate", "generate": "regenerate"}
"""Two names of one command: which one is offered depends on whether there is a proposal already."""


def uncounted(value: Any) -> Any:
    """The value without `no`, which counts the list and belongs to no item (content model §4)."""
    match value:
        case dict():
            return {name: uncounted(inside) for name, inside in value.items() if name != "no"}
        case list():
            return [uncounted(inside) for inside in value]
        case _:
            return value


class AnySession(RuleBasedStateMachine):
    """Told anything at any time, checked after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Session | None = None
        self.folded: Session | None = None
        self.history: list[e.Recorded] = []
        self.sent: list[Envelope] = []
        self.requested: list[m.GenerationRequest] = []
        self.handles: list[m.HandleExpired] = []
        self.open: dict[UUID, Stage] = {}
        self.kept: set[UUID] = set()
        self.at = examples.NOON
        self.ended_after: int | None = None

    # -- how it is told

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
        events = [wire.load_event(wire.dump_event(recorded)) for recorded in step.events]
        for recorded in events:
            self._locks_are_kept(recorded)
            self._take_up(recorded)
            self.folded = evolve(self.folded, recorded)
        self.history += events
        self.requested += [wire.load_request(wire.dump_request(request)) for request in step.requests]
        if step.record is not None:
            assert len(step.record) <= STATE_CAP
            self.state = wire.load_state(step.record)
        if envelope.command_no is not None:
            assert any(recorded.causation_id == envelope.message_id for recorded in events), "no outcome"

    def _locks_are_kept(self, recorded: e.Recorded) -> None:
        if not isinstance(made := recorded.event, e.ProposalMade):
            return
        assert self.folded is not None
        slot = self.folded.slot(made.stage)
        draft = slot.phase.draft
        parent = draft.candidates if draft else (slot.confirmed.content,) if slot.confirmed else ()
        for path in protected(self.folded, made.stage):
            if not path.endswith("/no"):
                now = resolve(made.stage, made.proposal.candidates, path)
                assert uncounted(now) == uncounted(resolve(made.stage, parent, path)), path

    def _take_up(self, recorded: e.Recorded) -> None:
        match recorded.event:
            case (
                e.GenerationRequested(stage=stage, handle_id=handle_id)
                | e.ProposalOpened(stage=stage, handle_id=handle_id)
            ):
                self.open[handle_id] = stage
            case e.InputRequested(stage=stage, handle_id=handle_id, expires_at=expires_at):
                self.open[handle_id] = stage
                self.handles.append(m.HandleExpired(stage=stage, handle_id=handle_id, expires_at=expires_at))
            case e.InputReceived(kept=True, command_id=command_id):
                self.kept.add(command_id)
            case (
                e.InputReceived(handle_id=handle_id)
                | e.InputExpired(handle_id=handle_id)
                | e.GenerationFailed(handle_id=handle_id)
                | e.GenerationStopped(handle_id=handle_id)
            ):
                del self.open[handle_id]
            case e.SessionAbandoned(cancelled_handles=cancelled):
                for handle_id in cancelled:
                    self.open.pop(handle_id, None)
            case _:
                pass
        if not isinstance(recorded.event, e.InputReceived) or not recorded.event.kept:
            self.kept.discard(recorded.causation_id)
        if isinstance(recorded.event, e.SessionFinished | e.SessionAbandoned):
            self.ended_after = recorded.sequence

    # -- what may come

    @initialize(mode=st.sampled_from(["guided", "free_form"]), walked=st.integers(0, 6))
    def begin(self, mode: str, walked: int) -> None:
        """Somewhere on the way, so that the later stages are met as often as the first."""
        self.send(m.StartGenesis(idea="a clerk who sells the sea", mode=mode))
        for stage in list(Stage)[: walked if mode == "free_form" else 0]:
            self.send(m.GenerateInspiration(stage=stage))
        for _ in range(walked):
            self.the_awaited_result(0)
            self.go_on()

    @rule()
    def start_again(self) -> None:
        self.send(m.StartGenesis())

    @rule(stage=STAGES, seed=SEEDS)
    def generate(self, stage: Stage, seed: int) -> None:
        chance = random.Random(seed)
        stage = self.likely(stage, chance)
        self.send(wishes.generation(chance, stage, self.draft(stage)))

    @precondition(lambda self: self.requested)
    @rule(data=st.data(), fails=st.booleans(), timed_out=st.booleans(), seed=SEEDS)
    def result(self, data: st.DataObject, fails: bool, timed_out: bool, seed: int) -> None:
        """Of any task ever requested: the running one, an older one, one that had its result."""
        request = data.draw(st.sampled_from(self.requested[-5:]))
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
            self.send(wishes.result(random.Random(seed), request), numbered=False)

    @precondition(lambda self: self.state is not None and self.state.running())
    @rule(seed=SEEDS)
    def the_awaited_result(self, seed: int) -> None:
        running = self.state.running() if self.state else {}
        for request in reversed(self.requested):
            if request.task_id in running:
                return self.send(wishes.result(random.Random(seed), request), numbered=False)

    @rule(stage=STAGES, seed=SEEDS, early=st.booleans(), revision=st.sampled_from([0, 0, 0, 1, -1]))
    def answer(self, stage: Stage, seed: int, early: bool, revision: int) -> None:
        """Of any sort, mostly fitting: to the draft, or to the proposal that is being made."""
        chance = random.Random(seed)
        stage = self.likely(stage, chance)
        phase, draft = self.phase(stage), self.draft(stage)
        if isinstance(phase, Generating) and (early or draft is None):
            proposal, meant = phase.task.task_id, 1
        else:
            proposal, meant = (draft.proposal_id, draft.revision) if draft else (NOTHING, 1)
        self.send(wishes.answer(chance, stage, draft, proposal, max(1, meant + revision)))

    @rule(stage=STAGES, seed=SEEDS)
    def edit(self, stage: Stage, seed: int) -> None:
        """A patch, locks or an old version, or own text where there is nothing yet."""
        chance = random.Random(seed)
        stage = self.likely(stage, chance)
        self.send(wishes.edit(chance, stage, self.draft(stage), self.history))

    @rule(stage=STAGES)
    def stop(self, stage: Stage) -> None:
        self.send(m.ProvideFeedback(stage=stage, stop=True))

    @precondition(lambda self: self.state is not None and not self.state.status.is_over)
    @rule()
    def go_on(self) -> None:
        """Confirm what is in review or stale, so that sessions get far."""
        for stage in Stage:
            phase, draft = self.phase(stage), self.draft(stage)
            if draft is not None and isinstance(phase, Review | Stale):
                chosen = draft.chosen or draft.candidates[0].id
                return self.send(
                    m.ConfirmStage(
                        stage=stage, proposal_id=draft.proposal_id, revision=draft.revision, candidate=chosen
                    )
                )

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
        sent = {request.task_id for request in self.requested[requests:]}
        assert sent == (set(self.state.running()) if taken else set())

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def handle_expires(self, data: st.DataObject) -> None:
        self.send(data.draw(st.sampled_from(self.handles[-6:])))

    @precondition(lambda self: self.open)
    @rule()
    def every_handle_expires(self) -> None:
        waiting = self.state.handles() if self.state else {}
        for stage, each in waiting.items():
            if each.status is HandleStatus.WAITING:
                self.send(m.HandleExpired(stage=stage, handle_id=each.handle_id, expires_at=each.expires_at))

    @precondition(lambda self: len(self.sent) > 40)
    @rule(behind=st.sampled_from([0, 1]))
    def session_expires(self, behind: int) -> None:
        self.send(m.SessionExpired(last_sequence=max(1, (self.state.sequence if self.state else 1) - behind)))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        envelope = data.draw(st.sampled_from(self.sent))
        if envelope.command_no is None:
            return self.deliver(envelope)
        before = (self.state, len(self.history))
        self.deliver(envelope)
        assert (self.state, len(self.history)) == before

    @rule(ahead=st.integers(1, 3))
    def a_number_is_missing(self, ahead: int) -> None:
        first = self.sent[0]
        self.deliver(replace(first, command_no=(self.state.command_no if self.state else 0) + 1 + ahead))

    @precondition(lambda self: len(self.sent) > 20)
    @rule(accept_stale=st.booleans())
    def finish(self, accept_stale: bool) -> None:
        self.send(m.FinishGenesis(accept_stale=accept_stale))

    @precondition(lambda self: len(self.sent) > 35)
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
        assert (self.folded is None) == (self.state is None)
        if self.folded and self.state:
            assert wire.state_hash(self.folded) == wire.state_hash(self.state)
            assert self.folded.version == self.state.version

    @invariant()
    def handles_fit_their_phases_and_their_history(self) -> None:
        if self.state is None or self.state.status.is_over:
            return
        for slot in self.state.stages.values():
            if isinstance(slot.phase, Generating):
                assert slot.phase.handle.status is HandleStatus.PENDING_PAUSE
            if isinstance(slot.phase, Review):
                assert slot.phase.handle.status in (HandleStatus.WAITING, HandleStatus.EXPIRED)
                assert slot.phase.handle.kept is None
        assert len(set(self.open.values())) == len(self.open), "two open handles in one stage"
        is_open = {each.handle_id: stage for stage, each in self.state.handles().items() if each.is_open}
        assert self.open == is_open

    @invariant()
    def kept_answers_are_in_their_handles_or_settled(self) -> None:
        over = self.state is None or self.state.status.is_over
        held = set() if over else {each.kept.command_id for each in self.state.handles().values() if each.kept}
        assert self.kept == held

    @invariant()
    def after_the_end_there_are_only_refusals_and_costs(self) -> None:
        if self.ended_after is not None:
            rest = [recorded.event for recorded in self.history[self.ended_after :]]
            assert all(isinstance(event, e.CommandRejected | e.GenerationDiscarded) for event in rest)

    @invariant()
    def exactly_what_is_offered_is_granted(self) -> None:
        """At one step in twenty, since it tries every action in every stage."""
        if self.state is None or len(self.history) % 20 != 3:
            return
        offered = available_actions(self.state)
        for action in offered:
            assert self._is_granted(wishes.command_for(action, self.state, self.history)), action
        have = {(action.action, action.stage) for action in offered}
        for name in COMMANDS:
            for stage in Stage if name not in ("finish", "abandon") else (None,):
                if (name, stage) not in have and (SAME.get(name), stage) not in have:
                    command = wishes.command_for(self._unoffered(name, stage), self.state, self.history)
                    assert command is None or not self._is_granted(command), (name, stage)

    def _unoffered(self, name: Name, stage: Stage | None) -> Action:
        draft = self.draft(stage) if stage else None
        proposal = draft.proposal_id if draft else None if name == "write" else NOTHING
        return Action(action=name, command=COMMANDS[name], stage=stage, proposal_id=proposal)

    def _is_granted(self, command: m.PersonCommand) -> bool:
        assert self.state is not None
        envelope = Envelope(
            message_id=examples.a_uuid("offered"),
            session_id=SESSION,
            user_id=examples.OWNER,
            correlation_id=examples.a_uuid("offered"),
            at=self.at,
            message=command,
            command_no=self.state.command_no + 1,
        )
        step = handle(envelope, self.state, RULES)
        refused = [
            each.event.reason
            for each in step.events
            if isinstance(each.event, e.CommandRejected) and each.causation_id == envelope.message_id
        ]
        assert Reason.INTERNAL_ERROR not in refused
        return not refused

    def teardown(self) -> None:
        rebuilt = fold(self.history)
        if rebuilt and self.state:
            assert wire.state_hash(rebuilt) == wire.state_hash(self.state)

    # -- what the stages say

    def phase(self, stage: Stage) -> object:
        return self.state.slot(stage).phase if self.state else None

    def likely(self, stage: Stage, chance: random.Random) -> Stage:
        """Mostly a stage where there is something to do, so that not all is refused."""
        busy = [each for each in Stage if isinstance(self.phase(each), Review | Generating | Stale)]
        return chance.choice(busy) if busy and chance.random() < 0.75 else stage

    def draft(self, stage: Stage) -> Draft | None:
        """What the person sees in a stage: its draft, or, where it is stale, what was confirmed."""
        return wishes.seen(self.state, stage) if self.state else None
