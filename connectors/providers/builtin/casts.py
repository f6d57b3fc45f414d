"""CHARACTERS by the built-in engine: six people, each with something to hide from the others."""

from collections.abc import Mapping

from connectors.providers.builtin.audiences import CHILDREN, PEERS, age_range, childs, written_for
from connectors.providers.builtin.bank.tables import Bond, Wound
from connectors.providers.builtin.bank.templates import Audience
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import entry_of
from connectors.providers.builtin.grammar import Noun, capital, fill, fit, inside, number, sentences
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.reading import likeness
from connectors.providers.builtin.recall import ROLES
from connectors.providers.builtin.says import says
from connectors.providers.builtin.wishes import Wishes
from genesis.content.cast import Cast, Character, Relationship

ORDER = "LNAMRW"
LIMITS = {"profile": 240, "want": 200, "need": 200, "secret": 200, "arc": 300, "voice": 200}
PAIRS = ("LN", "LA", "LM", "LR", "LW", "NM", "NW", "AR", "NR", "AW")
"""Whose relationships are told, in this order."""


def tell(model: Model, choice: Choice, wishes: Wishes, audience: Audience, factions: Mapping[str, str]) -> Cast:
    """The cast of this model, everyone of whom has a name already; `factions` holds the faction id of a part.

    Ages are those of the audience, or of the genre's own where that is younger.
    """
    ids = {part: f"c{place}" for place, part in enumerate(ORDER, 1)}
    said = model.having(**says(model, choice))
    ages = written_for(model.genre, audience)
    characters = [_lead(said, choice, wishes, ages, factions.get("L", ""))]
    for part in ORDER[1:]:
        entry = entry_of(model, choice, part)
        person = model.person(part)
        years = number(choice.between(f"cast/{part}/age", *age_range(part, ages)))
        job = person.job or entry.job
        if ages in CHILDREN and part in PEERS[ages] and model.genre.meta.audience not in CHILDREN:
            job = childs(job)
        slots = {**said.slots, "age": years, "job": Noun(job)}
        told = {name: fit(sentences(fill(getattr(entry, name), slots)), LIMITS[name]) for name in LIMITS}
        if part == "N":
            told["want"] = said.say(model.premise.house.goal, 200)
            told["wound"] = said.say(_opponent_wound(choice), 240)
            told["false_belief"] = said.say(entry.belief, 160) if entry.belief else ""
        love = part == "R" and _in_love(model, wishes, ages)
        characters.append(
            Character(
                id=ids[part],
                name=person.name[:60],
                role="love_interest" if love else ROLES[part],
                pronouns=person.pronouns,
                faction=factions.get(part, ""),
                **told,
            )
        )
    relationships = _relationships(said, choice, wishes, ids, ages)
    return Cast(characters=tuple(characters), relationships=relationships)


OPPONENT_WOUNDS = (
    "{N.theyC} had to decide alone {event.in}, and {N.v:has|have} decided alone ever since.",
    "{N.theyC} once trusted somebody of {L.s} kind, and had to pay for it before everyone.",
    "What {L.f} lost, {N.f} had lost long before, and nobody asked after it.",
    "{N.theyC} gave the word {event.in}, and {N.v:hears|hear} it at night in {N.their} own voice.",
)


def _in_love(model: Model, wishes: Wishes, ages: Audience) -> bool:
    """Lead and rival love each other: where it is wished, or where the plot is about it and they are no children."""
    if wishes.romance is None:
        return model.premise.plot == "bond" and ages not in CHILDREN
    return wishes.romance


def _opponent_wound(choice: Choice) -> str:
    return choice.pick("cast/N/wound", OPPONENT_WOUNDS)


def _lead(model: Model, choice: Choice, wishes: Wishes, ages: Audience, faction: str) -> Character:
    wound = wound_of(model)
    belief = model.say(wound.belief, 160)
    names = [model.person(part).first for part in "LND"]
    age = wishes.age or choice.between("cast/L/age", *age_range("L", ages))
    look = choice.pick("cast/L/look", model.genre.looks)
    profile = f"{capital(number(min(99, max(10, age))))}, {{trade.a}} {{site.in}} {{town.in}}; {look.look}."
    return Character(
        id="c1",
        name=model.lead.name[:60],
        role="protagonist",
        pronouns=model.lead.pronouns,
        faction=faction,
        profile=model.say(profile, 240),
        want=model.say("{aim}", 200),
        need=model.say(wound.need, 200),
        wound=fit(f"{model.lead.first} {model.text('wound')}.", 240),
        false_belief=belief,
        secret=model.say(choice.pick("cast/L/secret", model.genre.pools.keepsakes), 200),
        arc=fit(_arc(choice).format(inside(belief.rstrip("."), names)), 300),
        voice=model.say(look.voice, 200),
    )


ARCS = (
    "From believing that {0} to acting, in front of everyone, as if it were not so",
    "At first certain that {0}; at the end no longer certain, and freer for it",
    "Has to unlearn that {0}, and pays for each lesson twice",
)


def _arc(choice: Choice) -> str:
    return choice.pick("cast/L/arc", ARCS)


def wound_of(model: Model) -> Wound:
    """The bank's wound that the lead's comes from: the same sentence, or the most alike."""
    told = model.text("wound")
    exact = next((each for each in model.genre.wounds if model.clause(each.line) == told), None)
    return exact or max(model.genre.wounds, key=lambda each: likeness([each.line], told))


def _relationships(
    model: Model, choice: Choice, wishes: Wishes, ids: Mapping[str, str], ages: Audience
) -> tuple[Relationship, ...]:
    told: list[Relationship] = []
    for pair in PAIRS[: 5 if wishes.length < 0 else 10]:
        bonds: list[Bond] = [each for each in model.genre.bonds if each.pair in (pair, pair[::-1])]
        if not bonds:
            continue
        bond = choice.pick(f"bond/{pair}", bonds)
        love = pair == "LR" and _in_love(model, wishes, ages)
        told.append(
            Relationship(
                id=f"b{len(told) + 1}",
                a=ids[bond.pair[0]],
                b=ids[bond.pair[1]],
                kind="love" if love else bond.kind,
                surface=model.say(bond.surface, 160),
                tension=model.say(bond.tension, 200),
                change=model.say(bond.change, 160),
            )
        )
    return tuple(told)
