"""`jaxface search`: the face that a classifier takes most surely for an expression."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import jaxface as jf
from jaxface.cli import faces, options
from jaxface.core import io, progress, runtime
from jaxface.core.types import expression_name
from jaxface.render import RenderConfig
from jaxface.report import pictures
from jaxface.search import SearchConfig

SHOWN = (1.0, 0.5, 0.0)


@dataclass(frozen=True)
class SearchSettings:
    """What is searched."""

    head: str = "bundled"
    """`bundled`, or a face model file or folder: FLAME .pkl or .npz, ICT-FaceKit."""

    texture: str | None = None
    """A texture file for a head that brings none."""

    classifier: str = "face-api"
    """A name (see `jaxface classifiers`), or a folder with card.toml."""

    checkpoint: str | None = None
    """Weights of the classifier, where it brings none."""

    expression: str = "happiness"
    """The expression to be found."""

    witnesses: tuple[str, ...] = ()
    """Other classifiers that are asked what they see in the face that was found."""

    identity_seed: int | None = None
    """Whose face: the first person of this seed's population; none = the mean head."""

    seed: int = 0
    """Seed of the search."""

    search: SearchConfig = field(default_factory=SearchConfig)
    render: RenderConfig = field(default_factory=RenderConfig)


@dataclass(frozen=True)
class Search:
    """Find the face that a classifier takes most surely for an expression (Facing Asymmetry, Eq. 4).

    Writes OUT/search.png (neutral, then the face at symmetry 1, .5, 0), search.json and search.npz.
    """

    settings: Annotated[SearchSettings, tyro.conf.arg(name="")] = field(default_factory=SearchSettings)

    config: str | None = None
    """TOML file with these settings; flags win over it."""

    out: Path = Path("runs/search")
    """Folder for the results."""

    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress on stderr."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    command = options.parse(Search(), "search", argv)
    settings = command.settings
    expression = expression_name(settings.expression)
    runtime.enable_compile_cache()
    meter = progress.for_terminal(command.quiet)

    meter.start("load", 1)
    classifier = jf.classify.load(settings.classifier, checkpoint=settings.checkpoint)
    classifier.index(expression)
    witnesses = [jf.classify.load(name) for name in settings.witnesses]
    head = faces.load_head(settings.head, settings.texture)
    scene = jf.render.scene(settings.render)
    someone = faces.person(head, settings.identity_seed)
    meter.advance()

    meter.start("search", 1)
    result = jf.search.maximise(
        classifier,
        head,
        someone,
        expression=expression,
        key=jax.random.key(settings.seed),
        scene=scene,
        config=settings.search,
    )
    meter.advance()
    meter.close()

    found = dataclasses.replace(someone, expression=jnp.asarray(result.expression))
    strip = jf.render.grid(head, found, scene, jnp.asarray(SHOWN), jnp.asarray((1.0,)))[:, 0]
    neutral = jf.render.grid(head, someone, scene, jnp.ones(1), jnp.zeros(1))[:, 0]
    images = np.concatenate([np.asarray(neutral), np.asarray(strip)])
    columns = ["neutral", *(f"s = {symmetry:g}" for symmetry in SHOWN)]
    pictures.save_png(command.out / "search.png", pictures.sheet(images[None], columns=columns))

    answers = {}
    for judge in [classifier, *witnesses]:
        probability = np.asarray(judge.probabilities(jnp.asarray(images)))
        answers[judge.card.name] = {
            column: dict(zip(judge.labels, map(float, row), strict=True))
            for column, row in zip(columns, probability, strict=True)
        }
    record = {
        "classifier": classifier.card.name,
        "expression": expression,
        **plain_fields(result),
        "answers": answers,
        "environment": runtime.environment(),
    }
    io.write_text(command.out / "search.json", json.dumps(record, indent=2) + "\n")
    arrays: dict[str, Any] = {f.name: np.asarray(getattr(found, f.name)) for f in dataclasses.fields(found)}
    with io.atomic_path(command.out / "search.npz") as path:
        np.savez(path, **arrays)
    print(summary(record, expression))
    print(command.out / "search.png")
    return 0


def plain_fields(result: Any) -> dict[str, Any]:
    """A search result of one case as JSON knows it."""
    out = {}
    for item in dataclasses.fields(result):
        value = np.asarray(getattr(result, item.name))
        if value.dtype.kind in "biuf":
            out[item.name] = value.tolist()
    return out


def summary(record: dict[str, Any], expression: str) -> str:
    """What stdout says of a search, one line a classifier."""
    lines = [
        f"{expression}: probability {record['probability']:.3f}, re-rendered with sub-pixel shifts "
        f"{record['probability_shifted']:.3f}; {record['forward_calls']} forwards, "
        f"{record['gradient_calls']} gradients, {record['cpu_seconds']:.1f} CPU-s"
    ]
    for name, answers in record["answers"].items():
        said = "  ".join(f"{column} {row.get(expression, float('nan')):.3f}" for column, row in answers.items())
        lines.append(f"{name:20}{said}")
    return "\n".join(lines)
