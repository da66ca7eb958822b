"""What the data ask of a network."""

from dataclasses import dataclass
from typing import Literal

from jaxface.core.errors import ConfigError, suggestion

OutputKind = Literal["labels", "units"]
"""Whether logits are of classes or of action units."""


@dataclass(frozen=True)
class Task:
    """What the data ask of a network.

    Attributes:
        labels: names of the classes, in the order of the column `label`; () where there are none.
        units: numbers of the action units, in the order of the column `units`; () where there are none.
        size: pixels along an edge of the images.
        channels: 3, or 1 for grey.
        extras: (column, classes) of each further column of whole numbers, such as `identity` and
            `exogenous`.
    """

    labels: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    size: int = 64
    channels: int = 3
    extras: tuple[tuple[str, int], ...] = ()

    def classes(self, column: str) -> int:
        """Return how many classes a further column has; raise ConfigError without such a column."""
        extras = dict(self.extras)
        if column not in extras:
            raise ConfigError(f"the data have no column {column!r}{suggestion(column, extras)}")
        return extras[column]
