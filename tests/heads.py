"""A small synthetic head for tests: a full `FaceModel` of a few hundred vertices, made in milliseconds.

An ellipsoid with a nose; eyes, brows and mouth are painted. It is mirror-symmetric to the last bit.
"""

import functools

import jax.numpy as jnp
import numpy as np

from jaxface.face.appearance import Appearance, Wrinkles
from jaxface.face.model import ExpressionSpace, FaceModel
from jaxface.face.population import standard_normal_prior
from jaxface.face.sides import left_weights

RADII = np.array([0.075, 0.11, 0.09])
EYE = (0.0315, 0.03)
MOUTH = (0.0, -0.045)


@functools.cache
def toy_head(rings: int = 24, columns: int = 32) -> FaceModel:
    """A head with 2 identity, 4 expression and 2 albedo coefficients and FLAME's five joints.

    Expressions: smile, brow_raise, brow_lower, jaw_open (this one has a `shared_basis` share).
    V = (rings - 1) * columns + 2; `columns` even.
    """
    template, mirror = _ellipsoid(rings, columns)
    faces, uv, uv_faces = _topology(rings, columns)
    x, y, z = template.T
    front = np.clip(z / RADII[2], 0.0, 1.0)

    def bump(centre: tuple[float, float], width: float) -> np.ndarray:
        return front * np.exp(-((np.abs(x) - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))

    identity = np.stack([_along(x * 0.06, 0), _along(y * 0.06, 1)], axis=-1)
    corners, brows, chin = bump((0.022, MOUTH[1]), 0.012), bump((0.03, 0.055), 0.012), bump((0.0, -0.075), 0.02)
    outward = np.sign(x) * (np.abs(x) > 1e-9)
    smile = _along(0.010 * corners, 1) + _along(0.008 * corners * outward, 0)
    own_jaw, whole_jaw = _along(-0.004 * chin, 1), _along(-0.014 * chin, 1)
    none = np.zeros_like(template)
    expression = np.stack([smile, _along(0.010 * brows, 1), _along(-0.008 * brows, 1), own_jaw], axis=-1)
    whole = np.stack([none, none, none, whole_jaw], axis=-1)

    jaw = np.clip(-(y + 0.03) / 0.03, 0.0, 1.0) * front
    weights = np.stack([0 * y, 1.0 - jaw, jaw, 0 * y, 0 * y], axis=-1)
    left_eye = (x > 0) * bump(EYE, 0.01)
    regressor = np.stack(
        [np.ones_like(y), np.exp(-(((y + 0.09) / 0.02) ** 2)), jaw, left_eye, left_eye[mirror]]
    )
    regressor /= regressor.sum(axis=1, keepdims=True)
    left = left_weights(jnp.asarray(x, jnp.float32), 0.006)
    return FaceModel(
        template=_float(template),
        faces=jnp.asarray(faces),
        identity_basis=_float(identity),
        expression_basis=_float(expression),
        shared_basis=_float(whole),
        pose_basis=jnp.zeros((*template.shape, 0)),
        joint_regressor=_float(regressor),
        skinning_weights=_float(weights),
        left_weight=left,
        mirror=jnp.asarray(mirror),
        uv=_float(uv),
        uv_faces=jnp.asarray(uv_faces),
        appearance=_appearance(smile, np.asarray(left), bump((0.03, -0.02), 0.015)),
        expressions=ExpressionSpace(
            lower=jnp.zeros(4),
            upper=jnp.ones(4),
            units=jnp.eye(4),
            prototypes=jnp.array([[1.0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]),
            names=("smile", "brow_raise", "brow_lower", "jaw_open"),
            prototype_labels=("happiness", "surprise", "anger"),
            unit_names=("smile", "brow_raise", "brow_lower", "jaw_open"),
            action_units=((12,), (1, 2), (4,), (26,)),
        ),
        population=standard_normal_prior(4),
        name="toy",
        licence="Apache-2.0",
        source="tests/heads.py",
    )


def _ellipsoid(rings: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and their mirror images: north pole, rings from above, south pole."""
    half = columns // 2
    angle = np.pi * np.arange(half + 1) / half
    sine, cosine = np.sin(angle), np.cos(angle)
    sine[-1] = 0.0
    across = np.concatenate([-sine[:0:-1], sine[:-1]])  # from the back over the right side to the left
    along = np.concatenate([cosine[:0:-1], cosine[:-1]])
    polar = np.pi * np.arange(1, rings) / rings
    grid = np.stack(
        [
            np.sin(polar)[:, None] * across,
            np.cos(polar)[:, None] * np.ones(columns),
            np.sin(polar)[:, None] * along,
        ],
        axis=-1,
    ).reshape(-1, 3)
    unit = np.concatenate([[[0.0, 1.0, 0.0]], grid, [[0.0, -1.0, 0.0]]])
    vertices = unit * RADII
    nose = np.exp(-((vertices[:, 0] / 0.012) ** 2) - ((vertices[:, 1] + 0.005) / 0.022) ** 2) * (unit[:, 2] > 0)
    vertices[:, 2] += 0.025 * nose
    ring, column = np.divmod(np.arange(len(grid)), columns)
    mirror = np.concatenate([[0], 1 + ring * columns + (-column) % columns, [len(unit) - 1]])
    return vertices, mirror.astype(np.int32)


def _topology(rings: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces counter-clockwise from outside; texture coordinates with a seam at the back."""
    faces, uv_faces = [], []

    def add(*corners: tuple[int, int]) -> None:
        ids = [(i * columns + j % columns, i * (columns + 1) + j) for i, j in corners]
        last = 1 + (rings - 1) * columns
        faces.append([min(max(1 + vertex - columns, 0), last) for vertex, _ in ids])
        uv_faces.append([coordinate for _, coordinate in ids])

    for j in range(columns):
        add((0, j), (1, j), (1, j + 1))
        for i in range(1, rings - 1):
            if (
                j < columns // 2
            ):  # the diagonal changes direction at the midline: the mirror maps faces to faces
                add((i, j), (i + 1, j), (i + 1, j + 1))
                add((i, j), (i + 1, j + 1), (i, j + 1))
            else:
                add((i, j), (i + 1, j), (i, j + 1))
                add((i + 1, j), (i + 1, j + 1), (i, j + 1))
        add((rings - 1, j), (rings, j), (rings - 1, j + 1))
    v, u = np.meshgrid(1.0 - np.arange(rings + 1) / rings, np.arange(columns + 1) / columns, indexing="ij")
    uv = np.stack([u.reshape(-1), v.reshape(-1)], axis=-1)
    return np.array(faces, np.int32), uv, np.array(uv_faces, np.int32)


def _appearance(smile: np.ndarray, left: np.ndarray, cheek: np.ndarray, size: int = 96) -> Appearance:
    """Skin whose tone and redness vary; dark eyes, brows and mouth; a nasolabial line on each side."""
    v, u = np.meshgrid(1.0 - (np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size, indexing="ij")
    longitude, y = np.abs(2.0 * np.pi * (u - 0.5)), RADII[1] * np.cos(np.pi * (1.0 - v))
    x = np.where(longitude < np.pi / 2, RADII[0] * np.sin(longitude) * np.sin(np.pi * v), 1.0)

    def spot(centre: tuple[float, float], width: float, height: float) -> np.ndarray:
        return np.exp(-(((x - centre[0]) / width) ** 2) - ((y - centre[1]) / height) ** 2)

    skin = np.broadcast_to(np.array([0.78, 0.60, 0.50]), (size, size, 3))
    masks = [spot(EYE, 0.009, 0.005), spot((0.03, 0.05), 0.014, 0.004), spot(MOUTH, 0.02, 0.006)]
    colours = np.zeros((3, 3, 3))
    colours[..., 2] = [[0.1, 0.08, 0.07], [0.2, 0.13, 0.1], [0.5, 0.2, 0.2]]
    colours[2, 0, 1] = 0.05
    feature = np.stack([smile * left[:, None], smile * (1.0 - left)[:, None]], axis=-1)
    return Appearance(
        mean=_float(skin),
        basis=_float(np.stack([np.full_like(skin, 0.05), skin * np.array([0.03, -0.03, -0.03])], axis=-1)),
        masks=_float(np.stack(masks)),
        colours=_float(colours),
        opacities=_float(np.array([[0, 0, 0.95], [0, 0, 0.9], [0, 0, 0.8]])),
        wrinkle_map=_float(0.5 * spot((0.03, -0.02), 0.003, 0.02)),
        wrinkles=Wrinkles(
            feature=_float(2.0 * feature / (smile**2).sum()),
            region=_float(np.stack([cheek * left, cheek * (1.0 - left)], axis=-1)),
            names=("nasolabial_left", "nasolabial_right"),
        ),
        names=("tone", "redness"),
    )


def _along(values: np.ndarray, axis: int) -> np.ndarray:
    out = np.zeros((len(values), 3))
    out[:, axis] = values
    return out


def _float(values: np.ndarray) -> jnp.ndarray:
    return jnp.asarray(np.where(np.abs(values) < 1e-20, 0.0, values), jnp.float32)  # no denormals
