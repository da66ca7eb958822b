"""What the page's sliders need to know: one person's answers and the mean of all, as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from jaxface.audit.result import AuditResult
from jaxface.report import slider_faces
from jaxface.report.figures import colour
from jaxface.report.slider_faces import Sprites
from jaxface.report.tables import names

_TIMES = 30  # time steps that the page gets at most


def data(result: AuditResult, drawn: Sprites | None, identity: int = 0) -> str:
    """JSON text that may stand in a `script` element.

    Args:
        drawn: the faces; None where they cannot be drawn.
    """
    found = result.data[["probability", "top_class"]]
    time = found["time"].values
    some = np.unique(np.linspace(0, len(time) - 1, min(_TIMES, len(time))).round().astype(int))
    classifiers = []
    for index, classifier in enumerate(names(result.data, "classifier")):
        cells = {}
        for expression in names(result.data, "expression"):
            cell = found.sel(classifier=classifier, expression=expression).isel(time=some)
            surface, first = (
                cell[name].transpose("identity", "symmetry", "time").values
                for name in ("probability", "top_class")
            )
            known = np.isfinite(surface).all((1, 2))
            if not known.any():
                continue
            cells[expression] = {
                "own": rounded(surface[identity]) if known[identity] else None,
                "first": first[identity].tolist() if known[identity] else None,
                "mean": rounded(surface[known].mean(0)),
                "deviation": rounded(surface[known].std(0)),
                "sheet": drawn.sheets.get((classifier, expression)) if drawn else None,
            }
        if cells:
            classifiers.append({"name": classifier, "colour": colour(index), "cells": cells})
    whole: dict[str, Any] = {
        "symmetry": rounded(found["symmetry"].values, 5),
        "time": rounded(time[some], 5),
        "answers": names(result.data, "answer"),
        "side": result.config.side,
        "people": int(result.config.identities),
        "classifiers": classifiers,
        "sprites": None,
    }
    if drawn:
        steps = {
            "symmetry": rounded(np.array(slider_faces.SYMMETRY)),
            "time": rounded(np.array(slider_faces.TIME)),
        }
        whole["sprites"] = {**steps, "size": drawn.size, "neutral": drawn.neutral}
    return json.dumps(whole, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def rounded(values: np.ndarray, digits: int = 4) -> list[Any]:
    """Nested lists of numbers with so many decimals."""
    return list(np.round(np.asarray(values, np.float64), digits).tolist())
