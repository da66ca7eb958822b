"""CausalAffect's equations against plain NumPy in double precision, and the slopes of its loss."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from flax import nnx

from jaxface.core.errors import ConfigError
from jaxface.frameworks.causal_affect import dependence, edges, extract_graphs, losses
from jaxface.frameworks.causal_affect.config import (
    CausalAffectConfig,
    CounterfactualConfig,
    GraphConfig,
    SmallConfig,
)
from jaxface.frameworks.causal_affect.networks import CausalAffect, Outputs
from jaxface.frameworks.causal_affect.train import FRAMEWORK, forward_eval
from jaxface.frameworks.common.config import Task
from tests import causal_reference as reference

TASK = Task(labels=("happiness", "sadness", "surprise"), units=(1, 4, 6, 12), size=8)
FAST = {"xla_backend_optimization_level": 0}  # it runs once
CONFIG = CausalAffectConfig(
    encoder="small",
    width=6,
    expressions=0.7,
    small=SmallConfig(channels=(4,), width=8),
    graph=GraphConfig(width=5, layers=2, start=0.6, acyclic_global=0.3, acyclic_sample=0.2),
    counterfactual=CounterfactualConfig(sharpness=4.0, consistency=0.3, discrepant_logits=0.5),
)


class Whole(NamedTuple):
    """A network with all its parts, a batch, and what it makes of it."""

    numbers: dict[str, np.ndarray]
    batch: dict[str, Any]
    outputs: Outputs
    terms: dict[str, jax.Array]
    noise: jax.Array
    slopes: dict[str, np.ndarray]
    network: CausalAffect


@pytest.fixture(scope="module")
def whole() -> Whole:
    draw = np.random.default_rng(5)
    mask = np.arange(8)[:, None] < np.array([5, 3, 6, 4])[None]
    batch = {
        "image": jnp.asarray(draw.uniform(size=(8, 8, 8, 3)), jnp.float32),
        "label": jnp.asarray([-1, -1, -1, 2, 0, 1, 1, 2], jnp.int32),
        "units": jnp.asarray(draw.integers(0, 2, (8, 4)), jnp.float32),
        "units_known": jnp.asarray(mask),
    }
    graphdef, state = nnx.split(nnx.eval_shape(lambda: FRAMEWORK.build(CONFIG, TASK, nnx.Rngs(0))))
    # numbers of a plausible size; what begins at 0 would not be seen in its equation
    state = jax.tree.map(lambda leaf: jnp.asarray(0.4 * draw.normal(size=leaf.shape), jnp.float32), state)
    for norm in state["encoder"]["net"]["norms"].values():
        norm["variance"][...] = jnp.ones_like(norm["variance"][...])
    key = jax.random.key(3)

    def objective(state: nnx.State) -> tuple[jax.Array, Any]:
        module = nnx.merge(graphdef, state)
        outputs = forward_eval(module, batch["image"])
        value, parts = losses.total_loss(CONFIG, module, outputs, batch, key)
        noise = losses.draw_noise(CONFIG.counterfactual, outputs.features, 7, key)
        return value, (outputs, parts | {"loss": value}, noise)

    slopes, (outputs, terms, noise) = jax.jit(jax.grad(objective, has_aux=True), compiler_options=FAST)(state)
    return Whole(named(state), batch, outputs, terms, noise, named(slopes), nnx.merge(graphdef, state))


def named(state: nnx.State) -> dict[str, np.ndarray]:
    return {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(state)}


def test_every_term_is_that_of_its_equation(whole: Whole) -> None:
    numbers = {name: array.astype(np.float64) for name, array in whole.numbers.items()}
    batch = {name: np.asarray(column) for name, column in whole.batch.items()}
    embedding, noise = (np.asarray(each, np.float64) for each in (whole.outputs.embedding, whole.noise))
    terms = reference.terms(numbers, CONFIG, embedding, batch, noise)
    assert terms.keys() == whole.terms.keys()
    for name, value in terms.items():
        np.testing.assert_allclose(whole.terms[name], value, rtol=2e-4, atol=1e-6, err_msg=name)
    # what would pass unseen if it were nothing
    assert min(abs(value) for value in terms.values()) > 1e-3


def test_graphs_are_those_of_their_equations(whole: Whole) -> None:
    numbers, features = whole.numbers, np.asarray(whole.outputs.features)
    np.testing.assert_allclose(
        features, reference.features_of(numbers, np.asarray(whole.outputs.embedding)), atol=1e-4
    )
    for branch, same in (("units", True), ("expressions", False)):
        first, second = np.moveaxis(np.asarray(getattr(whole.outputs, branch).edges), 1, 0)
        for face in (0, 5):
            np.testing.assert_allclose(first[face], reference.everyone(numbers, branch, same), atol=1e-5)
            graph = reference.own(numbers, branch, features[face], 2, same)
            np.testing.assert_allclose(second[face], graph, atol=1e-5)
        assert np.abs(second - first).max() > 0.05  # a face's graph is its own
        assert second.min() < 0 < second.max()
    among = np.asarray(whole.outputs.units.edges)  # type: ignore[union-attr]
    assert not np.diagonal(among, axis1=2, axis2=3).any()


def test_learnt_graphs_are_the_transposed_edges(whole: Whole) -> None:
    graph = extract_graphs.global_graph(whole.network, TASK)
    assert graph.units == TASK.units and graph.expressions == TASK.labels
    np.testing.assert_allclose(graph.between.T, reference.everyone(whole.numbers, "units", True), atol=1e-5)
    to_expressions = reference.everyone(whole.numbers, "expressions", False)
    np.testing.assert_allclose(graph.to_expressions.T, to_expressions, atol=1e-5)
    faces = extract_graphs.sample_graphs(whole.network, TASK, whole.outputs.features)
    assert len(faces) == 8
    for branch, name in (("units", "between"), ("expressions", "to_expressions")):
        own = np.asarray(getattr(whole.outputs, branch).edges)[5, 1]
        np.testing.assert_allclose(getattr(faces[5], name).T, own, atol=1e-5)


def test_effects_are_what_an_intervention_changes(whole: Whole) -> None:
    units, mask = whole.batch["units"], jnp.ones((8, 4), bool)
    effects = extract_graphs.effects(whole.network, TASK, whole.outputs.features, units, mask)
    features, there = np.asarray(whole.outputs.features, np.float64), np.asarray(units) > 0.5
    for branch, weights in (("units", effects.between), ("expressions", effects.to_expressions)):
        changes = np.zeros(weights.shape)
        for unit in range(4):
            logits = []
            for group in (there[:, unit], ~there[:, unit]):
                new_features = features.copy()
                new_features[:, unit] = features[group, unit].mean(0)
                answers = reference.levels(whole.numbers, branch, new_features, 2)
                logits.append(np.mean([each[1] for each in answers], axis=(0, 1)))
            changes[unit] = logits[0] - logits[1]
        if branch == "units":
            np.fill_diagonal(changes, 0.0)
        np.testing.assert_allclose(weights, changes / np.abs(changes).max(), atol=2e-4)
    with pytest.raises(ConfigError, match="without it: AU4"):
        extract_graphs.effects(whole.network, TASK, whole.outputs.features, units.at[:, 1].set(0.0), mask)


def test_every_parameter_has_a_slope_from_the_first_step(whole: Whole) -> None:
    for name, slope in whole.slopes.items():
        assert np.isfinite(slope).all(), name
        if "mean" not in name and "variance" not in name:
            assert np.abs(slope).max() > 0.0, name


def test_the_bandwidth_has_no_slope() -> None:
    some = jnp.asarray(np.random.default_rng(0).uniform(size=(1, 6, 6)), jnp.float32)
    function = jax.value_and_grad(lambda distances: dependence.median_bandwidth(distances).sum())
    value, slope = jax.jit(function, compiler_options=FAST)(some)
    assert value > 0 and not slope.any()


@pytest.mark.parametrize("normalize", [True, False])
def test_hsic_of_all_pairs_at_once(normalize: bool) -> None:
    draw = np.random.default_rng(1)
    features, embedding = draw.normal(size=(3, 7, 4)), draw.normal(size=(7, 5))
    features[1] = 2.0 * features[0] + 0.1 * draw.normal(size=(7, 4))
    labels = draw.integers(0, 2, (3, 7)).astype(float)
    result = jax.jit(dependence.dependences, static_argnums=3)(
        *(jnp.asarray(each, jnp.float32) for each in (features, embedding, labels)), normalize
    )
    truth = reference.dependences(features, embedding, labels, normalize)
    np.testing.assert_allclose(result, truth, rtol=1e-4)


def test_constant_features_depend_on_nothing() -> None:
    labels = jnp.asarray([[0.0, 1.0, 1.0, 0.0]])

    def loss(features: jax.Array) -> jax.Array:
        result = dependence.dependences(features, features[0], labels, True)
        return result.bottleneck + result.alignment

    value, slope = jax.jit(jax.value_and_grad(loss), compiler_options=FAST)(jnp.ones((1, 4, 3)))
    assert value == 0.0 and np.isfinite(slope).all()


@pytest.mark.parametrize("count", [2, 5, 20])
def test_cyclicity_is_the_trace_of_the_exponential(count: int) -> None:
    draw = np.random.default_rng(count)
    some = np.tanh(draw.normal(size=(3, count, count)))
    some[1] = np.sign(some[1]) * 0.999  # as far as edges go
    some[2] = np.triu(some[2], 1)  # no cycle
    values, slope = jax.jit(jax.vmap(jax.value_and_grad(edges.cyclicity)))(jnp.asarray(some, jnp.float32))
    for place, each in enumerate(some):
        np.testing.assert_allclose(values[place], reference.cyclicity(each), rtol=2e-5, atol=2e-5)
        gradient = 2 * each * scipy.linalg.expm(each**2).T
        np.testing.assert_allclose(slope[place], gradient, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(values[2], 0.0, atol=1e-4)


def test_divergences_stay_below_their_ceiling() -> None:
    logits, new_logits = jnp.asarray([1.0, 0.0, -2.0]), jnp.asarray([1.5, 90.0, -2.0])
    divergence = losses.expression_divergence(logits, new_logits)
    before = reference.softmax(np.asarray(logits, float))
    for place in range(3):
        other = np.asarray(logits, float).copy()
        other[place] = new_logits[place]
        after = other - np.log(np.exp(other - other.max()).sum()) - other.max()
        np.testing.assert_allclose(divergence[place], (before * (np.log(before) - after)).sum(), atol=1e-5)
    assert divergence[1] > 60.0 and divergence[2] == 0.0
    for ceiling in ("exponential", "clamp"):
        bound = losses.bound_divergence(divergence, ceiling)  # type: ignore[arg-type]
        assert bound.max() <= 1.0 and bound[2] == 0.0
    assert losses.bound_divergence(divergence, "clamp")[0] == divergence[0]


def test_noise_is_as_large_as_the_features_or_as_it_says() -> None:
    features = 3.0 * jnp.ones((2, 3, 4))
    relative = CounterfactualConfig(noise=0.5)
    absolute = dataclasses.replace(relative, noise_scale="absolute")
    np.testing.assert_allclose(losses.noise_scale(relative, features), 1.5, rtol=1e-6)
    np.testing.assert_allclose(losses.noise_scale(absolute, features), 0.5)
    assert not jax.grad(lambda f: losses.noise_scale(relative, f))(features).any()


def test_losses_without_a_known_label_are_nothing() -> None:
    logits = jnp.ones((2, 3))
    assert losses.unit_loss(logits, logits, jnp.zeros((2, 3), bool)) == 0.0
    assert losses.expression_loss(logits, jnp.asarray([-1, -1])) == 0.0
