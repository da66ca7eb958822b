"""Writes a small ICT-FaceKit for tests: the authors' folder of OBJ files and the compressed .npz, same numbers.

The vertex count and the parts are the published ones (a loader knows parts by vertex ranges), the shape is a
plain stand-in: spheres, sheets, one quad in a hundred.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxface.face.loaders.ict_files import facts

STEP = 1e-4
EYE_L = np.array([3.1, 3.6, 8.0])


class SmallIct(NamedTuple):
    template: np.ndarray
    part: np.ndarray
    part_names: tuple[str, ...]
    quads: np.ndarray
    uv: np.ndarray
    landmarks: np.ndarray
    shapes: dict[str, np.ndarray]


def small_ict(seed: int = 0) -> SmallIct:
    """Positions in cm on a grid of STEP; each shape moves a few vertices, `_L` shapes those at x > 0."""
    rng = np.random.default_rng(seed)
    first = facts()["first_vertex"]
    bounds = [*first.values(), facts()["vertices"]]
    part = np.repeat(np.arange(len(first)), np.diff(bounds))
    template, uv = np.zeros((len(part), 3)), np.zeros((len(part), 2))
    for index, name in enumerate(first):
        members = part == index
        template[members], uv[members] = _part(name, int(members.sum()), rng)
    landmarks = np.asarray(facts()["landmarks"])
    template[landmarks[36:42]] = EYE_L * [-1, 1, 1] + rng.uniform(-1, 1, (6, 3))
    template[landmarks[42:48]] = EYE_L + rng.uniform(-1, 1, (6, 3))
    quads = np.concatenate(
        [
            np.arange(low, high - 3, 40 if high - low > 400 else 4)[:, None] + np.arange(4)
            for low, high in _pairs(bounds)
        ]
    )
    shapes = {f"identity{index:03d}": _moves(part, rng, None, template) for index in range(3)}
    for name, entry in facts()["units"].items():
        for side in ("_L", "_R") if entry.get("sides") else ("",):
            shapes[name + side] = _moves(part, rng, side, template)
    lower_teeth = (part == list(first).index("teeth")) & (template[:, 1] < -3.5)
    arm = template[lower_teeth] - facts()["joints"]["jaw"]
    shapes["jawOpen"][lower_teeth] = _round(0.4 * np.stack([0 * arm[:, 0], -arm[:, 2], arm[:, 1]], axis=1))
    return SmallIct(_round(template), part, tuple(first), quads, uv, landmarks, shapes)


def write_folder(path: Path, model: SmallIct, leave_out: Sequence[str] = ()) -> Path:
    path.mkdir()
    lines = [_line(row) for row in model.template]
    texture = [f"vt {u:.6f} {v:.6f}" for u, v in model.uv]
    polygons = ["f " + " ".join(f"{i + 1}/{i + 1}" for i in quad) for quad in model.quads]
    body = ["mtllib some.mtl", *lines, *texture, "usemtl skin", *polygons, ""]
    (path / "generic_neutral_mesh.obj").write_text("\n".join(body), encoding="ascii")
    for name, displacement in model.shapes.items():
        if name in leave_out:
            continue
        own = list(lines)
        for vertex in np.flatnonzero(np.abs(displacement).sum(1)):
            own[vertex] = _line(model.template[vertex] + displacement[vertex])
        (path / f"{name}.obj").write_text("\n".join([*own, ""]), encoding="ascii")
    return path


def write_npz(path: Path, model: SmallIct, **changes: np.ndarray) -> Path:
    triangles = model.quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    names = [name for name in model.shapes if not name.startswith("identity")]
    identities = [name for name in model.shapes if name.startswith("identity")]
    arrays = {
        "v_template": model.template.astype(np.float32),
        "faces": triangles,
        "faces_uv": triangles,
        "vt": model.uv.astype(np.float32),
        "part": model.part.astype(np.int8),
        "part_names": np.array(model.part_names),
        "landmarks68": model.landmarks,
        "expression_names": np.array(names),
        "shapedirs_identity_scale": np.full(len(identities), STEP, np.float32),
        "shapedirs_expression_scale": np.full(len(names), STEP, np.float32),
        "shapedirs_identity_q": _quantised(model, identities),
        "shapedirs_expression_q": _quantised(model, names),
        **changes,
    }
    np.savez_compressed(path, **arrays)
    return path


def _part(name: str, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    grid = rng.uniform(0.02, 0.98, (count, 2))
    x, y = 14.0 * (grid[:, 0] - 0.5), 28.0 * grid[:, 1] - 16.0
    if name.startswith(("eyeball", "iris")):
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        centre = EYE_L * ([1, 1, 1] if name.endswith("_L") else [-1, 1, 1])
        return centre + 1.577 * direction, 0.5 + 0.45 * direction[:, :2]
    if name == "teeth":
        return np.stack([0.2 * x, -3.4 + 0.15 * y, 9.0 + 0.1 * np.abs(x)], axis=1), _tile(grid, 3.0)
    depth = 11.0 - 0.12 * x**2 - 0.01 * y**2
    if name == "face":
        return np.stack([x, y, depth], axis=1), grid
    if name == "headneck":
        return np.stack([1.6 * x, y, -depth], axis=1), _tile(grid, 1.0)
    tile = {"gums_tongue": 2.0, "lashes_L": 6.0, "lashes_R": 6.0}.get(name, 1.0)
    return np.stack([0.3 * x, 0.1 * y - 3.0, depth - 4.0], axis=1), _tile(grid, tile)


def _tile(uv: np.ndarray, tile: float) -> np.ndarray:
    return uv + np.array([tile, 0.0])


def _moves(part: np.ndarray, rng: np.random.Generator, side: str | None, template: np.ndarray) -> np.ndarray:
    displacement = np.zeros((len(part), 3))
    mask = part < 3
    if side == "_L":
        mask &= template[:, 0] > 0
    if side == "_R":
        mask &= template[:, 0] < 0
    rows = rng.choice(np.flatnonzero(mask), 40, replace=False)
    displacement[rows] = _round(rng.normal(0, 0.3, (40, 3)))
    return displacement


def _quantised(model: SmallIct, names: list[str]) -> np.ndarray:
    return np.stack([np.rint(model.shapes[name] / STEP) for name in names], axis=-1).astype(np.int16)


def _round(values: np.ndarray) -> np.ndarray:
    return np.rint(values / STEP) * STEP


def _line(row: np.ndarray) -> str:
    return f"v {row[0]:.6f} {row[1]:.6f} {row[2]:.6f}"


def _pairs(bounds: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(bounds))
