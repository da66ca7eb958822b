"""From a config to a folder of paired avatars."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxface.core.io import atomic_path
from jaxface.core.progress import NullProgress, Progress
from jaxface.core.sharding import compile_program
from jaxface.data import rendered
from jaxface.data.dataset import Dataset
from jaxface.data.rendered.streams import COLUMNS, IMAGES, describe, read_rendered, sharding_for_batch
from jaxface.data.retarget import progress_file
from jaxface.data.retarget.config import RetargetConfig
from jaxface.data.retarget.pairs import program
from jaxface.data.retarget.sources import Source, payload_of, source, transfer_of
from jaxface.face import landmarks
from jaxface.face.requirements import require_sexes

_NOTED = 16  # batches between notes of the place
_KEPT = ("label", "units", "units_known")  # what an avatar has of its source
_VISIBLE, _WORTH_TELLING = 0.2, 0.99


class Outcome(NamedTuple):
    """What a retargeting wrote.

    Attributes:
        dataset: image 2 i is the woman and 2 i + 1 the man of the i-th source image that was taken.
        notes: lines for whoever asked: how many, how balanced, what the labels lost.
        drawn: pictures drawn by this call, less than all when it went on with a folder.
    """

    dataset: Dataset
    notes: tuple[str, ...]
    drawn: int


def retarget(config: RetargetConfig, out: str | Path, progress: Progress | None = None) -> Outcome:
    """Write a woman and a man for every source image, each with its expression, to a folder that
    `data.open("rendered", out)` reads; a folder that was begun is gone on with.

    Columns: `pair` int32 (number of the source image as its data set was opened), `sex` (0 female, 1 male),
    `identity` (avatar: 2 s and 2 s + 1 are the woman and the man of the s-th chosen person),
    `source_identity` (that person in the source, -1 unknown), the source's `label`, `units` and
    `units_known`, `intensity` of these action units as the picture shows them, `activations` of the head's
    facial units, and `landmarks` where asked for. A source without action units gets those of its
    expressions.

    Pairs depend on the config and the source alone, not on where a run was stopped.

    Raises:
        ConfigError, DataError: the source or the recipe cannot be had, or the head lacks what they
            need; nothing is written then.
        StoreError: the folder belongs to something else.
    """
    out, meter = Path(out), progress or NullProgress()
    if progress_file.is_finished(out, config):
        dataset = read_rendered(out)
        return Outcome(dataset, notes_of(dataset), 0)
    plain = plain_assets(config)
    found = source(config)
    studio = avatars(plain, found)
    transfer, more = transfer_of(config, found)
    if config.expression == "fit" and (found.marks is not None or "landmarks" in found.columns):
        landmarks(studio.head)  # fail here, where it lacks them
    progress_file.claim(out, config)
    spread = sharding_for_batch(config.batch)
    shared = spread.replicate((studio, jax.random.key(config.seed), more))
    draw = compile_program(program(transfer, config.first, config.pose), spread.mesh)

    def cases(first: int) -> tuple[Any, ...]:
        """Pairs from `first` on; the last one again where there are no more."""
        places = np.arange(first, first + config.batch).clip(max=len(found.numbers) - 1)
        return found.numbers[places], found.subject[places], payload_of(config, found, studio, places)

    rows = jax.eval_shape(draw, shared, *cases(0))
    like = {name: (each.shape[1:], each.dtype) for name, each in rows.items()}
    growing = progress_file.Growing(out, 2 * len(found.numbers), like, fingerprint(found))
    begun = growing.done // 2
    meter.start("pairs", len(found.numbers), begun)
    try:
        for count, first in enumerate(range(begun, len(found.numbers), config.batch), 1):
            growing.put(jax.device_get(draw(shared, *cases(first))))
            meter.advance(min(config.batch, len(found.numbers) - first))
            if count % _NOTED == 0:
                growing.note()
    finally:
        growing.note()
        meter.close()
    dataset = _finished(out, config, found, studio, growing)
    return Outcome(dataset, notes_of(dataset), 2 * (len(found.numbers) - begun))


def plain_assets(config: RetargetConfig) -> rendered.SceneAssets:
    """Load the recipe that avatars are photographed by, and its head.

    Raises:
        ConfigError: the head cannot serve the recipe, or its population does not tell women from men.
    """
    named = rendered.load_recipe(config.recipe)
    plain = dataclasses.replace(named, size=config.size, landmarks=config.landmarks)
    studio = rendered.build_assets(plain)
    require_sexes(studio.head, f"retarget: recipe {named.name}")
    return studio


def avatars(plain: rendered.SceneAssets, found: Source) -> rendered.SceneAssets:
    """Return the studio with the source's action units, as far as the head has them."""
    recipe = plain.recipe
    units = tuple(unit for unit in found.units if unit in plain.action_units)
    if not units or units == recipe.units.numbers:
        return plain
    units_of = dataclasses.replace(recipe.units, numbers=units)
    return rendered.build_assets(dataclasses.replace(recipe, units=units_of), plain.head)


def fingerprint(found: Source) -> str:
    """What says that a source is the same as before: its name, images and labels."""
    told = hashlib.sha256()
    for name in ("units", "intensity", "label"):
        if name in found.columns:
            told.update(np.ascontiguousarray(found.columns[name]).tobytes())
    told.update(found.numbers.tobytes())
    return f"{found.name}, {len(found.numbers)} images, {told.hexdigest()[:12]}"


def columns_of(
    config: RetargetConfig, found: Source, studio: rendered.SceneAssets, growing: progress_file.Growing
) -> Any:
    """Every column of the finished set, and its action units."""
    shown = growing.read("shown")
    units = found.units if "units" in found.columns else studio.recipe.units.numbers
    intensity = np.zeros((len(shown), len(units)), np.float32)
    for column, unit in enumerate(units):
        if unit in studio.action_units:
            intensity[:, column] = shown[:, studio.action_units.index(unit)]
    twice = {name: np.repeat(found.columns[name], 2, axis=0) for name in _KEPT if name in found.columns}
    if "units" not in twice:
        present = intensity >= studio.recipe.units.threshold
        twice |= {"units": present.astype(np.float32), "units_known": present | True}
    columns = {
        "pair": np.repeat(found.numbers, 2),
        "sex": np.tile(np.arange(2, dtype=np.int32), len(found.numbers)),
        "identity": 2 * np.repeat(found.subject, 2) + np.tile(np.arange(2, dtype=np.int32), len(found.numbers)),
        "source_identity": np.repeat(found.people[found.subject], 2),
        **twice,
        "intensity": intensity,
        "activations": growing.read("activations"),
    }
    return (columns | {"landmarks": growing.read("landmarks")} if config.landmarks else columns), units


def notes_of(dataset: Dataset) -> tuple[str, ...]:
    """How many, how balanced, and how many of the labels the pictures show."""
    columns = dataset.columns
    women = int((columns["sex"] == 0).sum())
    avatars, people = (len(np.unique(columns[name])) for name in ("identity", "pair"))
    notes = [f"{len(dataset)} pictures of {avatars} avatars, {women} women and {len(dataset) - women} men"]
    notes[0] += f", from {people} source images"
    if "units" in columns:
        known = columns.get("units_known", np.ones_like(columns["units"], bool))
        present = (columns["units"] > 0.5) & known
        seen = present & (columns["intensity"] >= _VISIBLE)
        unlike = [
            f"AU{unit} {one / all_:.0%}"
            for unit, one, all_ in zip(dataset.units, seen.sum(0), present.sum(0), strict=True)
            if all_ and one < _WORTH_TELLING * all_
        ]
        share = seen.sum() / max(present.sum(), 1)
        notes.append(f"{share:.1%} of the action units labelled present are to be seen")
        if unlike:
            notes.append(f"least of {', '.join(unlike)}")
    return tuple(notes)


def _finished(
    out: Path,
    config: RetargetConfig,
    found: Source,
    studio: rendered.SceneAssets,
    growing: progress_file.Growing,
) -> Dataset:
    columns, units = columns_of(config, found, studio, growing)
    with atomic_path(out / COLUMNS) as path:
        np.savez(path, **columns)
    labels = found.labels if "label" in columns else ()
    growing.finish("image", IMAGES)
    describe(out, studio.recipe, f"{found.name}, retargeted", config.seed, labels, units)
    return read_rendered(out)
