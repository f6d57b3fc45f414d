"""`make chaos`: a whole studio of its own, clients, faults, and the verdict; the seed and the history are kept."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

import uvloop

from bench.calibration import calibration
from bench.studio import studio
from chaos.faults import registry
from chaos.faults.all import FAULTS
from chaos.linked import LinkedStack
from chaos.run import Plan, run
from genesis.errors import GenesisError
from stack.launcher import Stack


class UnknownFault(GenesisError):
    """There is no such fault; `python -m chaos --list` names those there are."""


def chosen(wanted: str, folder: Path) -> list[registry.Fault]:
    """Faults by name or kind, comma-separated; `all` for all of them. Raises UnknownFault."""
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    for word in words:
        if word != "all" and not any(word in (fault.name, fault.kind) for fault in FAULTS.values()):
            raise UnknownFault(f"There is no fault {word!r}; `python -m chaos --list` names those there are.")
    found = [fault for fault in FAULTS.values() if {"all", fault.name, fault.kind} & set(words)]
    for fault in found:
        if why := fault.skipped(folder):
            print(f"skipped: {fault.name}: {why}")
    return [fault for fault in found if not fault.skipped(folder)]


async def main(options: argparse.Namespace) -> int:
    seed = random.randrange(2**32) if options.seed is None else options.seed
    plan = Plan(
        seconds=60 * options.minutes,
        seed=seed,
        clients=options.clients,
        faults=chosen(options.faults, options.data),
        provider="bench",
        alone=options.alone,
        calm=options.calm,
        long=min(1.0, options.minutes / 60) if options.long is None else options.long,
        rest_seconds=options.rest,
    )
    folder = Path(tempfile.mkdtemp(prefix="genesis-chaos-"))
    history = folder / "history.jsonl"
    print(f"seed {seed}; the history goes to {history}", flush=True)
    print(calibration(), flush=True)
    linked = any(fault.kind == "link" for fault in plan.faults)
    async with studio(LinkedStack if linked else Stack, options.data) as stack:
        with history.open("w", encoding="utf-8", buffering=1) as file:
            report = await run(stack, plan, file)
    print("\n".join(report.lines()))
    print(calibration())
    return 1 if report.violations else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--faults", default="kill", help="names or kinds, comma-separated; or all")
    parser.add_argument("--alone", action="store_true", help="each fault once, with a calm around it")
    parser.add_argument("--calm", type=float, default=4.0, help="mean seconds between two faults")
    parser.add_argument(
        "--long",
        type=float,
        default=None,
        help="factor on the length of the long faults; by the minutes where not given",
    )
    parser.add_argument("--rest", type=float, default=180.0, help="seconds to come to rest afterwards")
    parser.add_argument(
        "--data", type=Path, default=Path(tempfile.gettempdir()), help="folder in which the studio's own is made"
    )
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    options = parser.parse_args()
    if options.list:
        for fault in FAULTS.values():
            why = fault.skipped(options.data)
            print(f"{fault.kind:<8} {fault.name}{f'  (skipped: {why})' if why else ''}")
        sys.exit(0)
    sys.exit(uvloop.run(main(options)))
