"""Hair: the lift of a short haircut, and a shell of long hair that an identity coefficient brings
out."""

import dataclasses
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from tools.bundled_head.mesh import PARTS, Head
from tools.bundled_head.units import table
from tools.bundled_head.wheel import Floats, Ints, Wheel

DOME_FOOT = 10.2  # cm: where the dome of long hair begins
REACH = 2.5  # cm: how far the shell averages the head's identity shapes


@dataclasses.dataclass(frozen=True)
class Shell:
    """What long hair adds.

    Attributes:
        vertices: (N,) of the head with the shell.
        shown: (V, 3) cm from hidden in the skull to falling to the shoulders.
        parents, weights: (N, K) skin vertices whose identity shapes a hair vertex follows.
    """

    vertices: Ints
    shown: Floats
    parents: Ints
    weights: Floats

    def follow(self, field: Floats) -> Floats:
        """Return `field` (V, ...) with the hair's rows replaced by weighted means of their parents'
        rows."""
        out = field.copy()
        out[self.vertices] = np.einsum("nk,nk...->n...", self.weights, field[self.parents])
        return out


def above_hairline(points: Floats) -> Floats:
    """Return centimetres above the hairline, (...,), negative on the face and the neck."""
    data = table("hair.toml")
    angle = np.degrees(np.arctan2(np.abs(points[..., 0]), points[..., 2] - data["axis"]))
    line = data["hairline"]
    return points[..., 1] - np.interp(angle, line["angle"], line["height"])


def ears(wheel: Wheel, head: Head) -> Floats:
    """Return (V,) 1 on the ears, 0 elsewhere."""
    texture = np.zeros((len(head.template), 2))
    texture[head.faces.ravel()] = head.uv[head.uv_faces.ravel()]
    picture = wheel.picture("mpfb_ears.jpg")
    rows, columns = ((1.0 - texture[:, 1]) * 2047).astype(int), (texture[:, 0] * 2047).astype(int)
    mask = picture[rows, columns] * (head.part == PARTS.index("skin"))
    return np.maximum(mask, mask[head.mirror])


def lift_scalp(head: Head, ear: Floats) -> Head:
    """Return the head with the volume of short hair."""
    line = table("hair.toml")["hairline"]
    share = np.clip(above_hairline(head.template) / line["volume_band"], 0.0, 1.0) * (1.0 - ear)
    share = (share * share * (3.0 - 2.0 * share)) * np.isin(head.part, [PARTS.index("skin")])
    outward = _normals(head.template, head.faces)
    template = head.template + line["volume"] * share[:, None] * outward
    mirror_image = template[head.mirror] * np.array([-1.0, 1.0, 1.0])
    return dataclasses.replace(head, template=0.5 * (template + mirror_image))


def add_shell(head: Head) -> tuple[Head, Shell]:
    """Return the head with the shell of long hair, hidden in the skull."""
    data = table("hair.toml")
    outer, strand = _rings(head, data)
    inner = _inset(outer, data)
    rows, columns = outer.shape[:2]
    left = np.concatenate([outer.reshape(-1, 3), inner.reshape(-1, 3)])
    texture = np.concatenate([strand.reshape(-1, 2), strand.reshape(-1, 2)])
    faces = _grid_faces(rows, columns)
    count, start, half = len(left), len(head.template), len(head.faces) // 2
    visible_points = np.concatenate([left, left * np.array([-1.0, 1.0, 1.0])])
    centre = np.array(data["shell"]["hidden_at"])
    hidden_points = centre + (visible_points - centre) * np.array(data["shell"]["hidden_scale"])
    halves = (faces + start, faces[:, ::-1] + start + count)
    uv_halves = (faces + len(head.uv), faces[:, ::-1] + len(head.uv))
    extended_head = dataclasses.replace(
        head,
        template=np.concatenate([head.template, hidden_points]),
        faces=np.concatenate([head.faces[:half], halves[0], head.faces[half:], halves[1]]),
        uv=np.concatenate([head.uv, texture]),
        uv_faces=np.concatenate([head.uv_faces[:half], uv_halves[0], head.uv_faces[half:], uv_halves[1]]),
        part=np.concatenate([head.part, np.full(2 * count, PARTS.index("hair"))]),
        mirror=np.concatenate([head.mirror, start + (np.arange(2 * count) + count) % (2 * count)]),
        source=np.concatenate([head.source, np.full(2 * count, -1)]),
    )
    displacement = np.zeros_like(extended_head.template)
    displacement[start:] = visible_points - hidden_points
    skin = head.of("skin")
    distance, index = cKDTree(head.template[skin]).query(visible_points, 24)
    weights = np.exp(-0.5 * ((distance - distance[:, :1]) / REACH) ** 2)
    weights /= weights.sum(1, keepdims=True)
    return extended_head, Shell(np.arange(start, start + 2 * count), displacement, skin[index], weights)


def _rings(head: Head, data: dict[str, Any]) -> tuple[Floats, Floats]:
    """(R, C, 3) the left half of the shell's outside, and (R, C, 2) position across and along the
    hair."""
    shell = data["shell"]
    heights, fronts = np.array(shell["height"]), np.array(shell["front"])
    angles = np.radians(np.linspace(0.0, 180.0, 73))
    radius = _radius(head, heights, angles, data["axis"]) + np.array(shell["off"])[:, None]
    fall = heights < 0.0  # below the eyes hair hangs: no ring is narrower than the one above it
    radius[fall] = np.maximum.accumulate(np.concatenate([radius[~fall][-1:], radius[fall]]))[1:]
    grid, across = [], np.linspace(0.0, 1.0, shell["columns"])
    for height, front, ring in zip(heights, fronts, radius, strict=True):
        edge = np.interp(front, ring[:37] * np.sin(angles[:37]), angles[:37]) if front else 0.0
        angle = edge + across * (np.pi - edge)
        length = np.interp(angle, angles, ring)
        x = shell["widen"] * length * np.sin(angle)
        x[-1] = 0.0
        grid.append(np.stack([x, np.full_like(x, height), data["axis"] + length * np.cos(angle)], -1))
    along = np.linspace(0.0, 1.0, len(heights))
    return np.stack(grid), np.stack(np.broadcast_arrays(across[None, :], along[:, None]), -1)


def _radius(head: Head, heights: Floats, angles: Floats, axis: float) -> Floats:
    """(R, A) how far the skin reaches from the axis around each height and angle, smoothed."""
    points = head.template[head.of("skin")]
    points = points[points[:, 1] > -16.0]
    distance = np.hypot(points[:, 0], points[:, 2] - axis)
    around = np.arctan2(np.abs(points[:, 0]), points[:, 2] - axis)
    top = points[:, 1].max()
    out = np.empty((len(heights), len(angles)))
    for row, height in enumerate(np.minimum(heights, top - 0.4)):
        for column, angle in enumerate(angles):
            far = ((points[:, 1] - height) / 1.0) ** 2 + ((around - angle) / 0.22) ** 2
            weight = np.exp(-0.5 * far + 0.8 * distance)
            out[row, column] = (weight * distance).sum() / weight.sum()
    # Seen from its neighbours the crown is flat: above its foot the shell is an ellipsoid instead.
    dome = heights > DOME_FOOT
    foot = out[np.argmin(np.abs(heights - DOME_FOOT))]
    share = np.clip((heights[dome] - DOME_FOOT) / (heights.max() - DOME_FOOT), 0.0, 1.0)
    out[dome] = np.sqrt(1.0 - share * share)[:, None] * foot
    return out


def _inset(outer: Floats, data: dict[str, Any]) -> Floats:
    """The shell's inside: `thickness` nearer to the axis."""
    axis = np.array([0.0, 0.0, data["axis"]])
    flat = (outer - axis) * np.array([1.0, 0.0, 1.0])
    length = np.linalg.norm(flat, axis=-1, keepdims=True)
    inward = flat / np.maximum(length, 1e-9) * np.minimum(data["shell"]["thickness"], 0.5 * length)
    return outer - inward


def _grid_faces(rows: int, columns: int) -> Ints:
    """Triangles of the outside, the inside, the front edge and the lower edge of a left half
    shell."""
    index = np.arange(rows * columns).reshape(rows, columns)
    sheets = [index, index[:, ::-1] + rows * columns]
    sheets.append(np.stack([index[:, 0] + rows * columns, index[:, 0]], 1))
    sheets.append(np.stack([index[-1], index[-1] + rows * columns], 0))
    faces = []
    for sheet in sheets:
        a, b, c, d = sheet[:-1, :-1], sheet[1:, :-1], sheet[1:, 1:], sheet[:-1, 1:]
        faces.append(np.stack([a, b, c], -1).reshape(-1, 3))
        faces.append(np.stack([a, c, d], -1).reshape(-1, 3))
    return np.concatenate(faces)


def _normals(vertices: Floats, faces: Ints) -> Floats:
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(out, faces[:, corner], normal)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
