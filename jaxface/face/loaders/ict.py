"""ICT-FaceKit (Li et al., "Learning formation of physically-based face attributes", 2020; MIT) as a
FaceModel.

Its shapes are facial units, as in ARKit, so the box of the expression coefficients is [0, 1]. By
default a left and a right shape are tied into one bilateral unit: a search that may move the sides
apart finds winks and twisted mouths.
"""

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError, suggestion
from jaxface.face import sides
from jaxface.face.loaders import ict_appearance, skeleton
from jaxface.face.loaders.ict_files import IctFiles, facts, read_folder, read_npz, visible
from jaxface.face.loaders.paint import linear_appearance
from jaxface.face.model import ExpressionSpace, FaceModel
from jaxface.face.population import standard_normal_prior

SPACES = ("units", "sided-units")
ALBEDO = "ict_face_texture.png"
_METRE = 0.01


class Unit(NamedTuple):
    """One coefficient: the shapes that it adds up, its action units, and whether both halves move
    as one (the jaw)."""

    name: str
    shapes: tuple[str, ...]
    action_units: tuple[int, ...]
    whole: bool


def load_ict(
    path: Path,
    *,
    expression_space: str = "units",
    identity_components: int | None = None,
    texture: Path | None = None,
    midline_width: float = 0.008,
) -> FaceModel:
    """Load the authors' folder of OBJ files, or the compressed .npz.

    Args:
        expression_space: "units" ties left and right shapes, "sided-units" keeps them apart.
        identity_components: None = the first 50, or all there are.
        texture: an albedo of tile 0 (the face); None = ict_face_texture.png beside the model, if it
            exists.
        midline_width: half the width of the blend between the sides, metres; 0 is the paper's hard
            split.

    Raises:
        ModelFileError: a file is missing, truncated or of another mesh.
    """
    if expression_space not in SPACES:
        raise ConfigError(
            f"no expression space {expression_space!r} for ICT-FaceKit{suggestion(expression_space, SPACES)}"
        )
    units = facial_units(bilateral=expression_space == "units")
    shapes = list(dict.fromkeys(shape for unit in units for shape in unit.shapes))
    read = read_folder if path.is_dir() else read_npz
    files = visible(read(path, identity_components, shapes))
    beside = (path if path.is_dir() else path.parent) / ALBEDO
    if texture is None and beside.is_file():
        texture = beside
    uv, uv_faces, cell = ict_appearance.atlas_coordinates(files)
    picture = ict_appearance.paint_atlas(files, uv, uv_faces, cell, texture)
    regressor, weights = _skeleton(files)
    fields = np.stack(
        [sum(files.shapes[..., shapes.index(shape)] for shape in unit.shapes) for unit in units], -1
    )
    whole = np.array([unit.whole for unit in units])
    return FaceModel(
        template=jnp.asarray(files.template * _METRE, jnp.float32),
        faces=jnp.asarray(files.faces, jnp.int32),
        identity_basis=jnp.asarray(files.identity * _METRE, jnp.float32),
        expression_basis=jnp.asarray(fields * ~whole * _METRE, jnp.float32),
        shared_basis=jnp.asarray(fields * whole * _METRE, jnp.float32),
        pose_basis=jnp.zeros((len(files.template), 3, 0)),
        joint_regressor=jnp.asarray(regressor, jnp.float32),
        skinning_weights=jnp.asarray(weights, jnp.float32),
        left_weight=sides.left_weights(jnp.asarray(files.template[:, 0] * _METRE, jnp.float32), midline_width),
        mirror=skeleton.mirror(files.template * _METRE),
        uv=jnp.asarray(uv, jnp.float32),
        uv_faces=jnp.asarray(uv_faces, jnp.int32),
        appearance=linear_appearance(picture),
        expressions=_space(units),
        population=standard_normal_prior(files.identity.shape[-1]),
        name="ict-facekit",
        licence="MIT, (c) 2020 USC Institute for Creative Technologies",
        source=path.name,
    )


def facial_units(bilateral: bool) -> tuple[Unit, ...]:
    """Return the units of `ict.toml`; with `bilateral`, left and right are one unit."""
    units: list[Unit] = []
    for name, entry in facts()["units"].items():
        numbers, whole = tuple(entry["action_units"]), entry.get("whole", False)
        shape_names = (f"{name}_L", f"{name}_R") if entry.get("sides") else (name,)
        groups = [(name, shape_names)] if bilateral else [(shape, (shape,)) for shape in shape_names]
        units += [Unit(own, shapes, numbers, whole) for own, shapes in groups]
    return tuple(units)


def _space(units: tuple[Unit, ...]) -> ExpressionSpace:
    names = tuple(unit.name for unit in units)
    prototypes = facts()["prototypes"]
    rows = [
        [entry["units"].get(name.removesuffix("_L").removesuffix("_R"), 0.0) for name in names]
        for entry in prototypes
    ]
    return ExpressionSpace(
        lower=jnp.zeros(len(units)),
        upper=jnp.ones(len(units)),
        units=jnp.eye(len(units)),
        prototypes=jnp.asarray(rows, jnp.float32),
        names=names,
        prototype_labels=tuple(entry["label"] for entry in prototypes),
        unit_names=names,
        action_units=tuple(unit.action_units for unit in units),
    )


def _skeleton(files: IctFiles) -> tuple[np.ndarray, np.ndarray]:
    """Joint regressor (5, V) and skinning weights (V, 5): root, neck, jaw, left eye, right eye."""
    template, names = files.template, files.part_names
    member = {name: np.flatnonzero(files.part == names.index(name)) for name in names}
    skin = np.concatenate([member["face"], member["headneck"]])
    joints = {name: np.asarray(position) for name, position in facts()["joints"].items()}
    rows = []
    for name in ("root", "neck", "jaw"):
        # The joint is regressed from the skin at its height, so that it follows the head's size.
        ring = skin[np.abs(template[skin, 1] - joints[name][1]) < 2.0]
        rows.append(skeleton.regressor_row(template, ring, joints[name]))
    for name in ("eyeball_L", "eyeball_R"):
        rows.append(
            skeleton.regressor_row(template, member[name], skeleton.sphere_centre(template[member[name]]))
        )
    weights = np.zeros((len(template), 5))
    opening = files.shapes[..., files.shape_names.index("jawOpen")]
    jaw = skeleton.jaw_weights(template, opening, joints["jaw"], files.part == names.index("teeth"))
    head = skeleton.smoothstep(template[:, 1], joints["root"][1], joints["neck"][1])
    weights[:, 2] = jaw * head
    weights[:, 1] = (1.0 - jaw) * head
    weights[:, 0] = 1.0 - head
    for joint, name in ((3, "eyeball_L"), (4, "eyeball_R")):
        weights[member[name]] = np.eye(5)[joint]
    return np.stack(rows), weights
