"""What the clients of a run did and saw, in the order it happened: one JSON line an entry, no person's text."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from genesis.errors import GenesisError
from genesis.values import Frozen


class HistoryUnreadable(GenesisError):
    """This file is no history of a chaos run, or of another release of it; run `make chaos` again."""


class Happened(Frozen):
    """What all entries have in common."""

    at: float
    """Seconds, by one monotonic clock."""


class Invoked(Happened):
    """A client sent a command; one entry per try, all tries of a command under one key."""

    kind: Literal["invoked"] = "invoked"
    call: int
    """Number of this try, unique in the run."""
    client: str
    key: str
    """Idempotency key; the command's id derives from it (design §4)."""
    command_type: str
    session: UUID | None = None
    """None for START_GENESIS."""
    stage: str = ""
    proposal: UUID | None = None
    """The proposal that an answer names."""
    revision: int | None = None


class Answered(Happened):
    """What came of a try. `ok`: 202; `fail`: another status; `unknown`: no answer came, so it may have happened."""

    kind: Literal["answered"] = "answered"
    call: int
    outcome: Literal["ok", "fail", "unknown"]
    status: int = 0
    command: UUID | None = None
    session: UUID | None = None
    command_no: int | None = None


class Looked(Happened):
    """A client asked how far a command has come, and this was the answer."""

    kind: Literal["looked"] = "looked"
    client: str
    command: UUID
    status: str


class Connected(Happened):
    """A reader opened the stream of a session, as its `connection`-th connection, with this Last-Event-ID."""

    kind: Literal["connected"] = "connected"
    reader: str
    session: UUID
    connection: int
    after: int


class Framed(Happened):
    """A reader received an event."""

    kind: Literal["framed"] = "framed"
    reader: str
    session: UUID
    connection: int
    sequence: int
    event_type: str
    cause: UUID | None
    digest: str
    """Of the event's body, see `digest`."""


class StateRead(Happened):
    """A client read the state of a session whose stream it had followed up to `seen` when it asked."""

    kind: Literal["state"] = "state"
    reader: str
    session: UUID
    seen: int
    version: int


class Fault(Happened):
    """The nemesis did something; `what` tells to whom."""

    kind: Literal["fault"] = "fault"
    fault: str
    phase: Literal["begin", "end"]
    what: str = ""


Entry = Annotated[
    Invoked | Answered | Looked | Connected | Framed | StateRead | Fault,
    Field(discriminator="kind"),
]

_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


def digest(body: dict[str, Any]) -> str:
    """A short hash of an event's body: equal for equal JSON, whatever the order of keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class Recorder:
    """Keeps the entries of a run, and writes each to a file as it happens, so that a run cut short leaves its own."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self.entries: list[Entry] = []
        self._file = file

    def add(self, entry: Entry) -> None:
        """Record this as the next thing that happened."""
        self.entries.append(entry)
        if self._file is not None:
            self._file.write(entry.model_dump_json() + "\n")


def read(path: Path) -> list[Entry]:
    """The entries of a file that a Recorder wrote. Raises HistoryUnreadable."""
    with path.open(encoding="utf-8") as lines:
        return list(parsed(lines))


def parsed(lines: Iterable[str]) -> Iterator[Entry]:
    """An entry per line. Raises HistoryUnreadable."""
    for number, line in enumerate(lines, start=1):
        try:
            yield _ENTRY.validate_json(line)
        except ValueError as error:
            raise HistoryUnreadable(f"Line {number} is no entry of a history; run `make chaos` again.") from error
