"""The sessions agent: a batch of commands, its events and requests, the new states, then the acknowledgement."""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, cast

from connectors.liveness import EXIT_NEWER
from connectors.settings import Settings
from genesis.session.rules import Rules
from genesis.topics import COMMANDS, DEAD_LETTERS, EVENTS, REQUESTS
from genesis.wire import Newer, Unreadable
from streams.advance import READER, Advance, Held, advance, without_state
from streams.app import Machine
from streams.cache import SessionCache
from streams.guards import die, drain
from streams.lease import Term
from streams.records import Arrived, Record

log = logging.getLogger(__name__)


class Output(Protocol):
    """Where records go; streams.guards.IdemProducer in a worker."""

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> Sequence[asyncio.Future[Any]]:
        """Sends records in order to one partition; a future per batch that is acknowledged or refused."""


@dataclass
class Counters:
    """What the agent has done since it started."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Messages by the first word of their outcome."""
    batches: int = 0
    messages: int = 0


@dataclass(slots=True)
class Step:
    """What a batch comes to: records in the order of their messages, and the last record of each session."""

    events: list[Record] = field(default_factory=list)
    requests: list[Record] = field(default_factory=list)
    letters: list[Record] = field(default_factory=list)
    held: dict[bytes, Held] = field(default_factory=dict)
    """Each session that was met, as it is afterwards."""
    saves: set[bytes] = field(default_factory=set)
    """Those whose record is put, changed or not."""
    advances: list[tuple[bytes | None, Advance]] = field(default_factory=list)


def rules(settings: Settings) -> Rules:
    """The kernel's rules with this installation's durations."""
    return Rules(
        handle_ttl=timedelta(minutes=settings.handle_minutes),
        generation_ttl=timedelta(minutes=settings.generation_minutes),
    )


def decide(batch: Sequence[Arrived], cache: SessionCache, kernel_rules: Rules) -> Step:
    """Runs the kernel over a batch of one partition, in memory; one state object per session.

    Raises genesis.wire.Newer where a message or a state is a newer release's: nothing of the batch may be done then,
    and all of it comes again to that release.
    """
    step = Step()
    for arrived in batch:
        key = arrived.key
        try:
            before = None if key is None else step.held.get(key) or cache.get(key)
        except Newer:
            raise
        except Unreadable as error:
            done = without_state(arrived, cache.record(key or b"") or b"", error)
        else:
            done = advance(arrived, before, kernel_rules)
        step.advances.append((key, done))
        step.events += done.events
        step.requests += done.requests
        if done.letter is not None:
            step.letters.append(done.letter)
        if key is not None and done.after is not None:
            step.held[key] = done.after
            if done.saves:
                step.saves.add(key)
    return step


async def publish(step: Step, partition: int, output: Output, machine: Machine, term: Term) -> None:
    """Sends all outputs and waits for every acknowledgement. Raises what a send raises, and LeaseLost."""
    sent: list[asyncio.Future[Any]] = []
    for topic, records in ((EVENTS, step.events), (REQUESTS, step.requests), (DEAD_LETTERS, step.letters)):
        if records:
            term.check(machine.consumer_generation_id)
            sent += await output.append(topic.name, partition, records)
    for acknowledged in sent:
        await acknowledged


async def save(step: Step, partition: int, cache: SessionCache, machine: Machine, term: Term) -> None:
    """Puts each touched session once and waits until the changelog has it. Raises what a send raises, LeaseLost."""
    for key in step.saves:
        term.check(machine.consumer_generation_id)
        machine.sessions[key] = step.held[key].record
    await machine.sessions.durable(partition)
    for key, held in step.held.items():
        cache.keep(key, held)


def tell(step: Step, counters: Counters) -> None:
    """One log line per decision, without the person's words."""
    for key, done in step.advances:
        counters.outcomes[done.outcome.partition(":")[0]] += 1
        if done.error is None and done.outcome != "ahead":
            log.info("%s %s %s %s", _text(key), done.message_id, done.what, done.outcome)
        else:
            log.warning("%s %s %s %s %s", _text(key), done.message_id, done.what, done.outcome, _where(done.error))
    counters.batches += 1
    counters.messages += len(step.advances)


def _text(key: bytes | None) -> str:
    # Bounded: a poison message's key may be anything.
    return "-" if key is None else key[:36].decode("utf-8", "replace")


def _where(error: BaseException | None) -> str:
    """Class and place of an error; its message may quote the person."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    cause = f" from {type(error.__cause__).__name__}" if error.__cause__ else ""
    return f"({type(error).__name__}{cause}{place})"


def arrived(event: Any) -> Arrived:
    """A Faust event as the kernel's floor knows it."""
    message = event.message
    headers = message.headers
    return Arrived(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp or 0.0,
        message.key,
        message.value,
        list(headers.items() if isinstance(headers, dict) else headers or ()),
    )


def attach(machine: Machine, settings: Settings, counters: Counters | None = None) -> Any:
    """Declares the agent on the app and returns it.

    One agent on one topic, one actor per partition: commands, results and expiries of a session come in one
    total order (design §3 rule 3).
    """
    counters = counters if counters is not None else Counters()
    kernel_rules = rules(settings)

    @machine.agent(machine.commands, name=f"genesis.{READER}", isolated_partitions=True, concurrency=1)
    async def sessions(stream: Any) -> None:
        cache = SessionCache(machine.sessions.get)
        async for batch in drain(stream):
            try:
                message = batch[0].message
                partition = message.partition
                cache.enter(message.generation_id)
                term = machine.lease.begin(message.generation_id)
                step = decide([arrived(event) for event in batch], cache, kernel_rules)
                await publish(step, partition, cast(Output, machine.producer), machine, term)
                await save(step, partition, cache, machine, term)
                tell(step, counters)
                # In order: with one message in work, a later one's acknowledgement would commit past it.
                for event in batch:
                    event.ack()
            except Newer as error:
                die(f"{COMMANDS.name}/{partition}: {error}", EXIT_NEWER)
            except Exception as error:
                die(f"a batch of {COMMANDS.name} could not be finished: {_where(error)} {_safe(error)}")

    return sessions


def _safe(error: Exception) -> str:
    # Sentences of our own errors hold no words of the person; those of others may.
    return str(error) if type(error).__module__.startswith(("streams.", "aiokafka.")) else ""
