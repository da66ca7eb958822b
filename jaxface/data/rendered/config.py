"""Recipes: the settings of a rendered data set, in plain numbers. One TOML file each.

A pair of numbers holds the ends of a uniform distribution, unless said otherwise.
"""

import dataclasses
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeVar

from jaxface.core.checks import Ge, Interval, OneOf, check, require
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import EXPRESSIONS, expression_names

if TYPE_CHECKING:
    from jaxface.core.types import Array

T = TypeVar("T")

Range = tuple[float, float]
"""From low to high."""

NonNegative = Annotated[float, Ge(0)]
Count = Annotated[int, Ge(0)]
Probability = Annotated[float, Interval(ge=0, le=1)]


def _require_range(ends: Range, name: str) -> None:
    low, high = ends
    require(low <= high, name, [low, high], "a range from low to high")


class _Table:
    """A table of a recipe, which checks its fields. `table` is its name in the TOML file."""

    table: ClassVar[str]

    def __init_subclass__(cls, table: str) -> None:
        cls.table = table

    def __post_init__(self) -> None:
        check(self, self.table)
        for each in dataclasses.fields(self):  # type: ignore[arg-type]
            if each.type is Range:
                _require_range(getattr(self, each.name), f"{self.table}.{each.name}")


@dataclass(frozen=True)
class PeopleConfig(_Table, table="people"):
    """Who is drawn. Person k is a pure function of `seed` and k, in every recipe.

    Attributes:
        identities: number of people, each drawn equally often; 0 = a new one in every image.
        first: number of the first person. Recipes with disjoint ranges share no person.
        seed: of the people.
        sex: groups of the head's population to draw from.
        skin_tones: of the head's population, such as "light"; none = all, by their weights.
        style: how differently people use a facial unit: deviation of the logarithm of the gain.
        rest: a person's activations at rest: this times |N(0, 1)|, on a third of `rest_units`.
        rest_units: facial units that a face at rest may show.
        prototype_bias: how strongly a person prefers one prototype: deviation of the log-odds.
    """

    identities: Count = 0
    first: Count = 0
    seed: Count = 0
    sex: Literal["both", "female", "male"] = "both"
    skin_tones: tuple[str, ...] = ()
    style: NonNegative = 0.25
    rest: NonNegative = 0.1
    rest_units: tuple[str, ...] = (
        "browDown",
        "innerBrowOblique",
        "outerBrowArch",
        "eyeSquint",
        "mouthFrown",
        "cornerPull",
        "mouthPress",
    )
    prototype_bias: NonNegative = 1.0


@dataclass(frozen=True)
class ExpressionsConfig(_Table, table="expressions"):
    """Which expressions, and how they are shown.

    Attributes:
        labels: classes, in the order of the labels; () = no expressions, only action units.
        weights: how often each class is drawn; () = equally.
        strength: factor on the prototype's activations.
        mixing: largest weight of a second prototype of the same expression that is mixed in.
        jitter: standard deviation of the logarithm of each unit's own factor in an image.
        drop: fraction of a prototype's units that are left out.
        spurious_rate: fraction of the units that are slightly active without need.
        spurious_strength: largest activation of such a unit.
    """

    labels: tuple[Annotated[str, OneOf(EXPRESSIONS)], ...] = (
        "surprise",
        "fear",
        "disgust",
        "happiness",
        "sadness",
        "anger",
        "neutral",
    )
    weights: tuple[NonNegative, ...] = ()
    strength: Range = (0.55, 1.05)
    mixing: Probability = 0.3
    jitter: NonNegative = 0.15
    drop: Probability = 0.08
    spurious_rate: Probability = 0.06
    spurious_strength: Probability = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        expression_names(self.labels)
        if self.weights and len(self.weights) != len(self.labels):
            raise ConfigError(f"expressions: {len(self.weights)} weights for {len(self.labels)} labels")


@dataclass(frozen=True)
class ActionUnitsConfig(_Table, table="units"):
    """Which action units are labelled, and how they are drawn when there are no expressions.

    Attributes:
        numbers: FACS numbers, in the order of the labels.
        threshold: a unit with at least this activation is labelled present.
        rate: how often each unit is drawn, before units that exclude each other are thinned out.
        intensity: activation of a drawn unit.
        causes: name or file of a causal world (`load_world`), which draws the units instead of
            `rate`, and derives the expression from them by its rule.
    """

    numbers: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 17, 20, 23, 24, 25, 26)
    threshold: NonNegative = 0.25
    rate: Probability = 0.25
    intensity: Range = (0.35, 1.0)
    causes: str = ""


@dataclass(frozen=True)
class PoseConfig(_Table, table="pose"):
    """Head pose, gaze and asymmetry. Degrees are standard deviations, cut off at two of them.

    Attributes:
        asymmetric: fraction of faces one side of which follows the expression only in part.
        symmetry: how far that side follows.
    """

    yaw: NonNegative = 8.0
    pitch: NonNegative = 5.0
    roll: NonNegative = 3.0
    gaze: NonNegative = 4.0
    asymmetric: Probability = 0.0
    symmetry: Range = (0.0, 1.0)


@dataclass(frozen=True)
class LightConfig(_Table, table="light"):
    """Ambient light, a key light, and a fill light from the other side.

    Attributes:
        azimuth: largest angle of the key light to either side, degrees.
        elevation: degrees of the key light above the eyes.
        warmth: standard deviation of each light's colour temperature: 1 is a candle, -1 a blue sky.
    """

    ambient: Range = (0.3, 0.6)
    key: Range = (0.3, 0.8)
    fill: Range = (0.0, 0.35)
    azimuth: NonNegative = 60.0
    elevation: Range = (0.0, 50.0)
    warmth: NonNegative = 0.5


@dataclass(frozen=True)
class CameraConfig(_Table, table="camera"):
    """Framing: aligned by the eyes of the unposed head, with some error.

    Attributes:
        height: of the image, in interocular distances.
        eye_line: fraction of the image above the eyes.
        shift: largest horizontal offset of the face, in image widths.
        distance: metres from the eyes.
    """

    height: Range = (2.7, 3.3)
    eye_line: Range = (0.36, 0.42)
    shift: NonNegative = 0.02
    distance: Range = (0.5, 1.5)


@dataclass(frozen=True)
class SensorConfig(_Table, table="sensor"):
    """Exposure, white balance, blur and noise.

    Attributes:
        exposure: standard deviation, in stops.
        white_balance: standard deviation of the logarithm of each channel's gain.
        blur: standard deviation of the blur, pixels.
        noise: standard deviation of the noise at middle grey; the display's range is 1.
        grey: fraction of images without colour.
    """

    exposure: NonNegative = 0.15
    white_balance: NonNegative = 0.03
    blur: Range = (0.3, 0.7)
    noise: Range = (0.0, 0.025)
    grey: Probability = 0.0


@dataclass(frozen=True)
class BackgroundConfig(_Table, table="background"):
    """Soft patches of colour behind the head.

    Attributes:
        level: of the mean, sRGB.
        colour: standard deviation of the mean's channels.
        contrast: standard deviation of the patches about the mean.
    """

    level: Range = (0.05, 0.9)
    colour: NonNegative = 0.08
    contrast: Range = (0.0, 0.25)


@dataclass(frozen=True)
class RenderedDatasetConfig:
    """A recipe: example i is a pure function of the recipe, the seeds and i.

    Attributes:
        head: a face model with facial units: "bundled", or its path.
        size: pixels along an edge.
        supersample: rays along an edge of a pixel. 2 takes 1.5 to 2 times as long.
        landmarks: add a column `landmarks` (68, 2): iBUG 300-W's points, in widths of the image.
        lines: factor on the expression lines (wrinkles) of the skin.
    """

    name: str = "rendered"
    seed: int = 0
    head: str = "bundled"
    size: Annotated[int, Ge(8)] = 64
    supersample: Annotated[int, Ge(1)] = 1
    landmarks: bool = False
    lines: Range = (0.7, 1.2)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    expressions: ExpressionsConfig = field(default_factory=ExpressionsConfig)
    units: ActionUnitsConfig = field(default_factory=ActionUnitsConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    light: LightConfig = field(default_factory=LightConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    sensor: SensorConfig = field(default_factory=SensorConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)

    def __post_init__(self) -> None:
        check(self)
        _require_range(self.lines, "lines")
        require(self.lines[0] >= 0.0, "lines", list(self.lines), "at least 0")


def lerp(fraction: "Array", ends: Range) -> "Array":
    """Return where a fraction in [0, 1] lies between the ends."""
    return ends[0] + (ends[1] - ends[0]) * fraction


def load_recipe(name: str | Path) -> RenderedDatasetConfig:
    """Load a recipe of jaxface by its name, or a recipe of yours by its path.

    Raises:
        ConfigError: no such recipe or file, or a key or value that recipes do not have.
    """
    return load_shipped(RenderedDatasetConfig, "recipe", name)


def recipe_names() -> tuple[str, ...]:
    """Return the names of jaxface's own recipes."""
    return _shipped_names("recipe")


def load_shipped(cls: type[T], kind: str, name: str | Path) -> T:
    """Load a TOML file that comes with jaxface in the folder `{kind}s` by name, another by path."""
    if Path(name).suffix == ".toml":
        return load_toml(cls, name)
    names = _shipped_names(kind)
    if str(name) not in names:
        raise ConfigError(f"no {kind} {str(name)!r}{suggestion(str(name), names)}, or give a .toml file")
    with as_file(_folder(kind) / f"{name}.toml") as path:
        return load_toml(cls, path)


def _shipped_names(kind: str) -> tuple[str, ...]:
    names = (each.name for each in _folder(kind).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def _folder(kind: str) -> Traversable:
    return files("jaxface.data.rendered") / f"{kind}s"
