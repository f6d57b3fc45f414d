"""Content at every hard limit of the content model: all texts full, all lists full, all references set."""

from collections.abc import Iterator
from typing import Any

from genesis.content.catalog import CONTENT, MAX_CANDIDATES, Content
from genesis.content.fields import Item, Refers, specs
from genesis.content.sizes import CONFIRMED_CAP, DRAFT_CAP, KIB, size
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.stages import Stage
from tests import examples
from tests.spec import Story

WORDS = "The tide keeps its own book and nobody on Mornay may read it aloud before midsummer. "


def full(stage: Stage) -> tuple[Content, ...]:
    """As many candidates as the stage may hold, each at every limit; texts are plain English letters."""
    count = MAX_CANDIDATES[stage]
    return tuple(_full(CONTENT[stage], f"{CONTENT[stage].PREFIX}{number}") for number in range(1, count + 1))


def _full(model: type[Item], name: str) -> Any:
    schema = model.model_json_schema()
    values: dict[str, Any] = {"id": name}
    for spec in specs(model):
        values[spec.name] = _value(model, spec.name, schema["properties"][spec.name], schema.get("$defs", {}), name)
    return model.model_validate(values)


def _value(model: type[Item], field: str, shape: dict[str, Any], defs: dict[str, Any], name: str) -> Any:
    spec = next(each for each in specs(model) if each.name == field)
    if spec.items:
        return [_item(spec.items, number) for number in range(1, shape["maxItems"] + 1)]
    if spec.refers:
        known = list(_ids(spec.refers))
        if shape.get("type") != "array":
            return known[_number(name) % len(known)]
        return known[: shape["maxItems"]] if field != "derived_from" else []
    return _plain(shape, name)


def _item(model: type[Item], number: int) -> dict[str, Any]:
    item = _full(model, f"{model.PREFIX}{number}").model_dump()
    if "no" in item:
        item["no"] = number
    if "act" in item:
        item["act"] = f"a{1 + (number - 1) // 10}"
    if "pov" in item:
        item["pov"] = item["cast"][0]
    if "paid_in" in item:
        item |= {"planted_in": f"h{number}", "paid_in": f"h{number + 30}"}
    if "a" in item and "b" in item:
        item |= {"a": "c1", "b": f"c{2 + number % 11}"}
    return item


def _plain(shape: dict[str, Any], name: str) -> Any:
    match shape:
        case {"enum": [first, *_]}:
            return "protagonist" if "protagonist" in shape["enum"] and name == "c1" else first
        case {"type": "array"}:
            return [_text(shape["items"]["maxLength"], f"{name} {n}") for n in range(shape["maxItems"])]
        case {"type": "string"}:
            return _text(shape["maxLength"], name)
        case {"type": "integer"}:
            return shape["maximum"] if shape["maximum"] != 60 else 60
        case {"type": "boolean"}:
            return False
    raise AssertionError(shape)


def _text(length: int, beginning: str) -> str:
    return (f"{beginning} " + WORDS * 40)[:length].strip().ljust(length, ".")


def _number(name: str) -> int:
    return int(name[1:] or 0)


def _ids(refers: Refers) -> Iterator[str]:
    prefixes = {
        "rules": ("r", 10),
        "places": ("p", 14),
        "factions": ("f", 8),
        "lore": ("l", 14),
        "characters": ("c", 12),
        "chapters": ("h", 60),
        "acts": ("a", 6),
        "threads": ("t", 8),
        "candidates": ("k", 5),
    }
    for each in refers.lists:
        prefix, count = prefixes[each]
        yield from (f"{prefix}{number}" for number in range(1, count + 1))


def to_its_cap(contents: tuple[Content, ...], cap: int) -> tuple[Content, ...]:
    """The same contents with letters of two bytes put in until the cap is all but reached."""
    text = [content.model_dump_json() for content in contents]
    spare = cap - size(contents) - KIB  # room for the longer ids of a later round
    for place, each in enumerate(text):
        for word in (
            "tide",
            "keeps",
            "nobody",
            "Mornay",
            "aloud",
            "before",
            "midsummer",
            "its own book",
            "may read it",
        ):
            wide = word.translate(str.maketrans("abdeiklmnorstuwy", "àßđéíķłɱñöŕšťüŵý"))
            gained = len(wide.encode()) - len(word)
            count = min(each.count(word), spare // gained)
            spare -= gained * count
            each = each.replace(word, wide, count)
        text[place] = each
    return tuple(type(content).model_validate_json(each) for content, each in zip(contents, text, strict=True))


def the_largest_session() -> Story:
    """Free-form: each stage confirmed at its cap, opened again at its cap, and a new round running over it."""
    story = Story()
    wish = "Let every tide of it be dearer than the one before. " * 38
    story.given(
        m.StartGenesis(
            mode="free_form",
            idea=("the sea is sold " * 250)[:4000],
            must_have=tuple(f"{n} " + "bell " * 23 for n in range(10)),
            avoid=tuple(f"{n} " + "dream " * 19 for n in range(20)),
        )
    )
    for stage in Stage:
        story.given(m.GenerateInspiration(stage=stage))
        task = story.generating(stage).task.task_id
        confirmed = to_its_cap(full(stage)[:1], min(CONFIRMED_CAP[stage], DRAFT_CAP[stage]))
        story.given(examples.success(task, stage).model_copy(update={"candidates": confirmed})).confirm(stage)
        assert story.session.slot(stage).confirmed, story.last.events[-1].event
    for stage in Stage:
        story.given(m.NavigateToStage(stage=stage)).given(_feedback(story, stage, "dearer"))
        task = story.generating(stage).task.task_id
        largest = to_its_cap(full(stage), DRAFT_CAP[stage])
        story.given(examples.success(task, stage).model_copy(update={"candidates": largest}))
        assert isinstance(story.last.events[0].event, e.ProposalMade), story.last.events[0].event
        story.given(_feedback(story, stage, wish))
        assert story.last.requests, story.last.events[-1].event
    return story


def _feedback(story: Story, stage: Stage, text: str) -> m.ProvideFeedback:
    """Feedback revises: items keep their ids, so that later stages go on naming them."""
    draft = story.draft(stage)
    return m.ProvideFeedback(stage=stage, proposal_id=draft.proposal_id, revision=draft.revision, text=text)
