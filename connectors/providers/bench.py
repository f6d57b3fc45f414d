"""A provider for load tests: the smallest valid proposal, about 1 KB, the same for the same request."""

import asyncio
from collections.abc import AsyncIterator

from connectors.providers.protocol import AttemptStarted, Final, Partial, ProviderEvent
from genesis.content.cast import Cast, Character, Relationship
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.outline import Act, Chapter, Outline, Plant, Thread
from genesis.content.proposal import Provenance
from genesis.content.story import Story
from genesis.content.world import Faction, Place, Rule, World
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage

FILLER = "The bell rings once and the whole valley counts its dead again. "

CHAPTERS = 2
WORDS = 6000


class BenchProvider:
    """Costs almost nothing per proposal, so that a measurement shows the pipeline and not the text maker."""

    name = "bench"

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        """How long each proposal takes, so that it can be stopped or answered early."""

    async def generate(self, request: GenerationRequest) -> AsyncIterator[ProviderEvent]:
        """One attempt, one partial, one candidate."""
        yield AttemptStarted(1)
        content = smallest(request)
        yield Partial(content.model_dump_json()[:200])
        if self._seconds:
            await asyncio.sleep(self._seconds)
        provenance = Provenance(
            kind="procedural", provider=self.name, model="bench/1", cost="0", duration_ms=0, finish_reason="stop"
        )
        yield Final((content,), (), (), provenance)


def smallest(request: GenerationRequest) -> Content:
    """A content of the request's stage that passes every check against what is confirmed."""
    confirmed = request.confirmed
    match request.stage:
        case Stage.CONCEPT_SELECTION:
            return Concept(
                id="k1",
                title=f"Bench novel, round {request.round}",
                hook="An apprentice must recast a bell against the will of those who hung it.",
                premise=FILLER * 8,
                lead="Ada Low, bell founder",
                opposition="The wardens of the chime",
                stakes="The drowned keep the blame",
                genre="quiet fantasy",
            )
        case Stage.STORY_CONCEPTION:
            return Story(
                id="s1",
                title="Bench novel",
                synopsis=FILLER * 9,
                themes=("Truth costs its teller",),
                ending="She rings the bell and forgets why",
                pov="close_third",
                target_chapters=CHAPTERS,
                target_words=WORDS,
            )
        case Stage.WORLDVIEW:
            return World(
                id="w1",
                name="The valley",
                era="seven years after the flood",
                overview=FILLER * 6,
                conflict="To hear the flood or to hush it",
                rules=(Rule(id="r1", name="Bell memory", statement="A bell keeps an hour", cost="An hour"),),
                places=(Place(id="p1", name="The foundry", description="An open hall", held_by="f1"),),
                factions=(Faction(id="f1", name="Wardens", goal="Melt the bells", secret="They know why"),),
            )
        case Stage.CHARACTERS:
            return _cast(confirmed.get(Stage.WORLDVIEW))
        case Stage.PLOT_OUTLINE:
            return _outline(
                confirmed.get(Stage.STORY_CONCEPTION),
                confirmed.get(Stage.WORLDVIEW),
                confirmed.get(Stage.CHARACTERS),
            )


def _cast(world: Content | None) -> Cast:
    factions = world.factions if isinstance(world, World) else ()
    lead = Character(
        id="c1",
        name="Ada Low",
        role="protagonist",
        pronouns="she",
        profile=FILLER * 3,
        want="Recast the bell",
        need="Let it be heard",
        wound="She let go of the rope",
    )
    against = Character(
        id="c2",
        name="Tib Marsh",
        role="antagonist",
        pronouns="he",
        profile=FILLER * 3,
        faction=factions[0].id if factions else "",
        want="Melt the bell",
    )
    bond = Relationship(id="b1", a="c1", b="c2", kind="debt", surface="He paid for her training")
    return Cast(id="e1", characters=(lead, against), relationships=(bond,))


def _outline(story: Content | None, world: Content | None, cast: Content | None) -> Outline:
    people = [each.id for each in cast.characters] if isinstance(cast, Cast) else []
    places = [each.id for each in world.places] if isinstance(world, World) else []
    planned = story.target_chapters if isinstance(story, Story) else 0
    count = planned or CHAPTERS
    words = (story.target_words if isinstance(story, Story) else 0) or WORDS
    chapters = tuple(
        Chapter(
            id=f"h{no}",
            no=no,
            act="a1",
            title=f"Chapter {no}",
            pov=people[0] if people else "",
            place=places[no % len(places)] if places else "",
            cast=tuple(people[:8]),
            threads=("t1",),
            summary=FILLER * 2,
            tension=5,
            words=min(words // count, 20_000),
        )
        for no in range(1, count + 1)
    )
    last = chapters[-1].id
    return Outline(
        id="o1",
        structure="custom",
        acts=(Act(id="a1", name="The crack", purpose="From hiding to ringing"),),
        threads=(Thread(id="t1", title="Who opened the gate", closes_in=last),),
        chapters=chapters,
        plants=(Plant(id="x1", text="A receipt", planted_in="h1", paid_in=last),) if count > 1 else (),
    )
