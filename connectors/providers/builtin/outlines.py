"""PLOT_OUTLINE by the built-in engine: chapters that follow from wants, secrets and rules, each from one before."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from connectors.providers.builtin import chapters as telling
from connectors.providers.builtin.bank.plots import Turn
from connectors.providers.builtin.chapters import Company, introduced
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Person, capital, familiar, fit, sentences
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.recall import parts_of
from connectors.providers.builtin.says import as_today, says, secrets_of
from connectors.providers.builtin.scenery import assigned, heart, scenery
from connectors.providers.builtin.spine import MAIN, TURN, Spine, spine
from connectors.providers.builtin.wishes import Wishes
from genesis.content.cast import Cast
from genesis.content.outline import Act, Chapter, Outline, Plant, Thread
from genesis.content.story import Story
from genesis.content.world import World

USUAL_CHAPTERS = 24
USUAL_WORDS = 2800
BOUNDS = (29.5, 51.9, 76.5, 100)
"""Where the four acts end, in the beats' measure."""


def tell(
    model: Model,
    turn: Turn,
    choice: Choice,
    wishes: Wishes,
    story: Story | None,
    world: World | None,
    cast: Cast | None,
) -> tuple[Outline, tuple[str, ...]]:
    """The plot of the confirmed story as long as it wants to be, and a key for each chapter that names its beats."""
    count = wishes.chapters or (story.target_chapters if story else 0) or USUAL_CHAPTERS
    words = wishes.words or (story.target_words if story else 0) or count * USUAL_WORDS
    if wishes.chapters and story and not wishes.words:
        words = round(words * wishes.chapters / (story.target_chapters or wishes.chapters))
    folk = _company(cast)
    model = _said(model, choice, wishes, story, world, cast, folk)
    found = spine(model, turn, choice, world, count, folk.extras)
    scenes = assigned(found.chapters, scenery(model, choice, world), model.premise.where)
    taken: set[str] = set()
    told = [
        telling.tell(no, found.chapters, scenes[no - 1], model, choice, wishes, folk, taken)
        for no in range(1, len(found.chapters) + 1)
    ]
    told = introduced(told, _people(model))
    told = _finish(told, found, folk, words, story)
    return _whole(told, found, turn, model, choice), tuple(
        "+".join(step.key for step in steps) for steps in found.chapters
    )


def _people(model: Model) -> list[Person]:
    return [model.person(part) for part in "LNAMRW"]


def _company(cast: Cast | None) -> Company:
    parts = parts_of(cast) if cast else {}
    taken = {each.id for each in parts.values()}
    extras = [each for each in cast.characters if each.id not in taken] if cast else []
    return Company({part: each.id for part, each in parts.items()}, extras)


def _said(
    model: Model,
    choice: Choice,
    wishes: Wishes,
    story: Story | None,
    world: World | None,
    cast: Cast | None,
    folk: Company,
) -> Model:
    """The model with every text that beats may ask for."""
    kind = wishes.ending or (story.ending_kind if story else "bittersweet")
    endings = getattr(model.premise.endings, kind)
    own = as_today(endings, story.ending, model) if story and not wishes.ending else ""
    ending = own or sentences(model.clause(choice.pick("o/ending", endings)))
    dark = kind == "tragic" or (kind in ("bittersweet", "open") and choice.between("o/final_image", 0, 1) == 1)
    last = choice.pick("o/final", model.premise.final_dark if dark else model.premise.final_light)
    slots = says(model, choice, ending=ending, final=model.say(last, 300))
    customs = [each.text for each in world.lore if each.kind in ("culture", "event")] if world else []
    custom = choice.pick("o/custom", customs) if customs else "Nobody remembers how it began."
    slots["custom"] = re.split(r"(?<=[.!?]) ", custom)[0]
    told = model.having(**slots)
    return told.having(**secrets_of(cast, dict(folk.ids), told)) if cast else told


def _finish(told: Sequence[Chapter], found: Spine, folk: Company, words: int, story: Story | None) -> list[Chapter]:
    """Tellers, extras, words, and a tension that never rests for three chapters running."""
    several = story is not None and story.pov in ("multiple_third", "omniscient")
    shares = _words(words, [chapter.tension for chapter in told])
    parts = {chain.id: chain.part for chain in found.chains}
    finished: list[Chapter] = []
    for place, (chapter, steps) in enumerate(zip(told, found.chapters, strict=True)):
        people = list(chapter.cast)
        if folk.extras:
            climax = any(step.line == MAIN and step.beat.tension == 10 for step in steps)
            others = folk.extras if climax else [folk.extras[place % len(folk.extras)]] * (place % 4 == 1)
            people = list(dict.fromkeys([*people, *(each.id for each in others)]))[:8]
        teller = folk.ids.get(parts.get(heart(steps).line, "L") if several else "L", "")
        if teller not in people:
            teller = folk.ids.get("L", "")
        tension = chapter.tension
        if len(finished) > 1 and tension <= 3 and all(each.tension <= 3 for each in finished[-2:]):
            tension = 4
        finished.append(
            chapter.model_copy(
                update={"cast": tuple(people), "pov": teller, "tension": tension, "words": shares[place]}
            )
        )
    return _everyone(finished, [*folk.ids.values(), *(each.id for each in folk.extras)])


def _everyone(chapters: list[Chapter], people: Sequence[str]) -> list[Chapter]:
    """The chapters with those who would appear nowhere put where there is room, from the end."""
    missing = [each for each in people if not any(each in chapter.cast for chapter in chapters)]
    for number, each in enumerate(missing):
        order = [(len(chapters) - 1 - number - step) % len(chapters) for step in range(len(chapters))]
        for place in order:
            if len(chapters[place].cast) < 8:
                chapters[place] = chapters[place].model_copy(update={"cast": (*chapters[place].cast, each)})
                break
    return chapters


def _words(total: int, tensions: Sequence[int]) -> list[int]:
    weights = [0.8 + tension / 25 for tension in tensions]
    edges = [0, *(round(total * sum(weights[:end]) / sum(weights), -2) for end in range(1, len(weights)))]
    return [min(20_000, max(0, int(end - start))) for start, end in pairwise([*edges, total])]


def _whole(chapters: Sequence[Chapter], found: Spine, turn: Turn, model: Model, choice: Choice) -> Outline:
    acts, act_of = _acts(found, model, choice)
    threads, thread_of = _threads(found, turn, model)
    done = [
        chapter.model_copy(
            update={
                "act": act_of[place],
                "threads": tuple(dict.fromkeys(thread_of.get(step.line, "t1") for step in found.chapters[place]))[:4],
            }
        )
        for place, chapter in enumerate(chapters)
    ]
    return Outline(
        structure={4: "four_act", 3: "three_act"}.get(len(acts), "custom"),
        final_image=fit(sentences(model.text("final")), 300),
        acts=acts,
        threads=threads,
        chapters=tuple(done),
        plants=_plants(found, model),
    )


def _acts(found: Spine, model: Model, choice: Choice) -> tuple[tuple[Act, ...], list[str]]:
    picks = (0, 1, 2, 3) if len(found.chapters) >= 12 else (0, 2, 3)
    bounds = [BOUNDS[pick] for pick in picks] if len(picks) == 4 else [BOUNDS[0], BOUNDS[2], BOUNDS[3]]
    where = [
        next(place for place, bound in enumerate(bounds) if heart(each).beat.at <= bound) for each in found.chapters
    ]
    for place in range(1, len(where)):
        where[place] = max(where[place], where[place - 1])
    there = sorted(set(where))
    entries = model.genre.plots[model.premise.plot].acts
    known = tuple(person.name for person in _people(model))
    acts = tuple(
        Act(
            id=f"a{number}",
            name=model.say(choice.pick(f"o/act/{place}", entries[picks[place]].names), 60),
            purpose=model.say(entries[picks[place]].purpose, 240),
            turning_point=familiar(model.say(entries[picks[place]].turning, 240), _people(model), known),
        )
        for number, place in enumerate(there, 1)
    )
    return acts, [f"a{there.index(each) + 1}" for each in where]


def _threads(found: Spine, turn: Turn, model: Model) -> tuple[tuple[Thread, ...], dict[str, str]]:
    plot = model.genre.plots[model.premise.plot]
    lines = [(MAIN, plot.title, plot.question), (TURN, turn.title, turn.question)]
    lines += [(chain.id, chain.title, chain.question) for chain in found.chains]
    threads: list[Thread] = []
    thread_of: dict[str, str] = {}
    for line, title, question in lines:
        places = [place for place, steps in enumerate(found.chapters) if any(step.line == line for step in steps)]
        if not places or len(threads) == 8:
            continue
        name = f"t{len(threads) + 1}"
        thread_of[line] = name
        threads.append(
            Thread(
                id=name,
                title=capital(model.clause(title))[:80],
                kind="main" if line == MAIN else "sub",
                question=model.say(question, 200),
                closes_in=f"h{places[-1] + 1}",
            )
        )
    return tuple(threads), thread_of


def _plants(found: Spine, model: Model) -> tuple[Plant, ...]:
    place_of: Mapping[str, int] = found.place_of()
    plants: list[Plant] = []
    for steps in found.chapters:
        for step in steps:
            for name in step.beat.pays:
                planted = f"{step.line}.{name}"
                if planted not in place_of or place_of[planted] >= place_of[step.key] or len(plants) == 24:
                    continue
                text = _planted(found, planted)
                plants.append(
                    Plant(
                        id=f"x{len(plants) + 1}",
                        text=fit(capital(model.clause(text)), 160),
                        planted_in=f"h{place_of[planted] + 1}",
                        paid_in=f"h{place_of[step.key] + 1}",
                    )
                )
    ordered = sorted(plants, key=lambda each: int(each.planted_in[1:]))
    return tuple(each.model_copy(update={"id": f"x{number}"}) for number, each in enumerate(ordered, 1))


def _planted(found: Spine, key: str) -> str:
    return next(step.beat.plant for steps in found.chapters for step in steps if step.key == key and step.beat.plant)
