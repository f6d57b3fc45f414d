"""Sends folded states to the workers as STATE_REPAIRED, and tells afterwards which of them were taken (design §8)."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from connectors import kafka as clients
from connectors import reading
from connectors.pipe import committed
from connectors.settings import Settings
from genesis import wire
from genesis.envelope import Envelope
from genesis.session.messages import StateRepaired
from genesis.session.state import Session
from genesis.topics import APP_ID, COMMANDS, SESSIONS_CHANGELOG


@dataclass(frozen=True, slots=True)
class Sent:
    """A repair that lies in genesis.commands."""

    session_id: UUID
    sequence: int
    """Of the state that was sent."""
    partition: int
    offset: int
    changelog_end: int
    """Where the changelog of that partition ended before the repair was sent."""


class Fate(Enum):
    """What the worker did with a repair."""

    TAKEN = "taken"
    AHEAD = "ahead"
    """It was left alone: the session had moved beyond the events that the state was folded from."""


class Answer(NamedTuple):
    """What came of a repair, and the age of the record that stands now."""

    fate: Fate
    repairs: int
    sequence: int


async def send(settings: Settings, states: Iterable[Session], *, force: bool = False) -> list[Sent]:
    """Send the repairs. Raises TopicUnreadable, and KafkaError where the broker takes none."""
    _, ends = await reading.bounds(settings, SESSIONS_CHANGELOG.name)
    sent: list[Sent] = []
    producer = clients.producer(settings)
    await producer.start()
    try:
        for state in states:
            envelope = Envelope(
                message_id=uuid.uuid4(),
                session_id=state.session_id,
                user_id=state.user_id,
                correlation_id=uuid.uuid4(),
                at=datetime.now(UTC),
                message=StateRepaired(record=wire.dump_state(state).decode(), force=force),
            )
            key = str(state.session_id).encode()
            placed = await producer.send_and_wait(COMMANDS.name, wire.dump_envelope(envelope), key)
            # The changelog is co-partitioned with the commands.
            end = ends.get(placed.partition, 0)
            sent.append(Sent(state.session_id, state.sequence, placed.partition, placed.offset, end))
    finally:
        await producer.stop()
    return sent


async def handled(settings: Settings, sent: Sequence[Sent]) -> bool:
    """True once the workers have handled all of these and saved what came of them. Raises PipeSilent."""
    reached = await committed(settings, APP_ID, COMMANDS)
    return all(reached.get(one.partition, 0) > one.offset for one in sent)


async def answers(settings: Settings, sent: Sequence[Sent]) -> dict[UUID, Answer]:
    """What came of repairs that were handled, read from what the changelog has had since. Raises TopicUnreadable."""
    _, ends = await reading.bounds(settings, SESSIONS_CHANGELOG.name)
    begin = {one.partition: one.changelog_end for one in sent}
    wanted = {str(one.session_id).encode(): one for one in sent}
    records: dict[bytes, list[tuple[int, int]]] = {key: [] for key in wanted}
    end = {partition: ends[partition] for partition in begin}
    async for batch in reading.read(settings, SESSIONS_CHANGELOG.name, begin, end):
        for record in batch:
            if record.key in wanted and record.value is not None:
                records[record.key].append(_age(record.value))
    return {one.session_id: answer(one.sequence, records[key]) for key, one in wanted.items()}


def _age(record: bytes) -> tuple[int, int]:
    try:
        return wire.state_prefix(record)[1:]
    except ValueError:
        # It can't be read: that may be what was repaired.
        return 0, 0


def answer(sequence: int, records: Sequence[tuple[int, int]]) -> Answer:
    """What became of a repair to `sequence`, by the (repairs, sequence) of the session's records since.

    A repair that is taken is a record of that sequence, one repair younger than the one before. Where it can't be
    told from a record of the ordinary course it counts as not taken: another repair does no harm.
    """
    if not records:
        return Answer(Fate.AHEAD, 0, 0)
    repairs, reached = records[-1]
    raised = any(after[0] > before[0] and after[1] == sequence for before, after in pairwise(records))
    taken = repairs > 0 and (reached == sequence or raised)
    return Answer(Fate.TAKEN if taken else Fate.AHEAD, repairs, reached)
