"""For authors of the bank: `python -m connectors.providers.builtin.check GENRE` prints what is wrong with a genre."""

import argparse
import sys

from connectors.providers.builtin.bank.census import violations
from connectors.providers.builtin.bank.shelves import BankError, genre, genres


def main(arguments: list[str]) -> int:
    """Check genres; 0 where nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("genre", nargs="*", help="folder names; all where none is named")
    options = parser.parse_args(arguments)
    wrong = 0
    for name in options.genre or genres():
        try:
            found = violations(genre(name))
        except BankError as error:
            found = str(error).splitlines()
        for each in found:
            sys.stdout.write(f"{name}: {each}\n")
        wrong += len(found)
        sys.stdout.write(f"{name}: {len(found)} violations\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
