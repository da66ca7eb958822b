"""Rendered examples as a stream, as a data set in memory, and as one on disk."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.config import dump_toml
from jaxface.core.errors import ConfigError, DataError
from jaxface.core.io import atomic_path, write_text
from jaxface.core.sharding import CaseSharding, compile_program, sharding_for
from jaxface.core.types import Array
from jaxface.data.dataset import Dataset
from jaxface.data.read_report import ReadReport
from jaxface.data.rendered.assets import SceneAssets, build_assets
from jaxface.data.rendered.config import RenderedDatasetConfig
from jaxface.data.rendered.config import load_recipe as named
from jaxface.data.rendered.example import Sampler, examples, sample_example
from jaxface.data.sources import ArraySource

_LOOKED_AT = 16  # examples whose columns tell whether a folder is what its recipe makes
IMAGES, COLUMNS, ABOUT, RECIPE = "images.npy", "columns.npz", "about.json", "recipe.toml"


class RenderedStream:
    """Batches of a recipe without end, made on the devices; `pipeline.Stream`.

    Batch b holds examples b B to (b + 1) B - 1 of the seed, whatever was asked for before.

    Attributes:
        studio: what all pictures share.
        batch: B, examples a batch.
    """

    def __init__(self, studio: SceneAssets, batch: int, seed: int, sampler: Sampler) -> None:
        self.studio, self.batch = studio, batch
        self._spread = sharding_for_batch(batch)
        key = stream_key(studio.recipe, seed)
        self._shared = self._spread.replicate((studio, key))
        self._program = _program(sampler)
        self._next = 0

    def __iter__(self) -> Iterator[dict[str, Array]]:
        return self

    def __next__(self) -> dict[str, Array]:
        """`image` (B, size, size, 3) uint8 and the columns, (B, ...), spread over this process's devices."""
        drawn = self.at(self._next)
        self._next += 1
        return drawn

    def at(self, number: int) -> dict[str, Array]:
        """Batch `number`; the stream stays where it is."""
        numbers = np.arange(number * self.batch, (number + 1) * self.batch, dtype=np.int32)
        drawn: dict[str, Array] = compile_program(self._program, self._spread.mesh)(self._shared, numbers)
        return drawn

    def get_state(self) -> dict[str, Any]:
        """The place: the number of the next batch."""
        return {"next_index": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a place that `get_state` told."""
        self._next = int(state["next_index"])


def stream_key(recipe: RenderedDatasetConfig, seed: int) -> Array:
    """The key of a stream: example i is drawn from `fold_in(key, i)`."""
    return jax.random.fold_in(jax.random.key(recipe.seed), seed)


def rendered_stream(
    of: RenderedDatasetConfig | str | Path | SceneAssets,
    batch: int,
    seed: int = 0,
    *,
    sampler: Sampler = sample_example,
) -> RenderedStream:
    """Batches of a recipe, for ever.

    Args:
        of: a recipe, the name or file of one, or its studio.
        batch: B; spread over as many of this process's devices as divide it.
        seed: of the stream; the recipe's own seed and this one tell a stream from others.
        sampler: what an example is; `example.sample` unless you write one of your own.

    Raises:
        ConfigError: no such recipe, or a recipe that the head cannot serve, or no batch.
    """
    if batch < 1:
        raise ConfigError(f"batch = {batch} wants at least 1")
    return RenderedStream(_studio(of), batch, seed, sampler)


def dataset(
    of: RenderedDatasetConfig | str | Path | SceneAssets,
    n: int,
    seed: int = 0,
    *,
    sampler: Sampler = sample_example,
    batch: int = 64,
) -> Dataset:
    """The first n examples of a stream, in memory.

    Args:
        sampler: as `stream`'s; its examples must have one image, called `image`.
        batch: images drawn at a time.
    """
    made = _studio(of)
    parts = list(_parts(made, n, seed, sampler, batch))
    drawn = {name: np.concatenate([part[name] for part in parts])[:n] for name in parts[0]}
    return _assembled(made.recipe, drawn.pop("image"), drawn)


def render_dataset(
    of: RenderedDatasetConfig | str | Path | SceneAssets,
    n: int,
    out: str | Path,
    seed: int = 0,
    *,
    batch: int = 64,
) -> Dataset:
    """Write the first n examples of a stream to a folder that `data.open("rendered", out)` reads.

    The folder holds `images.npy` (n, size, size, 3) uint8, `columns.npz`, `about.json` and `recipe.toml`;
    what stands there under these names is replaced.
    """
    made, out = _studio(of), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    size, rows = made.recipe.size, []
    with atomic_path(out / IMAGES) as path:
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (n, size, size, 3))
        for number, part in enumerate(_parts(made, n, seed, sample_example, batch)):
            first = number * batch
            images[first : first + batch] = part.pop("image")[: n - first]
            rows.append(part)
        images.flush()
        del images
    with atomic_path(out / COLUMNS) as path:
        columns: dict[str, Any] = {name: np.concatenate([row[name] for row in rows])[:n] for name in rows[0]}
        np.savez(path, **columns)
    describe(
        out, made.recipe, made.recipe.name, seed, made.recipe.expressions.labels, made.recipe.units.numbers
    )
    return read_rendered(out)


def describe(
    out: Path,
    recipe: RenderedDatasetConfig,
    name: str,
    seed: int,
    labels: tuple[str, ...],
    units: tuple[int, ...],
) -> None:
    """Write what `read_rendered` wants to know of a folder beside its images and columns."""
    write_text(out / RECIPE, dump_toml(recipe))
    about = {"name": name, "seed": seed, "labels": labels, "units": units}
    write_text(out / ABOUT, json.dumps(about) + "\n")


def read_rendered(root: Path) -> Dataset:
    """The folder that `draw` wrote; images stay on disk, mapped into memory.

    Raises:
        DataError: a file is missing or damaged.
    """
    for name in (IMAGES, COLUMNS, ABOUT):
        if not (root / name).is_file():
            raise DataError(f"no file {root / name}, wanted a folder that data.rendered.draw wrote")
    try:
        about = json.loads((root / ABOUT).read_text("utf-8"))
        with np.load(root / COLUMNS) as archive:
            columns = {name: archive[name] for name in archive.files}
        images = np.load(root / IMAGES, mmap_mode="r")
        labels, units = tuple(about["labels"]), tuple(about["units"])
        return Dataset(about["name"], ArraySource(images), columns, labels, units, ReadReport(len(images)))
    except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{root} is damaged ({type(error).__name__}: {error}); draw it again") from None


def read_rendered_source(root: Path, found: Dataset) -> tuple[SceneAssets, Array]:
    """The studio and the stream's key of a folder that `draw` wrote: how its examples can be made again.

    Raises:
        DataError: its images are not the first examples of its recipe, as those of a retargeting are not.
    """
    try:
        recipe, seed = named(root / RECIPE), int(json.loads((root / ABOUT).read_text("utf-8"))["seed"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{root} does not tell its recipe ({type(error).__name__}: {error})") from None
    if "pair" in found.columns:
        raise DataError(f"{root} was retargeted; name the source that it was made of, or take its labels")
    made, key = build_assets(recipe), stream_key(recipe, seed)
    first = range(min(len(found), _LOOKED_AT))
    again = jax.jit(
        jax.vmap(
            lambda number, key, studio: sample_example(jax.random.fold_in(key, number), studio).columns,
            (0, None, None),
        )
    )
    for name, column in jax.device_get(again(jnp.arange(len(first)), key, made)).items():
        if name not in found.columns or not np.allclose(
            column, found.columns[name][first.start : first.stop], atol=1e-5
        ):
            raise DataError(f"{root} was not drawn by its recipe alone (column {name!r} differs)")
    return made, key


def _parts(
    made: SceneAssets, n: int, seed: int, sampler: Sampler, batch: int
) -> Iterator[dict[str, np.ndarray]]:
    if n < 1:
        raise ConfigError(f"n = {n} examples, wanted at least 1")
    batches = rendered_stream(made, batch, seed, sampler=sampler)
    for _ in range(-(-n // batch)):
        yield jax.device_get(next(batches))


def _assembled(of: RenderedDatasetConfig, images: np.ndarray, columns: dict[str, np.ndarray]) -> Dataset:
    return Dataset(of.name, ArraySource(images), columns, of.expressions.labels, of.units.numbers)


def _studio(of: RenderedDatasetConfig | str | Path | SceneAssets) -> SceneAssets:
    return of if isinstance(of, SceneAssets) else build_assets(of)


def sharding_for_batch(batch: int) -> CaseSharding:
    """As many devices as divide the batch."""
    count = len(jax.local_devices())
    while batch % count:
        count -= 1
    return sharding_for(count)


@functools.lru_cache(maxsize=64)
def _program(sampler: Sampler) -> Any:
    """The same function object for the same sampler, so that it is compiled once."""
    return lambda shared, numbers: examples(shared, sampler, numbers)
