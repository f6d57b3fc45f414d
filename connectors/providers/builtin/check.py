"""For authors of the bank: `python -m connectors.providers.builtin.check GENRE` prints samples and what is wrong."""

import argparse
import sys
from collections import Counter

from connectors.providers.builtin.bank.census import violations
from connectors.providers.builtin.bank.shelves import BankError, genre, genres
from connectors.providers.builtin.copyeditor import faults
from connectors.providers.builtin.granting import texts_of
from connectors.providers.builtin.provider import readable
from connectors.providers.builtin.rehearsal import session
from connectors.providers.builtin.rereading import misread
from genesis.content.checks import check
from genesis.session.brief import Brief
from genesis.session.stages import Stage

SHORT = 12
"""Chapters below which a book can't visit every place."""


def main(arguments: list[str]) -> int:
    """Check genres; 0 where nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("genre", nargs="*", help="folder names; all where none is named")
    parser.add_argument("--seeds", type=int, default=5, help="how many sessions to try (default 5)")
    parser.add_argument("--first", type=int, default=1, help="seed of the first (default 1)")
    parser.add_argument("--chapters", type=int, default=0, help="length of the books; 0 leaves it to the story")
    parser.add_argument("--quiet", action="store_true", help="print no samples")
    options = parser.parse_args(arguments)
    wrong = 0
    for name in options.genre or genres():
        found = _checked(name, options)
        for text, count in Counter(found).items():
            sys.stdout.write(f"{name}: {text}{f' ({count} times)' if count > 1 else ''}\n")
        wrong += len(found)
        sys.stdout.write(f"{name}: {len(found)} violations\n")
    return 1 if wrong else 0


def _checked(name: str, options: argparse.Namespace) -> list[str]:
    try:
        shelf = genre(name)
    except BankError as error:
        return str(error).splitlines()
    found = violations(shelf)
    if any("no plot" in each or "no slot" in each or "wants the slot" in each for each in found):
        sys.stdout.write("No samples before these are mended.\n")
        return found
    for seed in range(options.first, options.first + min(options.seeds, 5)):
        found += [each for premise in shelf.premises for each in misread(shelf, premise, seed)]
    for seed in range(options.first, options.first + options.seeds):
        brief = Brief(genre=shelf.meta.name, seed=seed, target_chapters=options.chapters)
        found += _rehearsed(brief, seed, options.quiet)
    return found


def _rehearsed(brief: Brief, seed: int, quiet: bool) -> list[str]:
    found: list[str] = []
    for stage, confirmed, candidates, _ in session(brief, seed):
        if not quiet:
            shown = candidates[seed % len(candidates)]
            sys.stdout.write(f"\n===== seed {seed}, {stage}\n{readable(shown)}\n")
        chosen = candidates[seed % len(candidates)]
        findings = check(stage, candidates, chosen.id, confirmed)
        short = stage is Stage.PLOT_OUTLINE and len(getattr(chosen, "chapters", ())) < SHORT
        found += [f"{each.code}: {each.text}" for each in findings if not (short and each.code == "place_unused")]
        found += [f"{fault}: {text}" for text in texts_of(candidates) for fault in faults(text)]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
