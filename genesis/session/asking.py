"""Asking for a proposal: entering a stage, a round the person wants, a round after feedback."""

from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.decision import Decision
from genesis.session.reasons import Reason
from genesis.session.stages import Stage
from genesis.session.state import Closed, Confirmed, Generating, Review, Task


def enter(d: Decision, stage: Stage) -> None:
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
        case Review():
            d.grant()
            d.resume_handle(command.stage)
            request(d, task_for(d, command))
        case _:
            d.grant()
            request(d, task_for(d, command))


def task_for(d: Decision, command: m.GenerateInspiration, feedback: m.ProvideFeedback | None = None) -> Task:
    return Task(
        task_id=identity.task_id(d.envelope.message_id, command.stage),
        stage=command.stage,
        round=d.state.slot(command.stage).rounds + 1,
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


def request(d: Decision, task: Task) -> None:
    d.emit(e.GenerationRequested(stage=task.stage, task=task, handle_id=identity.task_handle_id(task.task_id)))
