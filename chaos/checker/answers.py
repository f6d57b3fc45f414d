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
from genesis.session.state import Generating, Review, Session, Stale

Named = tuple[UUID | None, int]
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
    applied: set[UUID] = set()
    before: Session | None = None
    for recorded, after in zip(story.events, story.states, strict=True):
        event, cause = recorded.event, recorded.causation_id
        place = f"event {recorded.sequence} ({event.type})"
        if (proposal := _proposal(event)) is not None:
            there = _there(before, event)
            wanted = answers.get(cause)
            if (proposal, _revision(event)) not in {*there, *((known, None) for known, _ in there)}:
                yield Violation(
                    Kind.OTHER_PROPOSAL, story.session, f"{place} is about {proposal}, which is not there"
                )
            # Only the first event of a command: a patch makes the revision that its own confirmation is about.
            elif cause not in applied and wanted is not None and (wanted not in there or wanted[0] != proposal):
                yield Violation(Kind.OTHER_PROPOSAL, story.session, f"{place} on {there}, the answer named {wanted}")
            if not isinstance(event, e.InputReceived):
                applied.add(cause)
        before = after


def _proposal(event: e.Event) -> UUID | None:
    """The proposal that an event applies an answer to, or keeps one for."""
    match event:
        case e.ProposalChosen() | e.ProposalEdited() | e.FeedbackGiven():
            return event.proposal_id
        case e.StageConfirmed():
            return event.confirmed.proposal_id
        case e.InputReceived(kept=True, answer=answer) if answer is not None:
            return answer.proposal_id
        case _:
            return None


def _revision(event: e.Event) -> int | None:
    """The revision it applies the answer to; None where it tells the one that it makes."""
    match event:
        case e.ProposalChosen() | e.FeedbackGiven():
            return event.revision
        case e.StageConfirmed():
            return event.confirmed.revision
        case _:
            return None


def _there(before: Session | None, event: e.Event) -> set[Named]:
    """What may be answered in the stage: the draft, what is being made, or what was confirmed and is now stale."""
    stage: Stage | None = getattr(event, "stage", None)
    slot = before.slot(stage) if before and stage else None
    match slot and slot.phase:
        case Stale() if slot and slot.confirmed:
            return {(slot.confirmed.proposal_id, slot.confirmed.revision)}
        case Review(draft=draft):
            return {(draft.proposal_id, draft.revision)}
        case Generating(task=task, draft=draft):
            return {(task.task_id, 1)} | ({(draft.proposal_id, draft.revision)} if draft else set())
        case _:
            return set()
