"""Batches of a data set, by grain: shuffled from a seed, resumable, all of one shape."""

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import grain
import numpy as np

from jaxface.core.checks import require
from jaxface.core.errors import ConfigError
from jaxface.data.dataset import Dataset, Example

Remainder = Literal["drop", "pad"]


class Stream(Protocol):
    """An iterator over batches whose position can be saved and restored."""

    def __iter__(self) -> Iterator[dict[str, Any]]: ...

    def __next__(self) -> dict[str, Any]: ...

    def get_state(self) -> dict[str, Any]:
        """Return the position, as a dictionary that JSON can hold."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a position that `get_state` returned."""


def batches(
    dataset: Dataset,
    batch: int,
    seed: int = 0,
    *,
    shuffle: bool = True,
    size: int | None = None,
    workers: int = 0,
    epochs: int | None = None,
    remainder: Remainder = "drop",
) -> Stream:
    """Return a stream of stacked arrays: `image` (B, H, W, C) uint8 and every column, (B, ...).

    Which examples are in which batch depends only on the data set's length, `batch`, `seed`,
    `shuffle` and `epochs`. Every epoch has its own order. A batch may reach into the next epoch.

    Args:
        batch: B, examples per batch.
        seed: of the order.
        size: pixels along an edge, to which images are resampled; None = as they are.
        workers: threads that read ahead, two batches each; 0 = read on demand.
        epochs: passes over the data; None = endless.
        remainder: of examples that do not fill the last batch: "drop", or "pad" with the last one;
            then every batch has a `mask` (B,) bool, False for repetitions.

    Raises:
        ConfigError: a number out of range, or with "drop" a data set smaller than a batch.
        DataError, ShapeError: while iterating, as `Dataset.rows`.
    """
    _check(dataset, batch, workers, epochs, remainder)
    order = grain.MapDataset.range(len(dataset)).seed(seed)
    if shuffle:
        order = order.shuffle()
    order = order.repeat(epochs).batch(batch, drop_remainder=remainder == "drop")

    def read(indices: np.ndarray) -> Example:
        if remainder == "drop":
            return dataset.rows(indices, size)
        missing = batch - len(indices)
        mask = np.arange(batch) < len(indices)
        indices = np.concatenate([indices, np.repeat(indices[-1:], missing)])
        return {**dataset.rows(indices, size), "mask": mask}

    options = grain.ReadOptions(num_threads=workers, prefetch_buffer_size=2 * workers)
    return iter(order.map(read).to_iter_dataset(options))


def _check(dataset: Dataset, batch: int, workers: int, epochs: int | None, remainder: Remainder) -> None:
    for name, value, least in (("batch", batch, 1), ("workers", workers, 0), ("epochs", epochs, 1)):
        require(value is None or value >= least, name, value, f"at least {least}")
    require(remainder in ("drop", "pad"), "remainder", remainder, "'drop' or 'pad'")
    if not len(dataset):
        raise ConfigError(f"{dataset.name} has no images")
    if epochs is not None and remainder == "drop" and len(dataset) * epochs < batch:
        raise ConfigError(
            f"{dataset.name} has {len(dataset)} images, fewer than a batch of {batch}; "
            "remainder='pad' keeps them"
        )
