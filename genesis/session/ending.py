"""The two ends of a session: a novel, or none."""

from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import all_confirmed
from genesis.session.decision import Decision
from genesis.session.finish import novel_of
from genesis.session.handles import HandleStatus
from genesis.session.reasons import Reason
from genesis.session.results import settle_kept
from genesis.session.state import StoppedTask


def finish(d: Decision, command: m.FinishGenesis) -> None:
    if not all_confirmed(d.state):
        return d.refuse(Reason.STAGES_UNCONFIRMED)
    d.grant()
    novel = novel_of(d.state, command.title, d.at)
    d.emit(e.NovelCreated(novel=novel))
    d.emit(e.SessionFinished(novel_id=novel.id))


def abandon(d: Decision, command: m.AbandonGenesis) -> None:
    for task in d.state.running().values():
        phase = d.awaited(task.task_id)
        assert phase is not None  # running() named it
        d.emit(
            e.GenerationStopped(
                stage=task.stage,
                stopped=StoppedTask(task_id=task.task_id, stage=task.stage, reason="abandoned"),
                handle_id=phase.handle.handle_id,
            )
        )
        settle_kept(d, phase.handle.kept, Reason.SESSION_ENDED)
    cancelled = tuple(
        handle.handle_id
        for handle in d.state.handles().values()
        if handle.status in (HandleStatus.WAITING, HandleStatus.EXPIRED)
    )
    d.emit(e.SessionAbandoned(reason=command.reason, cancelled_handles=cancelled))
