"""What a request may ask beside a fresh round: one candidate, single paths, a blend, what has gone stale."""

import re
from typing import Any

import pytest

from connectors.providers.builtin import reporting
from connectors.providers.builtin.engine import Proposal, propose
from connectors.providers.builtin.granting import replaced, texts_of
from connectors.providers.builtin.rehearsal import request, session
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.checks import check, has_errors
from genesis.content.concept import Concept
from genesis.content.fields import Item, specs
from genesis.content.outline import Outline
from genesis.content.story import Story
from genesis.content.texts import mentions
from genesis.content.world import World
from genesis.session.brief import Brief
from genesis.session.stages import Stage

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
BRIEF = Brief(seed=17, target_chapters=20)


@pytest.fixture(scope="module")
def whole() -> dict[Stage, tuple[Content, ...]]:
    """The candidates of each stage of a session, the first of which were confirmed."""
    return {stage: candidates for stage, _, candidates, _ in session(BRIEF)}


def asked(whole: dict[Stage, tuple[Content, ...]], stage: Stage, **more: Any) -> Proposal:
    earlier = {each: whole[each][0] for each in list(Stage)[: list(Stage).index(stage)]}
    values: dict[str, Any] = {"round": 2, "previous": whole[stage]}
    return propose(request(stage, BRIEF, **({"confirmed": earlier} | values | more)))


def differing(one: Item, other: Item, base: str = "") -> set[str]:
    """Paths at which two contents differ."""
    found: set[str] = set()
    for spec in specs(type(one)):
        mine, theirs = getattr(one, spec.name), getattr(other, spec.name)
        if not spec.items:
            found |= {f"{base}/{spec.name}"} if mine != theirs else set()
        elif [each.id for each in mine] != [each.id for each in theirs]:
            found.add(f"{base}/{spec.name}")
        else:
            for a, b in zip(mine, theirs, strict=True):
                found |= differing(a, b, f"{base}/{spec.name}/{a.id}")
    return found


class TestPaths:
    @pytest.mark.parametrize("name", ["title", "hook", "stakes", "theme_question", "tone", "fresh_because"])
    def test_a_field_of_a_concept_is_new_and_all_else_is_as_it_was(
        self, whole: dict[Stage, tuple[Content, ...]], name: str
    ) -> None:
        after = asked(whole, CONCEPT, what="paths", paths=(f"/k2/{name}",)).candidates
        assert [each.id for each in after] == [each.id for each in whole[CONCEPT]]
        changed = [differing(a, b) for a, b in zip(whole[CONCEPT], after, strict=True)]
        assert changed == [set(), {f"/{name}"}, set()]

    @pytest.mark.parametrize(
        ("stage", "path"),
        [
            (STORY, "/s1/style"),
            (STORY, "/s1/promise"),
            (WORLD, "/atmosphere"),
            (WORLD, "/daily_life"),
            (WORLD, "/places/p5/description"),
            (CAST, "/characters/c3/secret"),
            (CAST, "/characters/c1/voice"),
            (OUTLINE, "/chapters/h7/summary"),
        ],
    )
    def test_only_what_was_asked_for_changes(
        self, whole: dict[Stage, tuple[Content, ...]], stage: Stage, path: str
    ) -> None:
        made = asked(whole, stage, what="paths", paths=(path,))
        inner = path if stage not in (CONCEPT, STORY) else "/" + path.split("/", 2)[2]
        changed = differing(whole[stage][0], made.candidates[0])
        assert changed <= {inner}
        assert changed or any("no other version" in each for each in made.not_understood)

    @pytest.mark.parametrize("name", ["era", "atmosphere", "daily_life", "order"])
    @pytest.mark.parametrize("genre", ["historical novel", "science fiction", "romance"])
    def test_what_the_premise_says_of_its_world_has_other_versions(self, genre: str, name: str) -> None:
        brief = Brief(genre=genre, seed=3, target_chapters=12)
        confirmed: dict[Stage, Content] = {}
        for stage, earlier, made, _ in session(brief):
            if stage is WORLD:
                confirmed, world = earlier, made[0]
        asked_ = request(WORLD, brief, confirmed, what="paths", paths=(f"/{name}",), previous=(world,), round=2)
        after = propose(asked_)
        assert differing(world, after.candidates[0]) == {f"/{name}"}
        assert not after.not_understood

    def test_a_story_may_be_called_otherwise_than_its_concept(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        after = asked(whole, STORY, what="paths", paths=("/s1/title",)).candidates[0]
        assert differing(whole[STORY][0], after) == {"/title"}

    def test_a_whole_chapter_is_another_one_and_its_neighbours_stay(
        self, whole: dict[Stage, tuple[Content, ...]]
    ) -> None:
        before = whole[OUTLINE][0]
        after = asked(whole, OUTLINE, what="paths", paths=("/chapters/h9",)).candidates[0]
        assert isinstance(before, Outline)
        assert isinstance(after, Outline)
        assert after.chapters[8].summary != before.chapters[8].summary
        assert after.chapters[8].title != before.chapters[8].title
        assert (*after.chapters[:8], *after.chapters[9:]) == (*before.chapters[:8], *before.chapters[9:])
        assert len({each.summary for each in after.chapters}) == len(after.chapters)

    def test_hand_edits_beside_the_open_path_stay(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        world = whole[WORLD][0].model_copy(update={"conflict": "Nobody agrees about the clock."})
        after = asked(whole, WORLD, what="paths", paths=("/atmosphere",), previous=(world,)).candidates[0]
        assert isinstance(after, World)
        assert after.conflict == "Nobody agrees about the clock."

    def test_where_there_is_no_other_version_it_is_said(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        made = asked(whole, WORLD, what="paths", paths=("/name",))
        assert any("no other version" in each for each in made.not_understood)

    def test_entries_without_another_version_are_counted(self) -> None:
        paths = ["/plants/x1", "/name", "/plants/x4", "/threads/t1"]
        assert reporting.kept_as_they_were(paths) == ["name", "2 of the plants", "1 of the threads"]


class TestOneCandidate:
    @pytest.mark.parametrize(("stage", "name"), [(CONCEPT, "k2"), (STORY, "s2")])
    def test_it_is_one_keeps_the_id_and_is_none_of_those_there_are(
        self, whole: dict[Stage, tuple[Content, ...]], stage: Stage, name: str
    ) -> None:
        (made,) = asked(whole, stage, what="candidate", candidates=(name,)).candidates
        assert made.id == name
        texts = {texts_of((each,))[1] for each in whole[stage]}
        assert texts_of((made,))[1] not in texts


class TestBlends:
    def test_a_blend_has_something_of_each_and_says_so(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        one, two, three = (each for each in whole[CONCEPT] if isinstance(each, Concept))
        (blend,) = asked(whole, CONCEPT, what="blend", candidates=("k1", "k2")).candidates
        assert isinstance(blend, Concept)
        assert blend.derived_from == ("k1", "k2")
        assert blend.id not in ("k1", "k2", "k3")
        assert blend.title not in (one.title, two.title, three.title)
        assert blend.lead.split(",")[0] == two.lead.split(",")[0]
        assert blend.opposition.split(",")[0] == one.opposition.split(",")[0]
        assert common(blend.premise, one.premise) > 0.4
        assert common(blend.premise, one.premise) < 1.0

    def test_the_rule_of_the_second_comes_into_the_world(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        (blend,) = asked(whole, CONCEPT, what="blend", candidates=("k1", "k3")).candidates
        confirmed: dict[Stage, Content] = {CONCEPT: blend}
        confirmed[STORY] = propose(request(STORY, BRIEF, confirmed)).candidates[0]
        world = propose(request(WORLD, BRIEF, confirmed)).candidates[0]
        assert isinstance(world, World)
        assert isinstance(blend, Concept)
        assert any(rule.statement.rstrip(".") in blend.premise for rule in world.rules)

    def test_three_can_be_blended(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        (blend,) = asked(whole, CONCEPT, what="blend", candidates=("k1", "k2", "k3")).candidates
        assert isinstance(blend, Concept)
        third = whole[CONCEPT][2]
        assert isinstance(third, Concept)
        assert blend.opposition.split(",")[0] == third.opposition.split(",")[0]
        assert not has_errors(check(CONCEPT, [blend], blend.id, {}))

    def test_two_stories_make_one(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        one, two = (each for each in whole[STORY] if isinstance(each, Story))
        (blend,) = asked(whole, STORY, what="blend", candidates=("s1", "s2")).candidates
        assert isinstance(blend, Story)
        assert blend.ending == two.ending
        assert blend.synopsis.split("\n\n")[0] == one.synopsis.split("\n\n")[0]
        assert blend.synopsis.split("\n\n")[2] == two.synopsis.split("\n\n")[2]


def common(one: str, other: str) -> float:
    words = [set(re.findall(r"\w{4,}", each)) for each in (one, other)]
    return len(words[0] & words[1]) / len(words[0] | words[1])


class TestLocks:
    def test_a_locked_lead_leads_the_candidate_made_anew(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        before = whole[CONCEPT][1]
        assert isinstance(before, Concept)
        made = asked(whole, CONCEPT, what="candidate", candidates=("k2",), locks=("/k2/lead",)).candidates[0]
        assert isinstance(made, Concept)
        name = before.lead.split(",")[0]
        assert made.lead.startswith(name)
        assert mentions(f"{made.premise} {made.stakes}", name.split(" ")[0])
        assert made.what_if != before.what_if

    def test_a_locked_name_in_the_cast_is_used_by_all(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        before = replaced(whole[CAST][0], named(whole, 4), "Bo Lind")
        made = asked(whole, CAST, previous=(before,), locks=("/characters/c5/name",)).candidates[0]
        assert isinstance(made, Cast)
        assert made.characters[4].name == "Bo Lind"
        assert any(mentions(each.surface + each.tension, "Bo") for each in made.relationships)

    def test_a_locked_name_of_the_world_stands_in_its_texts(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        before = whole[WORLD][0].model_copy(update={"name": "Low Hollow"})
        made = asked(whole, WORLD, previous=(before,), locks=("/name",)).candidates[0]
        assert isinstance(made, World)
        assert made.name == "Low Hollow"
        assert mentions(" ".join(texts_of((made,))[1:]), "Low Hollow")


def named(whole: dict[Stage, tuple[Content, ...]], place: int) -> str:
    cast = whole[CAST][0]
    assert isinstance(cast, Cast)
    return cast.characters[place].name


class TestStale:
    def test_a_heroine_renamed_in_the_concept_is_renamed_where_it_went_stale(
        self, whole: dict[Stage, tuple[Content, ...]]
    ) -> None:
        concept, cast = whole[CONCEPT][0], whole[CAST][0]
        assert isinstance(cast, Cast)
        old = cast.characters[0].name
        new = replaced(replaced(concept, old, "Zora Quist"), old.split(" ")[0], "Zora")
        confirmed = {stage: whole[stage][0] for stage in (STORY, WORLD)} | {CONCEPT: new}
        story = replaced(replaced(whole[STORY][0], old, "Zora Quist"), old.split(" ")[0], "Zora")
        confirmed[STORY] = story
        paths = ("/characters/c1/name", "/characters/c1/wound", "/characters/c1/profile")
        made = asked(whole, CAST, what="stale", paths=paths, previous=(cast,), confirmed=confirmed)
        after = made.candidates[0]
        assert isinstance(after, Cast)
        assert after.characters[0].name == "Zora Quist"
        assert not mentions(after.characters[0].wound, old.split(" ")[0])
        assert after.characters[1:] == cast.characters[1:]


class TestSameRequest:
    @pytest.mark.parametrize(
        "more",
        [
            {"what": "candidate", "candidates": ("k1",)},
            {"what": "blend", "candidates": ("k1", "k2")},
            {"what": "paths", "paths": ("/k1/hook",)},
            {"feedback": "darker, and call her Ines"},
        ],
    )
    def test_the_same_request_gives_the_same_result(
        self, whole: dict[Stage, tuple[Content, ...]], more: dict[str, Any]
    ) -> None:
        assert asked(whole, CONCEPT, **more) == asked(whole, CONCEPT, **more)


class TestFeedbackKeepsWhatIsNotNamed:
    def test_edits_survive_a_wish_about_something_else(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        edited = whole[CONCEPT][0].model_copy(update={"stakes": "The clock strikes thirteen for good."})
        made = asked(whole, CONCEPT, previous=(edited, *whole[CONCEPT][1:]), feedback="rename her to Ines Bell")
        assert made.candidates[0].id == edited.id
        assert isinstance(made.candidates[0], Concept)
        assert made.candidates[0].stakes == "The clock strikes thirteen for good."

    def test_only_the_named_field_changes(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        made = asked(whole, CONCEPT, feedback="only change the title")
        for before, after in zip(whole[CONCEPT], made.candidates, strict=True):
            assert differing(before, after) == {"/title"}

    def test_a_field_that_is_to_stay_stays(self, whole: dict[Stage, tuple[Content, ...]]) -> None:
        made = asked(whole, CONCEPT, feedback="raise the stakes. keep the tone. make it darker.")
        assert {each.intent for each in made.understood} == {"stakes", "keep", "tone"}
        for before, after in zip(whole[CONCEPT], made.candidates, strict=True):
            assert isinstance(before, Concept)
            assert isinstance(after, Concept)
            assert before.tone == after.tone
            assert before.stakes != after.stakes
