"""The embedded Kafka broker (KRaft, one node) and the topics of the product."""

import asyncio
import base64
import time
import uuid
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from connectors.settings import Settings
from genesis import topics
from genesis.errors import GenesisError
from stack.jars import Jars
from stack.java import java, machine
from stack.processes import Command

YEAR_MINUTES = 365 * 24 * 60

# offsets.retention: a consumer group idle for weeks must not start from the beginning (design §7).
# broker.session: after a kill the controller holds the dead broker's place for so long (default 9 s).
# group.min.session: lets Connect be back soon after a kill, see connect.py.
# auto.create off: a misspelt topic is an error, and none comes into being with a wrong partition count.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}
num.network.threads=2
num.io.threads=4
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
offsets.retention.minutes={retention}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=16777216
"""


class KafkaFailed(GenesisError):
    """Kafka did not start; its log in the data folder says why."""


def prepare(settings: Settings) -> Path:
    """Writes the broker's properties; returns their file."""
    run = settings.data.absolute() / "run"
    run.mkdir(parents=True, exist_ok=True)
    file = run / "kafka.properties"
    file.write_text(
        PROPERTIES.format(
            port=settings.kafka_port,
            controller=settings.kafka_controller_port,
            folder=_folder(settings),
            retention=YEAR_MINUTES,
        ),
        encoding="utf-8",
    )
    return file


async def format_storage(settings: Settings, jars: Jars) -> None:
    """Formats the broker's folder with a new cluster id at first start; later nothing.

    Raises KafkaFailed.
    """
    properties = prepare(settings)
    if (_folder(settings) / "meta.properties").exists():
        return
    # Kafka's own form of a cluster id: 16 random bytes in URL-safe base64, not starting with a dash.
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
    process = await asyncio.create_subprocess_exec(
        java(),
        "-Xmx128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        ":".join(str(jar) for jar in jars.broker),
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "-t",
        cluster,
        "-c",
        str(properties),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        lines = output.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise KafkaFailed(f"Kafka's storage could not be formatted in {_folder(settings)}: {lines[-1]}")


def command(settings: Settings, jars: Jars) -> Command:
    """The broker's process."""
    jvm = machine(settings, "kafka", jars.broker, 512, "kafka.Kafka", str(prepare(settings)))
    return Command(argv=jvm.argv, leaves=jvm.leaves, stop_seconds=60.0)


def bootstrap(settings: Settings) -> str:
    """Address of the broker: the external one if there is one, else the embedded one."""
    return settings.kafka_bootstrap or f"127.0.0.1:{settings.kafka_port}"


async def ready(settings: Settings) -> bool:
    """True once the broker accepts a connection."""
    host, _, port = bootstrap(settings).split(",")[0].rpartition(":")
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def create_topics(settings: Settings, seconds: float = 60.0) -> str:
    """Creates the topics that are missing, with their settings; returns the cluster's id.

    A topic that exists with another number of partitions is refused. Raises KafkaFailed.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await _create_topics(settings)
        except (KafkaError, OSError) as error:
            # A broker that has just opened its port may not lead its partitions yet.
            if time.monotonic() > deadline:
                raise KafkaFailed(f"The topics could not be created ({error}); see logs/kafka.log.") from error
            await asyncio.sleep(0.2)


async def _create_topics(settings: Settings) -> str:
    # Any: aiokafka's admin client is not typed.
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap(settings), request_timeout_ms=20_000)
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
        # aiokafka does not pass on -1, "the broker's own default".
        replicas = min(3, len(cluster["brokers"]))
        wanted = {topic.name: settings.partitions if topic.co_partitioned else 1 for topic in topics.ALL}
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics.ALL if topic.name not in existing]
        if missing:
            new: Any = NewTopic
            response = await admin.create_topics(
                [new(topic.name, wanted[topic.name], replicas, topic_configs=topic.config) for topic in missing]
            )
            for name, code, *_ in response.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"creating {name}")
        for described in await admin.describe_topics(list(existing & set(wanted))):
            name, count = described["topic"], len(described["partitions"])
            if count != wanted[name]:
                raise KafkaFailed(
                    f"The topic {name} has {count} partitions and should have {wanted[name]}; "
                    f"set GENESIS_PARTITIONS={count}, for the number is fixed at the first start."
                )
        return str(cluster["cluster_id"])
    finally:
        await admin.close()


def _folder(settings: Settings) -> Path:
    return settings.data.absolute() / "kafka"
