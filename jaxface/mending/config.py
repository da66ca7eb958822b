"""What is mended, and how: one frozen dataclass, the same in Python, TOML and on the command line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from jaxface.core.checks import Ge, Gt, Interval, MinLen, OneOf, check, require
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.data.augmentation_config import AugmentConfig
from jaxface.face.config import HeadConfig, HeadLike
from jaxface.mending.registry import METHODS, OF_EMBEDDING
from jaxface.render import RenderConfig
from jaxface.search import SearchConfig

if TYPE_CHECKING:
    from jaxface.classify import Classifier

    ClassifierLike = str | Classifier
else:
    ClassifierLike = str  # what a TOML file and a flag can hold

Part = Literal["last", "all"]
Alpha = Annotated[float, Interval(gt=0, le=1)]


@dataclass(frozen=True)
class TestHeadConfig(HeadConfig):
    """A head that nothing is trained on; its options are those of any head."""

    __test__ = False  # not for pytest

    head: HeadLike = ""
    """"" = none; else as `head` of an audit."""


@dataclass(frozen=True)
class MendConfig(HeadConfig):
    """Fine-tune a classifier until its answers depend less on what an intervention changes.

    In Python `head` may also be a `FaceModel` and `classifier` a `Classifier`.
    """

    classifier: ClassifierLike = "face-api"
    """A name (`jaxface classifiers` lists them), or a folder with a card.toml: a network in JAX."""

    against: Annotated[tuple[str, ...], MinLen(1)] = ("symmetry",)
    """Interventions that the answers are to depend less on, such as `symmetry` and `skin_tone`
    (docs/interventions.md)."""

    watch: tuple[str, ...] = ()
    """Further interventions of the closing audit, which nothing is trained against: did they get worse?"""

    intervention_settings: dict[str, bool | int | float | str] = field(default_factory=dict)
    """Settings of the interventions by name, as of `jaxface audit`: "steps" for all that have it, "yaw.steps"
    for one."""

    methods: Annotated[tuple[Annotated[str, OneOf(METHODS)], ...], MinLen(1)] = ("consistency",)
    """What is minimized beside the distance from the original's answers; of several the mean."""

    part: Part = "all"
    """Which weights are trained: all, or those of the last layer, which takes a tenth of the time, wants a
    learning rate of 1e-3, and keeps less of what the original knew. Running statistics never are."""

    alpha: Annotated[tuple[Alpha, ...], MinLen(1)] = (0.1, 0.3, 0.6)
    """Weights of the methods against the distance from the original, which has 1 - alpha. Each gives a
    candidate."""

    expressions: Annotated[tuple[str, ...], MinLen(1)] = BASE_EXPRESSIONS
    """Outputs that are to depend less; the neutral face is shown with them."""

    people: Annotated[int, Ge(1)] = 150
    """People to train on. Each shows every expression, unchanged and at a random level of each intervention."""

    held_out_people: Annotated[int, Ge(1)] = 40
    """Other people, by whom a candidate is chosen, and as many again by whom the choice is measured."""

    audit_people: Annotated[int, Ge(1)] = 20
    """People of the closing audits, others again."""

    max_loss_of_accuracy: Annotated[float, Interval(ge=0, le=1)] = 0.01
    """Most accuracy that a candidate may lose on unchanged faces of each head, and on the data."""

    max_loss_of_agreement: Annotated[float, Interval(ge=0, le=1)] = 0.1
    """Largest share of the same pictures that may get another top answer than the original's. Of the candidates
    within both limits the one with the least bias is taken; without one the original is kept."""

    test_head: TestHeadConfig = field(default_factory=TestHeadConfig)
    """A second head, on which candidates are guarded and the result is audited, too. What it cannot vary is
    left out there."""

    data: str | None = None
    """A data set's name (folder, fer2013, ...) on which accuracy is guarded, too."""

    root: Path = Path("data")
    """Folder or file of the data set."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=test."""

    steps: Annotated[int, Ge(1)] = 200
    """Updates of each candidate."""

    batch: Annotated[int, Ge(1)] = 16
    """Faces of an update; each also at a level of every intervention."""

    learning_rate: Annotated[float, Gt(0)] = 3e-4
    """Adam's highest; it rises for a tenth of the steps, then falls to zero along a cosine."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How pictures are augmented, a face and its changed one alike; the original is asked about each anew. By
    default they are not: with it, as many steps took away less bias and kept no more answers (one seed)."""

    groups: Annotated[int, Ge(1)] = 3
    """Into how many groups levels are divided by their distance from the unchanged one (for group_dro and
    adversarial)."""

    checkpoint_every: Annotated[int, Ge(1)] = 100
    """Steps between two checkpoints."""

    symmetry_steps: Annotated[int, Ge(2)] = 5
    """Levels of symmetry in the closing audit."""

    permutations: Annotated[int, Ge(1)] = 2000
    """Shuffles of the closing audit's tests."""

    reached_probability: Annotated[float, Interval(ge=0, lt=1)] = 0.5
    """As of `jaxface audit`: what fewer than half of the people reach with it counts in no effect."""

    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0
    """All random numbers follow from it."""

    search: SearchConfig = field(default_factory=SearchConfig)
    """How the closing audit searches expressions, on the original and anew on what was trained."""

    render: RenderConfig = field(default_factory=RenderConfig)
    """How the closing audit renders. Faces to train on have the size of the classifier's input."""

    def __post_init__(self) -> None:
        check(self)
        if isinstance(self.classifier, Path):
            object.__setattr__(self, "classifier", str(self.classifier))
        for name in ("against", "watch", "methods", "alpha", "expressions", "options"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        names = (*self.against, *self.watch)
        require(len(set(names)) == len(names), "against and watch", names, "different interventions")
        for name in names:
            require(" " not in name, "against and watch", name, "the name of one intervention, not a cross")
        require(len(set(self.alpha)) == len(self.alpha), "alpha", self.alpha, "different numbers")
        require(self.data is not None or not self.options, "options", self.options, "() without data")
        of_embedding = [name for name in self.methods if name in OF_EMBEDDING]
        require(
            self.part == "all" or not of_embedding,
            "part",
            self.part,
            f"'all' for the method {', '.join(of_embedding)}: the embedding lies before the last layer",
        )
        size = self.people * len(self.expressions)
        require(size >= self.batch, "batch", self.batch, f"at most people x expressions = {size}")
