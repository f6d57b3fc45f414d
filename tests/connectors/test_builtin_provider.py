"""The built-in engine as a provider: the events of a model, and an honest word about itself."""

from itertools import pairwise

from connectors.providers.builtin.provider import CHUNK, PARTIALS, BuiltinProvider, partials, readable
from connectors.providers.protocol import AttemptStarted, Final, Partial, ProviderEvent, TextProvider
from genesis.content.catalog import Content
from genesis.session.brief import Brief
from genesis.session.messages import GenerationRequest, GenerationSucceeded
from genesis.session.stages import Stage
from tests import examples

BRIEF = Brief(seed=4, target_chapters=60, target_words=150_000)


def request(stage: Stage, confirmed: dict[Stage, Content]) -> GenerationRequest:
    return GenerationRequest(
        task_id=examples.a_uuid("task"),
        session_id=examples.a_uuid("session"),
        user_id=examples.OWNER,
        correlation_id=examples.a_uuid("correlation"),
        stage=stage,
        round=1,
        brief=BRIEF,
        confirmed=confirmed,
        requested_at=examples.NOON,
        deadline=examples.NOON + examples.minutes(15),
    )


async def events_of(provider: TextProvider, asked: GenerationRequest) -> list[ProviderEvent]:
    return [event async for event in provider.generate(asked)]


async def test_a_whole_session_streams_and_ends_in_results_that_the_machine_reads() -> None:
    confirmed: dict[Stage, Content] = {}
    for stage in Stage:
        events = await events_of(BuiltinProvider(), request(stage, confirmed))
        first, *between, last = events
        assert first == AttemptStarted(1)
        assert isinstance(last, Final)
        shown = [event.text for event in between if isinstance(event, Partial)]
        assert len(shown) == len(between) <= PARTIALS
        assert all(later.startswith(earlier) for earlier, later in pairwise(shown))
        assert shown[-1] == "\n\n".join(readable(each) for each in last.candidates)
        result = GenerationSucceeded(
            task_id=examples.a_uuid("task"),
            attempt=1,
            stage=stage,
            candidates=last.candidates,
            understood=last.understood,
            not_understood=last.not_understood,
            provenance=last.provenance,
        )
        assert GenerationSucceeded.model_validate_json(result.model_dump_json()) == result
        confirmed[stage] = last.candidates[0]


async def test_the_provenance_claims_no_model_and_no_tokens() -> None:
    *_, last = await events_of(BuiltinProvider(), request(Stage.CONCEPT_SELECTION, {}))
    assert isinstance(last, Final)
    made = last.provenance
    assert (made.kind, made.provider, made.model, made.cost) == ("procedural", "builtin", "builtin/2.1+bank.2", "0")
    assert made.tokens_in is made.tokens_out is made.prompt_id is made.temperature is None
    assert made.seed == 4


def test_partials_grow_by_whole_chunks_and_end_with_the_whole_text() -> None:
    for length in (0, 1, CHUNK, CHUNK + 1, 799, 800, 801, 40_000):
        text = "x" * length
        shown = partials(text)
        assert len(shown) <= PARTIALS
        assert (shown[-1] if shown else "") == text
        assert all(len(each) % CHUNK == 0 for each in shown[:-1])
