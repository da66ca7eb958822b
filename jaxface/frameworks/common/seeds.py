"""What several seeds say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def aggregate_seeds(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and sample deviation (NAME and NAME_sd) of every float in the rows of several seeds, and `seeds`.

    With one row there is no deviation: None.
    """
    found: dict[str, Any] = {"seeds": len(rows)}
    for name, value in rows[0].items():
        if isinstance(value, float):
            values = np.array([row[name] for row in rows])
            found[name] = float(values.mean())
            found[f"{name}_sd"] = float(values.std(ddof=1)) if len(rows) > 1 else None
    return found
