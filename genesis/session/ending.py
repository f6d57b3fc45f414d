"""The ends of a session: a novel, the person's wish, or nobody coming back."""

from typing import Literal

from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.decision import Decision
from genesis.session.findings import errors_of_confirmed
from genesis.session.finish import novel_of
from genesis.session.handles import HandleStatus
from genesis.session.reasons import Reason
from genesis.session.stages import Stage
from genesis.session.state import Confirmed, Stale
from genesis.session.stopping import end_all


def finish(d: Decision, command: m.FinishGenesis) -> None:
    """Make the novel, if every stage is confirmed, agrees with the others or is accepted so, and has no error."""
    phases = [d.state.slot(stage).phase for stage in Stage]
    if not all(isinstance(phase, Confirmed | Stale) for phase in phases):
        return d.refuse(Reason.STAGES_UNCONFIRMED)
    if any(isinstance(phase, Stale) for phase in phases) and not command.accept_stale:
        return d.refuse(Reason.STALE_STAGES)
    if errors := tuple(error for stage in Stage for error in errors_of_confirmed(d.state, stage)):
        return d.refuse(Reason.CONTENT_ERRORS, details=errors[:40])
    d.grant()
    novel = novel_of(d.state, command.title, d.at)
    d.emit(e.NovelCreated(novel=novel))
    d.emit(e.SessionFinished(novel_id=novel.id))


def abandon(d: Decision, command: m.AbandonGenesis) -> None:
    """The person ends the session without a novel; nothing of it is deleted."""
    _abandon(d, "person", command.reason)


def expire_session(d: Decision, message: m.SessionExpired) -> None:
    """Nobody has touched the session for so long that it ends, unless something has happened since."""
    if d.maybe_state is None or d.state.status.is_over or d.state.sequence != message.last_sequence:
        return d.refuse(Reason.OVERTAKEN)
    _abandon(d, "expired", "")


def _abandon(d: Decision, cause: Literal["person", "expired"], reason: str) -> None:
    end_all(d, "abandoned" if cause == "person" else "expired")
    cancelled = tuple(
        handle.handle_id
        for handle in d.state.handles().values()
        if handle.status in (HandleStatus.WAITING, HandleStatus.EXPIRED)
    )
    d.emit(e.SessionAbandoned(cause=cause, reason=reason, cancelled_handles=cancelled))
