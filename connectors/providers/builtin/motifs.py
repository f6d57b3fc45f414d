"""What concept, story and world say of things that have to appear; `model` knows which they are."""

from collections.abc import Mapping
from typing import Literal

from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.grammar import Noun, capital
from connectors.providers.builtin.model import Model

Kind = Literal["creature", "item", "concept"]

BELONGS = {
    "creature": (
        "{X.aC} {X.v:belongs|belong} to nobody {town.in} and {X.v:is|are} fed at every door.",
        "Wherever something is about to be decided {town.in}, there {X.v:is|are} {X.a}.",
    ),
    "item": (
        "Somebody has left {X.a} where only {L.f} would look.",
        "{D} once promised {L.f} {X.a}, and did not say why.",
        "The longest quarrel {town.in} is about {X.a}.",
        "{X.aC} {X.v:has|have} gone from hand to hand for years, and nobody says who began it.",
    ),
}
"""What the concept says."""

WORKS = {
    "creature": (
        "{X.theC} {X.v:comes|come} along unasked, and {X.v:knows|know} first which side is the right one.",
        "Twice it is {X.the} that {X.v:notices|notice} it first.",
    ),
    "item": (
        "{X.theC} {X.v:turns|turn} up three times: once by chance, once on purpose, and once too late.",
        "{X.theC} {X.v:changes|change} hands twice on the way, and each time somebody lies about it.",
    ),
}
"""What the synopsis says."""

TOLD = {
    "creature": (
        "In the town's oldest paper there {X.v:is|are} {X.a}, mentioned once and crossed out.",
        "Whoever laughs about {X.the} {town.in} is taken for a stranger, and charged accordingly.",
    ),
    "item": (
        "Everybody {town.in} knows somebody who has seen {X.the}; nobody says where.",
        "Two families {town.in} have half a story each about {X.the}, and will not compare.",
        "It is not talked about, but half the households {town.in} have fallen out over {X.a}.",
    ),
}
"""What the world's lore says."""


def kind_of(motif: Noun) -> Kind:
    """What sort of lore it is."""
    read = ideas.read(motif.text, names=False)
    return "creature" if read.first("creatures") else "item" if read.first("objects") else "concept"


def in_concept(model: Model) -> list[str]:
    """A sentence for each motif, no two alike."""
    return _lines(model, BELONGS)


def in_story(model: Model) -> list[str]:
    """What two of them do."""
    return _lines(model, WORKS)[:2]


def in_lore(model: Model) -> list[str]:
    """What is told of each."""
    return _lines(model, TOLD)


def _lines(model: Model, said: Mapping[str, tuple[str, ...]]) -> list[str]:
    lines: list[str] = []
    met = {"creature": 0, "item": 0}
    for motif in model.motifs:
        kind = "creature" if kind_of(motif) == "creature" else "item"
        options = said[kind]
        lines.append(capital(model.having(X=motif).clause(options[met[kind] % len(options)])))
        met[kind] += 1
    return lines
