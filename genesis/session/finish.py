"""The novel that a session ends in, made of its five confirmed stages (content model §9)."""

from datetime import datetime

from genesis.content.novel import Contents, Novel, StageOrigin, content_hash
from genesis.session import identity
from genesis.session.state import Session


def novel_of(state: Session, title: str, at: datetime) -> Novel:
    """The novel of a session whose stages are all confirmed; `title` overrides the story's.

    Raises KeyError where a stage is not confirmed.
    """
    contents = Contents.of(state.confirmed_contents())
    origins = {
        stage: StageOrigin(
            provenance=slot.confirmed.provenance,
            round=slot.confirmed.round,
            rounds=slot.rounds,
            accepted_warnings=slot.confirmed.accepted_warnings,
            accepted_stale=tuple(dict.fromkeys(reason.path for reason in slot.stale)),
        )
        for stage, slot in state.stages.items()
        if slot.confirmed
    }
    return Novel(
        id=identity.novel_id(state.session_id),
        session_id=state.session_id,
        user_id=state.user_id,
        title=title or contents.story.title or contents.concept.title,
        logline=contents.concept.hook,
        genre=contents.concept.genre,
        language=state.brief.language or "en",
        audience=contents.story.audience,
        synopsis=contents.story.synopsis,
        target_words=contents.story.target_words,
        chapter_count=len(contents.outline.chapters),
        content=contents,
        provenance=origins,
        cost=state.spent,
        content_hash=content_hash(contents.by_stage().values()),
        created_at=at,
    )
