"""Of all generator processes one works on a task; whoever was taken over can neither renew, store nor overwrite."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest

from connectors.claims import Claims, Owner, Standing
from connectors.postgres import open_pool

pytestmark = pytest.mark.postgres

LEASE = timedelta(minutes=1)
RESULT = '{"candidates":[{"title":"Der Türmer 🕯"}]}'.encode()


@pytest.fixture
async def pool(database):
    async with await open_pool(database.role("genesis_generator"), application_name="test generator") as pool:
        yield pool


@pytest.fixture
def here(pool) -> Claims:
    return Claims(pool, Owner.start("generator-1"))


@pytest.fixture
def elsewhere(pool) -> Claims:
    return Claims(pool, Owner.start("generator-2"))


@pytest.fixture
def successor(pool) -> Claims:
    """The same instance as `here`, started anew."""
    return Claims(pool, Owner.start("generator-1"))


async def lapse(admin) -> None:
    """Lets every lease be over, as if time had passed."""
    await admin.execute("UPDATE door.generation_claims SET lease_until = now() - interval '1 second'")


async def test_who_asks_first_works_on_it(here, elsewhere):
    task, session = uuid4(), uuid4()
    mine = await here.claim(task, session, LEASE)
    assert (mine.standing, mine.attempt, mine.process) == (Standing.CLAIMED, 1, here.owner.process)
    theirs = await elsewhere.claim(task, session, LEASE)
    assert (theirs.standing, theirs.attempt, theirs.process) == (Standing.ELSEWHERE, 1, here.owner.process)
    assert theirs.lease_until == mine.lease_until


async def test_of_twenty_at_once_one_gets_it(pool):
    task, session = uuid4(), uuid4()
    claims = [Claims(pool, Owner.start(f"generator-{number}")) for number in range(20)]
    answers = await asyncio.gather(*(one.claim(task, session, LEASE) for one in claims))
    assert [answer.standing for answer in answers].count(Standing.CLAIMED) == 1
    assert {answer.attempt for answer in answers} == {1}


async def test_a_request_that_comes_again_joins_the_work_of_this_process(here, admin):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    again = await here.claim(task, session, LEASE)
    assert (again.standing, again.attempt) == (Standing.MINE, 1)
    await lapse(admin)
    assert (await here.claim(task, session, LEASE)).standing is Standing.MINE


async def test_a_done_task_gives_its_result_byte_for_byte_to_anyone(here, elsewhere, successor):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    assert await here.store(task, 1, RESULT, Decimal("0.0421"))
    for claims in (here, elsewhere, successor):
        done = await claims.claim(task, session, LEASE)
        assert (done.standing, done.attempt, done.result) == (Standing.DONE, 1, RESULT)


async def test_a_result_is_never_replaced(here, admin):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    assert await here.store(task, 1, RESULT, Decimal(1))
    assert not await here.store(task, 1, b"{}", Decimal(2))
    assert (await here.fetch(task)).result == RESULT
    assert await admin.fetchval("SELECT cost FROM door.generation_claims") == Decimal(1)


async def test_a_restarted_instance_takes_its_own_task_at_once(here, successor):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, timedelta(days=1))
    taken = await successor.claim(task, session, LEASE)
    assert (taken.standing, taken.attempt, taken.process) == (Standing.CLAIMED, 2, successor.owner.process)


async def test_without_an_instance_nobody_is_a_predecessor(pool):
    task, session = uuid4(), uuid4()
    one, other = Claims(pool, Owner.start(None)), Claims(pool, Owner.start(None))
    await one.claim(task, session, LEASE)
    assert (await other.claim(task, session, LEASE)).standing is Standing.ELSEWHERE


async def test_a_task_whose_lease_is_over_is_a_new_attempt_of_another(here, elsewhere, admin):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    await lapse(admin)
    taken = await elsewhere.claim(task, session, LEASE)
    assert (taken.standing, taken.attempt) == (Standing.CLAIMED, 2)
    assert taken.lease_until > await admin.fetchval("SELECT now()")


async def test_renewing_keeps_others_away(here, elsewhere, admin):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    await lapse(admin)
    assert await here.renew(task, 1, LEASE)
    assert (await elsewhere.claim(task, session, LEASE)).standing is Standing.ELSEWHERE


async def test_who_was_taken_over_sends_nothing(here, elsewhere, admin):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    await lapse(admin)
    await elsewhere.claim(task, session, LEASE)
    assert not await here.renew(task, 1, LEASE)
    assert not await here.store(task, 1, RESULT, Decimal("0.5"))
    await here.discard(task, Decimal("0.5"))
    assert await elsewhere.renew(task, 2, LEASE)
    assert await elsewhere.store(task, 2, b"{}", None)
    row = await admin.fetchrow("SELECT * FROM door.generation_claims")
    assert (row["result"], row["cost"], row["discarded_cost"]) == ("{}", None, Decimal("0.5"))


async def test_task_attempt_and_owner_must_all_be_right(here, elsewhere, successor, admin):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    before = await admin.fetch("SELECT * FROM door.generation_claims")
    for claims, named, attempt in ((here, uuid4(), 1), (here, task, 2), (elsewhere, task, 1), (successor, task, 1)):
        assert not await claims.renew(named, attempt, timedelta(days=9))
        assert not await claims.store(named, attempt, RESULT, None)
    assert await admin.fetch("SELECT * FROM door.generation_claims") == before


async def test_a_look_asks_for_nothing(here, elsewhere):
    task, session = uuid4(), uuid4()
    assert await here.fetch(task) is None
    await here.claim(task, session, LEASE)
    assert (await here.fetch(task)).standing is Standing.MINE
    assert (await elsewhere.fetch(task)).standing is Standing.ELSEWHERE
    await here.store(task, 1, RESULT, None)
    assert (await elsewhere.fetch(task)).result == RESULT


async def test_a_stored_result_is_durable_whatever_the_connection_is_set_to(pool, here):
    task, session = uuid4(), uuid4()
    await here.claim(task, session, LEASE)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        await Claims(connection, here.owner).store(task, 1, RESULT, None)
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


async def test_a_claim_can_not_be_half_done(admin):
    with pytest.raises(asyncpg.CheckViolationError, match="done_has_a_result"):
        await admin.execute(
            """
            INSERT INTO door.generation_claims
                (task_id, session_id, attempt, instance, process, state, lease_until, claimed_at)
            VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'a', 'a/1', 'DONE', now(), now())
            """
        )
