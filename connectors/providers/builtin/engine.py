"""The built-in story engine: a request in, a proposal out; rule-based, deterministic, no clock and no network."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.providers.builtin import bank
from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin import wishes as wishing
from connectors.providers.builtin.casts import cast
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.concepts import concepts
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.model import GENRE, Model, bare, established, wished
from connectors.providers.builtin.outlines import outline
from connectors.providers.builtin.stories import audience_of, path_of, stories
from connectors.providers.builtin.wishes import Wishes
from connectors.providers.builtin.worlds import with_world, world
from genesis.content.cast import Cast
from genesis.content.catalog import DEFAULT_CANDIDATES, MAX_CANDIDATES, Content
from genesis.content.concept import Concept
from genesis.content.fields import Item, specs
from genesis.content.ids import items
from genesis.content.proposal import Understood
from genesis.content.story import Story
from genesis.content.texts import mentions
from genesis.content.world import World
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage

VERSION = f"builtin/1.0+bank.{bank.VERSION}"
"""Engine and bank, as provenance records them."""


@dataclass(frozen=True)
class Proposal:
    """What the engine has to say to a request."""

    candidates: tuple[Content, ...]
    understood: tuple[Understood, ...]
    not_understood: tuple[str, ...]
    seed: int


def seed_of(request: GenerationRequest) -> int:
    """The seed in use: the request's, the brief's, or one that the session's id gives."""
    for seed in (request.seed, request.brief.seed):
        if seed is not None:
            return seed
    return request.session_id.int % 2**53


def propose(request: GenerationRequest) -> Proposal:
    """Make the proposal; the same request gives the same proposal, byte for byte."""
    wishes = wishing.read([request.feedback, request.guidance], request.chips)
    wishes.keep(request.stage)
    idea = ideas.read(request.brief.idea)
    seed = seed_of(request)
    avoid = tuple([*request.brief.avoid, *wishes.avoid])
    candidates = _best(request, idea, wishes, seed, avoid)
    understood = [*wishes.understood, *_brief_understood(request, idea, candidates)]
    not_understood = [
        *wishes.not_understood,
        *_left_over(request, idea, candidates),
        *_still_there(candidates, avoid),
    ]
    return Proposal(
        candidates=candidates,
        understood=tuple(understood[:20]),
        not_understood=tuple(text[:200] for text in not_understood[:20]),
        seed=seed,
    )


def _best(
    request: GenerationRequest, idea: Idea, wishes: Wishes, seed: int, avoid: tuple[str, ...]
) -> tuple[Content, ...]:
    """The proposal; with something to avoid, the one of a few tries that avoids it best."""
    choice = Choice(seed, _salt(request, idea, wishes, seed, avoid), avoid)
    if wishes.any and request.previous and request.stage in (Stage.WORLDVIEW, Stage.CHARACTERS):
        # Names given by earlier feedback stay: the engine alone would have chosen others.
        alone = _made(request, idea, Wishes(), choice)
        wishes.renames[:0] = _names_changed(alone[0], request.previous[0])
    first = _made(request, idea, wishes, choice)
    if not avoid:
        return first
    tries = [first]
    for number in range(1, 5):
        if not _still_there(tries[-1], avoid):
            return tries[-1]
        tries.append(_made(request, idea, wishes, Choice(seed, f"{choice.salt}/{number}", avoid)))
    return min(tries, key=lambda each: len(_still_there(each, avoid)))


def _salt(request: GenerationRequest, idea: Idea, wishes: Wishes, seed: int, avoid: tuple[str, ...]) -> str:
    """A new round chooses anew; feedback that was understood keeps what the previous round had chosen."""
    if not (wishes.any and request.previous):
        return str(request.round)
    if request.stage in (Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION):
        return "1"  # What was chosen is read out of the previous candidates.
    before = set(_texts(request.previous))
    salts = [str(number) for number in range(1, min(request.round, 6))]

    def likeness(salt: str) -> int:
        return len(before & set(_texts(_made(request, idea, Wishes(), Choice(seed, salt, avoid)))))

    return max(salts, key=likeness, default="1") if len(salts) > 1 else "1"


def _made(request: GenerationRequest, idea: Idea, wishes: Wishes, choice: Choice) -> tuple[Content, ...]:
    brief, confirmed = request.brief, request.confirmed
    count = _count(request)
    if request.stage is Stage.CONCEPT_SELECTION:
        former = [each for each in request.previous if isinstance(each, Concept)]
        return _numbered(_renamed(concepts(brief, idea, choice, wishes, count, former), wishes, confirmed))
    # What was confirmed stays as it is; only what is chosen in this stage depends on the round.
    model, _ = established(brief, idea, Choice(choice.seed, "1", choice.avoid), confirmed)
    model = wished(model, wishes)
    if request.stage is Stage.STORY_CONCEPTION:
        concept = confirmed.get(Stage.CONCEPT_SELECTION)
        told = [each for each in request.previous if isinstance(each, Story)]
        found = stories(
            brief, idea, choice, wishes, count, model, concept if isinstance(concept, Concept) else None, told
        )
        return _numbered(_renamed(found, wishes, confirmed))
    return _numbered(_renamed((_single(request, idea, wishes, choice, model),), wishes, confirmed))


def _single(request: GenerationRequest, idea: Idea, wishes: Wishes, choice: Choice, model: Model) -> Content:
    confirmed = request.confirmed
    story, there = confirmed.get(Stage.STORY_CONCEPTION), confirmed.get(Stage.WORLDVIEW)
    if isinstance(there, World):
        model = with_world(model, there)
    if request.stage is Stage.WORLDVIEW:
        return world(model, choice, wishes)
    if request.stage is Stage.CHARACTERS:
        audience = story.audience if isinstance(story, Story) else audience_of(request.brief.audience) or "adult"
        ids = [each.id for each in there.factions] if isinstance(there, World) else []
        factions = dict(zip("NR", ids, strict=False))
        if not (isinstance(story, Story) and (path_of(story) or {}).get("id") == "flight"):
            factions.pop("R", None)
        return cast(model, choice, wishes, audience, factions, _second(idea))
    people = confirmed.get(Stage.CHARACTERS)
    path = path_of(story) if isinstance(story, Story) else None
    plot = outline(
        model,
        choice,
        wishes,
        story if isinstance(story, Story) else None,
        there if isinstance(there, World) else None,
        people if isinstance(people, Cast) else None,
        path["id"] if path else choice.pick("path", ["inquiry", "bargain", "flight"]),
    )
    # Endings and customs are quoted from stages that may have been confirmed under older names.
    earlier, _ = established(request.brief, idea, Choice(choice.seed, "1", choice.avoid), confirmed)
    return _under_new_names(plot, earlier, model, people if isinstance(people, Cast) else None)


def _under_new_names(plot: Content, earlier: Model, model: Model, people: Cast | None) -> Content:
    pairs = [(earlier.town.text, model.town.text)]
    for role, person in (("protagonist", earlier.lead), ("antagonist", earlier.opponent)):
        now = next((each for each in people.characters if each.role == role), None) if people else None
        if now and now.name != person.name:
            pairs += [(person.name, now.name), (person.first, now.name.split(" ")[0])]
    for old, new in pairs:
        if old != new:
            plot = _replaced(plot, old, new)
    return plot


def _second(idea: Idea) -> str:
    people = [each for each in idea.all("persons") if each not in ("boy", "girl", idea.opponent)]
    return people[1] if len(people) > 1 else ""


def _count(request: GenerationRequest) -> int:
    wanted = request.count or request.brief.candidates or len(request.previous) or DEFAULT_CANDIDATES[request.stage]
    return min(max(1, wanted), MAX_CANDIDATES[request.stage])


def _numbered(candidates: Iterable[Content]) -> tuple[Content, ...]:
    return tuple(each.model_copy(update={"id": f"{each.PREFIX}{no}"}) for no, each in enumerate(candidates, 1))


def _names_changed(before: Content, after: Content) -> list[tuple[str, str]]:
    """The items that are called something else in the second of two contents of the same shape."""
    pairs = [list(items(content)) for content in (before, after)]
    if [name for name, _ in pairs[0]] != [name for name, _ in pairs[1]]:
        return []
    names = [
        (getattr(one, "name", ""), getattr(other, "name", "")) for (_, one), (_, other) in zip(*pairs, strict=True)
    ]
    return [(old, new) for old, new in names if old and new and old != new]


def _renamed(
    candidates: Iterable[Content], wishes: Wishes, confirmed: Mapping[Stage, Content]
) -> tuple[Content, ...]:
    """New names everywhere, in texts that the bank did not write as well; a person's first name changes along."""
    told = tuple(candidates)
    people = confirmed.get(Stage.CHARACTERS)
    for old, new in wishes.renames:
        if old in ("lead", "villain"):
            continue
        casts = [each for each in (*told, people) if isinstance(each, Cast)]
        full = any(old == person.name for each in casts for person in each.characters)
        told = tuple(_replaced(each, old, new) for each in told)
        if full and " " in old and not old.startswith("The "):
            told = tuple(_replaced(each, old.split(" ")[0], new.split(" ")[0]) for each in told)
    return told


def _replaced(content: Content, old: str, new: str) -> Content:
    pattern = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")

    def put(value: object) -> object:
        if isinstance(value, str):
            return pattern.sub(lambda _: new, value)
        if isinstance(value, tuple):
            return tuple(put(each) for each in value)
        if isinstance(value, Item):
            return {"id": value.id} | {
                spec.name: getattr(value, spec.name) if spec.refers else put(getattr(value, spec.name))
                for spec in specs(type(value))
            }
        return value

    try:
        # A longer name may break a limit; then the text stays as it was.
        return type(content).model_validate(put(content))
    except ValueError:
        return content


def _texts(candidates: Sequence[Content]) -> list[str]:
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, tuple):
            for each in value:
                walk(each)
        elif isinstance(value, Item):
            for spec in specs(type(value)):
                if not spec.refers and spec.name != "red_lines":
                    walk(getattr(value, spec.name))

    for candidate in candidates:
        walk(candidate)
    return found


def _still_there(candidates: Sequence[Content], avoid: Sequence[str]) -> list[str]:
    whole = "\n".join(_texts(candidates))
    return [f"“{word}” could not be avoided everywhere." for word in avoid if mentions(whole, word)]


def _brief_understood(request: GenerationRequest, idea: Idea, candidates: Sequence[Content]) -> list[Understood]:
    """What of the idea and the brief stands in the proposal; said once, with the first stage."""
    if request.stage is not Stage.CONCEPT_SELECTION or request.feedback or request.chips:
        return []
    whole = "\n".join(_texts(candidates)).casefold()
    named = [text for each in idea.found for text in _as_told(each.text, whole)]
    names = [name for name in (idea.lead_name, idea.town_name) if name and name.casefold() in whole]
    words = dict.fromkeys([*named, *names])
    found = [Understood(intent="idea", text=f"“{word}” has a part in it.") for word in list(words)[:12]]
    later = {_second(idea): "characters", next(iter(idea.all("abstracts")), ""): "story"}
    found += [
        Understood(intent="idea", text=f"“{word}” comes in with the {stage}.")
        for word, stage in later.items()
        if word and word not in words
    ]
    if request.brief.tone:
        found.append(Understood(intent="tone", path="", text=f"The tone is “{request.brief.tone}”."))
    found += [
        Understood(intent="must_have", text=f"“{wish}” appears.")
        for wish in request.brief.must_have
        if _bare(wish).casefold() in whole
    ]
    return found


def _as_told(text: str, whole: str) -> list[str]:
    """The phrase as it stands in the proposal: whole, without its adjectives, or not at all."""
    return [each for each in (text, bare(text)) if each.casefold() in whole][:1]


def _bare(wish: str) -> str:
    return re.sub(r"^(?:an?|the|some) ", "", wish.strip(" .!?"), flags=re.IGNORECASE)


def _left_over(request: GenerationRequest, idea: Idea, candidates: Sequence[Content]) -> list[str]:
    """What of the brief this engine could not use."""
    found = []
    brief = request.brief
    if request.stage is Stage.CONCEPT_SELECTION and not (request.feedback or request.chips):
        whole = "\n".join(_texts(candidates)).casefold()
        if brief.genre and brief.genre.strip().casefold() not in (GENRE, "fantasy", "cosy fantasy", "cozy fantasy"):
            found.append(f"Genre “{brief.genre}”: this first edition writes {GENRE} only.")
        if brief.language and brief.language.split("-")[0].casefold() != "en":
            found.append(f"Language “{brief.language}”: the built-in engine writes English only.")
        if idea.foreign:
            found.append("The idea does not seem to be in English, the only language the built-in engine reads.")
        if brief.audience and audience_of(brief.audience) is None:
            found.append(f"Audience “{brief.audience}”: adult, young adult, middle grade and children are known.")
        found += [
            f"“{wish[:120]}” was to appear; it is more than a thing with a name, so it was not used."
            for wish in brief.must_have
            if _bare(wish).casefold() not in whole
        ]
        gender = {*bank.load("lexicon")["she"], *bank.load("lexicon")["he"]}
        lost = [
            each.text for each in idea.found if bare(each.text).casefold() not in whole and each.text not in gender
        ]
        words = list(dict.fromkeys([*lost, *idea.unknown]))
        if words:
            shown = ", ".join(words[:12])
            more = f" and {len(words) - 12} more" if len(words) > 12 else ""
            found.append(f"Words of the idea that were not used: {shown}{more}.")
    elif request.stage is Stage.STORY_CONCEPTION and not (request.feedback or request.chips):
        _, own = established(brief, idea, Choice(0), request.confirmed)
        if not own:
            found.append("The confirmed concept is not one of this engine's; its names are kept, its idea is not.")
    return found
