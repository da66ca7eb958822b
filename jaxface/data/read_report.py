"""What a reader found: how many images it took, and which it left out and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True)
class LeftOut:
    """Images that were left out for one reason.

    Attributes:
        reason: such as "unreadable" or "label 'other' is not asked for".
        names: of all of them, as the data set names its images.
    """

    reason: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if len(self.names) > _SHOWN else ""
        return f"{len(self.names)} left out, {self.reason}: {', '.join(self.names[:_SHOWN])}{more}"


@dataclass(frozen=True)
class ReadReport:
    """What was read.

    Attributes:
        read: images in the data set.
        left_out: what is not, reason by reason.
        notes: what else one should know, such as values that the layout leaves unknown.
    """

    read: int = 0
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """How many images were left out."""
        return sum(len(each.names) for each in self.left_out)

    def __str__(self) -> str:
        return "\n".join([f"{self.read} images", *map(str, self.left_out), *self.notes])


def grouped(faults: Iterable[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """(reason, name) pairs, by reason in the order of their first appearance."""
    names: dict[str, list[str]] = {}
    for reason, name in faults:
        names.setdefault(reason, []).append(name)
    return tuple(LeftOut(reason, tuple(each)) for reason, each in names.items())
