"""CONCEPT_SELECTION by the built-in engine: one premise per candidate, on different plots where there are enough."""

import re
from collections.abc import Sequence

from connectors.providers.builtin import motifs
from connectors.providers.builtin.bank.shelves import Genre
from connectors.providers.builtin.bank.tables import Premise
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import familiar, fit, heading
from connectors.providers.builtin.idea import Idea, words_of
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.recall import LEADS, OPPOSITIONS
from connectors.providers.builtin.wishes import Wishes
from genesis.content.concept import Concept
from genesis.session.brief import Brief

HOOKS = (
    "To {aim}, {trade.a} has to go against {house}, and against {N}, whom everybody trusts.",
    "{L.f} means to {aim}; the one who could help is {N}, and the one who must prevent it is {N} as well.",
)
STAKES = (
    "If {L.f} gives up, {house} {house.v:has|have} won for good, and {D} is never spoken of again.",
    "To fail is to lose {D} a second time, and {town} along with {D}.",
)
QUESTIONS = (
    "How much may one person ask of others in order to {aim}?",
    "What is a thing worth that has to be paid for by those who did not want it?",
)
FRESH = ("It is decided not by strength but by {thing.a}, {proof.a}, and who is willing to be asked about them.",)


def chosen_premises(
    genre: Genre, idea: Idea, choice: Choice, count: int, seen: Sequence[str] = ()
) -> tuple[Premise, ...]:
    """So many premises in order of fit, on different plots where possible; what has been seen comes last."""
    left = choice.order("premises", genre.premises)
    plots = {plot for _, plot in idea.verbs}
    words = {word for found in idea.found for word in found.text.split(" ") if len(word) > 3}
    # A word that fills no slot may still tell which premise is meant: `ship`, `headmaster`, `hedge`.
    others = {word.casefold() for word in idea.unknown if len(word) > 3}
    # A time or a country fills no slot, but says which premise is meant.
    told = words | words_of([] if idea.foreign else [*idea.unknown, idea.town_name])
    picked: list[Premise] = []
    while left and len(picked) < count:
        used = [each.plot for each in picked]

        def merit(premise: Premise, used: Sequence[str] = used) -> tuple[bool, bool, float]:
            text = f"{premise.hook[0]} {' '.join(premise.premise)} {' '.join(premise.slots.thing)}".casefold()
            own = set(re.findall(r"\w+", text))
            # Where it is and what it turns on say more than a verb does: `a ship … finds` wants the ship.
            fit_ = 1.5 * (premise.plot in plots) + 2.0 * len(words & own) + len(others & own)
            fit_ += 3.0 * len(told & words_of(premise.tags))
            fit_ += 1.0 * ("thing" in premise.open and bool(idea.first("objects")))
            return premise.id not in seen, not choice.forbids(_texts(premise)), fit_ - 1.5 * used.count(premise.plot)

        best = max(left, key=merit)
        picked.append(best)
        left.remove(best)
    return tuple(picked)


def _texts(premise: Premise) -> str:
    parts = (premise.hook, premise.premise, premise.what_if, premise.stakes, premise.opposes, premise.fresh)
    return " ".join(each for part in parts for each in part)


def tell(model: Model, choice: Choice, brief: Brief, wishes: Wishes, path: str) -> Concept:
    """The model as a concept; `path` names its random streams."""
    premise, pools = model.premise, model.genre.pools
    sentences = list(premise.premise)
    if model.also:
        sentences.insert(2, _blended(model))
    if wishes.length < 0:
        sentences = [sentences[0], sentences[1], sentences[-1]]
    if wishes.mood:
        pool = pools.darker if wishes.mood < 0 else pools.lighter
        sentences.insert(2, choice.pick(f"{path}/mood", pool))
    if wishes.stranger:
        sentences.insert(2, choice.pick(f"{path}/strange", pools.strange))
    told = familiar(" ".join(model.say(each, 700) for each in sentences), (model.lead, model.opponent))
    more = " ".join(["", *_idea_lines(model, told), *motifs.in_concept(model)])
    line = choice.pick(f"{path}/lead", LEADS) if " " in model.text("site") else LEADS[0]
    against = OPPOSITIONS[0].replace("{opposes}", choice.pick(f"{path}/opposition", premise.opposes))
    return Concept(
        title=_title(model, choice, path),
        hook=model.say(choice.pick(f"{path}/hook", _own_first(premise.hook, HOOKS, path, choice)), 240),
        premise=fit(told, 1200 - len(more)) + more,
        lead=model.say(line, 240),
        opposition=model.say(against, 240),
        stakes=_stakes(model, choice, wishes, path),
        what_if=model.say(choice.pick(f"{path}/what_if", premise.what_if), 200),
        theme_question=model.say(
            choice.pick(f"{path}/theme_question", _own_first(premise.question, QUESTIONS, path, choice)), 200
        ),
        fresh_because=model.say(
            choice.pick(f"{path}/fresh_because", _own_first(premise.fresh, FRESH, path, choice)), 240
        ),
        genre=model.genre.meta.name[:60],
        tone=tone(model, brief, choice, wishes, path),
        tags=tuple(dict.fromkeys([*premise.tags, *(each.text[:30].casefold() for each in model.motifs)]))[:6],
    )


def _own_first(own: Sequence[str], shared: Sequence[str], path: str, choice: Choice) -> Sequence[str]:
    """The premise's own texts; those that every premise shares only where its own have all been shown."""
    fresh = choice.salts or all(choice.forbids(each) for each in own)
    return (*own, *shared) if fresh else own


def _title(model: Model, choice: Choice, path: str) -> str:
    premise, pools = model.premise, model.genre.pools
    options = [*premise.titles, *choice.order(f"{path}/titles", pools.titles)[:2]]
    told = [heading(model.clause(each)) for each in options]
    return choice.pick(f"{path}/title", [each for each in told if len(each) <= 80] or [told[0][:80]])


def _stakes(model: Model, choice: Choice, wishes: Wishes, path: str) -> str:
    own = _own_first(model.premise.stakes, STAKES, path, choice)
    stakes = model.say(choice.pick(f"{path}/stakes", own), 240)
    if wishes.higher:
        higher = model.say(choice.pick(f"{path}/higher", model.genre.pools.higher), 240)
        return f"{stakes} {higher}" if len(stakes) + len(higher) < 240 else higher
    return stakes


def _blended(model: Model) -> str:
    """The rule of the second premise, in the words by which it is known again."""
    assert model.also is not None
    return model.also.rules[0].statement


def _idea_lines(model: Model, told: str) -> list[str]:
    """A sentence for each thing that the idea names, where the premise has no room for it."""
    own = {"thing": model.premise.slots.thing, "proof": model.premise.slots.proof}
    lines = {
        "thing": "And wherever it leads, there {thing.v:is|are} {thing.a} in it.",
        "proof": "And in all of it there is one thing that nobody can explain: {proof.a}.",
    }
    missing = [slot for slot, options in own.items() if model.text(slot) not in options]
    return [model.say(lines[slot], 120) for slot in missing if model.text(slot) not in told]


def tone(model: Model, brief: Brief, choice: Choice, wishes: Wishes, path: str) -> str:
    """The tone in a few words: what the brief says, what feedback made of it."""
    base = brief.tone or choice.pick(f"{path}/tone", model.genre.pools.tones)
    if wishes.mood:
        word = "darker" if wishes.mood < 0 else "lighter"
        base = f"{word}, {base.removeprefix('darker, ').removeprefix('lighter, ')}"
    return base[:60].rstrip(" ,")
