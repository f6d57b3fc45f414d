"""The checks of content after every change: errors block confirmation, warnings are recorded with it."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Literal, assert_never

from genesis.content.cast import Cast
from genesis.content.catalog import CONTENT, Content
from genesis.content.concept import Concept
from genesis.content.fields import Refers, specs
from genesis.content.ids import CANDIDATES, items
from genesis.content.outline import Outline
from genesis.content.proposal import Finding
from genesis.content.sizes import CONFIRMED_CAP, DRAFT_CAP, KIB, size
from genesis.content.story import Story
from genesis.content.texts import mentions, texts, walk
from genesis.content.world import World
from genesis.session.stages import CHOICE, Stage

MAX_FINDINGS = 40
"""Most findings a proposal carries (content model §3); errors come before warnings."""

ALIKE = 0.7
"""Share of common words from which two candidates count as alike."""

CHAPTER_WORDS = range(800, 8001)
"""Mean words of a chapter that a reader would call a chapter."""

OFF_PLAN = 0.2
"""How far an outline may be from the story's chapters and words before it is worth a word."""

CALM = range(1, 4)
"""Tension of a chapter of rest; 0 means that no tension was noted."""


def check(
    stage: Stage,
    candidates: Sequence[Content],
    chosen: str,
    confirmed: Mapping[Stage, Content],
    avoid: Collection[str] = (),
    gone: Collection[str] = (),
) -> tuple[Finding, ...]:
    """All that is wrong or worth a word in a draft, errors first (content model §5).

    `chosen` is the id of the chosen candidate: then only that one is looked at, else all of them. `confirmed`
    holds the other stages' contents, `avoid` the brief's words to avoid, `gone` names that existed before a
    change and exist no more. The red lines of the story are taken from `confirmed`, or from the story itself.
    Paths start at the candidate's id where a stage has several candidates, else at the content.
    """
    looked_at = [each for each in candidates if each.id == chosen] or list(candidates)
    found = [*_draft(stage, candidates, chosen), *_alike(candidates)]
    for candidate in looked_at:
        base = f"/{candidate.id}" if stage in CHOICE else ""
        found += _required(candidate, base)
        found += _confirmed_size(stage, candidate, base)
        found += _references(candidate, base, candidate, confirmed)
        found += _stages_missing(candidate, base, confirmed)
        found += _forbidden(candidate, base, confirmed, avoid)
        found += _gone(candidate, base, gone)
        found += _own(candidate, base, confirmed)
    found.sort(key=lambda finding: finding.level != "error")
    return tuple(found[:MAX_FINDINGS])


def has_errors(findings: Iterable[Finding]) -> bool:
    """True where something blocks confirmation."""
    return any(finding.level == "error" for finding in findings)


def _own(content: Content, base: str, confirmed: Mapping[Stage, Content]) -> Iterator[Finding]:
    match content:
        case Concept():
            return iter(())
        case Story():
            return _story(content, base)
        case World():
            return _world(content, base)
        case Cast():
            return _cast(content, base)
        case Outline():
            return _outline(content, base, confirmed)
        case _:
            assert_never(content)


def _finding(level: Literal["error", "warning"], code: str, path: str, text: str) -> Finding:
    return Finding(level=level, code=code, path=path[:160], text=text[:400])


def _error(code: str, path: str, text: str) -> Finding:
    return _finding("error", code, path, text)


def _warning(code: str, path: str, text: str) -> Finding:
    return _finding("warning", code, path, text)


def _draft(stage: Stage, candidates: Sequence[Content], chosen: str) -> Iterator[Finding]:
    if size(candidates) > DRAFT_CAP[stage]:
        yield _error(
            "over_cap",
            "",
            f"The draft is larger than {DRAFT_CAP[stage] // KIB} KiB; shorten or drop something.",
        )
    if any(not isinstance(each, CONTENT[stage]) for each in candidates):
        yield _error("other_stage", "", "A candidate belongs to another stage; generate the stage again.")
    if stage in CHOICE and sum(each.id == chosen for each in candidates) != 1:
        yield _error("not_chosen", "", "Exactly one candidate must be chosen; choose one.")


def _confirmed_size(stage: Stage, candidate: Content, base: str) -> Iterator[Finding]:
    if size((candidate,)) > CONFIRMED_CAP[stage] + 2:  # the two brackets of the list that `size` measures
        cap = CONFIRMED_CAP[stage] // KIB
        yield _error("over_cap", base, f"This is larger than {cap} KiB; shorten or drop something.")


def _alike(candidates: Sequence[Content]) -> Iterator[Finding]:
    for one, other in combinations(candidates, 2):
        a, b = _main_words(one), _main_words(other)
        if a and b and len(a & b) / len(a | b) >= ALIKE:
            text = "Two candidates are nearly alike; ask for another round, or for fewer candidates."
            yield _warning("candidates_alike", f"/{other.id}", text)


def _main_words(content: Content) -> frozenset[str]:
    match content:
        case Concept():
            text = f"{content.hook} {content.premise}"
        case Story():
            text = content.synopsis
        case _:
            return frozenset()
    return frozenset(re.findall(r"\w{4,}", text.casefold()))


def _required(content: Content, base: str) -> Iterator[Finding]:
    for path, item in walk(content):
        for spec in specs(type(item)):
            value = getattr(item, spec.name)
            empty = not value.strip() if isinstance(value, str) else not value
            if spec.required and (empty or (isinstance(value, tuple) and "" in value)):
                where = f"{base}{path}/{spec.name}"
                yield _error("empty_required", where, f"“{_words(spec.name)}” must be filled in.")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _references(
    content: Content, base: str, candidate: Content, confirmed: Mapping[Stage, Content]
) -> Iterator[Finding]:
    known: dict[Refers, frozenset[str]] = {}
    for path, item in walk(content):
        for spec in specs(type(item)):
            # `derived_from` names candidates of former rounds, which nobody holds any more.
            if spec.refers is None or CANDIDATES in spec.refers.lists:
                continue
            if spec.refers not in known:
                holder = candidate if spec.refers.stage is None else confirmed.get(spec.refers.stage)
                there = (each.id for name, each in items(holder) if name in spec.refers.lists) if holder else ()
                known[spec.refers] = frozenset(there)
            value = getattr(item, spec.name)
            for named in (value,) if isinstance(value, str) else value:
                if named and named not in known[spec.refers]:
                    where = f"{base}{path}/{spec.name}"
                    text = f"“{_words(spec.name)}” names {named}, which does not exist; choose another."
                    yield _error("unknown_id", where, text)


def _stages_missing(content: Content, base: str, confirmed: Mapping[Stage, Content]) -> Iterator[Finding]:
    reported = set()
    for path, item in walk(content):
        for spec in specs(type(item)):
            target = spec.refers.stage if spec.refers else None
            if target is None or target in confirmed or getattr(item, spec.name):
                continue
            name = path.split("/")[1]
            if (name, spec.name) not in reported:
                reported.add((name, spec.name))
                text = f"“{_words(spec.name)}” is empty, since {target.value} is not confirmed yet."
                yield _warning("reference_stage_missing", f"{base}/{name}", text)


def _forbidden(
    content: Content, base: str, confirmed: Mapping[Stage, Content], avoid: Collection[str]
) -> Iterator[Finding]:
    story = content if isinstance(content, Story) else confirmed.get(Stage.STORY_CONCEPTION)
    lines = story.red_lines if isinstance(story, Story) else ()
    for path, text in texts(content):
        if path == "/red_lines":
            continue
        for phrase in (*avoid, *lines):
            if mentions(text, phrase):
                yield _warning("forbidden_word", base + path, f"“{phrase}” was to be avoided; it stands here.")


def _gone(content: Content, base: str, gone: Collection[str]) -> Iterator[Finding]:
    for path, text in texts(content):
        for name in gone:
            if mentions(text, name):
                yield _warning("name_gone", base + path, f"“{name}” does not exist any more but is named here.")


def _story(story: Story, base: str) -> Iterator[Finding]:
    if story.target_chapters and story.target_words:
        mean = story.target_words / story.target_chapters
        if not CHAPTER_WORDS.start <= mean < CHAPTER_WORDS.stop:
            text = f"A chapter would have {mean:.0f} words on average; 800 to 8,000 read well."
            yield _warning("chapter_length", f"{base}/target_words", text)


def _doubled(named: Iterable[tuple[str, str]], code: str) -> Iterator[Finding]:
    """`named` are (path, name); the second of two equal names is reported."""
    seen: set[str] = set()
    for path, name in named:
        plain = name.strip().casefold()
        if plain and plain in seen:
            yield _error(code, path, f"“{name}” is used twice; give one of them another name.")
        seen.add(plain)


def _world(world: World, base: str) -> Iterator[Finding]:
    named = {
        "rules": [(each.id, each.name) for each in world.rules],
        "places": [(each.id, each.name) for each in world.places],
        "factions": [(each.id, each.name) for each in world.factions],
        "lore": [(each.id, each.name) for each in world.lore],
    }
    for where, members in named.items():
        yield from _doubled(((f"{base}/{where}/{each}/name", name) for each, name in members), "doubled_name")
    if not world.rules:
        yield _warning("no_rule", f"{base}/rules", "The world has no rule of its own; one would give it weight.")
    for rule in world.rules:
        if not rule.cost and not rule.limit:
            text = f"The rule “{rule.name}” has neither cost nor limit; say what it costs or where it stops."
            yield _warning("rule_free_of_cost", f"{base}/rules/{rule.id}", text)
    for faction in world.factions:
        if not faction.rivals and not faction.secret:
            text = f"“{faction.name}” has neither rival nor secret; give it one."
            yield _warning("faction_idle", f"{base}/factions/{faction.id}", text)


def _cast(cast: Cast, base: str) -> Iterator[Finding]:
    names = [(f"{base}/characters/{each.id}/name", each.name) for each in cast.characters]
    aliases = [(f"{base}/characters/{each.id}/aliases", alias) for each in cast.characters for alias in each.aliases]
    yield from _doubled((*names, *aliases), "doubled_name")
    leads = [each for each in cast.characters if each.role == "protagonist"]
    if cast.characters and not leads:
        yield _error("no_protagonist", f"{base}/characters", "Nobody is the protagonist; give one that role.")
    if not any(each.role in ("antagonist", "rival") for each in cast.characters):
        text = "Nobody stands against the protagonist; add an antagonist or a rival."
        yield _warning("no_opposition", f"{base}/characters", text)
    for lead in leads:
        if not lead.need or not lead.wound:
            missing = "need" if not lead.need else "wound"
            text = f"{lead.name} has no {missing}; a protagonist without one has nowhere to go."
            yield _warning("protagonist_flat", f"{base}/characters/{lead.id}/{missing}", text)
    bound = {end for each in cast.relationships for end in (each.a, each.b)}
    for each in cast.characters:
        if len(cast.characters) > 1 and each.id not in bound:
            text = f"{each.name} has no relationship to anybody."
            yield _warning("character_isolated", f"{base}/characters/{each.id}", text)
    for relationship in cast.relationships:
        if relationship.a and relationship.a == relationship.b:
            where = f"{base}/relationships/{relationship.id}"
            yield _error("self_relationship", where, "A relationship needs two different people.")


def _outline(outline: Outline, base: str, confirmed: Mapping[Stage, Content]) -> Iterator[Finding]:
    place_of = {chapter.id: place for place, chapter in enumerate(outline.chapters)}
    yield from _chapters(outline, base)
    for plant in outline.plants:
        where = f"{base}/plants/{plant.id}/paid_in"
        if not plant.paid_in:
            yield _warning("plant_unpaid", where, f"“{plant.text}” is planted and never matters.")
        elif plant.planted_in in place_of and plant.paid_in in place_of:
            if place_of[plant.paid_in] <= place_of[plant.planted_in]:
                yield _error("payoff_too_early", where, f"“{plant.text}” must be planted before it matters.")
    for thread in outline.threads:
        if not thread.closes_in and not thread.left_open:
            text = f"“{thread.title}” is neither closed nor left open on purpose."
            yield _warning("thread_open", f"{base}/threads/{thread.id}", text)
    story, world, cast = (
        confirmed.get(stage) for stage in (Stage.STORY_CONCEPTION, Stage.WORLDVIEW, Stage.CHARACTERS)
    )
    if isinstance(story, Story):
        yield from _against_story(outline, base, story)
    if isinstance(world, World):
        used = {chapter.place for chapter in outline.chapters}
        yield from _unused("place", ((each.id, each.name) for each in world.places), used, base)
    if isinstance(cast, Cast):
        used = {each for chapter in outline.chapters for each in (*chapter.cast, chapter.pov)}
        yield from _unused("character", ((each.id, each.name) for each in cast.characters), used, base)


def _chapters(outline: Outline, base: str) -> Iterator[Finding]:
    act_order = {act.id: place for place, act in enumerate(outline.acts)}
    if [chapter.no for chapter in outline.chapters] != list(range(1, len(outline.chapters) + 1)):
        text = "Chapters must be numbered 1, 2, 3 … in the order of the list."
        yield _error("chapter_numbers", f"{base}/chapters", text)
    for before, after in pairwise(outline.chapters):
        if act_order.get(after.act, 0) < act_order.get(before.act, 0):
            text = f"Chapter {after.no} belongs to an act that was over before; move it or its act."
            yield _error("acts_out_of_order", f"{base}/chapters/{after.id}/act", text)
    for chapter in outline.chapters:
        if chapter.pov and chapter.pov not in chapter.cast:
            text = f"Chapter {chapter.no} is told by somebody who is not in its cast; add the person."
            yield _error("pov_not_in_cast", f"{base}/chapters/{chapter.id}/pov", text)
    calm = 0
    for chapter in outline.chapters:
        calm = calm + 1 if chapter.tension in CALM else 0
        if calm == 3:
            text = f"Three chapters running, up to chapter {chapter.no}, hold little tension."
            yield _warning("tension_low", f"{base}/chapters/{chapter.id}/tension", text)


def _against_story(outline: Outline, base: str, story: Story) -> Iterator[Finding]:
    words = sum(chapter.words for chapter in outline.chapters)
    pairs = (
        ("chapters", len(outline.chapters), story.target_chapters),
        ("words", words, story.target_words),
    )
    for name, is_, planned in pairs:
        # Words of 0 are not planned yet; that is no deviation.
        if planned and is_ and abs(is_ - planned) > OFF_PLAN * planned:
            text = f"The outline has {is_:,} {name}, the story plans {planned:,}."
            yield _warning("off_plan", f"{base}/chapters", text)
    tellers = {chapter.pov for chapter in outline.chapters} - {""}
    if story.pov in ("first", "close_third") and len(tellers) > 1:
        text = f"The story is told from one point of view, the outline from {len(tellers)}."
        yield _warning("several_pov", f"{base}/chapters", text)


def _unused(what: str, there: Iterable[tuple[str, str]], used: set[str], base: str) -> Iterator[Finding]:
    for each, name in there:
        if each not in used:
            yield _warning(f"{what}_unused", f"{base}/chapters", f"The {what} “{name}” appears in no chapter.")
