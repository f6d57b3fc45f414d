"""What goes in and out of the machine's processes: a record as it arrived, and one that is to be sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes]]


class Record(NamedTuple):
    """A record to be sent, its topic and partition given elsewhere."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record as it was read, with the place it was read from."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    """When it was written, Unix time in seconds, as the broker keeps it."""
    key: bytes | None
    value: bytes | None
    headers: Headers

    def header(self, name: str) -> bytes | None:
        """The header's value, if there is one."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def place(self) -> str:
        """Where it was read, for logs."""
        return f"{self.topic}/{self.partition}@{self.offset}"
