"""Interventions: what every entry of the registry promises, and that one of another kind needs no more."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import interventions
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry, neutral
from jaxface.face.appearance import wrinkle_weights
from jaxface.interventions import REGISTRY, Axis, Intervention, Symmetry, Wording
from jaxface.render import Deformation, Prepared, Scene, prepare, render
from tests.heads import toy_head

SCENE = Scene(size=16, supersample=1)


def smiling() -> FaceParams:
    expression, albedo = jnp.array([1.0, 0.0, 0.3, 0.4]), jnp.array([0.5, -0.5])
    return dataclasses.replace(neutral(toy_head()), expression=expression, albedo=albedo)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_entry_describes_itself_and_can_be_built_again(name: str) -> None:
    intervention = interventions.build(name)
    description = json.loads(json.dumps(dict(intervention.description())))
    again = interventions.build(**description)
    assert again == intervention and hash(again) == hash(intervention) and again.name == name
    for axis in intervention.axes:
        assert axis.unchanged in axis.levels and axis.name.isidentifier() and len(axis.symbol) == 1
        assert (np.diff(axis.values) > 0).all() and axis.values.dtype == np.float32
    dose = intervention.axes[0]
    assert all(dose.levels[0] <= level <= dose.levels[-1] for level in intervention.probe_levels)
    assert all(vars(intervention.wording).values())


AFFINE = [
    name
    for name in REGISTRY
    if jax.eval_shape(interventions.build(name).affine_fields, toy_head(), smiling()) is not None
]


def test_symmetry_takes_the_fast_path() -> None:
    assert AFFINE == ["symmetry"]


@pytest.mark.parametrize("name", AFFINE)
def test_affine_fields_move_the_head_as_the_pictures_do(name: str) -> None:
    """At levels within the axes and at their ends."""
    intervention, head, face = interventions.build(name), toy_head(), smiling()
    fields = intervention.affine_fields(head, face)
    assert fields is not None and fields.shape == (2, head.template.shape[0], 3)
    prepared = prepare(head, face, SCENE)
    pictures = []
    for dose, time in ((0.0, 1.0), (0.3, 0.7), (1.0, 0.0), (1.0, 1.0)):
        first, second = intervention.coefficients(jnp.float32(dose), jnp.float32(time))
        displacement = first * fields[0] + second * fields[1]
        wrinkles = wrinkle_weights(head.appearance.wrinkles, displacement)
        picture = render(head, prepared, Deformation(displacement, wrinkles), face.pose, SCENE)
        exact = interventions.image(intervention, head, face, SCENE, dose, time)
        np.testing.assert_allclose(picture, exact, atol=1e-4)
        pictures.append(np.asarray(picture))
    assert np.abs(pictures[0] - pictures[3]).max() > 0.05  # the dose changes the picture


def test_symmetry_is_equation_three() -> None:
    head, face = toy_head(), smiling()
    for side in ("left", "right"):
        symmetry = Symmetry(side)
        fields = symmetry.affine_fields(head, face)
        first, second = symmetry.coefficients(jnp.float32(0.3), jnp.float32(0.7))
        vertices = geometry.pose_head(head, face, first * fields[0] + second * fields[1])
        np.testing.assert_allclose(vertices, geometry.vertices(head, face, 0.3, 0.7, side), atol=1e-7)
    dose, time = Symmetry("left", 3, 4).axes
    np.testing.assert_array_equal(dose.values, np.linspace(0, 1, 3, dtype=np.float32))
    np.testing.assert_array_equal(time.values, np.linspace(0, 1, 4, dtype=np.float32))


def test_settings_without_meaning_are_refused() -> None:
    with pytest.raises(ConfigError, match="symmetry_steps = 1: must be at least 2"):
        Symmetry(symmetry_steps=1)
    with pytest.raises(ConfigError, match=r"side = 'lef', did you mean 'left'\?"):
        interventions.build("symmetry", side="lef")
    with pytest.raises(ConfigError, match=r"intervention = 'symetry', did you mean 'symmetry'\?"):
        interventions.build("symetry")
    with pytest.raises(ConfigError, match=r"symmetry.sides, did you mean 'side'\?"):
        interventions.build("symmetry", sides="left")


@dataclass(frozen=True)
class Shrinking:
    """The whole expression fades with the square of the dose: no affine displacement of dose and time."""

    name: ClassVar[str] = "shrinking"
    probe_levels: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    wording: ClassVar[Wording] = Wording("strength", "depends on strength", "full", "faint")
    axes: ClassVar[tuple[Axis, Axis]] = (
        Axis("strength", (0.0, 0.5, 1.0), 1.0, "k", ("faint", "full")),
        Axis("time", (0.0, 1.0), 1.0, "t", ("neutral", "full")),
    )

    def require(self, head: FaceModel, scene: Scene) -> None:
        pass

    def image(
        self,
        head: FaceModel,
        prepared: Prepared,
        params: FaceParams,
        scene: Scene,
        levels: tuple[Array, Array],
    ) -> Array:
        dose, time = levels
        displacement = geometry.expression_displacement(head, params.expression, 1.0, dose * dose * time)
        wrinkles = wrinkle_weights(head.appearance.wrinkles, displacement)
        return render(head, prepared, Deformation(displacement, wrinkles), params.pose, scene)

    def affine_fields(self, head: FaceModel, params: FaceParams) -> None:
        return None

    def coefficients(self, dose: Array, time: Array) -> tuple[Array, Array]:
        raise NotImplementedError("it has no affine fields")

    def description(self) -> Mapping[str, Any]:
        return {"name": self.name}


def test_an_intervention_without_affine_fields_has_grids_as_well() -> None:
    """As many pictures as would take the fast path, each that of `image`."""
    intervention: Intervention = Shrinking()
    head, face = toy_head(), smiling()
    dose, time = jnp.linspace(0.0, 1.0, 4), jnp.linspace(0.1, 1.0, 8)
    pictures = interventions.grid(intervention, head, face, SCENE, dose, time)
    assert pictures.shape == (4, 8, 16, 16, 3)
    half = interventions.image(intervention, head, face, SCENE, dose[2], time[5])
    np.testing.assert_allclose(pictures[2, 5], half, atol=1e-5)
    assert jnp.abs(pictures[0, -1] - pictures[-1, -1]).max() > 0.05

    def brightness(params: FaceParams) -> jax.Array:
        return interventions.grid(intervention, head, params, SCENE, dose, time).mean()

    assert jnp.abs(jax.grad(brightness)(face).expression).max() > 0
