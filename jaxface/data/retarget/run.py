"""From a config to a folder of paired avatars."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxface.core import run_folder
from jaxface.core.progress import Progress, ProgressLike, choose
from jaxface.core.pytrees import array_hash
from jaxface.core.sharding import compile_program
from jaxface.data import rendered
from jaxface.data.dataset import Dataset
from jaxface.data.fingerprints import fingerprint
from jaxface.data.joining import align_units
from jaxface.data.rendered.streams import finish, read_rendered, sharding_for_batch
from jaxface.data.retarget import progress_file
from jaxface.data.retarget.config import RetargetConfig
from jaxface.data.retarget.pairs import build_program
from jaxface.data.retarget.sources import RetargetSource, load_payload, open_source, transfer_for
from jaxface.face import landmarks
from jaxface.face.requirements import require_sexes

_SAVE_EVERY = 16  # batches
_SOURCE_COLUMNS = ("label", "units", "units_known")  # an avatar keeps these of its source
_VISIBLE_INTENSITY = 0.2
_REPORT_BELOW = 0.99  # fraction of a unit's labels that are visible


class RetargetResult(NamedTuple):
    """What a retargeting wrote.

    Attributes:
        dataset: image 2 i is the woman and 2 i + 1 the man of the i-th source image.
        notes: lines for the user: how many images, how balanced, which labels are not visible.
        rendered: images rendered by this call; fewer than all if it continued a folder.
    """

    dataset: Dataset
    notes: tuple[str, ...]
    rendered: int


def retarget(config: RetargetConfig, out: str | Path, progress: ProgressLike = None) -> RetargetResult:
    """Render a woman and a man with the expression of every source image, into a folder.

    `data.open("rendered", out)` reads the folder. An unfinished folder is continued.

    Columns: `pair` int32 (index of the source image in its data set), `sex` (0 female, 1 male),
    `identity` (avatars 2 s and 2 s + 1 are the woman and the man of the s-th chosen person),
    `source_identity` (that person in the source, -1 unknown), the source's `label`, `units` and
    `units_known`, or without action units those that its expressions show; `intensity` of these as
    the image shows them, `activations` of the head's facial units, and, if asked for, `landmarks`.

    Raises:
        ConfigError, DataError: the source, recipe or head cannot be used; nothing is written.
        StoreError: the folder belongs to something else, or another process works there.
    """
    out, meter = Path(out), choose(progress)
    recipe = recipe_assets(config)
    source = open_source(config)
    assets = avatar_assets(recipe, source)
    content = content_of(source, assets)
    if progress_file.is_finished(out, config, content):
        return _read_finished(out)
    if config.expression == "fit" and (source.landmarks is not None or "landmarks" in source.dataset.columns):
        landmarks(assets.head)  # raises here, before any work, if the head has none
    with run_folder.hold(out, "retargeting"):
        return _render_pairs(config, out, source, assets, content, meter)


def _render_pairs(
    config: RetargetConfig,
    out: Path,
    source: RetargetSource,
    assets: rendered.SceneAssets,
    content: dict[str, str],
    meter: Progress,
) -> RetargetResult:
    """Render what is left of a folder that this process holds."""
    if progress_file.is_finished(out, config, content):  # by another process, a moment ago
        return _read_finished(out)
    progress_file.claim(out, config, content)
    transfer, transfer_shared = transfer_for(config, source)
    sharding = sharding_for_batch(config.batch)
    shared = sharding.replicate((assets, jax.random.key(config.seed), transfer_shared))
    program = compile_program(build_program(transfer, config.first, config.pose), sharding.mesh)
    count = len(source.numbers)

    def arguments(first: int) -> tuple[Any, ...]:
        """Arguments for the pairs from `first` on; the last pair is repeated to fill the batch."""
        rows = np.arange(first, first + config.batch).clip(max=count - 1)
        return source.numbers[rows], source.subject[rows], load_payload(config, source, assets, rows)

    outputs = jax.eval_shape(program, shared, *arguments(0))
    like = {name: (each.shape[1:], each.dtype) for name, each in outputs.items()}
    writer = progress_file.ArrayWriter(out, 2 * count, like, content["source"])
    start = writer.written // 2
    meter.start("pairs", count, start)
    try:
        for number, first in enumerate(range(start, count, config.batch), 1):
            writer.append(jax.device_get(program(shared, *arguments(first))))
            meter.advance(min(config.batch, count - first))
            if number % _SAVE_EVERY == 0:
                writer.save_progress()
    finally:
        writer.save_progress()
        meter.close()
    columns, units = pair_columns(config, source, assets, writer)
    labels = source.dataset.labels if "label" in columns else ()
    writer.finish()
    name = f"{source.dataset.name}, retargeted"
    # The sums come last: a folder that has them is finished.
    also = (progress_file.CONFIG, progress_file.CONTENT)
    dataset = finish(out, columns, assets.recipe, name, config.seed, labels, units, also)
    progress_file.remove_unfinished(out)
    return RetargetResult(dataset, notes_of(dataset), 2 * (count - start))


def _read_finished(out: Path) -> RetargetResult:
    if progress_file.has_unfinished(out):
        with run_folder.hold(out, "retargeting"):
            progress_file.remove_unfinished(out)
    dataset = read_rendered(out)
    return RetargetResult(dataset, notes_of(dataset), 0)


def recipe_assets(config: RetargetConfig) -> rendered.SceneAssets:
    """Build the avatars' assets; ConfigError if the head cannot show the recipe, or no sexes."""
    recipe = dataclasses.replace(
        rendered.load_recipe(config.recipe), size=config.size, landmarks=config.landmarks
    )
    assets = rendered.build_assets(recipe)
    require_sexes(assets.head, f"retarget: recipe {recipe.name}")
    return assets


def avatar_assets(assets: rendered.SceneAssets, source: RetargetSource) -> rendered.SceneAssets:
    """Return the assets with those of the source's action units that the head has."""
    recipe = assets.recipe
    units = tuple(unit for unit in source.dataset.units if unit in assets.action_units)
    if not units or units == recipe.units.numbers:
        return assets
    recipe = dataclasses.replace(recipe, units=dataclasses.replace(recipe.units, numbers=units))
    return rendered.build_assets(recipe, assets.head)


def content_of(source: RetargetSource, assets: rendered.SceneAssets) -> dict[str, str]:
    """Return by name sums of what a retargeting reads: its source, and its avatars' recipe and head."""
    images = source.dataset if source.stream is None else source.stream[0]
    table = [] if source.landmarks is None else [source.landmarks]
    chosen = array_hash((source.numbers, source.subject, table))
    parts = (source.dataset.name, fingerprint(images), chosen)
    return {"source": hashlib.sha256(repr(parts).encode()).hexdigest(), "recipe": fingerprint(assets)}


def pair_columns(
    config: RetargetConfig,
    source: RetargetSource,
    assets: rendered.SceneAssets,
    writer: progress_file.ArrayWriter,
) -> tuple[dict[str, np.ndarray], tuple[int, ...]]:
    """Return every column (2 M, ...) of the finished set, and its action units."""
    dataset = source.dataset
    units = dataset.units if "units" in dataset.columns else assets.recipe.units.numbers
    intensity = align_units(writer.read("shown"), assets.action_units, units)
    names = [name for name in _SOURCE_COLUMNS if name in dataset.columns]
    columns = {name: np.repeat(dataset.columns[name], 2, axis=0) for name in names}
    if "units" not in columns:
        present = intensity >= assets.recipe.units.threshold
        columns |= {"units": present.astype(np.float32), "units_known": present | True}
    sex = np.tile(np.arange(2, dtype=np.int32), len(source.numbers))
    columns = {
        "pair": np.repeat(source.numbers, 2),
        "sex": sex,
        "identity": 2 * np.repeat(source.subject, 2) + sex,
        "source_identity": np.repeat(source.people[source.subject], 2),
        **columns,
        "intensity": intensity,
        "activations": writer.read("activations"),
    }
    if config.landmarks:
        columns["landmarks"] = writer.read("landmarks")
    return columns, units


def notes_of(dataset: Dataset) -> tuple[str, ...]:
    """Return lines on the number of images, their balance, and how many labels are visible."""
    columns = dataset.columns
    women = int((columns["sex"] == 0).sum())
    avatars, pairs = (len(np.unique(columns[name])) for name in ("identity", "pair"))
    notes = [
        f"{len(dataset)} images of {avatars} avatars, {women} women and {len(dataset) - women} men, "
        f"from {pairs} source images"
    ]
    known_mask = columns.get("units_known", np.ones_like(columns["units"], bool))
    present = (columns["units"] > 0.5) & known_mask
    visible = present & (columns["intensity"] >= _VISIBLE_INTENSITY)
    lacking = [
        f"AU{unit} {n_visible / n_present:.0%}"
        for unit, n_visible, n_present in zip(dataset.units, visible.sum(0), present.sum(0), strict=True)
        if n_present and n_visible < _REPORT_BELOW * n_present
    ]
    fraction = visible.sum() / max(present.sum(), 1)
    notes.append(f"{fraction:.1%} of the action units labelled present are visible")
    if lacking:
        notes.append(f"least visible: {', '.join(lacking)}")
    return tuple(notes)
