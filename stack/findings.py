"""What `genesis doctor` found: what is wrong, how many, an example or two, and the remedy."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

EXAMPLES = 5
"""Ids that are named with a finding."""

Weight = Literal["broken", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that is not as it should be."""

    weight: Weight
    """`broken`: something must be done; `note`: worth knowing, nothing is lost."""
    what: str
    """One sentence; without the person's words."""
    remedy: str
    count: int = 1
    examples: tuple[str, ...] = ()
    """Ids of sessions or commands."""


@dataclass(slots=True)
class Kind:
    """A finding before it is known how often it was met."""

    weight: Weight
    what: str
    remedy: str
    ids: list[str] = field(default_factory=list)
    count: int = 0


class Findings:
    """Collects what was found, each kind once with a count."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self.figures: dict[str, Any] = {}
        """What was measured or counted, for people and monitoring."""
        self.checked: dict[str, int] = defaultdict(int)
        """How many of what were looked at."""

    def add(self, weight: Weight, what: str, remedy: str, id: object = None, count: int = 1) -> None:
        """Note something; the same sentence again raises its count."""
        if count <= 0:
            return
        kind = self._kinds.setdefault(what, Kind(weight, what, remedy))
        kind.count += count
        if id is not None and len(kind.ids) < EXAMPLES:
            kind.ids.append(str(id))

    def all(self) -> list[Finding]:
        """The findings, what is broken first."""
        found = [
            Finding(kind.weight, kind.what, kind.remedy, kind.count, tuple(kind.ids)) for kind in self._kinds.values()
        ]
        return sorted(found, key=lambda finding: finding.weight)

    @property
    def well(self) -> bool:
        """True if nothing is broken."""
        return all(kind.weight != "broken" for kind in self._kinds.values())

    def as_json(self) -> dict[str, Any]:
        """For programs: `well`, `findings`, `checked`, `figures`."""
        return {
            "well": self.well,
            "findings": [asdict(finding) for finding in self.all()],
            "checked": dict(self.checked),
            "figures": self.figures,
        }
