"""Brings the jars of Kafka, Connect and Debezium into the cache, by a lock with a SHA-256 for each."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import certifi
import httpx

from connectors.settings import Settings
from genesis.errors import GenesisError

LOCK = Path(__file__).with_name("jars.lock")

PARALLEL = 8
"""Downloads at once."""

ATTEMPTS = 6
"""Tries for one jar, each going on where the last was cut off."""

FIRST_PAUSE = 0.5
"""Seconds before the second try; doubled with each further one."""


class JarsUnavailable(GenesisError):
    """The jars of Kafka could not be fetched; check the network, or set GENESIS_MAVEN_REPOSITORY."""


class JarRefused(GenesisError):
    """A downloaded jar does not have the SHA-256 of the lock; the repository is faulty, set another one."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    folder: str
    """broker, worker or plugin."""
    coordinates: str
    """group:artifact:version, and :classifier where there is one."""
    sha256: str

    @property
    def path(self) -> str:
        """Its place in a Maven repository, relative to the root."""
        group, artifact, version, *classifier = self.coordinates.split(":")
        name = "-".join([artifact, version, *classifier])
        return f"{group.replace('.', '/')}/{artifact}/{version}/{name}.jar"


@dataclass(frozen=True)
class Jars:
    """Where the fetched jars lie. Class paths are lists of jars in a fixed order: AOT caches need that."""

    broker: tuple[Path, ...]
    worker: tuple[Path, ...]
    plugins: Path
    """Connect's plugin.path: one folder per plugin in it."""
    digest: str
    """Changes with any jar; caches made from the jars carry it in their names."""


def locked(text: str | None = None) -> tuple[Jar, ...]:
    """The lock's lines in class path order."""
    lines = (LOCK.read_text(encoding="ascii") if text is None else text).splitlines()
    return tuple(Jar(*line.split()) for line in lines if line and not line.startswith("#"))


def cache_folder(settings: Settings) -> Path:
    """GENESIS_CACHE, or the user's cache folder by the XDG rule."""
    if settings.cache is not None:
        return settings.cache.absolute()
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "genesis-studio"


async def fetch(
    settings: Settings,
    jars: tuple[Jar, ...] | None = None,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Jars:
    """All jars of the lock in the cache, missing ones fetched; `told` hears (done, of) as it goes on.

    A jar gets its name only after its SHA-256 was right, so one that is there is not read again.
    Two launches at once: the second waits for the first. Raises JarsUnavailable or JarRefused.
    """
    wanted = locked() if jars is None else jars
    cache = cache_folder(settings)
    root = cache / "maven"
    missing = {jar.path: jar for jar in wanted if not (root / jar.path).exists()}
    if missing:
        root.mkdir(parents=True, exist_ok=True)
        async with _exclusive(cache / "fetch.lock"):
            missing = {path: jar for path, jar in missing.items() if not (root / path).exists()}
            await _fetch_all(_repository(settings), tuple(missing.values()), root, told)
    digest = hashlib.sha256("".join(jar.sha256 for jar in wanted).encode()).hexdigest()[:16]
    return Jars(
        broker=tuple(root / jar.path for jar in wanted if jar.folder == "broker"),
        worker=tuple(root / jar.path for jar in wanted if jar.folder == "worker"),
        plugins=_plugins(cache, root, digest, [jar for jar in wanted if jar.folder == "plugin"]),
        digest=digest,
    )


def _repository(settings: Settings) -> str:
    if settings.maven_repository is not None:
        return settings.maven_repository.rstrip("/")
    # Imported here: only a first start needs it, and it takes its time.
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL)


@contextlib.asynccontextmanager
async def _exclusive(path: Path) -> AsyncIterator[None]:
    with path.open("w") as file:
        # Asked again and again rather than waited for, so that Ctrl-C works.
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.2)
        yield


async def _fetch_all(repository: str, jars: tuple[Jar, ...], root: Path, told: Callable[[int, int], None]) -> None:
    done = 0
    turn = asyncio.Semaphore(PARALLEL)
    told(done, len(jars))
    trust = ssl.create_default_context()
    # The system's certificates, which hold those of a company's proxy, and certifi's for systems without any.
    trust.load_verify_locations(certifi.where())
    async with httpx.AsyncClient(verify=trust, timeout=httpx.Timeout(30.0), follow_redirects=True) as client:

        async def one(jar: Jar) -> None:
            nonlocal done
            async with turn:
                await _fetch(client, f"{repository}/{jar.path}", jar, root / jar.path)
            done += 1
            told(done, len(jars))

        try:
            async with asyncio.TaskGroup() as group:
                for jar in jars:
                    group.create_task(one(jar))
        except BaseExceptionGroup as failures:
            # One sentence for people: the first failure stands for the rest.
            first, _ = failures.split(GenesisError)
            raise (first or failures).exceptions[0] from None


async def _fetch(client: httpx.AsyncClient, url: str, jar: Jar, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    pause = FIRST_PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        try:
            resumed = await _download(client, url, part)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
            final = status is not None and status < 500 and status not in (408, 416, 429)
            if final or attempt == ATTEMPTS:
                reason = f"HTTP status {status}" if status else str(error) or type(error).__name__
                raise JarsUnavailable(
                    f"{jar.coordinates} could not be fetched ({reason}); check the network and start again, "
                    "it goes on where it was cut off, or set GENESIS_MAVEN_REPOSITORY to another repository."
                ) from error
            await asyncio.sleep(pause)
            pause *= 2
            continue
        if hashlib.sha256(part.read_bytes()).hexdigest() == jar.sha256:
            part.replace(target)
            return
        part.unlink()
        if not resumed:
            raise JarRefused(
                f"{jar.coordinates} does not have the SHA-256 of stack/jars.lock; the repository is faulty: "
                "set GENESIS_MAVEN_REPOSITORY to another one."
            )
    raise JarsUnavailable(f"{jar.coordinates} was cut off {ATTEMPTS} times; start again when the network is better.")


async def _download(client: httpx.AsyncClient, url: str, part: Path) -> bool:
    """Appends to `part` what is missing; True if it went on from an earlier piece."""
    have = await asyncio.to_thread(lambda: part.stat().st_size if part.exists() else 0)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            # The piece is as long as the file or longer: its hash decides, and failing that it starts anew.
            return True
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        with part.open("ab" if resumed else "wb") as file:
            async for piece in response.aiter_raw():
                file.write(piece)
    return resumed


def _plugins(cache: Path, root: Path, digest: str, jars: list[Jar]) -> Path:
    """A plugin.path whose one folder holds links to the plugin's jars; Connect scans folders, not lists."""
    folder = cache / "plugins" / digest
    if not folder.exists():
        draft = cache / "plugins" / f"{digest}.{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        inner = draft / "debezium-connector-postgres"
        inner.mkdir(parents=True)
        for jar in jars:
            source = root / jar.path
            try:
                os.link(source, inner / source.name)
            except OSError:
                shutil.copyfile(source, inner / source.name)
        try:
            draft.rename(folder)
        except OSError:
            # Another launch was quicker; its folder holds the same.
            shutil.rmtree(draft, ignore_errors=True)
    return folder
