"""The protocol: a framework is a config, networks, and a pure training step.

The loop (`loop.fit`) owns data, keys, devices, checkpoints and metrics; a framework owns none of them.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
from flax import nnx

from jaxface.classify import exported
from jaxface.classify.card import Card
from jaxface.core.runtime import brief
from jaxface.core.types import Array
from jaxface.frameworks.common.config import OutputKind, Task, TrainConfig
from jaxface.frameworks.common.images import unit_range
from jaxface.frameworks.common.inputs import DataConfig, TrainInputs, open_inputs

Batch = Mapping[str, Array]
"""`image` (B, H, W, C) uint8 or float32 in [0, 1], and the data set's columns, each (B, ...)."""

Info = Mapping[str, Array]
"""Scalars of one training step by name, float32; `loss` among them."""


class TrainState(NamedTuple):
    """All that a step changes; a pytree of arrays, none of them a random key."""

    params: Any  # what is trained, float32
    non_trainable: Any  # frozen parameters and running statistics
    opt_state: Any  # the optimizers' states, in whatever shape the framework wants
    step: Array  # () int32, updates so far
    ema: Any = None  # the moving average of `params`; None where none is kept

    def eval_state(self) -> nnx.State:
        """Return the state to evaluate and export: the network's, with averaged parameters if there are any."""
        return nnx.merge_state(self.params if self.ema is None else self.ema, self.non_trainable)


class Step(NamedTuple):
    """A framework's training as two pure functions.

    `init` takes the network's state as `build` made it (float32). `update` is jitted by the loop, with
    the batch sharded over the devices and the state on all of them; the key is the step's own.
    """

    init: Callable[[nnx.State], TrainState]
    update: Callable[[TrainState, Batch, Array], tuple[TrainState, Info]]


class Framework(ABC):
    """One way to train: `network`, `make_step` and `predict`; all else has a default.

    All methods are pure: they depend on their arguments alone.

    Attributes:
        name: its key in `frameworks.REGISTRY`.
        config: its frozen config dataclass, `[model]` in a file.
        network: (config, task, rngs=) -> its networks as one module; see `build`.
        output: what its logits are of.
        defaults: the `TrainConfig` that `jaxface train` begins with.
        data: the frozen dataclass of its `[data]` settings.
        predicts_units: whether it has `predict_units`, too.
    """

    name: ClassVar[str]
    config: ClassVar[type[Any]]
    network: ClassVar[Callable[..., nnx.Module]]
    output: ClassVar[OutputKind] = "labels"
    defaults: ClassVar[TrainConfig] = TrainConfig()
    data: ClassVar[type[Any]] = DataConfig
    predicts_units: ClassVar[bool] = False

    def build(self, config: Any, task: Task, rngs: nnx.Rngs) -> nnx.Module:
        """Build the networks as one module, in inference mode. Jitted by the caller."""
        return self.network(config, task, rngs=rngs)

    @abstractmethod
    def make_step(self, config: Any, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
        """Return the training step of networks with this structure."""

    @abstractmethod
    def predict(self, config: Any, task: Task, module: Any, images: Array) -> Array:
        """Return logits (B, K) or (B, U) of images (B, size, size, channels), float32 in [0, 1].

        No image's logits depend on another image. The export leaves B open: write `images.shape[0]`, not
        `len(images)`.
        """

    def predict_units(self, config: Any, task: Task, module: Any, images: Array) -> Array:
        """Return logits (B, U) of action units, where a network that predicts expressions knows them too."""
        raise NotImplementedError(f"{self.name} predicts no action units besides {self.output}")

    def image_size(self, config: Any) -> int | None:
        """Return the pixels along an edge of the images that the networks take; None = any."""
        return None

    def initialize(self, config: Any, task: Task, state: nnx.State) -> nnx.State:
        """Return the networks' state with the weights that the config names; as it is by default."""
        return state

    def open_inputs(self, config: Any, data: Any, train: TrainConfig, seed: int) -> TrainInputs:
        """Open the examples that `data`, an instance of `self.data`, names."""
        return open_inputs(data, train.batch, self.image_size(config), self.output, seed)

    def export(
        self, config: Any, task: Task, graphdef: nnx.GraphDef, state: nnx.State, card: Card, folder: Path
    ) -> None:
        """Write the network as a classifier with this card; by default `predict` as StableHLO."""
        leaves = {"/".join(map(str, path)): (path, leaf) for path, leaf in nnx.to_flat_state(state)}

        def forward(weights: dict[str, Array], images: Array) -> Array:
            flat = [(path, leaf.replace(weights[name])) for name, (path, leaf) in leaves.items()]
            return self.predict(config, task, nnx.merge(graphdef, nnx.from_flat_state(flat)), images)

        exported.write(folder, card, forward, {name: leaf[...] for name, (_, leaf) in leaves.items()})


class Programs(NamedTuple):
    """What a framework's training runs, compiled when it is first called and once for all that is equal.

    Attributes:
        init: seed -> the state before the first step, a pure function of it.
        state_shapes: () -> the shapes of that state, without its numbers.
        update: (state, batch, root key) -> (state, info): one step, with a key folded from the step's number.
            The state passed in is donated.
        predict: (state of the networks, images (B, H, W, C) uint8 or in [0, 1]) -> logits.
        predict_units: the same for action units; None where the framework has none besides its main outputs.
    """

    graphdef: nnx.GraphDef
    init: Callable[[int], TrainState]
    state_shapes: Callable[[], TrainState]
    update: Callable[[TrainState, Batch, Array], tuple[TrainState, Info]]
    predict: Callable[[nnx.State, Array], Array]
    predict_units: Callable[[nnx.State, Array], Array] | None = None


@functools.lru_cache(maxsize=16)
def programs(framework: Framework, config: Any, task: Task, train: TrainConfig) -> Programs:
    """Return the programs of one framework, config, task and way of training.

    Raises:
        ConfigError: what does not go together.
    """

    def build(key: Array) -> nnx.State:
        return nnx.state(framework.build(config, task, nnx.Rngs(key)))

    def predictor(predict: Callable[[Any, Task, Any, Array], Array]) -> Callable[..., Array]:
        return jax.jit(
            lambda state, images: predict(config, task, nnx.merge(graphdef, state), unit_range(images))
        )

    graphdef = nnx.graphdef(nnx.eval_shape(lambda: framework.build(config, task, nnx.Rngs(0))))
    step = framework.make_step(config, task, train, graphdef)
    # `build` runs once: layer by layer or with all optimizations it would take longer to compile than to train.
    build_jit = brief(build)

    def init(seed: int) -> TrainState:
        return step.init(framework.initialize(config, task, build_jit(jax.random.key(seed))))

    def state_shapes() -> TrainState:
        return jax.eval_shape(lambda: step.init(framework.initialize(config, task, build(jax.random.key(0)))))

    def update(state: TrainState, batch: Batch, root: Array) -> tuple[TrainState, Info]:
        return step.update(state, batch, jax.random.fold_in(root, state.step))

    return Programs(
        graphdef,
        init,
        state_shapes,
        jax.jit(update, donate_argnums=0),
        predictor(framework.predict),
        predictor(framework.predict_units) if framework.predicts_units else None,
    )
