"""What a mending found: the curve of its candidates, the choice, and the numbers before and after."""

import csv
import io as text_io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxface.audit.contrasts import InterventionEffect
from jaxface.classify import Classifier
from jaxface.core import io
from jaxface.mending.measures import Utility

CURVE, TABLE, RECORD = "curve.csv", "mend.csv", "mend.json"


@dataclass(frozen=True)
class Measurement:
    """A network on held-out people, and on the user's data.

    Attributes:
        utility: on unchanged faces.
        bias: by intervention: mean change of the target's probability at the far end, without its sign.
        data: `accuracy` and `calibration_error` on the user's data; {} without.
    """

    utility: Utility
    bias: Mapping[str, float]
    data: Mapping[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, float]:
        """Return all numbers by name."""
        return {
            **self.utility._asdict(),
            **{f"bias {name}": value for name, value in self.bias.items()},
            **{f"data {name}": value for name, value in self.data.items()},
        }


@dataclass(frozen=True)
class Candidate:
    """What a training with one `alpha` gave, measured on the people by whom is chosen.

    Attributes:
        is_within: whether it loses no more accuracy than allowed.
        share_left: its bias as a share of the original's, mean over interventions.
    """

    alpha: float
    measurement: Measurement
    is_within: bool
    share_left: float


@dataclass(frozen=True)
class MendResult:
    """A finished mending.

    Attributes:
        classifier: the chosen one, as loaded from the folder; the original where none qualified.
        original: before any training, on the people by whom is chosen.
        choice: position among the candidates; None where none qualified.
        before, after: the original and the choice, on people by whom nothing was chosen; None without a choice.
        effects_before, effects_after: of the closing audits over all expressions, by intervention.
    """

    folder: Path
    classifier: Classifier
    original: Measurement
    candidates: tuple[Candidate, ...]
    choice: int | None
    before: Measurement | None = None
    after: Measurement | None = None
    effects_before: Mapping[str, InterventionEffect] = field(default_factory=dict)
    effects_after: Mapping[str, InterventionEffect] = field(default_factory=dict)

    def __repr__(self) -> str:
        chosen = "none qualified" if self.choice is None else f"alpha = {self.candidates[self.choice].alpha:g}"
        return f"MendResult('{self.folder}', {len(self.candidates)} candidates, {chosen})"

    @property
    def rows(self) -> list[tuple[str, float, float]]:
        """(measure, before, after) of the people by whom nothing was chosen; [] without a choice."""
        if self.before is None or self.after is None:
            return []
        before, after = self.before.row(), self.after.row()
        rows = [(name, before[name], after[name]) for name in before]
        for name, effect in self.effects_before.items():
            other = self.effects_after[name]
            rows += [
                (f"audit {name}: change", effect.effect.mean, other.effect.mean),
                (f"audit {name}: size", effect.size, other.size),
                (f"audit {name}: other top answer", effect.flip_share, other.flip_share),
            ]
        return rows

    @property
    def curve(self) -> list[dict[str, float]]:
        """A row of numbers for each candidate, the original first with alpha 0."""
        first = {"alpha": 0.0, "within": 1.0, "share_left": 1.0, **self.original.row()}
        return [
            first,
            *(
                {
                    "alpha": one.alpha,
                    "within": float(one.is_within),
                    "share_left": one.share_left,
                    **one.measurement.row(),
                }
                for one in self.candidates
            ),
        ]


def judge(
    original: Measurement, alphas: Sequence[float], measurements: Sequence[Measurement], limit: float
) -> tuple[tuple[Candidate, ...], int | None]:
    """Return the candidates, and the position of the one within the guard that has the least bias.

    None qualifies that has no less bias than the original.

    Args:
        limit: most accuracy that may be lost, on rendered faces and on the data.
    """
    candidates = []
    for alpha, one in zip(alphas, measurements, strict=True):
        losses = [original.utility.accuracy - one.utility.accuracy]
        if original.data:
            losses.append(original.data["accuracy"] - one.data["accuracy"])
        shares = [one.bias[name] / value for name, value in original.bias.items() if value > 0]
        share_left = sum(shares) / len(shares) if shares else 1.0
        candidates.append(Candidate(alpha, one, max(losses) <= limit + 1e-9, share_left))
    order = [index for index, one in enumerate(candidates) if one.is_within and one.share_left < 1.0]
    choice = min(order, key=lambda index: candidates[index].share_left, default=None)
    return tuple(candidates), choice


def write_files(result: MendResult) -> None:
    """Write curve.csv, mend.csv and mend.json into the folder."""
    curve = result.curve
    io.write_text(result.folder / CURVE, _csv(list(curve[0]), [list(row.values()) for row in curve]))
    rows = [list(row) for row in result.rows]
    io.write_text(result.folder / TABLE, _csv(["measure", "before", "after"], rows))
    record = {
        "choice": None if result.choice is None else result.candidates[result.choice].alpha,
        "curve": curve,
        "before_after": [dict(zip(("measure", "before", "after"), row, strict=True)) for row in rows],
        "effects": {
            when: [_effect(effect) for effect in effects.values()]
            for when, effects in (("before", result.effects_before), ("after", result.effects_after))
        },
    }
    io.write_text(result.folder / RECORD, json.dumps(_finite(record), indent=2, allow_nan=False) + "\n")


def _effect(one: InterventionEffect) -> dict[str, Any]:
    return {
        **{
            name: getattr(one, name)
            for name in ("intervention", "end", "level", "size", "flip_share", "adjusted_p")
        },
        **{name: getattr(one.effect, name) for name in ("mean", "low", "high", "identities")},
    }


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = text_io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    return text.getvalue()


def _finite(value: Any) -> Any:
    """Return the same with None for numbers that JSON has no word for."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
