"""Edits by the person: patches, locks, fields of other candidates, earlier versions. Code does them at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from genesis.content.catalog import Content
from genesis.content.novel import content_hash
from genesis.content.operations import PatchRefused
from genesis.content.patch import apply_patch
from genesis.content.paths import Area, collapse, found, normalised
from genesis.content.proposal import Finding
from genesis.content.sizes import DRAFT_CAP, size
from genesis.content.versions import MergeRefused, merged
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.decision import Decision
from genesis.session.findings import findings_of, not_at
from genesis.session.moving import open_draft
from genesis.session.reasons import Reason
from genesis.session.stages import Stage
from genesis.session.state import Draft, Review


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an edit can't be done."""

    reason: Reason
    details: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit makes of a draft."""

    how: Literal["patch", "merge", "restore", "locks"]
    draft: Draft
    counters: dict[str, int]
    touched: tuple[str, ...] = ()


def edit(d: Decision, answer: m.ProvideFeedback, draft: Draft) -> bool:
    """Patch, lock and unlock as the answer says; False if that was refused.

    Where it also asks for a round, an edit that changes nothing is no reason to refuse it.
    """
    outcome = _edited(d, answer, draft)
    unchanged = isinstance(outcome, Refused) and outcome.reason is Reason.NOTHING_CHANGED
    if unchanged and answer.asks_for_a_round:
        return True
    return _settle(d, outcome, draft)


def restore(d: Decision, answer: m.ProvideFeedback, draft: Draft) -> None:
    """Put an earlier round or revision of the stage back, whole, as a new revision of the draft."""
    slot, restored = d.state.slot(answer.stage), content_hash(answer.restore)
    version = next((each for each in slot.versions if each.content_hash == restored), None)
    if version is None:
        return d.refuse(Reason.UNKNOWN_VERSION)
    if restored == draft.content_hash:
        return d.refuse(Reason.NOTHING_CHANGED)
    changed = draft.model_copy(
        update={
            "candidates": answer.restore,
            "chosen": still_chosen(draft.chosen, answer.restore),
            "merged_from": (),
            "locks": still_there(draft.stage, answer.restore, draft.locks),
            "user_paths": still_there(draft.stage, answer.restore, draft.user_paths),
            "provenance": version.provenance(),
        }
    )
    _settle(d, Edit("restore", changed, slot.counters), draft)


def merge(d: Decision, answer: m.SelectConcept, draft: Draft) -> None:
    """Choose a candidate and take fields of others into it."""
    try:
        candidates = merged(draft.candidates, answer.base, answer.take)
    except MergeRefused as refusal:
        return d.refuse(Reason.BAD_MERGE, (_finding(refusal.code, f"/{answer.base}", str(refusal)),))
    sources = dict.fromkeys(each.source for each in answer.take)
    changed = draft.model_copy(
        update={"candidates": candidates, "chosen": answer.base, "merged_from": tuple(sources)},
    )
    touched = tuple(f"/{answer.base}/{each.field}" for each in answer.take)
    _settle(d, Edit("merge", changed, d.state.slot(draft.stage).counters, touched), draft)


def write_own(d: Decision, answer: m.ProvideFeedback) -> None:
    """The person's own text in an empty stage: a draft that no generation has made."""
    blank = Draft(
        proposal_id=identity.own_proposal_id(d.envelope.message_id, answer.stage),
        stage=answer.stage,
        round=0,
        kind="own",
        candidates=(),
        command_id=d.cause,
        created_at=d.at,
    )
    outcome = _edited(d, answer, blank)
    if isinstance(outcome, Refused):
        return d.refuse(outcome.reason, outcome.details)
    d.grant()
    written = outcome.draft.model_copy(update={"content_hash": content_hash(outcome.draft.candidates)})
    open_draft(d, written, outcome.counters)


def _settle(d: Decision, outcome: Edit | Refused, before: Draft) -> bool:
    if isinstance(outcome, Edit) and size(outcome.draft.candidates) > DRAFT_CAP[before.stage]:
        outcome = Refused(Reason.TOO_LARGE)
    if isinstance(outcome, Refused):
        d.refuse(outcome.reason, outcome.details)
        return False
    d.grant()
    after, changed = outcome.draft, outcome.draft.candidates != before.candidates
    waits = isinstance(d.state.slot(before.stage).phase, Review)
    d.emit(
        e.ProposalEdited(
            stage=before.stage,
            proposal_id=before.proposal_id,
            revision=before.revision + changed,
            how=outcome.how,
            candidates=after.candidates if changed else None,
            chosen=after.chosen,
            merged_from=after.merged_from,
            locks=after.locks,
            user_paths=after.user_paths,
            touched=outcome.touched,
            content_hash=content_hash(after.candidates) if changed else before.content_hash,
            counters=outcome.counters,
            provenance=after.provenance,
            warnings=findings_of(d.state, after, after.chosen) if changed else (),
            expires_at=d.at + d.rules.handle_ttl if waits else None,
        )
    )
    return True


def _edited(d: Decision, answer: m.ProvideFeedback, draft: Draft) -> Edit | Refused:
    """The draft with the patch applied and the locks set; or why not, and then nothing of it is."""
    patched = _patched(d, answer, draft)
    if isinstance(patched, Refused):
        return patched
    locked = _locked(answer, patched.draft, () if answer.keep_unlocked else patched.touched)
    if isinstance(locked, Refused):
        return locked
    if locked == draft:
        return Refused(Reason.NOTHING_CHANGED)
    return replace(patched, draft=locked)


def _patched(d: Decision, answer: m.ProvideFeedback, draft: Draft) -> Edit | Refused:
    counters = d.state.slot(draft.stage).counters
    if not answer.patch:
        return Edit("locks", draft, counters)
    try:
        patched = apply_patch(draft.stage, draft.candidates, answer.patch, counters, _given(d))
    except PatchRefused as refusal:
        return Refused(Reason.BAD_PATCH, (_finding(refusal.code, refusal.path, str(refusal)),))
    user_paths = collapse(draft.stage, (*_left(draft.user_paths, patched.removed), *patched.touched))
    changed = draft.model_copy(
        update={
            "candidates": patched.candidates,
            "chosen": still_chosen(draft.chosen, patched.candidates),
            "locks": _left(draft.locks, patched.removed),
            "user_paths": user_paths,
        }
    )
    return Edit("patch", changed, patched.counters, patched.touched)


def _locked(answer: m.ProvideFeedback, draft: Draft, touched: Sequence[str]) -> Draft | Refused:
    """The draft with the paths unlocked and locked; what unlocking names loses the locks under it too."""
    there = found(draft.stage, draft.candidates, answer.lock)
    if missing := [path for path in answer.lock if path not in there]:
        return Refused(Reason.UNKNOWN_PATH, tuple(map(not_at, missing[:40])))
    wanted = (normalised(draft.stage, node) for node in there.values())
    kept = _left(draft.locks, answer.unlock)
    return draft.model_copy(update={"locks": collapse(draft.stage, (*kept, *touched, *wanted))})


def _left(paths: Iterable[str], gone: Sequence[str]) -> tuple[str, ...]:
    area = Area(gone)
    return tuple(path for path in paths if path not in area)


def _given(d: Decision) -> dict[str, int]:
    """The highest number given per letter in the whole session: each letter belongs to one stage."""
    return {letter: number for slot in d.state.stages.values() for letter, number in slot.counters.items()}


def still_chosen(chosen: str, candidates: Sequence[Content]) -> str:
    """The chosen candidate, if it is still there; the only one, if there is one only; else none."""
    if any(each.id == chosen for each in candidates):
        return chosen
    return candidates[0].id if len(candidates) == 1 else ""


def still_there(stage: Stage, candidates: Sequence[Content], paths: Iterable[str]) -> tuple[str, ...]:
    """Those of these paths that lead somewhere in the candidates."""
    return tuple(found(stage, candidates, paths))


def _finding(code: str, path: str, text: str) -> Finding:
    return Finding(level="error", code=code, path=path[:160], text=text[:400])
