"""Locked values as a part of the model, so that the texts around them agree; putting them back is code outside."""

from collections.abc import Collection

from connectors.providers.builtin.grammar import Person
from connectors.providers.builtin.model import Model, Slot
from connectors.providers.builtin.recall import from_concept, from_world, job_of, parts_of
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.paths import covers
from genesis.content.world import World


def with_locked(model: Model, former: Content | None, locks: Collection[str]) -> Model:
    """The model with the names that are locked in the former content; paths as the request has them."""
    match former:
        case Concept():
            kept = {
                name: getattr(former, name)
                for name in ("lead", "opposition", "hook", "premise")
                if _locked(f"/{former.id}/{name}", locks)
            }
            return from_concept(Concept(id=former.id, **kept), model) if kept else model
        case World():
            name = former.name if _locked("/name", locks) else ""
            factions = tuple(
                each
                if _locked(f"/factions/{each.id}/name", locks)
                else each.model_copy(update={"name": model.text(slot)})
                for slot, each in zip(("house", "other", "third"), former.factions, strict=False)
            )
            return from_world(World(name=name, factions=factions), model)
        case Cast():
            return model.having(**locked_people(former, locks))
        case _:
            return model


def locked_people(former: Cast, locks: Collection[str]) -> dict[str, Slot]:
    """The people of a cast whose names are locked, by part."""
    return {
        part: Person(each.name, each.pronouns, job_of(each))
        for part, each in parts_of(former).items()
        if _locked(f"/characters/{each.id}/name", locks)
    }


def _locked(path: str, locks: Collection[str]) -> bool:
    return any(covers(each, path) for each in locks)
