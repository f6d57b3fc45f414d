"""All faults, in the order in which they are done alone."""

from chaos.faults import kills
from chaos.faults.registry import FAULTS

__all__ = ["FAULTS", "kills"]
