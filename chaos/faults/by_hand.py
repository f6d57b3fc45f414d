"""What can't be done without root or other packages: named, so that a report says what it has not seen."""

from chaos.faults.registry import fault
from chaos.ground import Ground, NotMended


@fault(
    "loss", "disk full", skipped="needs a small file system of its own: mount a tmpfs as root, set GENESIS_DATA to it"
)
async def disk_full(ground: Ground) -> None:
    """Never struck."""
    raise NotMended("The disk can only be filled by hand.")


@fault("freeze", "clock jumps", skipped="needs root, or libfaketime under every process")
async def clock_jumps(ground: Ground) -> None:
    """Never struck."""
    raise NotMended("The clock can only be set by hand.")
