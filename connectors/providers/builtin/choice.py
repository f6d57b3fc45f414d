"""Repeatable choices: every field has a random stream of its own, so that changing one moves no other."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from genesis.content.texts import mentions

T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """Chooses by seed, salt and path; options that name an avoided word are left out where others remain."""

    seed: int
    salt: str = ""
    avoid: tuple[str, ...] = ()

    def order(self, path: str, options: Sequence[T]) -> list[T]:
        """The options in an order of their own for this path, those to be avoided last."""
        ranked = sorted(
            range(len(options)),
            key=lambda place: (self._forbidden(options[place]), self._number(f"{path}|{place}")),
        )
        return [options[place] for place in ranked]

    def pick(self, path: str, options: Sequence[T]) -> T:
        """One of the options; the same for the same seed, salt and path."""
        allowed = [option for option in options if not self._forbidden(option)] or options
        return allowed[self._number(path) % len(allowed)]

    def between(self, path: str, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self._number(path) % (high - low + 1)

    def _number(self, path: str) -> int:
        digest = hashlib.sha256(f"{self.seed}|{self.salt}|{path}".encode()).digest()
        return int.from_bytes(digest[:8], "big")

    def forbids(self, option: object) -> bool:
        """True where the option names something to be avoided."""
        return self._forbidden(option)

    def _forbidden(self, option: object) -> bool:
        return bool(self.avoid) and any(mentions(str(option), word) for word in self.avoid)
