"""The z-buffer against a float64 brute force over all triangles, and its own promises."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.face import neutral, vertices
from jaxface.face.geometry import rotation_matrices
from jaxface.render import Camera, Framing, Orthographic, Perspective, frame, rasterize
from tests.heads import toy_head
from tests.shared import shared_file

ORTHOGRAPHIC = Orthographic(jnp.float32(8.0), jnp.zeros(2))
PINHOLE = Perspective(jnp.array([0.0, 0.0, 0.6]), jnp.float32(5.0), jnp.zeros(2))
EDGE = 1e-4  # pixels: what float32 coordinates of a few hundred pixels cannot tell
TIE = 1e-6  # metres of depth


class Truth(NamedTuple):
    """Per pixel: the nearest triangle (-1), its weights and depth, and whether it may be mistaken."""

    triangle: np.ndarray
    barycentric: np.ndarray
    depth: np.ndarray
    excused: np.ndarray


def brute_force(points: np.ndarray, faces: np.ndarray, camera: Camera, size: int, cull: bool) -> Truth:
    """All triangles, one after another, in float64."""
    points = np.asarray(points, np.float64)
    if isinstance(camera, Orthographic):
        plane = float(camera.scale) * (points[:, :2] + np.asarray(camera.translation, np.float64))
        metres, w = -points[:, 2], np.ones(len(points))
    else:
        offset = points - np.asarray(camera.position, np.float64)
        metres = -offset[:, 2]
        w = 1 / np.where(metres > 1e-3, metres, np.nan)
        plane = float(camera.focal) * offset[:, :2] * w[:, None] + np.asarray(camera.shift, np.float64)
    xy = 0.5 * size * (1 + plane * [1, -1])
    truth = Truth(
        np.full((size, size), -1),
        np.zeros((size, size, 3)),
        np.full((size, size), np.inf),
        np.zeros((size, size), bool),
    )
    for index, face in enumerate(faces):
        corner = xy[face]
        area = _cross(corner[1] - corner[0], corner[2] - corner[0])
        if not np.isfinite(corner).all() or (area >= 0 if cull else area == 0):
            continue
        low = np.clip(np.floor(corner.min(0) - 1), 0, size).astype(int)
        high = np.clip(np.ceil(corner.max(0) + 1), 0, size).astype(int)
        here = np.s_[low[1] : high[1], low[0] : high[0]]
        y, x = np.mgrid[here] + 0.5
        at = np.stack([x, y], axis=-1)
        edges = [_cross(corner[i - 1] - corner[i - 2], at - corner[i - 2]) / area for i in range(3)]
        flat = np.stack(edges, axis=-1)
        heights = abs(area) / np.array([np.linalg.norm(corner[i - 1] - corner[i - 2]) for i in range(3)])
        outside = np.min(flat * heights, axis=-1)  # pixels inside of the nearest edge, about
        weights = flat * w[face]
        weights /= weights.sum(-1, keepdims=True)
        depth = weights @ metres[face]
        doubt = np.abs(outside) < EDGE
        closer = (outside >= 0) & (depth < truth.depth[here])
        tie = (outside >= 0) & (np.abs(depth - truth.depth[here]) < TIE)
        in_front = doubt & (depth < truth.depth[here] + TIE)
        truth.excused[here] = np.where(closer & ~tie, False, truth.excused[here] | tie) | in_front
        truth.triangle[here] = np.where(closer, index, truth.triangle[here])
        truth.barycentric[here] = np.where(closer[..., None], weights, truth.barycentric[here])
        truth.depth[here] = np.where(closer, depth, truth.depth[here])
    return truth


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def agree(points: jax.Array, faces: jax.Array, camera: Camera, size: int, cull: bool = True) -> np.ndarray:
    """Compare at every pixel; returns the triangles for further questions."""
    fragments = rasterize(points, faces, camera, size, cull)
    truth = brute_force(np.asarray(points), np.asarray(faces), camera, size, cull)
    sure = ~truth.excused
    assert sure.mean() > 0.98
    np.testing.assert_array_equal(fragments.triangle[sure], truth.triangle[sure])
    inside = sure & (truth.triangle >= 0)
    # A weight is exact to the error of a coordinate over the triangle's height, hence depth, not weight.
    np.testing.assert_allclose(fragments.depth[inside], truth.depth[inside], atol=2e-6)
    assert (np.median(np.abs(fragments.barycentric - truth.barycentric)[inside]) if inside.any() else 0) < 1e-4
    assert np.isinf(fragments.depth[sure & ~inside]).all()
    return np.asarray(fragments.triangle)


@pytest.mark.parametrize("camera", [ORTHOGRAPHIC, PINHOLE], ids=["orthographic", "perspective"])
@pytest.mark.parametrize("cull", [True, False])
def test_random_triangles(camera: Camera, cull: bool) -> None:
    random = np.random.default_rng(0)
    centres = random.uniform(-0.12, 0.12, size=(400, 1, 3))
    size = random.choice([0.002, 0.01, 0.03], size=(400, 1, 1), p=[0.3, 0.6, 0.1])
    points = jnp.asarray((centres + size * random.normal(size=(400, 3, 3))).reshape(-1, 3), jnp.float32)
    triangle = agree(points, jnp.arange(1200).reshape(400, 3), camera, 61, cull)
    assert len(np.unique(triangle)) > 100


@pytest.mark.parametrize("framing", [Framing(), Framing(distance=0.0)], ids=["perspective", "orthographic"])
def test_a_turned_head(framing: Framing) -> None:
    head = toy_head()
    params = neutral(head)
    points = vertices(head, params) @ rotation_matrices(jnp.array([0.2, 0.7, -0.1])).T
    agree(points, head.faces, frame(head, params.identity, framing), 97)


@pytest.mark.parametrize("turn", [0.0, 0.9])
def test_a_real_head(turn: float) -> None:
    data = np.load(shared_file("data/makehuman_head.npz"), allow_pickle=False)
    eyes = data["eye_joint_L"] - data["eye_joint_R"]
    middle = 0.5 * (data["eye_joint_L"] + data["eye_joint_R"])
    points = jnp.asarray((data["v_template"] - middle) * 0.063 / np.linalg.norm(eyes), jnp.float32)
    points = points @ rotation_matrices(jnp.array([0.0, turn, 0.0])).T
    camera = Perspective(jnp.array([0.0, -0.02, 0.75]), jnp.float32(8.2), jnp.zeros(2))
    agree(points, jnp.asarray(data["faces"]), camera, 112)


def test_no_pixel_falls_between_triangles() -> None:
    """Corners on pixel centres and along pixel rows: every edge goes through centres."""
    y, x = np.meshgrid(np.arange(9), np.arange(9), indexing="ij")
    corners = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3) * (0.2 / 8) - [0.1, 0.1, 0.0]
    first = (y[:-1, :-1] * 9 + x[:-1, :-1]).reshape(-1)
    faces = np.concatenate(
        [np.stack([first, first + 1, first + 10], 1), np.stack([first, first + 10, first + 9], 1)]
    )
    for turn in np.linspace(0.0, 1.5, 7):
        points = jnp.asarray(corners, jnp.float32) @ rotation_matrices(jnp.array([0.0, 0.0, turn])).T
        for size in (16, 33, 64):
            triangle = rasterize(points, jnp.asarray(faces), ORTHOGRAPHIC, size).triangle
            centres = (np.arange(size) + 0.5) / size * 2 - 1
            u, v = np.meshgrid(centres / 8.0, -centres / 8.0)
            along = np.abs(u * np.cos(turn) + v * np.sin(turn)), np.abs(v * np.cos(turn) - u * np.sin(turn))
            assert (np.asarray(triangle)[np.maximum(*along) < 0.0999] >= 0).all()


def test_more_pairs_than_a_chunk_holds() -> None:
    """Forty sheets that fill the picture: 40 x 128 x 128 pairs, all tested."""
    sheet = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 0.5
    order = np.random.default_rng(0).permutation(40)
    points = np.concatenate([sheet + np.array([0, 0, 0.001 * z]) for z in order])
    faces = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * i for i in range(40)])
    triangle = rasterize(jnp.asarray(points, jnp.float32), jnp.asarray(faces), ORTHOGRAPHIC, 128).triangle
    np.testing.assert_array_equal(triangle // 2, int(np.argmax(order)))


def test_of_equals_the_first_wins() -> None:
    triangle = jnp.array([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.0, 0.1, 0.0]])
    winner = rasterize(triangle, jnp.array([[0, 1, 2], [0, 1, 2], [1, 2, 0]]), ORTHOGRAPHIC, 32).triangle
    np.testing.assert_array_equal(np.unique(winner), [-1, 0])


def test_triangles_from_behind_are_left_out_unless_wanted() -> None:
    triangle = jnp.array([[-0.1, -0.1, 0.0], [0.0, 0.1, 0.0], [0.1, -0.1, 0.0]])
    faces = jnp.array([[0, 1, 2]])
    assert (rasterize(triangle, faces, ORTHOGRAPHIC, 32).triangle == -1).all()
    assert (rasterize(triangle, faces, ORTHOGRAPHIC, 32, cull=False).triangle == 0).any()


def test_what_reaches_behind_a_pinhole_is_dropped() -> None:
    points = jnp.array([[-0.1, -0.1, 0.9], [0.1, -0.1, 0.0], [0.0, 0.1, 0.0], [-0.1, -0.1, 0.0]])
    fragments = rasterize(points, jnp.array([[0, 1, 2], [3, 1, 2]]), PINHOLE, 32)
    np.testing.assert_array_equal(np.unique(fragments.triangle), [-1, 1])


def test_nothing_in_sight_is_background() -> None:
    fragments = rasterize(jnp.full((3, 3), 9.0), jnp.array([[0, 1, 2]]), ORTHOGRAPHIC, 8)
    np.testing.assert_array_equal(fragments.triangle, -1)
    assert np.isinf(fragments.depth).all()


def test_weights_give_back_the_surface_point() -> None:
    """Perspective-correct: sum(weights * corners) projects to the pixel's centre."""
    head = toy_head()
    camera = frame(head, jnp.zeros(2), Framing())
    fragments = rasterize(head.template, head.faces, camera, 64)
    corners = np.asarray(head.template, np.float64)[np.asarray(head.faces)[fragments.triangle]]
    points = np.einsum("hwc,hwcd->hwd", fragments.barycentric, corners) - np.asarray(camera.position)
    plane = float(camera.focal) * points[..., :2] / -points[..., 2:]
    at = 32 * (1 + plane * [1, -1])
    y, x = np.mgrid[:64, :64] + 0.5
    inside = np.asarray(fragments.triangle) >= 0
    np.testing.assert_allclose(at[inside], np.stack([x, y], -1)[inside], atol=2e-4)


def test_weights_are_differentiable_and_many_heads_trace_once() -> None:
    head = toy_head()

    def depth(points: jax.Array, camera: Camera) -> jax.Array:
        fragments = rasterize(points, head.faces, camera, 16)
        return jnp.sum(jnp.where(fragments.triangle >= 0, fragments.depth, 0.0))

    chex.clear_trace_counter()
    slope = jax.grad(jax.jit(chex.assert_max_traces(depth, n=1)))
    camera = frame(head, jnp.zeros(2), Framing())
    first = slope(head.template, camera)
    slope(head.template * 1.1, camera)
    inside = jnp.sum(rasterize(head.template, head.faces, camera, 16).triangle >= 0)
    # Weights sum to one: moving the head by dz takes dz off every depth, less what slides along the slope.
    step = jnp.zeros((1, 3)).at[0, 2].set(1e-3)
    change = (depth(head.template + step, camera) - depth(head.template - step, camera)) / 2e-3
    assert np.isfinite(first).all() and inside > 50
    np.testing.assert_allclose(jnp.sum(first[:, 2]), change, rtol=0.1)
