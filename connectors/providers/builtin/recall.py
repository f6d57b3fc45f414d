"""The model as confirmed stages tell it, hand edits included; what they don't say is as it was invented."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from connectors.providers.builtin.bank.plots import Turn
from connectors.providers.builtin.bank.shelves import Genre, genre
from connectors.providers.builtin.bank.tables import Premise
from connectors.providers.builtin.bank.templates import TYPES
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import named_in, with_company
from connectors.providers.builtin.genres import any_genre, genre_of
from connectors.providers.builtin.grammar import Named, Noun, Person, Pronouns
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.model import Model, Slot, invent, lending, refreshed, usual_preposition
from connectors.providers.builtin.reading import Found, likeness, premise_of, read_back, settled, split
from genesis.content.cast import Cast, Character
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.story import Story
from genesis.content.world import World
from genesis.session.brief import Brief
from genesis.session.stages import Stage

LEADS = (
    "{L}, {trade.a} {site.in} {town.in}, who {wound}.",
    "{L}, {trade.a} {town.in}, who {wound}.",
)
"""Forms of a concept's line about the lead, the usual one first."""
OPPOSITIONS = ("{N}, {office} of {house}, who {opposes}.",)

ROLES = {"L": "protagonist", "N": "antagonist", "A": "ally", "M": "mentor", "R": "rival", "W": "minor"}
"""Role that a person of each part has in the cast."""


@dataclass(frozen=True)
class Recalled:
    """What is known before a later stage is told."""

    model: Model
    own: bool
    """False where the confirmed concept is no premise of the bank."""
    turn: Turn | None = None
    """The turn of the confirmed story, where it is one of the bank's."""


def recall(brief: Brief, idea: Idea, choice: Choice, confirmed: Mapping[Stage, Content]) -> Recalled:
    """The model that the confirmed stages tell.

    `choice` fills what no stage says; give it the same for every stage and round.
    """
    concept = confirmed.get(Stage.CONCEPT_SELECTION)
    shelf = _genre(brief, choice, concept)
    own = True
    premise = choice.pick("premise", shelf.premises)
    if isinstance(concept, Concept):
        found = premise_of(shelf.premises, _whole(concept))
        own = found is not None
        # A concept that a person wrote goes on with the premise that it is most like.
        premise = found or premise_of(shelf.premises, _whole(concept), least=0.0) or premise
    model = with_company(invent(shelf, premise, brief, idea, choice, "told"), choice)
    if isinstance(concept, Concept):
        model = from_concept(concept, model)
        # People whom the concept doesn't name get names that go with those it does.
        told = f"{concept.hook} {concept.premise} {concept.stakes} {concept.what_if}"
        model = with_company(model, choice, fixed=named_in(told, model))
    story = confirmed.get(Stage.STORY_CONCEPTION)
    turn = None
    if isinstance(story, Story):
        model = _from_story(story, model)
        turn = turn_of(story, model)
    there = confirmed.get(Stage.WORLDVIEW)
    if isinstance(there, World):
        model = from_world(there, model)
    people = confirmed.get(Stage.CHARACTERS)
    if isinstance(people, Cast):
        model = from_cast(people, model)
    return Recalled(model, own, turn)


def _genre(brief: Brief, choice: Choice, concept: Content | None) -> Genre:
    told = genre_of(concept.genre) if isinstance(concept, Concept) else ""
    return genre(told or genre_of(brief.genre) or any_genre(choice))


def _whole(concept: Concept) -> str:
    return f"{concept.hook} {concept.premise} {concept.what_if}"


def from_concept(concept: Concept, base: Model) -> Model:
    """The base with everything that can be read out of a concept, whoever wrote it."""
    premise = base.premise
    own = [*premise.hook, *premise.premise, *premise.what_if, *premise.stakes, *premise.fresh, *premise.opposes]
    known = _known(base)
    text = "\n".join((concept.hook, concept.premise, concept.what_if, concept.stakes, concept.fresh_because))
    found = settled(read_back(own, text, known))
    found |= settled(read_back(_opposed(premise.opposes), concept.opposition, known))
    found |= settled(read_back(LEADS, concept.lead, known))
    found |= _inside(found, premise)
    model = apply(found, base)
    name = concept.lead.split(",")[0].strip()
    if "L" not in found and name[:1].isupper() and len(name.split(" ")) <= 5:
        model = model.having(L=Person(name[:60], _pronouns_in(concept, model) or model.lead.pronouns))
    against = concept.opposition.split(",")[0].strip()
    if "N" not in found and against[:1].isupper() and len(against.split(" ")) <= 4:
        model = model.having(N=Person(against[:60], pronouns_of_name(against, model) or model.opponent.pronouns))
    others = [each for each in base.genre.premises if each is not premise]
    if concept.derived_from:
        blended = premise_of([each for each in others if _shows(each, concept, model)], _whole(concept), 0.0)
        model = lending(blended, model) if blended else model
    return refreshed(model, found)


def _known(base: Model) -> frozenset[str]:
    """Names and phrases that may stand in slots as a whole, so that what is inside them is not read as more."""
    premise = base.premise
    options = [option for slot in TYPES for option in getattr(premise.slots, slot)]
    options += [option for declared in premise.more.values() for option in declared.options]
    options += [each for house in premise.house.names for each in house]
    options += [premise.other.name, *(each.name for each in base.genre.factions)]
    options += [town for culture in base.genre.cultures for town in culture.towns]
    told = {Named.read(option, "").text for option in options if "{" not in option}
    told |= {base.text(slot) for slot in base.slots if not isinstance(base.slots[slot], str)}
    return frozenset(told | {base.text("office")})


def _inside(found: Mapping[str, Found], premise: Premise) -> dict[str, Found]:
    """Names that stand in the texts nowhere but inside what the lead means to do."""
    more: dict[str, Found] = {}
    for slot, template in (("aim", premise.aim), ("plan", premise.plan)):
        if slot in found:
            more |= settled(read_back([template], found[slot].text))
    return {slot: each for slot, each in more.items() if slot not in found}


def _opposed(clauses: Iterable[str]) -> list[str]:
    return [form.replace("{opposes}", each) for form in OPPOSITIONS for each in clauses]


def _shows(premise: Premise, concept: Concept, model: Model) -> bool:
    """The concept holds the sentence that a blend takes from this premise."""
    return any(likeness([each.statement], concept.premise) > 0.8 for each in premise.rules[:1])


def apply(found: Mapping[str, Found], base: Model) -> Model:
    """The base with what was found in its slots."""
    slots: dict[str, Slot] = {}
    for name, each in found.items():
        slot, _, form = name.partition(".")
        if not each.text or slot in ("aim", "plan") or slot not in base.slots:
            continue
        old = base.slots[slot]
        if form == "they":
            continue
        if isinstance(old, Person):
            if form == "":
                slots[slot] = _person(slot, each.text, found, base)
            elif slot not in found and form == "f":
                slots[slot] = _person(slot, _with_first(old, each.text), found, base)
        elif isinstance(old, Named):
            kept = old.preposition if old.text == each.text else ""
            slots[slot] = Named(each.text, each.preposition or kept or _usual(slot, each.text, base))
        elif isinstance(old, Noun):
            slots[slot] = Noun(each.text)
        else:
            slots[slot] = each.text.lower() if slot == "years" else each.text
    for part in ("L", "N", "D"):
        pronoun = found.get(f"{part}.they")
        old = base.slots[part]
        if pronoun and part not in slots and isinstance(old, Person):
            slots[part] = replace(old, pronouns=_as_pronouns(pronoun.text) or old.pronouns)
    return base.having(**slots)


def _person(slot: str, name: str, found: Mapping[str, Found], base: Model) -> Person:
    """With the pronouns the text says, else those of the name, where it is another name than the base's."""
    said, old = found.get(f"{slot}.they"), base.person(slot)
    pronouns = _as_pronouns(said.text) if said else None
    if pronouns is None and name != old.name:
        pronouns = pronouns_of_name(name, base)
    return Person(name[:60], pronouns or old.pronouns)


def _with_first(old: Person, first: str) -> str:
    return " ".join([first, *old.name.split(" ")[1:]]) if " " in old.name else first


def _as_pronouns(text: str) -> Pronouns | None:
    kinds: tuple[Pronouns, ...] = ("she", "he", "they", "it")
    return next((each for each in kinds if each == text), None)


def _usual(slot: str, text: str, base: Model) -> str:
    """The preposition that the bank gives this name, else the one of its head noun, else the slot's usual one."""
    declared = base.premise.more.get(slot)
    options: list[str] = list(getattr(base.premise.slots, slot, ()) if slot in TYPES else ())
    options += declared.options if declared else ()
    if slot == "town":
        options += [town for culture in base.genre.cultures for town in culture.towns]
    for option in options:
        known = Named.read(option, "")
        if known.text == text and known.preposition:
            return known.preposition
    old = base.slots[slot]
    if slot == "town" and isinstance(old, Named) and old.preposition == "aboard":
        return old.preposition
    return usual_preposition(declared.type if declared else slot, text)


def _pronouns_in(concept: Concept, model: Model) -> Pronouns | None:
    words = f" {concept.lead} {concept.hook} ".casefold().replace(",", " ").replace(".", " ").split()
    sets: dict[Pronouns, set[str]] = {
        "she": {"she", "her", "herself"},
        "he": {"he", "his", "him", "himself"},
        "they": {"they", "their", "themself"},
    }
    counts = {kind: sum(word in own for word in words) for kind, own in sets.items()}
    best = max(counts, key=lambda each: counts[each])
    return best if counts[best] else pronouns_of_name(concept.lead, model)


def pronouns_of_name(name: str, model: Model) -> Pronouns | None:
    """The pronouns that the bank gives this first name, if it knows it."""
    first = name.split(" ")[0].rstrip(",")
    kinds: tuple[Pronouns, ...] = ("she", "he", "they")
    for kind in kinds:
        if any(first in getattr(culture, kind) for culture in model.genre.cultures):
            return kind
    return None


def _from_story(story: Story, model: Model) -> Model:
    """Names as the story has them; one changed there by hand counts."""
    plot = model.genre.plots[model.premise.plot]
    openings = [each for text in plot.opening for each in split(text)]
    found = settled(read_back(openings, story.synopsis, _known(model)))
    names = ("L", "L.they", "town", "trade")
    kept = {name: found[name] for name in names if name in found}
    if kept and ("L" in kept or model.lead.first not in story.synopsis):
        return refreshed(apply(kept, model))
    return model


def turn_of(story: Story, model: Model) -> Turn | None:
    """The turn that a story tells; None where it is its writer's own."""
    turns = model.genre.turns_of(model.premise.plot)
    scored = [(likeness([each.middle], story.synopsis), -place) for place, each in enumerate(turns)]
    score, place = max(scored, default=(0.0, 0))
    return turns[-place] if score >= 0.6 else None


def from_world(there: World, model: Model) -> Model:
    """The model with the names that the world has; a faction keeps its part by its place in the list."""
    slots: dict[str, Slot] = {}
    if there.name:
        old = model.slots["town"]
        name = _in_sentence(there.name)
        same = isinstance(old, Named) and old.text == name
        slots["town"] = old if same else Named(name, _usual("town", name, model))
    for slot, faction in zip(("house", "other", "third"), there.factions, strict=False):
        slots[slot] = Named(_in_sentence(faction.name), "at")
    return refreshed(model.having(**slots))


def _in_sentence(name: str) -> str:
    return f"the {name[4:]}" if name.startswith("The ") else name


def from_cast(people: Cast, model: Model) -> Model:
    """The model with the people of the cast in their parts."""
    slots: dict[str, Slot] = {}
    for part, person in parts_of(people).items():
        slots[part] = Person(person.name, person.pronouns, job_of(person))
    return refreshed(model.having(**slots))


def parts_of(people: Cast) -> dict[str, Character]:
    """Who plays which part; whoever has none is not in it."""
    found: dict[str, Character] = {}
    left = list(people.characters)
    for part, role in ROLES.items():
        roles = (role, "love_interest") if part == "R" else (role,)
        person = next((each for each in left if each.role in roles), None)
        if person is not None:
            left.remove(person)
            found[part] = person
    for part in "AMRW":
        if part not in found and left:
            found[part] = left.pop(0)
    return found


def job_of(person: Character) -> str:
    """What a person does, as the profile says it after the age."""
    first, _, rest = person.profile.partition(", ")
    job = rest.split(";")[0].split(".")[0].split(",")[0] if rest else first
    for article in ("a ", "an ", "the "):
        job = job.removeprefix(article)
    return job.strip()[:60] or "stranger"
