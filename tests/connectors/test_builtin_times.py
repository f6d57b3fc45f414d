"""A time or a country of the idea: it fills no slot, and decides which premise is told."""

import pytest

from connectors.providers.builtin.bank.shelves import genre
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.idea import read
from genesis.content.concept import Concept
from genesis.session.brief import Brief
from genesis.session.stages import Stage
from tests.connectors.test_builtin_engine import request


@pytest.mark.parametrize(
    ("idea", "tag", "culture"),
    [
        ("A medieval brewer who is afraid of nothing but water", "medieval", "polder"),
        ("A weaver in Roman Egypt and her neighbour's child", "Roman Egypt", "nile"),
        ("A Victorian painter who finds her own hand", "Victorian", "herring-coast"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_time_that_the_idea_names_is_told_first_and_not_reported_as_lost(
    idea: str, tag: str, culture: str, seed: int
) -> None:
    proposal = propose(request(Stage.CONCEPT_SELECTION, Brief(genre="historical", idea=idea, seed=seed), {}))
    first = proposal.candidates[0]
    assert isinstance(first, Concept)
    assert tag in first.tags
    assert tag.split(" ")[0] not in " ".join(proposal.not_understood)
    towns = next(each.towns for each in genre("historical").cultures if each.id == culture)
    assert any(town in first.premise for town in towns)


def test_a_time_of_which_there_is_no_premise_is_reported() -> None:
    brief = Brief(genre="historical", idea="A Byzantine brewer who is afraid of water", seed=1)
    assert "Byzantine" in " ".join(propose(request(Stage.CONCEPT_SELECTION, brief, {})).not_understood)


@pytest.mark.parametrize(
    ("text", "trades"),
    [
        ("A medieval stone carver against a Roman soldier", ["stone carver", "soldier"]),
        ("The last Viking ropemaker", ["ropemaker"]),
        ("The Victorian", []),
    ],
)
def test_a_time_is_no_part_of_a_trade(text: str, trades: list[str]) -> None:
    idea = read(text)
    assert idea.all("persons") == trades
    assert idea.opponent == (trades[1] if len(trades) > 1 else "")
