"""A control for the truth test: CausalAffect's graphs on features that hold one action unit each.

Faces are left out. The features of a unit are one of two fixed random vectors, by its true state; what the
graphs then fail to find is not for want of disentangled features.
"""

from __future__ import annotations

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.types import Array
from jaxface.data import Dataset
from jaxface.frameworks.causal_affect import studies
from jaxface.frameworks.causal_affect import train as causal
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph
from jaxface.frameworks.causal_affect.losses import total_loss
from jaxface.frameworks.causal_affect.networks import CausalAffect, GraphBranch, Outputs
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step, Task, programs
from jaxface.frameworks.common.step import supervised_step


class Codes(nnx.Variable):
    """What is drawn once and never trained."""


class KnownUnits(nnx.Module):
    """Both kinds of graphs, and the codes of the units' states.

    Attributes:
        codes: (U, 2, d), absent and present, normalised as learnt features are.
    """

    def __init__(self, config: CausalAffectConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        units, classes = len(task.units), len(task.labels)
        codes = jax.random.normal(rngs.params(), (units, 2, config.width))
        codes = codes - codes.mean(-1, keepdims=True)
        self.codes = Codes(codes * jax.lax.rsqrt((codes**2).mean(-1, keepdims=True)))
        self.units = GraphBranch(units, units, config, True, rngs=rngs)
        self.expressions = GraphBranch(classes, units, config, False, rngs=rngs)

    def __call__(self, present: Array) -> Outputs:
        """Of true states (B, U); its own answer about them, which nobody needs, is undecided."""
        codes = self.codes[...]
        features = jnp.where(present[..., None] > 0.5, codes[None, :, 1], codes[None, :, 0])
        undecided = jnp.zeros(present.shape, features.dtype)
        embedding = features.reshape(features.shape[0], -1)
        return Outputs(embedding, features, undecided, self.units(features), self.expressions(features), None)


def build(config: CausalAffectConfig, task: Task, rngs: nnx.Rngs) -> KnownUnits:
    """The graphs of a config without `parts.disentangle`: there is nothing to disentangle."""
    return KnownUnits(config, task, rngs=rngs)


def make_step(config: CausalAffectConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """As CausalAffect's, but for the images: the column `state` (B, U) takes their place."""

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        seen = cast(KnownUnits, module)(batch["state"])
        return total_loss(config, cast(CausalAffect, module), seen, batch, key)

    return supervised_step(graphdef, loss, train)


FRAMEWORK = Framework(
    name="known-units",
    config=CausalAffectConfig,
    build=build,
    make_step=make_step,
    predict=causal.predict,
    fixture=causal.fixture,
)
"""For `programs`; a control, in no registry."""


def trained(
    config: CausalAffectConfig, train: TrainConfig, halves: tuple[Dataset, Dataset], seed: int
) -> dict[str, SignedGraph]:
    """The graphs as `studies.trained` names them, of as many steps and batches of the same halves."""
    task, draw = studies.task_of_halves(*halves), np.random.default_rng(seed)
    made = programs(FRAMEWORK, config, task, train)
    state, root, each = made.first(seed), jax.random.key(seed), train.batch // 2
    for _ in range(train.steps):
        state, _ = made.update(state, _batch(halves, draw, each), root)
    network = nnx.merge(made.graphdef, state.best())
    seen = cast(KnownUnits, network)(jnp.asarray(halves[0].columns["units"]))
    return studies.graphs(network, config, task, seen, halves[0])


def _batch(halves: tuple[Dataset, Dataset], draw: np.random.Generator, each: int) -> dict[str, Array]:
    """Faces of both halves, of which one knows the units and the other the expression; the states of all."""
    units, expressions = (half.take(draw.choice(len(half), each, replace=False)).columns for half in halves)
    state = np.concatenate([units["units"], expressions["units"]]).astype(np.float32)
    known = np.broadcast_to(np.arange(2 * each)[:, None] < each, state.shape)
    return {
        "state": jnp.asarray(state),
        "units": jnp.asarray(np.where(known, state, np.float32(0.0))),
        "units_known": jnp.asarray(known),
        "label": jnp.asarray(np.append(np.full(each, -1), expressions["label"]), jnp.int32),
    }
