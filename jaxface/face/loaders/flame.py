"""FLAME, as its authors publish it (.pkl) or converted to .npz: Li et al., "Learning a model of
facial shape and expression from 4D scans", 2017. The editions of 2019, 2020 and 2023 have one
layout.

Its licence does not allow redistribution; users bring their own copy. Lengths are metres, +x the
subject's left.
"""

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.face import sides
from jaxface.face.appearance import albedo_size
from jaxface.face.loaders import archive, flame_appearance, skeleton, unpickle
from jaxface.face.model import ExpressionSpace, FaceModel
from jaxface.face.population import standard_normal_prior

KEYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
SHAPES, FIRST_EXPRESSION, JOINTS = 400, 300, 5
_LARGEST_VALUE = 1e9  # far beyond metres, and squares of it fit float32
IDENTITY_COMPONENTS, EXPRESSION_COMPONENTS = 100, 50


def load_flame(
    path: Path,
    *,
    is_pickle: bool,
    identity_components: int = IDENTITY_COMPONENTS,
    expression_components: int = EXPRESSION_COMPONENTS,
    texture: Path | None = None,
    texture_components: int | None = None,
    masks: Path | None = None,
    midline_width: float = 0.008,
) -> FaceModel:
    """Load FLAME with its first identity and expression components; the defaults are those of the
    paper and of DECA.

    Args:
        texture: `FLAME_texture.npz` (mean, tex_dir, vt, ft), `FLAME_albedo_from_BFM.npz` (MU, PC) or
            `albedoModel2020_FLAME_albedoPart.npz`; None = one skin colour.
        texture_components: None = 50, or all there are if they are fewer.
        masks: FLAME's `FLAME_masks.pkl`; without a texture it gives lips and hair their colours.
        midline_width: half the width of the blend between the sides, metres; 0 is the paper's hard
            split.

    Raises:
        ModelFileError: an array is missing or has a wrong shape.
    """
    parts = _read(path, is_pickle)
    _check(path, parts)
    if not 1 <= identity_components <= FIRST_EXPRESSION:
        raise ModelFileError(f"FLAME has {FIRST_EXPRESSION} identity components, not {identity_components}")
    if not 1 <= expression_components <= SHAPES - FIRST_EXPRESSION:
        raise ModelFileError(
            f"FLAME has {SHAPES - FIRST_EXPRESSION} expression components, not {expression_components}"
        )
    template, faces = parts["v_template"], parts["f"].astype(np.int32)
    basis = parts["shapedirs"]
    joints = parts["J_regressor"] @ template
    if joints[3, 0] <= joints[4, 0]:
        raise ModelFileError(
            f"{path}: the left eye is to the right of the right eye; FLAME has +x to the subject's left"
        )
    regions = flame_appearance.read_masks(masks, len(template)) if masks else {}
    if texture:
        look = flame_appearance.texture_look(texture, faces, texture_components, [path.parent])
    elif texture_components is not None:
        raise ConfigError(f"texture_components = {texture_components}: there is no texture; name its file")
    else:
        look = flame_appearance.plain_look(template, faces, joints, parts["weights"], regions)
    size = expression_components
    return FaceModel(
        template=jnp.asarray(template, jnp.float32),
        faces=jnp.asarray(faces),
        identity_basis=jnp.asarray(basis[:, :, :identity_components], jnp.float32),
        expression_basis=jnp.asarray(basis[:, :, FIRST_EXPRESSION : FIRST_EXPRESSION + size], jnp.float32),
        shared_basis=None,
        pose_basis=jnp.asarray(parts["posedirs"], jnp.float32),
        joint_regressor=jnp.asarray(parts["J_regressor"], jnp.float32),
        skinning_weights=jnp.asarray(parts["weights"], jnp.float32),
        left_weight=sides.left_weights(jnp.asarray(template[:, 0], jnp.float32), midline_width),
        mirror=skeleton.mirror(template),
        uv=look.uv,
        uv_faces=look.uv_faces,
        appearance=look.appearance,
        expressions=ExpressionSpace(
            lower=jnp.full(size, -3.0),
            upper=jnp.full(size, 3.0),
            units=None,
            prototypes=jnp.zeros((0, size)),
            names=tuple(f"component {index}" for index in range(size)),
        ),
        population=standard_normal_prior(identity_components + albedo_size(look.appearance)),
        expression_moves_joints=True,
        parents=_parents(path, parts["kintree_table"]),
        name="flame",
        licence="FLAME model licence (see its terms; not to be passed on)",
        source=f"{path.name}, {look.description}" if look.description else path.name,
    )


def _read(path: Path, is_pickle: bool) -> dict[str, np.ndarray]:
    if not is_pickle:
        return archive.read(path, KEYS, largest=unpickle.LARGEST)
    content = unpickle.read_pickle(path)
    missing = [key for key in KEYS if key not in content]
    if missing:
        raise ModelFileError(
            f"{path} is a pickle without {missing[0]!r}, so not a FLAME model; it holds {sorted(content)[:8]}"
        )
    try:
        return {key: unpickle.array(content[key], key) for key in KEYS}
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def _check(path: Path, parts: Mapping[str, np.ndarray]) -> None:
    vertices = parts["v_template"].shape[0] if parts["v_template"].ndim == 2 else 0
    shapes = {
        "v_template": (vertices, 3),
        "f": (parts["f"].shape[0] if parts["f"].ndim else 0, 3),
        "shapedirs": (vertices, 3, SHAPES),
        "posedirs": (vertices, 3, 9 * (JOINTS - 1)),
        "J_regressor": (JOINTS, vertices),
        "weights": (vertices, JOINTS),
        "kintree_table": (2, JOINTS),
    }
    for name, shape in shapes.items():
        array = parts[name]
        if array.shape != shape or array.size == 0 or array.dtype.kind not in "fiu":
            raise ModelFileError(f"{path}: {name} is {array.dtype.name} {array.shape}, FLAME has {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelFileError(f"{path}: {name} holds values that are not finite")
        if array.dtype.kind == "f" and float(np.abs(array).max()) > _LARGEST_VALUE:
            raise ModelFileError(f"{path}: {name} holds values beyond {_LARGEST_VALUE:g}")
    for name in ("f", "kintree_table"):
        if parts[name].dtype.kind == "f" and (parts[name] % 1 != 0).any():
            raise ModelFileError(f"{path}: {name} holds fractions, must be whole numbers")
    if parts["f"].min() < 0 or parts["f"].max() >= vertices:
        raise ModelFileError(f"{path}: f names vertices outside 0..{vertices - 1}")
    if np.abs(parts["weights"].sum(1) - 1).max() > 1e-3:
        raise ModelFileError(f"{path}: weights of a vertex do not sum to one")


def _parents(path: Path, table: np.ndarray) -> tuple[int, ...]:
    """Return the parents of the joints; the file writes the root's as 2^32 - 1 (an unsigned -1)."""
    parents = tuple(-1 if parent in (-1, 2**32 - 1) else int(parent) for parent in table[0].tolist())
    if parents[0] != -1 or any(not 0 <= parent < joint for joint, parent in enumerate(parents) if joint):
        raise ModelFileError(f"{path}: kintree_table {table[0].tolist()} does not put parents before children")
    return parents
