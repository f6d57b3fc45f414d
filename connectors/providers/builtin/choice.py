"""Repeatable choices: every field has a random stream of its own, so that changing one moves no other."""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
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
        ranked = _ranks(self.seed, self._salt(path), path, len(options))
        if self.avoid:
            ranked = tuple(sorted(ranked, key=lambda place: self.forbids(options[place])))
        return [options[place] for place in ranked]

    def pick(self, path: str, options: Sequence[T]) -> T:
        """One of the options; the same for the same seed, salt and path.

        Another salt takes another option as long as there is one, so that what is made anew is new.
        """
        allowed = [option for option in options if not self.forbids(option)] if self.avoid else options
        allowed = allowed or options
        steps = self._salt(path) - 1
        return allowed[(_digest(self.seed, 1, path) + steps) % len(allowed)]

    def turned(self, path: str, options: Sequence[T]) -> T:
        """The first of the options that may be taken; with each higher salt of this path the next one."""
        allowed = [option for option in options if not self.forbids(option)] or options
        return allowed[(self._salt(path) - 1) % len(allowed)]

    def between(self, path: str, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + _digest(self.seed, self._salt(path), path) % (high - low + 1)

    def forbids(self, option: object) -> bool:
        """True where the option names something to be avoided."""
        return bool(self.avoid) and any(mentions(str(option), word) for word in self.avoid)

    def _salt(self, path: str) -> int:
        if not self.salts:
            return self.salt
        parts = path.split("/")
        heads = ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
        return next((self.salts[head] for head in heads if head in self.salts), self.salt)


@lru_cache(maxsize=4096)
def _digest(seed: int, salt: int, path: str) -> int:
    digest = hashlib.sha256(f"{seed}|{salt}|{path}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


@lru_cache(maxsize=4096)
def _ranks(seed: int, salt: int, path: str, count: int) -> tuple[int, ...]:
    """Places 0 to count - 1 in the order of this path; one hash gives every place its key.

    A key doesn't depend on the count, so an option added at the end leaves the others in their order.
    """
    keys = struct.unpack(f"<{count}Q", hashlib.shake_128(f"{seed}|{salt}|{path}".encode()).digest(8 * count))
    return tuple(sorted(range(count), key=keys.__getitem__))
