"""The numbers that a session's rules depend on; settings pass them in, so that the kernel reads no setting."""

from dataclasses import dataclass
from datetime import timedelta

STATE_CAP = 509_952
"""Most bytes the saved state of a session may have (content model §7)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Durations of the pause and the generation (design §5)."""

    handle_ttl: timedelta = timedelta(minutes=30)
    """How long a WAITING handle waits."""
    generation_ttl: timedelta = timedelta(minutes=15)
    """How long a generation may take."""
    state_cap: int = STATE_CAP
    """Bytes; lowered only by tests."""
