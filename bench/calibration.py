"""How fast this machine is just now: a figure to print beside every other figure.

Two noisy cores differ by a factor of two from hour to hour; figures are compared within one run, or by their
ratio to this one.
"""

import hashlib
import time

BLOCK = b"genesis" * 9362
"""About 64 KiB."""


def calibration() -> str:
    """One line: thousands of turns of a plain Python loop, and MB of SHA-256, per second of one core."""
    started = time.perf_counter()
    turns = 0
    while time.perf_counter() - started < 0.3:
        for _ in range(1000):
            turns += 1
    loop = turns / (time.perf_counter() - started)
    started, size = time.perf_counter(), 0
    while time.perf_counter() - started < 0.3:
        hashlib.sha256(BLOCK).digest()
        size += len(BLOCK)
    hashed = size / (time.perf_counter() - started)
    return f"calibration: {loop / 1e6:.1f} M loop turns/s, {hashed / 1e6:.0f} MB/s SHA-256"


if __name__ == "__main__":
    print(calibration())
