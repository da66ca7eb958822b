"""`jaxface search`: the face that a classifier takes most surely for an expression."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import jaxface as jf
from jaxface import interventions
from jaxface.classify import Classifier
from jaxface.cli import head_options, options
from jaxface.core import io, progress, runtime
from jaxface.core.types import expression_name
from jaxface.face import FaceModel, FaceParams, HeadConfig
from jaxface.render import RenderConfig, Scene
from jaxface.report import image_encoding
from jaxface.search import SearchConfig, SearchResult, Status

SHOWN = (1.0, 0.5, 0.0)


@dataclass(frozen=True)
class SearchSettings(HeadConfig):
    """What is searched."""

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
    classifier = jf.classify.load(settings.classifier, checkpoint=settings.checkpoint)
    target = classifier.index(expression)
    judges = [classifier, *(jf.classify.load(name) for name in settings.witnesses)]
    head = head_options.load_head(settings)
    scene = jf.render.scene(settings.render)
    someone = head_options.person(head, settings.identity_seed)

    meter = progress.for_terminal(command.quiet)
    searcher = jf.search.build(classifier, head, scene, settings.search)
    batch = jax.tree.map(lambda leaf: leaf[None], someone)
    result = searcher.run(jax.random.key(settings.seed), batch, np.array([target]), meter)
    meter.close()

    found = dataclasses.replace(someone, expression=jnp.asarray(result.expression[0]))
    columns, images = draw(head, found, scene)
    record = {
        "classifier": classifier.name,
        "expression": expression,
        **plain_fields(result),
        "answers": {judge.name: ask(judge, columns, images) for judge in judges},
        "environment": runtime.environment(),
    }
    image_encoding.save_png(command.out / "search.png", image_encoding.sheet(images[None], columns=columns))
    io.write_text(command.out / "search.json", json.dumps(record, indent=2) + "\n")
    arrays: dict[str, Any] = {item.name: getattr(found, item.name) for item in dataclasses.fields(found)}
    with io.atomic_path(command.out / "search.npz") as path:
        np.savez(path, **arrays)
    print(summary(record, expression))
    print(command.out / "search.png")
    return 0


def draw(head: FaceModel, found: FaceParams, scene: Scene) -> tuple[list[str], np.ndarray]:
    """The neutral face, then the one that was found at the symmetries `SHOWN`: names and images."""
    grid = partial(interventions.grid, interventions.Symmetry(), head, found, scene)
    neutral = grid(jnp.ones(1), jnp.zeros(1))[:, 0]
    strip = grid(jnp.asarray(SHOWN), jnp.ones(1))[:, 0]
    names = ["neutral", *(f"s = {symmetry:g}" for symmetry in SHOWN)]
    return names, np.concatenate([np.asarray(neutral), np.asarray(strip)])


def ask(judge: Classifier, names: Sequence[str], images: np.ndarray) -> dict[str, dict[str, float]]:
    """All answers of a classifier to some images, by the image's name and the label."""
    answers = np.asarray(judge.probabilities(images))
    return {
        name: dict(zip(judge.labels, map(float, row), strict=True))
        for name, row in zip(names, answers, strict=True)
    }


def plain_fields(result: SearchResult) -> dict[str, Any]:
    """The first case of a search result as JSON knows it."""
    out = {item.name: np.asarray(getattr(result, item.name))[0].tolist() for item in dataclasses.fields(result)}
    return out | {"status": Status(out["status"]).name.lower()}


def summary(record: dict[str, Any], expression: str) -> str:
    """What stdout says of a search, one line a classifier."""
    lines = [
        f"{expression}: probability {record['probability']:.3f}, re-rendered with sub-pixel shifts "
        f"{record['probability_shifted']:.3f}; {record['status']} after {record['forward_calls']} forwards, "
        f"{record['gradient_calls']} gradients, {record['cpu_seconds']:.1f} CPU-s"
    ]
    for name, answers in record["answers"].items():
        said = "  ".join(f"{column} {row.get(expression, float('nan')):.3f}" for column, row in answers.items())
        lines.append(f"{name:20}{said}")
    return "\n".join(lines)
