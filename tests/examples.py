"""One good example of everything a session handles, shared by all floors' tests."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from genesis.content.cast import Cast, Character, Relationship
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.outline import Act, Chapter, Outline, Plant, Thread
from genesis.content.proposal import Provenance
from genesis.content.story import Story
from genesis.content.world import Faction, Place, Rule, World
from genesis.session.messages import GenerationSucceeded
from genesis.session.stages import Stage

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OWNER = "local"
EXAMPLES = UUID("0b8f6f0e-2f57-5d8a-9b7e-5b6a4f3c2d1e")

PROVENANCE = Provenance(
    kind="procedural", provider="example", model="example/1", seed=7, cost="0", currency="USD", attempts=1
)

CONCEPTS = (
    Concept(
        id="k1",
        title="The Salt Ledger",
        hook="A harbour clerk must falsify the tide book or lose the island.",
        premise="On Mornay every tide is sold in advance. Ilse Varga keeps the book that says who owns the sea.",
        lead="Ilse Varga, clerk of tides",
        opposition="The Lessees who bought tomorrow's water",
        stakes="If the book is true, the island drowns at midsummer",
        genre="quiet fantasy",
    ),
    Concept(
        id="k2",
        title="A Lamp for the Drowned",
        hook="A lighthouse keeper's daughter must put out the light that calls the dead home.",
        premise="The lamp at Corrie Head has not been dark for a century. Tonight its oil is gone.",
        lead="Maren Holt, keeper's daughter",
        opposition="The widows who will not let it go dark",
        stakes="One more night of light and the living follow the dead",
        genre="quiet fantasy",
    ),
)
STORY = Story(
    id="s1",
    title="The Salt Ledger",
    synopsis="Ilse finds a forged tide, follows it to the Lessees, and reads the true book aloud.",
    themes=("A true record costs the one who keeps it",),
    ending="The island is lost and everyone leaves it alive",
    ending_kind="bittersweet",
    target_chapters=3,
    target_words=9000,
)
WORLD = World(
    id="w1",
    name="Mornay",
    era="an age of sail and sealing wax",
    overview="A salt island whose tides are bought and sold",
    conflict="Those who own tomorrow's water against those who live on it",
    rules=(
        Rule(
            id="r1",
            name="Sold tides",
            kind="magic",
            statement="A tide written into the book comes as written",
            cost="The writer forgets a day",
            limit="Only within sight of the harbour bell",
        ),
    ),
    places=(
        Place(
            id="p1", name="The Tide House", kind="building", description="Counting rooms above the quay", held_by="f1"
        ),
    ),
    factions=(Faction(id="f1", name="The Lessees", goal="Own every tide to come", secret="Midsummer is sold twice"),),
)
CAST = Cast(
    id="e1",
    characters=(
        Character(
            id="c1",
            name="Ilse Varga",
            role="protagonist",
            pronouns="she",
            want="Keep the book true",
            need="Let the island go",
            wound="Signed the false tide that took her brother",
        ),
        Character(
            id="c2",
            name="Anton Reyl",
            role="antagonist",
            pronouns="he",
            faction="f1",
            want="Sell midsummer a third time",
        ),
    ),
    relationships=(Relationship(id="b1", a="c1", b="c2", kind="debt", surface="He keeps her brother's debt"),),
)
OUTLINE = Outline(
    id="o1",
    structure="custom",
    acts=(Act(id="a1", name="High water", purpose="From keeping the book to reading it aloud"),),
    threads=(Thread(id="t1", title="Who sold midsummer", closes_in="h3"),),
    chapters=tuple(
        Chapter(
            id=f"h{no}",
            no=no,
            act="a1",
            title=title,
            pov="c1",
            place="p1",
            cast=("c1", "c2"),
            threads=("t1",),
            summary=summary,
            tension=3 + no,
            words=3000,
        )
        for no, (title, summary) in enumerate(
            (
                ("The Blotted Line", "Ilse finds a tide in a hand that is not hers."),
                ("Neap", "Reyl offers her the ledger's price, and her brother's name."),
                ("Spring Tide", "She reads the true book aloud, and the island empties."),
            ),
            start=1,
        )
    ),
    plants=(Plant(id="x1", text="A quill that writes grey", planted_in="h1", paid_in="h3"),),
)

CANDIDATES: dict[Stage, tuple[Content, ...]] = {
    Stage.CONCEPT_SELECTION: CONCEPTS,
    Stage.STORY_CONCEPTION: (STORY,),
    Stage.WORLDVIEW: (WORLD,),
    Stage.CHARACTERS: (CAST,),
    Stage.PLOT_OUTLINE: (OUTLINE,),
}
"""What a provider brings for each stage; passes every check when all of it is confirmed."""


def a_uuid(name: str) -> UUID:
    """An id that is the same in every run."""
    return uuid5(EXAMPLES, name)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def success(task_id: UUID, stage: Stage, attempt: int = 1) -> GenerationSucceeded:
    """The result that a provider brings for this task."""
    return GenerationSucceeded(
        task_id=task_id, attempt=attempt, stage=stage, candidates=CANDIDATES[stage], provenance=PROVENANCE
    )
