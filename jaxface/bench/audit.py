"""What does a whole audit cost, and how does that grow with the number of people?

Each case is an audit from an empty folder to its tables. The first has compiled what the others need, so
that their compile seconds are tracing, reading from memory, and what their number of people wants (the
statistics, or a search that is the first to need differential evolution): `run_s` leaves that out, `cpu_s`
and `peak_mb` do not. `over_forward` is render and classify of the surfaces over the classifiers' own part of
it; `other_share` what is neither search, render nor classify.
The row "extrapolated" is the straight line through the smallest and the largest audit of float32.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.audit import AuditConfig, AuditResult, timing
from jaxface.audit import run as audit
from jaxface.bench.harness import forget_peak, peak_memory
from jaxface.core.errors import ConfigError
from jaxface.core.types import BASE_EXPRESSIONS


@dataclass(frozen=True)
class Settings:
    """What is audited."""

    classifiers: tuple[str, ...] = ("face-api", "fer-mini-xception")
    """Names or folders."""

    identities: tuple[int, ...] = (10, 20, 40)
    """People of each audit, rising."""

    expressions: tuple[str, ...] = ("happiness", "surprise")
    """Which are examined."""

    symmetry_steps: int = 10
    """Degrees of symmetry."""

    time_steps: int = 15
    """Steps of time; the paper has 90."""

    permutations: int = 10_000
    """Shuffles of the test."""

    bfloat16: bool = True
    """Whether the smallest audit is done in bfloat16, too, and what that changes is told."""

    goal: int = 200
    """People of the audit that is extrapolated to, with six expressions and 90 steps of time."""

    def __post_init__(self) -> None:
        if len(self.identities) < 2 or list(self.identities) != sorted(set(self.identities)):
            raise ConfigError(f"identities = {self.identities} wants at least two different numbers, rising")


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each audit, then the line through them, then bfloat16 against float32."""
    config = AuditConfig(
        classifiers=settings.classifiers,
        expressions=settings.expressions,
        symmetry_steps=settings.symmetry_steps,
        time_steps=settings.time_steps,
        permutations=settings.permutations,
    )
    with tempfile.TemporaryDirectory() as folder:
        yield measured(replace(config, identities=settings.identities[0]), Path(folder) / "first", "first")[0]
        rows = []
        for count in settings.identities:
            some = replace(config, identities=count)
            row, found = measured(some, Path(folder) / str(count), f"{count} people")
            rows.append(row)
            if count == settings.identities[0]:
                smallest = found
            yield row
        yield extrapolated(settings, rows[0], rows[-1])
        if settings.bfloat16:
            half = replace(config, identities=settings.identities[0], precision="bfloat16")
            measured(half, Path(folder) / "compiles", "bfloat16")
            row, found = measured(half, Path(folder) / "half", "bfloat16")
            yield row | change(smallest, found)


def measured(config: AuditConfig, folder: Path, name: str) -> tuple[dict[str, Any], AuditResult]:
    """One audit, and its row."""
    forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    found = audit(config, folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    spent = timing.read(folder)
    cells = int(spent["cells"])
    images = cells * config.symmetry_steps * config.time_steps
    seconds = {f"{stage}_s": spent[stage] for stage in timing.STAGES}
    working = spent["search"] + spent["render"] + spent["classify"]
    row = {
        "name": name,
        "classifiers": list(map(str, config.classifiers)),
        "precision": config.precision,
        "identities": config.identities,
        "cells": cells,
        "images": images,
        "run_s": wall - spent["compile"],
        "cpu_s": cpu,
        **seconds,
        "images_per_s": images / (spent["render"] + spent["classify"]),
        "over_forward": (spent["render"] + spent["classify"]) / spent["classify"],
        "other_share": 1.0 - working / (wall - spent["compile"]),
        "compiled": spent["compiled"],
        "peak_mb": peak_memory(),
    }
    return row, found


def extrapolated(settings: Settings, least: dict[str, Any], most: dict[str, Any]) -> dict[str, Any]:
    """The straight line through two audits, and where it leads.

    What grows with the images is scaled to 90 steps of time, what grows with the searches is not.
    """

    def slope(name: str) -> float:
        return (most[name] - least[name]) / (most["cells"] - least["cells"])

    people = settings.goal * len(BASE_EXPRESSIONS) * len(settings.classifiers)
    longer = 90 * 10 / (settings.time_steps * settings.symmetry_steps)
    surfaces, searches = slope("render_s") + slope("classify_s"), slope("search_s")
    return {
        "name": "extrapolated",
        "seconds_per_cell": slope("run_s"),
        "fixed_s": least["run_s"] - slope("run_s") * least["cells"],
        "mb_per_1000_people": 1000
        * (most["peak_mb"] - least["peak_mb"])
        / (most["identities"] - least["identities"]),
        "paper_cells": people,
        "paper_hours": people * (surfaces * longer + searches) / 3600,
    }


def change(exact: AuditResult, half: AuditResult) -> dict[str, float]:
    """How far the scores of an audit in bfloat16 are from those in float32, searches included."""
    one, other = exact.scores.values, half.scores.values
    return {
        "score_change_max": float(np.nanmax(np.abs(one - other))),
        "score_change_mean": float(np.nanmean(np.abs(one - other))),
        "score_mean_float32": float(np.nanmean(np.abs(one))),
        "population_score_change_max": float(np.nanmax(np.abs(np.nanmean(one, -1) - np.nanmean(other, -1)))),
        "verdicts_changed": float(np.mean(exact.significant.values != half.significant.values)),
    }
