"""How alike the sides of the faces are, and which faces a person should look at."""

from dataclasses import dataclass

import numpy as np

from jaxface.audit.observe.measurements import Measurements
from jaxface.audit.observe.sampling import groups
from jaxface.audit.observe.table import Photographs
from jaxface.photos import asymmetry

SCORE, YAW, INTEROCULAR, SPREAD = 0.6, 20.0, 24.0, 0.1
"""A face is doubtful below, above (degrees), below (pixels) and above these."""


@dataclass(frozen=True)
class SideRow:
    """One measure over all photographs.

    Attributes:
        photographs: whose points are known.
        mean: of left against right; 0 where no side is favoured.
        between: deviation of it over photographs.
        within: deviation of it over shifted and mirrored copies of one photograph, root mean square; NaN where
            the table gave the points.
        size: mean of its absolute value, by group.
    """

    measure: str
    photographs: int
    mean: float
    between: float
    within: float
    size: dict[str, float]


def side_rows(photographs: Photographs, measurements: Measurements) -> tuple[SideRow, ...]:
    """Return a row for each measure; none where the 68 landmarks are not known."""
    points = photographs.points
    if points is None:
        return ()
    mask = measurements.used & np.isfinite(points).all((1, 2))
    rows = []
    for name, values in asymmetry.balance(points[mask]).items():
        members = np.array(photographs.group)[mask]
        deviation = photographs.quality.get(f"deviation {name}", np.full(len(photographs), np.nan))[mask]
        deviation = deviation[np.isfinite(deviation)]
        rows.append(
            SideRow(
                measure=name,
                photographs=int(mask.sum()),
                mean=float(values.mean()) if len(values) else float("nan"),
                between=float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
                within=float(np.sqrt((deviation**2).mean())) if len(deviation) else float("nan"),
                size={
                    group: float(np.abs(values[members == group]).mean())
                    for group in groups(photographs)
                    if (members == group).any()
                },
            )
        )
    return tuple(rows)


def doubts(photographs: Photographs, measurements: Measurements) -> list[tuple[int, str]]:
    """Return row and reason of each face that was found and may be wrong, the worst first."""
    quality = photographs.quality
    if not quality:
        return []
    limits = (
        ("score", quality["score"] < SCORE, "score {:.2f}"),
        ("yaw", np.abs(quality["yaw"]) > YAW, "turned by {:.0f}°"),
        ("interocular", quality["interocular"] < INTEROCULAR, "{:.0f} pixels between the eyes"),
        ("spread", quality["spread"] > SPREAD, "points vary by {:.2f} interocular distances"),
    )
    out = []
    for row in np.flatnonzero(measurements.used).tolist():
        words = [text.format(quality[name][row]) for name, mask, text in limits if mask[row]]
        if words:
            out.append((row, ", ".join(words)))
    return sorted(out, key=lambda doubt: -np.nan_to_num(quality["spread"][doubt[0]]))
