"""What an observation is: photographs, classifiers, symmetry features and tests (Facing Asymmetry, 4.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jaxface.audit.config import ClassifierLike
from jaxface.core.errors import ConfigError, LabelError, suggestion
from jaxface.core.types import expression_names
from jaxface.face import HeadConfig
from jaxface.render.scene import BACKGROUND, EYE_LINE, HEIGHT
from jaxface.stats.independence.majority import TESTS, VOTERS

Unit = Literal["photograph", "person"]
Among = Literal["own", "all"]


@dataclass(frozen=True)
class CropConfig:
    """How a photograph becomes the square that a classifier sees; the defaults are the renderer's framing."""

    size: int = 112
    """Pixels along an edge of the crop; a classifier whose input is larger gets crops of its own size."""

    height: float = HEIGHT
    """Where eyes are given: image height in interocular distances."""

    eye_line: float = EYE_LINE
    """Where eyes are given: share of the crop above them."""

    box_scale: float = 1.0
    """Where a box is given: edge of the square crop over the box's longer edge."""

    background: tuple[float, float, float] = BACKGROUND
    """What lies outside of the photograph, sRGB in [0, 1]."""

    def __post_init__(self) -> None:
        if self.size < 8 or self.size % 2:
            raise ConfigError(f"crop.size = {self.size} wants an even number of pixels, at least 8: two halves")
        for name in ("height", "box_scale"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"crop.{name} = {getattr(self, name)} wants a positive number")

    def size_for(self, input_size: int | None) -> int:
        """Pixels of the crops for a classifier with this input; None = it takes any."""
        return max(self.size, input_size or 0)


@dataclass(frozen=True)
class CohortConfig(HeadConfig):
    """Who is photographed, and how. The head needs hand-set expressions, as the bundled one has."""

    people: int = 600
    """An even number: half of them patients."""

    photographs: int = 1
    """Of each person; several are no independent samples."""

    expressions: tuple[str, ...] = ("happiness", "sadness", "surprise")
    """What people are asked for, in turn."""

    symmetry: tuple[float, float] = (0.0, 0.6)
    """Range of the share s of a patient's expression that the palsied side still makes."""

    strength: tuple[float, float] = (0.6, 1.0)
    """Range of the share of the whole expression that is made."""

    pose: float = 4.0
    """Deviation of yaw, pitch and roll, degrees."""

    light: float = 0.25
    """Relative deviation of the strength of each light; their directions vary alike."""

    noise: float = 0.02
    """Deviation of the camera's noise, of [0, 1]."""

    size: int = 160
    """Pixels along an edge of a photograph."""

    null: bool = False
    """Patients in name only: the same table, but nobody's face is touched."""

    def __post_init__(self) -> None:
        wanted = {
            "people": self.people >= 2 and self.people % 2 == 0,
            "photographs": self.photographs >= 1,
            "size": self.size >= 32,
            "pose": self.pose >= 0,
            "light": self.light >= 0,
            "noise": self.noise >= 0,
        }
        for name, good in wanted.items():
            if not good:
                raise ConfigError(f"cohort.{name} = {getattr(self, name)} is too small, or odd")
        for name in ("symmetry", "strength"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                raise ConfigError(
                    f"cohort.{name} = {(low, high)} wants two numbers in [0, 1], the smaller first"
                )
        object.__setattr__(self, "expressions", expression_names(self.expressions))
        if not self.expressions:
            raise ConfigError("cohort.expressions is empty; name at least one")


@dataclass(frozen=True)
class ObserveConfig:
    """Do classifiers answer people with asymmetric faces differently? An association, not an intervention."""

    table: str | None = None
    """CSV of the photographs: path, label, group; optionally person, box, landmarks, numbers of your own."""

    classifiers: tuple[ClassifierLike, ...] = ("face-api", "fer-mini-xception")
    """Names (`jaxface classifiers` lists them) or folders with a card.toml."""

    expressions: tuple[str, ...] = ("happiness",)
    """Whose logit is examined; a classifier that lacks one is left out there."""

    labels: tuple[str, ...] = ()
    """Photographs of which labels enter; none = all."""

    among: tuple[Among, ...] = ("own", "all")
    """Whose logit of an expression is tested: its "own" photographs, with nothing conditioned on (the
    paper's), or "all", given the label."""

    features: tuple[str, ...] = ()
    """What is held against the logit: group, pixel, landmarks, lpips, maps:CLASSIFIER[:MAP], column:NAME;
    none = all that the table has, with pixel, maps:face-api, and lpips if --alexnet is given."""

    alexnet: str | None = None
    """Torchvision's AlexNet weights, for the feature lpips."""

    unit: Unit = "photograph"
    """What one sample of a test is: a "photograph" (the paper's), or a "person": mean over that person's
    photographs of a label. Several photographs of a person are no independent samples."""

    tests: tuple[str, ...] = VOTERS
    """Tests of independence; most of them decide."""

    alpha: float = 0.01
    """Level of each test."""

    window: float = 0.2
    """Width of the window of the regression over a continuous feature, as a share of its range."""

    seed: int = 0
    """Everything random follows from it."""

    pictures: bool = False
    """Show crops in the report. A demonstration always does."""

    demo: bool = False
    """Simulate two cohorts instead of reading a table: one with palsy, and one where nothing is to be found."""

    repeats: int = 1
    """Of the demonstration, with other people each time: how often do the tests find what is there?"""

    crop: CropConfig = field(default_factory=CropConfig)
    """How photographs are cropped."""

    cohort: CohortConfig = field(default_factory=CohortConfig)
    """Who is simulated."""

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise ConfigError(f"alpha = {self.alpha} wants to be between 0 and 1")
        if not 0.0 < self.window <= 1.0:
            raise ConfigError(f"window = {self.window} wants to be in (0, 1]")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed = {self.seed} wants to be in 0 ... 2^32 - 1")
        if self.repeats < 1:
            raise ConfigError(f"repeats = {self.repeats} wants to be at least 1")
        if self.demo and self.table is not None:
            raise ConfigError("demo simulates its own photographs; leave table out, or demo")
        if self.unit not in ("photograph", "person"):
            raise ConfigError(f"unit = {self.unit!r}{suggestion(str(self.unit), ('photograph', 'person'))}")
        for name in self.tests:
            if name not in TESTS:
                raise ConfigError(f"tests holds {name!r}{suggestion(name, TESTS)}")
        for among in self.among:
            if among not in ("own", "all"):
                raise ConfigError(f"among holds {among!r}{suggestion(str(among), ('own', 'all'))}")
        for name in ("classifiers", "expressions", "labels", "among", "features", "tests"):
            values = getattr(self, name)
            if isinstance(values, str):
                raise ConfigError(f"{name} wants several, got one string; write {name} = ({values!r},)")
            if not values and name not in ("labels", "features"):
                raise ConfigError(f"{name} is empty; name at least one")
            object.__setattr__(self, name, tuple(values))
        for name in ("expressions", "labels"):
            try:
                object.__setattr__(self, name, expression_names(getattr(self, name)))
            except LabelError as error:
                raise ConfigError(f"{name}: {error}") from None
