"""What of a session's state is written when events have changed it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from genesis.session import events as e
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Review, Session

IDEA_CHARACTERS = 200


class Views:
    """The rows of the sessions that a batch touches, each written once, as its last event leaves it."""

    def __init__(self) -> None:
        self._before: dict[UUID, Session | None] = {}
        self._after: dict[UUID, Session] = {}
        self._titles: dict[UUID, str] = {}
        self._ideas: dict[UUID, str] = {}
        self._updated: dict[UUID, datetime] = {}

    def add(self, recorded: e.Recorded, before: Session | None, after: Session) -> None:
        """Take up an event and the states around it."""
        self._before.setdefault(recorded.session_id, before)
        self._after[recorded.session_id] = after
        if title := _title(recorded.event, after):
            self._titles[recorded.session_id] = title
        if isinstance(recorded.event, e.SessionStarted):
            self._ideas[recorded.session_id] = recorded.event.brief.idea[:IDEA_CHARACTERS]

    def rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[UUID, dict[Stage | None, int]]]:
        """Rows of session_view, rows of session_stage, and the sizes of the slots that are written."""
        heads, stages = [], []
        sizes: dict[UUID, dict[Stage | None, int]] = {}
        for session_id, after in self._after.items():
            before = self._before[session_id]
            heads.append(self._head(after, before))
            written = sizes[session_id] = {}
            for place, (stage, slot) in enumerate(after.stages.items()):
                # The fold makes a new slot for what it changes and leaves the others alone.
                if before is None or before.stages.get(stage) is not slot:
                    text = slot.model_dump_json()
                    written[stage] = len(text)
                    stages.append(
                        {
                            "session_id": session_id,
                            "stage": stage.value,
                            "place": place,
                            "phase": slot.phase.name,
                            "slot": orjson.Fragment(text),
                        }
                    )
        return heads, stages, sizes

    def _head(self, after: Session, before: Session | None) -> dict[str, Any]:
        new_brief = before is None or before.brief is not after.brief
        return {
            "session_id": after.session_id,
            "user_id": after.user_id,
            "status": after.status.value,
            "mode": after.mode,
            "current_stage": after.current_stage,
            "version": after.version,
            "sequence": after.sequence,
            "title": self._titles.get(after.session_id),
            "idea": self._ideas.get(after.session_id),
            "novel_id": after.novel_id,
            "created_at": after.created_at,
            "updated_at": after.last_at,
            "head": orjson.Fragment(after.model_dump_json(exclude={"stages", "brief"})),
            "brief": orjson.Fragment(after.brief.model_dump_json()) if new_brief else None,
        }


def _title(event: e.Event, after: Session) -> str:
    match event:
        case e.NovelCreated(novel=novel):
            return novel.title
        case e.StageConfirmed(stage=stage, confirmed=confirmed) if stage in CHOICE:
            return _title_of(confirmed.content)
        case (
            e.ProposalChosen(stage=Stage.CONCEPT_SELECTION, candidate=candidate)
            | e.ProposalEdited(stage=Stage.CONCEPT_SELECTION, chosen=candidate)
        ) if candidate:
            phase = after.slot(Stage.CONCEPT_SELECTION).phase
            return _title_of(phase.draft.candidate(candidate)) if isinstance(phase, Review) else ""
        case _:
            return ""


def _title_of(content: object) -> str:
    title = getattr(content, "title", "")
    return title if isinstance(title, str) else ""
