"""Each reader saw each event of its session exactly once and in order, over all its connections; reads were fresh."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from chaos.checker.replay import Replay
from chaos.checker.violation import Kind, Violation
from chaos.evidence import Evidence
from chaos.history import Connected, Framed, StateRead


def check(evidence: Evidence, stories: Mapping[UUID, Replay]) -> Iterator[Violation]:
    """Complaints about streams and reads (design §3 rule 7)."""
    frames: dict[tuple[str, UUID], list[Framed]] = defaultdict(list)
    for entry in evidence.history:
        if isinstance(entry, Connected):
            frames[entry.reader, entry.session]  # a reader that never saw a frame has missed them all
        elif isinstance(entry, Framed):
            frames[entry.reader, entry.session].append(entry)
        elif isinstance(entry, StateRead):
            yield from _read(entry, stories.get(entry.session))
    for (reader, session), seen in frames.items():
        yield from _stream(reader, session, seen, stories.get(session))


def _stream(reader: str, session: UUID, seen: list[Framed], story: Replay | None) -> Iterator[Violation]:
    digests = story.digests if story else []
    sequences: set[int] = set()
    highest = 0
    for frame in seen:
        place = f"reader {reader}, connection {frame.connection}, event {frame.sequence}"
        if frame.sequence in sequences:
            yield Violation(Kind.STREAM_DOUBLED, session, place)
        elif frame.sequence < highest:
            yield Violation(Kind.STREAM_REORDERED, session, f"{place} after {highest}")
        if not 1 <= frame.sequence <= len(digests) or digests[frame.sequence - 1] != frame.digest:
            yield Violation(Kind.STREAM_FORGED, session, place)
        sequences.add(frame.sequence)
        highest = max(highest, frame.sequence)
    if missed := sorted(set(range(1, len(digests) + 1)) - sequences):
        detail = f"reader {reader} has not seen {len(missed)} events, the first of them {missed[0]}"
        yield Violation(Kind.STREAM_MISSED, session, detail)


def _read(entry: StateRead, story: Replay | None) -> Iterator[Violation]:
    if story is None or entry.seen == 0 or entry.seen > story.last:
        return
    least = story.states[entry.seen - 1].version
    if entry.version < least:
        detail = f"reader {entry.reader} had seen {entry.seen} (version {least}) and read version {entry.version}"
        yield Violation(Kind.STALE_READ, entry.session, detail)
