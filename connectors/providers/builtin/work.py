"""One request to the engine, with what was read out of its words and what earlier stages tell."""

from dataclasses import dataclass, field
from functools import cached_property

from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.mending import by_name
from connectors.providers.builtin.recall import Recalled, recall
from connectors.providers.builtin.wishes import Wishes
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage

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

    @cached_property
    def recalled(self) -> Recalled:
        """The model that the confirmed stages before this one tell."""
        stages = list(Stage)
        earlier = stages[: stages.index(self.request.stage)]
        confirmed = {stage: each for stage, each in self.request.confirmed.items() if stage in earlier}
        return recall(self.request.brief, self.idea, self.steady, confirmed)

    @property
    def paths(self) -> tuple[str, ...]:
        """What to tell anew; a text that is stale for nothing but a name keeps its words and gets the name."""
        if self.request.what != "stale":
            return self.request.paths
        return tuple(path for path in self.request.paths if path not in by_name(self.request.stale))

    @property
    def revises(self) -> bool:
        """True where the former candidates are to be changed and not replaced."""
        asked = self.request.feedback or self.request.chips
        return bool(self.request.previous and self.wishes.any and not self.wishes.fresher and asked)
