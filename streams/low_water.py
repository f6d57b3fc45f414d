"""What of a topic may be committed while its messages are finished in any order."""

from collections.abc import Iterable

from aiokafka.structs import TopicPartition


class LowWater:
    """Per partition the offset below which everything is finished: the one that may be committed."""

    def __init__(self) -> None:
        self._open: dict[TopicPartition, set[int]] = {}
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    def take(self, partition: TopicPartition, offset: int) -> None:
        """A message is in work."""
        self._open.setdefault(partition, set()).add(offset)
        self._next[partition] = max(self._next.get(partition, 0), offset + 1)

    def finish(self, partition: TopicPartition, offset: int) -> None:
        """A message is finished; one of a partition that was forgotten changes nothing."""
        self._open.get(partition, set()).discard(offset)

    def committable(self) -> dict[TopicPartition, int]:
        """Offsets to commit, of the partitions where that is another one than was committed last."""
        marks = {partition: min(self._open[partition], default=self._next[partition]) for partition in self._next}
        return {partition: mark for partition, mark in marks.items() if self._committed.get(partition) != mark}

    def committed(self, offsets: dict[TopicPartition, int]) -> None:
        """These offsets were committed."""
        self._committed.update(offsets)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """The partitions belong to another process now, which gets their unfinished messages again."""
        for partition in partitions:
            for known in (self._open, self._next, self._committed):
                known.pop(partition, None)

    def open(self) -> int:
        """Messages in work."""
        return sum(len(offsets) for offsets in self._open.values())
