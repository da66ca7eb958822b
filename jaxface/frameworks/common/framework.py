"""The protocol: a framework is a config, networks, and a pure training step.

Everything here is read by the loop (`fit`), which owns data, keys, devices, checkpoints and measures; a
framework owns none of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
from flax import nnx

from jaxface.classify.card import Card
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import Array
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.images import unit_range

Batch = Mapping[str, Array]
"""`image` (B, H, W, C) uint8 or float32 in [0, 1], and the data set's columns, each (B, ...)."""

Info = Mapping[str, Array]
"""What a step tells of itself: float32 scalars by name, `loss` among them."""


OutputKind = Literal["labels", "units"]
"""Whether logits are of classes or of action units."""


@dataclass(frozen=True)
class Task:
    """What the data ask of a network.

    Attributes:
        labels: names of the classes, in the order of the column `label`; () where there are none.
        units: numbers of the action units, in the order of the column `units`; () where there are none.
        size: pixels along an edge of the images.
        channels: 3, or 1 for grey.
        extras: (column, classes) of each further column of whole numbers, such as `identity` and `exogenous`.
    """

    labels: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    size: int = 64
    channels: int = 3
    extras: tuple[tuple[str, int], ...] = ()

    def classes(self, column: str) -> int:
        """How many classes a further column has.

        Raises:
            ConfigError: the data have no such column.
        """
        known = dict(self.extras)
        if column not in known:
            raise ConfigError(f"the data have no column {column!r}{suggestion(column, known)}")
        return known[column]


class TrainState(NamedTuple):
    """All that a step changes; a pytree of arrays, none of them a random key.

    Attributes:
        params: what is trained, float32.
        rest: frozen parameters and running statistics.
        optimiser: the optimisers' states, in whatever shape the framework wants.
        step: () int32, updates so far.
        average: the moving average of `params`; None where none is kept.
    """

    params: Any
    rest: Any
    optimiser: Any
    step: Array
    average: Any = None

    def best(self) -> nnx.State:
        """What is measured and exported: the network's state, with the averaged parameters if there are any."""
        return nnx.merge_state(self.params if self.average is None else self.average, self.rest)


class Step(NamedTuple):
    """A framework's training as two pure functions.

    Attributes:
        init: the network's state as `build` made it (float32) -> the state of training.
        update: (state, batch, key) -> (state, info); jitted by the loop, with the batch spread over the devices
            and the state on all of them. The key is the step's own.
    """

    init: Callable[[nnx.State], TrainState]
    update: Callable[[TrainState, Batch, Array], tuple[TrainState, Info]]


class Fixture(NamedTuple):
    """Something tiny that a framework can train on, for the contract tests.

    Attributes:
        config: the framework's.
        train: with a batch as large as `batch`, divisible by 8.
        task: of the batch.
        batch: NumPy or JAX arrays; a few steps on it lower the loss.
    """

    config: Any
    train: TrainConfig
    task: Task
    batch: Batch


def _as_they_are(config: Any) -> None:
    return None


@dataclass(frozen=True)
class Framework:
    """One way to train; `FRAMEWORK` of each folder.

    Attributes:
        name: its key in `frameworks.REGISTRY`.
        config: its frozen config dataclass.
        build: (config, task, rngs) -> the networks as one module, in inference mode; pure, and jitted.
        make_step: (config, task, train, graphdef) -> its `Step`.
        predict: (config, task, module, images (B, size, size, channels) float32 in [0, 1]) -> logits (B, K) or
            (B, U); each image for itself, in inference mode. Its export leaves B open: write `images.shape[0]`,
            not `len(images)`.
        fixture: key -> something to test it on.
        answers: what its logits are of.
        size: config -> pixels along an edge of the images it is to be given; None = as they are.
        defaults: the `TrainConfig` it is trained with unless told otherwise.
        start: (config, task, state) -> the state with what is read from files; None = nothing is.
        export: (config, task, state, card, folder) writes the trained network as a classifier, whose card is
            told as far as it is known; None = the common way, `predict` as StableHLO.
        data: the frozen dataclass of its `[data]` settings, where it learns from several data sets; None =
            the common one, `inputs.DataConfig`.
        inputs: (config, data settings, `TrainConfig`, seed) -> `inputs.Inputs`, likewise; None = one data set.
        units: as `predict`, logits (B, U) of action units, where a network that answers with expressions knows
            them too: they are measured beside its answers.
    """

    name: str
    config: type[Any]
    build: Callable[[Any, Task, nnx.Rngs], nnx.Module]
    make_step: Callable[[Any, Task, TrainConfig, nnx.GraphDef], Step]
    predict: Callable[[Any, Task, nnx.Module, Array], Array]
    fixture: Callable[[Array], Fixture]
    answers: OutputKind = "labels"
    size: Callable[[Any], int | None] = _as_they_are
    defaults: TrainConfig = field(default_factory=TrainConfig)
    start: Callable[[Any, Task, nnx.State], nnx.State] | None = None
    export: Callable[[Any, Task, nnx.State, Card, Path], None] | None = None
    data: type[Any] | None = None
    inputs: Callable[[Any, Any, TrainConfig, int], Any] | None = None
    units: Callable[[Any, Task, nnx.Module, Array], Array] | None = None


class Programs(NamedTuple):
    """What a framework's training runs, compiled when it is first called and once for all that is equal.

    Attributes:
        graphdef: the networks' structure.
        first: seed -> the state before the first step, a pure function of it.
        update: (state, batch, root key) -> (state, info): one step, with a key of its own; the state that goes
            in is used up.
        predict: (state of the networks, images (B, H, W, C) uint8 or in [0, 1]) -> logits.
        units: likewise, those of the action units; None where the framework has none beside its answers.
    """

    graphdef: nnx.GraphDef
    first: Callable[[int], TrainState]
    update: Callable[[TrainState, Batch, Array], tuple[TrainState, Info]]
    predict: Callable[[nnx.State, Array], Array]
    units: Callable[[nnx.State, Array], Array] | None = None


@functools.lru_cache(maxsize=16)
def programs(framework: Framework, config: Any, task: Task, train: TrainConfig) -> Programs:
    """The programs of one framework, config, task and way of training.

    Raises:
        ConfigError: what does not go together.
    """

    def made(key: Array) -> nnx.State:
        return nnx.state(framework.build(config, task, nnx.Rngs(key)))

    abstract = nnx.eval_shape(lambda: framework.build(config, task, nnx.Rngs(0)))
    graphdef = nnx.graphdef(abstract)
    step = framework.make_step(config, task, train, graphdef)
    answer = predictor(framework.predict, config, task, graphdef)
    others = None if framework.units is None else predictor(framework.units, config, task, graphdef)
    # It runs once, and layer by layer or with all optimisations it would take longer to compile than to train.
    fast = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    build = jax.jit(made, compiler_options=fast)

    def first(seed: int) -> TrainState:
        state = build(jax.random.key(seed))
        if framework.start is not None:
            state = framework.start(config, task, state)
        return step.init(state)

    def update(state: TrainState, batch: Batch, root: Array) -> tuple[TrainState, Info]:
        return step.update(state, batch, jax.random.fold_in(root, state.step))

    return Programs(
        graphdef,
        first,
        jax.jit(update, donate_argnums=0),
        jax.jit(lambda state, images: answer(state, unit_range(images))),
        None if others is None else jax.jit(lambda state, images: others(state, unit_range(images))),
    )


def predictor(
    answer: Callable[[Any, Task, nnx.Module, Array], Array], config: Any, task: Task, graphdef: nnx.GraphDef
) -> Callable[..., Array]:
    """A framework's `predict` or `units` as a pure function (state, images) -> logits."""

    def predict(state: nnx.State, images: Array) -> Array:
        return answer(config, task, nnx.merge(graphdef, state), images)

    return predict
