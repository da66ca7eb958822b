"""What a mending found: the curve of its candidates, the choice, and the numbers before and after."""

import csv
import io as text_io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxface.audit.contrasts import InterventionEffect
from jaxface.classify import Classifier
from jaxface.core import io
from jaxface.mending.audits import EffectPair
from jaxface.mending.flips import ChangedAnswer
from jaxface.mending.panels import Measurement

CURVE, TABLE, RECORD = "curve.csv", "mend.csv", "mend.json"


@dataclass(frozen=True)
class Candidate:
    """What a training with one `alpha` gave, measured on the people by whom is chosen.

    Attributes:
        loss: what it loses more of than allowed: "accuracy", "agreement"; "" = nothing.
        share_left: its bias as a share of the original's, mean over interventions.
    """

    alpha: float
    measurement: Measurement
    loss: str
    share_left: float


@dataclass(frozen=True)
class MendResult:
    """A finished mending.

    Attributes:
        classifier: the chosen one, as loaded from the folder; the original where none qualified.
        original: before any training, on the people by whom is chosen.
        choice: position among the candidates; None where none qualified.
        before, after: the original and the choice, on people by whom nothing was chosen; None without a choice.
        audits: pairs (before, after) of the closing audits by their name, such as "audit": effects over all
            expressions by intervention.
        changed: the faces of those people that got another answer, unchanged or at the end of the levels.
    """

    folder: Path
    classifier: Classifier
    original: Measurement
    candidates: tuple[Candidate, ...]
    choice: int | None
    before: Measurement | None = None
    after: Measurement | None = None
    audits: Mapping[str, EffectPair] = field(default_factory=dict)
    changed: tuple[ChangedAnswer, ...] = ()

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
        for title, (effects, others) in self.audits.items():
            for name, effect in effects.items():
                other = others[name]
                rows += [
                    (f"{title} {name}: change", effect.effect.mean, other.effect.mean),
                    (f"{title} {name}: size", effect.size, other.size),
                    (f"{title} {name}: other top answer", effect.flip_share, other.flip_share),
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
                    "within": float(not one.loss),
                    "share_left": one.share_left,
                    **one.measurement.row(),
                }
                for one in self.candidates
            ),
        ]


class Limits(NamedTuple):
    """What a candidate may lose at most, in [0, 1]: accuracy, and agreement with the original."""

    accuracy: float
    agreement: float


def judge(
    original: Measurement, alphas: Sequence[float], measurements: Sequence[Measurement], limits: Limits
) -> tuple[tuple[Candidate, ...], int | None]:
    """Return the candidates, and the position of the one within the limits that has the least bias.

    None qualifies that has no less bias than the original. A limit holds on faces of each head and on the data.
    """
    candidates = []
    for alpha, one in zip(alphas, measurements, strict=True):
        accuracies = zip(_of_each(original, "accuracy"), _of_each(one, "accuracy"), strict=True)
        losses = {
            "accuracy": max(old - new for old, new in accuracies),
            "agreement": 1.0 - min(_of_each(one, "agreement")),
        }
        excess = [name for name, loss in losses.items() if loss > getattr(limits, name) + 1e-9]
        shares = [one.bias[name] / value for name, value in original.bias.items() if value > 0]
        share_left = sum(shares) / len(shares) if shares else 1.0
        candidates.append(Candidate(alpha, one, " and ".join(excess), share_left))
    order = [index for index, one in enumerate(candidates) if not one.loss and one.share_left < 1.0]
    choice = min(order, key=lambda index: candidates[index].share_left, default=None)
    return tuple(candidates), choice


def _of_each(one: Measurement, name: Literal["accuracy", "agreement"]) -> Iterator[float]:
    """Yield a measure on the head, on the data and on the second head, where there are any."""
    yield getattr(one.utility, name)
    if one.data:
        yield one.data[name]
    if one.test_head is not None:
        yield from _of_each(one.test_head, name)


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
            f"{title} {when}": [_effect(effect) for effect in effects.values()]
            for title, pair in result.audits.items()
            for when, effects in zip(("before", "after"), pair, strict=True)
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
