"""The truth test: does CausalAffect find the known causes that rendered faces were drawn by, and who else does?

    python -m benchmarks.causal_affect_studies rows --cache runs/faces --out runs/causal
    python -m benchmarks.causal_truth --cache runs/faces --learnt runs/causal/graphs --out benchmarks/results

The first command trains CausalAffect and keeps its graphs; this one scores them, trains the graph-attention
baseline on the same halves, and asks structure learners, which are given labels: of the first half both kinds
("labels"), which the networks never see; or units of the first half and, of the second, expressions beside the
units that the baseline guesses there ("guessed"), which is all that a network trained on the halves knows. A
JSON line for each graph and seed, and one with means and deviations; graphs, and pictures of them, in GRAPHS.
"""

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

from benchmarks.causal_affect_studies import CONFIG, EDGE, Settings, Study, faces
from jaxface.bench.harness import append, results_file, stamp
from jaxface.core.config import load_toml
from jaxface.data import Dataset, rendered
from jaxface.data.joining import JOINED
from jaxface.frameworks.causal_affect import graphs, variant
from jaxface.frameworks.causal_affect.graphs import SignedGraph
from jaxface.frameworks.common.evaluation import compute_metrics
from studies.causal_affect import baselines, benchmark_discovery, gatv2, oracle_features
from studies.causal_affect.baselines import Discovery, Labels
from studies.causal_affect.halves import task_of_halves
from studies.seeds import aggregate_seeds

RECIPE = "causes"
_LEARNT = re.compile(r"row(?P<row>\d+)-seed(?P<seed>\d+)-(?P<kind>\w+)\.json")
_OTHERS = 5_000_000  # stream of the first draw of other people's labels


@dataclass(frozen=True)
class Comparison:
    """The size of the test; settings as for `causal_affect_studies.py`."""

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
    """Whose graphs are scored: CausalAffect's; the same, trained on the true states instead of faces; those of
    the methods on labels; those of the attention baseline, and of the methods on its predictions."""

    cache: Path | None = None
    """Folder of rendered faces; none = rendered anew."""

    out: Path = Path("runs")
    """Folder of the results."""

    graphs: Path = Path("runs/causal-truth")
    """Folder of graphs and pictures."""


class Result(NamedTuple):
    """A graph of one method and seed.

    Attributes:
        source: what it was learnt from: "halves", "states", "labels" or "guessed".
        to_expressions: whose edges to expressions count, if not those of `discovery`.
        about: further metrics of the method.
    """

    method: str
    source: str
    seed: int
    discovery: Discovery
    to_expressions: Discovery | None = None
    about: dict[str, float] | None = None


def main() -> None:
    default = Comparison(settings=load_toml(Settings, CONFIG))
    options = tyro.cli(Comparison, default=default, prog="causal_truth")
    world, file = (
        rendered.load_world(rendered.load_recipe(RECIPE).units.causes),
        results_file(options.out, "causal_truth"),
    )
    truth, upper = graphs.world_graph(world), float(benchmark_discovery.f1_from_others(world).mean())
    append(
        file,
        stamp({"recipe": RECIPE, "method": "a unit told from the states of all others", "units_f1": upper}),
    )
    about: dict[str, Any] = {"recipe": RECIPE, "images": options.images, "test_images": options.test_images}
    about |= {"steps": options.settings.train.steps, "batch": options.settings.train.batch}
    rows: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for result in results(options):
        scores = benchmark_discovery.score_row(result.discovery, truth, result.to_expressions)
        scores |= result.about or {}
        rows[result.method, result.source].append(scores)
        who = {"method": result.method, "given": result.source, "seed": result.seed}
        append(file, stamp({**about, **who, **scores}))
        keep(options.graphs, result, truth)
        print(*who.values(), flush=True)
    for (method, source), row_scores in rows.items():
        append(file, stamp({**about, "method": method, "given": source, **aggregate_seeds(row_scores)}))
    print(table(rows))


def results(options: Comparison) -> Iterator[Result]:
    """Yield every method's graph, seed by seed."""
    if "learnt" in options.who and options.learnt is not None:
        yield from causal_affect(options.learnt)
    if not {"known", "labels", "attention"} & set(options.who):
        return
    study = Study(options.settings, test_images=options.test_images, recipe=RECIPE, cache=options.cache)
    units = faces(study, "units", options.images // 2)
    if "known" in options.who:
        yield from oracle(options, (units, faces(study, "label", options.images // 2)))
    if not {"labels", "attention"} & set(options.who):
        return
    of_labels = benchmark_discovery.discover_from_labels(labels(units))
    for seed in range(options.seeds if "labels" in options.who else 0):
        others = seed and benchmark_discovery.discover_from_labels(other_labels(units, seed))
        for name, discovery in (others or of_labels).items():
            yield Result(name, "labels", seed, discovery)
    if "attention" not in options.who:
        return
    expressions, test = faces(study, "label", options.images // 2), faces(study, "test", options.test_images)
    for seed in range(options.seeds):
        yield from attention(options, (units, expressions), test, of_labels, seed)


def causal_affect(folder: Path) -> Iterator[Result]:
    """Yield the graphs in a folder, by row, kind and seed."""
    files = [(match, path) for path in sorted(folder.iterdir()) if (match := _LEARNT.fullmatch(path.name))]
    for match, path in sorted(files, key=lambda each: (int(each[0]["row"]), each[0]["kind"], each[0]["seed"])):
        name = f"CausalAffect row {match['row']}, {match['kind']}"
        yield Result(name, "halves", int(match["seed"]), Discovery(graphs.read(path), EDGE))


def oracle(options: Comparison, halves: tuple[Dataset, Dataset]) -> Iterator[Result]:
    """Yield CausalAffect's graphs where features are the units' states: without and with counterfactuals."""
    for row in (3, 13):
        config = variant(options.settings.model, row)
        for seed in range(options.seeds):
            for kind, graph in oracle_features.train_oracle(
                config, options.settings.train, halves, seed
            ).items():
                yield Result(f"CausalAffect row {row}, {kind}", "states", seed, Discovery(graph, EDGE))


def attention(
    options: Comparison,
    halves: tuple[Dataset, Dataset],
    test: Dataset,
    of_labels: dict[str, Discovery],
    seed: int,
) -> Iterator[Result]:
    """Yield the graph-attention baseline, and structure learners on its predictions for the second
    half's units."""
    config, train = options.settings.model, options.settings.train
    run = gatv2.train_gatv2(config, train, halves, join(halves[1], test), seed)
    count, task = len(halves[1]), task_of_halves(*halves)
    about = {
        "units_f1": compute_metrics(task, "units", run.units[count:], test.columns)["f1"],
        "accuracy": compute_metrics(task, "labels", run.expressions[count:], test.columns)["accuracy"],
        "train_cpu_s": run.seconds,
    }
    yield Result("GATv2", "halves", seed, run.discovery, about=about)
    predictions = labels(halves[1], run.units[:count] > 0.0)
    for name, discovery in benchmark_discovery.discover_from_labels(predictions).items():
        yield Result(name, "guessed", seed, of_labels[name], to_expressions=discovery)


def join(first: Dataset, second: Dataset) -> Dataset:
    """Concatenate two data sets of the same recipe."""
    images = np.concatenate([part.rows(np.arange(len(part)))["image"] for part in (first, second)])
    columns = {name: np.concatenate([first.columns[name], second.columns[name]]) for name in JOINED}
    source = dataclasses.replace(first.source, images=images)
    return dataclasses.replace(first, source=source, columns=columns)


def labels(dataset: Dataset, present: np.ndarray | None = None) -> Labels:
    """Return the labels of a data set; `present` (N, U) replaces its action units."""
    units = dataset.columns["units"] if present is None else present
    names = [name for name in dataset.labels if name != "neutral"]
    return baselines.make_labels(dataset.units, units, names, dataset.columns["label"], dataset.labels)


def other_labels(like: Dataset, seed: int) -> Labels:
    """Return the labels of as many faces of other people, which are not rendered."""
    assets = rendered.build_assets(RECIPE)

    @jax.jit
    @jax.vmap
    def sample(key: jax.Array) -> dict[str, jax.Array]:
        return rendered.columns(assets, rendered.sample_labels(key, assets))

    columns = jax.device_get(sample(jax.random.split(jax.random.key(_OTHERS + seed), len(like))))
    return labels(dataclasses.replace(like, columns={name: columns[name] for name in JOINED}))


def keep(folder: Path, result: Result, truth: SignedGraph) -> None:
    """Write the graph as JSON and GraphML, and a figure of as many strongest edges as the truth has."""
    sources = result.discovery.graph, (result.to_expressions or result.discovery).graph
    names = truth.expressions
    one, other = (graphs.restrict(graph, truth.units, names) for graph in sources)
    whole = SignedGraph(truth.units, names, one.between, other.to_expressions)
    stem = re.sub(r"\W+", "-", f"{result.method}-{result.source}-{result.seed}".lower())
    for ending in ("json", "graphml"):
        graphs.write(whole, folder / f"{stem}.{ending}")
    counts = (int((truth.between != 0.0).sum()), int((truth.to_expressions != 0.0).sum()))
    figure = graphs.global_figure(graphs.strongest(whole, *counts), f"{result.method}, {result.source}")
    figure.savefig(folder / f"{stem}.png", dpi=80)


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
    for (method, source), row_scores in rows.items():
        cells = []
        for name in COLUMNS:
            values, digits = [row[name] for row in row_scores], 1 if "hamming" in name else 2
            deviation = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.{digits}f}{deviation}")
        lines.append(f"| {method} | {source} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
