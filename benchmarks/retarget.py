"""Speed of rendering pairs of avatars, by the origin of the expressions, and errors of fits to
known faces.

    taskset -c 0 python -m benchmarks.retarget --out benchmarks/results

Rows `pairs`: images per second of the bundled config on a small part, without compiling, and the
    time for all
214,146 images. Rows `fit`: errors of action units, angles and landmarks, for strangers rendered by
the recipe `expressions`. `spread` is the error of one constant answer (the mean absolute deviation
from the mean).
"""

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

from benchmarks.rows import write_rows
from jaxface.bench.harness import measure
from jaxface.cli.options import find_config
from jaxface.core.config import load_toml
from jaxface.core.runtime import use_all_cores
from jaxface.core.sharding import compile_program
from jaxface.data import rendered
from jaxface.data.rendered.fitting import FitConfig, fit
from jaxface.data.rendered.streams import sharding_for_batch, stream_key
from jaxface.data.retarget import RetargetConfig
from jaxface.data.retarget.pairs import build_program
from jaxface.data.retarget.run import avatar_assets, recipe_assets
from jaxface.data.retarget.sources import load_payload, open_source, transfer_for

ALL_IMAGES = 214_146  # of BP4D, twice


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    config: str = "retarget"
    """A retargeting's TOML file or the name of a bundled one; its images are replaced."""

    images: int = 256
    """Source images to choose from."""

    repeats: int = 5
    """Calls; the fastest counts."""

    faces: int = 256
    """Faces that are fitted by landmarks."""

    pictures: int = 32
    """Faces that are fitted by pixels."""

    out: Path = Path("benchmarks/results")
    """Folder or file of the rows."""


def pairs(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each origin of expressions."""
    config = load_toml(RetargetConfig, find_config(settings.config))
    config = dataclasses.replace(config, images=settings.images)
    with tempfile.TemporaryDirectory() as folder:
        recipe = dataclasses.replace(rendered.load_recipe(str(config.root)), size=config.size, landmarks=True)
        people = dataclasses.replace(recipe.people, identities=config.subjects)
        rendered.render_dataset(dataclasses.replace(recipe, people=people), settings.images, folder)
        on_disk = dataclasses.replace(config, data="rendered", root=Path(folder), subjects=0, images=0)
        for name, case in (
            ("rendered", config),
            ("labels", dataclasses.replace(config, expression="labels")),
            ("fit, landmarks", dataclasses.replace(on_disk, expression="fit")),
        ):
            yield {"name": "pairs", "expression": name, **time_batch(case, settings.repeats)}


def time_batch(config: RetargetConfig, repeats: int) -> dict[str, Any]:
    """Time one batch of pairs."""
    source = open_source(config)
    assets = avatar_assets(recipe_assets(config), source)
    transfer, transfer_shared = transfer_for(config, source)
    sharding = sharding_for_batch(config.batch)
    constants = sharding.replicate((assets, jax.random.key(config.seed), transfer_shared))
    program = compile_program(build_program(transfer, config.first, config.pose), sharding.mesh)
    rows = np.arange(config.batch)
    payload = load_payload(config, source, assets, rows)
    timing = measure(
        lambda: jax.device_get(program(constants, source.numbers[rows], source.subject[rows], payload)),
        repeats=repeats,
    )
    rate = 2 * config.batch / timing["run_s"]
    case = {"recipe": config.recipe, "size": config.size, "images": 2 * config.batch}
    cost = 1e3 * timing["cpu_s"] / (2 * config.batch)
    return {
        **case,
        **timing,
        "images_per_s": rate,
        "cpu_ms_per_image": cost,
        "whole_minutes": ALL_IMAGES / rate / 60,
    }


def fits(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for landmarks, and one for pixels."""
    recipe = dataclasses.replace(rendered.load_recipe("expressions"), landmarks=True)
    assets = rendered.build_assets(recipe)
    for name, count in (("landmarks", settings.faces), ("pixels", settings.pictures)):
        dataset = rendered.dataset(assets, count, seed=77)
        key = stream_key(recipe, 77)
        truth = _truth(assets, key, count)
        if name == "landmarks":
            observations: tuple[Any, Any] = (None, dataset.columns["landmarks"])
        else:
            observations = (dataset.rows(range(count))["image"] / np.float32(255), None)
        config = FitConfig() if name == "landmarks" else FitConfig(steps=150)
        run = jax.jit(partial(fit, config=config))
        timing = measure(run, assets, *observations, repeats=1)
        result = run(assets, *observations)
        intensity = np.stack([np.asarray(rendered.intensities(assets, one)) for one in result.face.activations])
        intensity, labels = intensity[:, np.asarray(assets.unit_indices)], dataset.columns["intensity"]
        present, predictions = labels >= recipe.units.threshold, intensity >= recipe.units.threshold
        turn = np.rad2deg(np.abs(np.asarray(result.face.turn) - np.asarray(truth.turn)))
        yield {
            "name": "fit",
            "by": name,
            "faces": count,
            "steps": config.steps,
            **timing,
            "cpu_ms_per_image": 1e3 * timing["cpu_s"] / count,
            "unit_error": float(np.abs(intensity - labels).mean()),
            "spread": float(np.abs(labels - labels.mean(0)).mean()),
            "unit_f1": float(2 * (present & predictions).sum() / (present.sum() + predictions.sum())),
            "yaw_error": float(turn[:, 1].mean()),
            "pitch_error": float(turn[:, 0].mean()),
            "roll_error": float(turn[:, 2].mean()),
            "landmark_error": float(np.mean(result.landmark_error)),
            "pixel_error": float(np.mean(result.pixel_error)),
        }


def _truth(assets: rendered.SceneAssets, key: jax.Array, count: int) -> rendered.Face:
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.arange(count))
    examples = jax.jit(jax.vmap(rendered.sample_example, (0, None)))(keys, assets)
    return examples.shots["image"][0]


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    use_all_cores()
    write_rows(itertools.chain(pairs(settings), fits(settings)), "retarget", settings.out)


if __name__ == "__main__":
    main()
