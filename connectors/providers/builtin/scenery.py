"""Where chapters happen: which place of the confirmed world plays which part, and what is said about it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from connectors.providers.builtin.bank.tables import Place as Entry
from connectors.providers.builtin.bank.templates import Role
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Named
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.reading import likeness
from connectors.providers.builtin.spine import EPISODES, RULES, Step
from connectors.providers.builtin.worlds import ROLES, as_named, name_of, place_entries
from genesis.content.world import Place, World

SIMILAR: dict[Role, tuple[Role, ...]] = {
    "work": ("common", "home"),
    "home": ("work", "common"),
    "seat": ("work", "under"),
    "common": ("work", "home"),
    "wild": ("under",),
    "under": ("seat", "wild"),
}
"""For a place that no chapter of its own role can take: whose chapters read well there."""


@dataclass(frozen=True)
class Scene:
    """A place as a chapter needs it."""

    id: str
    """Empty where there is no confirmed world."""
    name: Named
    detail: str = ""
    own: bool = False
    """True for a place that the person put into the world."""


@dataclass(frozen=True)
class Scenery:
    """The places of a book by role, the main one of each first; and all of them."""

    by_role: dict[Role, list[Scene]]

    def main(self, role: Role) -> Scene:
        """Where beats of this role happen."""
        return self.by_role[role][0]

    def roles(self, scene: Scene) -> list[Role]:
        """What a place is for."""
        return [role for role, scenes in self.by_role.items() if scene in scenes]

    @property
    def all(self) -> list[Scene]:
        """Every place, each once."""
        scenes = [each for scenes in self.by_role.values() for each in scenes]
        return list({each.id or each.name.text: each for each in scenes}.values())


def scenery(model: Model, choice: Choice, world: World | None) -> Scenery:
    """The places of the confirmed world by likeness to the bank's; without a world those that it would have."""
    by_role: dict[Role, list[Scene]] = {role: [] for role in ROLES}
    if world is None or not world.places:
        for role, entry in place_entries(model, choice):
            place = Place(name=name_of(entry, model), kind=entry.kind)
            by_role[role].append(Scene("", as_named(place, entry)))
        return Scenery(by_role)
    left: list[Place] = []
    for place in world.places:
        known = _entry_of(place, model)
        if known is None:
            left.append(place)
        else:
            renamed = place.name.removeprefix("The Other ") not in name_of(known, model)
            by_role[known.role].append(Scene(place.id, as_named(place, known, renamed), place.detail))
    fallback = [Scene(each.id, as_named(each), each.detail, own=True) for each in left]
    everywhere = fallback + [each for scenes in by_role.values() for each in scenes]
    for role in ROLES:
        if not by_role[role]:
            by_role[role].append(fallback.pop(0) if fallback else everywhere[len(role) % len(everywhere)])
    for number, scene in enumerate(fallback):
        by_role[("common", "wild", "home")[number % 3]].append(scene)
    return Scenery(by_role)


def _entry_of(place: Place, model: Model) -> Entry | None:
    also = model.also.places if model.also else ()
    entries = [*model.premise.places, *also, *model.genre.places]
    best = max(entries, key=lambda each: likeness([each.description], place.description), default=None)
    return best if best and likeness([best.description], place.description) > 0.4 else None


def assigned(
    chapters: Sequence[Sequence[Step]], places: Scenery, where: Mapping[str, Role] = MappingProxyType({})
) -> list[Scene]:
    """A place for each chapter: the one its main beat asks for, or the premise (`where`) for a beat of the plot.

    No place of the world is left out if that can be: it takes over a chapter of its own role, else of a similar one.
    """
    roles = [_role(heart(steps), where) for steps in chapters]
    given = [places.main(role) for role in roles]
    unused = [each for each in places.all if all(each.id != scene.id for scene in given)]
    _given_own(chapters, given, unused)
    # The first and last chapters have places of their own, and so has what the premise puts somewhere.
    inner = [at for at in range(1, len(chapters) - 1) if not _placed(heart(chapters[at]), where)]
    order = sorted(inner, key=lambda at: _ties(heart(chapters[at])))
    for fits in (_same, _similar, _any):
        for at in order:
            if sum(each.id == given[at].id for each in given) > 1:
                wanted = next((each for each in unused if fits(roles[at], places.roles(each))), None)
                if wanted:
                    given[at] = wanted
                    unused.remove(wanted)
    return given


def _placed(step: Step, where: Mapping[str, Role]) -> bool:
    return step.line == "main" and step.beat.id in where


def _role(step: Step, where: Mapping[str, Role]) -> Role:
    return where[step.beat.id] if _placed(step, where) else step.beat.place


def _ties(step: Step) -> int:
    """How firmly a chapter's story ties it to its place: an episode least, the plot most."""
    return 0 if step.line in {EPISODES, RULES} else 2 if step.line == "main" else 1


def _same(role: Role, of: Collection[Role]) -> bool:
    return role in of


def _similar(role: Role, of: Collection[Role]) -> bool:
    return any(role in SIMILAR[each] for each in of)


def _any(_role: Role, _of: Collection[Role]) -> bool:
    return True


def _given_own(chapters: Sequence[Sequence[Step]], given: list[Scene], unused: list[Scene]) -> None:
    """Give each place of the person's own a chapter that says where it is; changes `given` and `unused`."""
    inner = range(1, len(chapters) - 1)
    naming = [place for place in inner if all("{P" in text for step in chapters[place] for text in step.beat.text)]
    order = sorted(naming, key=lambda place: (heart(chapters[place]).line == "main", place))
    for scene in [each for each in unused if each.own]:
        free = [place for place in order if not given[place].own]
        if free:
            given[free[0]] = scene
            unused.remove(scene)


def heart(steps: Sequence[Step]) -> Step:
    """The step that a chapter is mainly about."""
    return max(steps, key=lambda each: (each.beat.tension, -each.beat.weight, each.line == "main"))
