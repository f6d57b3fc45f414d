"""How long a worker may take itself for the owner of its partitions without hearing from the group coordinator.

Kafka fences no zombie's plain writes: a worker frozen past its session timeout (SIGSTOP, a suspended machine)
would wake up and append an older state to the changelog after the new owner's.
"""

import time

from genesis.errors import GenesisError


class LeaseLost(GenesisError):
    """The worker may no longer be the owner of its partitions; it must exit, and is then started anew."""


def _clock() -> float:
    # Unlike the monotonic clock this one goes on while the machine is suspended.
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class Lease:
    """Held while the last word of the coordinator is younger than half the session timeout.

    The clock is asked before each send and each put: a freeze between the check and the write stays
    undetected, which is why the projections refuse forks and a recovery keeps the higher sequence.
    """

    def __init__(self, session_seconds: float) -> None:
        self.seconds = session_seconds / 2
        self._heard = float("-inf")

    @staticmethod
    def now() -> float:
        """The lease's clock, in seconds; it counts the time a machine was suspended."""
        return _clock()

    def heard(self, asked_at: float) -> None:
        """The coordinator confirmed the membership on a question sent at `asked_at`."""
        self._heard = max(self._heard, asked_at)

    def begin(self, generation: int) -> "Term":
        """A batch of messages of this generation of the group begins."""
        return Term(self, generation, self.now())

    def check(self) -> None:
        """Raises LeaseLost where the coordinator's last word is too old."""
        silent = self.now() - self._heard
        if silent > self.seconds:
            raise LeaseLost(
                f"the group coordinator was last heard {silent:.1f} s ago, the lease is {self.seconds:.1f} s"
            )


class Term:
    """The time one batch may take."""

    def __init__(self, lease: Lease, generation: int, since: float) -> None:
        self._lease = lease
        self._generation = generation
        self._since = since

    def check(self, generation: int) -> None:
        """Raises LeaseLost where the batch is too old, the generation has changed, or the lease is over."""
        if generation != self._generation:
            raise LeaseLost(f"the group's generation went from {self._generation} to {generation} within a batch")
        taken = self._lease.now() - self._since
        if taken > self._lease.seconds:
            raise LeaseLost(f"a batch took {taken:.1f} s, the lease is {self._lease.seconds:.1f} s")
        self._lease.check()
