"""What a face model is: the parts that are fixed (`FaceModel`) and those that vary (`FaceParams`)."""

import jax.numpy as jnp

from jaxface.core.errors import ShapeError
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array
from jaxface.face.appearance import Appearance, albedo_size


@pytree
class FaceParams:
    """One face: what varies. Batches have leading axes on every field.

    Attributes:
        identity: (I,) shape coefficients, in standard units where the model has them.
        expression: (E,) expression coefficients, within `ExpressionSpace.lower` and `.upper`.
        pose: (J, 3) axis-angle rotations of the joints, radians.
        albedo: (A,) appearance coefficients; `jnp.zeros(0)` for a model without an albedo basis.
    """

    identity: Array
    expression: Array
    pose: Array
    albedo: Array


@pytree
class ExpressionSpace:
    """What the expression coefficients mean.

    Attributes:
        lower, upper: (E,) the box that a search stays in: [-3, 3] for principal components
            (Facing Asymmetry, Eq. 4), [0, 1] for units.
        units: (E, N) coefficients @ units = activations of N facial units, each meant to lie in [0,
            1]; None where the model has no units.
        prototypes: (P, E) expressions set by hand, P may be 0.
        prototype_labels: P names from `core.types.EXPRESSIONS`.
        unit_names: N names.
        action_units: for each unit, the numbers of its facial action units (FACS).
        names: E names of the coefficients.
    """

    lower: Array
    upper: Array
    units: Array | None
    prototypes: Array
    names: tuple[str, ...] = static(default=())
    prototype_labels: tuple[str, ...] = static(default=())
    unit_names: tuple[str, ...] = static(default=())
    action_units: tuple[tuple[int, ...], ...] = static(default=())


@pytree
class PopulationPrior:
    """Who is sampled: C Gaussians with diagonal covariance, over (identity, albedo) together.

    Attributes:
        weights: (C,) that sum to one.
        mean, deviation: (C, I + A).
        names: C names, such as "female" or "male"; a sampled face belongs to one.
    """

    weights: Array
    mean: Array
    deviation: Array
    names: tuple[str, ...] = static(default=())


@pytree
class FaceModel:
    """A FLAME-format morphable head: what is fixed. Lengths are metres; +x is the subject's left,
    +y up, +z out of the face.

    Attributes:
        template: (V, 3) mean head.
        faces: (F, 3) int32 vertex indices, counter-clockwise seen from outside.
        identity_basis: (V, 3, I) displacement of each identity coefficient.
        expression_basis: (V, 3, E) displacement that each half of the face makes on its own.
        shared_basis: (V, 3, E) displacement that both halves make together and that symmetry
            therefore never scales (the jaw is one bone); None where the model has no such part.
        pose_basis: (V, 3, 9 (J - 1)) pose correctives; the last axis may be 0.
        joint_regressor: (J, V) joints as weighted means of the shaped template's vertices.
        skinning_weights: (V, J), rows sum to one.
        left_weight: (V,) share of a vertex on the subject's left, in [0, 1]: 0.5 on the midline.
        mirror: (V,) int32, the vertex on the other side; None where the mesh is not symmetric.
        uv: (U, 2) texture coordinates in [0, 1], v up; uv_faces: (F, 3) int32 into them.
        appearance: how albedo coefficients become a texture.
        expressions: what expression coefficients mean.
        population: who is sampled.
        parents: for each joint its parent, -1 for the root, parents before children.
        joint_names: as FLAME has them: root, neck, jaw, left_eye, right_eye.
        expression_moves_joints: whether joints are regressed from the head with its expression, or without.
        identity_names: of the first identity coefficients, such as "age"; the others have none.
        name, licence, source: for reports.
    """

    template: Array
    faces: Array
    identity_basis: Array
    expression_basis: Array
    shared_basis: Array | None
    pose_basis: Array
    joint_regressor: Array
    skinning_weights: Array
    left_weight: Array
    mirror: Array | None
    uv: Array
    uv_faces: Array
    appearance: Appearance
    expressions: ExpressionSpace
    population: PopulationPrior
    parents: tuple[int, ...] = static(default=(-1, 0, 1, 1, 1))
    joint_names: tuple[str, ...] = static(default=("root", "neck", "jaw", "left_eye", "right_eye"))
    expression_moves_joints: bool = static(default=False)
    identity_names: tuple[str, ...] = static(default=())
    name: str = static(default="face")
    licence: str = static(default="unknown")
    source: str = static(default="unknown")

    def __repr__(self) -> str:
        counts = f"{self.template.shape[0]} vertices, {self.identity_basis.shape[-1]} identity and "
        return f"FaceModel({self.name!r}, {counts}{self.expression_basis.shape[-1]} expression coefficients)"


def check_params(head: FaceModel, **fields: Array) -> None:
    """Check that fields of `FaceParams` are of one face of this head; ShapeError if not."""
    shapes = {
        "identity": head.identity_basis.shape[-1:],
        "expression": head.expression_basis.shape[-1:],
        "pose": (len(head.parents), 3),
        "albedo": (albedo_size(head.appearance),),
    }
    for name, value in fields.items():
        check_shape(head, name, value, shapes[name])


def check_shape(head: FaceModel, name: str, value: Array, shape: tuple[int, ...]) -> None:
    """Check that what one face has under this name has that shape; ShapeError if not."""
    if jnp.shape(value) != shape:
        raise ShapeError(
            f"{name} of {head.name} has shape {shape} for one face, got {jnp.shape(value)}; "
            "for a batch take images or render_many"
        )
