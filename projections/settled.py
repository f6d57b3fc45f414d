"""What an event says about the outcome of the command that caused it (design §3 rule 5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from genesis.session import events as e
from genesis.session import identity

_KEPT = "input-received"
_REJECTED = "command-rejected"
_FINAL = ("COMPLETED", "FAILED")


class Settled:
    """The furthest status of each command that a batch brings news of; of two ends the first counts."""

    def __init__(self) -> None:
        self._statuses: dict[UUID, tuple[str, str | None, datetime]] = {}

    def add(self, recorded: e.Recorded) -> None:
        """Take up an event."""
        if _is_of_a_result(recorded):
            return
        match recorded.event:
            case e.InputReceived(kept=True):
                self._put(recorded.causation_id, "PROCESSING", None, recorded.created_at)
            case e.CommandRejected(reason=reason):
                self._put(recorded.causation_id, "FAILED", reason.value, recorded.created_at)
            case _:
                self._put(recorded.causation_id, "COMPLETED", None, recorded.created_at)

    def add_unreadable(self, cause: UUID | None, event_type: str, payload: Mapping[str, Any], at: datetime) -> None:
        """Take up what is left of an event in quarantine: it is an outcome too (design §4)."""
        if cause is None:
            return
        if event_type == _KEPT and payload.get("kept") is True:
            self._put(cause, "PROCESSING", None, at)
        elif event_type == _REJECTED:
            reason = payload.get("reason")
            known = isinstance(reason, str) and reason.isascii() and reason.isprintable()
            self._put(cause, "FAILED", str(reason)[:100] if known else "unreadable", at)
        else:
            self._put(cause, "COMPLETED", None, at)

    def _put(self, command_id: UUID, status: str, reason: str | None, at: datetime) -> None:
        known = self._statuses.get(command_id)
        if known is None or (known[0] not in _FINAL and status in _FINAL):
            self._statuses[command_id] = (status, reason, at)

    def columns(self) -> tuple[list[UUID], list[str], list[str | None], list[datetime]] | None:
        """Ids, statuses, reasons and times; None where there is no news."""
        if not self._statuses:
            return None
        news = self._statuses.values()
        return list(self._statuses), [one[0] for one in news], [one[1] for one in news], [one[2] for one in news]


def _is_of_a_result(recorded: e.Recorded) -> bool:
    """True where an unnumbered message, and no answer kept for it, caused the event: no command of the inbox."""
    first = identity.event_id(recorded.causation_id, recorded.part - 1)
    return recorded.command_no is None and recorded.event_id == first
