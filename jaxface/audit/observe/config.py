"""What an observation is: photographs, classifiers, symmetry features and tests (Facing Asymmetry, 4.1)."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from jaxface.audit.config import ClassifierLike
from jaxface.core.checks import Ge, Gt, Interval, OneOf, check, require
from jaxface.core.errors import ConfigError, LabelError
from jaxface.core.types import expression_names
from jaxface.face import HeadConfig
from jaxface.photos import DetectConfig
from jaxface.render.config import BACKGROUND, EYE_LINE, HEIGHT
from jaxface.stats.independence.registry import TESTS, VOTERS, Form

Unit = Literal["photograph", "person"]
Subset = Literal["matching", "all"]
Share = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class CropConfig:
    """How a photograph becomes the square that a classifier sees; the defaults are the renderer's framing."""

    size: Annotated[int, Ge(8)] = 112
    """Pixels along an edge of the crop; a classifier whose input is larger gets crops of its own size."""

    height: Annotated[float, Gt(0)] = HEIGHT
    """Where eyes are given: image height in interocular distances."""

    eye_line: float = EYE_LINE
    """Where eyes are given: share of the crop above them."""

    box_scale: Annotated[float, Gt(0)] = 1.0
    """Where a box is given: edge of the square crop over the box's longer edge."""

    background: tuple[float, float, float] = BACKGROUND
    """What lies outside of the photograph, sRGB in [0, 1]."""

    def __post_init__(self) -> None:
        check(self, "crop")
        require(self.size % 2 == 0, "crop.size", self.size, "even: a crop has two halves")

    def size_for(self, input_size: int | None) -> int:
        """Pixels of the crops for a classifier with this input; None = it takes any."""
        return max(self.size, input_size or 0)


@dataclass(frozen=True)
class CohortConfig(HeadConfig):
    """Who is photographed, and how. The head needs hand-set expressions, as the bundled one has."""

    people: Annotated[int, Ge(2)] = 600
    """An even number: half of them patients."""

    photographs: Annotated[int, Ge(1)] = 1
    """Photographs of each person; several of one person are not independent samples."""

    expressions: tuple[str, ...] = ("happiness", "sadness", "surprise")
    """Expressions that people make, in turn."""

    symmetry: tuple[Share, Share] = (0.0, 0.6)
    """Range of the share s of a patient's expression that the palsied side still makes."""

    strength: tuple[Share, Share] = (0.6, 1.0)
    """Range of the share of the whole expression that is made."""

    pose: Annotated[float, Ge(0)] = 4.0
    """Deviation of yaw, pitch and roll, degrees."""

    light: Annotated[float, Ge(0)] = 0.25
    """Relative deviation of the strength of each light; directions vary by as much."""

    noise: Annotated[float, Ge(0)] = 0.02
    """Deviation of the camera's noise, of [0, 1]."""

    size: Annotated[int, Ge(32)] = 160
    """Pixels along an edge of a photograph."""

    null: bool = False
    """Leave every face symmetric, the patients' too: a cohort without an effect."""

    def __post_init__(self) -> None:
        check(self, "cohort")
        require(self.people % 2 == 0, "cohort.people", self.people, "even: half of them are patients")
        for name in ("symmetry", "strength"):
            low, high = getattr(self, name)
            require(low <= high, f"cohort.{name}", (low, high), "two numbers in [0, 1], the smaller first")
        object.__setattr__(self, "expressions", expression_names(self.expressions))
        if not self.expressions:
            raise ConfigError("cohort.expressions is empty; name at least one")


@dataclass(frozen=True)
class ObserveConfig:
    """Do classifiers answer people with asymmetric faces differently? An association, not an intervention."""

    table: str | None = None
    """CSV of the photographs: path, label, group; optionally person, box, landmarks, numbers of your own."""

    photos: str | None = None
    """Folder of photographs, in folders named after expressions and perhaps groups; with a table, where its
    relative paths start."""

    faces: Literal["detect", "centre"] = "detect"
    """Photographs without eyes or a box in the table: "detect" the face, or take the "centre" for it."""

    detect: DetectConfig = field(default_factory=DetectConfig)
    """How faces are found."""

    classifiers: tuple[ClassifierLike, ...] = ("face-api", "fer-mini-xception")
    """Names (`jaxface classifiers` lists them), folders with a card.toml, or hf:OWNER/NAME."""

    expressions: tuple[str, ...] = ("happiness",)
    """Whose logit is tested; a classifier without one of them skips it."""

    labels: tuple[str, ...] = ()
    """Use only photographs with these labels; none = all. One name that ends in .csv is the table."""

    subset: tuple[Subset, ...] = ("matching", "all")
    """Photographs that test an expression's logit: the "matching" ones, unconditionally (the paper's), or
    "all", conditioned on the label."""

    features: tuple[str, ...] = ()
    """Features tested against the logit: group, pixel, landmarks, eye-opening, brow-height, corner-excursion,
    corner-angle, lpips, maps:CLASSIFIER[:MAP], column:NAME; none = all in the table, the landmarks', pixel,
    maps:face-api, and lpips with --alexnet."""

    alexnet: str | None = None
    """Torchvision's AlexNet weights, for the feature lpips."""

    unit: Unit = "photograph"
    """What one sample of a test is: a "photograph" (the paper's), or a "person": mean over that person's
    photographs of a label. Several photographs of one person are not independent samples."""

    tests: tuple[Annotated[str, OneOf(TESTS)], ...] = VOTERS
    """Tests of independence; the majority decides."""

    chsic_form: Form = "hilbert-schmidt"
    """Statistic of the test chsic: "hilbert-schmidt", "normalised" (of the paper that Facing Asymmetry cites,
    Fukumizu 2007) or "residuals"."""

    alpha: Annotated[float, Interval(gt=0, lt=1)] = 0.01
    """Level of each test."""

    window: Annotated[float, Interval(gt=0, le=1)] = 0.2
    """Width of the window of the regression over a continuous feature, as a share of its range."""

    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0
    """Everything random follows from it."""

    pictures: bool = False
    """Show crops in the report. A demonstration always does."""

    demo: bool = False
    """Simulate two cohorts instead of reading a table: one with palsy, one without any effect."""

    repeats: Annotated[int, Ge(1)] = 1
    """Repeats of the demonstration with other people: how often do the tests detect the effect?"""

    crop: CropConfig = field(default_factory=CropConfig)
    """How photographs are cropped."""

    cohort: CohortConfig = field(default_factory=CohortConfig)
    """The simulated cohort."""

    def __post_init__(self) -> None:
        if self.demo and (self.table is not None or self.photos is not None):
            raise ConfigError("demo simulates its own photographs; leave table and photos out, or demo")
        if self.detect.which == "all":
            raise ConfigError('detect.which = "all": an observation wants one face of each photograph')
        for name in ("classifiers", "expressions", "labels", "subset", "features", "tests"):
            values = getattr(self, name)
            if isinstance(values, str):
                raise ConfigError(f"{name} must be a list, got one string; write {name} = ({values!r},)")
            if not values and name not in ("labels", "features"):
                raise ConfigError(f"{name} is empty; name at least one")
            object.__setattr__(self, name, tuple(values))
        check(self)
        self._take_table()
        for name in ("expressions", "labels"):
            try:
                object.__setattr__(self, name, expression_names(getattr(self, name)))
            except LabelError as error:
                raise ConfigError(f"{name}: {error}") from None

    def _take_table(self) -> None:
        """`labels` may be the table that holds them."""
        tables = [name for name in self.labels if name.lower().endswith((".csv", ".tsv"))]
        if not tables:
            return
        if len(self.labels) > 1 or self.table is not None:
            raise ConfigError(f"labels = {tables[0]!r} is a table; give no other labels or table beside it")
        object.__setattr__(self, "table", tables[0])
        object.__setattr__(self, "labels", ())
