"""Write the bundled weights of `jaxface.photos` from the npm package @vladmandic/face-api.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz
    python -m tools.face_api_weights package/model

The arrays stay as they are published: bytes, with a scale and a minimum each.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

from jaxface.photos import weights
from tools.bundled_classifiers import write_weights

ASSETS = Path(weights.__file__).parent / "assets"


def quantised(manifest: Path) -> dict[str, np.ndarray]:
    """Return the bytes of each array by its published name, and their `ranges`."""
    (group,) = json.loads(manifest.read_text(encoding="utf-8"))
    (shard,) = group["paths"]
    data = np.fromfile(manifest.parent / shard, np.uint8)
    arrays, ranges, first = {}, {}, 0
    for weight in group["weights"]:
        last = first + math.prod(weight["shape"])
        arrays[weight["name"]] = data[first:last].reshape(weight["shape"])
        ranges[weight["name"]] = (weight["quantization"]["scale"], weight["quantization"]["min"])
        first = last
    assert first == len(data), f"{manifest} describes {first} bytes of {len(data)}"
    return arrays | {weights.RANGES: np.array([ranges[name] for name in sorted(ranges)])}


if __name__ == "__main__":
    for name, entry in weights.ENTRIES.items():
        if entry.is_bundled:
            write_weights(ASSETS / f"{name}.npz", quantised(Path(sys.argv[1]) / entry.manifest))
