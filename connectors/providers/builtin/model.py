"""The story model: lead, loss, opponent, rule, cost. Made first, read back from what was confirmed, then told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.providers.builtin import bank
from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Named, Noun, Person, Pronouns, Slots, capital, fill, fit, sentences
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.wishes import Wishes
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.story import Story
from genesis.content.texts import mentions
from genesis.session.brief import Brief
from genesis.session.stages import Stage

GENRE = "quiet fantasy"


NOBODY_ELSE = Named("the others")


@dataclass(frozen=True)
class Model:
    """What a novel of this engine is about, before any of it is put into words."""

    conceit: bank.Entry
    lead: Person
    opponent: Person
    lost: str
    """First name of whoever was lost."""
    kin: Noun
    vessel: Noun
    proof: Noun
    trade: Noun
    site: Named
    kind: Noun
    wild: Named
    town: Named
    house: Named
    office: str
    event: Named
    years: str
    street: str
    inn: str
    wound: str
    """What the lead did; a clause without subject."""
    motifs: tuple[Noun, ...] = ()
    other: Named = NOBODY_ELSE
    extra: Mapping[str, Person | str] = field(default_factory=dict)

    def slots(self) -> Slots:
        """Everything that a text of the bank may ask for."""
        return {
            "L": self.lead,
            "N": self.opponent,
            "D": Person(self.lost, "they"),
            "kin": self.kin,
            "vessel": self.vessel,
            "proof": self.proof,
            "trade": self.trade,
            "craft": Noun(self.craft()),
            "site": self.site,
            "kind": self.kind,
            "wild": self.wild,
            "town": self.town,
            "house": self.house,
            "office": self.office,
            "event": self.event,
            "years": self.years,
            "street": self.street,
            "inn": self.inn,
            "other": self.other,
            "aim": "",
            **self.extra,
        }

    def craft(self) -> str:
        """The lead's trade as something that can be taught; a state of life cannot."""
        trade = bare(self.trade.text)
        return str(self.conceit["trades"][0]) if trade in bank.load("lexicon")["states"] else trade

    def clause(self, template: str) -> str:
        """A text of the bank with its slots filled, for the inside of a sentence."""
        return fill(template, self.slots())

    def say(self, template: str, limit: int) -> str:
        """A text of the bank as sentences, within a limit of characters."""
        return fit(sentences(self.clause(template)), limit)

    def told(self, key: str, limit: int) -> str:
        """The conceit's text of this name as sentences."""
        return self.say(self.conceit[key], limit)


def bare(noun: str) -> str:
    """The noun without the adjectives of the lexicon: `clockmaker` of `blind clockmaker`."""
    words = noun.split(" ")
    while len(words) > 1 and words[0] in bank.load("lexicon")["adjectives"]:
        words = words[1:]
    return " ".join(words)


def invent(brief: Brief, idea: Idea, choice: Choice, candidate: int, conceit: bank.Entry) -> Model:
    """A model for one candidate: the idea's words in the slots they fit, the rest chosen."""
    people = bank.load("people")
    path = f"candidate/{candidate}"
    lexicon = bank.load("lexicon")

    kin = re.sub(r"^\w+ (?=\w)", "", idea.first("kins")) or choice.pick(f"{path}/kin", people["names"]["kins"])
    lead = _lead(idea, choice, candidate, people)
    used = {lead.name, *lead.name.split(" ")}
    opponent = someone(choice, f"N/{candidate}", people, used)
    used |= set(opponent.name.split(" "))
    gender: Pronouns | None = "she" if kin in lexicon["kin_she"] else "he" if kin in lexicon["kin_he"] else None
    lost = someone(choice, f"D/{candidate}", people, used, gender).first
    vessel, proof = _things(idea, conceit)
    event, preposition = _event(idea, choice, path, conceit)
    chosen = choice.pick(f"{path}/house", conceit["houses"])
    place = idea.first("settlements")
    site = idea.first("sites")
    wild = idea.first("wilds")
    towns = choice.order("town", people["names"]["towns"])
    model = Model(
        conceit=conceit,
        lead=lead,
        opponent=opponent,
        lost=lost,
        kin=Noun(kin),
        vessel=Noun(vessel),
        proof=Noun(proof),
        trade=Noun(_trade(idea) or choice.pick(f"{path}/trade", conceit["trades"])),
        site=Named(f"the {site}") if site else Named(choice.pick(f"{path}/site", conceit["sites"])),
        kind=Noun(place or choice.pick(f"{path}/kind", conceit["kinds"])),
        wild=Named(f"the {wild}") if wild else Named(choice.pick(f"{path}/wild", conceit["wilds"])),
        town=Named(idea.town_name or towns[candidate % len(towns)]),
        house=Named(f"the {chosen[0]}"),
        office=idea.opponent or chosen[1],
        event=Named(event, preposition),
        years=choice.pick(f"{path}/years", people["names"]["years"]),
        street=choice.order("street", people["names"]["streets"])[candidate],
        inn=choice.order("inn", people["names"]["inns"])[candidate],
        wound="",
        motifs=motifs(brief, idea, vessel, proof),
        other=Named(f"the {conceit['other_name'].removeprefix('The ')}"),
    )
    wounds = choice.order("wound", people["wounds"])
    return replace(model, wound=model.clause(wounds[candidate % len(wounds)]["line"]))


def _trade(idea: Idea) -> str:
    bare = {"boy", "girl"}
    people = [each for each in idea.all("persons") if each not in bare and each != idea.opponent]
    return (people or [idea.first("descent"), idea.first("persons")])[0] or idea.first("persons")


def _lead(idea: Idea, choice: Choice, candidate: int, people: bank.Entry) -> Person:
    pronouns = idea.pronouns or ("he" if choice.between(f"candidate/{candidate}/pronouns", 0, 9) < 4 else "she")
    lasts = choice.order("L/last", people["names"]["last"])
    firsts = choice.order("L/first", people["first"][pronouns])
    invented = f"{firsts[candidate % len(firsts)]} {lasts[candidate % len(lasts)]}"
    name = idea.lead_name or invented
    if " " not in name:
        name = f"{name} {lasts[candidate % len(lasts)]}"
    return Person(name[:60], pronouns)


def someone(
    choice: Choice, path: str, people: bank.Entry, used: set[str], pronouns: Pronouns | None = None
) -> Person:
    """Somebody whose names nobody has yet, with another initial than the others where that is possible."""
    chosen: Pronouns = (
        pronouns or ("she", "he", "she", "he", "she", "he", "they")[choice.between(f"{path}/pronouns", 0, 6)]
    )
    initials = {name[:1] for name in used}

    def free(names: list[str]) -> str:
        fresh = [name for name in names if name not in used] or names
        return next((name for name in fresh if name[:1] not in initials), fresh[0])

    first = free(choice.order(f"{path}/first", people["first"][chosen]))
    last = free(choice.order(f"{path}/last", people["names"]["last"]))
    return Person(f"{first} {last}", chosen)


def _things(idea: Idea, conceit: bank.Entry) -> tuple[str, str]:
    """What the conceit turns on, and what proves the wrong: the idea's objects where they fit."""
    large = bank.load("lexicon")["large"]
    objects = [each for each in idea.all("objects") if each.split(" ")[-1] not in large]
    own = next((each for each in objects if each.split(" ")[-1] == conceit["vessel"]), "")
    vessel = own or (objects[0] if objects and conceit["open"] else conceit["vessel"])
    rest = [each for each in objects if each != vessel]
    return vessel, rest[0] if rest else conceit["proof"]


def _event(idea: Idea, choice: Choice, path: str, conceit: bank.Entry) -> tuple[str, str]:
    named = idea.first("events")
    if named:
        return f"the {named}", bank.load("lexicon")["events"][named]
    event = choice.pick(f"{path}/event", conceit["events"])
    return event, _preposition(event)


def _preposition(event: str) -> str:
    return str(bank.load("lexicon")["events"].get(event.split(" ")[-1], "at the time of"))


def motifs(brief: Brief, idea: Idea, *taken: str) -> tuple[Noun, ...]:
    """Things that have to appear: what must be had, and what the idea names and no slot holds."""
    wanted = []
    for wish in brief.must_have:
        phrase = re.sub(r"^(?:an?|the|some) ", "", wish.strip(" .!?"), flags=re.IGNORECASE)
        if phrase and len(phrase.split()) <= 5 and len(phrase) <= 48:
            wanted.append(phrase)
    wanted += [each for each in (*idea.all("creatures"), *idea.all("objects")) if each not in taken]
    return tuple(Noun(each) for each in dict.fromkeys(wanted) if each not in taken)[:4]


def wished(model: Model, wishes: Wishes) -> Model:
    """The model with what the person asked for."""
    changes: dict[str, object] = {}
    lead = model.lead
    if wishes.pronouns:
        lead = replace(lead, pronouns=wishes.pronouns)
    opponent = model.opponent
    for old, new in wishes.renames:
        if old == "lead" or old.casefold() in (lead.name.casefold(), lead.first.casefold()):
            lead = replace(lead, name=_renamed(lead, new))
        elif old == "villain" or old.casefold() in (opponent.name.casefold(), opponent.first.casefold()):
            opponent = replace(opponent, name=_renamed(opponent, new))
        elif old.casefold() == model.lost.casefold():
            changes["lost"] = new.split(" ")[0]
        elif old.casefold() == model.town.text.casefold():
            changes["town"] = Named(new)
    if wishes.job:
        changes["trade"] = Noun(wishes.job)
    if wishes.town:
        changes["town"] = Named(wishes.town)
    if wishes.place:
        read = ideas.read(wishes.place, names=False)
        if read.first("settlements"):
            changes["kind"] = Noun(read.first("settlements"))
        if read.first("sites"):
            changes["site"] = Named(f"the {read.first('sites')}")
        if read.first("wilds"):
            changes["wild"] = Named(f"the {read.first('wilds')}")
    if wishes.add:
        changes["motifs"] = (*model.motifs, *(Noun(each) for each in wishes.add))[:4]
    if lead.pronouns != model.lead.pronouns:
        wound = next((each for each in wounds_of(model) if each[0] == model.wound), None)
        changed = replace(model, lead=lead)
        if wound:
            changes["wound"] = changed.clause(wound[1]["line"])
    return replace(model, lead=lead, opponent=opponent, **changes)  # type: ignore[arg-type]


def _renamed(person: Person, new: str) -> str:
    words = person.name.split(" ")
    return new if " " in new or len(words) < 2 else " ".join((new, *words[1:]))


def wounds_of(model: Model) -> list[tuple[str, bank.Entry]]:
    """The bank's wounds as this model's lead would be said to have them."""
    return [(model.clause(wound["line"]), wound) for wound in bank.load("people")["wounds"]]


_LEAD = re.compile(
    r"^(?P<name>[^,;]+), (?:an? )?(?P<trade>[^,;]+?)(?: at (?P<site>the [^,;]+?))?(?: in (?P<town>[^,;]+?))?"
    r", who (?P<wound>.+?)\.?$"
)
_OPPOSITION = re.compile(r"^(?P<name>[^,;]+), (?:the )?(?P<office>[^,;]+?) of (?P<house>(?:the )?[^,;]+), who ")
_PREMISE = re.compile(r"\bIn (?P<town>[^,.]+), an? (?P<kind>[^,.]+?) at the edge of (?P<wild>[^,.]+), ")
_EVENT = re.compile(r"\b(?P<years>(?:[\w-]+ )?years) after (?P<event>the (?:[^\s,.]+ ?){1,5})[,.]", re.IGNORECASE)
_KIN = re.compile(r"\b(?:[Hh]er|[Hh]is|[Tt]heir) (?P<kin>[a-zéà-]+) (?P<lost>[A-ZÀ-Þ][\w'’-]*)")


def recover(concept: Concept, base: Model) -> Model:
    """The base with everything that can be read out of a concept, whoever wrote it."""
    changes: dict[str, object] = {}
    name = concept.lead.split(",")[0].strip()
    if name and len(name.split(" ")) <= 5:
        changes["lead"] = Person(name[:60], _pronouns_in(concept, name) or base.lead.pronouns)
    if found := _LEAD.match(concept.lead.strip()):
        changes["trade"] = Noun(found["trade"])
        changes["wound"] = found["wound"]
        if found["site"]:
            changes["site"] = Named(found["site"])
        if found["town"]:
            changes["town"] = Named(found["town"])
    opponent = concept.opposition.split(",")[0].strip()
    if found := _OPPOSITION.match(concept.opposition.strip()):
        changes["house"] = Named(found["house"])
        changes["office"] = found["office"]
    if opponent and len(opponent.split(" ")) <= 4 and opponent[:1].isupper():
        changes["opponent"] = Person(opponent, pronouns_of_name(opponent) or base.opponent.pronouns)
    if found := _PREMISE.search(concept.premise):
        changes["town"] = Named(found["town"])
        changes["kind"] = Noun(found["kind"])
        changes["wild"] = Named(found["wild"])
    if found := _EVENT.search(concept.premise):
        changes["years"] = found["years"].lower()
        kept = base.event if base.event.text == found["event"] else None
        changes["event"] = kept or Named(found["event"], _preposition(found["event"]))
    for found in _KIN.finditer(concept.premise):
        if found["kin"] in bank.load("lexicon")["kins"]:
            changes["kin"] = Noun(found["kin"])
            changes["lost"] = found["lost"]
            break
    if base.conceit["open"] and (vessel := _vessel(concept, base)):
        changes["vessel"] = Noun(vessel)
    return replace(base, **changes)  # type: ignore[arg-type]


def _vessel(concept: Concept, base: Model) -> str:
    before, after = base.conceit["what_if"].split("{vessel.a}")
    pattern = re.escape(before) + r"(?:an? )?(?P<vessel>.+?)" + re.escape(after)
    found = re.match(pattern, concept.what_if)
    return found["vessel"] if found else ""


def _pronouns_in(concept: Concept, name: str) -> Pronouns | None:
    text = f" {concept.lead} {concept.hook} ".casefold()
    counts: dict[Pronouns, int] = {
        "she": len(re.findall(r"\b(?:she|her|herself)\b", text)),
        "he": len(re.findall(r"\b(?:he|his|him|himself)\b", text)),
        "they": len(re.findall(r"\b(?:they|their|themself)\b", text)),
    }
    best = max(counts, key=lambda each: counts[each])
    return best if counts[best] else pronouns_of_name(name)


def pronouns_of_name(name: str) -> Pronouns | None:
    """The pronouns that the bank gives this first name, if it knows it."""
    firsts = bank.load("people")["first"]
    kinds: tuple[Pronouns, ...] = ("she", "he", "they")
    return next((each for each in kinds if name.split(" ")[0] in firsts[each]), None)


def conceit_of(concept: Concept) -> bank.Entry | None:
    """The bank's conceit that a concept tells; None where it is nobody's but its writer's."""
    text = f"{concept.hook} {concept.premise} {concept.what_if}"
    signed = [each for each in bank.conceits() if any(mentions(text, sign) for sign in each["signs"])]
    return max(signed, key=lambda each: _common(text, each), default=None)


def _common(text: str, conceit: bank.Entry) -> int:
    own = set(re.findall(r"[a-z]{4,}", " ".join([conceit["hook"], *conceit["premise"], conceit["what_if"]])))
    return len(own & set(re.findall(r"[a-z]{4,}", text.casefold())))


def lead_of_story(story: Story, model: Model) -> Person:
    """The lead as the story calls her, him or them; a name changed there by hand counts."""
    if model.lead.first in story.synopsis:
        return model.lead
    found = re.search(r"\b([A-ZÀ-Þ][\w'’-]+ [A-ZÀ-Þ][\w'’-]+), ", story.synopsis)
    return replace(model.lead, name=found[1]) if found else model.lead


def established(brief: Brief, idea: Idea, choice: Choice, confirmed: Mapping[Stage, Content]) -> tuple[Model, bool]:
    """The model that the confirmed stages tell, and whether the concept is one of the engine's own."""
    concept = confirmed.get(Stage.CONCEPT_SELECTION)
    conceits = bank.conceits()
    found = conceit_of(concept) if isinstance(concept, Concept) else None
    conceit = found or choice.pick("conceit", conceits)
    model = invent(brief, idea, choice, 0, conceit)
    if isinstance(concept, Concept):
        model = recover(concept, model)
    story = confirmed.get(Stage.STORY_CONCEPTION)
    if isinstance(story, Story):
        model = replace(model, lead=lead_of_story(story, model))
    return model, found is not None or concept is None


def with_aim(model: Model) -> Model:
    """The model with the lead's aim and the plan in words, for texts that name them."""
    aim = model.clause(model.conceit["aim"])
    plan = model.clause(model.conceit["plan"])
    return replace(model, extra={**model.extra, "aim": aim, "plan": plan})


def capitalised(text: str) -> str:
    """A clause as a sentence without its full stop."""
    return capital(text.strip().rstrip("."))
