"""The vertices of several faces at once: LANES of them are the innermost axis of every array.

What is fetched by index is then a row of contiguous numbers, and a basis is read once for all lanes. Every lane
is computed by the same instructions, so a face does not depend on those beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face import FaceModel, Landmarks
from jaxface.face.geometry import rotation_matrices
from jaxface.render.barriers import materialize
from jaxface.render.light import harmonics

if TYPE_CHECKING:
    from jaxface.data.rendered.faces import Face
    from jaxface.data.rendered.scenes import SceneParams

LANES = 16
_PIVOT = (0.0, -0.035, -0.04)  # metres from the eyes' midpoint: what the head turns about
_MAX_WRINKLE = 1.2  # expression line, as `appearance.line_weights` clips it


@pytree
class Rig:
    """A head's bases, coordinates first: (3 V, ...) holds all x, then all y, then all z.

    Attributes:
        template: (3 V,) metres.
        identity: (3 V, I); own, whole: (3 V, N), what either half does for itself and both together.
        left: (V,) share of the subject's left.
        eyes: (2, 3) left and right eye of the template; eyes_identity: (2, 3, I).
        eye_weight: (V, 2) how far a vertex turns with each eye.
        line_all, line_left: (L, N) strength of each expression line by activation: in all, and the part that
            the subject's left does for itself; line_own: what both sides do for themselves.
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


class VertexColumns(NamedTuple):
    """Vertices before their cameras, (V, LANES) each.

    Attributes:
        x, y: samples, as `camera.Screen.xy`; inverse_w: 1 / distance, 0 behind the camera.
        red, green, blue: light received.
        line: how strongly expression lines show.
    """

    x: Array
    y: Array
    inverse_w: Array
    red: Array
    green: Array
    blue: Array
    line: Array


def rig(head: FaceModel) -> Rig:
    """The rig of a head whose expression coefficients are facial units."""
    eyes = [head.joint_names.index(name) for name in ("left_eye", "right_eye")]
    template, identity, own, left, faces = (
        np.asarray(each)
        for each in (head.template, head.identity_basis, head.expression_basis, head.left_weight, head.faces)
    )
    regressor = np.asarray(head.joint_regressor)[eyes]
    whole = np.zeros_like(own) if head.whole_basis is None else np.asarray(head.whole_basis)
    lines, count = head.appearance.lines, len(template)
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


def columns(rig: Rig, faces: Face, shots: SceneParams, samples: int) -> VertexColumns:
    """LANES faces before their cameras: fields of `faces` and `shots` have a leading axis of that length.

    Args:
        samples: along an edge of the picture.
    """
    unposed = materialize(_unposed, rig, faces)
    eyes = _eyes(rig, faces)
    position = materialize(_posed, rig, unposed, eyes, faces)
    normal = materialize(_normals, rig, position)
    x, y, inverse_w = materialize(_seen, position, eyes, shots, jnp.float32(samples))
    red, green, blue = (materialize(_received, normal, shots.light[:, :, k].T) for k in range(3))
    return VertexColumns(x, y, inverse_w, red, green, blue, materialize(_lines, rig, faces, shots.lines))


def points(rig: Rig, of: Landmarks, faces: Face, shots: SceneParams) -> Array:
    """Where points of the surface lie in the pictures of B faces, (B, P, 2): x right, y down, in widths of the
    picture; behind something or not. Differentiable.

    Args:
        of: (P, C) vertices and weights.
        faces, shots: fields have a leading axis B, of any length.
    """
    chosen, count = of.vertices.reshape(-1), rig.left.shape[0]
    rows = (jnp.arange(3)[:, None] * count + chosen[None]).reshape(-1)
    part = dataclasses.replace(
        rig,
        template=rig.template[rows],
        identity=rig.identity[rows],
        own=rig.own[rows],
        whole=rig.whole[rows],
        left=rig.left[chosen],
        eye_weight=rig.eye_weight[chosen],
    )
    eyes = _eyes(rig, faces)
    corners = _posed(part, _unposed(part, faces), eyes, faces).reshape(3, *of.vertices.shape, -1)
    position = jnp.sum(of.weights[None, :, :, None] * corners, axis=2)
    x, y, _ = _seen(position, eyes, shots, jnp.float32(1.0))
    return jnp.stack([x.T, y.T], axis=-1)


def _eyes(rig: Rig, faces: Face) -> Array:
    """(LANES, 2, 3) left and right eye of the unposed heads."""
    return rig.eyes[None] + jnp.einsum("eci,li->lec", rig.eyes_identity, faces.identity)


def _unposed(rig: Rig, faces: Face) -> Array:
    """(3, V, LANES) metres: identity and expression."""
    activations = faces.activations.T
    frozen = jnp.where(faces.frozen_left[None], rig.left[:, None], 1.0 - rig.left[:, None])
    gain = 1.0 + (faces.symmetry[None] - 1.0) * frozen
    own = (rig.own @ activations).reshape(3, *gain.shape)
    rest = (rig.identity @ faces.identity.T + rig.whole @ activations + rig.template[:, None]).reshape(
        own.shape
    )
    return rest + gain[None] * own


def _posed(rig: Rig, unposed: Array, eyes: Array, faces: Face) -> Array:
    """(3, V, LANES): eyes turned in their sockets, then the head about a point behind them, which keeps the
    face in the picture."""
    aside = rotation_matrices(jnp.pad(faces.gaze, ((0, 0), (0, 1)))) - jnp.eye(3)[None]
    seen = [unposed[axis] for axis in range(3)]
    for eye in range(2):
        weight = rig.eye_weight[:, eye, None]
        moved = _turned(aside, [unposed[axis] - eyes[:, eye, axis][None] for axis in range(3)])
        seen = [one + weight * move for one, move in zip(seen, moved, strict=True)]
    pivot = jnp.mean(eyes, axis=1) + jnp.asarray(_PIVOT)[None]
    turned = _turned(rotation_matrices(faces.turn), [seen[axis] - pivot[:, axis][None] for axis in range(3)])
    return jnp.stack([turned[axis] + pivot[:, axis][None] for axis in range(3)])


def _turned(matrices: Array, vectors: Sequence[Array]) -> list[Array]:
    """Matrices (LANES, 3, 3) times three coordinates (V, LANES)."""
    return [sum(matrices[:, i, j][None] * vectors[j] for j in range(3)) for i in range(3)]  # type: ignore[misc]


def _normals(rig: Rig, position: Array) -> Array:
    """(3, V, LANES) sums of the adjacent faces' normals, weighted by area."""
    corner = [[position[axis][rig.corners[k]] for axis in range(3)] for k in range(3)]
    first = [b - a for a, b in zip(corner[0], corner[1], strict=True)]
    second = [c - a for a, c in zip(corner[0], corner[2], strict=True)]
    nobody = jnp.zeros((1, position.shape[-1]))
    sums = []
    for i in range(3):
        doubled = first[i - 2] * second[i - 1] - first[i - 1] * second[i - 2]
        area = materialize(lambda doubled: jnp.concatenate([doubled, nobody]), doubled)
        sums.append(sum(area[rig.around[:, k]] for k in range(rig.around.shape[1])))
    return jnp.stack(sums)


def _seen(position: Array, eyes: Array, shots: SceneParams, samples: Array) -> tuple[Array, Array, Array]:
    """Pixels x and y, and 1 / distance, before a camera placed by the unposed eyes as `render.frame` does."""
    across = jnp.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=-1)
    middle, height = jnp.mean(eyes, axis=1), shots.height * across
    centre_x = middle[:, 0] - shots.shift * height
    centre_y = middle[:, 1] - (0.5 - shots.eye_line) * height
    ahead = (middle[:, 2] + shots.distance)[None] - position[2]
    inverse_w = jnp.where(ahead > 1e-3, 1.0 / jnp.maximum(ahead, 1e-3), 0.0)
    focal = (shots.distance / height * samples)[None] * inverse_w
    x = 0.5 * samples + focal * (position[0] - centre_x[None])
    y = 0.5 * samples - focal * (position[1] - centre_y[None])
    return x, y, inverse_w


def _received(normal: Array, light: Array) -> Array:
    """(V, LANES) of one channel; light: (9, LANES)."""
    squared = normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]
    inverse = jnp.where(squared > 0.0, 1.0 / jnp.sqrt(jnp.maximum(squared, 1e-30)), 0.0)
    basis = harmonics(jnp.stack([normal[axis] * inverse for axis in range(3)], axis=-1))
    return jnp.maximum(sum(light[k][None] * basis[..., k] for k in range(9)), 0.0)


def _lines(rig: Rig, faces: Face, factor: Array) -> Array:
    """(V, LANES); see `appearance.line_weights`."""
    activations = faces.activations.T
    left = rig.line_left @ activations
    frozen = jnp.where(faces.frozen_left[None], left, rig.line_own @ activations - left)
    strength = rig.line_all @ activations + (faces.symmetry[None] - 1.0) * frozen
    return rig.region @ (factor[None] * jnp.clip(strength, 0.0, _MAX_WRINKLE))


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
