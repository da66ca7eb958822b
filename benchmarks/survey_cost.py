"""What a survey costs beside audits of symmetry alone with as many pictures.

    python -m benchmarks.survey_cost --out benchmarks/results

Runs `interventions` one by one on the same people and expressions (hand-set ones, so that nothing is searched),
and symmetry on the same grid. A JSON line each: seconds of rendering and classifying without compiling, per
picture, and as a multiple of symmetry's. The last line is all interventions together.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from benchmarks.rows import write_rows
from jaxface import audit
from jaxface.audit import AuditConfig, timing
from jaxface.core.runtime import use_all_cores
from jaxface.search import SearchConfig

SYMMETRY = "symmetry"


@dataclass(frozen=True)
class Settings:
    """The size of the survey; time does not depend on the number of people but in proportion."""

    interventions: tuple[str, ...] = (
        *("palsy", "skin_tone", "age", "yaw", "light", "blur", "jpeg", "occlusion"),
    )
    """Names, beside symmetry."""

    identities: int = 6
    expressions: tuple[str, ...] = ("happiness", "surprise")
    levels: int = 11
    time_steps: int = 10

    out: Path | None = None
    """A .jsonl file, or a folder for dated files; none = print only."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """Run the survey, and yield a line for each intervention."""
    config = AuditConfig(
        identities=settings.identities,
        expressions=settings.expressions,
        intervention=(SYMMETRY, *settings.interventions),
        intervention_settings={"steps": settings.levels},
        symmetry_steps=settings.levels,
        time_steps=settings.time_steps,
        permutations=100,
        search=SearchConfig(method="prototype"),
    )
    with tempfile.TemporaryDirectory() as folder:
        result = audit.survey(config, folder)
        costs = {name: _cost(one) for name, one in result.runs.items()}
    base = costs[SYMMETRY]
    for name, cost in costs.items():
        yield {"name": "survey-cost", "intervention": name, **cost, "times_symmetry": cost["ms"] / base["ms"]}
    others = [cost["ms"] for name, cost in costs.items() if name != SYMMETRY]
    mean = sum(others) / len(others)
    yield {"name": "survey-cost", "intervention": "all", "ms": mean, "times_symmetry": mean / base["ms"]}


def _cost(result: audit.AuditResult) -> dict[str, float]:
    seconds = timing.read(result.folder)
    pictures = result.surfaces.size
    render, classify = (seconds[stage] for stage in ("render", "classify"))
    return {
        "pictures": pictures,
        "render_ms": 1e3 * render / pictures,
        "classify_ms": 1e3 * classify / pictures,
        "ms": 1e3 * (render + classify) / pictures,
    }


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    use_all_cores()
    write_rows(run(settings), "survey_cost", settings.out)


if __name__ == "__main__":
    main()
