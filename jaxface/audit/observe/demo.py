"""The demonstration: cohorts whose truth is known, and how often the tests say it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from jaxface import face
from jaxface.audit.observe import cohort
from jaxface.audit.observe.config import CohortConfig, ObserveConfig
from jaxface.audit.observe.result import ObserveResult
from jaxface.audit.observe.runner import run, serializable_config
from jaxface.audit.observe.tables import write_csv
from jaxface.core import io, run_folder
from jaxface.core.config import dump_toml
from jaxface.core.progress import ProgressLike, choose

KINDS = ("palsy", "null")
RATES = "rates.csv"


@dataclass(frozen=True)
class Rate:
    """How often one combination was called dependent, over simulated cohorts of one kind.

    Attributes:
        test: one test's name, or "majority".
        low, high: 95 % Wilson interval of the share.
    """

    cohort: str
    classifier: str
    expression: str
    feature: str
    subset: str
    test: str
    cohorts: int
    found: int
    low: float
    high: float


@dataclass(frozen=True)
class Demonstration:
    """Every cohort's observation by kind, in the order of their seeds, and the rates over them."""

    folder: Path
    results: dict[str, tuple[ObserveResult, ...]]
    rates: tuple[Rate, ...]


def demonstrate(config: ObserveConfig, out: str | Path, progress: ProgressLike = None) -> Demonstration:
    """Simulate a cohort with palsy and one without, observe both, and again for `config.repeats` seeds.

    `out` gets, for each kind and seed, a folder such as `palsy-0` with the cohort and its observation, and
    `rates.csv`. It goes on with what is there, as `run` does; more repeats may be asked for later.

    Raises:
        ConfigError: the head has no prototype of an expression; nothing is written then.
        StoreError: `out` holds another cohort.
    """
    progress, folder = choose(progress), Path(out)
    head = face.load(str(config.cohort.head), **config.cohort.head_options)
    cohort.check(config.cohort, head)
    io.write_text(folder / run_folder.SETTINGS, dump_toml(serializable_config(config)))
    results: dict[str, list[ObserveResult]] = {kind: [] for kind in KINDS}
    for seed in range(config.seed, config.seed + config.repeats):
        for kind, cohort_results in results.items():
            place = folder / f"{kind}-{seed}"
            settings = dataclasses.replace(config.cohort, null=kind == "null")
            table = cohort.make(settings, head, place / "cohort", seed, progress)
            one = dataclasses.replace(
                config, table=str(table), demo=False, pictures=True, repeats=1, seed=seed, cohort=CohortConfig()
            )
            cohort_results.append(run(one, place, progress))
    results_by_kind = {kind: tuple(cohort_results) for kind, cohort_results in results.items()}
    detection_rates = rates(results_by_kind, config.alpha)
    names = [field.name for field in dataclasses.fields(Rate)]
    write_csv(folder / RATES, [names, *([getattr(rate, name) for name in names] for rate in detection_rates)])
    return Demonstration(folder, results_by_kind, detection_rates)


def rates(results: dict[str, tuple[ObserveResult, ...]], alpha: float) -> tuple[Rate, ...]:
    """How often each test, and their majority, rejected independence."""
    from scipy.stats import binomtest  # slow to import

    rows = []
    for kind, runs in results.items():
        for rows_of_cell in zip(*(result.rows for result in runs), strict=True):
            first = rows_of_cell[0]
            votes = {
                test: sum(v.p_value.get(test, 1.0) <= alpha for v in rows_of_cell) for test in first.p_value
            }
            votes["majority"] = sum(bool(v.dependent) for v in rows_of_cell)
            for test, count in votes.items():
                interval = binomtest(count, len(rows_of_cell)).proportion_ci(0.95, "wilson")
                low, high = float(interval.low), float(interval.high)
                where = (kind, first.classifier, first.expression, first.feature, first.subset, test)
                rows.append(Rate(*where, len(rows_of_cell), count, low, high))
    return tuple(rows)
