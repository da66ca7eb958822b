"""Palsy: one side's facial nerve fails, by House-Brackmann grade, branch by branch, at rest and in motion.

On the affected side the displacement of a vertex is

    t (sum_b w_b g_b) D + rest + synkinesis,    t W for what both sides do together (the jaw)

with the regions' weights w_b (forehead, eye, mouth; they sum to one), the grade's gains g_b, and the
expression's own displacement D. `house_brackmann.toml` has the gains.
"""

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import Ge
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.appearance import wrinkle_weights
from jaxface.face.requirements import require_eyes
from jaxface.face.sides import Side
from jaxface.interventions._anatomy import BROW, CORNER, bump, eyes, face_coordinates, mobile, ramp, side_share
from jaxface.interventions._base import Change, Levels
from jaxface.interventions.protocol import Axis, Wording, equidistant
from jaxface.render import Deformation, Prepared, Scene, render

Branch = Literal["all", "forehead", "eye", "mouth", "none"]
REGIONS = ("forehead", "eye", "mouth")
# How far complete palsy, or the strongest synkinesis, moves a region; IOD.
_BROW_DROOP, _CORNER_DROOP, _CORNER_INWARDS = 0.09, 0.12, 0.05
_WIDER = 0.045
_NARROWER = 0.045
_CORNER_UP, _CORNER_OUT = 0.08, 0.05
_FULL_MOUTH, _FULL_CLOSURE = 0.06, 0.05
"""Mean movement of the mouth, and of a lid, that brings out all of the synkinesis; IOD."""
_TINY = 1e-12


@dataclass(frozen=True)
class Palsy(Change):
    """Weaken one side of the face by House-Brackmann grades, from I (normal) to VI (total).

    Holds identity, colours, camera, light, the other side, the jaw and the eyeballs. It cannot hold the mean
    of the picture, nor know muscles: regions are bands of height and bumps placed by the eyes, the same on
    every head, so that a smile's pull on the cheek is divided where the band ends; the other side does not
    compensate; the eye that does not close shows no Bell's phenomenon.

    Attributes:
        side: which side is affected, the person's own.
        branch: which region is; "none" leaves all movement as it is, for synkinesis or contracture alone.
        synkinesis: as the mouth moves the eye narrows, as the eye closes the corner of the mouth moves.
        contracture: at rest the eye is narrower and the corner of the mouth pulled up and out.
    """

    name: ClassVar[str] = "palsy"
    symbol: ClassVar[str] = "g"
    ends: ClassVar[tuple[str, str]] = ("normal (I)", "total (VI)")
    wording: ClassVar[Wording] = Wording(
        noun="facial palsy",
        effect="depends on palsy",
        unchanged_face="unaffected",
        changed_face="paralysed",
        description="The person's own {side} side has facial palsy of House-Brackmann grade I (1) "
        "to VI (6), at rest and in motion (branch: {branch})",
        methods_text="the person's own {side} side was given facial palsy of House-Brackmann grades "
        "I to VI, at rest and in motion (branch: {branch})",
    )

    side: Side = "left"
    branch: Branch = "all"
    synkinesis: bool = True
    contracture: bool = False
    steps: Annotated[int, Ge(2)] = 6

    @property
    def dose(self) -> Axis:
        """Grades I to VI as 1 to 6."""
        levels = equidistant(1.0, 6.0, self.steps)
        return Axis("grade", levels, 1.0, self.symbol, self.ends)

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require eyes, by which the regions are placed."""
        require_eyes(head, "palsy places its regions by them")

    def image(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return the picture of a face at () grade and () time, (size, size, 3) display values."""
        displacement = self.displacement(head, params, *levels)
        wrinkles = wrinkle_weights(head.appearance.wrinkles, displacement)
        return render(head, person, Deformation(displacement, wrinkles), params.pose, scene)

    def displacement(self, head: FaceModel, params: FaceParams, grade: Array, time: Array) -> Array:
        """Return what grade and expression do to the unposed head, (V, 3) metres."""
        values = {name: jnp.interp(grade, table[0], table[1]) for name, table in _columns().items()}
        regions = self._weak_regions()
        share = side_share(head, self.side)[:, None]
        weights = region_weights(head)
        loss = jnp.zeros_like(head.left_weight)
        for name in regions:
            loss = loss + (1.0 - values[name]) * weights[name]
        own = head.expression_basis @ (time * params.expression)
        # Not a sum of gains: at grade I every factor is exactly one.
        moving = own * (1.0 - share * loss[:, None])
        if head.shared_basis is not None:
            moving = moving + head.shared_basis @ (time * params.expression)
        fields = rest_fields(head)
        still = jnp.zeros_like(own)
        if "forehead" in regions:
            still = still + values["droop"] * fields["brow droop"]
        if "eye" in regions:
            still = still + values["wide"] * fields["wide eye"]
        if "mouth" in regions:
            still = still + values["droop"] * fields["mouth droop"]
        if self.contracture:
            still = still + values["contracture"] * 0.5 * (fields["narrow eye"] + fields["mouth pull"])
        if self.synkinesis:
            mouth, closure = intended_motion(head, own, share[:, 0])
            joint_motion = mouth * fields["narrow eye"] + closure * fields["mouth pull"]
            still = still + values["synkinesis"] * joint_motion
        return moving + share * still

    def _weak_regions(self) -> tuple[str, ...]:
        """The regions whose movement is lost."""
        if self.branch == "none":
            return ()
        return REGIONS if self.branch == "all" else (self.branch,)


def region_weights(head: FaceModel) -> dict[str, Array]:
    """Return the share of each vertex in forehead, eye and mouth, (V,) each; they sum to one."""
    _, up, _ = face_coordinates(head)
    forehead, mouth = ramp(up, 0.12, 0.3), ramp(-up, 0.2, 0.7)
    return {"forehead": forehead, "eye": 1.0 - forehead - mouth, "mouth": mouth}


def rest_fields(head: FaceModel) -> dict[str, Array]:
    """Return displacements of complete palsy and of the strongest synkinesis, (V, 3) metres, of both sides.

    Vertices that no expression moves by a side's own muscles (teeth, eyeballs, hair) stay.
    """
    distance, out = eyes(head).distance, jnp.sign(head.template[:, 0])
    skin = mobile(head) * distance
    brow, corner = bump(head, BROW, 0.35, 0.16), bump(head, CORNER, 0.22, 0.25)
    lids = _lids(head)
    zero = jnp.zeros_like(skin)

    def field(x: Array, y: Array) -> Array:
        return skin[:, None] * jnp.stack([x, y, zero], axis=-1)

    return {
        "brow droop": field(zero, -_BROW_DROOP * brow),
        "wide eye": field(zero, _WIDER * lids),
        "mouth droop": field(-_CORNER_INWARDS * out * corner, -_CORNER_DROOP * corner),
        "narrow eye": field(zero, -_NARROWER * lids),
        "mouth pull": field(_CORNER_OUT * out * corner, _CORNER_UP * corner),
    }


def intended_motion(head: FaceModel, own: Array, share: Array) -> tuple[Array, Array]:
    """Return how much the expression moves the mouth, and closes the eye, of a side: () in [0, 1] each.

    Args:
        own: (V, 3) metres, the healthy expression.
        share: (V,) of the side.
    """
    distance = eyes(head).distance
    corner = bump(head, CORNER, 0.22, 0.25) * share * mobile(head)
    squared = (corner @ (own**2).sum(axis=1)) / jnp.maximum(corner.sum(), 1e-9)
    reach = jnp.sqrt(squared + _TINY) - jnp.sqrt(jnp.asarray(_TINY))  # its gradient is finite at rest
    lids = _lids(head) * share * mobile(head)
    closing = -(lids @ own[:, 1]) / jnp.maximum(jnp.abs(lids).sum(), 1e-9)
    return (
        jnp.clip(reach / (_FULL_MOUTH * distance), 0.0, 1.0),
        jnp.clip(closing / (_FULL_CLOSURE * distance), 0.0, 1.0),
    )


def _lids(head: FaceModel) -> Array:
    """(V,) upwards on the upper lid, downwards on the lower one, in [-1, 1]; largest at the lids' edges."""
    frame = eyes(head)
    _, up, _ = face_coordinates(head)
    return bump(head, (frame.left[0] / frame.distance, 0.0), 0.16, 0.1) * jnp.clip(up / 0.05, -1.0, 1.0)


@functools.cache
def grades() -> tuple[dict[str, Any], ...]:
    """Return the six rows of `house_brackmann.toml`: name, words, description, and numbers."""
    text = (files("jaxface.interventions") / "house_brackmann.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["grade"])


@functools.cache
def _columns() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Grades 1 to 6, and each number at them."""
    number = np.arange(1, 7, dtype=np.float32)
    names = (*REGIONS, "droop", "wide", "synkinesis", "contracture")
    return {name: (number, np.array([row[name] for row in grades()], np.float32)) for name in names}
