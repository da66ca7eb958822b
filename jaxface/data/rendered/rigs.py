"""The vertices of several faces at once: LANES of them are every array's innermost axis.

What is fetched by index is then a row of contiguous numbers, and a basis is read once for all
lanes. Every lane is computed by the same instructions: a face does not depend on those beside it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face import FaceModel, Landmarks
from jaxface.face.appearance import wrinkle_map_weights
from jaxface.face.geometry import rotation_matrices
from jaxface.face.sides import gains_of
from jaxface.render.barriers import materialize
from jaxface.render.camera import inverse_distance, pixel_x, pixel_y, place_camera
from jaxface.render.scenes import Perspective
from jaxface.render.vertex import (
    Planes,
    VertexBuffers,
    gather_normal_sums,
    rotate,
    subtract,
    vertex_buffers,
)

if TYPE_CHECKING:
    from jaxface.data.rendered.labels import Face
    from jaxface.data.rendered.scenes import SceneParams

_PIVOT = (0.0, -0.035, -0.04)  # metres from the eyes' midpoint: what the head turns about


@pytree
class Rig:
    """A head's bases, coordinates first: (3 V, ...) holds all x, then all y, then all z.

    Attributes:
        template: (3 V,) metres.
        identity: (3 V, I); own, whole: (3 V, N), what either half does alone and both together.
        left: (V,) share of the subject's left.
        eyes: (2, 3) left and right eye of the template; eyes_identity: (2, 3, I).
        eye_weight: (V, 2) how far a vertex turns with each eye.
        line_all, line_left, line_own: (L, N) strength of each expression line by activation: in
            all, what the subject's left does for itself, and what both sides do for themselves.
        region: (V, L) where a line shows.
        corners: (3, F) vertices of the faces.
        around: (V, D) faces at each vertex; F stands for none.
    """

    template: Array
    identity: Array
    own: Array
    whole: Array
    left: Array
    eyes: Array
    eyes_identity: Array
    eye_weight: Array
    line_all: Array
    line_left: Array
    line_own: Array
    region: Array
    corners: Array
    around: Array


def rig(head: FaceModel) -> Rig:
    """The rig of a head whose expression coefficients are facial units."""
    eyes = [head.joint_names.index(name) for name in ("left_eye", "right_eye")]
    template, identity, own, left, faces = (
        np.asarray(each)
        for each in (head.template, head.identity_basis, head.expression_basis, head.left_weight, head.faces)
    )
    regressor = np.asarray(head.joint_regressor)[eyes]
    whole = np.zeros_like(own) if head.shared_basis is None else np.asarray(head.shared_basis)
    lines, count = head.appearance.wrinkles, len(template)
    feature = np.zeros((count, 3, 0), np.float32) if lines is None else np.asarray(lines.feature)
    line_own = _strengths(feature, own)
    parts: dict[str, np.ndarray] = {
        "template": template.T.reshape(-1),
        "identity": _coordinates_first(identity),
        "own": _coordinates_first(own),
        "whole": _coordinates_first(whole),
        "left": left,
        "eyes": regressor @ template,
        "eyes_identity": np.tensordot(regressor, identity, 1),
        "eye_weight": np.asarray(head.skinning_weights)[:, eyes],
        "line_all": line_own + _strengths(feature, whole),
        "line_left": _strengths(left[:, None, None] * feature, own),
        "line_own": line_own,
        "region": np.zeros((count, 0), np.float32) if lines is None else np.asarray(lines.region),
        "corners": faces.T,
        "around": _around(faces, count),
    }
    return Rig(**{name: jnp.asarray(part) for name, part in parts.items()})


def columns(rig: Rig, faces: Face, scenes: SceneParams, samples: int) -> VertexBuffers:
    """Return the vertices of LANES faces before their cameras, (V, LANES) each.

    Args:
        faces, scenes: fields have a leading axis LANES.
        samples: along an edge of the picture.
    """
    eyes = _eyes(rig, faces)
    position = materialize(_posed, rig, materialize(_unposed, rig, faces), eyes, faces)
    normal = gather_normal_sums(position, rig.corners, rig.around)
    light = tuple(scenes.light[:, :, channel].T for channel in range(3))
    wrinkle = materialize(_wrinkles, rig, faces, scenes.lines)
    return vertex_buffers(_cameras(eyes, scenes), light, position, normal, wrinkle, samples)


def points(rig: Rig, marks: Landmarks, faces: Face, scenes: SceneParams) -> Array:
    """Return where surface points lie in B pictures, (B, P, 2), in widths, x right, y down.

    Hidden or not. Differentiable.

    Args:
        marks: (P, C) vertices and weights.
        faces, scenes: fields have a leading axis B, of any length.
    """
    vertex_ids, count = marks.vertices.reshape(-1), rig.left.shape[0]
    rows = (jnp.arange(3)[:, None] * count + vertex_ids[None]).reshape(-1)
    part = dataclasses.replace(
        rig,
        template=rig.template[rows],
        identity=rig.identity[rows],
        own=rig.own[rows],
        whole=rig.whole[rows],
        left=rig.left[vertex_ids],
        eye_weight=rig.eye_weight[vertex_ids],
    )
    eyes = _eyes(rig, faces)
    cameras = _cameras(eyes, scenes)
    vertices = _posed(part, _unposed(part, faces), eyes, faces)
    x, y, z = (
        jnp.sum(marks.weights[:, :, None] * axis.reshape(*marks.vertices.shape, -1), axis=1)
        for axis in vertices
    )
    inverse_w = inverse_distance(cameras, z)
    widths = (pixel_x(cameras, 1, x, inverse_w), pixel_y(cameras, 1, y, inverse_w))
    return jnp.stack([axis.T for axis in widths], axis=-1)


def _eyes(rig: Rig, faces: Face) -> Array:
    """(LANES, 2, 3) left and right eye of the unposed heads."""
    return rig.eyes[None] + jnp.einsum("eci,li->lec", rig.eyes_identity, faces.identity)


def _cameras(eyes: Array, scenes: SceneParams) -> Perspective:
    """The camera of each lane, placed by the unposed eyes; fields have a leading axis LANES."""
    return jax.vmap(place_camera)(
        eyes[:, 0], eyes[:, 1], scenes.height, scenes.eye_line, scenes.distance, scenes.shift
    )


def _unposed(rig: Rig, faces: Face) -> Planes:
    """Identity and expression, metres, (V, LANES) each."""
    activations = faces.activations.T
    gain = gains_of(_frozen(faces, rig.left[:, None], 1.0 - rig.left[:, None]), faces.symmetry[None])
    own = (rig.own @ activations).reshape(3, *gain.shape)
    rest = rig.identity @ faces.identity.T + rig.whole @ activations + rig.template[:, None]
    x, y, z = rest.reshape(own.shape) + gain[None] * own
    return x, y, z


def _frozen(faces: Face, left: Array, right: Array) -> Array:
    """What belongs to the frozen side of each lane, of two that broadcast to (..., LANES)."""
    return jnp.where(faces.frozen_left[None], left, right)


def _posed(rig: Rig, neutral: Planes, eyes: Array, faces: Face) -> Planes:
    """(V, LANES) each: eyes rotated in their sockets, then the head about a point behind them."""
    aside = rotation_matrices(jnp.pad(faces.gaze, ((0, 0), (0, 1)))) - jnp.eye(3)[None]
    position = neutral
    for eye in range(2):
        weight = rig.eye_weight[:, eye, None]
        x, y, z = rotate(aside, subtract(neutral, _rows(eyes[:, eye])))
        position = position[0] + weight * x, position[1] + weight * y, position[2] + weight * z
    pivot = _rows(jnp.mean(eyes, axis=1) + jnp.asarray(_PIVOT)[None])
    turned_position = rotate(rotation_matrices(faces.turn), subtract(position, pivot))
    return turned_position[0] + pivot[0], turned_position[1] + pivot[1], turned_position[2] + pivot[2]


def _rows(points: Array) -> Planes:
    """Points (LANES, 3), one of each lane, as (1, LANES) each."""
    return points[:, 0][None], points[:, 1][None], points[:, 2][None]


def _wrinkles(rig: Rig, faces: Face, factor: Array) -> Array:
    """(V, LANES) how strongly the wrinkle map shows: linear in the displacement."""
    activations = faces.activations.T
    left = rig.line_left @ activations
    frozen_part = _frozen(faces, left, rig.line_own @ activations - left)
    strength = rig.line_all @ activations + (faces.symmetry[None] - 1.0) * frozen_part
    return wrinkle_map_weights(rig.region, strength, factor[None])


def _coordinates_first(basis: np.ndarray) -> np.ndarray:
    return np.moveaxis(basis, 0, 1).reshape(-1, basis.shape[-1])


def _strengths(feature: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(L, N) strength of each line by activation, from (V, 3, L) and (V, 3, N)."""
    return np.tensordot(feature, basis, ((0, 1), (0, 1)))


def _around(faces: np.ndarray, vertices: int) -> np.ndarray:
    """(V, D) int32 faces at each vertex, padded with F."""
    corner = faces.reshape(-1)
    order = np.argsort(corner, kind="stable")
    count = np.bincount(corner, minlength=vertices)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    out = np.full((vertices, count.max()), len(faces), np.int32)
    out[corner[order], np.arange(len(corner)) - first[corner[order]]] = order // 3
    return out
