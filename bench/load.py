"""Load W of design §12 through HTTP and SSE: `python -m bench.load [--clients 1 50] [--seconds 20]`."""

import argparse
import asyncio
import statistics
import time

import aiohttp
import uvloop

from bench.calibration import calibration
from bench.client import Client, Measured
from bench.studio import PARTS, cpu, studio


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of the values lies, in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def run(url: str, clients: int, seconds: float) -> Measured:
    """This many clients, each with one session after the other, for this long."""
    measured = Measured()
    end = time.perf_counter() + seconds

    async def one(http: aiohttp.ClientSession) -> None:
        client = Client(http, url, measured)
        while time.perf_counter() < end:
            await client.session()

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=2**20) as http:
        await asyncio.gather(*(one(http) for _ in range(clients)))
    return measured


async def main(clients: list[int], seconds: float) -> None:
    print(calibration())
    async with studio() as stack:
        url = f"http://127.0.0.1:{stack.settings.port}"
        await run(url, 4, 5)  # the first sessions pay for imports and warm code
        for count in clients:
            before, started = cpu(stack), time.perf_counter()
            client_before = time.process_time()
            measured = await run(url, count, seconds)
            took = time.perf_counter() - started
            after = cpu(stack)
            per_session = {part: 1000 * (after[part] - before[part]) / measured.sessions for part in PARTS}
            print(f"\n{count} clients, {took:.1f} s, {measured.sessions} sessions, {measured.events} events")
            print(calibration())
            print(f"  commands/s          {measured.commands / took:8.1f}")
            print(
                f"  answer -> pause ms  p50 {percentile(measured.waits, 0.5):.1f}"
                f"  p99 {percentile(measured.waits, 0.99):.1f}  mean {1000 * statistics.fmean(measured.waits):.1f}"
            )
            print(
                f"  POST -> 202 ms      p50 {percentile(measured.accepts, 0.5):.1f}"
                f"  p99 {percentile(measured.accepts, 0.99):.1f}"
            )
            print(f"  CPU ms per session  {sum(per_session.values()):8.1f}  all processes of the studio")
            for part, used in per_session.items():
                print(f"    {part:<17} {used:8.1f}")
            own = 1000 * (time.process_time() - client_before) / measured.sessions
            print(f"    (the clients      {own:8.1f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    uvloop.run(main(options.clients, options.seconds))
