"""The data behind the page's sliders: one person's answers and the mean of all, as JSON."""

import json
from typing import Any

import numpy as np

from jaxface.audit import AuditResult
from jaxface.interventions import Axis
from jaxface.report.figures import colour
from jaxface.report.slider_faces import Sprites
from jaxface.report.tables import names

_TIMES = 30  # time steps in the page, at most


def data(result: AuditResult, sprites: Sprites | None, identity: int = 0) -> str:
    """Return JSON text that is safe inside a `script` element.

    Args:
        sprites: the faces; None where they cannot be rendered.
    """
    dose, time = result.intervention.axes
    answers = result.data[["probability", "top_class"]]
    times = answers[time.name].values
    steps = np.unique(np.linspace(0, len(times) - 1, min(_TIMES, len(times))).round().astype(int))
    classifiers = []
    for index, classifier in enumerate(names(result.data, "classifier")):
        cells = {}
        for expression in names(result.data, "expression"):
            cell = answers.sel(classifier=classifier, expression=expression).isel({time.name: steps})
            surface, top_class = (
                cell[name].transpose("identity", dose.name, time.name).values for name in answers
            )
            mask = np.isfinite(surface).all((1, 2))
            if not mask.any():
                continue
            cells[expression] = {
                "own": rounded(surface[identity]) if mask[identity] else None,
                "top": top_class[identity].tolist() if mask[identity] else None,
                "mean": rounded(surface[mask].mean(0)),
                "deviation": rounded(surface[mask].std(0)),
                "sheet": sprites.sheets.get((classifier, expression)) if sprites else None,
            }
        if cells:
            classifiers.append({"name": classifier, "colour": colour(index), "cells": cells})
    page: dict[str, Any] = {
        "dose": _axis(dose, answers[dose.name].values),
        "time": _axis(time, times[steps]),
        "answers": names(result.data, "answer"),
        "classifiers": classifiers,
        "sprites": None,
    }
    if sprites:
        page["sprites"] = {
            "dose": rounded(sprites.dose),
            "time": rounded(sprites.time),
            "size": sprites.size,
            "neutral": sprites.neutral,
        }
    return json.dumps(page, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _axis(axis: Axis, levels: np.ndarray) -> dict[str, Any]:
    return {"name": axis.name, "levels": rounded(levels, 5), "unchanged": axis.unchanged}


def rounded(values: np.ndarray, digits: int = 4) -> list[Any]:
    """Return nested lists of numbers with this many decimals."""
    return list(np.round(np.asarray(values, np.float64), digits).tolist())
