"""Recipes: what a rendered data set is made of, in plain numbers. A TOML file each.

Pairs of numbers are the ends of a uniform distribution unless said otherwise.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import EXPRESSIONS, Array, expression_names

Range = tuple[float, float]


@dataclass(frozen=True)
class PeopleConfig:
    """Who is drawn. Person k is a pure function of `seed` and k, in every recipe that shares the seed."""

    identities: int = 0
    """How many different people, each drawn equally often; 0 = a new one in every image."""

    first: int = 0
    """Number of the first of them: recipes with disjoint ranges share no person."""

    seed: int = 0
    """Whose k-th person is meant."""

    sex: Literal["both", "female", "male"] = "both"
    """Which groups of the head's population are drawn from."""

    tones: tuple[str, ...] = ()
    """Skin tones of the head's population, such as "light" or "dark"; none = all, by their weights."""

    style: float = 0.25
    """Standard deviation of the logarithm of a person's own gain on each facial unit."""

    rest: float = 0.1
    """How far a person's face at rest may look like an expression: activations are this times |N(0, 1)| on a
    third of `resting`."""

    resting: tuple[str, ...] = (
        "browDown",
        "innerBrowOblique",
        "outerBrowArch",
        "eyeSquint",
        "mouthFrown",
        "cornerPull",
        "mouthPress",
    )
    """Facial units that a face at rest may show."""

    preference: float = 1.0
    """How strongly a person prefers one prototype of an expression: the deviation of their log-odds."""


@dataclass(frozen=True)
class ExpressionsConfig:
    """Which expressions, and how they are shown."""

    labels: tuple[str, ...] = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
    """Classes in the order of the labels; () = no expressions, action units are drawn one by one."""

    weights: tuple[float, ...] = ()
    """How often each class is drawn; () = equally."""

    strength: Range = (0.55, 1.05)
    """Factor on the prototype's activations."""

    mixing: float = 0.3
    """Most of a second prototype of the same expression that is mixed in."""

    jitter: float = 0.15
    """Deviation of the logarithm of each unit's own factor in one image."""

    drop: float = 0.08
    """Share of a prototype's units that are left out."""

    stray: float = 0.06
    """Share of units that are slightly active for no reason."""

    stray_strength: float = 0.15
    """Most of such an activation."""


@dataclass(frozen=True)
class ActionUnitsConfig:
    """Which action units are labelled, and how they are drawn where no expressions are."""

    numbers: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 17, 20, 23, 24, 25, 26)
    """FACS numbers in the order of the labels."""

    threshold: float = 0.25
    """Activation from which a unit counts as present."""

    rate: float = 0.25
    """How often each unit is wanted, before units that exclude each other are thinned out."""

    intensity: Range = (0.35, 1.0)
    """Activation of what is wanted."""

    causes: str = ""
    """Name or file of a world (`causes.world`) whose units these are: they are drawn by its causes in place of
    `rate`, and the expression follows from them by its rule."""


@dataclass(frozen=True)
class PoseConfig:
    """How the head is held and made: degrees are standard deviations, cut off at two."""

    yaw: float = 8.0
    pitch: float = 5.0
    roll: float = 3.0
    gaze: float = 4.0
    asymmetric: float = 0.0
    """Share of faces one side of which follows the expression only in part."""

    symmetry: Range = (0.0, 1.0)
    """How far that side follows."""


@dataclass(frozen=True)
class LightConfig:
    """Light from everywhere, a key light and a fill light from the other side."""

    ambient: Range = (0.3, 0.6)
    key: Range = (0.3, 0.8)
    fill: Range = (0.0, 0.35)
    azimuth: float = 60.0
    """Most degrees that the key light stands to either side."""

    elevation: Range = (0.0, 50.0)
    """Degrees of the key light above the eyes."""

    warmth: float = 0.5
    """Deviation of each light's colour temperature: 1 is a candle, -1 a blue sky."""


@dataclass(frozen=True)
class CameraConfig:
    """How the face is framed: aligned by the eyes of the unposed head, with some error."""

    height: Range = (2.7, 3.3)
    """Of the image, in interocular distances."""

    eye_line: Range = (0.36, 0.42)
    """Share of the image above the eyes."""

    shift: float = 0.02
    """Most of the image's width that the face is off to either side."""

    distance: Range = (0.5, 1.5)
    """Metres from the eyes."""


@dataclass(frozen=True)
class SensorConfig:
    """What the camera does to the light."""

    exposure: float = 0.15
    """Deviation, in stops."""

    white_balance: float = 0.03
    """Deviation of the logarithm of each channel's gain."""

    blur: Range = (0.3, 0.7)
    """Deviation of the blur, pixels."""

    noise: Range = (0.0, 0.025)
    """Deviation of the noise at middle grey, of the display's range."""

    grey: float = 0.0
    """Share of images without colour."""


@dataclass(frozen=True)
class BackgroundConfig:
    """Soft patches of colour behind the head."""

    level: Range = (0.05, 0.9)
    """Of the mean, sRGB."""

    colour: float = 0.08
    """Deviation of the mean's channels."""

    contrast: Range = (0.0, 0.25)
    """Deviation of the patches about the mean."""


@dataclass(frozen=True)
class RenderedDatasetConfig:
    """A rendered data set: example i is a pure function of the recipe, the seeds and i."""

    name: str = "rendered"
    seed: int = 0
    head: str = "bundled"
    """A face model with facial units; its path, or "bundled"."""

    size: int = 64
    """Pixels along an edge."""

    supersample: int = 1
    """Rays along an edge of a pixel; 2 costs half as much again to twice as much, and edges are smoother."""

    landmarks: bool = False
    """Tell where the 68 points of iBUG 300-W lie: a column `landmarks` (68, 2), in widths of the image."""

    lines: Range = (0.7, 1.2)
    """Factor on the lines that an expression draws on the skin."""

    people: PeopleConfig = field(default_factory=PeopleConfig)
    expressions: ExpressionsConfig = field(default_factory=ExpressionsConfig)
    units: ActionUnitsConfig = field(default_factory=ActionUnitsConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    light: LightConfig = field(default_factory=LightConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    sensor: SensorConfig = field(default_factory=SensorConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)

    def __post_init__(self) -> None:
        if self.size < 8 or self.supersample < 1:
            raise ConfigError(f"recipe {self.name}: size = {self.size} wants 8, supersample 1 at least")
        labels = self.expressions.labels
        expression_names(labels)
        unknown = [label for label in labels if label not in EXPRESSIONS]
        if unknown:
            raise ConfigError(
                f"recipe {self.name}: {unknown[0]!r} is no class name{suggestion(unknown[0], EXPRESSIONS)}"
            )
        if self.expressions.weights and len(self.expressions.weights) != len(labels):
            raise ConfigError(
                f"recipe {self.name}: {len(self.expressions.weights)} weights for {len(labels)} classes"
            )
        for table in (
            "lines",
            "people",
            "expressions",
            "units",
            "pose",
            "light",
            "camera",
            "sensor",
            "background",
        ):
            _check_ranges(f"recipe {self.name}: {table}", getattr(self, table))


def lerp(share: Array, ends: Range) -> Array:
    """Where a share in [0, 1] lies between the ends."""
    return ends[0] + (ends[1] - ends[0]) * share


def load_recipe(name: str | Path) -> RenderedDatasetConfig:
    """A recipe of jaxface by its name, or one of yours by its path.

    Raises:
        ConfigError: no such recipe or file, or a key or value that recipes do not have.
    """
    if Path(name).suffix == ".toml":
        return load_toml(RenderedDatasetConfig, name)
    if str(name) not in recipe_names():
        raise ConfigError(
            f"no recipe {str(name)!r}{suggestion(str(name), recipe_names())}, or give a .toml file"
        )
    with as_file(files("jaxface.data.rendered").joinpath("recipes", f"{name}.toml")) as path:
        return load_toml(RenderedDatasetConfig, path)


def recipe_names() -> tuple[str, ...]:
    """The recipes that come with jaxface."""
    folder = files("jaxface.data.rendered").joinpath("recipes")
    return tuple(
        sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml"))
    )


def _check_ranges(where: str, value: Any) -> None:
    """Every pair of numbers is a range from low to high, and no deviation or share is negative."""
    if dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            _check_ranges(f"{where}.{each.name}", getattr(value, each.name))
    elif isinstance(value, tuple) and len(value) == 2 and all(isinstance(each, float) for each in value):
        if value[0] > value[1]:
            raise ConfigError(f"{where} = {list(value)} wants the smaller number first")
    elif isinstance(value, int | float) and value < 0:
        raise ConfigError(f"{where} = {value} cannot be negative")
