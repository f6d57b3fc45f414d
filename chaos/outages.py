"""How long clients had to wait, by fault: for the first event of a command, and for a proposal that was asked for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from chaos.history import Answered, Entry, Fault, Framed, Invoked

SETTLING_SECONDS = 3.0
"""After the end of a fault, waits that begin within so long are still put down to it."""

GENERATED = ("proposal-made", "generation-failed", "generation-stopped")
"""Events that end a generation. Several may run in a session: the wait is from the first asked to the first ended."""


@dataclass(frozen=True, slots=True)
class Wait:
    """From a command's first try to its first event seen by its sender; or from asked to made, as a reader saw it."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin


def waits(history: Sequence[Entry]) -> list[Wait]:
    """The wait of each command whose event its client has seen, and of each proposal that a reader saw asked for."""
    invoked: dict[str, float] = {}
    calls: dict[int, Invoked] = {}
    clients: dict[UUID, tuple[str, str]] = {}
    seen: dict[UUID, list[tuple[str, float]]] = defaultdict(list)
    for entry in history:
        if isinstance(entry, Invoked):
            invoked.setdefault(entry.key, entry.at)
            calls[entry.call] = entry
        elif isinstance(entry, Answered) and entry.command is not None:
            clients.setdefault(entry.command, (calls[entry.call].client, calls[entry.call].key))
        elif isinstance(entry, Framed) and entry.cause is not None:
            seen[entry.cause].append((entry.reader, entry.at))
    found = list(_proposals(history))
    for command, (client, key) in clients.items():
        if times := [at for reader, at in seen[command] if reader == client]:
            found.append(Wait(invoked[key], min(times)))
    return found


def _proposals(history: Sequence[Entry]) -> Iterator[Wait]:
    asked: dict[tuple[str, UUID], float] = {}
    for entry in history:
        if isinstance(entry, Framed):
            if entry.event_type == "generation-requested":
                asked.setdefault((entry.reader, entry.session), entry.at)
            elif entry.event_type in GENERATED and (entry.reader, entry.session) in asked:
                yield Wait(asked.pop((entry.reader, entry.session)), entry.at)


def spells(history: Sequence[Entry]) -> Iterator[tuple[str, float, float]]:
    """Each fault with its begin and end; one that never ended lasts to the end of the history."""
    begun: dict[str, float] = {}
    for entry in history:
        if isinstance(entry, Fault):
            if entry.phase == "begin":
                begun[entry.fault] = entry.at
            elif entry.fault in begun:
                yield entry.fault, begun.pop(entry.fault), entry.at
    for name, begin in begun.items():
        yield name, begin, history[-1].at


def by_fault(history: Sequence[Entry]) -> dict[str, list[float]]:
    """The longest wait, in seconds, that overlapped each stroke of each fault."""
    all_waits = waits(history)
    longest: dict[str, list[float]] = defaultdict(list)
    for name, begin, end in spells(history):
        felt = [one.seconds for one in all_waits if one.begin < end + SETTLING_SECONDS and one.end > begin]
        longest[name].append(max(felt, default=0.0))
    return dict(longest)
