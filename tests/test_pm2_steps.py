"""The three steps: who moves in each, and that every method lowers what it is there to lower."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.frameworks.common.config import OptimizerConfig
from jaxface.frameworks.common.framework import TrainState
from jaxface.frameworks.common.step import grad_fn
from jaxface.frameworks.common.task import Task
from jaxface.frameworks.pm2 import objectives, steps
from jaxface.frameworks.pm2.config import AdaptationConfig, Method, Pm2Config
from jaxface.frameworks.pm2.networks import Detector
from jaxface.frameworks.pm2.weights import transfer_params
from tests.framework_fixtures import Fixture, pm2_fixture

FAST = {"xla_backend_optimization_level": 0}


@pytest.fixture(scope="module")
def given() -> Fixture:
    """As the contract's, with less to compile."""
    found = pm2_fixture(jax.random.key(1))
    tiny = dataclasses.replace(
        found.config, widths=(4,), features=4, hidden=(), adaptation=AdaptationConfig(discriminator=(4,))
    )
    return found._replace(config=tiny)


@functools.cache
def network(config: Pm2Config, units: tuple[int, ...] = (1, 12)) -> tuple[nnx.GraphDef, nnx.State]:
    def made(key: jax.Array) -> nnx.State:
        return nnx.state(Detector(config, Task(units=units, size=16), rngs=nnx.Rngs(key)))

    abstract = nnx.eval_shape(lambda: Detector(config, Task(units=units, size=16), rngs=nnx.Rngs(0)))
    return nnx.graphdef(abstract), jax.jit(made, compiler_options=FAST)(jax.random.key(0))


def parts(params: nnx.State) -> dict[str, list[np.ndarray]]:
    """Copies of the parameters by the network they are of."""
    found: dict[str, list[np.ndarray]] = {}
    for path, leaf in nnx.to_flat_state(params):
        found.setdefault(str(path[0]), []).append(np.array(leaf[...]))
    return found


def moved(before: dict[str, list[np.ndarray]], after: dict[str, list[np.ndarray]]) -> set[str]:
    return {
        name
        for name, leaves in before.items()
        if any((one != other).any() for one, other in zip(leaves, after[name], strict=True))
    }


def test_each_step_moves_its_own_part_as_it_should(given: Fixture) -> None:
    """Step 1 moves all; step 2, where the discrepancy outweighs the source, raises it by the classifiers
    alone, and step 3 lowers it by the encoder alone."""
    config, train = dataclasses.replace(given.config, alpha=20.0), given.train
    graphdef, begun = network(given.config)
    three = steps.phases(config, train, graphdef)
    params, rest = nnx.split_state(begun, nnx.Param, ...)
    state: Any = TrainState(params, rest, three.init(params), jnp.zeros((), jnp.int32))
    seen = []
    for phase, count in (
        (three.train_source, 1),
        (three.maximize_discrepancy, 3),
        (three.minimize_discrepancy, 3),
    ):
        before, jitted = parts(state.params), jax.jit(phase, compiler_options=FAST)
        for _ in range(count):
            state, info = jitted(state, given.batch, jax.random.key(0))
            seen.append(float(info.get("discrepancy", info["loss"] / config.alpha)))
        seen.append(sorted(moved(before, parts(state.params))))
    assert seen[1] == ["encoder", "first", "second"]
    assert seen[5] == ["first", "second"] and seen[2] < seen[3] < seen[4]
    assert seen[9] == ["encoder"] and seen[6] > seen[7] > seen[8]
    assert int(state.step) == 0


def descended(given: Fixture, config: Pm2Config, loss: Any, count: int = 3) -> list[dict[str, float]]:
    """What a loss tells of itself while its gradient is followed on one batch."""
    graphdef, state = network(dataclasses.replace(config, method=shape_of(config)))
    params, rest = nnx.split_state(state, nnx.Param, ...)
    slope = jax.jit(grad_fn(graphdef, loss, "float32", nnx.Param), compiler_options=FAST)
    told = []
    for _ in range(count):
        gradient, (_, info) = slope(params, rest, given.batch, jax.random.key(0), jnp.ones(()))
        params = jax.tree.map(lambda value, change: value - 0.05 * change, params, gradient)
        told.append({name: float(value) for name, value in info.items()})
    return told


def shape_of(config: Pm2Config) -> Method:
    """A method with the same networks."""
    return config.method if config.method in ("dann", "cdan") else "pm2"


@pytest.mark.parametrize(
    ("method", "lowered"),
    [("dan", "discrepancy"), ("jan", "discrepancy"), ("m3sda", "moment_distance"), ("pm2", "moment_distance")],
)
def test_methods_lower_their_own_discrepancy(given: Fixture, method: Method, lowered: str) -> None:
    config = dataclasses.replace(given.config, method=method)
    loss = objectives.first_step(config) if config.alternates else objectives.single_loss(config)
    told = descended(given, config, loss)
    assert told[-1][lowered] < told[1][lowered] < told[0][lowered]


@pytest.mark.parametrize("method", ["dann", "cdan"])
def test_adversaries_pull_encoder_and_discriminator_apart(given: Fixture, method: Method) -> None:
    """One gradient of the domain loss alone: along it for the discriminator, against it for the encoder."""
    config = dataclasses.replace(given.config, method=method)
    graphdef, whole = network(config)

    def loss(state: nnx.State) -> jax.Array:
        detector = nnx.merge(graphdef, state)
        faces = objectives.augment_faces(config, detector, given.batch, jax.random.key(0), ("image", "target"))
        features = objectives.encode(config, detector, faces)
        return objectives.domain_discrepancy(
            config, detector, features["image"], features["target"], jnp.ones(())
        )

    found = jax.jit(jax.value_and_grad(loss), compiler_options=FAST)
    begun, slope = found(whole)
    flat = dict(nnx.to_flat_state(slope))

    def after(name: str) -> float:
        shifted = [
            (path, leaf.replace(leaf[...] - 0.05 * flat[path][...] * (path[0] == name)))
            for path, leaf in nnx.to_flat_state(whole)
        ]
        return float(found(nnx.from_flat_state(shifted))[0])

    assert after("discriminator") < begun < after("encoder")


def test_without_alpha_and_beta_pm2_wants_only_the_source(given: Fixture) -> None:
    plain = dataclasses.replace(given.config, alpha=0.0, beta=0.0)
    assert not plain.needs_target and not plain.needs_pairs
    alone = given._replace(batch={name: given.batch[name] for name in ("image", "units")})
    (told,) = descended(alone, plain, objectives.second_step(plain), 1)
    assert set(told) == {"loss"}
    with pytest.raises(ConfigError, match=r"method 'pm2' needs 'female' images.*data\.pairs"):
        descended(alone, given.config, objectives.first_step(given.config), 1)


def test_faces_without_a_pair_do_not_count(given: Fixture) -> None:
    features = dict(zip(objectives.PAIR, jax.random.normal(jax.random.key(0), (3, 16, 8)), strict=True))
    few = {name: each[:5] for name, each in features.items()}
    matched = jax.jit(functools.partial(objectives.moment_loss, given.config), compiler_options=FAST)
    masked = matched(features, {"paired": jnp.arange(16) < 5})
    np.testing.assert_allclose(masked, matched(few, {}), rtol=1e-6)


def test_what_is_carried_over(given: Fixture) -> None:
    _, trained = network(given.config)
    _, drawn = network(dataclasses.replace(given.config, method="dann"))
    before, got = (
        parts(jax.tree.map(lambda leaf: leaf + 1, drawn)),
        parts(transfer_params(drawn, trained, "it")),
    )
    assert moved(parts(trained), got) == set() and got.keys() == before.keys()
    np.testing.assert_array_equal(got["discriminator"][0], before["discriminator"][0] - 1)
    _, other = network(given.config, (1, 2, 4))
    with pytest.raises(CheckpointError, match=r"it has 'first/last/bias' of shape .2,., wanted .3,."):
        transfer_params(other, trained, "it")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Pm2Config(alpha=-1.0), "alpha"),
        (lambda: Pm2Config(repeats=0), "repeats"),
        (lambda: Pm2Config(widths=()), "widths"),
        (lambda: AdaptationConfig(moments=0), "moments"),
    ],
)
def test_configs_that_cannot_be_are_refused(made: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made()


def test_the_schedule_counts_updates(given: Fixture) -> None:
    """An optimizer that moves twice a step is at half its rate after half the steps."""
    settings = OptimizerConfig("sgd", 1.0, "linear", momentum=0.0, weight_decay=0.0)
    rule = steps.make_longer_optimizer(dataclasses.replace(given.train, steps=2, optimizer=settings), 2)
    value, moments = jnp.zeros(()), rule.init(jnp.zeros(()))
    for count in range(4):
        change, moments = rule.update(jnp.ones(()), moments, value)
        np.testing.assert_allclose(change, -(1 - count / 4), rtol=1e-6)
