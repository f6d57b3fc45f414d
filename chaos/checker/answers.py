"""No answer was applied to another proposal or revision than it named (design §5)."""

from collections.abc import Iterator
from uuid import UUID

from chaos.checker.replay import Replay
from chaos.checker.violation import Kind, Violation
from chaos.evidence import Evidence
from chaos.history import Invoked
from genesis.session import events as e
from genesis.session import identity
from genesis.session.stages import Stage
from genesis.session.state import Generating, Review, Session

Named = tuple[UUID | None, int | None]
"""A proposal and its revision."""


def named(evidence: Evidence) -> dict[UUID, Named]:
    """What each answer of a client named, by the command's id."""
    return {
        identity.command_id(evidence.owner, entry.key): (entry.proposal, entry.revision or 1)
        for entry in evidence.history
        if isinstance(entry, Invoked) and entry.proposal is not None
    }


def check(answers: dict[UUID, Named], story: Replay) -> Iterator[Violation]:
    """Complaints about what the session's events say was answered."""
    before: Session | None = None
    for recorded, after in zip(story.events, story.states, strict=True):
        applied = _applied(recorded.event)
        if applied is not None:
            place = f"event {recorded.sequence} ({recorded.event.type})"
            wanted = answers.get(recorded.causation_id)
            if wanted is not None and wanted != applied:
                yield Violation(Kind.OTHER_PROPOSAL, story.session, f"{place} applies {applied}, named was {wanted}")
            there = _there(before, recorded.event)
            if there != applied:
                yield Violation(Kind.OTHER_PROPOSAL, story.session, f"{place} applies {applied} where {there} is")
        before = after


def _applied(event: e.Event) -> Named | None:
    match event:
        case e.ProposalChosen(proposal_id=proposal, revision=revision):
            return proposal, revision
        case e.FeedbackGiven(proposal_id=proposal, revision=revision):
            return proposal, revision
        case e.StageConfirmed(confirmed=confirmed):
            return confirmed.proposal_id, confirmed.revision
        case e.InputReceived(kept=True, answer=answer) if answer is not None:
            return answer.proposal_id, answer.revision
        case _:
            return None


def _there(before: Session | None, event: e.Event) -> Named | None:
    """The proposal that stands in the stage, or is being made where the answer is kept for it."""
    stage: Stage | None = getattr(event, "stage", None)
    phase = before.slot(stage).phase if before and stage else None
    match phase:
        case Review(draft=draft):
            return draft.proposal_id, draft.revision
        case Generating(task=task):
            return task.task_id, 1
        case _:
            return None
