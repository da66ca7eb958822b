"""The supplement's studies: which networks each compares, and how one of them is trained and looked at."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import Array
from jaxface.data import Dataset, batches
from jaxface.data.augmentation import AugmentConfig
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import Info, Task, programs
from jaxface.frameworks.common.images import colour, for_network, unit_range
from jaxface.frameworks.common.inputs import task_of
from jaxface.frameworks.grefel import reliability
from jaxface.frameworks.grefel.config import METHODS, GrefelConfig
from jaxface.frameworks.grefel.networks import Grefel, prepared, shape_of
from jaxface.frameworks.grefel.train import FRAMEWORK

_COLUMNS = ("image", "label", "index")


@dataclass(frozen=True)
class Grid:
    """What a study goes through; the defaults are the paper's."""

    anchors: tuple[int, ...] = (0, 1, 4, 6, 8, 10, 20)
    """K; 0 = the same network with cross-entropy only."""

    noise: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
    """Shares of flipped labels."""

    smoothing: tuple[float, ...] = (0.0, 0.05, 0.1, 0.11, 0.15, 0.18, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
    """Of the targets."""

    weights: tuple[float, ...] = (0.1, 0.5, 1.0)
    """Of each loss in turn."""

    methods: tuple[str, ...] = METHODS
    """What is compared under noise."""


class Variant(NamedTuple):
    """One network of a study: a name, its config, and the share of its training labels that are flipped."""

    name: str
    config: GrefelConfig
    noise: float = 0.0


def with_anchors(base: GrefelConfig, count: int) -> GrefelConfig:
    """GReFEL with K anchors; with none it is cross-entropy only."""
    if count == 0:
        return dataclasses.replace(base, method="cross-entropy")
    return dataclasses.replace(base, method="grefel", balance=dataclasses.replace(base.balance, anchors=count))


def with_losses(base: GrefelConfig, **changed: Any) -> GrefelConfig:
    """The same with other losses."""
    return dataclasses.replace(base, losses=dataclasses.replace(base.losses, **changed))


def against(base: GrefelConfig, method: Any) -> GrefelConfig:
    """One of the methods; SCN without smoothing, as its authors train it."""
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
            changed = with_losses(with_anchors(base, count), smoothing=share)
            yield Variant(f"K={count} smoothing={share:g}", changed)


def _losses(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for name in ("classes", "anchors", "centres"):
        for weight in grid.weights:
            yield Variant(f"{name}={weight:g}", with_losses(base, **{name: weight}))


def _augmentation(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for method in ("poster", "grefel"):
        config = against(base, method)
        yield Variant(f"{method} augmented", config)
        yield Variant(f"{method} plain", dataclasses.replace(config, augment=AugmentConfig()))
        yield Variant(f"{method} augmented noise=0.1", config, 0.1)


def _mislabelled(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for method in ("grefel", "scn"):
        yield Variant(method, against(base, method))


def _confidence(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    yield Variant("grefel", against(base, "grefel"))


def _methods(base: GrefelConfig, grid: Grid) -> Iterator[Variant]:
    for method in grid.methods:
        for share in grid.noise:
            yield Variant(f"{method} noise={share:g}", against(base, method), share)


STUDIES: dict[str, tuple[str, Callable[[GrefelConfig, Grid], Iterator[Variant]]]] = {
    "losses": ("Table 1: the weight of each loss in turn", _losses),
    "augmentation": (
        "Table 2: POSTER++ and GReFEL with and without augmentation, and with noise",
        _augmentation,
    ),
    "anchors": ("Table 3: K", _anchors),
    "noise": ("Table 4: noise and K", _noise),
    "smoothing": ("Table 5: label smoothing and K", _smoothing),
    "mislabelled": ("Figs. 2 and 3: which classes the errors of GReFEL and SCN are of", _mislabelled),
    "confidence": ("Fig. 4: distributions before and after correction", _confidence),
    "methods": ("all methods under noise", _methods),
}
"""Name of each study -> what it is, and what it compares."""


def variants(study: str, base: GrefelConfig, grid: Grid | None = None) -> tuple[Variant, ...]:
    """The networks of a study.

    Raises:
        ConfigError: no such study.
    """
    if study not in STUDIES:
        raise ConfigError(f"no study {study!r}{suggestion(study, STUDIES)}")
    return tuple(STUDIES[study][1](base, grid or Grid()))


def flipped(dataset: Dataset, share: float, seed: int) -> Dataset:
    """The same images with `share` of the labels, exactly, replaced by another class at random.

    They get the columns `index`, their number, and `clean`, the label as it was.
    """
    clean, generator = dataset.column("label"), np.random.default_rng(seed)
    chosen = generator.permutation(len(clean))[: round(share * len(clean))]
    label, classes = clean.copy(), len(dataset.labels)
    label[chosen] = (label[chosen] + generator.integers(1, classes, len(chosen))) % classes
    numbers = np.arange(len(clean), dtype=np.int32)
    columns = {**dataset.columns, "label": label, "clean": clean, "index": numbers}
    return dataclasses.replace(dataset, columns=columns)


class Outcome(NamedTuple):
    """A trained network's answers to a test set.

    Attributes:
        primary: (N, C) probabilities.
        corrected: (N, C) likewise after correction, the attentive part included unless it attends across the
            batch; None for what has no anchors.
        info: what the last step told of itself.
        seconds: of CPU time, all threads, without compiling.
    """

    primary: np.ndarray
    corrected: np.ndarray | None
    info: dict[str, float]
    seconds: float


def trained(variant: Variant, train: TrainConfig, training: Dataset, test: Dataset, seed: int) -> Outcome:
    """Train one network and ask it about the test set; nothing of the test set is seen before.

    Args:
        train: the last step's parameters are taken.
        training: with clean labels; the variant's share of them is flipped, by the seed.
        seed: of flips, order, parameters and steps.
    """
    noisy = flipped(training, variant.noise, seed)
    task = task_of(noisy, None, "labels")
    made = programs(FRAMEWORK, variant.config, task, train)
    state, root = made.first(seed), jax.random.key(seed)
    stream, begun = batches(noisy, train.batch, seed), 0.0
    info: Info = {}
    for step in range(train.steps):
        batch = {name: jnp.asarray(column) for name, column in next(stream).items() if name in _COLUMNS}
        state, info = made.update(state, batch, root)
        if step == 0:
            jax.block_until_ready(info)
            begun = time.process_time()
    told = {name: float(value) for name, value in jax.device_get(dict(info)).items()}
    seconds = time.process_time() - begun
    answer = _answers(variant.config, task, made.graphdef)
    parts: list[tuple[Array, Array | None]] = []
    asked = batches(test, train.batch, shuffle=False, epochs=1, remainder="pad")
    for some in asked:
        found = answer(state.best(), some["image"])
        parts.append(jax.tree.map(lambda array, mask=some["mask"]: np.asarray(array)[mask], found))
    primary, corrected = (
        None if columns[0] is None else np.exp(np.concatenate(columns)) for columns in zip(*parts, strict=True)
    )
    return Outcome(cast(np.ndarray, primary), corrected, told, seconds)


def measures(outcome: Outcome, test: Dataset) -> dict[str, Any]:
    """What a study reports of one network: of its primary answers, and of corrected ones if there are any."""
    truth = test.column("label")
    found: dict[str, Any] = {}
    for prefix, answers in (("", outcome.primary), ("corrected_", outcome.corrected)):
        if answers is None:
            continue
        spread = reliability.spread(answers)
        shares = reliability.mislabelled(answers.argmax(1), truth, answers.shape[1])
        found |= {
            f"{prefix}accuracy": float((answers.argmax(1) == truth).mean()),
            f"{prefix}calibration_error": reliability.bins(answers, truth).error,
            f"{prefix}deviation": spread.deviation,
            f"{prefix}largest": spread.largest,
            f"{prefix}smallest": spread.smallest,
            f"{prefix}mislabelled": dict(zip(test.labels, np.round(shares, 4).tolist(), strict=True)),
        }
    kept = ("anchor_norm", "relabelled", "accuracy")
    told = {f"last_{name}": outcome.info[name] for name in kept if name in outcome.info}
    return {**found, **told, "train_cpu_s": outcome.seconds}


@functools.lru_cache(maxsize=16)
def _answers(config: GrefelConfig, task: Task, graphdef: nnx.GraphDef) -> Callable[..., Any]:
    """(state, images uint8) -> logarithms of the primary and the corrected distributions, or None."""
    shape = shape_of(config, task)

    def answers(state: nnx.State, images: Array) -> tuple[Array, Array | None]:
        network = cast(Grefel, nnx.merge(graphdef, state))
        faces = prepared(colour(unit_range(images)), shape)
        logits, embeddings = network(for_network(faces, network.extractor))
        if network.anchors is None:
            return jax.nn.log_softmax(logits), None
        found = network.anchors(logits, embeddings, attentive=config.balance.attention != "batch")
        return found.primary, found.corrected

    return jax.jit(answers)
