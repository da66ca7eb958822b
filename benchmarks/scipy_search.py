"""Renders and CPU time until scipy's differential evolution succeeds, on the cases of `jaxface
bench search`.

    taskset -c 0 python -m benchmarks.scipy_search --out benchmarks/results

Populations: 50, as ours, and scipy's default of 15 per coefficient. Members are scored in one call
    per generation.
scipy stops only after its second generation, so its CPU seconds are too high to compare; `renders`
counts up to the generation in which the goal was reached.
"""

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from benchmarks import scipy_evolution
from benchmarks.rows import write_rows
from jaxface.bench import search
from jaxface.bench.settings import SearchSettings
from jaxface.search import Searcher, build, evaluate
from jaxface.search.objective import FLOOR


@dataclass(frozen=True)
class Settings(SearchSettings):
    """What is searched."""

    out: Path | None = None
    """Results file (.jsonl), or a folder for dated files."""


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row per population size."""
    cases = search.load_cases(settings)
    config = dataclasses.replace(search.PAPER, max_evaluations=settings.budget)
    searcher = build(cases.classifier, cases.bare, cases.scene, config)
    common = {"classifier": settings.classifier, "budget": settings.budget}
    for name, population in (("scipy, population 50", 50), ("scipy, default population", None)):
        yield scipy_row(name, searcher, cases, population, common)


def scipy_row(
    name: str, searcher: Searcher, cases: search.Cases, population: int | None, common: dict[str, Any]
) -> dict[str, Any]:
    """Minimise the searcher's objective case by case, and return the row."""
    renders, successes, seconds = [], [], []
    all_cases = evaluate.Cases(cases.params, jnp.asarray(cases.targets, jnp.int32))
    for index in range(len(cases.targets)):
        case = jax.tree.map(lambda leaf, i=index: leaf[i : i + 1], all_cases)

        def losses(candidates: np.ndarray, case: evaluate.Cases = case) -> np.ndarray:
            points = jnp.asarray(candidates, jnp.float32)[None]
            scores = evaluate.population_scores(searcher.problem, case, points, jnp.ones(1, bool))
            return np.asarray(scores.loss[0])

        start = time.process_time()
        result = scipy_evolution.differential_evolution(
            losses,
            searcher.problem.space,
            max_evaluations=common["budget"],
            population=population,
            stop_below=-np.log(search.GOAL + FLOOR),
            seed=index,
        )
        seconds.append(time.process_time() - start)
        successes.append(result.reached_after is not None)
        members = population or 15 * len(result.coefficients)
        # Whole generations, up to the one in which the goal was reached.
        renders.append(members * math.ceil((result.reached_after or result.evaluations) / members))
    return search.method_row(name, np.array(renders), np.array(successes), float(np.mean(seconds)), common)


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    write_rows(rows(settings), "search", settings.out)


if __name__ == "__main__":
    main()
