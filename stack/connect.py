"""The embedded Kafka Connect worker (distributed mode) that runs Debezium."""

import httpx

from connectors.settings import Settings
from stack import kafka, secret_store
from stack.jars import Jars
from stack.java import machine
from stack.processes import Command

# service_load: looking through the jars by reflection instead takes seconds and twice the memory.
# session.timeout: so long the group waits for a worker that was killed; an external broker admits no less
# than 6 s by default.
# offset.flush: how much is sent again after a kill; Connect's default is a minute.
PROPERTIES = """\
bootstrap.servers={bootstrap}
group.id=genesis-connect
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=connect-configs
offset.storage.topic=connect-offsets
status.storage.topic=connect-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
offset.flush.interval.ms=5000
plugin.path={plugins}
plugin.discovery=service_load
listeners=http://127.0.0.1:{port}
scheduled.rebalance.max.delay.ms=0
session.timeout.ms={session}
heartbeat.interval.ms=1000
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.env.param.allowlist.pattern=^GENESIS_DBZ_.*
"""


def command(settings: Settings, jars: Jars) -> Command:
    """The worker's process; Debezium's password reaches it through its environment only."""
    run = settings.data.absolute() / "run"
    run.mkdir(parents=True, exist_ok=True)
    file = run / "connect.properties"
    file.write_text(
        PROPERTIES.format(
            bootstrap=kafka.bootstrap(settings),
            plugins=jars.plugins,
            port=settings.connect_port,
            session=4000 if settings.kafka_bootstrap is None else 10_000,
        ),
        encoding="utf-8",
    )
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    jvm = machine(settings, "connect", jars.worker, 384, main, str(file))
    return Command(
        argv=jvm.argv,
        env={"GENESIS_DBZ_PW": secret_store.passwords(settings)["genesis_debezium"]},
        leaves=jvm.leaves,
        stop_seconds=60.0,
    )


def url(settings: Settings) -> str:
    """Address of Connect's REST interface: the external one if there is one, else the embedded one."""
    return (settings.connect_url or f"http://127.0.0.1:{settings.connect_port}").rstrip("/")


async def ready(settings: Settings, client: httpx.AsyncClient) -> bool:
    """True once Connect's own health check passes (KIP-1017); says nothing about connectors."""
    try:
        return (await client.get(f"{url(settings)}/health")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
