"""One intervention on faces that another holds at a level."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import interventions, render
from jaxface.core.errors import ConfigError
from jaxface.face import FaceParams
from jaxface.interventions import REGISTRY, Given, Held, Symmetry
from tests.planted import RENDER, SETTINGS, named_head

SAMPLE = ("skin_tone", "age", "yaw", "blur")
"""One of each family of those that can be held."""
SCENE = render.scene(RENDER)
SYMMETRY = Symmetry(symmetry_steps=2, time_steps=2)


def face() -> FaceParams:
    head = named_head()
    return FaceParams(
        jnp.array([0.3, 0.2, 0.1]),
        jnp.array([1.0, 0.4, 0.0, 0.3]),
        jnp.zeros((5, 3)).at[0, 1].set(0.1),
        jnp.zeros(head.population.mean.shape[-1] - 3),
    )


def held(name: str) -> Held:
    return interventions.build(name, **SETTINGS.get(name, {}))  # type: ignore[return-value]


@pytest.mark.parametrize("name", SAMPLE)
def test_an_untouched_face_at_a_level_is_the_picture_of_that_level(name: str) -> None:
    head, other = named_head(), held(name)
    far = other.dose.levels[-1]
    pictures = grid(Given(SYMMETRY, other, far))
    alone = interventions.image(other, head, face(), SCENE, far, 1.0)
    np.testing.assert_allclose(pictures[1, 1], alone, atol=2e-3)
    assert np.abs(pictures[0, 1] - pictures[1, 1]).max() > 0.01


def test_at_the_unchanged_level_nothing_is_held() -> None:
    given = Given(SYMMETRY, held("skin_tone"), 0.0)
    np.testing.assert_allclose(grid(given), grid(SYMMETRY), atol=1e-5)
    one = interventions.image(given, named_head(), face(), SCENE, 0.0, 1.0)
    np.testing.assert_allclose(one, grid(SYMMETRY)[0, 1], atol=1e-5)


def grid(intervention: interventions.Intervention) -> np.ndarray:
    levels = jnp.array([0.0, 1.0])
    return np.asarray(interventions.grid(intervention, named_head(), face(), SCENE, levels, levels))


def test_what_is_held_has_a_name_that_builds_it_again() -> None:
    built = interventions.build(
        "symmetry at skin_tone -0.5", **{"symmetry.side": "right", "skin_tone.dark": -20}
    )
    assert isinstance(built, Given) and built.name == "symmetry at skin_tone -0.5"
    assert built.description()["side"] == "right"
    assert built.description()["condition"]["intervention"]["dark"] == -20
    assert built.axes == built.change.axes and "skin tone at -0.5" in built.wording.description


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("symmetry at palsy 1", "palsy cannot be held at a level"),
        ("symmetry at yaw 90", r"level of yaw = 90.0: must be in \[-30, 30\]"),
        ("yaw at yaw 3", "two different ones"),
        ("symmetry at yaww 3", "did you mean 'yaw'"),
        ("symmetry at yaw much", "'much' is not a level"),
    ],
)
def test_what_cannot_be_held_is_one_clear_line(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        interventions.build(name)


def test_settings_go_to_the_one_that_they_are_meant_for() -> None:
    settings = {"steps": 3, "yaw.largest": 20, "side": "right"}
    names = ("yaw", "symmetry", "blur")
    assert interventions.own_settings("yaw", settings, names) == {"steps": 3, "largest": 20}
    assert interventions.own_settings("blur", settings, names) == {"steps": 3}
    assert interventions.own_settings("symmetry", settings, names) == {"side": "right"}
    for wrong, message in (({"pitch.steps": 3}, "no such intervention"), ({"stepps": 3}, "a setting of none")):
        with pytest.raises(ConfigError, match=message):
            interventions.own_settings("yaw", wrong, names)


def test_most_of_the_registry_can_be_held() -> None:
    assert {name for name in REGISTRY if not isinstance(held(name), Held)} == {"symmetry", "palsy", "null"}
