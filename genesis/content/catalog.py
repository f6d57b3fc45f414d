"""Which content belongs to which stage, and how many candidates a proposal of it holds."""

from genesis.content.cast import Cast
from genesis.content.concept import Concept
from genesis.content.outline import Outline
from genesis.content.story import Story
from genesis.content.world import World
from genesis.session.stages import Stage

Content = Concept | Story | World | Cast | Outline
"""What a stage proposes and confirms."""

CONTENT: dict[Stage, type[Content]] = {
    Stage.CONCEPT_SELECTION: Concept,
    Stage.STORY_CONCEPTION: Story,
    Stage.WORLDVIEW: World,
    Stage.CHARACTERS: Cast,
    Stage.PLOT_OUTLINE: Outline,
}
"""Model of a stage's candidates."""

PREFIX: dict[Stage, str] = {stage: model.PREFIX for stage, model in CONTENT.items()}
"""Letter of the ids of a stage's candidates; items of lists carry theirs as `PREFIX` of their class."""

MAX_CANDIDATES: dict[Stage, int] = {
    Stage.CONCEPT_SELECTION: 5,
    Stage.STORY_CONCEPTION: 3,
    Stage.WORLDVIEW: 1,
    Stage.CHARACTERS: 1,
    Stage.PLOT_OUTLINE: 1,
}
"""Most candidates a proposal may hold."""

DEFAULT_CANDIDATES: dict[Stage, int] = {
    Stage.CONCEPT_SELECTION: 3,
    Stage.STORY_CONCEPTION: 2,
    Stage.WORLDVIEW: 1,
    Stage.CHARACTERS: 1,
    Stage.PLOT_OUTLINE: 1,
}
"""Candidates a proposal holds where nobody asked for a number."""
