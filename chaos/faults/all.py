"""All faults, in the order in which they are done alone."""

from chaos.faults import freezes, kills, links, losses, poison, whole
from chaos.faults.registry import FAULTS

__all__ = ["FAULTS", "freezes", "kills", "links", "losses", "poison", "whole"]
