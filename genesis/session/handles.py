"""Resume handles: waiting for a person is a state that owes nothing but an open handle (design §5)."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from genesis.session.messages import ConfirmStage, ProvideFeedback, SelectConcept
from genesis.values import Frozen


class HandleStatus(StrEnum):
    """The life of a handle; only the first three stand in a session's state, the others end it."""

    PENDING_PAUSE = "PENDING_PAUSE"
    """A generation runs; there is nothing to answer yet."""
    WAITING = "WAITING"
    """The proposal is there; the person is asked."""
    EXPIRED = "EXPIRED"
    """Nobody answered in time. The proposal stays; any granted command opens a new handle."""
    RESUMED = "RESUMED"
    """The person answered."""
    CANCELLED = "CANCELLED"
    """What it waited for ended without a proposal, or the session ended."""


class KeptAnswer(Frozen):
    """An answer that came while its proposal was still being made; applied when the proposal arrives."""

    command_id: UUID
    correlation_id: UUID
    answer: Annotated[SelectConcept | ProvideFeedback | ConfirmStage, Field(discriminator="type")]


class Handle(Frozen):
    """One pause of one stage. Waiting costs no process, no timer, no connection."""

    handle_id: UUID
    status: HandleStatus
    opened_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    """When the sweeper may expire it; None while it is PENDING_PAUSE, since only WAITING expires."""
    kept: KeptAnswer | None = None

    @property
    def is_open(self) -> bool:
        """True while the session waits at it, or will."""
        return self.status in (HandleStatus.PENDING_PAUSE, HandleStatus.WAITING)
