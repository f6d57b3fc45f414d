"""The whole judgement: from the evidence of a run to the list of what is wrong; pure."""

from collections.abc import Iterator
from uuid import UUID

from chaos.checker import answers, commands, messages, payments, rows, streams
from chaos.checker.replay import Replay, replay
from chaos.checker.violation import Kind, Violation
from chaos.evidence import Evidence
from genesis import wire


def judge(evidence: Evidence) -> list[Violation]:
    """Everything that this evidence convicts the studio of; nothing, if it has kept its promises."""
    return list(_judge(evidence, replays(evidence)))


def replays(evidence: Evidence) -> dict[UUID, Replay]:
    """The replay of each session that anything at all is known of."""
    sessions = evidence.log.keys() | evidence.saved.keys() | evidence.counts.keys() | rows.sessions_of(evidence)
    sessions |= {one.session for one in evidence.inbox.values()}
    return {session: replay(session, evidence.log.get(session, ())) for session in sessions}


def _judge(evidence: Evidence, stories: dict[UUID, Replay]) -> Iterator[Violation]:
    named = answers.named(evidence)
    yield from commands.check_door(evidence)
    yield from commands.check_looks(evidence)
    yield from streams.check(evidence, stories)
    yield from payments.check_results(evidence)
    for story in stories.values():
        yield from story.violations
        yield from messages.check(evidence, story)
        yield from commands.check_outcomes(evidence, story)
        yield from answers.check(named, story)
        yield from payments.check_costs(story)
        yield from rows.check(evidence, story)
        yield from _saved(evidence, story)


def _saved(evidence: Evidence, story: Replay) -> Iterator[Violation]:
    """The changelog's last record against the replay, by the kernel's own hash (design §8)."""
    record = evidence.saved.get(story.session)
    if record is None:
        if story.state is not None:
            yield Violation(Kind.SAVED_STATE, story.session, "the changelog has no record of it")
        return
    try:
        saved = wire.load_state(record)
    except wire.Unreadable as error:
        yield Violation(Kind.SAVED_STATE, story.session, str(error))
        return
    if story.state is None:
        yield Violation(Kind.SAVED_STATE, story.session, f"saved at {saved.sequence}, but the log has no event of it")
    elif saved.sequence != story.last:
        detail = f"saved at event {saved.sequence}, the log ends with {story.last}"
        yield Violation(Kind.SAVED_STATE, story.session, detail)
    elif wire.state_hash(saved) != wire.state_hash(story.state):
        yield Violation(Kind.SAVED_STATE, story.session, f"another state than the replay of its {story.last} events")
