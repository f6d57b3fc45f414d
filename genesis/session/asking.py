"""Asking for a proposal: entering a stage, a round the person wants, a part made anew, a round after feedback."""

from genesis.content.catalog import MAX_CANDIDATES
from genesis.content.paths import found
from genesis.content.proposal import Finding
from genesis.content.versions import has_room
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.decision import Decision
from genesis.session.findings import not_at
from genesis.session.reasons import Reason
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Closed, Confirmed, Draft, Empty, Generating, Review, Slot, Stale, Task


def enter(d: Decision, stage: Stage) -> None:
    """Come to a stage for the first time in guided mode: it asks for its first proposal by itself."""
    d.emit(e.StageEntered(stage=stage))
    request(d, task_for(d, m.GenerateInspiration(stage=stage)))


def generate(d: Decision, command: m.GenerateInspiration) -> None:
    match d.state.slot(command.stage).phase:
        case Closed():
            d.refuse(Reason.STAGE_CLOSED)
        case Generating():
            d.refuse(Reason.GENERATING)
        case Confirmed():
            d.refuse(Reason.STAGE_CONFIRMED)
        case Empty():
            _generate_first(d, command)
        case Review(draft=draft):
            _generate_anew(d, command, draft)
        case Stale():
            _mend(d, command)


def _generate_first(d: Decision, command: m.GenerateInspiration) -> None:
    if command.what != "round":
        return d.refuse(Reason.NOTHING_PROPOSED)
    d.grant()
    request(d, task_for(d, command))


def _generate_anew(d: Decision, command: m.GenerateInspiration, draft: Draft) -> None:
    if refusal := _unfit(d, command, draft):
        reason, details = refusal
        return d.refuse(reason, details)
    d.grant()
    d.resume_handle(command.stage)
    request(d, task_for(d, command))


def _unfit(d: Decision, command: m.GenerateInspiration, draft: Draft) -> tuple[Reason, tuple[Finding, ...]] | None:
    """Why this can't be asked for, given the draft it is about."""
    if command.candidates and (
        command.stage not in CHOICE or (command.what == "blend" and len(draft.candidates) < 2)
    ):
        return Reason.NOTHING_TO_CHOOSE, ()
    if any(draft.candidate(each) is None for each in command.candidates):
        return Reason.UNKNOWN_CANDIDATE, ()
    if command.what == "blend" and not has_room(draft.candidates, draft.locks, MAX_CANDIDATES[command.stage]):
        return Reason.NO_ROOM, ()
    there = found(command.stage, draft.candidates, command.paths)
    if missing := [path for path in command.paths if path not in there]:
        return Reason.UNKNOWN_PATH, tuple(map(not_at, missing[:40]))
    if command.what == "stale" and not d.state.slot(command.stage).stale:
        return Reason.NOTHING_STALE, ()
    return None


def _mend(d: Decision, command: m.GenerateInspiration) -> None:
    if command.what != "stale":
        return d.refuse(Reason.STAGE_STALE)
    d.grant()
    request(d, task_for(d, command))


def task_for(d: Decision, command: m.GenerateInspiration, feedback: m.ProvideFeedback | None = None) -> Task:
    """The generation that this command, or this feedback, asks for."""
    slot = d.state.slot(command.stage)
    stale = _stale_paths(command.stage, slot) if command.what == "stale" else ()
    return Task(
        task_id=identity.task_id(d.envelope.message_id, command.stage),
        stage=command.stage,
        what=command.what,
        candidates=command.candidates,
        paths=stale or command.paths,
        round=slot.rounds + 1,
        guidance=command.guidance,
        feedback=feedback.text if feedback else "",
        chips=feedback.chips if feedback else (),
        count=command.count,
        seed=command.seed,
        temperature=command.temperature,
        provider=command.provider or d.state.brief.provider,
        model=command.model or d.state.brief.model,
        command_id=d.cause,
        correlation_id=d.correlation_id,
        requested_at=d.at,
        deadline=d.at + d.rules.generation_ttl,
    )


def _stale_paths(stage: Stage, slot: Slot) -> tuple[str, ...]:
    """The stale paths of the confirmed content as paths of the draft: in its chosen candidate, where one is."""
    paths = tuple(reason.path for reason in slot.stale)
    if stage not in CHOICE or slot.confirmed is None:
        return paths
    draft = slot.phase.draft if isinstance(slot.phase, Review) else None
    if draft is None:
        meant = [slot.confirmed.content.id]
    else:
        meant = [draft.chosen] if draft.chosen else [each.id for each in draft.candidates]
    return tuple(f"/{candidate}{path}" for candidate in meant for path in paths)


def request(d: Decision, task: Task) -> None:
    """Ask for it, and open the handle that waits for it."""
    d.emit(e.GenerationRequested(stage=task.stage, task=task, handle_id=identity.task_handle_id(task.task_id)))
