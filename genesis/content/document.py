"""The finished novel as a Markdown document, in the order of content model §9; no ids, all text escaped."""

import re
from collections.abc import Iterable, Mapping

from genesis.content.cast import Cast, Character
from genesis.content.ids import items
from genesis.content.novel import Novel
from genesis.content.outline import Act, Chapter, Outline
from genesis.content.proposal import PROCEDURAL_BADGE, Provenance
from genesis.content.world import World
from genesis.session.stages import Stage

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~{}$]")
_LINE_START = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|[-+=](?=[\s=+-]|$)|\d{1,9}(?=[.)](?:\s|$)))", re.MULTILINE)
_AUTOLINK = re.compile(r"(?i)(?<=[a-z])://|\bwww\.|@")

STAGES = {
    Stage.CONCEPT_SELECTION: "Concept",
    Stage.STORY_CONCEPTION: "Story",
    Stage.WORLDVIEW: "World",
    Stage.CHARACTERS: "Characters",
    Stage.PLOT_OUTLINE: "Outline",
}
ROLES = ("protagonist", "antagonist", "ally", "mentor", "rival", "love_interest", "minor")
"""The order in which people are introduced."""
POV = {
    "first": "first person",
    "close_third": "close third person",
    "multiple_third": "third person, several points of view",
    "omniscient": "omniscient narrator",
}


def escape(text: str) -> str:
    """The text so that Markdown shows it as it is: no markup, no HTML, no links; line breaks stay."""
    text = _SPECIAL.sub(lambda found: "\\" + found[0], text.replace("&", "&amp;"))
    text = _AUTOLINK.sub(lambda found: found[0].replace(":", "\\:").replace(".", "\\.").replace("@", "\\@"), text)
    # A backslash does nothing before a digit: the sign after the number is escaped instead.
    text = re.sub(r"(?m)^(\s*\d{1,9})([.)])(?=\s|$)", r"\1\\\2", text)
    return _LINE_START.sub(lambda found: found[1] + (found[2] if found[2].isdigit() else "\\" + found[2]), text)


def markdown(novel: Novel) -> str:
    """The whole novel as one Markdown document."""
    content = novel.content
    names = {
        item.id: str(getattr(item, "name", "")) for part in (content.world, content.cast) for _, item in items(part)
    }
    lines = [
        *_title_page(novel),
        *_premise(novel),
        *_story(novel),
        *_world(content.world, names),
        *_characters(content.cast, names),
        *_outline(content.outline, names),
        *_appendix(novel),
    ]
    return "\n".join(lines).rstrip() + "\n"


def badge(provenances: Iterable[Provenance | None]) -> str:
    """One line that says what made the text, for people."""
    made = list(provenances)
    parts = []
    if any(each is not None and each.kind == "procedural" for each in made):
        parts.append(PROCEDURAL_BADGE)
    parts += dict.fromkeys(f"AI model {each.model} ({each.provider})" for each in made if each and each.kind == "llm")
    if any(each is None for each in made):
        parts.append("the author's own text")
    return ", ".join(parts)


def _inline(text: str) -> str:
    """Escaped, on one line."""
    return escape(" ".join(text.split()))


def _cell(text: str) -> str:
    return _inline(text)


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        if part.strip():
            lines += ["\\\n".join(escape(line.strip()) for line in part.strip().splitlines()), ""]
    return lines


def _facts(facts: Mapping[str, str]) -> list[str]:
    """A list of named values, empty ones left out."""
    found = [f"- **{name}:** {_inline(text)}" for name, text in facts.items() if text]
    return [*found, ""] if found else []


def _title_page(novel: Novel) -> list[str]:
    origins = [novel.provenance[stage].provenance for stage in STAGES if stage in novel.provenance]
    lines = [f"# {_inline(novel.title)}", ""]
    if novel.logline:
        lines += [f"*{_inline(novel.logline)}*", ""]
    words = f"{novel.target_words:,} words planned in {novel.chapter_count} chapters" if novel.target_words else ""
    audience = novel.audience.replace("_", " ")
    made = badge(origins)
    return [
        *lines,
        *_facts(
            {
                "Genre": novel.genre,
                "Audience": audience,
                "Language": novel.language,
                "Size": words,
                "Text made by": made,
            }
        ),
    ]


def _premise(novel: Novel) -> list[str]:
    concept = novel.content.concept
    return [
        "# Premise",
        "",
        *_paragraphs(concept.premise),
        *_facts(
            {
                "Lead": concept.lead,
                "Opposition": concept.opposition,
                "Stakes": concept.stakes,
                "What if": concept.what_if,
                "Question": concept.theme_question,
                "Why it is fresh": concept.fresh_because,
                "Tone": concept.tone,
                "Tags": ", ".join(concept.tags),
            }
        ),
    ]


def _story(novel: Novel) -> list[str]:
    story = novel.content.story
    return [
        "# Story",
        "",
        *_paragraphs(story.synopsis),
        *_facts(
            {
                "Themes": "; ".join(story.themes),
                "Promise": story.promise,
                "Never in this book": "; ".join(story.red_lines),
                "Style": story.style,
                "Told in": f"{POV[story.pov]}, {story.tense} tense",
                "Ending": f"{story.ending} ({story.ending_kind})" if story.ending else story.ending_kind,
            }
        ),
    ]


def _world(world: World, names: Mapping[str, str]) -> list[str]:
    lines = [
        "# World",
        "",
        *_facts({"Name": world.name, "Era": world.era, "Atmosphere": world.atmosphere}),
        *_paragraphs(world.overview),
    ]
    for title, text in (("Order", world.order), ("Daily life", world.daily_life), ("Conflict", world.conflict)):
        if text:
            lines += [f"## {title}", "", *_paragraphs(text)]
    if world.rules:
        lines += ["## Rules", ""]
        for rule in world.rules:
            lines += [f"### {_inline(rule.name)}", "", *_paragraphs(rule.statement)]
            lines += _facts({"Kind": rule.kind, "Cost": rule.cost, "Limit": rule.limit})
    if world.places:
        lines += ["## Places", ""]
        for place in world.places:
            lines += [f"### {_inline(place.name)}", "", *_paragraphs(place.description)]
            held = names.get(place.held_by, "")
            lines += _facts({"Kind": place.kind, "Detail": place.detail, "Held by": held})
    if world.factions:
        lines += ["## Factions", ""]
        for faction in world.factions:
            rivals = _named(faction.rivals, names)
            lines += [f"### {_inline(faction.name)}", ""]
            lines += _facts(
                {
                    "Goal": faction.goal,
                    "Method": faction.method,
                    "Resource": faction.resource,
                    "Secret": faction.secret,
                    "Rivals": rivals,
                }
            )
    if world.lore:
        lines += ["## Lore", ""]
        for entry in world.lore:
            lines += [f"### {_inline(entry.name)}", "", *_paragraphs(entry.text)]
            lines += _facts({"Kind": entry.kind, "About": _named(entry.about, names)})
    return lines


def _named(ids: Iterable[str], names: Mapping[str, str]) -> str:
    return ", ".join(names[each] for each in ids if names.get(each))


def _characters(cast: Cast, names: Mapping[str, str]) -> list[str]:
    lines = ["# Characters", ""]
    for role in ROLES:
        for person in cast.characters:
            if person.role == role:
                lines += _character(person, names)
    if cast.relationships:
        lines += ["## Relationships", "", "| Who | Kind | Seen | Beneath | Change |", "|---|---|---|---|---|"]
        for bond in cast.relationships:
            both = f"{names.get(bond.a, '')} and {names.get(bond.b, '')}"
            cells = (both, bond.kind, bond.surface, bond.tension, bond.change)
            lines.append("| " + " | ".join(_cell(each) for each in cells) + " |")
        lines.append("")
    return lines


def _character(person: Character, names: Mapping[str, str]) -> list[str]:
    return [
        f"## {_inline(person.name)}",
        "",
        f"*{person.role.replace('_', ' ').capitalize()}*",
        "",
        *_paragraphs(person.profile),
        *_facts(
            {
                "Also called": ", ".join(person.aliases),
                "Pronoun": person.pronouns,
                "Faction": names.get(person.faction, ""),
                "Want": person.want,
                "Need": person.need,
                "Wound": person.wound,
                "False belief": person.false_belief,
                "Secret": person.secret,
                "Arc": person.arc,
                "Voice": person.voice,
            }
        ),
    ]


def _outline(outline: Outline, names: Mapping[str, str]) -> list[str]:
    lines = ["# Outline", ""]
    threads = {each.id: each.title for each in outline.threads}
    chapters = {each.id: f"chapter {each.no}" for each in outline.chapters}
    placed = {act.id for act in outline.acts}
    for act in outline.acts:
        own = [each for each in outline.chapters if each.act == act.id]
        lines += _act(act, own, names, threads)
    for chapter in outline.chapters:
        if chapter.act not in placed:
            lines += _chapter(chapter, names, threads)
    if outline.threads:
        lines += ["## Threads", ""]
        for thread in outline.threads:
            where = chapters.get(thread.closes_in, "")
            end = f"closes in {where}" if where else "left open" if thread.left_open else "not closed"
            question = f" {_inline(thread.question)}" if thread.question else ""
            lines.append(f"- **{_inline(thread.title)}** ({thread.kind}, {end}).{question}")
        lines.append("")
    if outline.plants:
        lines += ["## Plants", ""]
        for plant in outline.plants:
            paid = chapters.get(plant.paid_in, "")
            after = f", matters in {paid}" if paid else ""
            lines.append(
                f"- {_inline(plant.text)}: planted in {chapters.get(plant.planted_in, 'no chapter')}{after}."
            )
        lines.append("")
    if outline.final_image:
        lines += ["## Final image", "", *_paragraphs(outline.final_image)]
    return lines


def _act(act: Act, chapters: Iterable[Chapter], names: Mapping[str, str], threads: Mapping[str, str]) -> list[str]:
    lines = [f"## {_inline(act.name)}", "", *_paragraphs(act.purpose)]
    for chapter in chapters:
        lines += _chapter(chapter, names, threads)
    return [*lines, *_facts({"Turning point": act.turning_point})]


def _chapter(chapter: Chapter, names: Mapping[str, str], threads: Mapping[str, str]) -> list[str]:
    return [
        f"### {chapter.no}. {_inline(chapter.title)}",
        "",
        *_paragraphs(chapter.summary),
        *_facts(
            {
                "Point of view": names.get(chapter.pov, ""),
                "Place": names.get(chapter.place, ""),
                "Cast": _named(chapter.cast, names),
                "Threads": _named(chapter.threads, threads),
                "Conflict": chapter.conflict,
                "Change": chapter.change,
                "Hook": chapter.hook,
                "Tension": str(chapter.tension) if chapter.tension else "",
                "Words": f"{chapter.words:,}" if chapter.words else "",
            }
        ),
    ]


def _appendix(novel: Novel) -> list[str]:
    lines = ["# Appendix: how this was made", ""]
    head = "| Stage | Round | Made by | Model | Seed | Tokens in | Tokens out | Cost | Accepted warnings |"
    lines += [head, "|---|---|---|---|---|---|---|---|---|"]
    for stage, title in STAGES.items():
        origin = novel.provenance.get(stage)
        if origin is None:
            continue
        made = origin.provenance
        cells = (
            title,
            f"{origin.round} of {origin.rounds}",
            badge((made,)),
            made.model if made else "",
            str(made.seed) if made and made.seed is not None else "",
            _count(made.tokens_in if made else None),
            _count(made.tokens_out if made else None),
            _price(made),
            ", ".join(origin.accepted_warnings),
        )
        lines.append("| " + " | ".join(_cell(each) for each in cells) + " |")
    cost = novel.cost
    total = f"{cost.amount} {cost.currency}"
    if cost.unpriced:
        total += f" and {cost.unpriced} generations without a known price"
    tokens = f"{cost.tokens_in:,} in, {cost.tokens_out:,} out" if cost.tokens_in or cost.tokens_out else ""
    return [*lines, "", *_facts({"Cost of all rounds": total, "Tokens of all rounds": tokens})]


def _count(tokens: int | None) -> str:
    return "none counted" if tokens is None else f"{tokens:,}"


def _price(made: Provenance | None) -> str:
    if made is None:
        return ""
    return "no price known" if made.cost is None else f"{made.cost} {made.currency or ''}".strip()
