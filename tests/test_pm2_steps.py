"""The three steps: who moves in each, and that every method lowers what it is there to lower."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.frameworks.common.config import OptimizerConfig, Task
from jaxface.frameworks.common.framework import TrainState
from jaxface.frameworks.common.step import grad_fn
from jaxface.frameworks.pm2 import objectives, steps
from jaxface.frameworks.pm2.config import AdaptationConfig, Method, Pm2Config
from jaxface.frameworks.pm2.networks import Detector
from jaxface.frameworks.pm2.train import transfer_params
from tests.framework_fixtures import Fixture, pm2_fixture

FAST = {"xla_backend_optimization_level": 0}


@pytest.fixture(scope="module")
def fixture() -> Fixture:
    """As the contract's, with less to compile."""
    whole = pm2_fixture(jax.random.key(1))
    tiny = dataclasses.replace(
        whole.config, widths=(4,), features=4, hidden=(), adaptation=AdaptationConfig(discriminator=(4,))
    )
    return whole._replace(config=tiny)


@functools.cache
def network(config: Pm2Config, units: tuple[int, ...] = (1, 12)) -> tuple[nnx.GraphDef, nnx.State]:
    def build(key: jax.Array) -> nnx.State:
        return nnx.state(Detector(config, Task(units=units, size=16), rngs=nnx.Rngs(key)))

    abstract = nnx.eval_shape(lambda: Detector(config, Task(units=units, size=16), rngs=nnx.Rngs(0)))
    return nnx.graphdef(abstract), jax.jit(build, compiler_options=FAST)(jax.random.key(0))


def parts(params: nnx.State) -> dict[str, list[np.ndarray]]:
    """Copies of the parameters by the network they are of."""
    arrays: dict[str, list[np.ndarray]] = {}
    for path, leaf in nnx.to_flat_state(params):
        arrays.setdefault(str(path[0]), []).append(np.array(leaf[...]))
    return arrays


def moved(before: dict[str, list[np.ndarray]], after: dict[str, list[np.ndarray]]) -> set[str]:
    return {
        name
        for name, leaves in before.items()
        if any((one != other).any() for one, other in zip(leaves, after[name], strict=True))
    }


def test_each_step_moves_its_own_part_as_it_should(fixture: Fixture) -> None:
    """Step 1 moves all; step 2, where the discrepancy outweighs the source, raises it by the classifiers
    alone, and step 3 lowers it by the encoder alone."""
    config, train = dataclasses.replace(fixture.config, alpha=20.0), fixture.train
    graphdef, start = network(fixture.config)
    three = steps.phases(config, train, graphdef)
    params, rest = nnx.split_state(start, nnx.Param, ...)
    state: Any = TrainState(params, rest, three.init(params), jnp.zeros((), jnp.int32))
    log = []
    for phase, count in (
        (three.train_source, 1),
        (three.maximize_discrepancy, 3),
        (three.minimize_discrepancy, 3),
    ):
        before, update = parts(state.params), jax.jit(phase, compiler_options=FAST)
        for _ in range(count):
            state, info = update(state, fixture.batch, jax.random.key(0))
            log.append(float(info.get("discrepancy", info["loss"] / config.alpha)))
        log.append(sorted(moved(before, parts(state.params))))
    assert log[1] == ["encoder", "first", "second"]
    assert log[5] == ["first", "second"] and log[2] < log[3] < log[4]
    assert log[9] == ["encoder"] and log[6] > log[7] > log[8]
    assert int(state.step) == 0


def descended(fixture: Fixture, config: Pm2Config, loss: Any, count: int = 3) -> list[dict[str, float]]:
    """What a loss tells of itself while its gradient is followed on one batch."""
    graphdef, state = network(dataclasses.replace(config, method=shape_of(config)))
    params, rest = nnx.split_state(state, nnx.Param, ...)
    slope = jax.jit(grad_fn(graphdef, loss, "float32", nnx.Param), compiler_options=FAST)
    log = []
    for _ in range(count):
        gradient, (_, info) = slope(params, rest, fixture.batch, jax.random.key(0), jnp.ones(()))
        params = jax.tree.map(lambda value, change: value - 0.05 * change, params, gradient)
        log.append({name: float(value) for name, value in info.items()})
    return log


def shape_of(config: Pm2Config) -> Method:
    """A method with the same networks."""
    return config.method if config.method in ("dann", "cdan") else "pm2"


@pytest.mark.parametrize(
    ("method", "term"),
    [("dan", "discrepancy"), ("jan", "discrepancy"), ("m3sda", "moment_distance"), ("pm2", "moment_distance")],
)
def test_methods_lower_their_own_discrepancy(fixture: Fixture, method: Method, term: str) -> None:
    config = dataclasses.replace(fixture.config, method=method)
    loss = objectives.first_step if config.alternates else objectives.single_loss
    log = descended(fixture, config, functools.partial(loss, config))
    assert log[-1][term] < log[1][term] < log[0][term]


@pytest.mark.parametrize("method", ["dann", "cdan"])
def test_adversaries_pull_encoder_and_discriminator_apart(fixture: Fixture, method: Method) -> None:
    """One gradient of the domain loss alone: along it for the discriminator, against it for the encoder."""
    config = dataclasses.replace(fixture.config, method=method)
    graphdef, whole = network(config)

    def loss(state: nnx.State) -> jax.Array:
        detector = nnx.merge(graphdef, state)
        faces = objectives.augment_faces(
            config, detector, fixture.batch, jax.random.key(0), ("image", "target")
        )
        features = objectives.encode(config, detector, faces)
        return objectives.domain_discrepancy(
            config, detector, features["image"], features["target"], jnp.ones(())
        )

    function = jax.jit(jax.value_and_grad(loss), compiler_options=FAST)
    start, slope = function(whole)
    flat = dict(nnx.to_flat_state(slope))

    def after(name: str) -> float:
        leaves = [
            (path, leaf.replace(leaf[...] - 0.05 * flat[path][...] * (path[0] == name)))
            for path, leaf in nnx.to_flat_state(whole)
        ]
        return float(function(nnx.from_flat_state(leaves))[0])

    assert after("discriminator") < start < after("encoder")


def test_without_alpha_and_beta_pm2_wants_only_the_source(fixture: Fixture) -> None:
    plain = dataclasses.replace(fixture.config, alpha=0.0, beta=0.0)
    assert not plain.needs_target and not plain.needs_pairs
    alone = fixture._replace(batch={name: fixture.batch[name] for name in ("image", "units")})
    (info,) = descended(alone, plain, functools.partial(objectives.second_step, plain), 1)
    assert set(info) == {"loss"}
    with pytest.raises(ConfigError, match=r"method 'pm2' needs 'female' images.*data\.pairs"):
        descended(alone, fixture.config, functools.partial(objectives.first_step, fixture.config), 1)


def test_faces_without_a_pair_do_not_count(fixture: Fixture) -> None:
    features = dict(zip(objectives.PAIR, jax.random.normal(jax.random.key(0), (3, 16, 8)), strict=True))
    few = {name: each[:5] for name, each in features.items()}
    loss = jax.jit(functools.partial(objectives.moment_loss, fixture.config), compiler_options=FAST)
    value = loss(features, {"paired": jnp.arange(16) < 5})
    np.testing.assert_allclose(value, loss(few, {}), rtol=1e-6)


def test_what_is_carried_over(fixture: Fixture) -> None:
    _, source = network(fixture.config)
    _, target = network(dataclasses.replace(fixture.config, method="dann"))
    before, got = (
        parts(jax.tree.map(lambda leaf: leaf + 1, target)),
        parts(transfer_params(target, source, "it")),
    )
    assert moved(parts(source), got) == set() and got.keys() == before.keys()
    np.testing.assert_array_equal(got["discriminator"][0], before["discriminator"][0] - 1)
    _, other = network(fixture.config, (1, 2, 4))
    with pytest.raises(CheckpointError, match=r"it has 'first/last/bias' of shape .2,., wanted .3,."):
        transfer_params(other, source, "it")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Pm2Config(alpha=-1.0), "alpha"),
        (lambda: Pm2Config(repeats=0), "repeats"),
        (lambda: Pm2Config(widths=()), "widths"),
        (lambda: AdaptationConfig(moments=0), "moments"),
    ],
)
def test_configs_that_cannot_be_are_refused(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


def test_the_schedule_counts_updates(fixture: Fixture) -> None:
    """An optimizer that moves twice a step is at half its rate after half the steps."""
    settings = OptimizerConfig("sgd", 1.0, "linear", momentum=0.0, weight_decay=0.0)
    rule = steps.make_longer_optimizer(dataclasses.replace(fixture.train, steps=2, optimizer=settings), 2)
    value, moments = jnp.zeros(()), rule.init(jnp.zeros(()))
    for count in range(4):
        change, moments = rule.update(jnp.ones(()), moments, value)
        np.testing.assert_allclose(change, -(1 - count / 4), rtol=1e-6)
