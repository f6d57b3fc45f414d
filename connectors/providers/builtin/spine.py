"""Which beats a book of a certain length has, and in which order: plot, turn, side stories, rules, episodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from connectors.providers.builtin.bank.plots import Beat, Chain, Turn
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import entry_of
from connectors.providers.builtin.guests import GUESTS, guest_beat
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.reading import likeness
from connectors.providers.builtin.ruling import due_beat, motif_beat, rule_beat
from connectors.providers.builtin.worlds import rule_entries
from genesis.content.cast import Character
from genesis.content.world import Rule, World

MAIN, TURN, RULES, EPISODES = "main", "turn", "rules", "episodes"
"""Lines that a beat may belong to, beside the chains, which have their own names."""
CHAIN_PARTS = "RANMW"
BANKS_OWN = 0.6
"""Share of a bank rule's words from which a rule of the world counts as that one and not as the person's."""
DUE_RULES = 2
"""Most rules of a person's own that get a second chapter."""


@dataclass(frozen=True)
class Step:
    """A beat and the line it belongs to."""

    beat: Beat
    line: str

    @property
    def key(self) -> str:
        """Name of the step, unique within a book."""
        return f"{self.line}.{self.beat.id}"


@dataclass(frozen=True)
class Spine:
    """The chapters of a book, each of one step or, in a short book, of several."""

    chapters: tuple[tuple[Step, ...], ...]
    chains: tuple[Chain, ...]
    """The side stories that have at least one step in it."""

    def place_of(self) -> dict[str, int]:
        """For each step's key the chapter it stands in, from 0."""
        return {step.key: place for place, steps in enumerate(self.chapters) for step in steps}


def spine(
    model: Model, turn: Turn, choice: Choice, world: World | None, count: int, guests: Sequence[Character] = ()
) -> Spine:
    """So many chapters of this story, or as many as the bank can fill."""
    plot = model.genre.plots[model.premise.plot]
    chains = chains_of(model, choice)
    own_rules, rules = _rules(model, choice, world)
    main = [Step(each, MAIN) for each in plot.beats]
    turns = [Step(each, TURN) for each in turn.beats]
    episodes = [Step(each, EPISODES) for each in choice.order("o/episodes", model.genre.episodes)]
    motifs = [Step(motif_beat(no, each), RULES) for no, each in enumerate(model.motifs)]
    side = [[Step(beat, chain.id) for beat in chain.beats] for chain in chains]
    company = [Step(guest_beat(no, each), GUESTS) for no, each in enumerate(guests[: 3 if count >= 12 else 1])]
    must = [each for each in main if each.beat.weight == 1] + own_rules + company
    must += motifs if count >= 12 else motifs[:1]
    wishes: list[list[Step]] = [
        turns,
        *side[:1],
        [each for each in main if each.beat.weight == 2],
        *side[1:3],
        rules[:1] + motifs[1:],
        *side[3:],
        rules[1:],
        [each for each in main if each.beat.weight == 3],
        episodes,
        *_spare(model, choice, chains),
    ]
    taken = _taken(must, wishes, count, choice)
    ordered = sorted(taken, key=lambda each: (each.beat.at, each.line, each.beat.id))
    used = {each.line for each in ordered}
    known = {chain.id: chain for chain in model.genre.chains.values()}
    return Spine(
        tuple(tuple(group) for group in _grouped(ordered, count)),
        tuple(known[line] for line in dict.fromkeys(each.line for each in ordered) if line in used and line in known),
    )


def chains_of(model: Model, choice: Choice) -> list[Chain]:
    """The side story of each person, in an order of the session's own."""
    found = []
    for part in CHAIN_PARTS:
        wanted = entry_of(model, choice, part).chains
        chains = [each for each in model.genre.chains.values() if each.part == part]
        own = [each for each in chains if each.id in wanted] or chains
        if own:
            found.append(choice.pick(f"o/chain/{part}", own))
    return choice.order("o/chains", found)


def _spare(model: Model, choice: Choice, taken: Sequence[Chain]) -> list[list[Step]]:
    """Beats of other chains for the longest books; none that would tell somebody's secret twice."""
    spare = [each for each in model.genre.chains.values() if each not in taken]
    return [
        [Step(beat, chain.id) for beat in chain.beats if not any("secret_" in text for text in beat.text)]
        for chain in choice.order("o/spare", spare)
    ]


def _rules(model: Model, choice: Choice, world: World | None) -> tuple[list[Step], list[Step]]:
    """A beat for each rule of the world; those that a person wrote apart, since they are never left out."""
    bank = [each.statement for each in (*rule_entries(model, choice), *model.genre.rules, *model.premise.rules)]

    def mine(rule: Rule) -> bool:
        return all(likeness([each], rule.statement) < BANKS_OWN for each in bank)

    own: list[Step] = []
    known: list[Step] = []
    rules = world.rules if world else ()
    written = [each for each in rules if mine(each)][:6]
    told = [each for each in rules if each not in written][: 6 - len(written)]
    for number, rule in enumerate([*written, *told]):
        (own if number < len(written) else known).append(
            Step(rule_beat(number, rule, model, number < min(len(written), DUE_RULES)), RULES)
        )
    own += [Step(due_beat(number, rule), RULES) for number, rule in enumerate(written[:DUE_RULES])]
    return own, known


def _taken(must: list[Step], wishes: list[list[Step]], count: int, choice: Choice) -> list[Step]:
    taken = list(must)
    for bundle in wishes:
        allowed = [each for each in bundle if not choice.forbids(each.beat.text)]
        room = count - len(taken)
        if room <= 0:
            break
        chain = bool(allowed) and allowed[0].line not in (MAIN, TURN, RULES, EPISODES, GUESTS)
        if chain and room < len(allowed):
            # Half a side story would not close; episodes fill the room.
            continue
        keys = {each.key for each in taken}
        taken += [each for each in allowed if each.key not in keys][:room]
    if len(taken) < count:
        keys = {each.key for each in taken}
        rest = [each for bundle in wishes for each in bundle if each.key not in keys]
        taken += rest[: count - len(taken)]
    return taken


def _grouped(steps: list[Step], count: int) -> list[list[Step]]:
    """The steps as chapters: one each, or several together in a short book."""
    count = max(1, min(count, len(steps)))
    edges = [round(place * len(steps) / count) for place in range(count + 1)]
    return [steps[start:end] for start, end in pairwise(edges)]
