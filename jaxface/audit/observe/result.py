"""What an observation returns."""

from dataclasses import dataclass
from pathlib import Path

from jaxface.audit.observe.analysis import AccuracyRow, Curve, Distribution, IndependenceRow
from jaxface.audit.observe.config import ObserveConfig
from jaxface.audit.observe.measurements import Measurements
from jaxface.audit.observe.sides import SideRow
from jaxface.audit.observe.table import Photographs


@dataclass(frozen=True)
class ObserveResult:
    """The result of an observation.

    Attributes:
        folder: where its files are.
        config: its settings.
        photographs: the table.
        measurements: logits and image features of each photograph, and why some have none.
        rows: Table 1, a row for each classifier, expression and feature.
        accuracy: Table 4.
        distributions: Fig. 7.
        curves: Fig. 8, for continuous features.
        sides: left against right of the faces, by clinicians' measures; () without the 68 landmarks.
        skipped: classifier and expression pairs that were left out: no such output.
    """

    folder: Path
    config: ObserveConfig
    photographs: Photographs
    measurements: Measurements
    rows: tuple[IndependenceRow, ...]
    accuracy: tuple[AccuracyRow, ...]
    distributions: tuple[Distribution, ...]
    curves: tuple[Curve, ...]
    skipped: tuple[tuple[str, str], ...]
    sides: tuple[SideRow, ...] = ()

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """(path, reason) of every photograph that could not be used."""
        pairs = zip(self.photographs.path, self.measurements.reason, strict=True)
        return [(path, reason) for path, reason in pairs if reason]
