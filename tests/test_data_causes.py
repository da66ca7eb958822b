"""The known world: action units drawn by its causes, expressions by its rule, both read off what is drawn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.errors import ConfigError
from jaxface.data import rendered
from jaxface.data.rendered import Labels, SceneAssets
from jaxface.data.rendered.causal_world import (
    CausalWorld,
    distribution,
    expression,
    load_world,
    mechanism,
    present,
    strengths,
    weights,
)

RECIPE = rendered.load_recipe("causes")
LABELS = RECIPE.expressions.labels
SMALL = CausalWorld(
    (1, 2, 4), (0.5, 0.2, 0.9), ((1, 2, 2.0), (2, 4, -3.0)), ("fear",), (("fear", 4, 1.0),), 0.5
)


@pytest.fixture(scope="module")
def studio() -> SceneAssets:
    return rendered.build_assets(dataclasses.replace(RECIPE, size=16))


def test_the_distribution_of_a_chain_by_hand() -> None:
    states, probability = distribution(dataclasses.replace(SMALL, noise=2.0))
    found = {tuple(state): value for state, value in zip(states, probability, strict=True)}
    second = 1 / (1 + np.exp(-(np.log(0.2 / 0.8) + 2.0 / 2.0)))
    third = 1 / (1 + np.exp(-(np.log(0.9 / 0.1) - 3.0 / 2.0)))
    np.testing.assert_allclose(found[1.0, 1.0, 1.0], 0.5 * second * third)
    np.testing.assert_allclose(found[0.0, 0.0, 1.0], 0.5 * 0.8 * 0.9)
    np.testing.assert_allclose(found[0.0, 1.0, 0.0], 0.5 * 0.2 * (1 - third))
    np.testing.assert_allclose(probability.sum(), 1.0)


@pytest.mark.parametrize("noise", [1.0, 0.5])
def test_states_are_drawn_as_often_as_the_model_says(noise: float) -> None:
    causes, count = dataclasses.replace(load_world("signed"), noise=noise), 60_000
    made = mechanism(causes, LABELS)
    even = np.random.default_rng(0).random((count, len(causes.units)), np.float32)
    even = np.clip(even, 1e-7, 1 - 1e-7)

    @jax.jit
    def drawn(even: jax.Array) -> tuple[jax.Array, jax.Array]:
        shown = jax.vmap(present, (0, None))(even, made)
        return shown, jax.vmap(expression, (0, None))(shown, made)

    shown, label = jax.device_get(drawn(even))
    states, probability = distribution(causes)
    code = 2 ** np.arange(len(causes.units))[::-1]
    found = np.bincount((shown @ code).astype(int), minlength=len(states))
    expected = count * probability
    kept = expected >= 5.0
    found, expected = (np.append(some[kept], some[~kept].sum()) for some in (found, expected))
    freedom = len(found) - 1
    assert ((found - expected) ** 2 / expected).sum() < freedom + 4 * np.sqrt(2 * freedom)
    sums = states @ weights(causes, LABELS)
    sums[:, LABELS.index("neutral")] = causes.threshold
    share = np.bincount(sums.argmax(1), probability)
    np.testing.assert_allclose(np.bincount(label, minlength=len(LABELS)) / count, share, atol=0.01)
    if noise == 1.0:
        assert share.min() > 0.05  # every class can be learnt


def test_no_two_expressions_are_equally_strong() -> None:
    causes = load_world("signed")
    states, _ = distribution(causes)
    sums = np.sort(np.append(states @ weights(causes, causes.expressions), np.full((1024, 1), 0.9), 1), axis=1)
    assert (sums[:, -1] - sums[:, -2]).min() > 1e-3


def test_labels_are_what_the_face_shows(studio: SceneAssets) -> None:
    causes = load_world("signed")

    def drawn(key: jax.Array) -> tuple[Labels, dict[str, jax.Array]]:
        labels = rendered.sample_labels(key, studio)
        return labels, rendered.columns(studio, labels)

    draw = jax.jit(jax.vmap(drawn), compiler_options={"xla_backend_optimization_level": 0})  # it runs once
    labels, columns = jax.device_get(draw(jax.random.split(jax.random.key(1), 2000)))
    shows = np.asarray(studio.shows)[np.asarray(studio.labelled)]
    activations = np.maximum(labels.activations, labels.rest)  # what `sample_face` shows
    strongest = (shows[None] * activations[:, None]).max(axis=2)
    np.testing.assert_array_equal(columns["units"], strongest >= RECIPE.units.threshold)
    assert not ((strongest > 0.2) & (strongest < 0.4)).any()  # nothing is half there, at rest or otherwise
    sums = columns["units"] @ weights(causes, LABELS)
    sums[:, LABELS.index("neutral")] = causes.threshold
    np.testing.assert_array_equal(columns["label"], sums.argmax(1))
    states, probability = distribution(causes)
    rate = probability @ states
    deviation = np.sqrt(rate * (1 - rate) / len(sums))
    assert (np.abs(columns["units"].mean(0) - rate) < 4 * deviation).all()
    together = columns["units"].T @ columns["units"] / len(sums)
    np.testing.assert_allclose(together, states.T @ (probability[:, None] * states), atol=0.05)
    assert labels.identity.std() > 0.0


def test_the_world_has_what_is_asked_of_it(studio: SceneAssets) -> None:
    causes = load_world("signed")
    strength = strengths(causes)
    assert (strength > 0).sum() == 7 and (strength < 0).sum() == 4
    place = [studio.action_units.index(unit) for unit in causes.units]
    assert (
        float(jnp.max(studio.exclusive[:, jnp.asarray(place)].sum(1))) <= 1.0
    )  # any two may be shown together
    order = [causes.units[place] for place in causes.order()]
    assert all(order.index(cause) < order.index(effect) for cause, effect, _ in causes.edges)


def test_what_is_no_world_is_refused(tmp_path: Path) -> None:
    for changed, message in (
        ({"edges": ((1, 2, 1.0), (2, 4, 1.0), (4, 1, 1.0))}, "AU.* -> AU.*circle|circle.*AU"),
        ({"edges": ((1, 3, 1.0),)}, "action unit 3"),
        ({"edges": ((1, 2, 1.0), (1, 2, -1.0))}, "edges .* twice"),
        ({"base": (0.5, 0.0, 0.5)}, r"rate in \(0, 1\)"),
        ({"noise": 0.0}, "noise = 0.0"),
        ({"expressions": ("neutral",)}, "'neutral' cannot have a rule"),
        ({"rule": (("anger", 1, 1.0),)}, "no expression 'anger'"),
    ):
        with pytest.raises(ConfigError, match=message):
            dataclasses.replace(SMALL, **changed)
    with pytest.raises(ConfigError, match="no world 'sined', did you mean 'signed'"):
        load_world("sined")
    file = tmp_path / "mine.toml"
    file.write_text("units = [1]\n")
    with pytest.raises(ConfigError, match="base"):
        load_world(file)
    with pytest.raises(ConfigError, match="the world has"):
        mechanism(SMALL, ("fear",))
    units = dataclasses.replace(RECIPE.units, numbers=(1, 2, 4))
    with pytest.raises(ConfigError, match="they must be the same"):
        rendered.build_assets(dataclasses.replace(RECIPE, units=units))
