"""What an intervention is: axes with levels, and what it does to a face at a point of their grid.

An audit changes one thing about a face and asks a classifier at every level of it. Renderer, store,
statistics and report take all that they need to know of it from an `Intervention`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.render import Prepared, Scene


@dataclass(frozen=True)
class Axis:
    """One thing that varies, in steps.

    Attributes:
        name: a dimension of the store and a column of the tables, such as "symmetry".
        levels: increasing numbers, at least two.
        unchanged: the level at which the face is as it would be without the intervention.
        symbol: one letter for formulas and figures, such as "s".
        ends: words for the first and the last level, such as ("frozen", "untouched").
    """

    name: str
    levels: tuple[float, ...]
    unchanged: float
    symbol: str
    ends: tuple[str, str]

    @property
    def values(self) -> np.ndarray:
        """(L,) float32 levels."""
        return np.asarray(self.levels, np.float32)


def equidistant(low: float, high: float, steps: int) -> tuple[float, ...]:
    """Return `steps` levels from `low` to `high`, each a float32 number."""
    return tuple(np.linspace(low, high, steps, dtype=np.float32).tolist())


def time_axis(steps: int) -> Axis:
    """Return the axis from the neutral face to the full expression."""
    return Axis("time", equidistant(0.0, 1.0, steps), 1.0, "t", ("neutral", "full expression"))


@dataclass(frozen=True)
class Wording:
    """How reports speak of an intervention.

    Attributes:
        noun: what is changed, such as "facial symmetry".
        effect: what a classifier with an effect does, such as "depends on symmetry".
        unchanged_face: the face at the unchanged level, such as "symmetric".
        changed_face: the face at the far end, such as "half frozen".
        description: what is done to a face, one sentence in the present tense without its full stop.
        methods_text: the same for a paper, one clause in the past tense.

    In the last two, "{side}" stands for the setting `side` of `Intervention.description()`, and so on.
    """

    noun: str
    effect: str
    unchanged_face: str
    changed_face: str
    description: str = ""
    methods_text: str = ""


class Intervention(Protocol):
    """A frozen, hashable description: programs are compiled per intervention.

    Attributes:
        name: its key in the registry, and in configs.
        axes: the dose, which the score is taken along, then time from neutral to full expression.
        probe_levels: doses at which all answers to the full expression are kept.
    """

    @property
    def name(self) -> str: ...

    @property
    def axes(self) -> tuple[Axis, Axis]: ...

    @property
    def probe_levels(self) -> tuple[float, ...]: ...

    @property
    def wording(self) -> Wording: ...

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Check that this head and scene have what is changed; ConfigError in one line if not.

        Called before any work, outside `jit`.
        """

    def image(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        levels: tuple[Array, Array],
    ) -> Array:
        """One picture of one face at one grid point, (size, size, 3) display values; pure.

        Args:
            person: `render.prepare` of the same head, face and scene.
            levels: () dose and () time.
        """

    def affine_fields(self, head: FaceModel, params: FaceParams) -> Array | None:
        """The fast path: (2, V, 3) metres, unposed; None where it is no such displacement.

        At a grid point the unposed head is moved by `coefficients(dose, time) . fields` alone.
        """

    def coefficients(self, dose: Array, time: Array) -> tuple[Array, Array]:
        """The weight of each affine field, shaped as `dose` and `time`; bilinear in (dose, time).

        Never called where `affine_fields` is None.
        """

    def description(self) -> Mapping[str, Any]:
        """Settings by name as JSON-ready values, and "name"; equal ones mean equal pictures."""


@runtime_checkable
class WholeGrid(Protocol):
    """An intervention that draws a whole grid sooner than picture by picture.

    One that moves no vertex: all doses of one time see the same triangles.
    """

    def grid(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: tuple[Array, Array]
    ) -> Array:
        """Return the pictures of all pairs of doses (L,) and times (T,), (L, T, size, size, 3); pure."""
