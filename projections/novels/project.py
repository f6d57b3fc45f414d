"""What an event changes in the novels."""

from typing import Any

import orjson

from genesis.session import events as e

Row = dict[str, Any]


def novel_row(event: e.Event) -> Row | None:
    """The row of the novel that this event brings, if it brings one."""
    if not isinstance(event, e.NovelCreated):
        return None
    novel = event.novel
    return {
        **novel.model_dump(exclude={"content", "provenance", "cost"}),
        "content": orjson.Fragment(novel.content.model_dump_json()),
        "provenance": {stage.value: origin.model_dump(mode="json") for stage, origin in novel.provenance.items()},
        "cost": novel.cost.model_dump(mode="json"),
    }
