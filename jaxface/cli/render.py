"""`jaxface render`: one face, a strip or a sheet of faces to PNG."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

import jaxface as jf
from jaxface import interventions
from jaxface.cli import head_options, options, preflight
from jaxface.core import progress, runtime
from jaxface.core.checks import Ge, check
from jaxface.core.errors import ConfigError
from jaxface.core.types import expression_name
from jaxface.face import HeadConfig
from jaxface.render import RenderConfig

if TYPE_CHECKING:
    import numpy as np

    from jaxface.interventions import Intervention


SYMMETRY = "symmetry"


@dataclass(frozen=True)
class RenderSettings(HeadConfig):
    """Which faces, and how they are changed."""

    seed: Annotated[int | None, tyro.conf.arg(aliases=["--identity-seed"])] = None
    """Whose face: the first person of this seed's population; none = the mean head."""

    identities: Annotated[int, Ge(1)] = 1
    """Number of people, a row each: those of the seeds from `seed` on."""

    expression: tuple[str, ...] = ("happiness",)
    """Hand-set prototypes of the head, or neutral."""

    prototype: int = 0
    """Which of an expression's prototypes, counted from 0."""

    intervention: str | None = None
    """Name of an intervention, drawn as a strip over its levels; none = the face as it is."""

    intervention_settings: dict[str, bool | int | float | str] = field(default_factory=dict)
    """Its settings by name: a table in a file, pairs as a flag (`--intervention-settings steps 7`)."""

    levels: tuple[float, ...] = ()
    """Levels of the intervention; none = its own."""

    symmetry: tuple[float, ...] = ()
    """Levels of the intervention symmetry, from 1 (untouched) to 0 (one side frozen)."""

    time: tuple[float, ...] = (1.0,)
    """Shares of the expression, from 0 (neutral) to 1 (full expression)."""

    side: Literal["left", "right"] = "left"
    """The side that is changed, where one is: the person's own left or right."""

    size: int | None = None
    """Pixels along an edge of one face; none = render.size."""

    render: RenderConfig = field(default_factory=RenderConfig)

    def __post_init__(self) -> None:
        check(self)
        for name in ("expression", "time"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty; name at least one value")
        if self.symmetry and (self.levels or self.intervention not in (None, SYMMETRY)):
            raise ConfigError("symmetry gives levels of the intervention symmetry; use it without other levels")
        if self.intervention is None and (self.levels or self.intervention_settings):
            raise ConfigError("levels and intervention_settings need an intervention; name one")


@dataclass(frozen=True)
class Render(options.Configured, options.Quiet):
    """Render one face, a strip or a sheet of faces to OUT/render.png.

    Several levels (--symmetry, --levels) or times make a row, and every person and expression has a row of
    its own; otherwise people are the rows and expressions the columns.
    """

    settings: Annotated[RenderSettings, tyro.conf.arg(name="")] = field(default_factory=RenderSettings)

    out: Path = Path("runs/render")
    """Folder for render.png, or the name of a .png file."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse(Render(), "render", argv)
    check_names(command.settings)
    from jaxface.report import image_encoding

    intervention = build_intervention(command.settings)
    runtime.enable_compile_cache()
    picture = render_sheet(command.settings, intervention, progress.for_terminal(command.quiet))
    path = command.out if command.out.suffix.lower() == ".png" else command.out / "render.png"
    image_encoding.save_png(path, picture)
    print(path)
    return 0


def check_names(settings: RenderSettings) -> None:
    """Check the names of expressions, intervention and head; a JaxfaceError if there is none of that name."""
    for label in settings.expression:
        expression_name(label)
    preflight.check_interventions([settings.intervention or SYMMETRY])
    preflight.check_head(settings.head)


def build_intervention(settings: RenderSettings) -> "Intervention":
    """Return the intervention that the settings name.

    Raises:
        ConfigError: there is none of this name, or it has no such setting.
    """
    name = settings.intervention or SYMMETRY
    fields = getattr(interventions.REGISTRY.get(name), "__dataclass_fields__", {})
    side = {"side": settings.side} if "side" in fields else {}
    return interventions.build(name, **{**side, **settings.intervention_settings})


def dose_levels(settings: RenderSettings, intervention: "Intervention") -> tuple[float, ...]:
    """Return the levels that are drawn: those of the settings, or of the intervention that they name."""
    dose = intervention.axes[0]
    own = (dose.unchanged,) if settings.intervention is None else dose.levels
    return settings.symmetry or settings.levels or own


def render_sheet(
    settings: RenderSettings, intervention: "Intervention", meter: progress.Progress
) -> "np.ndarray":
    """Return the picture, (H, W, 3) uint8."""
    import jax.numpy as jnp
    import numpy as np

    from jaxface.report import image_encoding

    head = head_options.load_head(settings)
    config = settings.render
    if settings.size is not None:
        config = dataclasses.replace(config, size=settings.size)
    scene = jf.render.scene(config)
    intervention.require(head, scene)
    doses = dose_levels(settings, intervention)
    seeds: list[int | None] = [settings.seed]
    if settings.identities > 1:
        seeds = list(range(settings.seed or 0, (settings.seed or 0) + settings.identities))
    params = [
        jf.face.with_prototype(head, head_options.person(head, seed), label, settings.prototype)
        for seed in seeds
        for label in settings.expression
    ]
    meter.start("faces", len(params))
    rows = []
    for each in params:
        grid = interventions.grid(
            intervention, head, each, scene, jnp.asarray(doses), jnp.asarray(settings.time)
        )
        rows.append(np.asarray(grid).reshape(-1, *grid.shape[2:]))
        meter.advance()
    meter.close()
    images = np.stack(rows)
    if len(doses) * len(settings.time) > 1:
        row_names = settings.expression * len(seeds) if len(settings.expression) > 1 else ()
        return image_encoding.sheet(images, row_names, column_names(intervention, doses, settings.time))
    table = images.reshape(len(seeds), len(settings.expression), *images.shape[2:])
    return image_encoding.sheet(table, columns=settings.expression if len(settings.expression) > 1 else ())


def column_names(intervention: "Intervention", doses: Sequence[float], times: Sequence[float]) -> list[str]:
    """Return the names above the columns of strips: the levels that vary."""
    dose, time = intervention.axes
    names = []
    for level in doses:
        for moment in times:
            parts = [f"{dose.symbol} = {level:g}"] if len(doses) > 1 else []
            parts += [f"{time.symbol} = {moment:g}"] if len(times) > 1 else []
            names.append(", ".join(parts))
    return names
