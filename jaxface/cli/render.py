"""`jaxface render`: one face, a strip or a sheet of faces to PNG."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import jax.numpy as jnp
import numpy as np
import tyro

import jaxface as jf
from jaxface import interventions
from jaxface.cli import head_options, options
from jaxface.core import progress, runtime
from jaxface.core.errors import ConfigError
from jaxface.face import HeadConfig
from jaxface.render import RenderConfig
from jaxface.report import image_encoding


@dataclass(frozen=True)
class RenderSettings(HeadConfig):
    """What is drawn."""

    seed: Annotated[int | None, tyro.conf.arg(aliases=["--identity-seed"])] = None
    """Whose face: the first person of this seed's population; none = the mean head."""

    identities: int = 1
    """How many people, a row each: those of the seeds from `seed` on."""

    expression: tuple[str, ...] = ("happiness",)
    """Hand-set prototypes of the head, or neutral."""

    prototype: int = 0
    """Which of an expression's prototypes, counted from 0."""

    symmetry: tuple[float, ...] = (1.0,)
    """Shares of the expression on the frozen side, from 1 (untouched) to 0 (frozen)."""

    time: tuple[float, ...] = (1.0,)
    """Shares of the whole expression, from 0 (neutral) to 1."""

    side: Literal["left", "right"] = "left"
    """Which side is frozen, from the person's own point of view."""

    size: int | None = None
    """Pixels along an edge of one face; none = render.size."""

    render: RenderConfig = field(default_factory=RenderConfig)


@dataclass(frozen=True)
class Render:
    """Draw one face, a strip or a sheet of faces to OUT/render.png.

    Several values of --symmetry or --time lie along a row, and every person and expression has a row of
    its own; otherwise people have the rows and expressions the columns.
    """

    settings: Annotated[RenderSettings, tyro.conf.arg(name="")] = field(default_factory=RenderSettings)

    config: str | None = None
    """TOML file with these settings; flags win over it."""

    out: Path = Path("runs/render")
    """Folder for render.png, or the name of a .png file."""

    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress on stderr."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    command = options.parse(Render(), "render", argv)
    check(command.settings)
    runtime.enable_compile_cache()
    picture = draw(command.settings, progress.for_terminal(command.quiet))
    path = command.out if command.out.suffix.lower() == ".png" else command.out / "render.png"
    image_encoding.save_png(path, picture)
    print(path)
    return 0


def check(settings: RenderSettings) -> None:
    """Raises ConfigError where a setting has no meaning."""
    if settings.identities < 1:
        raise ConfigError(f"identities = {settings.identities} wants to be at least 1")
    for name in ("expression", "symmetry", "time"):
        if not getattr(settings, name):
            raise ConfigError(f"{name} wants at least one value")


def draw(settings: RenderSettings, meter: progress.Progress) -> np.ndarray:
    """The picture, (H, W, 3) uint8."""
    head = head_options.load_head(settings)
    config = settings.render
    if settings.size is not None:
        config = dataclasses.replace(config, size=settings.size)
    scene = jf.render.scene(config)
    symmetry, time = jnp.asarray(settings.symmetry), jnp.asarray(settings.time)
    many = len(settings.symmetry) * len(settings.time) > 1
    seeds: list[int | None] = [settings.seed]
    if settings.identities > 1:
        seeds = list(range(settings.seed or 0, (settings.seed or 0) + settings.identities))
    params = [
        head_options.with_prototype(head, head_options.person(head, seed), label, settings.prototype)
        for seed in seeds
        for label in settings.expression
    ]
    meter.start("faces", len(params))
    images = []
    intervention = interventions.Symmetry(settings.side)
    for each in params:
        grid = interventions.grid(intervention, head, each, scene, symmetry, time)
        images.append(np.asarray(grid).reshape(-1, *grid.shape[2:]))
        meter.advance()
    meter.close()
    stacked = np.stack(images)
    if many:
        return image_encoding.sheet(stacked, *strip_names(settings, len(seeds)))
    table = stacked.reshape(len(seeds), len(settings.expression), *stacked.shape[2:])
    return image_encoding.sheet(table, columns=settings.expression if len(settings.expression) > 1 else ())


def strip_names(settings: RenderSettings, people: int) -> tuple[list[str], list[str]]:
    """What stands beside the rows and above the columns of strips."""
    rows = list(settings.expression) * people if len(settings.expression) > 1 else []
    columns = []
    for symmetry in settings.symmetry:
        for time in settings.time:
            parts = [f"s = {symmetry:g}"] if len(settings.symmetry) > 1 else []
            columns.append(", ".join(parts + ([f"t = {time:g}"] if len(settings.time) > 1 else [])))
    return rows, columns
