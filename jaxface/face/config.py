"""Which head, and how it is loaded: the fields of every command and config that takes a head."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jaxface.face.model import FaceModel

    HeadLike = str | FaceModel
else:
    HeadLike = str  # what a TOML file and a flag can hold


Side = Literal["left", "right"]
"""The person's own."""

Jaw = Literal["whole", "split"]
"""Whether symmetry leaves what the jaw does whole, or splits it between the sides."""


@dataclass(frozen=True)
class HeadConfig:
    """A head, and the options of `jaxface.face.load`."""

    head: HeadLike = "bundled"
    """`bundled`, or a face model file or folder: FLAME .pkl or .npz, ICT-FaceKit."""

    expression_space: str | None = None
    """What the expression coefficients are, where the head leaves a choice: `jaxface.face.load`."""

    texture: str | None = None
    """An albedo image or file, for face models that are published without: FLAME's texture, the Basel Face
    Model's (FLAME_albedo_from_BFM.npz), an image for ICT-FaceKit."""

    masks: str | None = None
    """FLAME's vertex masks."""

    identity_components: int | None = None
    """Number of identity coefficients: 100 by default for FLAME, 50 for ICT-FaceKit."""

    expression_components: int | None = None
    """Number of FLAME's expression coefficients, 50 by default."""

    texture_components: int | None = None
    """Number of the coefficients of FLAME's texture, 50 by default."""

    midline_width: float | None = None
    """Half the width, metres, of the blend between the sides of the face; 0 splits as Eq. 2 does."""

    jaw: Jaw | None = None
    """"whole": symmetry never scales what the jaw does, since it is one bone (the default, where a head
    tells the jaw apart). "split": each side has its half, as in Eq. 3; FLAME has only this."""

    @property
    def head_options(self) -> dict[str, Any]:
        """The keyword arguments of `jaxface.face.load` for this head."""
        options = (field.name for field in dataclasses.fields(HeadConfig) if field.name != "head")
        return {name: getattr(self, name) for name in options}
