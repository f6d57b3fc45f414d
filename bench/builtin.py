"""How fast the built-in story engine is: `python -m bench.builtin`; no process but this one is needed."""

import argparse
import resource
import statistics
import sys
import time

from bench.calibration import calibration
from connectors.providers.builtin.bank.shelves import common, genre, genres
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.rehearsal import request
from genesis.content.catalog import Content
from genesis.session.brief import Brief
from genesis.session.stages import Stage


def main(arguments: list[str]) -> int:
    """Print load time and memory of the bank, then p50 and p99 of each stage's first round, by clock and by work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30, help="sessions per genre (default 30)")
    options = parser.parse_args(arguments)
    before = _megabytes()
    started = time.perf_counter()
    common()
    shelves = [genre(name) for name in genres()]
    loaded = time.perf_counter() - started
    print(f"{len(shelves)} genres loaded in {loaded * 1000:.0f} ms, {_megabytes() - before:.1f} MB more in memory")
    _run(options.seeds, chapters=60, warm=True)
    for stage, rounds in _run(options.seeds, chapters=60, warm=False).items():
        told = []
        for durations in zip(*rounds, strict=True):
            cuts = statistics.quantiles(durations, n=100)
            told.append(f"p50 {cuts[49] * 1000:5.1f} p99 {cuts[98] * 1000:5.1f} ms")
        print(f"{stage:18} clock {told[0]}   processor {told[1]}   ({len(rounds)} rounds)")
    print(calibration())
    return 0


def _run(seeds: int, chapters: int, warm: bool) -> dict[Stage, list[tuple[float, float]]]:
    """(time by the clock, time of the processor) of each first round, in seconds; outlines of 60 chapters.

    The clock's time holds what other processes took meanwhile. A warm-up fills the caches that a process keeps.
    """
    times: dict[Stage, list[tuple[float, float]]] = {stage: [] for stage in Stage}
    for name in genres():
        for seed in range(2 if warm else seeds):
            brief = Brief(genre=genre(name).meta.name, seed=seed, target_chapters=chapters)
            confirmed: dict[Stage, Content] = {}
            for stage in Stage:
                asked = request(stage, brief, confirmed)
                clock, work = time.perf_counter(), time.process_time()
                proposal = propose(asked)
                times[stage].append((time.perf_counter() - clock, time.process_time() - work))
                confirmed[stage] = proposal.candidates[0]
    return times


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
