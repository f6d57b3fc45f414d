"""What a checker complains of."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What may go wrong; each kind has a planted fault in the checker's own tests."""

    LOST_COMMAND = "an acknowledged command is not in the inbox or has no event"
    UNDECIDED = "an acknowledged command has no final outcome, or two"
    OTHER_OUTCOME = "the inbox, a client or the log tell different outcomes of a command"
    OTHER_ANSWER = "one key was answered with different commands"
    GHOST = "a command that was refused at the door was accepted all the same"
    NUMBERS = "the numbers of a session's commands have a gap, a repeat, or another count than the door's"
    MISSING_EVENT = "an event is missing from the log"
    DOUBLED_EVENT = "an event or a whole message stands twice in a session's history"
    REORDERED_EVENT = "an event stands before one it follows"
    FORKED_EVENT = "one place of a history is taken by two different events"
    FORGED_EVENT = "no message of this session emits this event"
    STREAM_MISSED = "a reader has not seen an event"
    STREAM_DOUBLED = "a reader has seen an event twice"
    STREAM_REORDERED = "a reader has seen an event before one it follows"
    STREAM_FORGED = "a reader has seen another event than the log holds"
    STALE_READ = "a read showed less than its client had already seen"
    SAVED_STATE = "the saved state is not the replay of its events"
    READ_MODEL = "a read model is not the replay of the events"
    OTHER_PROPOSAL = "an answer was applied to another proposal or revision than it named"
    PAID_TWICE = "a generation was paid for again although its result was recorded"


@dataclass(frozen=True, slots=True)
class Violation:
    """One complaint."""

    kind: Kind
    session: UUID | None
    detail: str
    """Ids and numbers, no text of a person."""

    def __str__(self) -> str:
        return f"{self.kind.name}: {self.kind.value}: session {self.session}: {self.detail}"
