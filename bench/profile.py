"""Where the time goes: samples each Python process of the studio under load W with py-spy.

`python -m bench.profile [--clients 50] [--seconds 15]` prints, per process, the share of its busy time that was
spent in each package and in the busiest functions.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import uvloop

from bench.calibration import calibration
from bench.load import run
from bench.studio import studio

PYTHON_PARTS = ("worker", "generator", "projector", "api")
FRAME = re.compile(r"^(?P<function>.*) \((?P<file>.*?)(?::\d+)?\)$")


def package(file: str) -> str:
    """The package a source file belongs to, as a reader names it."""
    parts = Path(file).parts
    for place, part in enumerate(parts):
        if part == "site-packages":
            return parts[place + 1]
        if part in ("genesis", "connectors", "streams", "projections", "api"):
            return part
    return parts[0] if len(parts) > 1 and not file.startswith("/") else "python"


def report(part: str, raw: str) -> None:
    """Print what the collapsed stacks of one process say."""
    own: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    packages: Counter[str] = Counter()
    total = 0
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        total += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            inclusive[frame] += int(count)
        if found := FRAME.match(frames[-1]):
            packages[package(found["file"])] += int(count)
    if not total:
        print(f"\n{part}: no samples")
        return
    print(f"\n{part}: {total} samples")
    print("  by package:", ", ".join(f"{name} {100 * n / total:.0f} %" for name, n in packages.most_common(10)))
    for title, counted in (("self", own), ("with what it calls", inclusive)):
        print(f"  {title}:")
        for frame, n in counted.most_common(22):
            print(f"    {100 * n / total:5.1f} %  {frame[-110:]}")


async def sample(part: str, pid: int, seconds: int, folder: Path) -> None:
    """Record one process into a file of collapsed stacks."""
    spy = str(Path(sys.executable).with_name("py-spy"))
    output = str(folder / part)
    arguments = ["record", "-p", str(pid), "-d", str(seconds), "-r", "150", "-f", "raw", "-o", output]
    process = await asyncio.create_subprocess_exec(
        spy, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    await process.wait()


async def main(clients: int, seconds: int, parts: tuple[str, ...]) -> None:
    print(calibration())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with studio() as stack:
            load = asyncio.create_task(run(f"http://127.0.0.1:{stack.settings.port}", clients, 2.0 * seconds))
            await asyncio.sleep(seconds / 2)
            await asyncio.gather(*(sample(part, stack.pid(part) or 0, seconds, folder) for part in parts))
            await load
        for part in parts:
            report(part, await asyncio.to_thread((folder / part).read_text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--parts", nargs="+", default=PYTHON_PARTS)
    options = parser.parse_args()
    uvloop.run(main(options.clients, options.seconds, tuple(options.parts)))
