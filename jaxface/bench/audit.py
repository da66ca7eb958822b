"""Cost of a whole audit, and how it grows with the number of people.

Each case is an audit from an empty folder to its tables. The first one compiles what the others
need. Their compile seconds are tracing, reading from memory, and what their number of people needs
(the statistics, or a search that is the first to need differential evolution). `run_s` leaves
compile seconds out; `cpu_s` and `peak_mb` do not. `over_forward` is render and classify of the
surfaces, divided by the classifiers' own part of it; `other_share` is what is neither search,
render nor classify. The row "extrapolated" is the straight line through the smallest and the
largest audit of float32.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.audit import AuditConfig, AuditResult, timing
from jaxface.audit import run as audit
from jaxface.bench.harness import forget_peak, peak_memory
from jaxface.bench.settings import AuditSettings
from jaxface.core.types import BASE_EXPRESSIONS


def run(settings: AuditSettings) -> Iterator[dict[str, Any]]:
    """Yield a row for each audit, then the line through them, then bfloat16 against float32."""
    config = AuditConfig(
        classifiers=settings.classifiers,
        expressions=settings.expressions,
        symmetry_steps=settings.symmetry_steps,
        time_steps=settings.time_steps,
        permutations=settings.permutations,
    )
    with tempfile.TemporaryDirectory() as folder:
        yield measure_audit(
            replace(config, identities=settings.identities[0]), Path(folder) / "first", "first"
        )[0]
        rows = []
        for count in settings.identities:
            case = replace(config, identities=count)
            row, result = measure_audit(case, Path(folder) / str(count), f"{count} people")
            rows.append(row)
            if count == settings.identities[0]:
                smallest = result
            yield row
        yield extrapolate(settings, rows[0], rows[-1])
        if settings.bfloat16:
            half = replace(config, identities=settings.identities[0], precision="bfloat16")
            measure_audit(half, Path(folder) / "compiles", "bfloat16")
            row, result = measure_audit(half, Path(folder) / "half", "bfloat16")
            yield row | precision_change(smallest, result)


def measure_audit(config: AuditConfig, folder: Path, name: str) -> tuple[dict[str, Any], AuditResult]:
    """Run one audit; return its row and its result."""
    forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    result = audit(config, folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    seconds = timing.read(folder)
    cells = int(seconds["cells"])
    images = cells * config.symmetry_steps * config.time_steps
    stages = {f"{stage}_s": seconds[stage] for stage in timing.STAGES}
    working = seconds["search"] + seconds["render"] + seconds["classify"]
    row = {
        "name": name,
        "classifiers": list(map(str, config.classifiers)),
        "precision": config.precision,
        "identities": config.identities,
        "cells": cells,
        "images": images,
        "run_s": wall - seconds["compile"],
        "cpu_s": cpu,
        **stages,
        "images_per_s": images / (seconds["render"] + seconds["classify"]),
        "over_forward": (seconds["render"] + seconds["classify"]) / seconds["classify"],
        "other_share": 1.0 - working / (wall - seconds["compile"]),
        "compiled": seconds["compiled"],
        "peak_mb": peak_memory(),
    }
    return row, result


def extrapolate(settings: AuditSettings, smallest: dict[str, Any], largest: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the straight line through two audits, at the size of the paper.

    The cost of the images is scaled to 90 steps of time, that of the searches is not.
    """

    def slope(name: str) -> float:
        return (largest[name] - smallest[name]) / (largest["cells"] - smallest["cells"])

    cells = settings.goal * len(BASE_EXPRESSIONS) * len(settings.classifiers)
    longer = 90 * 10 / (settings.time_steps * settings.symmetry_steps)
    surfaces, searches = slope("render_s") + slope("classify_s"), slope("search_s")
    return {
        "name": "extrapolated",
        "seconds_per_cell": slope("run_s"),
        "fixed_s": smallest["run_s"] - slope("run_s") * smallest["cells"],
        "mb_per_1000_people": 1000
        * (largest["peak_mb"] - smallest["peak_mb"])
        / (largest["identities"] - smallest["identities"]),
        "paper_cells": cells,
        "paper_hours": cells * (surfaces * longer + searches) / 3600,
    }


def precision_change(exact: AuditResult, half: AuditResult) -> dict[str, float]:
    """Return how far the scores of an audit in bfloat16 are from those in float32, searches
    included."""
    one, other = exact.scores.values, half.scores.values
    return {
        "score_change_max": float(np.nanmax(np.abs(one - other))),
        "score_change_mean": float(np.nanmean(np.abs(one - other))),
        "score_mean_float32": float(np.nanmean(np.abs(one))),
        "population_score_change_max": float(np.nanmax(np.abs(np.nanmean(one, -1) - np.nanmean(other, -1)))),
        "verdicts_changed": float(np.mean(exact.significant.values != half.significant.values)),
    }
