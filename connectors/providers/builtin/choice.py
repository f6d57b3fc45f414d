"""Repeatable choices: every field has a random stream of its own, so that changing one moves no other."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from genesis.content.texts import mentions

T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """Chooses by seed, salt and path; options that name an avoided word are left out where others remain."""

    seed: int
    salt: int = 1
    """Salt of every stream that `salts` does not name."""
    avoid: tuple[str, ...] = ()
    salts: Mapping[str, int] = field(default_factory=dict)
    """Other salts, by path; one holds for what lies under it as well."""

    def order(self, path: str, options: Sequence[T]) -> list[T]:
        """The options in an order of their own for this path, those to be avoided last."""
        ranked = sorted(
            range(len(options)),
            key=lambda place: (self.forbids(options[place]), self._number(f"{path}|{place}")),
        )
        return [options[place] for place in ranked]

    def pick(self, path: str, options: Sequence[T]) -> T:
        """One of the options; the same for the same seed, salt and path.

        Another salt takes another option as long as there is one, so that what is made anew is new.
        """
        allowed = [option for option in options if not self.forbids(option)] if self.avoid else options
        allowed = allowed or options
        steps = self._salt(path) - 1
        return allowed[(self._digest(path, 1) + steps) % len(allowed)]

    def between(self, path: str, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self._number(path) % (high - low + 1)

    def forbids(self, option: object) -> bool:
        """True where the option names something to be avoided."""
        return bool(self.avoid) and any(mentions(str(option), word) for word in self.avoid)

    def _number(self, path: str) -> int:
        return self._digest(path, self._salt(path))

    def _salt(self, path: str) -> int:
        if not self.salts:
            return self.salt
        parts = path.split("/")
        heads = ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
        return next((self.salts[head] for head in heads if head in self.salts), self.salt)

    def _digest(self, path: str, salt: int) -> int:
        digest = hashlib.sha256(f"{self.seed}|{salt}|{path}".encode()).digest()
        return int.from_bytes(digest[:8], "big")
