"""How long a part waits before it is started again: the longer the more often it fails by itself."""

import time
from collections.abc import Callable

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds before the first restart; doubled with each further one up to the second figure."""

HEALTHY_FOR = 60.0
"""Seconds a part must have run for its next failure to count as the first."""

KILLS_AT_ONCE, KILL_EVERY = 5, 10.0
"""Restarts without a pause after kills from outside: so many in a row, and one more each so many seconds. Where the
kernel kills a part again and again for want of memory it is started once in that time, and not all the time."""


class Backoff:
    """The pauses of one part. A part that ends by itself is at fault; one that served and was killed is not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = float(KILLS_AT_ONCE)
        self._counted_at = clock()
        self.failures = 0
        """Failures in a row."""

    def failed(self, lived: float) -> float:
        """Seconds to wait after a life of so many seconds that the part ended itself, or that it never served in."""
        if lived > HEALTHY_FOR:
            self.failures = 0
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**self.failures)
        self.failures += 1
        return pause

    def killed(self) -> float:
        """Seconds to wait after the part was killed from outside while it served; it had recovered, so it counts as
        well from here on."""
        self.failures = 0
        now = self._clock()
        self._tokens = min(KILLS_AT_ONCE, self._tokens + (now - self._counted_at) / KILL_EVERY)
        self._counted_at = now
        # Below zero: the pause until it is earned, so that the restart after it costs nothing more.
        self._tokens -= 1
        return max(0.0, -self._tokens * KILL_EVERY)
