"""Aggregation of results over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def aggregate_seeds(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean and sample deviation (NAME and NAME_sd) of every float over the rows of seeds, and `seeds`.

    With one row the deviation is None.
    """
    result: dict[str, Any] = {"seeds": len(rows)}
    for name, value in rows[0].items():
        if isinstance(value, float):
            values = np.array([row[name] for row in rows])
            result[name] = float(values.mean())
            result[f"{name}_sd"] = float(values.std(ddof=1)) if len(rows) > 1 else None
    return result
