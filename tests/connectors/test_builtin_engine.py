"""The built-in story engine: whole sessions by many seeds, and what a reader would stumble over."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from connectors.providers.builtin.bank.shelves import genre, genres
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.grammar import article, fit, is_plural
from connectors.providers.builtin.idea import read
from connectors.providers.builtin.model import invent
from connectors.providers.builtin.provider import readable
from connectors.providers.builtin.worlds import place_entries
from genesis.content.cast import Cast
from genesis.content.catalog import MAX_CANDIDATES, Content
from genesis.content.checks import check
from genesis.content.concept import Concept
from genesis.content.ids import ids_of, renumber
from genesis.content.outline import Outline
from genesis.content.story import Story
from genesis.content.texts import mentions
from genesis.content.world import Rule, World
from genesis.session.brief import Brief
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage
from tests import examples

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)

IDEAS = (
    "",
    "A blind clockmaker finds a letter from her dead sister in a violin, years after the war",
    "Mara, a stubborn baker on an island, against the bishop who stole her grandmother's recipe book",
    "lighthouse",
    "A retired soldier and a thief steal a crown from a haunted castle during the coronation",
    "An orphan boy called Tam Reed keeps bees in the mountains and fears the flood",
    "Zwei Brüder suchen ihre Mutter im verschneiten Gebirge",
    "Their husband vanished at the wedding; they are a locksmith and will not let it rest",
    "Robots fight vampires in space {and} {L} braces",
    "grief, an old umbrella, an hourglass and a librarian in a desert village",
)
TONES = ("", "dark", "light and funny")
LENGTHS = (0, 1, 2, 3, 5, 9, 12, 17, 24, 40, 60)

Edit = Callable[[Content], Content]
Whole = dict[Stage, Content]


def request(stage: Stage, brief: Brief, confirmed: Whole, **more: Any) -> GenerationRequest:
    values: dict[str, Any] = {
        "task_id": examples.a_uuid("task"),
        "session_id": examples.a_uuid("session"),
        "user_id": examples.OWNER,
        "correlation_id": examples.a_uuid("correlation"),
        "stage": stage,
        "round": 1,
        "brief": brief,
        "confirmed": confirmed,
        "requested_at": examples.NOON,
        "deadline": examples.NOON + timedelta(minutes=15),
    }
    return GenerationRequest(**(values | more))


def session(brief: Brief, pick: int = 0, edit: Edit = lambda content: content) -> Iterator[tuple[Stage, Whole, Any]]:
    """A whole session: of each stage what was confirmed before it and the candidates, numbered."""
    confirmed: Whole = {}
    counters: dict[str, int] = {}
    for stage in Stage:
        made = propose(request(stage, brief, confirmed))
        known = frozenset().union(*(ids_of(each) for each in confirmed.values()))
        candidates, counters = renumber(stage, made.candidates, counters, known)
        yield stage, dict(confirmed), candidates
        confirmed[stage] = edit(candidates[pick % len(candidates)])


def finished(brief: Brief, pick: int = 0, edit: Edit = lambda content: content) -> Whole:
    return {stage: edit(candidates[pick % len(candidates)]) for stage, _, candidates in session(brief, pick, edit)}


def texts(content: Content) -> list[str]:
    return readable(content).splitlines()


def brief_of(seed: int) -> Brief:
    return Brief(
        idea=IDEAS[seed % len(IDEAS)],
        seed=seed,
        tone=TONES[seed % len(TONES)],
        target_chapters=LENGTHS[seed % len(LENGTHS)],
    )


@pytest.mark.parametrize("stage", list(Stage))
def test_the_same_request_gives_the_same_proposal(stage: Stage) -> None:
    confirmed = finished(Brief(seed=11))
    earlier = {each: confirmed[each] for each in list(Stage)[: list(Stage).index(stage)]}
    assert propose(request(stage, Brief(seed=11), earlier)) == propose(request(stage, Brief(seed=11), earlier))


def test_another_seed_gives_another_proposal() -> None:
    titles = {tuple(each.hook for each in concepts(Brief(seed=seed))) for seed in range(20)}
    assert len(titles) == 20


def test_without_a_seed_the_session_decides() -> None:
    one = propose(request(CONCEPT, Brief(), {}))
    other = propose(request(CONCEPT, Brief(), {}, session_id=examples.a_uuid("another session")))
    assert one.candidates != other.candidates
    assert one == propose(request(CONCEPT, Brief(), {}))


def concepts(brief: Brief, **more: Any) -> Sequence[Concept]:
    made = propose(request(CONCEPT, brief, {}, **more)).candidates
    return [each for each in made if isinstance(each, Concept)]


def test_candidates_tell_different_premises() -> None:
    five = concepts(Brief(seed=3, candidates=5))
    assert len(five) == 5
    words = [set(re.findall(r"\w{4,}", each.premise.casefold())) for each in five]
    assert all(len(a & b) / len(a | b) < 0.35 for a, b in combinations(words, 2))
    assert len({each.lead.split(",")[0] for each in five}) == 5


def test_a_second_round_shows_what_the_first_did_not() -> None:
    first = concepts(Brief(seed=3))
    second = concepts(Brief(seed=3), round=2, previous=first)
    assert not {each.what_if for each in first} & {each.what_if for each in second}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_candidates_as_were_asked_for(count: int) -> None:
    assert len(concepts(Brief(seed=1), count=count)) == count
    assert len(concepts(Brief(seed=1, candidates=count))) == count


def test_the_outline_is_never_asked_for_twice_in_one_proposal() -> None:
    made = propose(request(OUTLINE, Brief(seed=1), finished(Brief(seed=1)), count=5))
    assert len(made.candidates) == MAX_CANDIDATES[OUTLINE]


class TestTheIdea:
    def test_its_words_appear(self) -> None:
        idea = "A blind clockmaker finds a letter from her dead sister in a desert village after the war"
        for seed in range(20):
            for concept in concepts(Brief(idea=idea, seed=seed)):
                told = " ".join(texts(concept))
                assert all(word in told for word in ("blind clockmaker", "letter", "sister", "village", "the war"))

    def test_a_named_lead_and_place_keep_their_names(self) -> None:
        for concept in concepts(Brief(idea="Mara Voss, a potter in Oldgate, loses her kiln", seed=2)):
            assert concept.lead.startswith("Mara Voss, a potter ")
            assert "In Oldgate, " in concept.premise

    def test_what_was_used_is_said_and_what_was_not(self) -> None:
        made = propose(request(CONCEPT, Brief(idea="A librarian, a quasar and her lost compass", seed=4), {}))
        used = " ".join(each.text for each in made.understood)
        assert "librarian" in used
        assert "compass" in used
        assert any("quasar" in each for each in made.not_understood)

    def test_a_word_counts_as_used_only_where_it_stands(self) -> None:
        for seed in range(30):
            made = propose(request(CONCEPT, Brief(idea=IDEAS[seed % len(IDEAS)], seed=seed), {}))
            whole = " ".join(text for each in made.candidates for text in texts(each)).casefold()
            for each in made.understood:
                if each.intent == "idea" and "has a part in it" in each.text:
                    assert each.text.split("”")[0].lstrip("“").casefold() in whole

    def test_a_word_that_is_promised_for_later_comes_later(self) -> None:
        idea = "A retired soldier and a thief speak of forgiveness"
        brief = Brief(idea=idea, genre="quiet fantasy", seed=3)
        made = propose(request(CONCEPT, brief, {}))
        said = {each.text for each in made.understood}
        assert {"“thief” comes in with the characters.", "“forgiveness” comes in with the story."} <= said
        whole = finished(brief)
        assert "thief" in " ".join(texts(whole[CAST]))
        assert "orgiveness" in " ".join(texts(whole[STORY]))

    def test_another_genre_or_language_is_declined_aloud(self) -> None:
        brief = Brief(idea="Zwei Brüder suchen ihre Mutter", genre="western", language="de", seed=1)
        said = " ".join(propose(request(CONCEPT, brief, {})).not_understood)
        assert "western" in said
        assert "“de”" in said
        assert "English" in said

    def test_three_thousand_characters_and_one_word_are_both_an_idea(self) -> None:
        long = "A lighthouse keeper counts the ships that never arrive. " * 55
        for idea in (long, "salt"):
            whole = finished(Brief(idea=idea, seed=9))
            assert set(whole) == set(Stage)


def test_what_a_lead_believes_stands_small_inside_the_arc() -> None:
    for seed in range(1, 30):
        cast = finished(Brief(seed=seed, target_chapters=8))[CAST]
        assert isinstance(cast, Cast)
        lead = cast.characters[0]
        belief = lead.false_belief.rstrip(".")
        names = [each.name.split(" ")[0] for each in cast.characters]
        if not any(belief.startswith(each) for each in names):
            assert f" that {belief[:1].lower()}{belief[1:]}" in lead.arc


def test_a_premises_own_places_come_before_those_of_the_genre() -> None:
    shelf = genre("science_fiction")
    premise = next(each for each in shelf.premises if each.id == "small-wishes")
    for seed in range(1, 12):
        brief, choice = Brief(seed=seed), Choice(seed)
        model = invent(shelf, premise, brief, read(""), choice, "told")
        more = [entry for _, entry in place_entries(model, choice)][6:]
        assert len(more) == 2
        assert all(each in premise.places for each in more)


class TestTheBrief:
    def test_chapters_and_words_are_obeyed(self) -> None:
        for chapters, words in ((1, 4000), (7, 20_000), (33, 100_000), (60, 300_000)):
            whole = finished(Brief(seed=5, target_chapters=chapters, target_words=words))
            outline = whole[OUTLINE]
            assert isinstance(outline, Outline)
            assert len(outline.chapters) == chapters
            assert sum(each.words for each in outline.chapters) == words

    @pytest.mark.parametrize(
        ("said", "kind"), [("children", "children"), ("YA", "young_adult"), ("middle grade", "middle_grade")]
    )
    def test_the_audience_is_obeyed(self, said: str, kind: str) -> None:
        story = finished(Brief(seed=5, audience=said))[STORY]
        assert isinstance(story, Story)
        assert story.audience == kind

    def test_the_tone_is_kept_and_moves_the_ending(self) -> None:
        dark = [story_of(Brief(seed=seed, tone="dark")).ending_kind for seed in range(5)]
        light = [story_of(Brief(seed=seed, tone="light")).ending_kind for seed in range(5)]
        assert set(dark) == {"tragic"}
        assert set(light) == {"happy"}
        assert all(each.tone == "dark" for each in concepts(Brief(seed=1, tone="dark")))

    def test_what_must_be_had_appears_in_every_candidate_and_in_the_plot(self) -> None:
        brief = Brief(seed=6, must_have=("a red umbrella", "talking foxes"))
        for stage, _, candidates in session(brief):
            if stage is not CAST:
                for candidate in candidates:
                    told = " ".join(texts(candidate))
                    assert "red umbrella" in told
                    assert "talking foxes" in told

    @pytest.mark.parametrize("word", ["bell", "sea", "lamp", "winter", "wedding"])
    def test_what_is_avoided_stays_away(self, word: str) -> None:
        brief = Brief(seed=8, avoid=(word,))
        for stage, confirmed, candidates in session(brief):
            found = [each for each in check(stage, candidates[:1], candidates[0].id, confirmed, (word,))]
            made = propose(request(stage, brief, confirmed))
            if any(each.code == "forbidden_word" for each in found):
                assert any(word in each for each in made.not_understood), "what could not be avoided is said"

    def test_a_premise_without_the_word_is_found_where_there_is_one(self) -> None:
        for word in ("sea", "lamp", "map", "weather"):
            for concept in concepts(Brief(seed=8, avoid=(word,))):
                assert not any(mentions(text, word) for text in texts(concept))


def story_of(brief: Brief) -> Story:
    concept = concepts(brief)[0]
    story = propose(request(STORY, brief, {CONCEPT: concept})).candidates[0]
    assert isinstance(story, Story)
    return story


class TestLaterStagesReadEarlierOnes:
    def test_names_are_the_same_in_every_stage(self) -> None:
        for seed in range(30):
            whole = finished(brief_of(seed), pick=seed)
            concept, cast, world = whole[CONCEPT], whole[CAST], whole[WORLD]
            assert isinstance(concept, Concept)
            assert isinstance(cast, Cast)
            assert isinstance(world, World)
            lead, against = cast.characters[:2]
            assert concept.lead.startswith(f"{lead.name}, ")
            assert concept.opposition.startswith(f"{against.name}, ")
            assert f" in {world.name}, who" in concept.lead
            assert lead.name in " ".join(texts(whole[STORY]))
            assert lead.name in " ".join(texts(whole[OUTLINE]))

    @pytest.mark.parametrize("at", [CONCEPT, STORY, CAST])
    @pytest.mark.parametrize("seed", range(5))
    def test_a_renamed_heroine_is_renamed_everywhere_from_then_on(self, at: Stage, seed: int) -> None:
        brief = Brief(seed=seed)
        old = concepts(brief)[0].lead.split(",")[0]
        whole = finished(brief, edit=lambda content: renamed(content, old, "Zora Quist", at))
        later = list(Stage)[list(Stage).index(at) :]
        for stage in later:
            told = " ".join(texts(whole[stage]))
            assert old not in told
            assert not mentions(told, old.split(" ")[0])
            if stage is not WORLD:
                assert "Zora" in told

    def test_a_town_renamed_in_the_world_has_that_name_in_the_outline(self) -> None:
        def edit(content: Content) -> Content:
            return content.model_copy(update={"name": "Low Hollow"}) if isinstance(content, World) else content

        brief = Brief(seed=21)
        old = re.search(r" in ([^,]+), who", concepts(brief)[0].lead)
        assert old
        told = " ".join(texts(finished(brief, edit=edit)[OUTLINE]))
        assert "Low Hollow" in told
        assert old[1] not in told.replace(f"{old[1]}'s", "")

    def test_a_rule_added_by_hand_matters_in_the_plot(self) -> None:
        rule = Rule(
            id="r9", name="The third knock", statement="Nobody may open before the third knock", cost="A winter"
        )

        def edit(content: Content) -> Content:
            return content.model_copy(update={"rules": (rule,)}) if isinstance(content, World) else content

        told = " ".join(texts(finished(Brief(seed=22, target_chapters=30), edit=edit)[OUTLINE]))
        assert "nobody may open before the third knock" in told

    def test_the_ending_written_by_hand_ends_the_outline(self) -> None:
        ending = "The bridge is finished, and nobody crosses it."

        def edit(content: Content) -> Content:
            return content.model_copy(update={"ending": ending}) if isinstance(content, Story) else content

        outline = finished(Brief(seed=23), edit=edit)[OUTLINE]
        assert isinstance(outline, Outline)
        assert outline.chapters[-1].summary == ending

    def test_content_that_this_engine_did_not_write_is_read_as_far_as_it_goes(self) -> None:
        confirmed: Whole = {CONCEPT: examples.CONCEPTS[0]}
        made = propose(request(STORY, Brief(seed=1), confirmed))
        assert any("not one of this engine's" in each for each in made.not_understood)
        assert "Ilse Varga" in " ".join(texts(made.candidates[0]))
        whole = {stage: candidates[0] for stage, candidates in examples.CANDIDATES.items() if stage is not OUTLINE}
        outline = propose(request(OUTLINE, Brief(seed=1), whole)).candidates[0]
        findings = check(OUTLINE, [outline], outline.id, whole)
        assert not [each for each in findings if each.level == "error"]
        assert "Ilse Varga" in " ".join(texts(outline))

    def test_braces_in_what_a_person_wrote_are_text(self) -> None:
        rule = Rule(id="r9", name="The {L} rule", statement="{nothing} is {as.it} seems", cost="{")

        def edit(content: Content) -> Content:
            return content.model_copy(update={"rules": (rule,)}) if isinstance(content, World) else content

        assert finished(Brief(seed=22, target_chapters=30), edit=edit)[OUTLINE]


def renamed(content: Content, old: str, new: str, at: Stage) -> Content:
    """The lead by another name, as a person would change it in one stage: in every field of it."""
    kinds = {CONCEPT: Concept, STORY: Story, CAST: Cast}
    if not isinstance(content, kinds[at]):
        return content
    text = content.model_dump_json().replace(old, new).replace(old.split(" ")[0], new.split(" ")[0])
    return type(content).model_validate_json(text)


class TestTheOutline:
    @pytest.mark.parametrize("count", [12, 20, 28, 36, 44, 52, 60])
    def test_a_long_book_uses_everybody_and_every_place(self, count: int) -> None:
        for seed in range(4):
            parts = list(session(Brief(seed=seed, target_chapters=count), pick=seed))
            stage, confirmed, candidates = parts[-1]
            findings = check(stage, candidates, candidates[0].id, confirmed)
            assert not findings
            outline = candidates[0]
            assert len({each.title for each in outline.chapters}) == count
            assert len({each.summary for each in outline.chapters}) == count

    def test_places_and_events_keep_the_prepositions_of_the_bank(self) -> None:
        options = {each for told in genre("gothic").premises for each in (*told.slots.event, *told.slots.wild)}
        for seed in range(6):
            outline = finished(Brief(genre="gothic horror", seed=seed, target_chapters=40))[OUTLINE]
            told = " ".join(texts(outline)).casefold()
            for way, name in (each.split(" ", 1) for each in options):
                for other in {"in", "on", "at", "at the time of"} - {way}:
                    assert f" {other} {name}" not in told

    def test_tension_rises_and_rests(self) -> None:
        outline = finished(Brief(genre="quiet fantasy", seed=1, target_chapters=40))[OUTLINE]
        assert isinstance(outline, Outline)
        tension = [each.tension for each in outline.chapters]
        assert sum(tension[:10]) < sum(tension[-14:-4])
        assert max(tension) == tension[-3] == 10 or 10 in tension[-5:]
        assert min(tension) <= 4

    def test_threads_close_and_plants_are_paid(self) -> None:
        outline = finished(Brief(seed=2, target_chapters=60))[OUTLINE]
        assert isinstance(outline, Outline)
        assert len(outline.threads) >= 5
        assert len(outline.plants) >= 8
        assert all(each.closes_in for each in outline.threads)
        assert all(each.paid_in for each in outline.plants)

    def test_chapters_name_their_cause(self) -> None:
        outline = finished(Brief(genre="quiet fantasy", seed=1, target_chapters=40))[OUTLINE]
        assert isinstance(outline, Outline)
        caused = [each for each in outline.chapters if each.summary.startswith(("Now that ", "By now "))]
        assert len(caused) >= 8


class TestAgreement:
    @pytest.mark.parametrize(
        ("noun", "word"),
        [
            ("bell", "a"),
            ("inn", "an"),
            ("hour", "an"),
            ("university", "a"),
            ("one-eyed cat", "a"),
            ("umbrella", "an"),
        ],
    )
    def test_articles_follow_the_sound(self, noun: str, word: str) -> None:
        assert article(noun) == word

    @pytest.mark.parametrize(
        ("noun", "plural"),
        [
            ("wardens of the chime", True),
            ("council of elders", False),
            ("compass", False),
            ("cook at the two chairs", False),
            ("low-water folk", True),
        ],
    )
    def test_number_is_that_of_the_head(self, noun: str, plural: bool) -> None:
        assert is_plural(noun) is plural

    def test_a_text_too_long_ends_with_a_whole_sentence(self) -> None:
        assert fit("One. Two is longer. Three.", 20) == "One. Two is longer."


@pytest.mark.parametrize("name", sorted(genres()))
def test_lead_and_opponent_have_the_pronouns_of_their_names(name: str) -> None:
    """Names are read back from the concept; the pronoun goes with the name, not with whom the base had there."""
    shelf = genre(name)
    for seed in range(12):
        people = finished(Brief(genre=shelf.meta.name, seed=seed))[Stage.CHARACTERS]
        assert isinstance(people, Cast)
        for person in people.characters:
            first = person.name.split(" ")[0]
            kinds = {
                kind
                for culture in shelf.cultures
                for kind in ("she", "he", "they")
                if first in getattr(culture, kind)
            }
            if kinds and person.role in ("protagonist", "antagonist"):
                assert person.pronouns in kinds, (seed, person.name, person.pronouns)
