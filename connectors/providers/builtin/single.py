"""World, characters and outline: the one content of a stage made, revised, or written anew in parts."""

from collections.abc import Sequence
from dataclasses import replace

from connectors.providers.builtin import casts, outlines, stories, worlds
from connectors.providers.builtin.audiences import CHILDREN, audience_of, childs, written_for
from connectors.providers.builtin.bank.templates import Audience
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import named_in, with_company
from connectors.providers.builtin.granting import granted, replaced, texts_of
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.locking import locked_people, with_locked
from connectors.providers.builtin.model import COMPANY, Model
from connectors.providers.builtin.recall import from_cast, from_world, recall
from connectors.providers.builtin.revising import merged, opened
from connectors.providers.builtin.rewriting import chapters_anew
from connectors.providers.builtin.wishes import Wishes
from connectors.providers.builtin.work import NONE, Work
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.outline import Outline
from genesis.content.story import Story
from genesis.content.world import World
from genesis.session.stages import Stage


def single(work: Work) -> Content:
    """The content of a stage that has one, by what the request asks."""
    request = work.request
    former = request.previous[0] if request.previous else None
    if former is not None and request.what in ("paths", "stale"):
        return _single_anew(work, former, work.paths)
    if former is not None and work.revises:
        if work.wishes.only:
            return _single_anew(work, former, [f"/{name}" for name in work.wishes.only])
        salt = _salt_of(work, former)
        before = _told(work, NONE, work.choice(salt, avoid=False), former)
        after = _told(work, work.wishes, work.choice(salt), former)
        return merged(former, before, after, work.wishes, work.avoid)
    told = _told(work, work.wishes, work.choice(), None)
    if former is not None:
        return told.model_copy(update={"id": former.id})
    return told.model_copy(update={"id": f"{told.PREFIX}1"})


def _salt_of(work: Work, former: Content) -> int:
    """The salt whose telling is most like the former content: that of the round it came from."""
    mine = set(texts_of((former,)))
    salts = range(1, min(work.request.round, 6))

    def common(salt: int) -> int:
        return len(mine & set(texts_of((_told(work, NONE, work.choice(salt, avoid=False), former),))))

    return max(salts, key=common, default=1) if len(salts) > 1 else 1


def _told(work: Work, wishes: Wishes, choice: Choice, former: Content | None) -> Content:
    """The content of a stage that has one, with the names that the former one has."""
    request, confirmed = work.request, work.request.confirmed
    recalled = work.recalled
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
            fixed |= {part: model.person(part) for part in locked_people(old, request.locks) if part in COMPANY}
        second = _second(work.idea)
        if second and written_for(model.genre, _audience(work, model)) in CHILDREN:
            second = childs(second)
        model = with_company(model, choice, second, fixed)
    elif request.stage is Stage.WORLDVIEW and request.previous:
        model = with_locked(model, request.previous[0], request.locks)
    model = granted(model, wishes)
    if request.stage is Stage.WORLDVIEW:
        return worlds.tell(model, choice, wishes)
    story, there, people = (
        confirmed.get(stage) for stage in (Stage.STORY_CONCEPTION, Stage.WORLDVIEW, Stage.CHARACTERS)
    )
    if request.stage is Stage.CHARACTERS:
        factions = there.factions if isinstance(there, World) else ()
        ids = {"N": factions[0].id} if factions else {}
        aged = replace(wishes, age=wishes.age or work.idea.age)
        return casts.tell(model, choice, aged, _audience(work, model), ids)
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


def _audience(work: Work, model: Model) -> Audience:
    """Whom the book is for: as the confirmed story says, else the brief, else the genre."""
    story = work.request.confirmed.get(Stage.STORY_CONCEPTION)
    told = story.audience if isinstance(story, Story) else None
    return told or audience_of(work.request.brief.audience) or model.genre.meta.audience


def _under_new_names(work: Work, plot: Outline, model: Model) -> Outline:
    """Endings and customs are quoted from stages that may have been confirmed under older names."""
    early = (Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION)
    confirmed = {stage: each for stage, each in work.request.confirmed.items() if stage in early}
    earlier = recall(work.request.brief, work.idea, work.steady, confirmed).model
    pairs = [(earlier.text("town"), model.text("town"))]
    for part in ("L", "N", *COMPANY):
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
            longest = _told(work, Wishes(chapters=60), work.choice(salt), former)
            assert isinstance(longest, Outline)
            return chapters_anew(former, longest, salt)
        # With a salt of its own the world looks beyond what the premise alone would say.
        choice = work.choice(salt) if first == 1 else replace(work.choice(salt), salts={"w": salt})
        return _told(work, work.wishes, choice, former)

    content, left = opened(former, paths, tell, first)
    work.unchanged += left
    return told_by_who_is_there(content, former, paths) if isinstance(content, Outline) else content


def told_by_who_is_there(outline: Outline, former: Content, paths: Sequence[str]) -> Outline:
    """The outline, each chapter told by somebody of its cast: where only one of the two was written anew the other
    gives way, and what may not be changed stays."""
    before = {each.id: each for each in former.chapters} if isinstance(former, Outline) else {}
    chapters = []
    for chapter in outline.chapters:
        if chapter.pov and chapter.cast and chapter.pov not in chapter.cast:
            old = before.get(chapter.id)
            fixed = f"/chapters/{chapter.id}/pov" not in paths and old is not None and old.pov == chapter.pov
            if fixed or old is None or old.cast != chapter.cast:
                chapter = chapter.model_copy(update={"cast": (chapter.pov, *chapter.cast)[:8]})
            else:
                chapter = chapter.model_copy(update={"pov": old.pov if old.pov in chapter.cast else chapter.cast[0]})
        chapters.append(chapter)
    return outline.model_copy(update={"chapters": tuple(chapters)})
