"""A chapter in words: its steps told in their place, joined to what caused them, its people and its tension."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.providers.builtin.bank.plots import Beat
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import (
    Named,
    Person,
    capital,
    familiar,
    fill,
    fit,
    heading,
    inside,
    sentences,
)
from connectors.providers.builtin.guests import GUESTS, guest_of
from connectors.providers.builtin.model import Model, Slot
from connectors.providers.builtin.scenery import Scene, heart
from connectors.providers.builtin.spine import EPISODES, RULES, Step
from connectors.providers.builtin.wishes import Wishes
from genesis.content.cast import Character
from genesis.content.outline import Chapter

SAID = re.compile(r"\{(?:trigger|attempt|price|midpoint|climax|ending|final|sign\d|blow\d|secret_\w)")
"""Slots that hold whole texts: told once, never again as the cause of the next chapter."""
FIRST = ("begin", "climax", "mid", "end", "plan", "open", "loss", "c-trigger", "c-climax", "c-mid", "c-end", "c-plan")
"""Beats that a chapter which stands for many tells before the others."""


@dataclass
class Company:
    """The confirmed cast, by the parts that the beats know."""

    ids: Mapping[str, str] = field(default_factory=dict)
    """Id of the character of each part."""
    extras: Sequence[Character] = ()
    """Characters that no part is for."""


def tell(
    no: int,
    chapters: Sequence[Sequence[Step]],
    scene: Scene,
    model: Model,
    choice: Choice,
    wishes: Wishes,
    folk: Company,
    taken: set[str],
) -> Chapter:
    """Chapter `no`, from 1; `taken` are titles that other chapters have, and grows."""
    steps = chapters[no - 1]
    main = heart(steps).beat
    slots: dict[str, Slot] = dict(model.slots)
    slots["P"], slots["here"] = scene.name, scene.detail
    texts = [sentences(fill(_text(step, choice), slots)) for step in steps]
    summary = texts[0] if len(steps) == 1 else _condensed(texts, steps)
    if len(steps) == 1 and wishes.length >= 0:
        summary = _linked(summary, steps[0], no, chapters, slots)
    if wishes.length < 0:
        summary = " ".join(re.split(r"(?<=[.!?]) ", summary)[:2])
    who = list(dict.fromkeys(part for step in steps for part in ("L", *step.beat.who)))
    guests = [guest_of(step.beat) for step in steps if step.line == GUESTS]
    return Chapter(
        id=f"h{no}",
        no=no,
        title=_title(main, steps, slots, choice, taken),
        place=scene.id,
        cast=tuple([*guests, *(folk.ids[part] for part in who if part in folk.ids)][:8]),
        summary=fit(summary, 600),
        conflict=fit(capital(fill(main.conflict, slots)), 200),
        change=fit(capital(fill(main.change, slots)), 160),
        hook=_hook(steps, slots),
        tension=main.tension,
    )


def _hook(steps: Sequence[Step], slots: Mapping[str, Slot]) -> str:
    """The last beat's hook; nothing where a person's own words, which it may quote, are too long for it."""
    hook = fit(sentences(fill(steps[-1].beat.hook, slots)), 160)
    return "" if hook.endswith("…") else hook


def _text(step: Step, choice: Choice) -> str:
    return choice.pick(f"o/{step.key}/text", step.beat.text)


def _title(main: Beat, steps: Sequence[Step], slots: Mapping[str, Slot], choice: Choice, taken: set[str]) -> str:
    options = choice.order(f"o/{heart(steps).key}/title", main.titles)
    others = [each for step in steps for each in step.beat.titles]
    told = [heading(capital(fill(each, slots)))[:80] for each in (*options, *others)]
    title = next((each for each in told if each not in taken), told[0])
    taken.add(title)
    return title


def _condensed(texts: Sequence[str], steps: Sequence[Step]) -> str:
    """Several beats in one chapter: of each as many sentences as fit into 600 characters together."""
    parts = [re.split(r"(?<=[.!?]) ", text) for text in texts]
    for most in (3, 2, 1):
        whole = " ".join(" ".join(part[:most]) for part in parts)
        if len(whole) <= 600:
            return whole
    rank = {name: place for place, name in enumerate(FIRST)}
    room, taken = 600, set()
    for place in sorted(range(len(steps)), key=lambda each: rank.get(steps[each].beat.id, len(rank))):
        if len(parts[place][0]) + 1 <= room:
            taken.add(place)
            room -= len(parts[place][0]) + 1
    return " ".join(parts[place][0] for place in sorted(taken))


def _linked(summary: str, step: Step, no: int, chapters: Sequence[Sequence[Step]], slots: Mapping[str, Slot]) -> str:
    """The summary with its cause before it: what the step before it in the same line has changed."""
    if step.line in (RULES, EPISODES) or step.beat.fresh or SAID.match(step.beat.text[0]):
        return summary
    before = [each for steps in chapters[: no - 1] for each in steps if each.line == step.line]
    # A cause of the very last page needs no repeating, and not every chapter should begin alike.
    if not before or no % 2 or SAID.search(before[-1].beat.so):
        return summary
    so = fill(before[-1].beat.so, slots)
    told = _pronoun(summary, so, slots)
    opens = re.match(r"(?:At|On|By|In|With|Under|Aboard|Out|From|When|Up|Just|Behind|Then|“)\b", told)
    first = re.split(r"(?<=[.!?]) ", told)[0]
    if re.search(r"\bnow\b", f"{so} {first}", re.IGNORECASE):
        linked = f"{capital(so)}. {capital(told)}"
    elif no % 4 == 0 and not opens and ":" not in so and not _turns_away(told, so, slots):
        linked = f"Now that {so}, {inside(told, _names(slots))}"
    elif no % 3 == 0:
        linked = f"{capital(so)}. {capital(told)}"
    else:
        linked = f"By now {so}. {capital(told)}"
    return linked if len(linked) <= 600 else summary


def _pronoun(summary: str, so: str, slots: Mapping[str, Slot]) -> str:
    """The summary with a pronoun for its subject where that is the cause's subject too; `they` would move verbs."""
    for person in slots.values():
        if isinstance(person, Person) and person.pronouns != "they" and so.startswith(f"{person.first} "):
            if re.search(rf"(?<!\w){re.escape(person.first)} and |, and [A-Z]", so):
                continue
            for name in (person.name, person.first):
                if summary.startswith(f"{name} ") and not re.match(rf"{re.escape(name)} (?:and|or) ", summary):
                    return person.pronouns + summary[len(name) :]
    return summary


def _turns_away(told: str, so: str, slots: Mapping[str, Slot]) -> bool:
    """True where the chapter begins with a person and its cause does not: two subjects in one sentence."""
    people = [each for each in slots.values() if isinstance(each, Person)]
    opening = [each.first for each in people if re.match(rf"{re.escape(each.first)}\b", told)]
    return any(not so.startswith(name) for name in opening)


def _names(slots: Mapping[str, Slot]) -> list[str]:
    people = [each.first for each in slots.values() if isinstance(each, Person)]
    return [*people, *(each.text for each in slots.values() if isinstance(each, Named) and each.text[:1].isupper())]


def introduced(told: Sequence[Chapter], people: Sequence[Person]) -> list[Chapter]:
    """The chapters with each person's full name where the person first appears, the first name afterwards."""
    known: set[str] = set()
    done = []
    for chapter in told:
        summary = familiar(chapter.summary, people, known)
        known |= {person.name for person in people if person.first in summary}
        done.append(chapter.model_copy(update={"summary": summary}))
    return done
