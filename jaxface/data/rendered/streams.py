"""Rendered examples as a stream, as a data set in memory, and as a data set on disk."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import require
from jaxface.core.config import dump_toml
from jaxface.core.errors import ConfigError, DataError
from jaxface.core.files import read_json
from jaxface.core.io import atomic_path, write_text
from jaxface.core.npy_files import map_array, read_arrays
from jaxface.core.sharding import CaseSharding, compile_program, sharding_for
from jaxface.core.sums import SUMS, require_undamaged, write_sums
from jaxface.core.types import Array
from jaxface.data.dataset import Dataset, ReadReport
from jaxface.data.rendered.assets import SceneAssets, build_assets
from jaxface.data.rendered.config import RenderedDatasetConfig, load_recipe
from jaxface.data.rendered.example import Sampler, examples, sample_example, sample_examples
from jaxface.data.sources import ArraySource

_CHECKED = 16  # examples whose columns are drawn again to check that a folder belongs to its recipe
_WHOLE = ("label", "identity", "sex")  # columns of one whole number each
_LARGEST_ABOUT = 2**20
IMAGES, COLUMNS, ABOUT, RECIPE = "images.npy", "columns.npz", "about.json", "recipe.toml"

Recipe = RenderedDatasetConfig | str | Path | SceneAssets
"""A recipe, the name or file of one, or its assets."""


class RenderedStream:
    """Endless batches of a recipe, rendered on the devices; a `pipeline.Stream`.

    Batch b holds examples b B to (b + 1) B - 1 of the seed, whatever was read before.

    Attributes:
        assets: what all images share.
        batch: B, examples per batch.
    """

    def __init__(self, assets: SceneAssets, batch: int, seed: int, sampler: Sampler) -> None:
        self.assets, self.batch = assets, batch
        self._sharding = sharding_for_batch(batch)
        self._shared = self._sharding.replicate((assets, stream_key(assets.recipe, seed)))
        self._program = _program(sampler)
        self._next = 0

    def __iter__(self) -> Iterator[dict[str, Array]]:
        return self

    def __next__(self) -> dict[str, Array]:
        """Return `image` (B, size, size, 3) uint8 and columns (B, ...), sharded over devices."""
        batch = self.at(self._next)
        self._next += 1
        return batch

    def at(self, number: int) -> dict[str, Array]:
        """Return batch `number` without moving the stream."""
        numbers = np.arange(number * self.batch, (number + 1) * self.batch, dtype=np.int32)
        batch: dict[str, Array] = compile_program(self._program, self._sharding.mesh)(self._shared, numbers)
        return batch

    def get_state(self) -> dict[str, Any]:
        return {"next_index": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        self._next = int(state["next_index"])


def stream_key(recipe: RenderedDatasetConfig, seed: int) -> Array:
    """Return the key of a stream: example i is drawn from `fold_in(key, i)`."""
    return jax.random.fold_in(jax.random.key(recipe.seed), seed)


def rendered_stream(
    recipe: Recipe, batch: int, seed: int = 0, *, sampler: Sampler = sample_example
) -> RenderedStream:
    """Return endless batches of a recipe.

    Args:
        recipe: a recipe, the name or file of one, or its assets.
        batch: B; sharded over as many of this process's devices as divide it.
        seed: of the stream, in addition to the recipe's own seed.
        sampler: draws one example; `sample_example`, or your own.

    Raises:
        ConfigError: no such recipe, a recipe that the head cannot show, or batch < 1.
    """
    require(batch >= 1, "batch", batch, "at least 1")
    return RenderedStream(_assets_of(recipe), batch, seed, sampler)


def dataset(
    recipe: Recipe, n: int, seed: int = 0, *, sampler: Sampler = sample_example, batch: int = 64
) -> Dataset:
    """Render the first n examples of a stream into memory.

    Args:
        sampler: as in `rendered_stream`; its examples must have one image, called `image`.
        batch: images rendered at a time.
    """
    assets = _assets_of(recipe)
    parts = list(_parts(assets, n, seed, sampler, batch))
    columns = {name: np.concatenate([part[name] for part in parts])[:n] for name in parts[0]}
    images = ArraySource(columns.pop("image"))
    config = assets.recipe
    return Dataset(config.name, images, columns, config.expressions.labels, config.units.numbers)


def render_dataset(recipe: Recipe, n: int, out: str | Path, seed: int = 0, *, batch: int = 64) -> Dataset:
    """Render the first n examples of a stream into a folder, for `data.open("rendered", out)`.

    The folder gets `images.npy` (n, size, size, 3) uint8, `columns.npz`, `about.json`, `recipe.toml`
    and `sums.json`; files with these names are replaced.
    """
    assets, out = _assets_of(recipe), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    size, rows = assets.recipe.size, []
    # Images go to disk batch by batch, so that n may exceed the memory.
    with atomic_path(out / IMAGES) as path:
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (n, size, size, 3))
        for number, part in enumerate(_parts(assets, n, seed, sample_example, batch)):
            first = number * batch
            images[first : first + batch] = part.pop("image")[: n - first]
            rows.append(part)
        images.flush()
        del images
    columns = {name: np.concatenate([row[name] for row in rows])[:n] for name in rows[0]}
    config = assets.recipe
    return finish(out, columns, config, config.name, seed, config.expressions.labels, config.units.numbers)


def finish(
    out: Path,
    columns: dict[str, np.ndarray],
    recipe: RenderedDatasetConfig,
    name: str,
    seed: int,
    labels: tuple[str, ...],
    units: tuple[int, ...],
    also: tuple[str, ...] = (),
) -> Dataset:
    """Write all but the images into a folder, their sums last, and read the folder.

    Args:
        also: names of other files in the folder that belong to the data set.
    """
    with atomic_path(out / COLUMNS) as path:
        np.savez(path, **columns)  # type: ignore[arg-type]
    write_text(out / RECIPE, dump_toml(recipe))
    about = {"name": name, "seed": seed, "labels": labels, "units": units}
    write_text(out / ABOUT, json.dumps(about) + "\n")
    write_sums(out, (IMAGES, COLUMNS, RECIPE, ABOUT, *also))
    return _read(out)


def read_rendered(root: Path) -> Dataset:
    """Read a folder that `render_dataset` or `retarget` wrote; images stay on disk, memory-mapped.

    Raises:
        DataError: a file is missing, damaged, or no longer that of `sums.json`.
    """
    require_undamaged(root, DataError, f"render it again; to read it as it is now, remove {root / SUMS}")
    return _read(root)


def _read(root: Path) -> Dataset:
    for name in (IMAGES, COLUMNS, ABOUT):
        if not (root / name).exists():
            raise DataError(f"no file {root / name}; a folder that render_dataset or retarget wrote has one")
    name, _, labels, units = _read_about(root)
    try:
        columns = read_arrays(root / COLUMNS, DataError, what="file of columns")
        images = map_array(root / IMAGES, DataError, what="file of images")
    except DataError as error:
        raise DataError(f"{error}; render it again") from None
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or not images.size:
        raise DataError(
            f"{root / IMAGES} holds {images.dtype} of shape {images.shape}, not uint8 (N, H, W, 3) or "
            "(N, H, W, 1); render it again"
        )
    for column, values in columns.items():
        fits = values.ndim >= 1 and len(values) == len(images)
        if values.dtype.kind not in ("iu" if column in _WHOLE else "biuf") or not fits:
            raise DataError(
                f"{root / COLUMNS}: {column!r} holds {values.dtype} of shape {values.shape}, not numbers for "
                f"{len(images)} images; render it again"
            )
        if column in _WHOLE and values.ndim > 1:
            raise DataError(f"{root / COLUMNS}: {column!r} has shape {values.shape}, not {(len(images),)}")
        if not np.isfinite(values).all():
            raise DataError(f"{root / COLUMNS}: {column!r} holds values that are not finite; render it again")
    return Dataset(name, ArraySource(images), columns, labels, units, ReadReport(len(images)))


def _read_about(root: Path) -> tuple[str, int, tuple[str, ...], tuple[int, ...]]:
    """Return name, seed, labels and units of a folder; DataError without them."""
    about = read_json(root / ABOUT, DataError, what="description of a rendered set", largest=_LARGEST_ABOUT)
    try:
        name, seed, labels, units = about["name"], about["seed"], about["labels"], about["units"]
    except (KeyError, TypeError, IndexError):
        raise DataError(f"{root / ABOUT} lacks one of name, seed, labels and units; render it again") from None
    lists = isinstance(labels, list) and isinstance(units, list)
    if not lists or not all(isinstance(value, str) for value in (name, *labels)):
        raise DataError(f"{root / ABOUT}: name and labels must be words, units a list; render it again")
    if not all(isinstance(value, int) for value in (seed, *units)):
        raise DataError(f"{root / ABOUT}: seed and units must be whole numbers; render it again")
    return name, seed, tuple(labels), tuple(units)


def read_rendered_source(root: Path, dataset: Dataset) -> tuple[SceneAssets, Array]:
    """Return assets and stream's key of a folder, with which its examples can be drawn again.

    Args:
        root: a folder that `render_dataset` wrote.
        dataset: what `read_rendered` returns for it.

    Raises:
        DataError: its images are not the first examples of its recipe, as in a retargeted folder.
    """
    try:
        recipe = load_recipe(root / RECIPE)
    except ConfigError as error:
        raise DataError(f"{root} has no readable recipe: {error}") from None
    _, seed, _, _ = _read_about(root)
    if "pair" in dataset.columns:
        raise DataError(f"{root} was retargeted; give the source that it was made from, or use its labels")
    assets, key = build_assets(recipe), stream_key(recipe, seed)
    count = min(len(dataset), _CHECKED)
    # Labels without images are cheap: draw those of the first examples again, and compare.
    columns = jax.jit(sample_examples)(assets, key, jnp.arange(count)).columns
    for name, column in jax.device_get(columns).items():
        if name not in dataset.columns or not np.allclose(column, dataset.columns[name][:count], atol=1e-5):
            raise DataError(f"{root} was not rendered by its recipe alone (column {name!r} differs)")
    return assets, key


def sharding_for_batch(batch: int) -> CaseSharding:
    """Return a sharding over as many devices as divide the batch."""
    count = len(jax.local_devices())
    while batch % count:
        count -= 1
    return sharding_for(count)


def _parts(
    assets: SceneAssets, n: int, seed: int, sampler: Sampler, batch: int
) -> Iterator[dict[str, np.ndarray]]:
    """Whole batches that hold the first n examples."""
    require(n >= 1, "n", n, "at least 1")
    batches = rendered_stream(assets, batch, seed, sampler=sampler)
    for _ in range(-(-n // batch)):
        yield jax.device_get(next(batches))


def _assets_of(recipe: Recipe) -> SceneAssets:
    return recipe if isinstance(recipe, SceneAssets) else build_assets(recipe)


@functools.lru_cache(maxsize=64)
def _program(sampler: Sampler) -> Any:
    """The same function object for the same sampler, so that it is compiled once."""
    return lambda shared, numbers: examples(shared, sampler, numbers)
