"""Heat on faces: values of pixels or of vertices, laid over the grey picture they belong to."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import jaxface as jf
from jaxface.face import FaceParams
from jaxface.report.face_renderer import FaceRenderer

FOR, AGAINST = np.array([214, 48, 30.0]), np.array([44, 104, 190.0])


def overlay(picture: np.ndarray, heat: np.ndarray, largest: float) -> np.ndarray:
    """(H, W, 3) uint8: red where heat is positive, blue where it is negative.

    Args:
        picture: (H, W, 3) uint8.
        heat: (H, W).
        largest: what gets the full colour.
    """
    grey = picture @ np.array([0.299, 0.587, 0.114]) * 0.7 + 60
    share = np.clip(heat / max(largest, 1e-12), -1, 1)
    weight = (0.9 * np.abs(share) ** 0.75)[..., None]
    colour = np.where(share[..., None] > 0, FOR, AGAINST)
    return np.round(np.clip(grey[..., None] * (1 - weight) + colour * weight, 0, 255)).astype(np.uint8)


def on_head(studio: FaceRenderer, face: FaceParams, values: np.ndarray, symmetry: float) -> np.ndarray:
    """(size, size) what the studio's camera sees of values (V,) on a face at full expression; 0 beside it.

    Args:
        face: one.
    """
    head, scene = studio.head, studio.scene
    face = FaceParams(*(jnp.asarray(leaf) for leaf in (face.identity, face.expression, face.pose, face.albedo)))
    skin = jf.face.vertices(head, face, symmetry, 1.0, studio.result.config.side)
    camera = jf.render.frame(head, face.identity, scene.framing) if scene.camera is None else scene.camera
    seen = jf.render.rasterize(skin, head.faces, camera, studio.size)
    triangle = np.asarray(seen.triangle)
    corners = np.asarray(head.faces)[np.maximum(triangle, 0)]
    heat = (values[corners] * np.asarray(seen.barycentric)).sum(-1)
    return np.where(triangle >= 0, heat, 0.0)
