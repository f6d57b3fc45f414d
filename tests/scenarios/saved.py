"""What the machine has saved of a session, read from the changelog with an ordinary consumer."""

from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.settings import Settings
from genesis import topics, wire
from genesis.session.state import Session


async def saved_state(settings: Settings, session: UUID, sequence: int) -> Session | None:
    """The last record of this session in the changelog, once it is at this sequence or beyond; else None."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=f"127.0.0.1:{settings.kafka_port}", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        name = topics.SESSIONS_CHANGELOG.name
        partitions = [TopicPartition(name, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        last: bytes | None = None
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                for record in batch:
                    if record.key is not None and record.key.strip(b'"') == str(session).encode():
                        last = record.value
        if last is None:
            return None
        state = wire.load_state(last)
        return state if state.sequence >= sequence else None
    finally:
        await consumer.stop()
