"""What an event changes in the generations."""

from typing import Any, assert_never
from uuid import UUID

from genesis.content.proposal import Provenance
from genesis.session import events as e
from genesis.session.state import Task

Row = dict[str, Any]

TASK_TYPE = "generation"
_COLUMNS = {"task_id", "stage", "command_id", "correlation_id", "requested_at", "deadline"}
"""Fields of a task with a column of their own; the others are its input."""


class Tasks:
    """The generations that a batch puts down and those it ends, each written once."""

    def __init__(self) -> None:
        self.requested: dict[UUID, Row] = {}
        self.ended: dict[UUID, Row] = {}

    def add(self, recorded: e.Recorded) -> None:
        """Take up an event."""
        match recorded.event:
            case e.GenerationRequested(task=task):
                self._request(recorded, task)
            case e.ProposalMade(task_id=task_id, attempt=attempt, proposal=proposal):
                self._end(recorded, task_id, "SUCCEEDED", proposal.provenance, attempt=attempt)
            case e.GenerationFailed() as event:
                error = {"code": event.code, "message": event.message, "timed_out": event.timed_out}
                self._end(recorded, event.task_id, "FAILED", event.provenance, attempt=event.attempt, error=error)
            case e.GenerationStopped(stopped=stopped):
                self._end(recorded, stopped.task_id, "STOPPED", None, error={"code": stopped.reason})
            case e.GenerationDiscarded(task_id=task_id, provenance=provenance):
                self._end(recorded, task_id, None, provenance, discarded=True)
            case (
                e.SessionStarted()
                | e.StageEntered()
                | e.ProposalChosen()
                | e.ProposalEdited()
                | e.ProposalOpened()
                | e.FeedbackGiven()
                | e.InputRequested()
                | e.InputReceived()
                | e.InputExpired()
                | e.SessionPaused()
                | e.SessionResumed()
                | e.StageConfirmed()
                | e.StagesMarkedStale()
                | e.NovelCreated()
                | e.SessionFinished()
                | e.SessionAbandoned()
                | e.CommandRejected()
            ):
                pass
            case never:
                assert_never(never)

    def _request(self, recorded: e.Recorded, task: Task) -> None:
        self.requested[task.task_id] = {
            "id": task.task_id,
            "session_id": recorded.session_id,
            "user_id": recorded.user_id,
            "stage": task.stage.value,
            "task_type": TASK_TYPE,
            "command_id": task.command_id,
            "correlation_id": task.correlation_id,
            "input": task.model_dump(mode="json", exclude=_COLUMNS),
            "deadline": task.deadline,
            "requested_at": task.requested_at,
        }

    def _end(
        self, recorded: e.Recorded, task_id: UUID, status: str | None, provenance: Provenance | None, **changes: Any
    ) -> None:
        row = self.ended.setdefault(task_id, {"id": task_id})
        if status:
            row |= {"status": status, "finished_at": recorded.created_at}
        if provenance:
            row |= {
                "provenance": provenance.model_dump(mode="json"),
                "cost": provenance.cost,
                "currency": provenance.currency,
            }
        row |= changes
