"""An empty store: every array of a layout, each chunk with its checksum."""

from pathlib import Path
from typing import Literal

import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from jaxface.audit import integrity
from jaxface.audit.layout import VARIABLES, Layout

SURFACES_FOLDER = "surfaces.zarr"


def open_group(path: Path, mode: Literal["r", "r+"]) -> zarr.Group:
    """Open a store as its arrays describe themselves."""
    return zarr.open_group(str(path), mode=mode, use_consolidated=False)


def create(path: Path, layout: Layout) -> None:
    """Create an empty store, which appears under its name complete."""
    partial = path.with_name(path.name + ".partial")
    create_partial(partial, layout)
    partial.rename(path)


def create_partial(path: Path, layout: Layout) -> None:
    """Create an empty store, in place of whatever is at the path."""
    integrity.remove(path)
    root = zarr.create_group(str(path), attributes=layout.all_attributes)
    compressors = (ZstdCodec(level=0), Crc32cCodec())
    for name, values in layout.coordinates.items():
        root.create_array(name, data=values, dimension_names=(name,), compressors=compressors)
    for name, variable in VARIABLES.items():
        root.create_array(
            name,
            shape=layout.shape(variable),
            chunks=layout.chunks(variable),
            dtype=layout.dtype(variable),
            fill_value=variable.fill,
            dimension_names=layout.dimensions(variable),
            attributes={"long_name": variable.description},
            compressors=compressors,
        )
