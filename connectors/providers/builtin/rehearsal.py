"""Whole sessions without a studio around them: for authors of the bank, for tests and for measuring."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from connectors.providers.builtin.engine import Proposal, propose
from genesis.content.catalog import Content
from genesis.content.ids import ids_of, renumber
from genesis.session.brief import Brief
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage

NOBODY = UUID(int=0)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def request(stage: Stage, brief: Brief, confirmed: Mapping[Stage, Content], **more: Any) -> GenerationRequest:
    """A request of a session that nobody holds; `more` are other fields of it."""
    values: dict[str, Any] = {
        "task_id": uuid5(NOBODY, "task"),
        "session_id": uuid5(NOBODY, "session"),
        "user_id": "rehearsal",
        "correlation_id": uuid5(NOBODY, "correlation"),
        "stage": stage,
        "round": 1,
        "brief": brief,
        "confirmed": dict(confirmed),
        "requested_at": NOON,
        "deadline": NOON + timedelta(minutes=15),
    }
    return GenerationRequest(**(values | more))


def session(
    brief: Brief, pick: int = 0
) -> Iterator[tuple[Stage, dict[Stage, Content], tuple[Content, ...], Proposal]]:
    """A session in which candidate `pick` is confirmed in each stage.

    Yields the stage, what was confirmed before it, the candidates with their ids, and the proposal they came in.
    """
    confirmed: dict[Stage, Content] = {}
    counters: dict[str, int] = {}
    for stage in Stage:
        proposal = propose(request(stage, brief, confirmed))
        known = frozenset[str]().union(*(ids_of(each) for each in confirmed.values()))
        candidates, counters = renumber(stage, proposal.candidates, counters, known)
        yield stage, dict(confirmed), candidates, proposal
        confirmed[stage] = candidates[pick % len(candidates)]
