"""The texture's layout: texture coordinates of every part, and where on the head each texel
lies."""

import dataclasses

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tools.bundled_head.mesh import PARTS, Head
from tools.bundled_head.units import table
from tools.bundled_head.wheel import Floats, Ints

REGIONS = ("face", "neck", "mouth", "socket", "tongue", "teeth", "eye", "hair")
_REGION_OF_PART = {
    "tongue": "tongue",
    "upper_teeth": "teeth",
    "lower_teeth": "teeth",
    "left_eye": "eye",
    "right_eye": "eye",
    "hair": "hair",
}


@dataclasses.dataclass(frozen=True)
class Chart:
    """Texture coordinates and, for the supersampled texture, what lies at each texel.

    Attributes:
        uv: (U, 2) of the left half, v up.
        region_of_uv: (U,) index into `REGIONS`.
        position: (H, W, 3) cm on the template, left half; row 0 at v = 1.
        layout: (H, W, 2) coordinates in the base mesh's layout; across and along for the hair.
        region: (H, W) index into `REGIONS`, -1 where no triangle lies.
        supersample: texels along an edge of a texel of the finished texture.
    """

    uv: Floats
    region_of_uv: Ints
    position: Floats
    layout: Floats
    region: Ints
    supersample: int

    def within(self, *names: str) -> Floats:
        """Return (H, W) 1 in the named regions."""
        return np.isin(self.region, [REGIONS.index(name) for name in names]).astype(np.float64)

    def finished(self, paint: Floats) -> Floats:
        """Return (H / s, W / s, ...) mean over the covered texels; empty ones take their nearest
        neighbour's value."""
        nearest = distance_transform_edt(self.region < 0, return_distances=False, return_indices=True)
        dense, step = paint[tuple(nearest)], self.supersample
        height, width = (length // step for length in dense.shape[:2])
        return dense.reshape(height, step, width, step, *dense.shape[2:]).mean((1, 3))


def lay_out(head: Head) -> Chart:
    """Place every part of the head in the texture and find what lies at each texel."""
    data = table("chart.toml")
    half = len(head.faces) // 2
    vertex = np.empty(len(head.uv), np.int64)
    vertex[head.uv_faces.ravel()] = head.faces.ravel()
    vertex[head.uv_faces[:half].ravel()] = head.faces[:half].ravel()
    region = _regions(head, vertex)
    uv = np.zeros_like(head.uv)
    for index, name in enumerate(REGIONS):
        members = region == index
        source = _source(name, head.uv[members], head.template[vertex[members]], head.part[vertex[members]])
        left, bottom, right, top = data["boxes"][name]
        # The face reaches the left edge of the texture exactly: the midline is sampled there by clamping.
        inset = np.array([0.0 if name == "face" else data["margin"], data["margin"]])
        size = np.array([right, top]) - data["margin"] - np.array([left, bottom]) - inset
        low, high = source.min(0), source.max(0)
        uv[members] = np.array([left, bottom]) + inset + (source - low) / (high - low) * size
    count = data["size"] * data["supersample"]
    triangle, weights = _cover(uv[head.uv_faces[:half]], count)
    on_triangle = triangle >= 0
    faces, uv_faces = head.faces[:half][triangle], head.uv_faces[:half][triangle]
    return Chart(
        uv,
        region,
        np.einsum("hwk,hwkc->hwc", weights, head.template[faces]) * on_triangle[..., None],
        np.einsum("hwk,hwkc->hwc", weights, head.uv[uv_faces]) * on_triangle[..., None],
        np.where(on_triangle, region[uv_faces[..., 0]], -1),
        data["supersample"],
    )


def _source(name: str, layout: Floats, position: Floats, part: Ints) -> Floats:
    """(n, 2) flat coordinates of a region's texture vertices, any scale."""
    stretch = table("chart.toml")["stretch"]
    if name == "face":
        scale = stretch["across_scale"]
        across = np.log1p(np.abs(layout[:, 1] - stretch["midline"]) / scale)
        along = np.interp(layout[:, 0], stretch["along"], stretch["to"])
        limits = np.log1p(stretch["across_limit"] / scale)
        return np.stack([across / limits, -along], 1)
    if name == "teeth":
        return np.stack([position[:, 2], position[:, 1] - 3.0 * (part == PARTS.index("lower_teeth"))], 1)
    if name == "tongue":
        return position[:, [2, 0]]
    return position[:, :2] if name == "eye" else layout


def _regions(head: Head, vertex: Ints) -> Ints:
    """Which region each texture vertex belongs to: the skin's islands are told apart by where they
    lie."""
    corners = head.uv_faces[: len(head.faces) // 2]
    edges = coo_matrix(
        (np.ones(corners.size), (corners.ravel(), np.roll(corners, 1, 1).ravel())), (len(head.uv),) * 2
    )
    count, island = connected_components(edges, directed=False)
    part = head.part[vertex]
    out = np.empty(len(head.uv), np.int64)
    for index in range(count):
        members = island == index
        name = PARTS[part[members][0]]
        if name == "skin":
            middle = head.template[vertex[members]].mean(0)
            name = "neck" if middle[1] < -11 else "mouth" if middle[1] < -5 else "socket"
            name = "face" if members.sum() > 1000 else name
        else:
            name = _REGION_OF_PART[name]
        out[members] = REGIONS.index(name)
    return out


def _cover(triangles: Floats, count: int) -> tuple[Ints, Floats]:
    """For each of count x count texels the triangle that covers its centre, -1 for none, and its
    weights."""
    index, weights = np.full((count, count), -1), np.zeros((count, count, 3))
    points = np.stack([triangles[..., 0], 1.0 - triangles[..., 1]], -1) * count
    low = np.clip(np.floor(points.min(1) - 0.5).astype(int), 0, count)
    high = np.clip(np.ceil(points.max(1) + 0.5).astype(int), 0, count)
    for number, (corners, start, end) in enumerate(zip(points, low, high, strict=True)):
        x, y = np.meshgrid(np.arange(start[0], end[0]) + 0.5, np.arange(start[1], end[1]) + 0.5)
        (ax, ay), (bx, by), (cx, cy) = corners
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        first = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
        second = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
        barycentric = np.stack([first, second, 1.0 - first - second], -1)
        inside = (barycentric >= -1e-9).all(-1)
        rows, columns = np.nonzero(inside)
        index[rows + start[1], columns + start[0]] = number
        weights[rows + start[1], columns + start[0]] = barycentric[inside]
    return index, weights
