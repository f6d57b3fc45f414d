"""Concepts and stories: candidates made, revised, written anew in parts, or blended."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from connectors.providers.builtin import concepts, stories
from connectors.providers.builtin.bank.plots import Turn
from connectors.providers.builtin.bank.shelves import Genre, genre
from connectors.providers.builtin.bank.tables import Premise
from connectors.providers.builtin.blending import blend_concepts, blend_stories
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import with_company
from connectors.providers.builtin.genres import any_genre, genre_of
from connectors.providers.builtin.granting import called, granted
from connectors.providers.builtin.locking import with_locked
from connectors.providers.builtin.model import Model, invent
from connectors.providers.builtin.reading import premise_of
from connectors.providers.builtin.recall import from_concept, turn_of
from connectors.providers.builtin.revising import merged, opened
from connectors.providers.builtin.wishes import Wishes
from connectors.providers.builtin.work import NONE, Work
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.story import Story
from genesis.session.stages import Stage


def fresh(work: Work, count: int, previous: Sequence[Content]) -> list[Content]:
    """So many candidates that show what the former ones do not."""
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
    """The genre that words of the tone or the idea mean, else any."""
    brief = work.request.brief
    return genre_of(brief.tone) or genre_of(brief.idea) or any_genre(work.steady)


def _text(concept: Concept) -> str:
    return f"{concept.hook} {concept.premise} {concept.what_if}"


def _fresh_stories(work: Work, count: int, previous: Sequence[Story]) -> list[Story]:
    request, choice = work.request, work.choice()
    model = granted(work.recalled.model, work.wishes)
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


def revised(work: Work, place: int, former: Content) -> Content:
    """The candidate as the wishes change it; what they don't name stays."""
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
    model = work.recalled.model
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


def anew(work: Work, place: int, former: Content) -> Content:
    """This candidate with the open paths that lie in it told anew."""
    heads = (f"/{former.id}/", f"/{former.id}")
    own = [each.removeprefix(heads[1]) for each in work.paths if each.startswith(heads[0]) or each == heads[1]]
    return _told_anew(work, place, former, own) if own else former


def only(work: Work, place: int, former: Content) -> Content:
    """The candidate with the fields told anew that alone may change."""
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
    known = granted(work.recalled.model, work.wishes)
    turn = turn_of(former, known)

    def tell_story(salt: int) -> Story:
        choice = replace(work.choice(1), salts={f"s/{place}": salt})
        turns = stories.turns_for(known, work.choice(salt), salt)
        return _story(work, known, turn or turns[-1], work.wishes, place, former, choice)

    story, missing = opened(former, paths, tell_story, first)
    work.unchanged += missing
    return story


def blended(work: Work, named: Sequence[Content]) -> Content:
    """One candidate made of two or three."""
    fresh_id = f"{named[0].PREFIX}{next_number(work.request.previous)}"
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


def next_number(previous: Sequence[Content]) -> int:
    """The first number that no former candidate has."""
    numbers = [int(each.id[1:]) for each in previous if each.id[1:].isdigit()]
    return max(numbers, default=0) + 1
