"""Who people are, by feedback or by hand: names, pronouns and trades, in this stage and in later ones."""

import re

import pytest

from connectors.providers.builtin.bank.shelves import genres
from connectors.providers.builtin.engine import Proposal, propose
from connectors.providers.builtin.feedback.reading import read
from connectors.providers.builtin.granting import texts_of
from connectors.providers.builtin.rehearsal import request, session
from connectors.providers.builtin.wishes import Portrait
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.outline import Outline
from genesis.content.texts import mentions
from genesis.session.brief import Brief
from genesis.session.stages import Stage

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
BRIEF = Brief(genre="quiet fantasy", idea="A blind clockmaker finds a letter from her dead sister", seed=5)


@pytest.mark.parametrize(
    ("said", "pronouns", "job"),
    [
        ("she should be a baker", None, "baker"),
        ("make the lead a man", "he", ""),
        ("he is really a woman", "she", ""),
        ("the heroine is actually a monk", "he", "monk"),
        ("she ought to be an old midwife", None, "midwife"),
        ("make her a widow", "she", "widow"),
        ("he must be a ferryman", None, "ferryman"),
        ("they are non-binary", "they", ""),
        ("make him a 40 year old woman", "she", ""),
    ],
)
def test_pronouns_change_with_a_wish_only_where_it_says_so(said: str, pronouns: str | None, job: str) -> None:
    wishes = read([said], ())
    assert (wishes.pronouns, wishes.job, wishes.not_understood) == (pronouns, job, [])


@pytest.mark.parametrize(
    ("said", "portrait"),
    [
        ("make Otto a woman", Portrait("Otto", "she", "")),
        ("the villain should be a woman", Portrait("villain", "she", "")),
        ("Otto Brand is a thief", Portrait("Otto Brand", None, "thief")),
        ("turn the antagonist into a widower", Portrait("villain", "he", "widower")),
    ],
)
def test_others_are_wished_for_by_part_or_name(said: str, portrait: Portrait) -> None:
    assert read([said], ()).portraits == [portrait]


@pytest.mark.parametrize("said", ["she is not a thief", "she is too passive", "the ending is weak", "it is a bore"])
def test_what_asks_for_nobody_new_is_not_understood(said: str) -> None:
    wishes = read([said], ())
    assert wishes.not_understood
    assert not wishes.understood


@pytest.fixture(scope="module")
def whole() -> dict[Stage, tuple[Content, ...]]:
    return {stage: made for stage, _, made, _ in session(BRIEF)}


def answered(whole: dict[Stage, tuple[Content, ...]], stage: Stage, feedback: str) -> Proposal:
    earlier = {each: whole[each][0] for each in list(Stage)[: list(Stage).index(stage)]}
    return propose(request(stage, BRIEF, earlier, round=2, previous=whole[stage], feedback=feedback))


def test_the_villain_gets_other_pronouns_and_nobody_else_does(whole: dict[Stage, tuple[Content, ...]]) -> None:
    before = whole[CAST][0]
    assert isinstance(before, Cast)
    other, wish = ("he", "a man") if before.characters[1].pronouns == "she" else ("she", "a woman")
    after = answered(whole, CAST, f"The villain should be {wish}.").candidates[0]
    assert isinstance(after, Cast)
    assert after.characters[1].pronouns == other
    assert after.characters[1].name == before.characters[1].name
    assert [each.pronouns for each in after.characters[2:]] == [each.pronouns for each in before.characters[2:]]


def test_somebody_is_made_another_by_name(whole: dict[Stage, tuple[Content, ...]]) -> None:
    before = whole[CAST][0]
    assert isinstance(before, Cast)
    mentor = before.characters[3]
    after = answered(whole, CAST, f"{mentor.name} should be a baker.").candidates[0]
    assert isinstance(after, Cast)
    assert "baker" in after.characters[3].profile
    assert after.characters[3].pronouns == mentor.pronouns


def test_a_wish_about_nobody_is_not_called_obeyed(whole: dict[Stage, tuple[Content, ...]]) -> None:
    for said in ("Make Zebulon a woman.", "Rename Zebulon to Hans."):
        made = answered(whole, CAST, said)
        assert not made.understood
        assert any("Zebulon" in each for each in made.not_understood)


def test_a_name_alone_changes_no_pronoun(whole: dict[Stage, tuple[Content, ...]]) -> None:
    made = answered(whole, CONCEPT, "Rename her to Otto Brand.").candidates[0]
    assert isinstance(made, Concept)
    assert made.lead.startswith("Otto Brand, ")
    (cast,) = propose(request(CAST, BRIEF, {CONCEPT: made})).candidates
    assert isinstance(cast, Cast)
    assert cast.characters[0].pronouns == "she"


@pytest.mark.parametrize("name", genres())
def test_the_outline_follows_a_cast_edited_by_hand(name: str) -> None:
    """Everybody becomes `it`, whom no text of the bank calls so: a `she` beside a name is a text not told anew."""
    brief = Brief(genre=name.replace("_", " "), seed=4, target_chapters=24)
    confirmed: dict[Stage, Content] = {stage: made[0] for stage, _, made, _ in session(brief) if stage != OUTLINE}
    cast = confirmed[CAST]
    assert isinstance(cast, Cast)
    villain = cast.characters[1]
    edited = [each.model_copy(update={"pronouns": "it"}) for each in cast.characters]
    edited[1] = edited[1].model_copy(update={"name": "Orla Quillon"})
    confirmed[CAST] = cast.model_copy(update={"characters": tuple(edited)})
    (outline,) = propose(request(OUTLINE, brief, confirmed)).candidates
    assert isinstance(outline, Outline)
    told = "\n".join(texts_of((outline,)))
    assert "Orla Quillon" in told
    assert not mentions(told, villain.name)
    assert not mentions(told, villain.name.split(" ")[0])
    for person in edited:
        if person.secret and person.id != "c1":
            clause = person.secret.rstrip(".")
            clause = clause[:1].lower() + clause[1:]
            if re.match(r"(?:she|he|they) ", clause):
                assert clause not in told
