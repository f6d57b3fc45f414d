"""Everything a verdict rests on: what the clients saw, and what every store holds once the studio is at rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chaos.history import Entry

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row of door.command_inbox."""

    command: UUID
    session: UUID
    command_no: int
    command_type: str
    status: str
    internal: bool
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of door.generation_claims."""

    task: UUID
    attempt: int
    done: bool
    result: Json | None = None
    """The stored message, where it is done."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the sessions of one run, and of no others."""

    owner: str
    """Whose commands they are: the ids of commands derive from it."""
    history: Sequence[Entry] = ()
    log: Mapping[UUID, Sequence[Json]] = field(default_factory=dict)
    """Bodies of genesis.events by session, in the order of the log."""
    saved: Mapping[UUID, bytes] = field(default_factory=dict)
    """The last record of each session in the changelog."""
    rows: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """The read models: table, then key, then row, as PostgreSQL's to_jsonb gives it."""
    inbox: Mapping[UUID, Accepted] = field(default_factory=dict)
    counts: Mapping[UUID, int] = field(default_factory=dict)
    """command_count of door.genesis_sessions."""
    claims: Mapping[UUID, Claim] = field(default_factory=dict)
    results: Sequence[Json] = ()
    """Messages with the results of generations on genesis.commands, repeats included."""
