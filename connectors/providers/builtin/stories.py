"""STORY_CONCEPTION by the built-in engine: different ways through the same conceit."""

from collections.abc import Sequence
from typing import Literal

from connectors.providers.builtin import bank
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.concepts import motif_lines
from connectors.providers.builtin.grammar import familiar, fit, heading
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.model import Model, with_aim
from connectors.providers.builtin.wishes import Ending, Wishes
from genesis.content.concept import Concept
from genesis.content.story import Story
from genesis.session.brief import Brief

WORDS_PER_CHAPTER = 2800

Audience = Literal["adult", "young_adult", "middle_grade", "children"]

AUDIENCES: tuple[tuple[str, Audience], ...] = (
    ("middle", "middle_grade"),
    ("young", "young_adult"),
    ("teen", "young_adult"),
    ("ya", "young_adult"),
    ("child", "children"),
    ("kid", "children"),
    ("adult", "adult"),
)


def audience_of(text: str) -> Audience | None:
    """The audience that a word of the brief means; None where it means none."""
    plain = text.casefold()
    return next((audience for word, audience in AUDIENCES if word in plain), None)


def path_of(story: Story) -> bank.Entry | None:
    """The bank's way of telling that a story follows; None where it is its writer's own."""
    paths: list[bank.Entry] = bank.load("stories")["paths"]
    return next((each for each in paths if any(sign in story.synopsis for sign in each["signs"])), None)


def stories(
    brief: Brief,
    idea: Idea,
    choice: Choice,
    wishes: Wishes,
    count: int,
    model: Model,
    concept: Concept | None,
    previous: Sequence[Story],
) -> tuple[Story, ...]:
    """So many stories, each with another way through the middle and, unless one was asked for, another end."""
    paths = choice.order("paths", bank.load("stories")["paths"])
    if previous and not wishes.any:
        seen = [each for each in map(path_of, previous) if each]
        paths.sort(key=lambda each: each in seen)
    told: list[Story] = []
    for place in range(count):
        former = previous[place] if wishes.any and place < len(previous) else None
        path = (path_of(former) if former else None) or paths[place % len(paths)]
        told.append(_tell(brief, idea, choice, wishes, place, model, concept, path, former))
    return tuple(told)


def _ending(wishes: Wishes, place: int, path: bank.Entry, concept: Concept | None, former: Story | None) -> Ending:
    if wishes.ending:
        return wishes.ending
    if wishes.mood:
        return "tragic" if wishes.mood < 0 else "happy"
    if former:
        return former.ending_kind
    tone = concept.tone.casefold() if concept else ""
    if any(word in tone for word in ("dark", "grim", "bleak", "tragic")):
        return ("tragic", "bittersweet", "tragic")[place]
    if any(word in tone for word in ("light", "funny", "humor", "humour", "cosy", "cozy", "hopeful")):
        return ("happy", "bittersweet", "happy")[place]
    kind: Ending = path["ending"]
    return kind


def _size(brief: Brief, wishes: Wishes, path: bank.Entry, former: Story | None) -> tuple[int, int]:
    chapters, words = brief.target_chapters, brief.target_words
    if former:
        chapters, words = chapters or former.target_chapters, words or former.target_words
    if wishes.length and not (wishes.chapters or wishes.words):
        factor = 0.75 if wishes.length < 0 else 1.25
        chapters, words = max(1, round((chapters or path["chapters"]) * factor)), round(words * factor)
    chapters, words = wishes.chapters or chapters, wishes.words or words
    if not chapters:
        chapters = round(words / WORDS_PER_CHAPTER) if words else path["chapters"]
    chapters = min(60, max(1, chapters))
    if not words or (wishes.chapters and not wishes.words and not brief.target_words):
        words = chapters * WORDS_PER_CHAPTER
    return chapters, min(300_000, words, chapters * 20_000)


def _tell(
    brief: Brief,
    idea: Idea,
    choice: Choice,
    wishes: Wishes,
    place: int,
    model: Model,
    concept: Concept | None,
    path: bank.Entry,
    former: Story | None,
) -> Story:
    model = with_aim(model)
    conceit = model.conceit
    ending_kind = _ending(wishes, place, path, concept, former)
    parts = [_part(model, path[key]) for key in ("opening", "middle", "dark", "close")]
    parts[1] = " ".join([parts[1], *motif_lines(model)[:2]])
    if wishes.length < 0:
        del parts[2]
    synopsis = familiar("\n\n".join(parts), (model.lead, model.opponent))
    themes = list(conceit["themes"])
    themes += [f"{each.capitalize()}, and what it is worth" for each in idea.all("abstracts")[:1]]
    titles = choice.order("titles", [heading(model.clause(each)) for each in conceit["titles"]])
    title = (
        former.title if former else concept.title if concept and place == 0 and concept.title else titles[place % 3]
    )
    if concept and place and not former and title == concept.title:
        title = titles[(place + 1) % 3]
    chapters, words = _size(brief, wishes, path, former)
    red_lines = list(bank.load("stories")["red_lines"]) + [f"{each}"[:120] for each in brief.avoid[:4]]
    audience = audience_of(brief.audience) or (former.audience if former else "adult")
    return Story(
        title=title[:80],
        synopsis=fit(synopsis, 2400),
        themes=tuple(model.say(each, 160) for each in themes[:4]),
        promise=model.say(path["promise"], 300),
        red_lines=tuple(red_lines[:8]),
        ending=model.told(f"end_{ending_kind}", 400),
        ending_kind=ending_kind,
        pov=wishes.pov or (former.pov if former else choice.pick(f"pov/{path['id']}", path["povs"])),
        tense=wishes.tense or (former.tense if former else "past"),
        style=model.say(path["style"], 300),
        audience=audience,
        target_chapters=chapters,
        target_words=words,
    )


def _part(model: Model, text: str) -> str:
    """One paragraph of the synopsis; the conceit's own texts stand in it under their keys."""
    conceit = model.conceit
    for key in ("trigger", "first_try", "midpoint", "climax"):
        text = text.replace(f"{{{key}}}", conceit[key])
    for number, clue in enumerate(conceit["clues"], 1):
        text = text.replace(f"{{clue{number}}}", clue)
    return model.say(text.replace("{wound}", model.wound), 1000)
