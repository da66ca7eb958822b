"""A control for the truth test: CausalAffect's graphs on features that hold one action unit each.

Images are not used. The features of a unit are one of two fixed random vectors, by its true state; what the
graphs then miss is not due to entangled features.
"""

from collections.abc import Iterator
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.types import Array
from jaxface.data import Dataset
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.graphs import SignedGraph
from jaxface.frameworks.causal_affect.losses import total_loss
from jaxface.frameworks.causal_affect.networks import CausalAffect, GraphBranch, Outputs
from jaxface.frameworks.causal_affect.train import CausalAffectFramework
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import Batch, Info, Step, programs
from jaxface.frameworks.common.step import supervised_step
from studies.causal_affect import halves as study
from studies.training import train_steps


class Codes(nnx.Variable):
    """Random vectors that are never trained."""


class OracleFeatures(nnx.Module):
    """Both kinds of graphs, and the codes of the units' states.

    Attributes:
        codes: (U, 2, d), absent and present, normalized as learnt features are.
    """

    def __init__(self, config: CausalAffectConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        units, classes = len(task.units), len(task.labels)
        codes = jax.random.normal(rngs.params(), (units, 2, config.width))
        codes = codes - codes.mean(-1, keepdims=True)
        self.codes = Codes(codes * jax.lax.rsqrt((codes**2).mean(-1, keepdims=True)))
        self.units = GraphBranch(units, units, config, True, rngs=rngs)
        self.expressions = GraphBranch(classes, units, config, False, rngs=rngs)

    def __call__(self, present: Array) -> Outputs:
        """Return the outputs for true states (B, U); the logits of the features, which are not used, are 0."""
        codes = self.codes[...]
        features = jnp.where(present[..., None] > 0.5, codes[None, :, 1], codes[None, :, 0])
        zeros = jnp.zeros(present.shape, features.dtype)
        embedding = features.reshape(features.shape[0], -1)
        return Outputs(embedding, features, zeros, self.units(features), self.expressions(features), None)


class OracleFramework(CausalAffectFramework):
    """The graphs of a config without `parts.disentangle`: there is nothing to disentangle."""

    name = "oracle-features"
    predicts_units = False

    def build(self, config: CausalAffectConfig, task: Task, rngs: nnx.Rngs) -> OracleFeatures:
        """Build the graphs and the codes."""
        return OracleFeatures(config, task, rngs=rngs)

    def initialize(self, config: CausalAffectConfig, task: Task, state: nnx.State) -> nnx.State:
        """Return the state as it is: there is no encoder."""
        return state

    def make_step(
        self, config: CausalAffectConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef
    ) -> Step:
        """Return CausalAffect's step with the column `state` (B, U) instead of images."""

        def loss(module: nnx.Module, batch: Batch, key: Array, step_fraction: Array) -> tuple[Array, Info]:
            outputs = cast(OracleFeatures, module)(batch["state"])
            return total_loss(config, cast(CausalAffect, module), outputs, batch, key)

        return supervised_step(graphdef, loss, train)


FRAMEWORK = OracleFramework()
"""For `programs`; a control, in no registry."""


def train_oracle(
    config: CausalAffectConfig, train: TrainConfig, halves: tuple[Dataset, Dataset], seed: int
) -> dict[str, SignedGraph]:
    """Return the graphs of as many steps and batches of the same halves, named as by `halves.train_halves`."""
    task = study.task_of_halves(*halves)
    fns = programs(FRAMEWORK, config, task, train)
    state, _, _ = train_steps(fns, _batches(halves, train.batch // 2, seed), train.steps, seed)
    network = nnx.merge(fns.graphdef, state.eval_state())
    outputs = cast(OracleFeatures, network)(jnp.asarray(halves[0].columns["units"]))
    return study.read_graphs(network, config, task, outputs, halves[0])


def _batches(halves: tuple[Dataset, Dataset], count: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield `count` examples of each half: one with labels of units, one of expressions; and all
    true states."""
    generator = np.random.default_rng(seed)
    while True:
        units, expressions = (
            half.take(generator.choice(len(half), count, replace=False)).columns for half in halves
        )
        state = np.concatenate([units["units"], expressions["units"]]).astype(np.float32)
        mask = np.broadcast_to(np.arange(2 * count)[:, None] < count, state.shape)
        label = np.append(np.full(count, -1), expressions["label"]).astype(np.int32)
        yield {
            "state": state,
            "units": np.where(mask, state, np.float32(0.0)),
            "units_known": mask,
            "label": label,
        }
