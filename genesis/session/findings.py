"""The checks of a stage's content against what is confirmed, as the machine asks for them."""

from genesis.content.checks import check
from genesis.content.proposal import Finding
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Draft, Session


def findings_of(state: Session, draft: Draft, chosen: str) -> tuple[Finding, ...]:
    """Errors and warnings of this draft with this candidate chosen."""
    return check(draft.stage, draft.candidates, chosen, state.confirmed_contents(), state.brief.avoid)


def errors_of_confirmed(state: Session, stage: Stage) -> tuple[Finding, ...]:
    """Errors that a confirmed stage has by now, since an earlier one was confirmed anew. Paths are across stages."""
    confirmed = state.slot(stage).confirmed
    if confirmed is None:
        return ()
    content = confirmed.content
    found = check(stage, (content,), content.id, state.confirmed_contents(), state.brief.avoid)
    return tuple(
        finding.model_copy(update={"path": f"{stage.value}{_within(finding.path, stage, content.id)}"[:160]})
        for finding in errors_among(found)
    )


def _within(path: str, stage: Stage, candidate: str) -> str:
    return path.removeprefix(f"/{candidate}") if stage in CHOICE else path


def errors_among(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Those that keep a draft from being confirmed."""
    return tuple(finding for finding in findings if finding.level == "error")


def not_at(path: str) -> Finding:
    """What is said of a path that leads nowhere."""
    return Finding(
        level="error", code="unknown_path", path=path, text="There is nothing here; take a path of the content."
    )
