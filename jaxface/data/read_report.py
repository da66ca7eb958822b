"""The report of a reader: how many images it read, which it left out, and why."""

from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 3  # names in a line of the report


@dataclass(frozen=True)
class LeftOut:
    """Images that were left out for one reason.

    Attributes:
        reason: such as "unreadable" or "class 'other' is not used".
        names: of all these images, as in the data set.
    """

    reason: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if len(self.names) > _SHOWN else ""
        return f"{len(self.names)} left out, {self.reason}: {', '.join(self.names[:_SHOWN])}{more}"


@dataclass(frozen=True)
class ReadReport:
    """What was read, and what was left out.

    Attributes:
        read: images in the data set.
        left_out: images that are not, by reason.
        notes: further remarks, such as the order of the identities.
    """

    read: int = 0
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """Number of images that were left out."""
        return sum(len(each.names) for each in self.left_out)

    def __str__(self) -> str:
        return "\n".join([f"{self.read} images", *map(str, self.left_out), *self.notes])


def group_by_reason(faults: Iterable[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Group (reason, name) pairs by reason, in the order of first appearance."""
    names: dict[str, list[str]] = {}
    for reason, name in faults:
        names.setdefault(reason, []).append(name)
    return tuple(LeftOut(reason, tuple(each)) for reason, each in names.items())
