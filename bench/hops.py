"""How long each hop of a command takes, from the timestamps on the topics: `python -m bench.hops`.

One client, so that nothing waits for another. Times are of the senders: PostgreSQL's clock for the acceptance,
the producers' for the records.
"""

import argparse
import statistics
from collections import defaultdict
from datetime import datetime
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic_core import from_json

from bench.calibration import calibration
from bench.load import run
from bench.studio import studio
from connectors.settings import Settings
from genesis import topics


async def records(settings: Settings, bootstrap: str, topic: str) -> list[Any]:
    """Everything on a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Any] = []
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


def milliseconds(text: str) -> float:
    """ISO 8601 as Unix time in milliseconds."""
    return datetime.fromisoformat(text).timestamp() * 1000


async def main(seconds: float) -> None:
    print(calibration())
    async with studio() as stack:
        url = f"http://127.0.0.1:{stack.settings.port}"
        await run(url, 4, 8)
        await run(url, 1, seconds)
        commands = await records(stack.settings, stack.bootstrap, topics.COMMANDS.name)
        events = await records(stack.settings, stack.bootstrap, topics.EVENTS.name)
        requests = await records(stack.settings, stack.bootstrap, topics.REQUESTS.name)
    hops: dict[str, list[float]] = defaultdict(list)
    requested, resulted = {}, {}
    first = max(record.timestamp for record in commands) - 1000 * seconds
    for record in requests:
        requested[from_json(record.value)["task_id"]] = record.timestamp
    arrived: dict[str, float] = {}
    for record in commands:
        body = from_json(record.value)
        arrived[body["id"]] = record.timestamp
        if body["command_no"] is None:
            resulted[body["id"]] = record.timestamp
            if record.timestamp > first:
                hops["3 request on its topic -> result"].append(
                    record.timestamp - requested[body["payload"]["task_id"]]
                )
        elif record.timestamp > first:
            hops["1 accepted -> genesis.commands"].append(record.timestamp - milliseconds(body["at"]))
    for record in events:
        body = from_json(record.value)
        if body["metadata"]["part"] == 1 and record.timestamp > first and body["causation_id"] in arrived:
            kind = "4 result" if body["causation_id"] in resulted else "2 command"
            hops[f"{kind} -> its events"].append(record.timestamp - arrived[body["causation_id"]])
    print(calibration())
    for hop, times in sorted(hops.items()):
        ordered = sorted(times)
        print(
            f"  {hop:<36} p50 {statistics.median(times):5.1f}  p90 {ordered[int(0.9 * len(ordered))]:5.1f} ms"
            f"  ({len(times)})"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    uvloop.run(main(parser.parse_args().seconds))
