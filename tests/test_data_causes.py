"""The causal world: action units drawn by its world, expressions by its rule, both read off what is drawn."""

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
    build_mechanism,
    distribution,
    edge_strengths,
    expression_class,
    load_world,
    rule_weights,
    sample_presence,
)

RECIPE = rendered.load_recipe("causes")
LABELS = RECIPE.expressions.labels
SMALL = CausalWorld(
    (1, 2, 4), (0.5, 0.2, 0.9), ((1, 2, 2.0), (2, 4, -3.0)), ("fear",), (("fear", 4, 1.0),), 0.5
)


@pytest.fixture(scope="module")
def assets() -> SceneAssets:
    return rendered.build_assets(dataclasses.replace(RECIPE, size=16))


def test_the_distribution_of_a_chain_by_hand() -> None:
    states, probability = distribution(dataclasses.replace(SMALL, noise=2.0))
    by_state = {tuple(state): value for state, value in zip(states, probability, strict=True)}
    second = 1 / (1 + np.exp(-(np.log(0.2 / 0.8) + 2.0 / 2.0)))
    third = 1 / (1 + np.exp(-(np.log(0.9 / 0.1) - 3.0 / 2.0)))
    np.testing.assert_allclose(by_state[1.0, 1.0, 1.0], 0.5 * second * third)
    np.testing.assert_allclose(by_state[0.0, 0.0, 1.0], 0.5 * 0.8 * 0.9)
    np.testing.assert_allclose(by_state[0.0, 1.0, 0.0], 0.5 * 0.2 * (1 - third))
    np.testing.assert_allclose(probability.sum(), 1.0)


@pytest.mark.parametrize("noise", [1.0, 0.5])
def test_states_are_drawn_as_often_as_the_model_says(noise: float) -> None:
    world, count = dataclasses.replace(load_world("signed"), noise=noise), 60_000
    arrays = build_mechanism(world, LABELS)
    uniform = np.random.default_rng(0).random((count, len(world.units)), np.float32)
    uniform = np.clip(uniform, 1e-7, 1 - 1e-7)

    @jax.jit
    def sample(uniform: jax.Array) -> tuple[jax.Array, jax.Array]:
        presence = jax.vmap(sample_presence, (0, None))(uniform, arrays)
        return presence, jax.vmap(expression_class, (0, None))(presence, arrays)

    presence, label = jax.device_get(sample(uniform))
    states, probability = distribution(world)
    code = 2 ** np.arange(len(world.units))[::-1]
    counts = np.bincount((presence @ code).astype(int), minlength=len(states))
    expected = count * probability
    frequent = expected >= 5.0
    counts, expected = (np.append(some[frequent], some[~frequent].sum()) for some in (counts, expected))
    freedom = len(counts) - 1
    assert ((counts - expected) ** 2 / expected).sum() < freedom + 4 * np.sqrt(2 * freedom)
    sums = states @ rule_weights(world, LABELS)
    sums[:, LABELS.index("neutral")] = world.threshold
    share = np.bincount(sums.argmax(1), probability)
    np.testing.assert_allclose(np.bincount(label, minlength=len(LABELS)) / count, share, atol=0.01)
    if noise == 1.0:
        assert share.min() > 0.05  # every class can be learnt


def test_no_two_expressions_are_equally_strong() -> None:
    world = load_world("signed")
    states, _ = distribution(world)
    sums = np.sort(
        np.append(states @ rule_weights(world, world.expressions), np.full((1024, 1), 0.9), 1), axis=1
    )
    assert (sums[:, -1] - sums[:, -2]).min() > 1e-3


def test_labels_are_what_the_face_shows(assets: SceneAssets) -> None:
    world = load_world("signed")

    def sample(key: jax.Array) -> tuple[Labels, dict[str, jax.Array]]:
        labels = rendered.sample_labels(key, assets)
        return labels, rendered.columns(assets, labels)

    draw = jax.jit(jax.vmap(sample), compiler_options={"xla_backend_optimization_level": 0})  # it runs once
    labels, columns = jax.device_get(draw(jax.random.split(jax.random.key(1), 2000)))
    visibility = np.asarray(assets.unit_visibility)[np.asarray(assets.unit_indices)]
    activations = np.maximum(labels.activations, labels.rest)  # what `sample_face` shows
    strongest = (visibility[None] * activations[:, None]).max(axis=2)
    np.testing.assert_array_equal(columns["units"], strongest >= RECIPE.units.threshold)
    assert not ((strongest > 0.2) & (strongest < 0.4)).any()  # nothing is half there, at rest or otherwise
    sums = columns["units"] @ rule_weights(world, LABELS)
    sums[:, LABELS.index("neutral")] = world.threshold
    np.testing.assert_array_equal(columns["label"], sums.argmax(1))
    states, probability = distribution(world)
    rate = probability @ states
    deviation = np.sqrt(rate * (1 - rate) / len(sums))
    assert (np.abs(columns["units"].mean(0) - rate) < 4 * deviation).all()
    joint = columns["units"].T @ columns["units"] / len(sums)
    np.testing.assert_allclose(joint, states.T @ (probability[:, None] * states), atol=0.05)
    assert labels.identity.std() > 0.0


def test_the_world_has_what_is_asked_of_it(assets: SceneAssets) -> None:
    world = load_world("signed")
    strength = edge_strengths(world)
    assert (strength > 0).sum() == 7 and (strength < 0).sum() == 4
    place = [assets.action_units.index(unit) for unit in world.units]
    assert (
        float(jnp.max(assets.exclusive[:, jnp.asarray(place)].sum(1))) <= 1.0
    )  # any two may be shown together
    order = [world.units[place] for place in world.order()]
    assert all(order.index(cause) < order.index(effect) for cause, effect, _ in world.edges)


def test_what_is_no_world_is_refused(tmp_path: Path) -> None:
    for change, message in (
        ({"edges": ((1, 2, 1.0), (2, 4, 1.0), (4, 1, 1.0))}, r"cycle, AU\d -> AU"),
        ({"edges": ((1, 3, 1.0),)}, "action unit 3"),
        ({"edges": ((1, 2, 1.0), (1, 2, -1.0))}, r"edges = .*: must be without duplicates"),
        ({"base": (0.5, 0.0, 0.5)}, r"base = 0\.0: must be in \(0, 1\)"),
        ({"noise": 0.0}, "noise = 0.0: must be more than 0"),
        ({"expressions": ("neutral",)}, "expressions = 'neutral'"),
        ({"rule": (("anger", 1, 1.0),)}, "no expression 'anger'"),
    ):
        with pytest.raises(ConfigError, match=message):
            dataclasses.replace(SMALL, **change)
    with pytest.raises(ConfigError, match="no world 'sined', did you mean 'signed'"):
        load_world("sined")
    file = tmp_path / "mine.toml"
    file.write_text("units = [1]\n")
    with pytest.raises(ConfigError, match="base"):
        load_world(file)
    with pytest.raises(ConfigError, match="must be the world's"):
        build_mechanism(SMALL, ("fear",))
    units = dataclasses.replace(RECIPE.units, numbers=(1, 2, 4))
    with pytest.raises(ConfigError, match="must be those of its world"):
        rendered.build_assets(dataclasses.replace(RECIPE, units=units))
