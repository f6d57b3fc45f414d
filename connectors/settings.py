"""The settings of every process: GENESIS_* environment variables, read once at each entry point."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One field per setting; `GENESIS_` + the field's name in capitals is its environment variable."""

    model_config = SettingsConfigDict(
        env_prefix="GENESIS_", use_attribute_docstrings=True, extra="ignore", frozen=True
    )

    data: Path = Path(".genesis")
    """Folder that holds everything that survives: database, topics, secrets, logs. One per installation."""

    cache: Path | None = None
    """Folder for downloaded jars, shared by installations. Unset: the user's cache folder."""

    maven_repository: str | None = None
    """URL of the Maven repository the jars come from. Unset: Maven Central."""

    host: str = "127.0.0.1"
    """Address the API listens on. Anything but a loopback address is refused in auth mode `local`."""

    port: int = Field(default=8000, ge=1, le=65535)
    """TCP port of the API."""

    postgres_port: int = Field(default=5432 + 100, ge=1, le=65535)
    """TCP port of the embedded PostgreSQL; not the usual 5432, so that it stands beside another one."""

    kafka_port: int = Field(default=9092, ge=1, le=65535)
    """TCP port of the embedded Kafka broker."""

    kafka_controller_port: int = Field(default=9093, ge=1, le=65535)
    """TCP port of the embedded Kafka controller."""

    connect_port: int = Field(default=8083, ge=1, le=65535)
    """TCP port of the embedded Kafka Connect's REST interface."""

    postgres_dsn: SecretStr | None = None
    """Administrator's DSN of an external PostgreSQL (wal_level=logical). Set: no embedded one is started."""

    kafka_bootstrap: str | None = None
    """host:port[,host:port] of an external Kafka. Set: no embedded broker is started."""

    connect_url: str | None = None
    """URL of an external Kafka Connect with Debezium's PostgreSQL connector. Set: none is started."""

    dbz_pw: SecretStr | None = None
    """Password of the role genesis_debezium. Only for an external Connect, whose worker must have the same
    GENESIS_DBZ_PW in its environment; unset, the launcher makes one."""

    database_dsn: SecretStr | None = None
    """DSN of this process's own least-privileged role. The launcher sets it per process."""

    sweeper_dsn: SecretStr | None = None
    """DSN of the sweeper's role; only the projector's process reads it. The launcher sets it."""

    bootstrap: str = "127.0.0.1:9092"
    """Kafka bootstrap address this process uses. The launcher sets it."""

    instance: str | None = Field(default=None, min_length=1)
    """Static group membership id, stable over restarts, never shared by two living processes.
    Unset means dynamic membership; an empty string is refused, since it would make members fence each other."""

    partitions: int = Field(default=4, ge=1, le=64)
    """Partitions of all co-partitioned topics. Fixed at first start; another number is refused later."""

    handle_minutes: float = Field(default=30.0, gt=0)
    """Minutes an open resume handle waits for its person before it expires (design §5)."""

    generation_minutes: float = Field(default=15.0, gt=0)
    """Minutes a generation may take before the sweeper ends it (design §5)."""

    sweep_seconds: float = Field(default=1.0, gt=0)
    """Seconds between two looks of the sweeper for handles and generations past their deadline."""

    lost_seconds: float = Field(default=30.0, gt=0)
    """Seconds without an outcome after which it is asked whether the pipe has lost a command (design §4); up to
    30 times as long after each re-sending. Only what every hop has provably passed by is sent again."""

    session_days: float = Field(default=30.0, gt=0)
    """Days after which a session that nobody touched is abandoned with the reason `expired` (design §5)."""

    bench_provider: bool = False
    """True offers the provider `bench`, which makes the smallest valid proposal; for load tests only."""

    bench_seconds: float = Field(default=0.0, ge=0)
    """Seconds a proposal of the provider `bench` takes; for tests of what happens meanwhile. 0 = at once."""

    generator_concurrency: int = Field(default=8, ge=1)
    """Generations one generator process runs at once. More = more provider calls in parallel."""

    unsettled_limit: int = Field(default=10_000, ge=1)
    """Commands without an outcome at which the door answers 503 until it is half as many: some ten seconds of work
    at full load."""

    unsettled_seconds: float = Field(default=120.0, gt=0)
    """Seconds without an outcome of one command at which the door answers 503: the machine stands, and who sends
    more would only wait behind it. More than a lost command takes to be sent again (`lost_seconds` and a proof)."""

    stream_limit: int = Field(default=5000, ge=1)
    """Event streams one API process keeps open at once; each may hold up to 4 MiB for a slow client."""

    @property
    def lost_after(self) -> timedelta:
        """`lost_seconds` as a duration."""
        return timedelta(seconds=self.lost_seconds)
