"""Nothing was paid for twice that was recorded as paid: a stored result is the only one that is ever sent."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from chaos.checker.replay import Replay
from chaos.checker.violation import Kind, Violation
from chaos.evidence import Evidence, Json
from chaos.history import digest
from genesis.session import events as e


def check_results(evidence: Evidence) -> Iterator[Violation]:
    """Claims against the results that were sent (design §9)."""
    sent: dict[UUID, dict[str, Json]] = defaultdict(dict)
    for message in evidence.results:
        sent[UUID(message["payload"]["task_id"])][digest(message)] = message
    for task, messages in sent.items():
        session = UUID(next(iter(messages.values()))["session_id"])
        if len(messages) > 1:
            attempts = sorted(message["payload"]["attempt"] for message in messages.values())
            yield Violation(Kind.PAID_TWICE, session, f"task {task}: results of attempts {attempts} were sent")
        claim = evidence.claims.get(task)
        if claim is None or not claim.done or claim.result is None:
            yield Violation(Kind.PAID_TWICE, session, f"task {task}: a result was sent that is not stored")
        elif digest(claim.result) not in messages:
            yield Violation(Kind.PAID_TWICE, session, f"task {task}: another result was sent than the stored one")
    for claim in evidence.claims.values():
        if claim.result is not None and claim.result["payload"]["attempt"] != claim.attempt:
            session = UUID(claim.result["session_id"])
            detail = f"task {claim.task}: attempt {claim.attempt} began after a result was stored"
            yield Violation(Kind.PAID_TWICE, session, detail)


def check_costs(story: Replay) -> Iterator[Violation]:
    """Each generation's cost is in the session's events once at most."""
    costs = Counter(task for recorded in story.events if (task := _paid(recorded.event)) is not None)
    for task, times in costs.items():
        if times > 1:
            yield Violation(Kind.PAID_TWICE, story.session, f"task {task}: its cost stands in {times} events")


def _paid(event: e.Event) -> UUID | None:
    match event:
        case e.ProposalMade(task_id=task):
            return task
        case e.GenerationFailed(task_id=task, provenance=provenance) if provenance is not None:
            return task
        case e.GenerationDiscarded(task_id=task, provenance=provenance) if provenance is not None:
            return task
        case _:
            return None
