"""The checks of a stage's draft against what is confirmed, as the machine asks for them."""

from genesis.content.checks import check
from genesis.content.proposal import Finding
from genesis.session.state import Draft, Session


def findings_of(state: Session, draft: Draft, chosen: str) -> tuple[Finding, ...]:
    """Errors and warnings of this draft with this candidate chosen."""
    return check(draft.stage, draft.candidates, chosen, state.confirmed_contents(), state.brief.avoid)


def errors_among(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Those that keep a draft from being confirmed."""
    return tuple(finding for finding in findings if finding.level == "error")
