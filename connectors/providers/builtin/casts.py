"""CHARACTERS by the built-in engine: six people, each with something to hide from the others."""

from collections.abc import Mapping
from dataclasses import replace

from connectors.providers.builtin import bank
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Noun, Person, capital, fill, fit, number, sentences, small
from connectors.providers.builtin.model import Model, someone, wounds_of
from connectors.providers.builtin.stories import Audience
from connectors.providers.builtin.wishes import Wishes
from genesis.content.cast import Cast, Character, Relationship

AGES = {"A": (28, 52), "M": (66, 78), "R": (27, 44), "W": (48, 64), "N": (52, 66)}
LEAD_AGES: dict[Audience, tuple[int, int]] = {
    "adult": (29, 47),
    "young_adult": (16, 18),
    "middle_grade": (12, 13),
    "children": (10, 11),
}
ORDER = "LNAMRW"
ROLES = {"L": "protagonist", "N": "antagonist", "A": "ally", "M": "mentor", "R": "rival", "W": "minor"}


def people_of(model: Model, choice: Choice, second: str = "") -> dict[str, Person]:
    """The six people of the cast by their part; `second` is a job that the idea gives to another person."""
    bank_ = bank.load("people")
    people = {"L": model.lead, "N": model.opponent}
    used = {model.lost, *model.lead.name.split(" "), *model.opponent.name.split(" ")}
    for part in "AMRW":
        person = someone(choice, f"cast/{part}", bank_, used)
        used |= set(person.name.split(" "))
        jobs = str(_entry(choice, part)["job"]).split("|")
        job = jobs[{"she": 0, "he": 1}.get(person.pronouns, 2) % len(jobs)] if len(jobs) > 1 else jobs[0]
        slots = {**model.slots(), part: person}
        people[part] = replace(person, job=second if part == "R" and second else fill(job, slots))
    return people


def _entry(choice: Choice, part: str) -> bank.Entry:
    entry: bank.Entry = choice.pick(f"cast/{part}/entry", bank.load("people")[part])
    return entry


def cast(
    model: Model, choice: Choice, wishes: Wishes, audience: Audience, faction: Mapping[str, str], second: str
) -> Cast:
    """The cast of this model; `faction` holds the faction id of a part, `second` the job of the rival."""
    people = people_of(model, choice, second)
    model = replace(model, extra={**model.extra, **people})
    ids = {part: f"c{place}" for place, part in enumerate(ORDER, 1)}
    characters = [_lead(model, choice, wishes, audience)]
    for part in ORDER[1:]:
        entry = _entry(choice, part)
        texts = {
            "profile": entry["profile"],
            "want": entry.get("want", model.conceit["house_goal"]),
            "need": entry["need"],
            "secret": entry.get("secret", model.conceit["n_secret"]),
            "arc": entry["arc"],
            "voice": entry["voice"],
        }
        age = number(choice.between(f"cast/{part}/age", *AGES[part]))
        told = {key: _text(model, text, age, people[part]) for key, text in texts.items()}
        characters.append(
            Character(
                id=ids[part],
                name=people[part].name[:60],
                role="love_interest" if part == "R" and wishes.romance else ROLES[part],
                pronouns=people[part].pronouns,
                faction=faction.get(part, ""),
                profile=fit(told["profile"], 240),
                want=fit(told["want"], 200),
                need=fit(told["need"], 200),
                secret=fit(told["secret"], 200),
                arc=fit(told["arc"], 300),
                voice=fit(told["voice"], 200),
                **_opponent(model, entry) if part == "N" else {},
            )
        )
    bonds = bank.load("people")["bonds"]
    if wishes.length < 0:
        bonds = bonds[:5]
    relationships = [
        Relationship(
            id=f"b{place}",
            a=ids[bond["pair"][0]],
            b=ids[bond["pair"][1]],
            kind="love" if bond["pair"] == "LR" and wishes.romance else bond["kind"],
            surface=model.say(bond["surface"], 160),
            tension=model.say(bond["tension"], 200),
            change=model.say(bond["change"], 160),
        )
        for place, bond in enumerate(bonds, 1)
    ]
    return Cast(characters=tuple(characters), relationships=tuple(relationships))


def _text(model: Model, template: str, age: str, person: Person) -> str:
    slots = {**model.slots(), "age": age, "job": Noun(person.job)}
    return sentences(fill(template, slots))


def _opponent(model: Model, entry: bank.Entry) -> dict[str, str]:
    wound = "{N.They} gave the word before {event}, and {N.v:has|have} heard it every day since."
    return {"wound": model.say(wound, 240), "false_belief": model.say(entry["false_belief"], 160)}


def _lead(model: Model, choice: Choice, wishes: Wishes, audience: Audience) -> Character:
    known = next((entry for line, entry in wounds_of(model) if line == model.wound), None)
    entry = known or bank.load("people")["wounds"][2]
    belief = model.say(entry["belief"], 160)
    age = wishes.age or choice.between("cast/L/age", *LEAD_AGES[audience])
    look = choice.pick("cast/L/look", bank.load("people")["L"])
    profile = f"{capital(number(min(99, max(10, age))))}, {{trade.a}} at {{site}} in {{town}}; {look['look']}."
    return Character(
        id="c1",
        name=model.lead.name[:60],
        role="protagonist",
        pronouns=model.lead.pronouns,
        profile=model.say(profile, 240),
        want=model.told("aim", 200),
        need=model.say(entry["need"], 200),
        wound=fit(f"{model.lead.first} {model.wound}.", 240),
        false_belief=belief,
        secret=model.say(
            "{L.They} {L.v:keeps|keep} something of {D.s} in a tin under the floor, and {L.v:has|have} told nobody",
            200,
        ),
        arc=fit(f"From believing that {small(belief)} to acting, in front of everyone, as if it were not so", 300),
        voice=look["voice"],
    )
