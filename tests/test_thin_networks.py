"""THIN's networks and their training step against NumPy in double precision."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.classify.nets import vgg
from jaxface.classify.nets.layers import BatchNorm
from jaxface.classify.weights import flat_arrays, write_safetensors
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.frameworks.common.config import OptimizerConfig, Task, TrainConfig
from jaxface.frameworks.common.framework import TrainState
from jaxface.frameworks.thin import FRAMEWORK, VARIANTS, ThinConfig
from jaxface.frameworks.thin.networks import ExogenousNetwork, Thin
from jaxface.frameworks.thin.train import forward, of_vgg
from tests import thin_reference as reference

SMALL = ThinConfig(
    widths=(3, 4), depth=2, expert_hidden=(5,), baseline_hidden=(6, 7), exogenous_hidden=(6,),
    exogenous_weights=("untrained",), dispelling=0.5,
)  # fmt: skip
TASK = Task(("happiness", "sadness", "fear"), size=8, channels=1, extras=(("rotation", 4),))
RATE = 0.01
TRAIN = TrainConfig(
    steps=4, batch=12, optimizer=OptimizerConfig("sgd", RATE, "constant", weight_decay=0, momentum=0)
)
PAPER = Task(tuple("0123456789"), size=28, channels=1, extras=(("rotation", 18),))
FACES = ThinConfig(
    encoder="vgg16-face", exogenous=("identity",), exogenous_classes=(2622,), depth=5, expert_hidden=(512, 512),
    baseline_hidden=(4096, 4096), expert_pool=True, gate_average=True,
)  # fmt: skip
FACE_TASK = Task(tuple("0123456"), size=224, channels=3)


@pytest.fixture(scope="module")
def batch() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "image": random.integers(0, 256, (12, 8, 8, 1), np.uint8),
        "label": random.integers(0, 3, 12, np.int32),
        "rotation": random.integers(0, 4, 12, np.int32),
    }


def variant(name: Any) -> ThinConfig:
    return dataclasses.replace(SMALL, variant=name)


def lively(config: ThinConfig, task: Task = TASK) -> tuple[nnx.GraphDef, nnx.State]:
    return reference.lively(lambda: FRAMEWORK.build(config, task, nnx.Rngs(0)))


def doubled(state: nnx.State) -> reference.Arrays:
    return {name: array.astype(np.float64) for name, array in flat_arrays(state).items()}


def expected(
    config: ThinConfig, arrays: reference.Arrays, batch: dict[str, np.ndarray], training: bool
) -> reference.Expected:
    truth, images = np.eye(4)[batch["rotation"]], batch["image"] / 255
    return reference.answer(arrays, images, config.gate_input, truth, training, config.variant == "thin")


@pytest.mark.parametrize("name", [*VARIANTS])
def test_answers_are_those_of_numpy(name: str, batch: dict[str, np.ndarray]) -> None:
    config = variant(name)
    graphdef, state = lively(config)
    got = jax.jit(lambda state, batch: forward(config, nnx.merge(graphdef, state), batch))(state, batch)
    truth = expected(config, doubled(state), batch, training=False)
    for ours, theirs in zip((got.logits, got.gate, got.similarity), truth, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)


class Trained(NamedTuple):
    """THIN before and after one step of gradient descent."""

    before: TrainState
    after: TrainState
    info: dict[str, jax.Array]
    state: nnx.State


@pytest.fixture(scope="module")
def training_step(batch: dict[str, np.ndarray]) -> Trained:
    graphdef, state = lively(SMALL)
    step = FRAMEWORK.make_step(SMALL, TASK, TRAIN, graphdef)
    before = step.init(state)
    after, info = jax.jit(step.update)(before, batch, jax.random.key(0))
    return Trained(before, after, dict(info), state)


def test_loss_is_that_of_numpy(training_step: Trained, batch: dict[str, np.ndarray]) -> None:
    truth = expected(SMALL, doubled(training_step.state), batch, training=True)  # but what is frozen
    np.testing.assert_allclose(
        training_step.info["loss"], reference.loss(truth, batch["label"], 0.5), rtol=1e-5
    )
    np.testing.assert_allclose(training_step.info["similarity"], truth.similarity.mean(), rtol=1e-5)
    np.testing.assert_allclose(
        training_step.info["cross_entropy"], reference.loss(truth, batch["label"], 0), rtol=1e-5
    )


def test_exogenous_networks_stay_as_they_are_and_all_else_moves(training_step: Trained) -> None:
    before, after = (
        flat_arrays(training_step.before.eval_state()),
        flat_arrays(training_step.after.eval_state()),
    )
    changes = {name for name in before if not np.array_equal(before[name], after[name])}
    constants = {name for name in before if name.startswith("exogenous/")}
    # a bias before a normalisation does nothing; its gradient is what rounding leaves
    idle = {name for name in before if name.endswith("bias") and "/convs/" in name} | {"committee/biases/0"}
    assert constants and not changes & constants
    assert before.keys() - constants - idle <= changes
    assert not any(path[0] == "exogenous" for path, _ in nnx.to_flat_state(training_step.before.params))


@pytest.mark.parametrize(
    "name",
    ["endogenous/convs/0/kernel", "endogenous/norms/1/scale", "committee/kernels/0", "committee/biases/1",
     "gate/nodes/kernel"],
)  # fmt: skip
def test_gradient_is_the_slope_of_the_reference(
    name: str, training_step: Trained, batch: dict[str, np.ndarray]
) -> None:
    arrays = doubled(training_step.state)
    direction = np.random.default_rng(2).normal(size=arrays[name].shape)

    def along(distance: float) -> float:
        new_arrays = {**arrays, name: arrays[name] + distance * direction}
        return reference.loss(expected(SMALL, new_arrays, batch, training=True), batch["label"], 0.5)

    gradient = (along(1e-6) - along(-1e-6)) / 2e-6
    before, after = (
        flat_arrays(state.params)[name].astype(np.float64)
        for state in (training_step.before, training_step.after)
    )
    # what a step of 0.01 leaves of float32 parameters near 1
    np.testing.assert_allclose(((before - after) / RATE * direction).sum(), gradient, rtol=1e-3, atol=1e-4)


def test_dispelling_reaches_the_encoder_and_no_more(batch: dict[str, np.ndarray]) -> None:
    graphdef, state = lively(SMALL)

    @jax.grad
    def pull(state: nnx.State) -> jax.Array:
        return forward(SMALL, nnx.merge(graphdef, state), batch).similarity.mean()

    slopes = flat_arrays(jax.jit(pull)(state))
    assert np.abs(slopes["endogenous/convs/0/kernel"]).max() > 1e-4
    for part in ("committee", "gate"):
        assert all(not array.any() for name, array in slopes.items() if name.startswith(part))


def test_small_networks_have_the_papers_size() -> None:
    for name, count in (("baseline", 203_530), *((name, 203_600) for name in VARIANTS[1:])):
        module = nnx.eval_shape(lambda name=name: Thin(ThinConfig(variant=name), PAPER, rngs=nnx.Rngs(0)))
        assert count_weights(module.committee) == count


def count_weights(module: nnx.Module) -> int:
    """Weights and biases as the paper counts them: without batch normalization."""
    total = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))
    norms = (part for _, part in nnx.iter_modules(module) if isinstance(part, BatchNorm))
    return total - sum(leaf.size for norm in norms for leaf in jax.tree.leaves(nnx.state(norm, nnx.Param)))


def test_face_networks_have_the_papers_size() -> None:
    sizes = {}
    for name in ("baseline", "thin"):
        config = dataclasses.replace(FACES, variant=name)
        sizes[name] = nnx.eval_shape(lambda config=config: Thin(config, FACE_TASK, rngs=nnx.Rngs(0)))
    thin = sizes["thin"]
    assert count_weights(thin.endogenous) == 14_714_688
    assert count_weights(thin.endogenous) + count_weights(thin.committee) == 98_748_448
    assert (
        count_weights(sizes["baseline"]) == 134_289_223
    )  # a third more: not "roughly the same" as the text has it
    assert count_weights(thin.exogenous[0]) == 145_002_878
    assert count_weights(thin.gate) == 31 * 513
    shapes = jax.eval_shape(
        lambda module, images: module(images), thin, jax.ShapeDtypeStruct((2, 224, 224, 3), "float32")
    )
    assert (shapes.logits.shape, shapes.gate.shape, shapes.similarity.shape) == ((2, 7), (2, 32), (2, 1))


def test_vggface_fits_where_the_exogenous_network_is() -> None:
    whole = nnx.eval_shape(lambda: vgg.Vgg16(2622, rngs=nnx.Rngs(0)))
    ours = nnx.eval_shape(lambda: ExogenousNetwork(FACES, FACE_TASK, 2622, rngs=nnx.Rngs(0)))
    shapes = {path: leaf.shape for path, leaf in nnx.to_flat_state(nnx.state(ours))}
    assert {path: leaf.shape for path, leaf in nnx.to_flat_state(of_vgg(nnx.state(whole)))} == shapes


def test_start_reads_what_was_trained(tmp_path: Path) -> None:
    classes = dataclasses.replace(TASK, labels=("0", "1", "2", "3"))
    exogenous = lively(variant("exogenous"), classes)[1]
    file = tmp_path / "rotation.safetensors"
    write_safetensors(file, flat_arrays(exogenous))
    config = dataclasses.replace(SMALL, exogenous_weights=(str(file),), start_from_exogenous=True)
    state = FRAMEWORK.initialize(config, TASK, lively(config)[1])
    arrays, truth = flat_arrays(state), flat_arrays(exogenous)
    for name, array in truth.items():
        np.testing.assert_array_equal(arrays[f"exogenous/0/{name}"], array)
        if name.startswith("encoder/"):
            np.testing.assert_array_equal(arrays[name.replace("encoder", "endogenous", 1)], array)
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        FRAMEWORK.initialize(dataclasses.replace(config, exogenous_weights=("nowhere",)), TASK, state)
    with pytest.raises(CheckpointError, match="no trained network to copy"):
        FRAMEWORK.initialize(dataclasses.replace(config, exogenous_weights=("untrained",)), TASK, state)
    with pytest.raises(ConfigError, match="train each with variant = 'exogenous'"):
        FRAMEWORK.initialize(dataclasses.replace(SMALL, exogenous_weights=()), TASK, state)


def test_several_factors_stand_side_by_side() -> None:
    config = dataclasses.replace(SMALL, exogenous=("rotation", "scale"), exogenous_weights=("untrained",) * 2)
    task = dataclasses.replace(TASK, extras=(("rotation", 4), ("scale", 3)))
    module = nnx.eval_shape(lambda: Thin(config, task, rngs=nnx.Rngs(0)))
    answer = jax.eval_shape(lambda module: module(jnp.zeros((2, 8, 8, 1))), module)
    assert answer.similarity.shape == (2, 2)
    assert module.gate.nodes.kernel.shape == (2 * 2 * 2 * 4, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exogenous": ()}, r"model.exogenous = \(\): must be at least 1 long"),
        ({"exogenous_classes": (3, 4)}, "model.exogenous_classes has 2 entries for 1 variables"),
        ({"variant": "exogenous", "exogenous": ("a", "b"), "exogenous_weights": ()}, "one variable at a time"),
        ({"depth": 0}, "model.depth = 0: must be at least 1"),
        ({"dispelling": -1.0}, "model.dispelling = -1.0: must be at least 0"),
        ({"widths": (4, 0)}, "model.widths = 0: must be at least 1"),
        ({"widths": ()}, r"model.widths = \(\): must be at least 1 long"),
    ],
)
def test_configs_that_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(SMALL, **fields)


@pytest.mark.parametrize(
    ("config", "task", "message"),
    [
        (dataclasses.replace(SMALL, widths=(4,) * 5), TASK, "5 poolings leave nothing of 8 pixels"),
        (FACES, TASK, "needs colour images of 224 pixels, got 1 channels and 8"),
        (SMALL, dataclasses.replace(TASK, extras=()), "no column 'rotation'"),
        (SMALL, dataclasses.replace(TASK, labels=()), "column 'label'"),
    ],
)
def test_data_that_do_not_fit(config: ThinConfig, task: Task, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nnx.eval_shape(lambda: Thin(config, task, rngs=nnx.Rngs(0)))


def test_the_oracle_answers_nobody_without_the_truth() -> None:
    config = variant("oracle")
    module = nnx.eval_shape(lambda: Thin(config, TASK, rngs=nnx.Rngs(0)))
    with pytest.raises(ConfigError, match="give truth="):
        jax.eval_shape(lambda module: FRAMEWORK.predict(config, TASK, module, jnp.zeros((2, 8, 8, 1))), module)
