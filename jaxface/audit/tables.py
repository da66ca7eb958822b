"""A run's tables as CSV files: the scores of every face, and the tables of the summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from jaxface.audit.layout import CellStatus
from jaxface.audit.result import AuditResult
from jaxface.audit.store import TABLES
from jaxface.audit.summary import Effect
from jaxface.audit.survey_result import SurveyResult
from jaxface.core import io

_KEYS = ["classifier", "expression"]
_SIGNIFICANCE = ["score", "low", "high", "estimator", "identities", "significant", "ratio", "population_p"]
_SIGNIFICANCE += ["measurable", "share"]
_ACTIVATION = ["activation", "activation_low", "activation_high", "mean_probability", "identities", "reached"]
_ACTIVATION += ["flipped", "flip_dose"]
_FLOAT32 = ("activation", "probability")
"""Means of float32 answers, which are float32: written with the digits that they have."""


def write_tables(result: AuditResult) -> list[Path]:
    """Write `store.TABLES` into the run's folder as CSV, each whole or not at all."""
    summary, dose = result.summary, result.intervention.axes[0].name
    cells = pandas.DataFrame(summary.cells)
    frames = {
        "scores": _scores(result),
        "significance": cells[[*_KEYS, *_SIGNIFICANCE]],
        "schemes": pandas.DataFrame(summary.schemes),
        "accuracy": pandas.DataFrame(summary.accuracies).rename(columns={"probe": dose}),
        "activation": cells[[*_KEYS, *_ACTIVATION]],
        "transfer": pandas.DataFrame(summary.cross_predictions),
        "doses": pandas.DataFrame(summary.doses).rename(columns={"dose": dose}),
        "effects": _effects(summary.effects),
        "comparisons": _effects(summary.comparisons),
        "groups": _effects(summary.groups),
    }
    return [_write(frames[name], result.folder / f"{name}.csv") for name in TABLES]


def write_survey_tables(result: SurveyResult) -> list[Path]:
    """Write `interventions`, `levels` and `interactions` into a survey's folder as CSV."""
    tables = {"interventions": result.effects, "levels": result.levels, "interactions": result.interactions}
    return [_write(_effects(rows), result.folder / f"{name}.csv") for name, rows in tables.items() if rows]


def _write(frame: pandas.DataFrame, path: Path) -> Path:
    text = frame.select_dtypes(exclude=["number", "bool"])
    frame = frame.assign(**{column: text[column].map(_cell) for column in text})
    frame = frame.astype({column: np.float32 for column in _FLOAT32 if column in frame})
    io.write_text(path, frame.to_csv(index=False, lineterminator="\n"))
    return path


def _cell(value: Any) -> Any:
    return io.spreadsheet_cell(value) if isinstance(value, str) else value


def _effects(rows: Sequence[Any]) -> pandas.DataFrame:
    """Return a data frame in which the fields of effects are columns, with a prefix where a row has several."""
    plain = []
    for row in rows:
        nested = {name: value for name, value in row._asdict().items() if isinstance(value, Effect)}
        own = {name: value for name, value in row._asdict().items() if name not in nested}
        for name, effect in nested.items():
            prefix = f"{name}_" if len(nested) > 1 else ""
            own |= {prefix + field: value for field, value in effect._asdict().items()}
        plain.append(own)
    return pandas.DataFrame(plain)


def _scores(result: AuditResult) -> pandas.DataFrame:
    """Return a row for every face: classifier, expression and identity."""
    data = result.data[["score", "p_value", "adjusted_p_value", "status"]].load()
    data["significant"] = result.significant
    names = np.vectorize(lambda code: CellStatus(code).name.lower())(data["status"].values)
    data["status"] = (data["status"].dims, names)
    populations = np.array([*result.data.attrs["populations"], ""])  # -1, not sampled yet, is the last
    data["population"] = ("identity", populations[result.data["population"].values])
    if names_of_people := result.data.attrs.get("people", {}).get("names"):
        data["person"] = ("identity", np.array(names_of_people))
    # A dataset's own order of dimensions follows its coordinates, and those follow the store's listing.
    return data.to_dataframe(dim_order=["classifier", "expression", "identity"]).reset_index()
