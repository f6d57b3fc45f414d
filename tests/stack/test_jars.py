"""Fetching jars: cut off, corrupt, missing, twice at once."""

import asyncio
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from connectors.settings import Settings
from stack import jars

BODY = bytes(range(256)) * 4096
"""A megabyte that is a jar for all that matters here."""


class Repository(ThreadingHTTPServer):
    """A Maven repository of one file that can be told to misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.body = BODY
        self.cut_after: list[int] = []
        """Bytes after which the connection is cut, one figure per answer; empty: no more cuts."""
        self.answer_ranges = True
        self.asked: list[str | None] = []
        """The Range header of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/maven"


class Answer(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        wish = self.headers.get("Range")
        self.server.asked.append(wish)
        if "absent" in self.path:
            self.send_error(404)
            return
        body, first = self.server.body, 0
        if wish and self.server.answer_ranges:
            first = int(re.fullmatch(r"bytes=(\d+)-", wish)[1])
            if first >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
        else:
            self.send_response(200)
        rest = body[first:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cut = self.server.cut_after.pop(0) if self.server.cut_after else None
        self.wfile.write(rest[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository() -> Iterator[Repository]:
    server = Repository()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(jars, "FIRST_PAUSE", 0.0)
    return Settings(cache=tmp_path / "cache", maven_repository=repository.url)


def jar(name: str = "piece", body: bytes = BODY) -> jars.Jar:
    return jars.Jar("broker", f"org.example:{name}:1.0", hashlib.sha256(body).hexdigest())


async def test_a_jar_that_was_cut_off_twice_is_gone_on_with(repository, settings):
    repository.cut_after = [300_000, 400_000]

    got = await jars.fetch(settings, (jar(),))

    assert got.broker[0].read_bytes() == BODY
    assert repository.asked == [None, "bytes=300000-", "bytes=700000-"]


async def test_a_jar_cut_off_in_an_earlier_launch_is_gone_on_with(repository, settings):
    part = settings.cache / "maven" / (jar().path + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:500_000])

    got = await jars.fetch(settings, (jar(),))

    assert got.broker[0].read_bytes() == BODY
    assert repository.asked == ["bytes=500000-"]
    assert not part.exists()


async def test_a_repository_without_ranges_sends_the_whole_again(repository, settings):
    repository.answer_ranges = False
    repository.cut_after = [300_000]

    got = await jars.fetch(settings, (jar(),))

    assert got.broker[0].read_bytes() == BODY


async def test_a_rotten_piece_is_thrown_away_and_fetched_anew(repository, settings):
    part = settings.cache / "maven" / (jar().path + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"rotten" * 1000)

    got = await jars.fetch(settings, (jar(),))

    assert got.broker[0].read_bytes() == BODY
    assert repository.asked == ["bytes=6000-", None]


async def test_another_hash_than_the_locks_is_refused(repository, settings):
    repository.body = b"x" + BODY[1:]

    with pytest.raises(jars.JarRefused, match="GENESIS_MAVEN_REPOSITORY"):
        await jars.fetch(settings, (jar(),))

    assert not list(settings.cache.rglob("*.jar"))


async def test_a_repository_that_does_not_have_it_is_named_with_the_remedy(repository, settings):
    wanted = tuple(jar(f"absent-{number}") for number in range(3))

    with pytest.raises(jars.JarsUnavailable, match=r"org.example:absent-\d:1.0 .*404.*GENESIS_MAVEN_REPOSITORY"):
        await jars.fetch(settings, wanted)

    assert len(repository.asked) <= len(wanted), "a 404 stays one however often it is asked"


async def test_a_network_that_always_breaks_ends_with_the_remedy(repository, settings):
    repository.cut_after = [1000] * jars.ATTEMPTS

    with pytest.raises(jars.JarsUnavailable, match="goes on where it was cut off"):
        await jars.fetch(settings, (jar(),))

    assert len(repository.asked) == jars.ATTEMPTS


async def test_two_launches_at_once_fetch_once(repository, settings):
    first, second = await asyncio.gather(jars.fetch(settings, (jar(),)), jars.fetch(settings, (jar(),)))

    assert first == second
    assert len(repository.asked) == 1


async def test_what_is_in_the_cache_needs_no_network(repository, settings):
    await jars.fetch(settings, (jar(),))
    repository.asked.clear()

    await jars.fetch(settings, (jar(),))

    assert repository.asked == []


def test_the_lock_keeps_kafka_and_logging_out_of_the_plugin():
    plugin = [entry for entry in jars.locked() if entry.folder == "plugin"]

    foreign = ("org.apache.kafka:", "org.slf4j:", "org.apache.logging.log4j:", "at.yawk.lz4:")
    assert not [entry.coordinates for entry in plugin if entry.coordinates.startswith(foreign)]
    assert "io.debezium:debezium-connector-postgres:3.7.0.Final" in {entry.coordinates for entry in plugin}


def test_the_lock_never_mixes_two_versions_in_one_class_path():
    for folder in ("broker", "worker", "plugin"):
        names = [entry.coordinates.rsplit(":", 1)[0] for entry in jars.locked() if entry.folder == folder]
        assert len(names) == len(set(names))
    logging = {entry.coordinates for entry in jars.locked() if "log4j-slf4j" in entry.coordinates}
    assert len(logging) == 1, "log4j-slf4j-impl fits Kafka's slf4j 1.7; log4j-slf4j2-impl does not"
