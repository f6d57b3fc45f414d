"""CONCEPT_SELECTION by the built-in engine: one conceit per candidate."""

from collections.abc import Sequence

from connectors.providers.builtin import bank
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import capital, familiar, fill, fit, heading
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.model import GENRE, Model, conceit_of, invent, recover, wished
from connectors.providers.builtin.wishes import Wishes
from genesis.content.concept import Concept
from genesis.session.brief import Brief


def concepts(
    brief: Brief, idea: Idea, choice: Choice, wishes: Wishes, count: int, previous: Sequence[Concept]
) -> tuple[Concept, ...]:
    """So many concepts, each about something else; those of a round with feedback keep what was not named."""
    keep = bool(previous) and wishes.any and not wishes.fresher
    told: list[Concept] = []
    order = _order(idea, choice, previous)
    for place in range(count):
        former = previous[place] if keep and place < len(previous) else None
        conceit = conceit_of(former) if former and not choice.forbids(former.premise) else None
        if conceit is None:
            taken = {_id(each) for each in told}
            conceit = next((each for each in order if each["id"] not in taken), order[place % len(order)])
        model = invent(brief, idea, choice, place, conceit)
        same = former if former and conceit is conceit_of(former) else None
        if same:
            model = recover(same, model)
        told.append(tell(wished(model, wishes), choice, brief, wishes, place, same))
    return tuple(told)


def _id(concept: Concept) -> str:
    conceit = conceit_of(concept)
    return str(conceit["id"]) if conceit else ""


def _order(idea: Idea, choice: Choice, previous: Sequence[Concept]) -> list[bank.Entry]:
    """Conceits in order of fit: the idea's object first, what has been seen last."""
    objects = {each.split(" ")[-1] for each in idea.all("objects")}
    seen = {_id(each) for each in previous}

    def rank(conceit: bank.Entry) -> tuple[bool, bool, bool]:
        return (
            conceit["id"] in seen,
            choice.forbids(conceit),
            bool(objects) and not (conceit["vessel"] in objects or conceit["open"]),
        )

    return sorted(choice.order("conceits", bank.conceits()), key=rank)


MOTIFS = (
    "There {X.v:is|are} {X.a}, too, of which nobody in {town} likes to speak.",
    "People in {town} set their day by {X.a}, and do not ask why.",
    "And again and again, where nobody would expect it, there {X.v:is|are} {X.a}.",
    "Children in {town} know a rhyme about {X.a}; it has a line too few.",
)


def motif_lines(model: Model) -> list[str]:
    """A sentence for each thing that has to appear."""
    return [fill(MOTIFS[place % 4], {**model.slots(), "X": each}) for place, each in enumerate(model.motifs)]


def _proof_line(model: Model, told: str) -> list[str]:
    """A sentence for a thing that the idea names, where the conceit's premise has no room for it."""
    if model.proof.text == model.conceit["proof"] or model.proof.text in told:
        return []
    return [model.say("And in all of it there is one thing that nobody can explain: {proof.a}.", 120)]


def tone(brief: Brief, choice: Choice, wishes: Wishes, place: int, former: str = "") -> str:
    """The tone in a few words: what the brief says, what feedback made of it."""
    base = brief.tone or former or choice.order("tone", bank.load("stories")["tones"])[place % 5]
    if wishes.mood:
        word = "darker" if wishes.mood < 0 else "lighter"
        base = f"{word}, {base.removeprefix('darker, ').removeprefix('lighter, ')}"
    return base[:60].rstrip(" ,")


def tell(
    model: Model, choice: Choice, brief: Brief, wishes: Wishes, place: int, former: Concept | None = None
) -> Concept:
    """The model as a concept."""
    conceit, stories = model.conceit, bank.load("stories")
    premise = list(conceit["premise"])
    if wishes.length < 0:
        premise = [premise[0], premise[1], premise[-1]]
    if wishes.stranger:
        premise.insert(2, choice.pick(f"strange/{place}", stories["strange"]))
    told = familiar(" ".join(model.say(each, 700) for each in premise), (model.lead, model.opponent))
    more = " ".join(["", *_proof_line(model, told), *motif_lines(model)])
    stakes = model.told("stakes", 240)
    if wishes.higher:
        higher = model.say(choice.pick(f"higher/{place}", stories["higher"]), 240)
        stakes = f"{stakes} {higher}" if len(stakes) + len(higher) < 240 else higher
    elif wishes.mood < 0:
        stakes = fit(f"{stakes} Nobody would ever know.", 240)
    titles = [heading(model.clause(each)) for each in conceit["titles"]]
    title = (
        former.title
        if former and former.title and not wishes.fresher
        else titles[choice.between(f"title/{place}", 0, 2)]
    )
    lead = f"{model.lead.name}, {model.trade.form('a')} at {model.site.text} in {model.town.text}, who {model.wound}."
    opposition = (
        f"{model.opponent.name}, {model.office} of {model.house.text}, who {model.clause(conceit['opposes'])}."
    )
    return Concept(
        title=title[:80],
        hook=model.told("hook", 240),
        premise=fit(told, 1200 - len(more)) + more,
        lead=fit(lead, 240),
        opposition=fit(opposition, 240),
        stakes=stakes,
        what_if=model.told("what_if", 200),
        theme_question=model.told("question", 200),
        fresh_because=model.told("fresh", 240),
        genre=GENRE,
        tone=tone(brief, choice, wishes, place, former.tone if former else ""),
        tags=(*conceit["tags"], *(capital(each.text)[:30].lower() for each in model.motifs[:2])),
    )
