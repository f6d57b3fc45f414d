"""Dead letters: a message that can't be handled, whole, with where it came from and why (design §3 rule 5)."""

from streams.records import Arrived, Record

PREFIX = "dead_letter_"
"""Of the headers that say where a dead letter came from and why."""


def dead_letter(arrived: Arrived, *, reader: str, error: BaseException) -> Record:
    """The record for genesis.dead-letters: key, value and headers as they came, and five headers more.

    The error is named by its class alone: its message may quote the person's words.
    """
    why = {
        "reader": reader,
        "error": type(error).__name__,
        "topic": arrived.topic,
        "partition": str(arrived.partition),
        "offset": str(arrived.offset),
    }
    return Record(
        arrived.key,
        # A record with neither key nor value can't be sent.
        b"" if arrived.key is None and arrived.value is None else arrived.value,
        [*arrived.headers, *((PREFIX + name, text.encode()) for name, text in why.items())],
    )
