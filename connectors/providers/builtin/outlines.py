"""PLOT_OUTLINE by the built-in engine: chapters that follow from wants, secrets and rules, each from one before."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from connectors.providers.builtin import bank
from connectors.providers.builtin.casts import ROLES
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import (
    Named,
    Person,
    Slots,
    capital,
    familiar,
    fill,
    fit,
    heading,
    inside,
    sentences,
    small,
)
from connectors.providers.builtin.model import Model, with_aim
from connectors.providers.builtin.wishes import Wishes
from connectors.providers.builtin.worlds import in_sentence, places_by_role
from genesis.content.cast import Cast, Character
from genesis.content.outline import Act, Chapter, Outline, Plant, Thread
from genesis.content.story import Story
from genesis.content.world import Place, Rule, World

PATHS = frozenset({"inquiry", "bargain", "flight"})
SHARE = ("main", *sorted(PATHS), "ally", "rival", "rules", "nemesis", "witness", "mentor", "town", "places")
"""Which chain gets room first where there are fewer chapters than the bank has beats."""

STRANGERS = {
    "N": "the opponent",
    "A": "the neighbour",
    "M": "the old teacher",
    "R": "the newcomer",
    "W": "the witness",
}
"""What people are called whom the confirmed cast does not hold."""

TELLERS = {"nemesis": "N", "ally": "A", "rival": "R", "mentor": "M"}
"""Whose eyes a chain is seen through where the story has several points of view."""

Beat = bank.Entry


@dataclass
class Company:
    """The confirmed cast, by the parts that the beats know."""

    people: dict[str, Person] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    extras: list[Character] = field(default_factory=list)
    characters: dict[str, Character] = field(default_factory=dict)


def company(there: Cast | None, model: Model) -> Company:
    """Who plays which part; people without a part are extras."""
    found = Company()
    left = list(there.characters) if there else []
    for part, role in ROLES.items():
        roles = (role, "love_interest") if part == "R" else (role,)
        person = next((each for each in left if each.role in roles), None)
        if person is not None:
            left.remove(person)
            found.characters[part] = person
    for part in "AMRW":
        if part not in found.characters and left:
            found.characters[part] = left.pop(0)
    found.extras = left
    for part in ROLES:
        person = found.characters.get(part)
        if person:
            found.people[part] = Person(person.name, person.pronouns, _job(person, part, model))
            found.ids[part] = person.id
        elif part in "LN":
            found.people[part] = model.lead if part == "L" else model.opponent
        else:
            found.people[part] = Person(STRANGERS[part], "they", "somebody from elsewhere")
    return found


def _job(person: Character, part: str, model: Model) -> str:
    found = re.match(r"[^,;]+, (?:an? )?([^,;]+)[;,.]", person.profile)
    return found[1] if found else "stranger"


def outline(
    model: Model,
    choice: Choice,
    wishes: Wishes,
    story: Story | None,
    world: World | None,
    cast: Cast | None,
    path: str,
) -> Outline:
    """The plot of the confirmed story, as long as it wants to be."""
    folk = company(cast, model)
    lead = folk.people["L"]
    model = with_aim(replace(model, lead=lead, opponent=folk.people["N"], extra={**model.extra, **folk.people}))
    count = wishes.chapters or (story.target_chapters if story else 0) or 24
    words = wishes.words or (story.target_words if story else 0) or count * 2800
    ending_kind = wishes.ending or (story.ending_kind if story else "bittersweet")
    dark = ending_kind == "tragic" or (ending_kind == "bittersweet" and choice.between("final", 0, 1) == 1)
    own_ending = story.ending if story and story.ending and not wishes.ending else ""
    model = replace(model, extra={**model.extra, **_texts(model, folk, world, ending_kind, own_ending, dark)})
    groups = _grouped(_chosen(_beats(model, world, path), count, choice), count)
    places = places_by_role(world, model) if world else {}
    names = _place_names(model, places)
    given = _assign_places(groups, places, world)
    told = [
        _chapter(no, group, groups, model, choice, wishes, folk, given[no - 1], names)
        for no, group in enumerate(groups, 1)
    ]
    chapters = _finish(_introduced(told, folk), groups, folk, words, story)
    return _whole(chapters, groups, model, choice, count)


def _introduced(told: Sequence[Chapter], folk: Company) -> list[Chapter]:
    """The chapters with each person's full name where the person first appears, the first name afterwards."""
    known: set[str] = set()
    done = []
    for chapter in told:
        summary = familiar(chapter.summary, folk.people.values(), known)
        known |= {person.name for person in folk.people.values() if person.first in summary}
        done.append(chapter.model_copy(update={"summary": summary}))
    return done


def _texts(
    model: Model, folk: Company, world: World | None, ending_kind: str, own_ending: str, dark: bool
) -> dict[str, str]:
    conceit = model.conceit
    texts = {
        key: model.clause(conceit[key])
        for key in ("trigger", "first_try", "cost_seen", "midpoint", "climax", "m_lore")
    }
    texts |= {f"clue{no}": model.clause(clue) for no, clue in enumerate(conceit["clues"], 1)}
    texts |= {f"enemy{no}": model.clause(move) for no, move in enumerate(conceit["enemy"], 1)}
    texts["ending"] = own_ending or model.clause(conceit[f"end_{ending_kind}"])
    texts["final"] = model.clause(conceit["final_dark" if dark else "final_light"])
    for part in "AMR":
        character = folk.characters.get(part)
        secret = character.secret if character and character.secret else "{X} once looked away at the wrong moment"
        texts[f"secret_{part}"] = small(fill(secret.replace("{X}", f"{{{part}.they}}"), model.slots())).rstrip(".")
    opponent = folk.characters.get("N")
    own = opponent.secret if opponent and opponent.secret else model.clause(conceit["n_secret"])
    texts["n_secret"] = small(own).rstrip(".")
    custom = next((each.text for each in world.lore if each.kind in ("culture", "event")), "") if world else ""
    texts["lore1"] = re.split(r"(?<=[.!?]) ", custom)[0] if custom else "Nobody remembers how it began."
    return texts


def _beats(model: Model, world: World | None, path: str) -> list[Beat]:
    beats = [each for each in bank.load("beats")["beat"] if each["chain"] not in PATHS or each["chain"] == path]
    names = _names(model.slots())
    known = {each["name"] for each in model.conceit["rules"]}
    for number, rule in enumerate(world.rules[:5] if world else (), 1):
        beats.append(_rule_beat(number, rule, names, weight=2 if rule.name in known else 1))
    for number, motif in enumerate(model.motifs, 1):
        beats.append(_motif_beat(number, motif.form("a"), motif.verb("it", "them"), motif.text))
    return sorted(beats, key=lambda each: (each["at"], each["id"]))


def _rule_beat(number: int, rule: Rule, names: Sequence[str], weight: int) -> Beat:
    """A chapter about a rule of the world; one that a person added (weight 1) is never left out."""
    statement, cost = (inside(_safe(text.strip()), names).rstrip(".") for text in (rule.statement, rule.cost))
    limit = _safe(rule.limit.strip()).rstrip(".")
    turn = number - 1
    told = (
        "{L} comes up against it at {P}, the thing every child in {town} can recite: ",
        "At {P} {L} has to explain it to a stranger, and hears it as if for the first time: ",
        "{L} and {A.f} argue at {P} about what exactly the old words mean: ",
        "Somebody at {P} has painted it on a wall, and {L} stands before it as if it were news: ",
        "{L} says it over at {P} like a sum that will not come out: ",
    )[turn]
    price = (
        "What it costs is known as well: ",
        "The price is part of the saying: ",
        "And nobody forgets to add: ",
        "Below it, in smaller letters: ",
        "Then comes the other half: ",
    )[turn]
    after = f" {price}{cost}." if cost else ""
    after += f" This time {{L.f}} asks where it stops. {limit}." if limit and number % 2 == 0 else ""
    conflict, change, hook = (
        (
            "what everyone knows against what it means for one person",
            "from a saying to a rule that binds",
            "There is a gap in the rule, and {L.f} is not the first to see it.",
        ),
        (
            "an honest question against an easy answer",
            "from knowing it by heart to hearing it",
            "The stranger asks who thought of that, and whom it was meant for.",
        ),
        (
            "two readings of one sentence, and both have consequences",
            "from agreement to a difference that matters",
            "{A.f} asks what {D} would have said, and then it is quiet.",
        ),
        ("a rule in public against a rule in practice", "from custom to accusation", "The paint is still wet."),
        (
            "what must be paid against what there is to pay with",
            "from hoping for an exception to counting",
            "It can be done, once, if nobody else has to pay.",
        ),
    )[turn]
    return {
        "id": f"u-{number}",
        "chain": "rules",
        "at": (22.5, 38.5, 49.5, 62, 70.5)[turn],
        "weight": weight,
        "place": ("home", "common", "wild", "work", "under")[turn],
        "who": ["A"] if turn == 2 else [],
        "tension": 5,
        "titles": [_safe(rule.name)],
        "text": f"{told}{statement}.{after}",
        "so": f"{{L.f}} has learned in earnest what “{_safe(rule.name).lower()}” means",
        "conflict": conflict,
        "change": change,
        "hook": hook,
    }


def _motif_beat(number: int, noun: str, pronoun: str, bare: str) -> Beat:
    turn = (number - 1) % 4
    told = (
        f"At {{P}} {{L}} comes upon {_safe(noun)}, where nobody would expect {pronoun}. {{A.f}} asks what it means. "
        "{L.f} does not know yet, but it was just here that {D} was last seen.",
        f"{{W}} tells {{L}} at {{P}} what is said in {{town}} about the {_safe(bare)}, and that only {{D}} dared "
        "to laugh at it. {L.f} begins to look out for more of the same, and finds three signs before supper.",
        f"All through the day {{L}} is put in mind of the {_safe(bare)}: a word here, a look there, a drawing in the "
        "dust at {P}. {A.f} thinks it is chance. {L.f} has stopped believing in that.",
        f"{{R}} has heard about the {_safe(bare)} as well and says so at {{P}}, too lightly. {{L}} notes who is "
        "listening, and who takes care not to.",
    )[turn]
    return {
        "id": f"v-{number}",
        "chain": "town",
        "at": (10.5, 35, 55, 67)[number - 1],
        "weight": 1,
        "place": ("wild", "common", "home", "common")[number - 1],
        "who": [["A"], ["W"], ["A"], ["R"]][number - 1],
        "tension": 5,
        "titles": [capital(heading(_safe(noun)))],
        "text": told,
        "so": "there is one sign more, and it points the same way",
        "conflict": (
            "a sign that may mean nothing against the wish that it should",
            "gossip against memory",
            "chance against design",
            "a light word against a heavy silence",
        )[turn],
        "change": ("from chance to sign", "from rumour to trace", "from doubt to alarm", "from private to known")[
            turn
        ],
        "hook": (
            "Somebody else has been here to look, not an hour ago.",
            "The third sign is inside the house.",
            "In the night the drawing is wiped out.",
            "One of the listeners gets up and forgets a hat.",
        )[turn],
    }


def _safe(text: str) -> str:
    """Text of the person or of an earlier stage inside a template: its braces are no slots."""
    return text.replace("{", "(").replace("}", ")")


def _chosen(beats: list[Beat], count: int, choice: Choice) -> list[Beat]:
    """As many beats as there are chapters, or the main ones where there are fewer chapters than those."""
    order = {chain: place for place, chain in enumerate(SHARE)}
    allowed = [each for each in beats if each["weight"] == 1 or not choice.forbids(each["text"])]
    wanted = sorted(allowed, key=lambda each: (each["weight"], order[each["chain"]], each["at"]))
    first = [each for each in wanted if each["weight"] == 1]
    taken = wanted[: max(count, len(first))]
    return sorted(taken, key=lambda each: (each["at"], each["id"]))


def _grouped(beats: list[Beat], count: int) -> list[list[Beat]]:
    """The beats as chapters: one each, or several together in a short book."""
    count = min(count, len(beats))
    edges = [round(place * len(beats) / count) for place in range(count + 1)]
    return [beats[start:end] for start, end in pairwise(edges)]


def _main(group: Sequence[Beat]) -> Beat:
    return max(group, key=lambda each: (each["tension"], -each["weight"]))


def _place_names(model: Model, places: Mapping[str, Place]) -> dict[str, str]:
    names = {role: in_sentence(place.name) for role, place in places.items()}
    for entry in model.conceit["places"]:
        names.setdefault(entry["role"], in_sentence(heading(model.clause(entry["name"]))))
    return names


def _assign_places(
    groups: Sequence[Sequence[Beat]], places: Mapping[str, Place], world: World | None
) -> list[Place | None]:
    """A place for each chapter: one that its beats ask for; unused ones replace doubled ones off the main line."""
    given: list[Place | None] = []
    for group in groups:
        wanted = [places.get(beat["place"]) for beat in (_main(group), *group)]
        given.append(next((each for each in wanted if each not in given), wanted[0]))
    if world is None:
        return given
    unused = [place for place in world.places if place not in given]
    for position, group in enumerate(groups):
        here = given[position]
        free = _main(group)["chain"] in ("town", "places", "rules", "ally")
        if unused and here is not None and free and sum(each is here for each in given) > 1:
            given[position] = unused.pop(0)
    return given


def _chapter(
    no: int,
    group: Sequence[Beat],
    groups: Sequence[Sequence[Beat]],
    model: Model,
    choice: Choice,
    wishes: Wishes,
    folk: Company,
    place: Place | None,
    names: Mapping[str, str],
) -> Chapter:
    main = _main(group)
    slots = dict(model.slots())
    texts = []
    for beat in group:
        here = in_sentence(place.name) if place and len(group) == 1 else names[beat["place"]]
        detail = place.detail if place else ""
        slots |= {"P": here, "here": f"{detail.rstrip('.')}." if detail else ""}
        texts.append(sentences(fill(beat["text"], slots)))
    slots["P"] = in_sentence(place.name) if place else names[main["place"]]
    summary = texts[0] if len(group) == 1 else _condensed(texts, group)
    if len(group) == 1 and wishes.length >= 0:
        summary = _linked(summary, main, no, groups, slots)
    if wishes.length < 0:
        summary = " ".join(re.split(r"(?<=[.!?]) ", summary)[:2])
    wanted = list(dict.fromkeys(part for beat in group for part in ["L", *beat["who"]]))
    people = [folk.ids[part] for part in wanted if part in folk.ids][:8]
    title = heading(capital(fill(choice.pick(f"title/{main['id']}", main["titles"]), slots)))
    return Chapter(
        id=f"h{no}",
        no=no,
        title=title[:80],
        place=place.id if place else "",
        cast=tuple(people),
        summary=fit(summary, 600),
        conflict=fit(capital(fill(main["conflict"], slots)), 200),
        change=fit(capital(fill(main["change"], slots)), 160),
        hook=fit(sentences(fill(group[-1]["hook"], slots)), 160),
        tension=main["tension"],
    )


ESSENTIAL = ("c-trigger", "c-climax", "c-mid", "c-end", "c-commit", "c-plan", "c-try", "c-loss", "c-clue1", "c-open")
"""What a chapter that stands for many beats tells before anything else."""


def _condensed(texts: Sequence[str], beats: Sequence[Beat]) -> str:
    """Several beats in one chapter: of each as many sentences as fit into 600 characters together."""
    parts = [re.split(r"(?<=[.!?]) ", text) for text in texts]
    for most in (3, 2, 1):
        whole = " ".join(" ".join(part[:most]) for part in parts)
        if len(whole) <= 600:
            return whole
    rank = {name: place for place, name in enumerate(ESSENTIAL)}
    room, taken = 600, set()
    for place in sorted(range(len(beats)), key=lambda each: rank.get(beats[each]["id"], len(rank))):
        if len(parts[place][0]) + 1 <= room:
            taken.add(place)
            room -= len(parts[place][0]) + 1
    return " ".join(parts[place][0] for place in sorted(taken))


def _linked(
    summary: str,
    beat: Beat,
    no: int,
    groups: Sequence[Sequence[Beat]],
    slots: Slots,
) -> str:
    """The summary with its cause before it: what the last beat of the same chain has changed."""
    before = [each for group in groups[: no - 1] for each in group]
    same = [each for each in before if each["chain"] == beat["chain"]]
    if not same or no % 2 == 1 or beat["chain"] in ("town", "places", "rules") or beat.get("fresh"):
        return summary
    so = fill(same[-1]["so"], slots)
    summary = _pronoun(summary, so, slots)
    if no % 4 == 0 and ":" not in so and not summary.startswith(("At ", "On ", "By ", "In ", "With ")):
        linked = f"Now that {so}, {inside(summary, _names(slots))}"
    else:
        linked = f"By now {so}. {capital(summary)}"
    return linked if len(linked) <= 600 else summary


def _pronoun(summary: str, so: str, slots: Slots) -> str:
    """The summary with a pronoun for its subject where that is the cause's subject too; `they` would move verbs."""
    for person in slots.values():
        if isinstance(person, Person) and person.pronouns != "they" and so.startswith(f"{person.first} "):
            for name in (person.name, person.first):
                if summary.startswith(f"{name} ") and not re.match(rf"{re.escape(name)} (?:and|or) ", summary):
                    return person.pronouns + summary[len(name) :]
    return summary


def _names(slots: Slots) -> list[str]:
    people = [each.first for each in slots.values() if isinstance(each, Person)]
    return [*people, *(each.text for each in slots.values() if isinstance(each, Named) and each.text[:1].isupper())]


def _finish(
    told: Sequence[Chapter], groups: Sequence[Sequence[Beat]], folk: Company, words: int, story: Story | None
) -> list[Chapter]:
    """Acts, tellers, extras, words and a tension that never rests for three chapters running."""
    several = story is not None and story.pov in ("multiple_third", "omniscient")
    shares = _words(words, [chapter.tension for chapter in told])
    finished: list[Chapter] = []
    for place, (chapter, group) in enumerate(zip(told, groups, strict=True)):
        people = list(chapter.cast)
        if folk.extras:
            climax = any(beat["id"] == "c-climax" for beat in group)
            extra = (
                [each.id for each in folk.extras]
                if climax
                else [folk.extras[place % len(folk.extras)].id] * (place % 4 == 1)
            )
            people = list(dict.fromkeys([*people, *extra]))[:8]
        part = TELLERS.get(_main(group)["chain"], "L") if several else "L"
        teller = folk.ids.get(part, "")
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
    missing = [each for each in _everyone(folk) if not any(each in chapter.cast for chapter in finished)]
    for number, each in enumerate(missing):
        place = len(finished) - 1 - number % len(finished)
        chapter = finished[place]
        if len(chapter.cast) < 8:
            finished[place] = chapter.model_copy(update={"cast": (*chapter.cast, each)})
    return finished


def _everyone(folk: Company) -> list[str]:
    return [*folk.ids.values(), *(each.id for each in folk.extras)]


def _words(total: int, tensions: Sequence[int]) -> list[int]:
    weights = [0.8 + tension / 25 for tension in tensions]
    edges = [0, *(round(total * sum(weights[:end]) / sum(weights), -2) for end in range(1, len(weights)))]
    return [min(20_000, max(0, int(end - start))) for start, end in pairwise([*edges, total])]


def _whole(
    chapters: Sequence[Chapter], groups: Sequence[Sequence[Beat]], model: Model, choice: Choice, count: int
) -> Outline:
    texts = bank.load("stories")
    bounds = (29.5, 51.9, 76, 100) if count >= 12 else (29.5, 76, 100)
    picks = (0, 1, 2, 3) if count >= 12 else (0, 2, 3)
    act_of = [next(place for place, bound in enumerate(bounds) if _main(group)["at"] <= bound) for group in groups]
    for place in range(1, len(act_of)):
        act_of[place] = max(act_of[place], act_of[place - 1])
    there = sorted(set(act_of))
    acts = [
        Act(
            id=f"a{number}",
            name=choice.order(f"act/{picks[place]}", texts["acts"][picks[place]]["names"])[0],
            purpose=model.say(_conceit_text(texts["acts"][picks[place]]["purpose"], model), 240),
            turning_point=familiar(
                model.say(_conceit_text(texts["acts"][picks[place]]["turning"], model), 240),
                (model.lead, model.opponent),
                (model.lead.name, model.opponent.name),
            ),
        )
        for number, place in enumerate(there, 1)
    ]
    chains = {beat["chain"] for group in groups for beat in group}
    threads: list[Thread] = []
    thread_of: dict[str, str] = {}
    for entry in texts["threads"]:
        if entry["chain"] not in chains or len(threads) == 8:
            continue
        last = max(
            place for place, group in enumerate(groups) if any(beat["chain"] == entry["chain"] for beat in group)
        )
        thread_of[entry["chain"]] = f"t{len(threads) + 1}"
        threads.append(
            Thread(
                id=f"t{len(threads) + 1}",
                title=capital(model.clause(entry["title"]))[:80],
                kind="main" if entry["chain"] == "main" else "sub",
                question=model.say(entry["question"], 200),
                closes_in=f"h{last + 1}",
            )
        )
    done = [
        chapter.model_copy(
            update={
                "act": f"a{there.index(act) + 1}",
                "threads": tuple(dict.fromkeys(thread_of.get(beat["chain"], "t1") for beat in group))[:4],
            }
        )
        for chapter, group, act in zip(chapters, groups, act_of, strict=True)
    ]
    place_of = {beat["id"]: place for place, group in enumerate(groups) for beat in group}
    pairs = [
        (entry, place_of[entry["in"]], place_of[entry["out"]])
        for entry in texts["plants"]
        if entry["in"] in place_of and entry["out"] in place_of
    ]
    plants = [
        Plant(
            id=f"x{number}",
            text=fit(capital(model.clause(entry["text"])), 160),
            planted_in=f"h{start + 1}",
            paid_in=f"h{end + 1}",
        )
        for number, (entry, start, end) in enumerate(((e, s, t) for e, s, t in pairs if s < t), 1)
    ]
    final = model.extra["final"]
    return Outline(
        structure={4: "four_act", 3: "three_act"}.get(len(acts), "custom"),
        final_image=fit(sentences(str(final)), 300),
        acts=tuple(acts),
        threads=tuple(threads),
        chapters=tuple(done),
        plants=tuple(plants[:24]),
    )


def _conceit_text(template: str, model: Model) -> str:
    return template.replace("{midpoint}", model.conceit["midpoint"])
