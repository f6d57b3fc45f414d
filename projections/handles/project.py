"""What an event changes in the resume handles."""

from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from genesis.session import events as e
from genesis.session.handles import HandleStatus
from genesis.session.stages import Stage
from genesis.session.state import Generating, Review, Session

Row = dict[str, Any]


class Handles:
    """The handles that a batch opens and those it moves on, each written once."""

    def __init__(self) -> None:
        self.opened: dict[UUID, Row] = {}
        self.changed: dict[UUID, Row] = {}

    def add(self, recorded: e.Recorded, before: Session | None, after: Session) -> None:
        """Take up an event and the states around it."""
        match recorded.event:
            case e.GenerationRequested(stage=stage, task=task, handle_id=handle_id):
                self._open(recorded, stage, handle_id, HandleStatus.PENDING_PAUSE, task.task_id, task.task_id)
            case e.InputRequested(stage=stage, handle_id=handle_id, proposal_id=proposal_id, expires_at=expires_at):
                if before is None or handle_id != _handle_id(before, stage):
                    self._open(recorded, stage, handle_id, HandleStatus.WAITING, None, proposal_id)
                self._change(
                    handle_id,
                    HandleStatus.WAITING,
                    proposal_id=proposal_id,
                    paused_at=recorded.created_at,
                    expires_at=expires_at,
                )
            case e.ProposalOpened(stage=stage, handle_id=handle_id, proposal=proposal):
                proposal_id = proposal.proposal_id
                self._open(recorded, stage, handle_id, HandleStatus.PENDING_PAUSE, None, proposal_id)
            case (
                e.ProposalChosen(stage=stage, expires_at=expires_at)
                | e.ProposalEdited(stage=stage, expires_at=datetime() as expires_at)
            ):
                if renewed := _handle_id(after, stage):
                    self._change(renewed, HandleStatus.WAITING, expires_at=expires_at)
            case e.InputReceived(handle_id=handle_id, kept=True, command_id=command_id):
                self._change(handle_id, HandleStatus.PENDING_PAUSE, answer_command_id=command_id)
            case e.InputReceived(handle_id=handle_id, command_id=command_id):
                self._change(
                    handle_id,
                    HandleStatus.RESUMED,
                    answer_command_id=command_id,
                    resumed_at=recorded.created_at,
                )
            case e.InputExpired(handle_id=handle_id):
                self._change(handle_id, HandleStatus.EXPIRED)
            case e.GenerationFailed(handle_id=handle_id) | e.GenerationStopped(handle_id=handle_id):
                self._change(handle_id, HandleStatus.CANCELLED)
            case e.SessionAbandoned(cancelled_handles=cancelled):
                for handle_id in cancelled:
                    self._change(handle_id, HandleStatus.CANCELLED)
            case (
                e.SessionStarted()
                | e.StageEntered()
                | e.ProposalMade()
                | e.ProposalEdited()
                | e.GenerationDiscarded()
                | e.FeedbackGiven()
                | e.SessionPaused()
                | e.SessionResumed()
                | e.StageConfirmed()
                | e.StagesMarkedStale()
                | e.NovelCreated()
                | e.SessionFinished()
                | e.CommandRejected()
            ):
                pass
            case never:
                assert_never(never)

    def _open(
        self,
        recorded: e.Recorded,
        stage: Stage,
        handle_id: UUID,
        status: HandleStatus,
        task_id: UUID | None,
        proposal_id: UUID | None,
    ) -> None:
        self.opened[handle_id] = {
            "id": handle_id,
            "session_id": recorded.session_id,
            "user_id": recorded.user_id,
            "stage": stage.value,
            "task_id": task_id,
            "proposal_id": proposal_id,
            "correlation_id": recorded.correlation_id,
            "status": status.value,
            "created_at": recorded.created_at,
        }

    def _change(
        self, handle_id: UUID, status: HandleStatus, *, answer_command_id: UUID | None = None, **changes: Any
    ) -> None:
        # An answer belongs to the status it came with: the next status says for itself whether there is one.
        changes |= {"status": status.value, "answer_command_id": answer_command_id}
        row = self.opened.get(handle_id)
        if row is None:
            row = self.changed.setdefault(handle_id, {"id": handle_id})
        row.update(changes)


def _handle_id(state: Session, stage: Stage) -> UUID | None:
    phase = state.slot(stage).phase
    return phase.handle.handle_id if isinstance(phase, Generating | Review) else None
