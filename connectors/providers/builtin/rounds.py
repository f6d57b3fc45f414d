"""What each kind of request asks of a stage: fresh candidates, a revision, one anew, some paths, a blend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from connectors.providers.builtin import casts, concepts, outlines, stories, worlds
from connectors.providers.builtin.bank.shelves import Genre, genre
from connectors.providers.builtin.bank.tables import Premise, Turn
from connectors.providers.builtin.blending import blend_concepts, blend_stories
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import PARTS, named_in, with_company
from connectors.providers.builtin.genres import any_genre, genre_of
from connectors.providers.builtin.granting import called, granted, renamed, replaced, texts_of
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.locking import locked_people, with_locked
from connectors.providers.builtin.mending import by_name, called_as_today
from connectors.providers.builtin.model import Model, invent
from connectors.providers.builtin.reading import premise_of
from connectors.providers.builtin.recall import Recalled, from_cast, from_concept, from_world, recall, turn_of
from connectors.providers.builtin.revising import merged, opened
from connectors.providers.builtin.rewriting import chapters_anew
from connectors.providers.builtin.wishes import Wishes
from genesis.content.cast import Cast
from genesis.content.catalog import DEFAULT_CANDIDATES, MAX_CANDIDATES, Content
from genesis.content.concept import Concept
from genesis.content.outline import Outline
from genesis.content.story import Story
from genesis.content.world import World
from genesis.session.messages import GenerationRequest
from genesis.session.stages import CHOICE, Stage

NONE = Wishes()


@dataclass
class Work:
    """One request with what was read out of its words."""

    request: GenerationRequest
    idea: Idea
    wishes: Wishes
    seed: int
    avoid: tuple[str, ...]
    unchanged: list[str] = field(default_factory=list)
    """Paths that should have been written anew and have no other version."""

    @property
    def steady(self) -> Choice:
        """What no stage says is chosen alike in every stage and round."""
        return Choice(self.seed, 1, self.request.brief.avoid)

    def choice(self, salt: int | None = None, avoid: bool = True) -> Choice:
        """Choices of this round, or of another."""
        return Choice(self.seed, salt or self.request.round, self.avoid if avoid else self.request.brief.avoid)

    def recalled(self) -> Recalled:
        """The model that the confirmed stages before this one tell."""
        stages = list(Stage)
        earlier = stages[: stages.index(self.request.stage)]
        confirmed = {stage: each for stage, each in self.request.confirmed.items() if stage in earlier}
        return recall(self.request.brief, self.idea, self.steady, confirmed)

    @property
    def revises(self) -> bool:
        """True where the former candidates are to be changed and not replaced."""
        asked = self.request.feedback or self.request.chips
        return bool(self.request.previous and self.wishes.any and not self.wishes.fresher and asked)


def made(work: Work) -> tuple[Content, ...]:
    """The candidates that the request asks for, with the ids of what they are the same as."""
    request = work.request
    if request.stage in CHOICE:
        found = _choice_stage(work)
    else:
        found = (_single_stage(work),)
    if request.what == "stale":
        found = tuple(called_as_today(each, request.stale) for each in found)
        work.unchanged[:] = [path for path in work.unchanged if path not in by_name(request.stale)]
    people = request.confirmed.get(Stage.CHARACTERS)
    return renamed(found, work.wishes, people)


def _choice_stage(work: Work) -> tuple[Content, ...]:
    request = work.request
    previous = list(request.previous)
    if request.what in ("paths", "stale") and previous:
        return tuple(_anew(work, place, each) for place, each in enumerate(previous))
    named = [each for each in previous if each.id in request.candidates]
    if request.what == "blend" and (named or previous):
        return (_blended(work, (named or previous)[:3]),)
    if request.what == "candidate":
        fresh = _fresh(work, 1, previous)[0]
        return (fresh.model_copy(update={"id": request.candidates[0] if request.candidates else fresh.id}),)
    if work.revises:
        if work.wishes.only:
            return tuple(_only(work, place, each) for place, each in enumerate(previous))
        return tuple(_revised(work, place, each) for place, each in enumerate(previous))
    count = request.count or request.brief.candidates or len(previous) or DEFAULT_CANDIDATES[request.stage]
    fresh_ones = _fresh(work, min(max(1, count), MAX_CANDIDATES[request.stage]), previous)
    prefix = fresh_ones[0].PREFIX
    return tuple(
        each.model_copy(update={"id": f"{prefix}{no}"}) for no, each in enumerate(fresh_ones, _next(previous))
    )


def _next(previous: Sequence[Content]) -> int:
    """The first number that no former candidate has."""
    numbers = [int(each.id[1:]) for each in previous if each.id[1:].isdigit()]
    return max(numbers, default=0) + 1


# ---- concepts and stories: fresh ----------------------------------------------------------------------------------


def _fresh(work: Work, count: int, previous: Sequence[Content]) -> list[Content]:
    if work.request.stage is Stage.CONCEPT_SELECTION:
        return list(_fresh_concepts(work, count, [each for each in previous if isinstance(each, Concept)]))
    return list(_fresh_stories(work, count, [each for each in previous if isinstance(each, Story)]))


def _fresh_concepts(work: Work, count: int, previous: Sequence[Concept]) -> list[Concept]:
    request, choice = work.request, work.choice()
    told = genre_of(previous[0].genre) if previous and not request.brief.genre else ""
    shelf = genre(work.wishes.genre or genre_of(request.brief.genre) or told or _hinted(work))
    seen = [each.id for each in map(_premise_in(shelf), previous) if each]
    premises = concepts.chosen_premises(shelf, work.idea, choice, count, seen)
    first = len(previous) if request.what == "candidate" else 0
    found = []
    for place, premise in enumerate(premises, first):
        model = invent(shelf, premise, request.brief, work.idea, choice, f"k/{place}", place)
        model = with_company(model, choice)
        if request.what == "candidate":
            named = next((each for each in previous if each.id in request.candidates), None)
            model = with_locked(model, named, request.locks)
        model = granted(model, work.wishes)
        found.append(concepts.tell(model, choice, request.brief, work.wishes, f"k/{place}"))
    return found


def _premise_in(shelf: Genre) -> Callable[[Concept], Premise | None]:
    return lambda concept: premise_of(shelf.premises, _text(concept))


def _hinted(work: Work) -> str:
    """The genre that the idea's own words name, else any; a word of a trade or thing is no genre."""
    return genre_of(work.request.brief.tone) or any_genre(work.steady)


def _text(concept: Concept) -> str:
    return f"{concept.hook} {concept.premise} {concept.what_if}"


def _fresh_stories(work: Work, count: int, previous: Sequence[Story]) -> list[Story]:
    request, choice = work.request, work.choice()
    model = granted(work.recalled().model, work.wishes)
    concept = request.confirmed.get(Stage.CONCEPT_SELECTION)
    turns = stories.turns_for(model, choice, count, [turn_of(each, model) for each in previous])
    return [
        stories.tell(
            model,
            turn,
            choice,
            request.brief,
            work.idea,
            work.wishes,
            concept if isinstance(concept, Concept) else None,
            place + len(previous) * (request.what == "candidate"),
        )
        for place, turn in enumerate(turns)
    ]


# ---- concepts and stories: revised --------------------------------------------------------------------------------


def _revised(work: Work, place: int, former: Content) -> Content:
    if isinstance(former, Concept):
        return _revised_concept(work, place, former)
    assert isinstance(former, Story)
    return _revised_story(work, place, former)


def _revised_concept(work: Work, place: int, former: Concept) -> Concept:
    request, wishes = work.request, work.wishes
    model, _ = _model_of(work, former)
    spoilt = [word for word in work.avoid if work.choice().forbids(_text(former)) and word]
    if wishes.genre and genre_of(former.genre) != wishes.genre:
        return _moved(work, place, former, model)
    if spoilt and not work.request.brief.avoid and _needs(model, work.choice()):
        return _moved(work, place, former, model)
    path = f"k/{place}"
    before = concepts.tell(model, work.choice(1, avoid=False), request.brief, NONE, path)
    wished = granted(model, wishes)
    after = concepts.tell(wished, work.choice(1), request.brief, wishes, path)
    return merged(called(former, model, wished), called(before, model, wished), after, wishes, work.avoid)


def _needs(model: Model, choice: Choice) -> bool:
    """The premise can't be told without an avoided word."""
    premise = model.premise
    parts = (premise.hook, premise.premise, premise.what_if, premise.stakes)
    return choice.forbids(" ".join(model.clause(each) for part in parts for each in part))


def _moved(work: Work, place: int, former: Concept, model: Model) -> Concept:
    """The same lead in another premise, of another genre or without what is to be avoided."""
    request, choice = work.request, work.choice()
    shelf = genre(work.wishes.genre or genre_of(former.genre) or any_genre(work.steady))
    others = [each for each in request.previous if isinstance(each, Concept)]
    seen = [each.id for each in map(_premise_in(shelf), others) if each]
    premise = concepts.chosen_premises(shelf, work.idea, choice, place + 1, seen)[-1]
    fresh = with_company(invent(shelf, premise, request.brief, work.idea, choice, f"k/{place}", place), choice)
    if model.premise.id in {each.id for each in model.genre.premises}:
        fresh = fresh.having(L=model.lead, trade=model.slots["trade"])
    told = concepts.tell(granted(fresh, work.wishes), choice, request.brief, work.wishes, f"k/{place}")
    return told.model_copy(update={"id": former.id})


def _model_of(work: Work, former: Concept) -> tuple[Model, bool]:
    """The model that a candidate tells, and whether it is one of the bank's."""
    shelf = genre(genre_of(former.genre) or genre_of(work.request.brief.genre) or any_genre(work.steady))
    found = premise_of(shelf.premises, _text(former))
    premise = found or premise_of(shelf.premises, _text(former), least=0.0) or shelf.premises[0]
    model = with_company(invent(shelf, premise, work.request.brief, work.idea, work.steady, "told"), work.steady)
    return from_concept(former, model), found is not None


def _revised_story(work: Work, place: int, former: Story) -> Story:
    model = work.recalled().model
    turn = turn_of(former, model)
    if turn is None:
        turn = stories.turns_for(model, work.steady, 1)[0]
    before = _story(work, model, turn, NONE, place, former, work.choice(1, avoid=False))
    wished = granted(model, work.wishes)
    after = _story(work, wished, turn, work.wishes, place, former, work.choice(1))
    return merged(called(former, model, wished), called(before, model, wished), after, work.wishes, work.avoid)


def _story(
    work: Work, model: Model, turn: Turn, wishes: Wishes, place: int, former: Story | None, choice: Choice
) -> Story:
    concept = work.request.confirmed.get(Stage.CONCEPT_SELECTION)
    return stories.tell(
        model,
        turn,
        choice,
        work.request.brief,
        work.idea,
        wishes,
        concept if isinstance(concept, Concept) else None,
        place,
        former,
    )


# ---- concepts and stories: parts anew -----------------------------------------------------------------------------


def _anew(work: Work, place: int, former: Content) -> Content:
    """This candidate with the open paths that lie in it told anew."""
    heads = (f"/{former.id}/", f"/{former.id}")
    own = [
        each.removeprefix(heads[1]) for each in work.request.paths if each.startswith(heads[0]) or each == heads[1]
    ]
    return _told_anew(work, place, former, own) if own else former


def _only(work: Work, place: int, former: Content) -> Content:
    return _told_anew(work, place, former, [f"/{name}" for name in work.wishes.only])


def _told_anew(work: Work, place: int, former: Content, paths: Sequence[str]) -> Content:
    first = 1 if work.request.what == "stale" else 2
    if isinstance(former, Concept):
        model, _ = _model_of(work, former)
        model = granted(model, work.wishes)

        def tell(salt: int) -> Concept:
            choice = replace(work.choice(1), salts={f"k/{place}": salt})
            return concepts.tell(model, choice, work.request.brief, work.wishes, f"k/{place}")

        told, left = opened(former, paths, tell, first)
        work.unchanged += left
        return told
    assert isinstance(former, Story)
    known = granted(work.recalled().model, work.wishes)
    turn = turn_of(former, known)

    def tell_story(salt: int) -> Story:
        choice = replace(work.choice(1), salts={f"s/{place}": salt})
        turns = stories.turns_for(known, work.choice(salt), salt)
        return _story(work, known, turn or turns[-1], work.wishes, place, former, choice)

    story, missing = opened(former, paths, tell_story, first)
    work.unchanged += missing
    return story


def _blended(work: Work, named: Sequence[Content]) -> Content:
    fresh_id = f"{named[0].PREFIX}{_next(work.request.previous)}"
    if isinstance(named[0], Concept):
        found = [each for each in named if isinstance(each, Concept)]
        models = [_model_of(work, each)[0] for each in found]
        model = granted(blend_concepts(models), work.wishes)
        told = concepts.tell(model, work.choice(), work.request.brief, work.wishes, "k/blend")
        others = {each.title for each in found}
        titles = [model.clause(each) for each in model.premise.titles]
        title = told.title if told.title not in others else next((t for t in titles if t not in others), told.title)
        return told.model_copy(
            update={"id": fresh_id, "title": title, "derived_from": tuple(each.id for each in found)}
        )
    tellings = [each for each in named if isinstance(each, Story)]
    return blend_stories(tellings).model_copy(update={"id": fresh_id})


# ---- world, characters, outline -----------------------------------------------------------------------------------


def _single_stage(work: Work) -> Content:
    request = work.request
    former = request.previous[0] if request.previous else None
    if former is not None and request.what in ("paths", "stale"):
        return _single_anew(work, former, request.paths)
    if former is not None and work.revises:
        if work.wishes.only:
            return _single_anew(work, former, [f"/{name}" for name in work.wishes.only])
        salt = _salt_of(work, former)
        before = _single(work, NONE, work.choice(salt, avoid=False), former)
        after = _single(work, work.wishes, work.choice(salt), former)
        return merged(former, before, after, work.wishes, work.avoid)
    told = _single(work, work.wishes, work.choice(), None)
    if former is not None:
        return told.model_copy(update={"id": former.id})
    return told.model_copy(update={"id": f"{told.PREFIX}1"})


def _salt_of(work: Work, former: Content) -> int:
    """The salt whose telling is most like the former content: that of the round it came from."""
    mine = set(texts_of((former,)))
    salts = range(1, min(work.request.round, 6))

    def common(salt: int) -> int:
        return len(mine & set(texts_of((_single(work, NONE, work.choice(salt, avoid=False), former),))))

    return max(salts, key=common, default=1) if len(salts) > 1 else 1


def _single(work: Work, wishes: Wishes, choice: Choice, former: Content | None) -> Content:
    """The content of a stage that has one, with the names that the former one has."""
    request, confirmed = work.request, work.request.confirmed
    recalled = work.recalled()
    model = recalled.model
    if isinstance(former, World) and request.what != "stale":
        model = from_world(former, model)
    if isinstance(former, Cast):
        model = from_cast(former, model) if request.what != "stale" else _keeping_others(former, model)
    elif request.stage is Stage.CHARACTERS:
        story = confirmed.get(Stage.STORY_CONCEPTION)
        named = story.synopsis if isinstance(story, Story) else ""
        fixed = named_in(named, model)
        old = request.previous[0] if request.previous else None
        if isinstance(old, Cast):
            model = with_locked(model, old, request.locks)
            fixed |= {part: model.person(part) for part in locked_people(old, request.locks) if part in PARTS}
        model = with_company(model, choice, _second(work.idea), fixed)
    elif request.stage is Stage.WORLDVIEW and request.previous:
        model = with_locked(model, request.previous[0], request.locks)
    model = granted(model, wishes)
    if request.stage is Stage.WORLDVIEW:
        return worlds.tell(model, choice, wishes)
    story, there, people = (
        confirmed.get(stage) for stage in (Stage.STORY_CONCEPTION, Stage.WORLDVIEW, Stage.CHARACTERS)
    )
    if request.stage is Stage.CHARACTERS:
        audience = story.audience if isinstance(story, Story) else None
        audience = audience or stories.audience_of(request.brief.audience) or "adult"
        factions = there.factions if isinstance(there, World) else ()
        ids = {"N": factions[0].id} if factions else {}
        return casts.tell(model, choice, wishes, audience, ids)
    turn = recalled.turn or stories.turns_for(model, work.steady, 1)[0]
    told, _ = outlines.tell(
        model,
        turn,
        choice,
        wishes,
        story if isinstance(story, Story) else None,
        there if isinstance(there, World) else None,
        people if isinstance(people, Cast) else None,
    )
    return _under_new_names(work, told, model)


def _under_new_names(work: Work, plot: Outline, model: Model) -> Outline:
    """Endings and customs are quoted from stages that may have been confirmed under older names."""
    early = (Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION)
    confirmed = {stage: each for stage, each in work.request.confirmed.items() if stage in early}
    earlier = recall(work.request.brief, work.idea, work.steady, confirmed).model
    pairs = [(earlier.text("town"), model.text("town"))]
    for part in ("L", "N", *PARTS):
        old, new = earlier.person(part), model.person(part)
        if old.name != new.name:
            pairs += [(old.name, new.name), (old.first, new.first)]
    for before, after in pairs:
        plot = replaced(plot, before, after)
    return plot


def _keeping_others(former: Cast, model: Model) -> Model:
    """The former cast's people but for lead and opponent, who are those of the confirmed stages."""
    told = from_cast(former, model)
    return told.having(L=model.lead, N=model.opponent)


def _second(idea: Idea) -> str:
    people = [each for each in idea.all("persons") if each not in ("boy", "girl", idea.opponent)]
    return people[1] if len(people) > 1 else ""


def second_person(idea: Idea) -> str:
    """A job that the idea gives to somebody beside the lead; the rival gets it."""
    return _second(idea)


def _single_anew(work: Work, former: Content, paths: Sequence[str]) -> Content:
    first = 1 if work.request.what == "stale" else 2

    def tell(salt: int) -> Content:
        if isinstance(former, Outline) and work.request.what != "stale":
            # The longest book has every beat, also those that this one has not used.
            longest = _single(work, Wishes(chapters=60), work.choice(salt), former)
            assert isinstance(longest, Outline)
            return chapters_anew(former, longest, salt)
        return _single(work, work.wishes, work.choice(salt), former)

    content, left = opened(former, paths, tell, first)
    work.unchanged += left
    return content
