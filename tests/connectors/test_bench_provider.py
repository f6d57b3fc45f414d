"""The bench provider and the catalogue: offered only where a setting allows it, smallest and valid."""

import pytest

from connectors.providers.bench import BenchProvider
from connectors.providers.builtin.provider import BuiltinProvider
from connectors.providers.catalog import find, providers
from connectors.providers.protocol import Final, UnknownProvider
from connectors.settings import Settings
from genesis.content.catalog import Content
from genesis.content.checks import check
from genesis.content.ids import ids_of, renumber
from genesis.content.sizes import size
from genesis.session.brief import Brief
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage
from tests import examples


def request(stage: Stage, confirmed: dict[Stage, Content]) -> GenerationRequest:
    return GenerationRequest(
        task_id=examples.a_uuid("task"),
        session_id=examples.a_uuid("session"),
        user_id=examples.OWNER,
        correlation_id=examples.a_uuid("correlation"),
        stage=stage,
        round=1,
        brief=Brief(),
        confirmed=confirmed,
        requested_at=examples.NOON,
        deadline=examples.NOON + examples.minutes(15),
    )


async def final(stage: Stage, confirmed: dict[Stage, Content]) -> Final:
    *_, last = [event async for event in BenchProvider().generate(request(stage, confirmed))]
    assert isinstance(last, Final)
    return last


async def test_a_whole_session_of_it_passes_every_check() -> None:
    confirmed: dict[Stage, Content] = {}
    counters: dict[str, int] = {}
    for stage in Stage:
        made = await final(stage, confirmed)
        assert made == await final(stage, confirmed)
        known = frozenset().union(*(ids_of(each) for each in confirmed.values()))
        (content,), counters = renumber(stage, made.candidates, counters, known)
        assert not check(stage, [content], content.id, confirmed)
        assert 700 <= size([content]) <= 1600
        confirmed[stage] = content


async def test_it_fits_content_that_it_did_not_write() -> None:
    whole = {stage: candidates[0] for stage, candidates in examples.CANDIDATES.items()}
    for stage in (Stage.CHARACTERS, Stage.PLOT_OUTLINE):
        earlier = {each: whole[each] for each in list(Stage)[: list(Stage).index(stage)]}
        (content,) = (await final(stage, earlier)).candidates
        assert not [each for each in check(stage, [content], content.id, earlier) if each.level == "error"]


def test_it_is_offered_only_where_a_setting_allows_it() -> None:
    assert set(providers(Settings(bench_provider=False))) == {"builtin"}
    assert set(providers(Settings(bench_provider=True))) == {"builtin", "bench"}


def test_no_name_means_the_built_in_engine() -> None:
    assert isinstance(find(providers(Settings()), ""), BuiltinProvider)


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownProvider, match="choose one of: builtin") as caught:
        find(providers(Settings()), "oracle")
    assert caught.value.code == "unknown_provider"
