"""How fast pairs of avatars are drawn, by where expressions come from, and how well fits find known faces.

    taskset -c 0 python -m benchmarks.retarget --out benchmarks/results

Rows `pairs`: images a second of the bundled config on a small part, compiling apart, and how long all 214,146
would take.
Rows `fit`: of strangers rendered by the recipe `expressions`, how well action units, angles and landmarks are
found, beside what one answer for all of them leaves (`spread`: their mean absolute deviation from the mean).
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

from jaxface.bench.harness import append, measure, results_file, stamp
from jaxface.cli.options import find_config
from jaxface.core.config import load_toml
from jaxface.core.runtime import use_all_cores
from jaxface.core.sharding import compile_program
from jaxface.data import rendered
from jaxface.data.rendered.fitting import FitConfig, fit
from jaxface.data.rendered.streams import sharding_for_batch, stream_key
from jaxface.data.retarget import RetargetConfig
from jaxface.data.retarget.pairs import program
from jaxface.data.retarget.run import avatars, plain_assets
from jaxface.data.retarget.sources import payload_of, source, transfer_of

WHOLE = 214_146


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    config: str = "retarget"
    """A retargeting's TOML file or the name of a bundled one; its images are replaced."""

    images: int = 256
    """Source images to choose from."""

    repeats: int = 5
    """Calls, of which the quickest counts."""

    faces: int = 256
    """Faces that are fitted by landmarks."""

    pictures: int = 32
    """Faces that are fitted by pixels."""

    out: Path = Path("benchmarks/results")
    """Folder or file of the rows."""


def pairs(settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each way of finding expressions."""
    config = load_toml(RetargetConfig, find_config(settings.config))
    config = dataclasses.replace(config, images=settings.images)
    with tempfile.TemporaryDirectory() as folder:
        recipe = dataclasses.replace(rendered.load_recipe(str(config.root)), size=config.size, landmarks=True)
        people = dataclasses.replace(recipe.people, identities=config.subjects)
        rendered.render_dataset(dataclasses.replace(recipe, people=people), settings.images, folder)
        drawn = dataclasses.replace(config, data="rendered", root=Path(folder), subjects=0, images=0)
        for name, one in (
            ("rendered", config),
            ("labels", dataclasses.replace(config, expression="labels")),
            ("fit, landmarks", dataclasses.replace(drawn, expression="fit")),
        ):
            yield {"name": "pairs", "expression": name, **timed(one, settings.repeats)}


def timed(config: RetargetConfig, repeats: int) -> dict[str, Any]:
    """What a batch of pairs costs."""
    found = source(config)
    studio = avatars(plain_assets(config), found)
    transfer, more = transfer_of(config, found)
    spread = sharding_for_batch(config.batch)
    shared = spread.replicate((studio, jax.random.key(config.seed), more))
    draw = compile_program(program(transfer, config.first, config.pose), spread.mesh)
    places = np.arange(config.batch)
    payload = payload_of(config, found, studio, places)
    timing = measure(
        lambda: jax.device_get(draw(shared, found.numbers[places], found.subject[places], payload)),
        repeats=repeats,
    )
    rate = 2 * config.batch / timing["run_s"]
    about = {"recipe": config.recipe, "size": config.size, "images": 2 * config.batch}
    cost = 1e3 * timing["cpu_s"] / (2 * config.batch)
    return {
        **about,
        **timing,
        "images_per_s": rate,
        "cpu_ms_per_image": cost,
        "whole_minutes": WHOLE / rate / 60,
    }


def fits(settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for landmarks, and one for pixels."""
    recipe = dataclasses.replace(rendered.load_recipe("expressions"), landmarks=True)
    studio = rendered.build_assets(recipe)
    for name, count in (("landmarks", settings.faces), ("pixels", settings.pictures)):
        set_ = rendered.dataset(studio, count, seed=77)
        key = stream_key(recipe, 77)
        truth = _truth(studio, key, count)
        if name == "landmarks":
            given: tuple[Any, Any] = (None, set_.columns["landmarks"])
        else:
            given = (set_.rows(range(count))["image"] / np.float32(255), None)
        config = FitConfig() if name == "landmarks" else FitConfig(steps=150)
        run = jax.jit(lambda studio, images, marks, config=config: fit(studio, images, marks, config))
        timing = measure(run, studio, *given, repeats=1)
        found = run(studio, *given)
        seen = np.stack([np.asarray(rendered.intensities(studio, one)) for one in found.face.activations])
        seen, true = seen[:, np.asarray(studio.labelled)], set_.columns["intensity"]
        present, told = true >= recipe.units.threshold, seen >= recipe.units.threshold
        turn = np.rad2deg(np.abs(np.asarray(found.face.turn) - np.asarray(truth.turn)))
        yield {
            "name": "fit",
            "by": name,
            "faces": count,
            "steps": config.steps,
            **timing,
            "cpu_ms_per_image": 1e3 * timing["cpu_s"] / count,
            "unit_error": float(np.abs(seen - true).mean()),
            "spread": float(np.abs(true - true.mean(0)).mean()),
            "unit_f1": float(2 * (present & told).sum() / (present.sum() + told.sum())),
            "yaw_error": float(turn[:, 1].mean()),
            "pitch_error": float(turn[:, 0].mean()),
            "roll_error": float(turn[:, 2].mean()),
            "landmark_error": float(np.mean(found.landmark_error)),
            "pixel_error": float(np.mean(found.pixel_error)),
        }


def _truth(studio: rendered.SceneAssets, key: jax.Array, count: int) -> rendered.Face:
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.arange(count))
    drawn = jax.jit(jax.vmap(rendered.sample_example, (0, None)))(keys, studio)
    return drawn.shots["image"][0]


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    use_all_cores()
    path = results_file(settings.out, "retarget")
    for rows in (pairs(settings), fits(settings)):
        for row in rows:
            stamped = stamp(row)
            append(path, stamped)
            print(stamped, flush=True)


if __name__ == "__main__":
    main()
