"""The supplement's studies: the networks that each compares, and the training of one of them."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import jax
import numpy as np
from flax import nnx

from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import Array
from jaxface.data import Dataset, batches
from jaxface.data.augmentation import AugmentConfig
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.evaluation import predict_dataset
from jaxface.frameworks.common.framework import programs
from jaxface.frameworks.common.images import cast_like, to_rgb, unit_range
from jaxface.frameworks.common.inputs import task_of
from jaxface.frameworks.grefel.config import METHODS, GrefelConfig
from jaxface.frameworks.grefel.networks import Grefel, preprocess, shape_of
from jaxface.frameworks.grefel.train import FRAMEWORK
from studies.grefel import reliability
from studies.training import train_steps

_COLUMNS = ("image", "label", "index")


@dataclass(frozen=True)
class Grid:
    """The values of a study; the defaults are the paper's."""

    anchors: tuple[int, ...] = (0, 1, 4, 6, 8, 10, 20)
    """K; 0 = the same network with cross-entropy only."""

    noise: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
    """Shares of flipped labels."""

    smoothing: tuple[float, ...] = (0.0, 0.05, 0.1, 0.11, 0.15, 0.18, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
    """Of the targets."""

    weights: tuple[float, ...] = (0.1, 0.5, 1.0)
    """Of each loss in turn."""

    methods: tuple[str, ...] = METHODS
    """Methods that are compared under noise."""


class Variant(NamedTuple):
    """One network of a study: a name, its config, and the share of its training labels that are flipped."""

    name: str
    config: GrefelConfig
    noise: float = 0.0


def with_anchors(base: GrefelConfig, count: int) -> GrefelConfig:
    """Return GReFEL with K anchors; with none, cross-entropy only."""
    if count == 0:
        return dataclasses.replace(base, method="cross-entropy")
    return dataclasses.replace(base, method="grefel", balance=dataclasses.replace(base.balance, anchors=count))


def with_losses(base: GrefelConfig, **changes: Any) -> GrefelConfig:
    """Return the config with other losses."""
    return dataclasses.replace(base, losses=dataclasses.replace(base.losses, **changes))


def with_method(base: GrefelConfig, method: Any) -> GrefelConfig:
    """Return the config of a method; SCN without smoothing, as its authors train it."""
    config = dataclasses.replace(base, method=method)
    return with_losses(config, smoothing=0.0) if method == "scn" else config


def _anchors(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for count in grid.anchors:
        yield Variant(f"K={count}", with_anchors(base, count))


def _noise(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for count in grid.anchors:
        for share in grid.noise:
            yield Variant(f"K={count} noise={share:g}", with_anchors(base, count), share)


def _smoothing(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for count in grid.anchors:
        for share in grid.smoothing:
            config = with_losses(with_anchors(base, count), smoothing=share)
            yield Variant(f"K={count} smoothing={share:g}", config)


def _losses(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for name in ("classes", "anchors", "centres"):
        for weight in grid.weights:
            yield Variant(f"{name}={weight:g}", with_losses(base, **{name: weight}))


def _augmentation(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for method in ("poster", "grefel"):
        config = with_method(base, method)
        yield Variant(f"{method} augmented", config)
        yield Variant(f"{method} plain", dataclasses.replace(config, augment=AugmentConfig()))
        yield Variant(f"{method} augmented noise=0.1", config, 0.1)


def _error_classes(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for method in ("grefel", "scn"):
        yield Variant(method, with_method(base, method))


def _confidence(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    yield Variant("grefel", with_method(base, "grefel"))


def _methods(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for method in grid.methods:
        for share in grid.noise:
            yield Variant(f"{method} noise={share:g}", with_method(base, method), share)


STUDIES: dict[str, tuple[str, Callable[[GrefelConfig, Grid], Iterator[Variant]]]] = {
    "losses": ("Table 1: the weight of each loss in turn", _losses),
    "augmentation": (
        "Table 2: POSTER++ and GReFEL with and without augmentation, and with noise",
        _augmentation,
    ),
    "anchors": ("Table 3: K", _anchors),
    "noise": ("Table 4: noise and K", _noise),
    "smoothing": ("Table 5: label smoothing and K", _smoothing),
    "mislabelled": ("Figs. 2 and 3: which classes the errors of GReFEL and SCN belong to", _error_classes),
    "confidence": ("Fig. 4: distributions before and after correction", _confidence),
    "methods": ("all methods under noise", _methods),
}
"""Name of each study -> its description, and its networks."""


def variants(study: str, base: GrefelConfig, grid: Grid | None = None) -> tuple[Variant, ...]:
    """Return the networks of a study.

    Raises:
        ConfigError: no such study.
    """
    if study not in STUDIES:
        raise ConfigError(f"no study {study!r}{suggestion(study, STUDIES)}")
    return tuple(STUDIES[study][1](base, grid or Grid()))


def flip_labels(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Replace exactly `share` of the labels by another class at random.

    Adds the columns `index`, the examples' numbers, and `clean`, the original labels.
    """
    clean, generator = dataset.column("label"), np.random.default_rng(seed)
    rows = generator.permutation(len(clean))[: round(share * len(clean))]
    label, classes = clean.copy(), len(dataset.labels)
    label[rows] = (label[rows] + generator.integers(1, classes, len(rows))) % classes
    index = np.arange(len(clean), dtype=np.int32)
    columns = {**dataset.columns, "label": label, "clean": clean, "index": index}
    return dataclasses.replace(dataset, columns=columns)


class StudyRun(NamedTuple):
    """A trained network's predictions for a test set.

    Attributes:
        primary: (N, C) probabilities.
        corrected: (N, C) after correction, including the attentive part unless it attends across the batch;
            None for a network without anchors.
        info: scalars of the last step.
        seconds: CPU time of the steps, all threads, without compilation.
    """

    primary: np.ndarray
    corrected: np.ndarray | None
    info: dict[str, float]
    seconds: float


def train_variant(
    variant: Variant, train: TrainConfig, training: Dataset, test: Dataset, seed: int
) -> StudyRun:
    """Train one network and predict the test set, which is not used before.

    Args:
        train: the last step's parameters are taken.
        training: with clean labels; the variant's share of them is flipped, by the seed.
        seed: of flips, order, parameters and steps.
    """
    noisy = flip_labels(training, variant.noise, seed)
    task = task_of(noisy, None, "labels")
    fns = programs(FRAMEWORK, variant.config, task, train)
    columns = [name for name in _COLUMNS if name == "image" or name in noisy.columns]
    stream = ({name: batch[name] for name in columns} for batch in batches(noisy, train.batch, seed))
    state, info, seconds = train_steps(fns, stream, train.steps, seed)
    forward = _forward(variant.config, task, fns.graphdef)
    primary, log_corrected = predict_dataset(forward, state.eval_state(), test, train.batch)
    return StudyRun(np.exp(primary), None if log_corrected is None else np.exp(log_corrected), info, seconds)


def metrics_row(run: StudyRun, test: Dataset) -> dict[str, Any]:
    """Return what a study reports of one network: of its primary predictions, and of corrected ones if any."""
    labels = test.column("label")
    row: dict[str, Any] = {}
    for prefix, probabilities in (("", run.primary), ("corrected_", run.corrected)):
        if probabilities is None:
            continue
        predictions, stats = probabilities.argmax(1), reliability.confidence_stats(probabilities)
        shares = reliability.error_shares(predictions, labels, probabilities.shape[1])
        row |= {
            f"{prefix}accuracy": float((predictions == labels).mean()),
            f"{prefix}calibration_error": reliability.bins(probabilities, labels).error,
            f"{prefix}deviation": stats.std,
            f"{prefix}largest": stats.largest,
            f"{prefix}smallest": stats.smallest,
            f"{prefix}mislabelled": dict(zip(test.labels, np.round(shares, 4).tolist(), strict=True)),
        }
    names = ("anchor_norm", "relabelled", "accuracy")
    last = {f"last_{name}": run.info[name] for name in names if name in run.info}
    return {**row, **last, "train_cpu_s": run.seconds}


@functools.lru_cache(maxsize=16)
def _forward(config: GrefelConfig, task: Task, graphdef: nnx.GraphDef) -> Callable[..., Any]:
    """Return (state, images uint8) -> log probabilities, primary and corrected (None without anchors)."""
    shape = shape_of(config, task)

    def forward(state: nnx.State, images: Array) -> tuple[Array, Array | None]:
        network = cast(Grefel, nnx.merge(graphdef, state))
        faces = preprocess(to_rgb(unit_range(images)), shape)
        logits, embeddings = network(cast_like(faces, network.extractor))
        if network.anchors is None:
            return jax.nn.log_softmax(logits), None
        correction = network.anchors(logits, embeddings, attentive=config.balance.attention != "batch")
        return correction.primary, correction.corrected

    return jax.jit(forward)
