"""What a worker keeps in memory while it owns a partition: sessions within bounds, and its lease."""

from dataclasses import replace

import pytest

from genesis import wire
from genesis.session.rules import Rules
from genesis.session.state import Status
from streams.advance import Held, advance
from streams.cache import SessionCache
from streams.lease import Lease, LeaseLost
from tests import examples
from tests.streams.wires import START, command


def held(name: str) -> Held:
    found = advance(command(examples.a_uuid(name), 1, START), None, Rules()).after
    assert found is not None
    return found


class Table(dict[bytes, bytes]):
    """A table that counts how often it is read."""

    reads = 0

    def read(self, key: bytes) -> bytes | None:
        self.reads += 1
        return self.get(key)


def test_a_session_is_read_from_the_table_once():
    table = Table({b"a": held("a").record})
    cache = SessionCache(table.read)

    assert cache.get(b"a") is cache.get(b"a")
    assert table.reads == 1


def test_what_was_kept_is_not_read_again():
    table = Table()
    cache = SessionCache(table.read)
    one = held("a")

    cache.keep(b"a", one)

    assert cache.get(b"a") is one
    assert table.reads == 0


def test_a_new_generation_of_the_group_starts_with_nothing():
    table = Table()
    cache = SessionCache(table.read)
    cache.enter(1)
    cache.keep(b"a", held("a"))

    cache.enter(1)
    assert len(cache) == 1
    cache.enter(2)

    assert cache.get(b"a") is None


def test_the_least_recently_used_sessions_leave_first():
    one = held("a")
    cache = SessionCache(Table().read, limit=len(one.record) * 2 + 10)
    for name in (b"a", b"b"):
        cache.keep(name, one)
    cache.get(b"a")

    cache.keep(b"c", one)

    assert cache.get(b"b") is None
    assert cache.get(b"a") is one


def test_a_session_kept_again_counts_once():
    one = held("a")
    cache = SessionCache(Table().read, limit=len(one.record) * 2 + 10)
    for _ in range(10):
        cache.keep(b"a", one)
    cache.keep(b"b", one)

    assert len(cache) == 2


def test_a_session_that_is_over_makes_room():
    one, table = held("a"), Table()
    over = replace(one, state=one.state.model_copy(update={"status": Status.COMPLETED}))
    cache = SessionCache(table.read, limit=len(one.record) * 2)
    cache.keep(b"a", one)
    cache.keep(b"b", one)

    cache.keep(b"a", over)
    table[b"a"] = one.record

    assert len(cache) == 1
    cache.get(b"a")
    assert table.reads == 1
    assert cache.get(b"b") is one


def test_an_unreadable_record_is_said_so():
    with pytest.raises(wire.Unreadable):
        SessionCache(Table({b"a": b"garbage"}).read).get(b"a")


class Clock(Lease):
    """A lease whose clock is moved by hand."""

    time = 1000.0

    @classmethod
    def now(cls) -> float:  # type: ignore[override]
        return cls.time


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> Lease:
    monkeypatch.setattr(Clock, "time", 1000.0)
    lease = Clock(session_seconds=15)
    lease.heard(1000.0)
    return lease


def test_a_fresh_batch_of_a_living_member_may_write(lease: Lease):
    lease.begin(generation=3).check(3)


def test_a_frozen_worker_may_not_write_what_it_has_in_work(lease: Lease, monkeypatch: pytest.MonkeyPatch):
    term = lease.begin(generation=3)

    monkeypatch.setattr(Clock, "time", 1008.0)
    lease.heard(1008.0)

    with pytest.raises(LeaseLost, match="batch took"):
        term.check(3)


def test_a_worker_frozen_between_two_batches_may_not_begin_one(lease: Lease, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Clock, "time", 1016.0)

    with pytest.raises(LeaseLost, match="coordinator"):
        lease.begin(generation=3).check(3)


def test_another_generation_ends_the_batch_of_the_former(lease: Lease):
    with pytest.raises(LeaseLost, match="generation"):
        lease.begin(generation=3).check(4)


def test_a_worker_that_never_heard_the_coordinator_has_no_lease():
    with pytest.raises(LeaseLost):
        Lease(15).check()


def test_an_answer_counts_from_the_question(lease: Lease, monkeypatch: pytest.MonkeyPatch):
    lease.heard(990.0)
    monkeypatch.setattr(Clock, "time", 1007.0)

    lease.check()
