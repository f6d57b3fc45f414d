"""A log in memory with the messages of genesis.events, and sessions whose histories are put into it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

from genesis import wire
from genesis.envelope import Envelope
from genesis.session.events import Recorded
from genesis.session.state import Session
from projections.projector import Projector
from projections.runner import open_connection
from tests import examples
from tests.conftest import Database
from tests.spec import Story


@dataclass(frozen=True)
class Record:
    """A message as aiokafka brings it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 1_772_366_400_000


@dataclass
class Log:
    """The partitions of genesis.events."""

    records: list[Record] = field(default_factory=list)

    def append(self, recorded: Recorded, partition: int = 0, **changed: Any) -> Record:
        """Put this event at the end of a partition, with the key and the headers that the machine gives it."""
        record = Record(
            partition,
            self.end(partition),
            str(recorded.session_id).encode(),
            wire.dump_event(recorded),
            tuple(wire.event_headers(recorded)),
        )
        self.records.append(replace(record, **changed))
        return self.records[-1]

    def extend(self, history: Iterable[Recorded], partition: int = 0) -> list[Record]:
        return [self.append(recorded, partition) for recorded in history]

    def end(self, partition: int) -> int:
        return sum(record.partition == partition for record in self.records)

    def after(self, positions: dict[int, int]) -> list[Record]:
        """What a consumer at these positions gets."""
        return [record for record in self.records if record.offset >= positions[record.partition]]


@dataclass
class Tale(Story):
    """A story of a session with an id of its own, so that several can be told side by side."""

    name: str = "tale"
    owner: str = examples.OWNER

    @property
    def id(self) -> UUID:
        return examples.a_uuid(self.name)

    def deliver(self, envelope: Envelope) -> Story:
        return super().deliver(
            replace(
                envelope,
                session_id=self.id,
                user_id=self.owner,
                message_id=uuid5(self.id, str(envelope.message_id)),
            )
        )


@dataclass
class Desk:
    """A projector at work on a log, and a look at what it made."""

    database: Database
    log: Log
    projector: Projector
    connection: Any

    @classmethod
    async def at(cls, database: Database, log: Log, partitions: int = 2, schema: str = "read") -> "Desk":
        connection = await open_connection(database.role("genesis_projector"), schema)
        projector = Projector(connection)
        await projector.open(partitions)
        return cls(database, log, projector, connection)

    async def project(self, size: int | None = None) -> "Desk":
        """Project what the log holds beyond the positions, in batches of `size`."""
        todo = self.log.after(self.projector.positions)
        for begin in range(0, len(todo), size or max(1, len(todo))):
            await self.projector.project(todo[begin : begin + (size or len(todo))])
        return self

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.connection.fetch(query, *arguments)]

    async def value(self, query: str, *arguments: Any) -> Any:
        return await self.connection.fetchval(query, *arguments)

    async def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all read models: what must not change when nothing new has come."""
        return {
            table: await self.rows(f"SELECT t::text FROM {table} t ORDER BY 1")
            for table in (
                "domain_events",
                "session_view",
                "session_stage",
                "flow_resume_handles",
                "async_tasks",
                "novels",
                "quarantine",
            )
        }

    async def close(self) -> None:
        await self.connection.close()


def hash_of(state: Session | None) -> str:
    assert state is not None
    return wire.state_hash(state)
