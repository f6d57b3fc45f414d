"""What a person wants to be different, and in which stages it can be."""

from dataclasses import dataclass, field
from typing import Literal

from connectors.providers.builtin.grammar import Pronouns
from genesis.content.proposal import Understood
from genesis.session.stages import Stage

Ending = Literal["open", "happy", "bittersweet", "tragic"]

LABELS = {
    Stage.CONCEPT_SELECTION: "concept",
    Stage.STORY_CONCEPTION: "story",
    Stage.WORLDVIEW: "world",
    Stage.CHARACTERS: "characters",
    Stage.PLOT_OUTLINE: "outline",
}

STAGES: dict[str, tuple[Stage, ...]] = {
    "tone": (Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION, Stage.WORLDVIEW),
    "stakes": (Stage.CONCEPT_SELECTION, Stage.WORLDVIEW),
    "stranger": (Stage.CONCEPT_SELECTION, Stage.WORLDVIEW),
    "fresher": (Stage.CONCEPT_SELECTION,),
    "add": (Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION, Stage.WORLDVIEW, Stage.PLOT_OUTLINE),
    "romance": (Stage.CHARACTERS,),
    "longer": (Stage.STORY_CONCEPTION,),
    "size": (Stage.STORY_CONCEPTION, Stage.PLOT_OUTLINE),
    "ending": (Stage.STORY_CONCEPTION, Stage.PLOT_OUTLINE),
    "era": (Stage.WORLDVIEW,),
    "place": (Stage.CONCEPT_SELECTION, Stage.WORLDVIEW),
    "role": (Stage.CONCEPT_SELECTION, Stage.CHARACTERS),
    "age": (Stage.CHARACTERS,),
    "pov": (Stage.STORY_CONCEPTION,),
    "tense": (Stage.STORY_CONCEPTION,),
    "genre": (Stage.CONCEPT_SELECTION,),
}
"""Where a wish can be obeyed; one that is not named here is obeyed in every stage."""


@dataclass(frozen=True)
class Portrait:
    """What somebody other than the lead should be."""

    who: str
    """`villain`, or a name."""
    pronouns: Pronouns | None
    job: str


@dataclass
class Wishes:
    """What the person wants to be different."""

    lead: str = ""
    """What is known of the lead, small: the idea, and what the former proposal says of the lead."""
    renames: list[tuple[str, str]] = field(default_factory=list)
    """(old, new); the old name is `lead` or `villain` where the person is named by part."""
    portraits: list[Portrait] = field(default_factory=list)
    mood: int = 0
    """Below 0 darker, above 0 lighter."""
    length: int = 0
    """Below 0 shorter, above 0 longer."""
    stranger: bool = False
    fresher: bool = False
    higher: bool = False
    romance: bool | None = None
    avoid: list[str] = field(default_factory=list)
    add: list[str] = field(default_factory=list)
    era: str = ""
    town: str = ""
    place: str = ""
    """A settlement, building or landscape of the lexicon."""
    pronouns: Pronouns | None = None
    age: int = 0
    """In years; 0 leaves it alone."""
    job: str = ""
    ending: Ending | None = None
    pov: Literal["first", "close_third", "multiple_third", "omniscient"] | None = None
    tense: Literal["past", "present"] | None = None
    chapters: int = 0
    words: int = 0
    genre: str = ""
    """Folder name of a genre of the bank."""
    only: list[str] = field(default_factory=list)
    """Fields that alone may change."""
    kept: list[str] = field(default_factory=list)
    """Fields that must not change."""
    understood: list[Understood] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)

    def note(self, intent: str, text: str, path: str = "") -> None:
        """Record a wish as recognised."""
        if len(self.understood) < 20:
            self.understood.append(Understood(intent=intent, path=path, text=text[:400]))

    def keep(self, stage: Stage) -> None:
        """Give back the wishes that this stage has no place for, so that none is called obeyed that is not."""
        for wish in list(self.understood):
            stages = STAGES.get(wish.intent)
            if stages is not None and stage not in stages:
                self.understood.remove(wish)
                where = " or ".join(LABELS[each] for each in stages)
                self.not_understood.append(f"“{wish.text.rstrip('.')}” is decided with the {where}, not here.")

    @property
    def any(self) -> bool:
        """True where at least one wish was recognised."""
        return bool(self.understood)
