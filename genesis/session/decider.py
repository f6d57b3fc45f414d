"""The rules of a session: what a message leads to, given the state. No clock, no random ids, no I/O.

`decide` is total: a message that may not be granted ends in a refusal, which is an event like any other.
"""

from typing import assert_never

from genesis.content.sizes import BRIEF_CAP
from genesis.envelope import Envelope
from genesis.session import answers, asking, ending, moving, results, stopping
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.decision import Decision
from genesis.session.reasons import Reason
from genesis.session.rules import Rules
from genesis.session.stages import ORDER
from genesis.session.state import Session


def decide(envelope: Envelope, state: Session | None, rules: Rules) -> Decision:
    """The events that this message leads to, with the state they lead to."""
    decision = Decision(envelope, state, rules)
    message = envelope.message
    if isinstance(message, m.StateRepaired):
        raise TypeError("a repair is no question to the rules: it replaces the state they work on")
    if isinstance(message, m.Internal):
        _hear(decision, message)
    elif refusal := _refused_before_all(decision, message):
        decision.refuse(refusal)
    else:
        _obey(decision, message)
    return decision


def _refused_before_all(d: Decision, message: m.PersonCommand) -> Reason | None:
    if isinstance(message, m.StartGenesis):
        return Reason.ALREADY_STARTED if d.maybe_state else None
    if d.maybe_state is None:
        return Reason.NOT_STARTED
    if d.state.status.is_over:
        return Reason.SESSION_ENDED
    expected = d.envelope.expected_version
    return Reason.VERSION_CONFLICT if expected not in (None, d.state.version) else None


def _obey(d: Decision, message: m.PersonCommand) -> None:
    match message:
        case m.StartGenesis():
            _start(d, message)
        case m.GenerateInspiration():
            asking.generate(d, message)
        case m.ProvideFeedback(stop=True):
            stopping.stop(d, message)
        case m.SelectConcept() | m.ProvideFeedback() | m.ConfirmStage():
            answers.answer_to(d, message)
        case m.NavigateToStage():
            moving.navigate(d, message)
        case m.FinishGenesis():
            ending.finish(d, message)
        case m.AbandonGenesis():
            ending.abandon(d, message)
        case _:
            assert_never(message)


def _start(d: Decision, command: m.StartGenesis) -> None:
    brief = command.brief()
    if len(brief.model_dump_json().encode()) > BRIEF_CAP:
        return d.refuse(Reason.TOO_LARGE)
    d.emit(e.SessionStarted(mode=command.mode, brief=brief))
    if command.mode == "guided":
        asking.enter(d, ORDER[0])
    else:
        d.emit(e.StageEntered(stage=ORDER[0]))


def _hear(d: Decision, message: m.Internal) -> None:
    match message:
        case m.HandleExpired():
            results.expire(d, message)
        case m.SessionExpired():
            ending.expire_session(d, message)
        case m.GenerationSucceeded():
            results.succeeded(d, message)
        case m.GenerationFailed():
            results.failed(d, message)
        case _:
            assert_never(message)
