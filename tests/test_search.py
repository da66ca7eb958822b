"""Searches of rendered faces: a synthetic head, and a classifier that compares pictures with three of it."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.classify import from_function
from jaxface.core import sharding
from jaxface.core.errors import ConfigError, LabelError, ShapeError
from jaxface.face import FaceModel, FaceParams, neutral, sample_population
from jaxface.render import Scene, image
from jaxface.search import SearchConfig, Status, augmentation, build, evaluate, maximise, prepared
from tests.heads import toy_head

LABELS = ("happy", "surprised", "angry", "neutral")
SCENE = Scene(size=32, supersample=1)
QUICK = SearchConfig(population=8, max_evaluations=40, target=0.9, gradient_steps=10, views="plain")


@functools.cache
def head() -> FaceModel:
    return toy_head()


@functools.cache
def answers():
    """Logits that grow as a picture nears the hand-set smile, raised brow or lowered brow of the mean head."""
    base = neutral(head())
    prototypes = head().expressions.prototypes
    pictures = jnp.stack(
        [image(head(), dataclasses.replace(base, expression=phi), SCENE) for phi in prototypes]
    )
    plain = image(head(), base, SCENE)
    towards = pictures - plain[None]
    towards = towards / jnp.sum(towards**2, axis=(1, 2, 3), keepdims=True)

    def logits(images: jax.Array) -> jax.Array:
        shares = jnp.einsum("bhwc,khwc->bk", images - plain[None], towards)
        return jnp.concatenate([8.0 * shares, jnp.full((len(images), 1), 4.0)], axis=1)

    return logits


@functools.cache
def classifier():
    return from_function(answers(), labels=LABELS)


def people(key: jax.Array, count: int) -> FaceParams:
    return sample_population(key, head(), count)


@functools.cache
def bare_head() -> FaceModel:
    """The same head without prototypes."""
    no_prototypes = dataclasses.replace(head().expressions, prototypes=jnp.zeros((0, 4)), prototype_labels=())
    return dataclasses.replace(head(), expressions=no_prototypes)


@pytest.mark.parametrize("method", ["differential-evolution", "gradient", "hybrid"])
@pytest.mark.parametrize("which", ["prototypes", "bare"])
def test_every_method_finds_what_the_classifier_wants(method, which, key):
    config = dataclasses.replace(QUICK, method=method)
    model = head() if which == "prototypes" else bare_head()
    searcher = build(classifier(), model, SCENE, config)
    params, targets = people(key, 3), np.array([0, 1, 2])
    result = searcher.run(key, params, targets)
    # The probability is the classifier's answer to the face.
    faces = dataclasses.replace(params, expression=jnp.asarray(result.expression))
    pictures = jax.vmap(lambda one: image(model, one, SCENE))(faces)
    answers_to_faces = np.asarray(classifier().probabilities(pictures))
    np.testing.assert_allclose(result.probability, answers_to_faces[np.arange(3), targets], atol=1e-4)
    before = classifier().probabilities(jax.vmap(lambda one: image(model, one, SCENE))(params))
    assert (result.probability > np.asarray(before)[np.arange(3), targets]).all()
    assert (result.probability > 0.9).sum() >= 2
    np.testing.assert_array_equal(result.status == Status.REACHED, result.probability > config.target)
    np.testing.assert_array_equal(result.success(0.9), result.probability > 0.9)
    assert (result.expression >= 0).all() and (result.expression <= 1).all()
    assert (result.forward_calls + result.gradient_calls <= config.max_evaluations).all()
    assert (result.excess == 0).all()
    assert (result.probability_shifted_min <= result.probability_shifted).all()
    assert (result.cpu_seconds > 0).all()


def traces() -> list[int]:
    mesh = sharding.sharding_for(3).mesh
    return [
        sharding.compile_program(program, mesh)._cache_size()
        for program in (prepared.draw, prepared.judge, prepared.value_and_grad)
    ]


def test_same_key_same_bits_and_nothing_is_traced_again(key):
    searcher = build(classifier(), bare_head(), SCENE, QUICK)
    first = searcher.run(key, people(key, 3), np.array([0, 1, 2]))
    before = traces()
    again = searcher.run(key, people(key, 3), np.array([0, 1, 2]))
    np.testing.assert_array_equal(first.expression, again.expression)
    np.testing.assert_array_equal(first.probability, again.probability)
    twin = build(classifier(), bare_head(), SCENE, dataclasses.replace(QUICK))
    others = twin.run(key, people(jax.random.key(5), 3), np.array([2, 0, 1]))
    assert (others.expression != first.expression).any()
    assert traces() == before and min(before) > 0


def test_all_cases_at_once_as_on_an_accelerator_score_the_same(key, monkeypatch):
    """Mapped cases on a CPU, vmapped ones elsewhere: the same numbers up to rounding."""
    problem = build(classifier(), head(), SCENE, QUICK).problem
    cases = evaluate.Cases(people(key, 3), jnp.array([0, 1, 2]))
    candidates = jax.random.uniform(jax.random.key(1), (3, 7, 4))
    active = jnp.array([True, False, True])

    def answers_of_all() -> list:
        jax.clear_caches()
        return jax.tree.leaves(
            [
                evaluate.population_scores(problem, cases, candidates, active),
                evaluate.value_and_grad(problem, cases, candidates[:, 0], active),
                evaluate.shifted_probabilities(problem, cases, candidates[:, 0], active),
            ]
        )

    one_by_one = answers_of_all()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    try:
        for value, expected in zip(answers_of_all(), one_by_one, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4)
    finally:
        jax.clear_caches()
    assert not np.isfinite(one_by_one[0][1]).any() and np.isfinite(one_by_one[0][0]).all()


def test_a_callable_on_the_host_is_searched_by_evolution(key):
    on_device = answers()
    batch_sizes = []

    def fn(images: np.ndarray) -> np.ndarray:
        batch_sizes.append(len(images))
        return np.asarray(on_device(jnp.asarray(images)))

    host = from_function(fn, labels=LABELS, on_host=True)
    config = dataclasses.replace(QUICK, method="differential-evolution")
    params, targets = people(key, 3), np.array([0, 2, 1])
    there = build(host, head(), SCENE, config).run(key, params, targets)
    here = build(classifier(), head(), SCENE, config).run(key, params, targets)
    np.testing.assert_allclose(there.probability, here.probability, atol=1e-4)
    np.testing.assert_array_equal(there.forward_calls, here.forward_calls)
    assert sum(batch_sizes) == there.forward_calls.sum() + 3 * len(evaluate.SHIFTS)
    assert there.gradient_calls.sum() == 0
    with pytest.raises(ConfigError, match="host"):
        build(host, head(), SCENE, dataclasses.replace(QUICK, method="gradient"))


def test_the_plausibility_penalty_keeps_activations_inside(key):
    """A space where two coefficients drive each unit, so that the box allows activations up to 1.5."""
    mixing = jnp.array([[1.0, 0.5, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [0, 0, 1.0, 0.5], [0, 0, 0.5, 1.0]])
    space = dataclasses.replace(bare_head().expressions, units=mixing)
    model = dataclasses.replace(
        bare_head(), expressions=space, expression_basis=bare_head().expression_basis @ mixing.T
    )
    config = dataclasses.replace(
        QUICK, target=1.0, prior_weight=0.0, method="gradient", starts=1, learning_rate=1.0, projections=0
    )
    params, targets = people(key, 3), np.array([0, 1, 2])
    runs = {
        weight: build(classifier(), model, SCENE, dataclasses.replace(config, plausibility_weight=weight)).run(
            key, params, targets
        )
        for weight in (0.0, 1000.0)
    }
    assert runs[0.0].excess.max() > 0.1
    assert runs[1000.0].excess.max() < 0.02


def test_the_prior_keeps_faces_nearer(key):
    params, targets = people(key, 3), np.array([0, 1, 2])
    norms = []
    for weight in (0.0, 1.0):
        config = dataclasses.replace(
            QUICK, target=1.0, prior_weight=weight, prior_centre="neutral", method="gradient", starts=1
        )
        norms.append(build(classifier(), bare_head(), SCENE, config).run(key, params, targets).norm)
    assert (norms[1] < norms[0]).all()


@pytest.mark.usefixtures("last_bits")
@pytest.mark.parametrize("method", ["differential-evolution", "gradient"])
def test_a_strict_search_knows_nothing_of_the_prototypes(method, key):
    """With each switch off, a head with prototypes and units gives the bits of the same head without."""
    plain = dataclasses.replace(bare_head().expressions, units=None, unit_names=(), action_units=())
    config = dataclasses.replace(
        QUICK, method=method, initialization="uniform", prior_weight=0.0, plausibility_weight=0.0, projections=0
    )
    params, targets = people(key, 3), np.array([0, 1, 2])
    results = [
        build(classifier(), model, SCENE, config).run(key, params, targets)
        for model in (head(), dataclasses.replace(head(), expressions=plain))
    ]
    np.testing.assert_array_equal(results[0].expression, results[1].expression)
    np.testing.assert_array_equal(results[0].forward_calls, results[1].forward_calls)
    assert (results[0].expression != 0).any(axis=1).all()
    guided = build(classifier(), head(), SCENE, dataclasses.replace(config, initialization="prototypes"))
    assert (guided.run(key, params, targets).expression != results[0].expression).any()


def test_maximise_is_one_case_of_a_batch(key):
    one = jax.tree.map(lambda leaf: leaf[0], people(key, 1))
    arguments = {"expression": "joy", "key": key, "scene": SCENE, "config": QUICK}
    result = maximise(classifier(), head(), one, method="differential-evolution", **arguments)
    config = dataclasses.replace(QUICK, method="differential-evolution")
    batch = build(classifier(), head(), SCENE, config).run(key, people(key, 1), np.array([0]))
    np.testing.assert_array_equal(result.expression, batch.expression)
    with pytest.raises(LabelError, match="fear"):
        maximise(classifier(), head(), one, expression="fear", key=key, scene=SCENE, config=QUICK)


def test_a_classifier_that_answers_nonsense_is_reported(key):
    broken = from_function(lambda images: jnp.full((len(images), 4), jnp.nan), labels=LABELS)
    result = build(broken, head(), SCENE, QUICK).run(key, people(key, 3), np.array([0, 1, 2]))
    assert (result.status == Status.FAILED).all()
    np.testing.assert_array_equal(result.expression, 0.0)
    np.testing.assert_array_equal(result.probability, 0.0)


def test_bad_batches_are_refused(key):
    searcher = build(classifier(), head(), SCENE, QUICK)
    with pytest.raises(ShapeError, match="leading axis"):
        searcher.run(key, people(key, 3), np.array([0]))
    with pytest.raises(ConfigError, match="from 0 to 3"):
        searcher.run(key, people(key, 1), np.array([4]))


def test_shifting_the_camera_moves_the_picture():
    base, pixels = neutral(head()), jnp.array([2.0, -3.0])
    still = image(head(), base, SCENE)
    from jaxface.render import frame

    camera = evaluate.shift_camera(frame(head(), base.identity, SCENE.framing), pixels, SCENE.size)
    picture = image(head(), base, dataclasses.replace(SCENE, camera=camera))
    np.testing.assert_allclose(picture[3:, 2:], still[:-3, :-2], atol=2e-3)


def test_views_keep_shape_range_and_centre(key):
    picture = jax.random.uniform(key, (32, 32, 3))
    assert augmentation.augmented_views(picture, "plain").shape == (1, 32, 32, 3)
    several = np.asarray(jax.jit(augmentation.augmented_views, static_argnums=1)(picture, "robust"))
    assert several.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(several[0], picture)
    assert several.min() >= 0 and several.max() <= 1 + 1e-6
    ramp = jnp.broadcast_to(jnp.linspace(0.0, 1.0, 32)[None, :, None], (32, 32, 3))
    closer = jax.jit(augmentation.zoom, static_argnums=1)(
        ramp, 2.0
    )  # a ramp twice as large about the same centre
    np.testing.assert_allclose(closer[:, :, 0].mean(), 0.5, atol=1e-5)
    np.testing.assert_allclose(closer[16, 17] - closer[16, 16], 0.5 / 31, atol=1e-5)
