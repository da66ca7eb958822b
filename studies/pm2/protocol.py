"""Tables 3 to 6 on rendered domains: the networks compared, their faces, and their metrics.

Faces are rendered once for a direction and a seed and kept in memory. Only the target's unlabelled images are
used before the end: every network has the same number of steps, and the last one counts.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx

from jaxface.data import ArraySource, Dataset, rendered
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.evaluation import compute_metrics, predict_dataset
from jaxface.frameworks.common.framework import programs
from jaxface.frameworks.common.inputs import recipe_at, task_of
from jaxface.frameworks.pm2.config import METHODS, Pm2Config
from jaxface.frameworks.pm2.domains import PopulationBias, make_avatar_recipe, sample_faces, sample_pairs
from jaxface.frameworks.pm2.train import FRAMEWORK, transfer_params
from studies import seeds
from studies.training import train_steps

_RENDER_BATCH, _PREDICT_BATCH = 64, 250  # images of one call
_ABLATION = ((0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (1.0, 1.0), (0.3, 0.5))
_TARGET_STREAM = 1  # stream of a seed that the target is of

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Faces:
    """Which faces are rendered; numbers of images are for one seed and direction."""

    units: tuple[int, ...] = (1, 2, 4, 6, 9, 12, 25, 26)
    """DISFA's."""

    intensity: tuple[float, float] = (0.7, 1.0)
    rate: float = 0.35
    style: float = 0.1
    """With these and without resting units of a person, a small network can learn the recipes from
    a few thousand faces."""

    people: int = 200
    """In each domain."""

    source: int = 3000
    held_out: float = 0.2
    """Share of the source's people who are held out, for the choice of training settings."""

    target: int = 2000
    """Without labels, to adapt to."""

    test: int = 3000
    """Of the target's other people; with few, equal groups would differ by chance."""

    avatars: int = 30
    """Of each sex."""

    bias: PopulationBias = field(
        default_factory=lambda: PopulationBias(
            women=0.8, seldom_in_women=(4, 9, 26), seldom_in_men=(1, 2, 12), expressiveness_gap=0.75
        )
    )
    """Of the source's people; the target's have its `matched`."""


class StudyData(NamedTuple):
    """The faces that networks of one direction and seed are trained and evaluated on.

    Attributes:
        task: the action units, and the images' size.
        source: labelled faces with `female` and `male`.
        validation: faces of other people of the source.
        target: faces, (N, size, size, 3) uint8.
        test: labelled faces of other people of the target.
    """

    task: Task
    source: Columns
    validation: Columns
    target: np.ndarray
    test: Columns


class Variant(NamedTuple):
    """A row of a table."""

    table: str
    name: str
    config: Pm2Config


def variants(base: Pm2Config) -> Iterator[Variant]:
    """Yield the rows of Tables 3 to 5 and of Table 6, each once: shared rows are in the first."""
    for method in METHODS:
        yield Variant("methods", method, dataclasses.replace(base, method=method))
    for alpha, beta in _ABLATION:
        duplicate = (alpha, beta) == (base.alpha, base.beta) or (alpha, beta) == (base.alpha, 0.0)
        if not duplicate:  # PM2 itself, and MCD, which is PM2 without its moments
            config = dataclasses.replace(base, method="pm2", alpha=alpha, beta=beta)
            yield Variant("ablation", f"alpha={alpha:g} beta={beta:g}", config)


def render_study_data(source: str, target: str, faces: Faces, size: int, seed: int) -> StudyData:
    """Render the faces of one direction and seed.

    Args:
        source, target: names of recipes, or their files.
        size: pixels along an edge.
    """
    bias = faces.bias
    source_recipe, target_recipe = (_recipe(name, faces, size) for name in (source, target))
    images = rendered.dataset(source_recipe, faces.source, 2 * seed, sampler=sample_faces(bias))
    avatars = rendered.rendered_stream(
        make_avatar_recipe(_recipe("avatars", faces, size), source_recipe),
        _RENDER_BATCH,
        2 * seed,
        sampler=sample_pairs(bias, faces.avatars),
    )
    parts = [jax.device_get(next(avatars)) for _ in range(-(-faces.source // _RENDER_BATCH))]
    columns = images.rows(np.arange(len(images)))
    columns |= {
        name: np.concatenate([part[name] for part in parts])[: len(images)] for name in ("female", "male")
    }
    count = faces.target + faces.test
    others = rendered.dataset(
        target_recipe, count, 2 * seed + _TARGET_STREAM, sampler=sample_faces(bias.matched)
    )
    train, validation = split_by_people(columns, 1.0 - faces.held_out)
    adapt, test = split_by_people(others.rows(np.arange(count)), faces.target / count)
    return StudyData(task_of(images, size, "units"), train, validation, adapt["image"], test)


class TrainedNetwork(NamedTuple):
    """A trained network.

    Attributes:
        config, train: its settings.
        state: of the networks, after the last step.
        info: scalars of that step.
    """

    config: Pm2Config
    train: TrainConfig
    state: nnx.State
    info: dict[str, float]


def train_variant(
    config: Pm2Config, train: TrainConfig, data: StudyData, seed: int, begin: nnx.State | None = None
) -> TrainedNetwork:
    """Train one network on a direction's faces.

    Args:
        seed: of first parameters, of the order of the faces, and of every step.
        begin: an earlier network whose encoder and classifiers it starts from.
    """
    fns = programs(FRAMEWORK, config, data.task, train)
    state = None
    if begin is not None:
        step = FRAMEWORK.make_step(config, data.task, train, fns.graphdef)
        first = fns.init(seed).eval_state()
        state = step.init(transfer_params(first, begin, "the network trained before"))
    stream = _batches(config, train, data, seed)
    state, info, _ = train_steps(fns, stream, train.steps, seed, state)
    return TrainedNetwork(config, train, state.eval_state(), info)


def predict(network: TrainedNetwork, task: Task, images: np.ndarray) -> np.ndarray:
    """Return logits (N, U) of faces (N, H, W, 3)."""
    program = programs(FRAMEWORK, network.config, task, network.train).predict
    faces = Dataset("faces", ArraySource(images), {})
    return np.asarray(predict_dataset(program, network.state, faces, _PREDICT_BATCH))


def _batches(
    config: Pm2Config, train: TrainConfig, data: StudyData, seed: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the batches of all steps: labelled faces, their avatars and the target, as the method needs."""
    names = ["image", "units", "units_known", *(("female", "male") if config.needs_pairs else ())]
    source_rows = _order(len(data.source["image"]), train, 2 * seed)
    target_rows = _order(len(data.target), train, 2 * seed + _TARGET_STREAM)
    for rows, others in zip(source_rows, target_rows, strict=True):
        batch = {name: data.source[name][rows] for name in names}
        if config.needs_target:
            batch["target"] = data.target[others]
        yield batch


def metrics_row(network: TrainedNetwork, data: StudyData) -> dict[str, float]:
    """Return F1 of each action unit and their mean over all test faces, equal opportunity, parity difference;
    and F1 on the held-out people of the source."""
    test, validation = (
        compute_metrics(data.task, "units", predict(network, data.task, faces["image"]), faces)
        for faces in (data.test, data.validation)
    )
    source = {f"source_{name}": validation[name] for name in ("f1", "parity_difference")}
    return {**test, **source}


def label_parity(data: StudyData) -> float:
    """Return the parity difference of the labels themselves: by chance, as the target's rates are matched."""
    logits = np.where(data.test["units"] > 0.5, 1.0, -1.0)
    return compute_metrics(data.task, "units", logits, data.test)["parity_difference"]


def over_directions(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean over directions of the metrics that all have, as in Tables 3 to 5: before
    that over units."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


def over_seeds(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return mean and sample deviation of each metric, and by seed the values of the three that are
    compared."""
    row = seeds.aggregate_seeds(rows)
    for name in ("f1", "equal_opportunity", "parity_difference"):
        if name in rows[0]:
            row[f"{name}_by_seed"] = [round(each[name], 4) for each in rows]
    return row


def _recipe(name: str, faces: Faces, size: int) -> rendered.RenderedDatasetConfig:
    """Return a domain's recipe with the protocol's action units and number of people."""
    recipe = recipe_at(Path(name), size)
    people = dataclasses.replace(recipe.people, identities=faces.people, style=faces.style, rest=0.0)
    units = dataclasses.replace(recipe.units, numbers=faces.units, intensity=faces.intensity, rate=faces.rate)
    return dataclasses.replace(recipe, people=people, units=units)


def split_by_people(columns: Columns, share: float) -> tuple[Columns, Columns]:
    """Split faces into those of the first share of the people, and those of the others."""
    people = np.unique(columns["identity"])
    first = columns["identity"] < people[round(share * len(people))]
    one, other = ({name: column[rows] for name, column in columns.items()} for rows in (first, ~first))
    return one, other


def _order(count: int, train: TrainConfig, seed: int) -> np.ndarray:
    """Return rows (steps, batch): every face once per pass, each pass in a new order."""
    total = train.steps * train.batch
    passes = np.tile(np.arange(count, dtype=np.int32), (-(-total // count), 1))
    rows = np.random.default_rng(seed).permuted(passes, axis=1).reshape(-1)[:total]
    return rows.reshape(train.steps, train.batch)
