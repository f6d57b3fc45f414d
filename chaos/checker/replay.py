"""A session's history as the log tells it: repeats taken out, order and completeness judged, folded by the kernel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from chaos.checker.violation import Kind, Violation
from chaos.evidence import Json
from chaos.history import digest
from genesis import wire
from genesis.errors import GenesisError
from genesis.session.events import Recorded
from genesis.session.evolve import evolve
from genesis.session.state import Session


@dataclass
class Replay:
    """What the log of one session comes to."""

    session: UUID
    events: list[Recorded] = field(default_factory=list)
    """Each event once, in the order of sequences, as far as they are contiguous."""
    states: list[Session] = field(default_factory=list)
    """The state after each of `events`."""
    bodies: list[Json] = field(default_factory=list)
    """The body of each of `events`, as it was written."""
    digests: list[str] = field(default_factory=list)
    """The digest of each of `bodies`."""
    repeats: int = 0
    """Events that the log holds again, byte for byte the same: at-least-once, and harmless (design §3)."""
    violations: list[Violation] = field(default_factory=list)

    @property
    def state(self) -> Session | None:
        """The state after the last event."""
        return self.states[-1] if self.states else None

    @property
    def last(self) -> int:
        """Sequence of the last event."""
        return len(self.events)

    def complain(self, kind: Kind, detail: str) -> None:
        """Note a violation of this session."""
        self.violations.append(Violation(kind, self.session, detail))


def replay(session: UUID, bodies: Sequence[Json]) -> Replay:
    """Fold the bodies of one session; what is wrong with them stands in `violations`."""
    story = Replay(session)
    first = _first_of_each(story, bodies)
    ids: dict[str, int] = {}
    for sequence in sorted(first):
        body = first[sequence]
        if sequence != story.last + 1:
            story.complain(Kind.MISSING_EVENT, f"{story.last + 1} to {sequence - 1} are missing from the log")
            break
        if (before := ids.setdefault(body["event_id"], sequence)) != sequence:
            story.complain(Kind.DOUBLED_EVENT, f"{body['event_id']} is both {before} and {sequence}")
        try:
            recorded = wire.event_from_body(body)
            after = evolve(story.state, recorded)
        except (GenesisError, ValueError) as error:
            story.complain(Kind.FORGED_EVENT, f"{sequence} cannot follow what came before ({type(error).__name__})")
            break
        story.events.append(recorded)
        story.states.append(after)
        story.bodies.append(body)
        story.digests.append(digest(body))
    _times_must_not_go_back(story)
    return story


def _first_of_each(story: Replay, bodies: Sequence[Json]) -> dict[int, Json]:
    first: dict[int, Json] = {}
    highest = 0
    for body in bodies:
        sequence = int(body["sequence"])
        if known := first.get(sequence):
            if digest(known) == digest(body):
                story.repeats += 1
            else:
                story.complain(Kind.FORKED_EVENT, f"{sequence} is both {known['event_id']} and {body['event_id']}")
            continue
        if sequence < highest:
            story.complain(Kind.REORDERED_EVENT, f"{sequence} comes after {highest}")
        first[sequence] = body
        highest = max(highest, sequence)
    return first


def _times_must_not_go_back(story: Replay) -> None:
    for before, recorded in zip(story.events, story.events[1:], strict=False):
        if recorded.created_at < before.created_at:
            story.complain(Kind.REORDERED_EVENT, f"{recorded.sequence} is older than {before.sequence}")
