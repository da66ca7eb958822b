"""Heat on faces: values of pixels or of vertices, laid over a grey picture."""

from functools import partial

import jax.numpy as jnp
import numpy as np

from jaxface import render
from jaxface.core.runtime import brief
from jaxface.core.types import LUMA, Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.interventions import Intervention
from jaxface.render import Scene
from jaxface.report.face_renderer import FaceRenderer

FOR, AGAINST = np.array([214, 48, 30.0]), np.array([44, 104, 190.0])


def overlay(picture: np.ndarray, heat: np.ndarray, largest: float) -> np.ndarray:
    """Return (H, W, 3) uint8: red where heat is positive, blue where it is negative.

    Args:
        picture: (H, W, 3) uint8.
        heat: (H, W).
        largest: the heat that gets the full colour.
    """
    grey = picture @ np.array(LUMA) * 0.7 + 60
    strength = np.clip(heat / max(largest, 1e-12), -1, 1)
    weight = (0.9 * np.abs(strength) ** 0.75)[..., None]
    colour = np.where(strength[..., None] > 0, FOR, AGAINST)
    return np.round(np.clip(grey[..., None] * (1 - weight) + colour * weight, 0, 255)).astype(np.uint8)


def values_on_face(
    renderer: FaceRenderer, params: FaceParams, values: np.ndarray, dose: float | None = None
) -> np.ndarray:
    """Return (size, size) values (V,) of a face's skin as the renderer's camera sees it; 0 beside the face.

    Args:
        params: one face, at its full expression.
        dose: level of the intervention; None = unchanged.
    """
    head, scene = renderer.head, renderer.scene
    level = renderer.intervention.axes[0].unchanged if dose is None else dose
    fragments = _fragments(renderer.intervention, head, params, scene, np.float32(level))
    triangle = np.asarray(fragments.triangle)
    corners = np.asarray(head.faces)[np.maximum(triangle, 0)]
    heat = (values[corners] * np.asarray(fragments.barycentric)).sum(-1)
    return np.where(triangle >= 0, heat, 0.0)


@partial(brief, static_argnums=0)
def _fragments(
    intervention: Intervention, head: FaceModel, params: FaceParams, scene: Scene, dose: Array
) -> render.Fragments:
    """What each pixel of the scene's camera shows of a face at full expression."""
    skin = geometry.pose_head(head, params, displacement_at(intervention, head, params, dose))
    camera = render.frame(head, params.identity, scene.framing) if scene.camera is None else scene.camera
    return render.rasterize(skin, head.faces, camera, scene.size)


def displacement_at(intervention: Intervention, head: FaceModel, params: FaceParams, dose: Array) -> Array:
    """Return (V, 3) metres, unposed: how a face at full expression is displaced at () dose.

    An intervention without affine fields leaves the shape of the full expression as it is.
    """
    fields = intervention.affine_fields(head, params)
    if fields is None:
        return geometry.expression_displacement(head, params.expression)
    full = jnp.float32(intervention.axes[1].levels[-1])
    return sum(w * field for w, field in zip(intervention.coefficients(dose, full), fields, strict=True))
