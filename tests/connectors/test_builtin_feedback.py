"""Feedback to the built-in engine: what it understands it does, and what it does not it says."""

import re
from typing import Any

import pytest

from connectors.providers.builtin import feedback as wishing
from connectors.providers.builtin.engine import Proposal, propose
from connectors.providers.builtin.provider import readable
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.ids import ids_of, renumber
from genesis.content.outline import Outline
from genesis.content.story import Story
from genesis.content.texts import mentions
from genesis.content.world import World
from genesis.session.brief import Brief
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage
from tests import examples

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
BRIEF = Brief(genre="quiet fantasy", idea="A blind clockmaker finds a letter from her dead sister", seed=5)


def request(stage: Stage, confirmed: dict[Stage, Content], **more: Any) -> GenerationRequest:
    values: dict[str, Any] = {
        "task_id": examples.a_uuid("task"),
        "session_id": examples.a_uuid("session"),
        "user_id": examples.OWNER,
        "correlation_id": examples.a_uuid("correlation"),
        "stage": stage,
        "round": 1,
        "brief": BRIEF,
        "confirmed": confirmed,
        "requested_at": examples.NOON,
        "deadline": examples.NOON + examples.minutes(15),
    }
    return GenerationRequest(**(values | more))


@pytest.fixture(scope="module")
def whole() -> dict[Stage, Proposal]:
    """One session without any feedback, the first candidate confirmed in every stage."""
    confirmed: dict[Stage, Content] = {}
    made: dict[Stage, Proposal] = {}
    for stage in Stage:
        made[stage] = propose(request(stage, dict(confirmed)))
        confirmed[stage] = made[stage].candidates[0]
    return made


def answered(whole: dict[Stage, Proposal], stage: Stage, feedback: str = "", **more: Any) -> Proposal:
    earlier = {each: whole[each].candidates[0] for each in list(Stage)[: list(Stage).index(stage)]}
    values: dict[str, Any] = {"round": 2, "previous": whole[stage].candidates, "feedback": feedback}
    return propose(request(stage, earlier, **(values | more)))


def intents(proposal: Proposal) -> set[str]:
    return {each.intent for each in proposal.understood}


def told(content: Content) -> str:
    return readable(content)


def test_a_renamed_lead_is_renamed_and_nothing_else_changes(whole: dict[Stage, Proposal]) -> None:
    after = answered(whole, CONCEPT, "Please rename her to Mara Voss.")
    assert intents(after) == {"rename"}
    for before, now in zip(whole[CONCEPT].candidates, after.candidates, strict=True):
        assert isinstance(before, Concept)
        assert isinstance(now, Concept)
        name = before.lead.split(",")[0]
        assert told(now) == told(before).replace(name, "Mara Voss").replace(name.split(" ")[0], "Mara")


def test_a_new_job_and_pronoun_keep_the_rest(whole: dict[Stage, Proposal]) -> None:
    after = answered(whole, CONCEPT, "She should be a baker. Make her a man.")
    for before, now in zip(whole[CONCEPT].candidates, after.candidates, strict=True):
        assert isinstance(before, Concept)
        assert isinstance(now, Concept)
        assert ", a baker at " in now.lead
        assert now.what_if == before.what_if
        assert not re.search(r"\b(?:she|her)\b", told(now))


def test_darker_and_lighter_move_the_tone_and_the_ending(whole: dict[Stage, Proposal]) -> None:
    for said, word, ending in (("darker", "darker", "tragic"), ("much lighter please", "lighter", "happy")):
        concept = answered(whole, CONCEPT, said).candidates[0]
        story = answered(whole, STORY, said).candidates[0]
        assert isinstance(concept, Concept)
        assert isinstance(story, Story)
        assert concept.tone.startswith(word)
        assert story.ending_kind == ending


def test_shorter_is_shorter(whole: dict[Stage, Proposal]) -> None:
    for stage in Stage:
        before, now = whole[stage].candidates[0], answered(whole, stage, chips=("shorter",)).candidates[0]
        assert len(told(now)) < len(told(before)), stage


@pytest.mark.parametrize("said", ["no sea", "avoid the sea", "without the sea, please"])
def test_what_is_avoided_goes_and_what_has_nothing_to_do_with_it_stays(
    whole: dict[Stage, Proposal], said: str
) -> None:
    after = answered(whole, CONCEPT, said)
    kept = 0
    for before, now in zip(whole[CONCEPT].candidates, after.candidates, strict=True):
        assert not mentions(told(now), "sea")
        kept += not mentions(told(before), "sea") and told(now) == told(before)
    assert kept >= 1


def test_an_ending_a_point_of_view_and_a_size(whole: dict[Stage, Proposal]) -> None:
    after = answered(whole, STORY, "a tragic ending, first person, 12 chapters")
    assert intents(after) == {"ending", "pov", "size"}
    for story in after.candidates:
        assert isinstance(story, Story)
        assert (story.ending_kind, story.pov, story.target_chapters) == ("tragic", "first", 12)


def test_a_place_of_the_world_gets_another_name(whole: dict[Stage, Proposal]) -> None:
    world = whole[WORLD].candidates[0]
    assert isinstance(world, World)
    after = answered(whole, WORLD, f"Rename {world.places[1].name} to The Glass Yard").candidates[0]
    assert isinstance(after, World)
    assert after.places[1].name == "The Glass Yard"
    assert after.factions == world.factions


def test_a_name_given_once_survives_the_next_feedback(whole: dict[Stage, Proposal]) -> None:
    cast = whole[CAST].candidates[0]
    assert isinstance(cast, Cast)
    old = cast.characters[2].name
    once = answered(whole, CAST, f"Rename {old} to Bo Lind")
    twice = answered(whole, CAST, "more romance", previous=once.candidates, round=3).candidates[0]
    assert isinstance(twice, Cast)
    assert twice.characters[2].name == "Bo Lind"
    assert old.split(" ")[0] not in told(twice)
    assert any(each.role == "love_interest" for each in twice.characters)


def test_the_outline_takes_another_number_of_chapters(whole: dict[Stage, Proposal]) -> None:
    outline = answered(whole, OUTLINE, "make it 10 chapters").candidates[0]
    assert isinstance(outline, Outline)
    assert len(outline.chapters) == 10


def test_what_belongs_to_another_stage_is_said_and_not_called_obeyed(whole: dict[Stage, Proposal]) -> None:
    after = answered(whole, CONCEPT, "a happy ending, more romance")
    assert not after.understood
    assert any("story" in each for each in after.not_understood)
    assert any("characters" in each for each in after.not_understood)


def test_what_is_not_understood_is_said_and_brings_something_new(whole: dict[Stage, Proposal]) -> None:
    after = answered(whole, CONCEPT, "please make sense of the quantum foam")
    assert any("quantum foam" in each for each in after.not_understood)
    assert not {told(each) for each in after.candidates} & {told(each) for each in whole[CONCEPT].candidates}


@pytest.mark.parametrize("chip", ["darker", "lighter", "shorter", "stranger", "less_cliche", "more_stakes"])
def test_every_chip_does_something_to_a_concept(whole: dict[Stage, Proposal], chip: str) -> None:
    after = answered(whole, CONCEPT, chips=(chip,))
    assert after.understood
    for before, now in zip(whole[CONCEPT].candidates, after.candidates, strict=True):
        assert told(before) != told(now)


def test_guidance_without_a_former_round_is_obeyed() -> None:
    (concept,) = propose(request(CONCEPT, {}, guidance="Call the heroine Ines", count=1)).candidates
    assert isinstance(concept, Concept)
    assert concept.lead.startswith("Ines ")


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        ("Rename Otto to Hans Lind", "renames", [("Otto", "Hans Lind")]),
        ("The villain should be called Ada", "renames", [("villain", "Ada")]),
        ("call her Ines", "renames", [("lead", "Ines")]),
        ("rename the town to Low Hollow", "town", "Low Hollow"),
        ("set it in 1921", "era", "1921"),
        ("set it on an island", "place", "an island"),
        ("she must be an old midwife", "job", "midwife"),
        ("make them non-binary", "pronouns", "they"),
        ("no bells", "avoid", ["bells"]),
        ("less romance", "romance", False),
        ("more danger", "higher", True),
        ("add a talking fox", "add", ["talking fox"]),
        ("less dark", "mood", 1),
        ("tell it in the present tense", "tense", "present"),
        ("let it end happily", "ending", "happy"),
        ("50,000 words", "words", 50_000),
    ],
)
def test_a_wish_is_recognised(said: str, field: str, value: object) -> None:
    assert getattr(wishing.read([said], ()), field) == value


def test_several_wishes_in_one_sentence_are_all_read() -> None:
    wishes = wishing.read(["Call her Ines, make it darker and avoid ghosts; a happy ending. And dance."], ())
    assert {each.intent for each in wishes.understood} == {"rename", "tone", "avoid", "ending"}
    assert len(wishes.not_understood) == 1


def test_an_outline_of_another_length_still_hangs_together_after_a_second_round():
    """In a second round its acts and chapters have other ids than the engine's; references must follow them."""
    confirmed: dict[Stage, Content] = {}
    for stage in (CONCEPT, STORY, WORLD, CAST):
        confirmed[stage] = propose(request(stage, confirmed)).candidates[0]
    outline = propose(request(OUTLINE, confirmed)).candidates[0]
    assert isinstance(outline, Outline)
    taken = frozenset({*ids_of(outline), *(each for content in confirmed.values() for each in ids_of(content))})
    [second], _ = renumber(OUTLINE, (outline,), {}, taken)
    assert isinstance(second, Outline)
    for wish in ("20 chapters", "45 chapters", "shorter"):
        asked = request(OUTLINE, confirmed, feedback=wish, previous=(second,), round=3)
        told = propose(asked).candidates[0]
        assert isinstance(told, Outline)
        acts, chapters = {each.id for each in told.acts}, {each.id for each in told.chapters}
        assert all(each.act in acts for each in told.chapters), wish
        assert all({each.planted_in, each.paid_in} <= chapters for each in told.plants if each.paid_in), wish
        assert all(each.closes_in in chapters for each in told.threads if each.closes_in), wish
