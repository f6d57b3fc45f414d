"""Who, when, why: what travels around a message and gives everything that follows from it time and identity."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from genesis.session.messages import Message


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message on its way to a session. The kernel has no clock and draws no ids: both come from here."""

    message_id: UUID
    """Id of the message; the ids of all events that handling it emits derive from it."""
    session_id: UUID
    user_id: str
    """Owner of the session, as the door knows them."""
    correlation_id: UUID
    at: datetime
    """Time the message was accepted or made, UTC."""
    message: Message
    command_no: int | None = None
    """Number in the session, contiguous from 1; None for results, which have none."""
    expected_version: int | None = None
    """Version of the session that the person saw (If-Match); None judges nothing."""
