"""What is kept outside PostgreSQL is taken away: a worker's disk, the connector, its slot, topics."""

import asyncio
import io
import shutil

from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from chaos.faults.registry import fault
from chaos.ground import Ground, NotMended, until
from connectors.outbox import register
from genesis import topics
from stack import kafka, parts
from stack.repair_all import repair_all

CONNECT_DOWN_SECONDS = 600.0
"""How long Connect is away under load."""


@fault("loss", "worker disk wiped")
async def worker_disk_wiped(ground: Ground) -> None:
    """The worker's folder is gone when it starts again; its state returns from the changelog."""
    await ground.stack.remove_worker(parts.WORKER)
    for folder in ground.stack.settings.data.glob("worker-*"):
        shutil.rmtree(folder)
    await ground.stack.add_worker(parts.WORKER)


@fault("loss", "connector deleted")
async def connector_deleted(ground: Ground) -> None:
    """Kafka Connect is told to forget the connector; its watch finds out."""
    async with ground.connect() as client:
        (await client.delete(f"/connectors/{register.NAME}")).raise_for_status()
    await ground.stack.wait_connector()


@fault("loss", "replication slot dropped")
async def slot_dropped(ground: Ground) -> None:
    """The slot goes, and with it the place in the WAL: what was not carried by then must be sent again."""
    slot = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'genesis_outbox'"

    async def dropped() -> bool:
        # The walsender comes back within a moment, so ending it and dropping must win a race now and then.
        await ground.database(f"SELECT pg_terminate_backend(active_pid) FROM ({slot}) s WHERE active_pid IS NOT NULL")
        try:
            await ground.database("SELECT pg_drop_replication_slot('genesis_outbox')")
        except Exception as error:
            if getattr(error, "sqlstate", "") == "55006":  # the slot is in use
                return False
            raise
        return True

    await until(dropped, "the slot is dropped")

    async def there_again() -> bool:
        return any(row["active_pid"] for row in await ground.database(slot))

    await until(there_again, "there is a slot again and somebody reads from it")
    await ground.stack.wait_connector()


async def _sent_again(ground: Ground) -> int:
    [row] = await ground.database("SELECT coalesce(sum(resent_count), 0) AS sent FROM door.command_inbox")
    return int(row["sent"])


@fault("loss", "connect down")
async def connect_down(ground: Ground) -> None:
    """Connect is stopped under load for ten minutes; nothing may be sent again meanwhile, and nothing be lost."""
    async with ground.connect() as client:
        (await client.put(f"/connectors/{register.NAME}/stop")).raise_for_status()
        before = await _sent_again(ground)
        await asyncio.sleep(CONNECT_DOWN_SECONDS * ground.long)
        if sent := await _sent_again(ground) - before:
            ground.notes.append(f"connect down: {sent} commands were sent again although the pipe only stood")
        (await client.put(f"/connectors/{register.NAME}/resume")).raise_for_status()
    await ground.stack.wait_connector()


@fault("loss", "commands made anew")
async def commands_made_anew(ground: Ground) -> None:
    """genesis.commands is deleted and created under living sessions; without a worker, as an operator would."""
    await ground.stack.remove_worker(parts.WORKER)
    try:
        await _made_anew(ground, topics.COMMANDS.name)
    finally:
        await ground.stack.add_worker(parts.WORKER)


@fault("loss", "changelog made anew")
async def changelog_made_anew(ground: Ground) -> None:
    """The changelog is deleted and created: the states come back from the events, by `genesis repair --all`."""
    await ground.stack.remove_worker(parts.WORKER)
    await _made_anew(ground, topics.SESSIONS_CHANGELOG.name)
    await ground.stack.stop()
    said = io.StringIO()
    if code := await repair_all(ground.stack.settings, Console(file=said, width=200)):
        raise NotMended(f"genesis repair --all ended with {code}: {said.getvalue()[-500:]}")
    await ground.stack.start()


async def _made_anew(ground: Ground, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.stack.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await until(gone, f"{topic} is deleted")
    finally:
        await admin.close()
    await kafka.create_topics(ground.stack.settings)
