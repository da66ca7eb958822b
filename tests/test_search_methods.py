"""The search machinery on objectives that are known in closed form."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from benchmarks import scipy_evolution
from jaxface.core import sharding
from jaxface.core.errors import ConfigError
from jaxface.face import ExpressionSpace, load
from jaxface.search import (
    SearchConfig,
    algorithm,
    differential_evolution,
    gradient,
    space,
    starts,
)
from jaxface.search.objective import Scores, ValueAndGrad, margin, score
from tests.flame_files import flame_arrays, write_flame_npz

CASES, SIZE = 3, 10
PAPER = SearchConfig(
    method="differential-evolution", prior_weight=0.0, plausibility_weight=0.0, target=1.0, max_evaluations=3000
)

STRICT = dataclasses.replace(PAPER, initialization="uniform", projections=0, off_prototype_limit=1.0)


def wide_box(size: int = SIZE, config: SearchConfig = PAPER) -> space.SearchSpace:
    return space.box(jnp.full(size, -3.0), jnp.full(size, 3.0), config)


def tanh_net(key: jax.Array, size: int):
    k_hidden, k_out = jax.random.split(key)
    kernel = jax.random.normal(k_hidden, (size, 128)) / np.sqrt(size)
    out = 0.3 * jax.random.normal(k_out, (128, 7))
    return lambda x: jnp.tanh(x @ kernel) @ out


def rosenbrock(x: jax.Array) -> jax.Array:
    return jnp.sum(100.0 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1.0 - x[..., :-1]) ** 2, axis=-1)


def evolve(loss, config, *, box=None, active=None, seed=0, cases=CASES, size=SIZE, probability=None):
    """Run the batch on `loss`; returns the tracker, and the candidates and active cases of every step."""
    box = box or wide_box(size)
    candidates_of_steps, active_of_steps = [], []
    jitted_loss = jax.jit(loss)

    def evaluate(candidates, active):
        candidates_of_steps.append(np.asarray(candidates))
        active_of_steps.append(np.asarray(active))
        losses = jnp.where(active[:, None], jitted_loss(candidates), jnp.inf)
        p = jnp.exp(-losses) if probability is None else probability(losses)
        return Scores(losses, p)

    keys = jax.random.split(jax.random.key(seed), cases)
    first = jax.vmap(
        lambda k: jax.random.uniform(k, (config.population, size), minval=box.lower, maxval=box.upper)
    )(keys)
    tracker = algorithm.CaseTracker(config, first[:, 0])
    active = np.ones(cases, bool) if active is None else active
    method = differential_evolution.evolution(keys, evaluate, box, None, config, sharding.sharding_for(cases))
    algorithm.run(method, first, tracker, active, plateau=config.plateau)
    return tracker, candidates_of_steps, active_of_steps


def test_bounds_are_kept_and_the_best_never_worsens():
    tracker, candidates, _ = evolve(lambda x: jnp.sum((x - 5.0) ** 2, axis=-1), PAPER)
    assert np.abs(np.concatenate(candidates)).max() <= 3.0
    np.testing.assert_allclose(tracker.best.coefficients, 3.0)  # the optimum lies in a corner of the box
    # The result is the best candidate of all generations.
    lowest = np.min([((batch - 5.0) ** 2).sum(-1).min(-1) for batch in candidates], axis=0)
    np.testing.assert_allclose(tracker.best.loss, lowest, rtol=1e-6)
    assert (tracker.forward_calls <= PAPER.max_evaluations).all()


@pytest.mark.parametrize("name", ["softmax", "rosenbrock"])
def test_matches_scipy_at_equal_calls(name):
    """Same population, crossover, dither, budget: the median of nine losses is within twice scipy's.

    On Rosenbrock the quartiles of either lie 1.4 apart, so two is far from noise; on the softmax clipping
    is better than scipy's drawing anew.
    """
    net = tanh_net(jax.random.key(7), SIZE)

    def loss(x):
        return 1.0 - jax.nn.softmax(net(x))[..., 2] if name == "softmax" else rosenbrock(x)

    trackers = [evolve(loss, PAPER, probability=jnp.zeros_like, seed=seed)[0] for seed in range(3)]
    ours = np.concatenate([tracker.best.loss for tracker in trackers])
    jitted_loss = jax.jit(loss)
    theirs = [
        scipy_evolution.differential_evolution(
            lambda x: np.asarray(jitted_loss(jnp.asarray(x, jnp.float32))),
            wide_box(),
            max_evaluations=PAPER.max_evaluations,
            population=PAPER.population,
            seed=seed,
        ).loss
        for seed in range(9)
    ]
    assert len(ours) == 9
    assert np.median(ours) < 2.0 * np.median(theirs)


def test_a_case_stops_at_its_target_and_costs_nothing_more():
    def loss(x):  # the second case cannot reach the target
        return 0.01 * jnp.sum(x**2, axis=-1) + jnp.array([0.0, 9.0, 0.0])[:, None]

    config = SearchConfig(
        method="differential-evolution", target=0.95, max_evaluations=1000, prior_weight=0.0, plateau=100
    )
    tracker, _, active = evolve(loss, config)
    assert (np.asarray(tracker.best.probability)[[0, 2]] > 0.95).all()
    assert (tracker.forward_calls[[0, 2]] < 1000).all()
    assert tracker.forward_calls[1] == 1000
    np.testing.assert_array_equal(np.sum(active, axis=0) * config.population, tracker.forward_calls)
    assert (tracker.cpu_seconds >= 0).all() and tracker.is_done.all()


def test_a_case_without_progress_stalls():
    config = SearchConfig(method="differential-evolution", max_evaluations=5000, plateau=3)
    tracker, _, _ = evolve(lambda x: 9.0 + 0.0 * jnp.sum(x, axis=-1), config)
    assert tracker.is_stalled.all()
    assert (tracker.forward_calls == 4 * config.population).all()


def test_inactive_cases_and_bad_scores_do_no_harm():
    def loss(x):
        losses = jnp.sum(x**2, axis=-1)
        return jnp.where(x[..., 0] > 0, jnp.nan, losses)

    active = np.array([True, False, True])
    tracker, _, _ = evolve(loss, PAPER, active=active)
    assert tracker.forward_calls[1] == 0
    assert np.isinf(tracker.best.loss[1])
    assert (np.asarray(tracker.best.coefficients)[[0, 2], 0] <= 0).all()
    assert np.asarray(tracker.best.loss)[[0, 2]].max() < 0.1
    np.testing.assert_array_equal(tracker.is_done, active)


def traces() -> list[int]:
    mesh = sharding.sharding_for(CASES).mesh
    ask = sharding.compile_program(differential_evolution._ask, mesh)
    tell = sharding.compile_program(differential_evolution._tell, mesh, True)
    return [ask._cache_size(), tell._cache_size()]


def test_same_key_same_bits_and_no_second_trace():
    first = evolve(rosenbrock, PAPER)[0].best
    before = traces()
    again = evolve(rosenbrock, PAPER)[0].best
    other = evolve(rosenbrock, PAPER, seed=1)[0].best
    assert traces() == before and sum(before) > 0
    np.testing.assert_array_equal(first.coefficients, again.coefficients)
    assert (np.asarray(first.coefficients) != np.asarray(other.coefficients)).any()


def net_value_and_grad(net, box, target):
    def one(x):
        return margin(net(x)[None], target)

    def value_and_grad(points, active):
        logits = net(points)[:, None]
        targets = jnp.full(len(points), target)
        scores = jax.vmap(score, (0, 0, 0, None))(logits, targets, points, box)
        return ValueAndGrad(scores, jax.vmap(jax.grad(one))(points))

    return jax.jit(value_and_grad)


def test_gradient_lowers_the_margin_inside_the_box():
    net, box, target = tanh_net(jax.random.key(3), SIZE), wide_box(), 4
    config = SearchConfig(method="gradient", prior_weight=0.0, plausibility_weight=0.0, target=0.999)
    points = jnp.zeros((CASES, SIZE))
    points_of_steps = []
    value_and_grad = net_value_and_grad(net, box, target)

    def recording(points, active):
        points_of_steps.append(np.asarray(points))
        return value_and_grad(points, active)

    tracker = algorithm.CaseTracker(config, points)
    method = gradient.adam(recording, box, None, config, sharding.sharding_for(CASES))
    algorithm.run(method, points, tracker, np.ones(CASES, bool), config.gradient_steps)
    assert np.abs(np.stack(points_of_steps)).max() <= 3.0
    assert margin(net(tracker.best.coefficients[:1]), target) < margin(net(points[:1]), target) - 1.0
    assert (tracker.gradient_calls <= config.gradient_steps).all()
    assert (tracker.forward_calls == 0).all()
    np.testing.assert_array_equal(tracker.is_done, tracker.has_reached_target)


def test_a_detector_is_searched_by_the_log_odds_of_one_unit():
    logits, box = jnp.array([[1.0, 2.0, 5.0], [1.0, 0.5, 5.0]]), wide_box(4)
    assert margin(logits, 1, multilabel=True) == pytest.approx(-1.25)
    scores = score(logits, 1, jnp.zeros(4), box, multilabel=True)
    assert scores.probability == pytest.approx((1 / (1 + np.exp(-2.0)) + 1 / (1 + np.exp(-0.5))) / 2, rel=1e-6)


def test_margin_and_score_by_hand():
    logits = jnp.array([[1.0, 2.0, 0.5]])
    assert margin(logits, 1) == pytest.approx(np.log(np.exp(1.0) + np.exp(0.5)) - 2.0, rel=1e-6)
    config = SearchConfig(prior_weight=0.5, prior_centre="neutral")
    box, phi = wide_box(4, config), jnp.array([1.0, -1.0, 2.0, 0.0])
    p = np.exp(2.0) / np.exp([1.0, 2.0, 0.5]).sum()
    scores = score(logits, 1, phi, box)
    assert scores.probability == pytest.approx(p, rel=1e-6)
    assert scores.loss == pytest.approx(-np.log(p + 1e-4) + 0.5 * 6.0 / 4.0, rel=1e-6)


def test_prior_sits_on_the_nearest_prototype_and_plausibility_counts_the_excess():
    zeros = jnp.zeros((1, 2, 2))
    with_units = dataclasses.replace(
        wide_box(2, SearchConfig(prior_weight=1.0, plausibility_weight=2.0)),
        units=jnp.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]),
        to_coefficients=jnp.linalg.pinv(jnp.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])),
        prototypes=zeros.at[0, 0].set(jnp.array([2.0, 0.0])),
        has_prototype=jnp.array([[True, False]]),
        activation_limits=jnp.ones((1, 3)),
    )
    phi = jnp.array([1.0, -0.5])
    np.testing.assert_allclose(space.excess(with_units, phi, 0), [0.0, 0.5, 0.0])
    assert space.prior_distance(with_units, 0, phi) == pytest.approx((1.0 + 0.25) / 2)
    assert space.penalty(with_units, 0, phi) == pytest.approx((1.0 + 0.25) / 2 + 2.0 * 0.25)
    neutral_centre = dataclasses.replace(with_units, prior_on_prototypes=jnp.asarray(False))
    assert space.prior_distance(neutral_centre, 0, 2 * phi) == pytest.approx((4.0 + 1.0) / 2)


def test_sparse_starts_set_a_quarter_of_a_one_sided_box():
    box = space.box(jnp.zeros(40), jnp.ones(40), PAPER)
    config = SearchConfig(population=200, max_evaluations=300)
    first = np.asarray(starts.first_population(jax.random.key(0), box, 0, config))
    assert first.shape == (200, 40)
    assert first.min() >= 0.0 and first.max() <= 1.0
    assert (first > 0).any(axis=1).all()
    assert 0.22 < (first > 0).mean() < 0.30


def test_first_population_holds_the_prototypes():
    prototypes = jnp.array([[[2.0, 0.0, 1.0, 0.0], [0.0, 2.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    box = dataclasses.replace(
        wide_box(4), prototypes=prototypes, has_prototype=jnp.array([[True, True, False]])
    )
    first = np.asarray(starts.first_population(jax.random.key(0), box, 0, SearchConfig()))
    np.testing.assert_array_equal(first[:2], prototypes[0, :2])
    assert (first[2:] != 0).any(axis=1).all()


@pytest.mark.parametrize("which", ["bundled", "flame"])
def test_a_strict_search_begins_uniformly_in_the_whole_box(which, tmp_path):
    """Mean 0 and deviation sqrt(3) in [-3, 3]; every coefficient of every member is set, none is moved."""
    source = "bundled" if which == "bundled" else write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    expressions = load(source).expressions
    config = dataclasses.replace(STRICT, population=200)
    of_labels = space.of_model(expressions, ("happiness", "anger"), config)
    for target in (0, 1):
        first = np.asarray(starts.first_population(jax.random.key(3), of_labels, target, config))
        assert first.shape == (200, len(expressions.lower)) and (first != 0).all()
        assert stats.kstest(first.ravel() / 6 + 0.5, "uniform").pvalue > 1e-3
        assert not (first[:, None] == of_labels.prototypes[target][None]).all(axis=2).any()
        assert float(space.penalty(of_labels, target, jnp.asarray(first[0]))) == 0.0
    guided = np.asarray(starts.first_population(jax.random.key(3), of_labels, 0, SearchConfig(population=200)))
    assert (guided == 0).mean() > 0.2  # sparse members and, on the bundled head, prototypes


def test_sparse_initialization_takes_no_prototype():
    prototypes = jnp.array([[[2.0, 0.0, 1.0, 0.0]]])
    box = dataclasses.replace(wide_box(4), prototypes=prototypes, has_prototype=jnp.array([[True]]))
    config = SearchConfig(initialization="sparse")
    first = np.asarray(starts.first_population(jax.random.key(0), box, 0, config))
    assert not (first == np.asarray(prototypes[0])).all(axis=1).any()
    assert 0.45 < (first == 0).mean() < 0.68  # 1 - (1/4 + 3/4 x 1/4) in four dimensions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initialization": "random"}, "search.initialization = 'random'"),
        ({"population": 3}, "search.population = 3: must be at least 4"),
        ({"target": 1.5}, r"target = 1.5: must be in \(0, 1\]"),
        ({"max_evaluations": 20}, "max_evaluations = 20: must be at least one generation of 50"),
        ({"dither_min": 1.0, "dither_max": 0.5}, "dither_min = 1.0: must be at most dither_max"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: must be more than 0"),
        ({"final_learning_rate": 1.0}, "final_learning_rate = 1.0: must be at most learning_rate"),
        ({"strengths": ()}, r"strengths = \(\): must be at least 1 long"),
    ],
)
def test_impossible_configs_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        SearchConfig(**change)


def test_projections_keep_implied_activations_inside(key):
    units = 0.5 * jnp.linalg.qr(jax.random.normal(key, (6, 6)))[0]
    tight = dataclasses.replace(wide_box(6, SearchConfig()), units=units, to_coefficients=jnp.linalg.inv(units))
    points = jax.random.normal(jax.random.key(2), (50, 6))
    limit = jnp.ones((1, 6)).at[:, 3].set(0.1)

    def worst(phi, top):
        activations = np.asarray(phi @ units)
        return np.maximum(-activations, activations - np.asarray(top)).max(axis=1)

    for top in (1.0, limit):
        inside = space.clip(tight, points, None if top is not limit else limit)
        assert np.abs(inside).max() <= 3.0
        assert np.median(worst(points, top)) > 0.3
        assert np.median(worst(inside, top)) < 0.05


def test_units_of_no_prototype_have_a_low_limit_and_prototypes_come_at_every_strength():
    expressions = ExpressionSpace(
        lower=jnp.zeros(3),
        upper=jnp.ones(3),
        units=jnp.eye(3),
        prototypes=jnp.array([[0.8, 0.0, 0.0], [0.4, 0.4, 0.0], [0.0, 0.0, 0.5]]),
        prototype_labels=("happiness", "happiness", "anger"),
    )
    config = SearchConfig(strengths=(1.0, 0.5), off_prototype_limit=0.2)
    of_labels = space.of_model(expressions, ("happiness", "anger", "neutral"), config)
    np.testing.assert_allclose(of_labels.activation_limits, [[1, 1, 0.2], [0.2, 0.2, 1], [1, 1, 1]], atol=1e-6)
    np.testing.assert_array_equal(of_labels.has_prototype.sum(axis=1), [4, 2, 0])
    with_units = dataclasses.replace(expressions, action_units=((6, 12), (4,), (12,)))
    of_units = space.of_model(with_units, ("AU12", "AU4", "AU45"), config)
    np.testing.assert_array_equal(of_units.has_prototype.sum(axis=1), [4, 2, 0])
    np.testing.assert_allclose(of_units.prototypes[0][:2], [[1, 0, 0], [0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(of_units.activation_limits, [[1, 0.2, 1], [0.2, 1, 0.2], [1, 1, 1]], atol=1e-6)
    rows = [[0.8, 0, 0], [0.4, 0.4, 0], [0.4, 0, 0], [0.2, 0.2, 0]]
    np.testing.assert_allclose(of_labels.prototypes[0], rows, atol=1e-6)
    np.testing.assert_allclose(
        of_labels.prototypes[1][of_labels.has_prototype[1]], [[0, 0, 0.5], [0, 0, 0.25]], atol=1e-6
    )
