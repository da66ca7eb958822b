"""Facing Asymmetry, strictly, and what each deviation from it does to the scores.

    python -m benchmarks.paper_strict --identities 10 --out benchmarks/results
    python -m benchmarks.paper_strict --head FLAME2020/generic_model.pkl --texture FLAME_albedo_from_BFM.npz

Audits the bundled config `paper-strict`, then once more for each deviation: one setting as jaxface's
default has it, all others strict. Everything is kept in RUNS and goes on where it was stopped. A JSON
line for each run, classifier and expression: the score, the probability and the share of right answers
on the whole and the half-frozen face; of a deviation also the change of the score, over people, from the
strict run. One more line a run: the expressions in order of their mean score, for the paper's order.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks.rows import write_rows
from jaxface import audit
from jaxface.audit import AuditConfig, AuditResult
from jaxface.cli.options import find_config
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError
from jaxface.core.progress import NullProgress, for_terminal
from jaxface.core.runtime import use_all_cores
from jaxface.face import HeadConfig
from jaxface.render import RenderConfig
from jaxface.search import SearchConfig

STRICT = "strict"
SCENE, SEARCH = RenderConfig(), SearchConfig()
GUIDES = ("initialization", "prior_weight", "plausibility_weight", "projections", "off_prototype_limit")
FRAMING = {"camera": None, "height": SCENE.height, "eye_line": SCENE.eye_line, "distance": SCENE.distance}

DEVIATIONS: dict[str, dict[str, Mapping[str, Any]]] = {
    "search": {"search": dataclasses.asdict(SEARCH)},
    "guides": {"search": {name: getattr(SEARCH, name) for name in GUIDES}},
    "initialization": {"search": {"initialization": SEARCH.initialization}},
    "prior": {"search": {"prior_weight": SEARCH.prior_weight}},
    "plausibility": {
        "search": {name: getattr(SEARCH, name) for name in ("plausibility_weight", "projections")}
    },
    "budget": {"search": {name: getattr(SEARCH, name) for name in ("max_evaluations", "target", "plateau")}},
    "jaw": {"": {"jaw": "whole"}},
    "midline": {"": {"midline_width": None}},
    "camera": {"render": FRAMING},
    "size": {"render": {"size": SCENE.size}},
    "supersample": {"render": {"supersample": SCENE.supersample}},
    "background": {"render": {"background": SCENE.background}},
    "p_estimate": {"": {"p_estimate": "valid"}},
    "scheme": {"": {"scheme": "slope"}},
}
"""Name -> what is as by default again: fields of the config ("") and of its tables."""


@dataclass(frozen=True)
class Settings(HeadConfig):
    """Strict audits; options of the head as for `jaxface audit`, but the strict jaw and midline."""

    identities: int = 10
    """People."""

    people: str | None = None
    """A file of them; none = sampled."""

    classifiers: tuple[str, ...] = ()
    """Names or folders; none = the config's."""

    expressions: tuple[str, ...] = ()
    """None = the config's six."""

    symmetry_steps: int = 10
    time_steps: int = 90

    max_evaluations: int | None = None
    """Renders of one search; none = the config's."""

    deviations: tuple[str, ...] = tuple(DEVIATIONS)
    """Which are switched back, one at a time; `--deviations` alone = none."""

    expression_from: str | None = None
    """Folder of a strict run of the same people, whose expressions are shown where the search is strict."""

    runs: Path = Path("runs/paper-strict")
    """Folder of the runs."""

    out: Path | None = None
    """A .jsonl file, or a folder for dated files; none = print only."""

    quiet: bool = False
    """Print no progress."""


def strict_config(settings: Settings) -> AuditConfig:
    """Return the bundled config with the settings' size and head."""
    config = load_toml(AuditConfig, find_config("paper-strict"))
    head = {
        field.name: value
        for field in dataclasses.fields(HeadConfig)
        if (value := getattr(settings, field.name)) is not None
    }
    search = config.search
    if settings.max_evaluations is not None:
        search = dataclasses.replace(search, max_evaluations=settings.max_evaluations)
    return dataclasses.replace(
        config,
        **head,
        identities=settings.identities,
        people=settings.people,
        classifiers=settings.classifiers or config.classifiers,
        expressions=settings.expressions or config.expressions,
        symmetry_steps=settings.symmetry_steps,
        time_steps=settings.time_steps,
        search=search,
        expression_from=settings.expression_from,
    )


def deviate(config: AuditConfig, name: str) -> AuditConfig:
    """Return the config with one deviation.

    Raises:
        ConfigError: there is no deviation of this name.
    """
    if name not in DEVIATIONS:
        raise ConfigError(f"no deviation {name!r}; there are {', '.join(DEVIATIONS)}")
    for table, changes in DEVIATIONS[name].items():
        if table == "search":
            config = dataclasses.replace(config, expression_from=None)
        if table:
            changes = {table: dataclasses.replace(getattr(config, table), **changes)}
        config = dataclasses.replace(config, **changes)
    return config


def rows(name: str, result: AuditResult, strict: AuditResult | None = None) -> Iterator[dict[str, Any]]:
    """Yield the lines of a run.

    Args:
        strict: the strict run, of a deviation.
    """
    data = result.data[["score", "search_probability", "search_norm", "search_forward_calls"]].load()
    shared = {
        "name": "paper-strict",
        "deviation": name,
        "head": result.data.attrs["head"]["source"],
        "people": int(data.sizes["identity"]),
        "grid": [len(axis.levels) for axis in result.intervention.axes],
    }
    accuracy = {(one.classifier, one.expression, one.probe): one.accuracy for one in result.summary.accuracies}
    probes = result.intervention.probe_levels
    for cell in result.summary.cells:
        one = {"classifier": cell.classifier, "expression": cell.expression}
        values = data.sel(one)
        row = shared | one
        row |= {"score": cell.score, "low": cell.low, "high": cell.high, "significant": cell.significant}
        row |= {
            "search_probability": float(values["search_probability"].mean()),
            "search_norm": float(values["search_norm"].mean()),
            "search_calls": float(values["search_forward_calls"].mean()),
        }
        row |= {
            f"accuracy_s{level:g}": share
            for level in (probes[0], probes[-1])
            if (share := accuracy.get((cell.classifier, cell.expression, level))) is not None
        }
        if strict is not None:
            change = (values["score"] - strict.data["score"].sel(one)).values
            row |= {"change": float(np.nanmean(change)), "change_sd": float(np.nanstd(change, ddof=1))}
        yield row
    means = data["score"].mean(["classifier", "identity"]).to_series().sort_values(ascending=False)
    order = {str(expression): round(float(score), 5) for expression, score in means.items()}
    yield {**shared, "mean_score": order}


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """Audit strictly and with each deviation; yield all lines."""
    config, strict = strict_config(settings), None
    for name in (STRICT, *settings.deviations):
        own = config if name == STRICT else deviate(config, name)
        progress = NullProgress() if settings.quiet else for_terminal(False, hint=name)
        result = audit.run(own, settings.runs / name, progress)
        yield from rows(name, result, strict)
        strict = strict or result


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    for name in settings.deviations:
        deviate(strict_config(settings), name)  # misspelt names are told before any work
    use_all_cores()
    write_rows(run(settings), "paper_strict", settings.out)


if __name__ == "__main__":
    main()
