"""The truth test: does CausalAffect find the known causes that rendered faces were drawn by, and who else does?

    python benchmarks/causal_affect_studies.py rows --cache runs/faces --out runs/causal
    python -m benchmarks.causal_truth --cache runs/faces --learnt runs/causal/graphs --out benchmarks/results

The first command trains CausalAffect and keeps its graphs; this one scores them, trains the graph-attention
baseline on the same halves, and asks structure learners, which are given labels: of the first half both kinds
("labels"), which the networks never see; or units of the first half and, of the second, expressions beside the
units that the baseline guesses there ("guessed"), which is all that a network trained on the halves knows. A
JSON line for each graph and seed, and one with means and deviations; graphs, and pictures of them, in GRAPHS.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from jaxface.frameworks.causal_affect.graphs.baselines import Found, Labels
from jaxface.frameworks.common.evaluate import measures
from jaxface.frameworks.common.seeds import aggregate_seeds

from benchmarks.causal_affect_studies import CONFIG, EDGE, Settings, Study, faces
from jaxface.bench.harness import append, results_file, stamp
from jaxface.core.config import load_toml
from jaxface.data import Dataset, rendered
from jaxface.data.joining import JOINED
from jaxface.frameworks.causal_affect import gatv2, graphs, known_units, studies, variant
from jaxface.frameworks.causal_affect.graphs import SignedGraph, baselines, contest, figures

RECIPE = "causes"
_LEARNT = re.compile(r"row(?P<row>\d+)-seed(?P<seed>\d+)-(?P<kind>\w+)\.json")
_OTHERS = 5_000_000  # stream of the first draw of other people's labels


@dataclass(frozen=True)
class Contest:
    """How large the test is; as `causal_affect_studies.py` was told."""

    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    learnt: Path | None = None
    """Folder of CausalAffect's graphs; none = it is left out."""

    seeds: int = 3
    """Of networks, their order and parameters. Of labels the first is the networks' faces, others are as many
    other people."""

    images: int = 3000
    """Training images, of both halves."""

    test_images: int = 1200
    """For the baseline's F1 and accuracy."""

    who: tuple[Literal["learnt", "known", "labels", "attention"], ...] = (
        "learnt",
        "known",
        "labels",
        "attention",
    )
    """Whose graphs are scored: CausalAffect's; the same, trained on the true states in place of faces; those of
    the methods on labels; those of the attention baseline, with what the methods make of its guesses."""

    cache: Path | None = None
    """Folder where drawn faces are kept and looked for; none = drawn anew."""

    out: Path = Path("runs")
    """Folder of the results."""

    graphs: Path = Path("runs/causal-truth")
    """Folder of graphs and pictures."""


class Result(NamedTuple):
    """A graph of one method and seed.

    Attributes:
        given: what it was learnt from: "halves", "states", "labels" or "guessed".
        onwards: whose edges to expressions count, if not those of `found`.
        about: what else is known of the method.
    """

    method: str
    given: str
    seed: int
    found: Found
    onwards: Found | None = None
    about: dict[str, float] | None = None


def main() -> None:
    default = Contest(settings=load_toml(Settings, CONFIG))
    asked = tyro.cli(Contest, default=default, prog="causal_truth")
    world, file = (
        rendered.load_world(rendered.load_recipe(RECIPE).units.causes),
        results_file(asked.out, "causal_truth"),
    )
    truth, most = graphs.of_world(world), float(contest.f1_from_others(world).mean())
    append(
        file, stamp({"recipe": RECIPE, "method": "a unit told from the states of all others", "units_f1": most})
    )
    about: dict[str, Any] = {"recipe": RECIPE, "images": asked.images, "test_images": asked.test_images}
    about |= {"steps": asked.settings.train.steps, "batch": asked.settings.train.batch}
    rows: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for result in results(asked):
        scores = contest.row(result.found, truth, result.onwards) | (result.about or {})
        rows[result.method, result.given].append(scores)
        who = {"method": result.method, "given": result.given, "seed": result.seed}
        append(file, stamp({**about, **who, **scores}))
        keep(asked.graphs, result, truth)
        print(*who.values(), flush=True)
    for (method, given), scored in rows.items():
        append(file, stamp({**about, "method": method, "given": given, **aggregate_seeds(scored)}))
    print(table(rows))


def results(asked: Contest) -> Iterator[Result]:
    """Every method's graph, seed by seed."""
    if "learnt" in asked.who and asked.learnt is not None:
        yield from causal_affect(asked.learnt)
    if not {"known", "labels", "attention"} & set(asked.who):
        return
    study = Study(asked.settings, test_images=asked.test_images, recipe=RECIPE, cache=asked.cache)
    units = faces(study, "units", asked.images // 2)
    if "known" in asked.who:
        yield from known(asked, (units, faces(study, "label", asked.images // 2)))
    if not {"labels", "attention"} & set(asked.who):
        return
    told = contest.on_labels(labels(units))
    for seed in range(asked.seeds if "labels" in asked.who else 0):
        found = contest.on_labels(other_labels(units, seed)) if seed else told
        for name, each in found.items():
            yield Result(name, "labels", seed, each)
    if "attention" not in asked.who:
        return
    expressions, test = faces(study, "label", asked.images // 2), faces(study, "test", asked.test_images)
    for seed in range(asked.seeds):
        yield from attention(asked, (units, expressions), test, told, seed)


def causal_affect(folder: Path) -> Iterator[Result]:
    """The graphs in a folder, by row, kind and seed."""
    files = [(found, path) for path in sorted(folder.iterdir()) if (found := _LEARNT.fullmatch(path.name))]
    for found, path in sorted(files, key=lambda each: (int(each[0]["row"]), each[0]["kind"], each[0]["seed"])):
        name = f"CausalAffect row {found['row']}, {found['kind']}"
        yield Result(name, "halves", int(found["seed"]), Found(graphs.read(path), EDGE))


def known(asked: Contest, halves: tuple[Dataset, Dataset]) -> Iterator[Result]:
    """CausalAffect's graphs where features are the units' states: without and with counterfactuals."""
    for row in (3, 13):
        config = variant(asked.settings.model, row)
        for seed in range(asked.seeds):
            for kind, graph in known_units.trained(config, asked.settings.train, halves, seed).items():
                yield Result(f"CausalAffect row {row}, {kind}", "states", seed, Found(graph, EDGE))


def attention(
    asked: Contest, halves: tuple[Dataset, Dataset], test: Dataset, told: dict[str, Found], seed: int
) -> Iterator[Result]:
    """The graph-attention baseline, and structure learners on the second half's units as it guesses them."""
    config, train = asked.settings.model, asked.settings.train
    both = joined(halves[1], test)
    outcome = gatv2.trained(config, train, halves, both, seed)
    count, task = len(halves[1]), studies.task_of_halves(*halves)
    answers = {
        "units_f1": measures(task, "units", outcome.units[count:], test.columns)["f1"],
        "accuracy": measures(task, "labels", outcome.expressions[count:], test.columns)["accuracy"],
        "train_cpu_s": outcome.seconds,
    }
    yield Result("GATv2", "halves", seed, outcome.found, about=answers)
    for name, found in contest.on_labels(labels(halves[1], outcome.units[:count] > 0.0)).items():
        yield Result(name, "guessed", seed, told[name], onwards=found)


def joined(first: Dataset, second: Dataset) -> Dataset:
    """Two sets of the same recipe, one after the other."""
    images = np.concatenate([each.rows(np.arange(len(each)))["image"] for each in (first, second)])
    columns = {name: np.concatenate([first.columns[name], second.columns[name]]) for name in JOINED}
    source = dataclasses.replace(first.source, images=images)
    return dataclasses.replace(first, source=source, columns=columns)


def labels(of: Dataset, present: np.ndarray | None = None) -> Labels:
    """Labels of a data set, with other action units than its own if they are given."""
    shown = of.columns["units"] if present is None else present
    names = [name for name in of.labels if name != "neutral"]
    return baselines.labels(of.units, shown, names, of.columns["label"], of.labels)


def other_labels(like: Dataset, seed: int) -> Labels:
    """Labels of as many faces of other people, which nobody draws."""
    studio = rendered.build_assets(RECIPE)

    @jax.jit
    @jax.vmap
    def drawn(key: jax.Array) -> dict[str, jax.Array]:
        return rendered.columns(studio, rendered.sample_labels(key, studio))

    columns = jax.device_get(drawn(jax.random.split(jax.random.key(_OTHERS + seed), len(like))))
    return labels(dataclasses.replace(like, columns={name: columns[name] for name in JOINED}))


def keep(folder: Path, result: Result, truth: SignedGraph) -> None:
    """The graph as JSON and GraphML, and a picture of as many strongest edges as the truth has."""
    between, onwards = result.found.graph, (result.onwards or result.found).graph
    names = truth.expressions
    shown, other = (graphs.restricted(each, truth.units, names) for each in (between, onwards))
    whole = SignedGraph(truth.units, names, shown.between, other.to_expressions)
    stem = re.sub(r"\W+", "-", f"{result.method}-{result.given}-{result.seed}".lower())
    for ending in ("json", "graphml"):
        graphs.write(whole, folder / f"{stem}.{ending}")
    counts = (int((truth.between != 0.0).sum()), int((truth.to_expressions != 0.0).sum()))
    picture = figures.global_figure(graphs.strongest(whole, *counts), f"{result.method}, {result.given}")
    picture.savefig(folder / f"{stem}.png", dpi=80)


COLUMNS = {
    "units_auroc": "AUROC",
    "units_precision": "AP",
    "units_skeleton_auroc": "skeleton",
    "units_direction": "direction",
    "units_sign": "sign",
    "units_hamming": "SHD",
    "units_hamming_own": "own",
    "expressions_auroc": "AUROC",
    "expressions_precision": "AP",
    "expressions_sign": "sign",
    "expressions_hamming": "SHD",
    "expressions_hamming_own": "own",
}


def table(rows: dict[tuple[str, str], list[dict[str, float]]]) -> str:
    """Means and sample deviations, in Markdown."""
    lines = ["| method | given | " + " | ".join(COLUMNS.values()) + " |", "|---" * (2 + len(COLUMNS)) + "|"]
    for (method, given), scored in rows.items():
        cells = []
        for name in COLUMNS:
            values, digits = [row[name] for row in scored], 1 if "hamming" in name else 2
            spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.{digits}f}{spread}")
        lines.append(f"| {method} | {given} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
