"""All faults, in the order in which they are done alone."""

from chaos.faults import by_hand, freezes, kills, links, losses, poison, whole
from chaos.faults.registry import FAULTS

__all__ = ["FAULTS", "by_hand", "freezes", "kills", "links", "losses", "poison", "whole"]
