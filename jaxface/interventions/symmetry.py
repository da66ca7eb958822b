"""Symmetry: one side's expression is scaled while the whole expression unfolds in time.

Facing Asymmetry, Eq. 3: expression displacement is t ((1 - f) D + W) + (s t) f D, where D is what
either half does for itself, W what both do together, and f the share of a vertex on the frozen
side. It is affine in t and s t.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp

from jaxface.core.checks import Ge, check
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.face.appearance import wrinkle_weights
from jaxface.face.sides import Side, gains
from jaxface.interventions.protocol import Axis, Wording, equidistant, time_axis
from jaxface.render import Deformation, Prepared, Scene, render

PROBE_LEVELS = (0.0, 0.5, 1.0)
"""Symmetries at which the full expression's answers are kept (Facing Asymmetry, Table 4)."""


@dataclass(frozen=True)
class Symmetry:
    """do(symmetry = s, time = t) on one side of the face (Facing Asymmetry, Eq. 3).

    Attributes:
        side: whose expression is scaled, the subject's own left or right.
        symmetry_steps: S equidistant degrees in [0, 1]; 1 leaves the face as it is.
        time_steps: T equidistant steps in [0, 1]; 0 is neutral, 1 the full expression.
    """

    name: ClassVar[str] = "symmetry"
    probe_levels: ClassVar[tuple[float, ...]] = PROBE_LEVELS
    wording: ClassVar[Wording] = Wording(
        noun="facial symmetry",
        effect="depends on symmetry",
        unchanged_face="symmetric",
        changed_face="half frozen",
        description="The expression of the person's own {side} side is multiplied by the symmetry s, the whole "
        "expression by the time t (Eq. 3)",
        methods_text="the expression of the person's own {side} side was multiplied by s, the whole expression "
        "by t (Facing Asymmetry, Eq. 3)",
    )

    side: Side = "left"
    symmetry_steps: Annotated[int, Ge(2)] = 10
    time_steps: Annotated[int, Ge(2)] = 90

    def __post_init__(self) -> None:
        check(self)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Symmetry, then time."""
        return (
            Axis("symmetry", equidistant(0.0, 1.0, self.symmetry_steps), 1.0, "s", ("frozen", "untouched")),
            time_axis(self.time_steps),
        )

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require nothing: every head has two sides."""

    def image(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        levels: tuple[Array, Array],
    ) -> Array:
        """Return the picture of a face at () symmetry and () time, (size, size, 3) display values."""
        displacement = geometry.expression_displacement(head, params.expression, *levels, self.side)
        wrinkles = wrinkle_weights(head.appearance.wrinkles, displacement)
        return render(head, person, Deformation(displacement, wrinkles), params.pose, scene)

    def affine_fields(self, head: FaceModel, params: FaceParams) -> Array:
        """Return (2, V, 3) metres: what time scales, and what symmetry x time scales."""
        own = head.expression_basis @ params.expression
        moving = gains(head.left_weight, 0.0, self.side)[:, None] * own
        frozen_part = own - moving
        if head.shared_basis is not None:
            moving = moving + head.shared_basis @ params.expression
        return jnp.stack([moving, frozen_part])

    def coefficients(self, dose: Array, time: Array) -> tuple[Array, Array]:
        """Return t and s t."""
        return time, dose * time

    def description(self) -> Mapping[str, Any]:
        """Return the settings, and the name that `interventions.build` knows them by."""
        return {"name": self.name, **dataclasses.asdict(self)}
