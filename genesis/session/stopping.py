"""Ending a running generation before its result, and what becomes of the answer that was kept for it."""

from typing import Literal

from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.decision import Decision
from genesis.session.handles import KeptAnswer
from genesis.session.reasons import Reason
from genesis.session.state import Generating, StoppedTask


def stop(d: Decision, command: m.ProvideFeedback) -> None:
    """The person ends a generation; the stage returns to what it was. A stop is no answer: it is done at once."""
    phase = d.state.slot(command.stage).phase
    if not isinstance(phase, Generating) or command.proposal_id not in (None, phase.task.task_id):
        return d.refuse(Reason.NOTHING_RUNNING)
    d.grant()
    end_task(d, phase, "stopped", Reason.GENERATION_ENDED)
    if phase.draft is not None:
        d.ask(command.stage, identity.fresh_handle_id(d.envelope.message_id, command.stage))
    d.pause_if_idle()


def end_all(d: Decision, reason: Literal["abandoned", "expired"]) -> None:
    """End every running generation with the session, and its kept answer with it."""
    for task in d.state.running().values():
        phase = d.awaited(task.task_id)
        assert phase is not None  # running() named it
        end_task(d, phase, reason, Reason.SESSION_ENDED)


def end_task(
    d: Decision, phase: Generating, why: Literal["stopped", "abandoned", "expired"], to_kept: Reason
) -> None:
    """Turn a running task into a stopped one; its result may still arrive, and is then known for what it is."""
    d.emit(
        e.GenerationStopped(
            stage=phase.task.stage,
            stopped=StoppedTask(task_id=phase.task.task_id, stage=phase.task.stage, reason=why),
            handle_id=phase.handle.handle_id,
        )
    )
    settle_kept(d, phase.handle.kept, to_kept)


def settle_kept(d: Decision, kept: KeptAnswer | None, reason: Reason) -> None:
    """A kept answer whose proposal will never come is refused, as the outcome of its own command."""
    if kept:
        with d.caused_by(kept):
            d.refuse(reason)
