"""The faults there are, by name: what each does, and where it can't be done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from chaos.ground import Ground

Strike = Callable[[Ground], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that the nemesis may do; done when the studio has had what it needs to be whole again."""

    name: str
    strike: Strike
    kind: str
    """kill, freeze, link, loss, poison or whole."""
    skipped: Callable[[Path], str] = lambda folder: ""
    """Why it is not done with a studio in this folder; empty where it is."""


FAULTS: dict[str, Fault] = {}


def fault(kind: str, name: str, skipped: Callable[[Path], str] = lambda folder: "") -> Callable[[Strike], Strike]:
    """Declares a fault under its name."""

    def declare(strike: Strike) -> Strike:
        FAULTS[name] = Fault(name, strike, kind, skipped)
        return strike

    return declare
