"""Write `tests/data/face_api.npz`: what face-api itself answers to a rendered picture, and the picture.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz
    python -m tools.face_api_goldens package tests/data/face_api.npz

Needs Node. Two rendered people stand before a grey wall: no person's picture is involved.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.data import rendered
from jaxface.photos import weights
from tools.bundled_classifiers import write_weights

SIZES = (224, 416)
_SIZE, _HEIGHT, _WIDTH = 144, 190, 330
_PLACES = ((20, 10), (36, 172))  # top, left


def picture() -> np.ndarray:
    """Return (_HEIGHT, _WIDTH, 3) uint8."""
    recipe = rendered.load_recipe("expressions")
    recipe = dataclasses.replace(recipe, size=_SIZE, supersample=2, seed=3)
    images = rendered.dataset(recipe, 2, batch=8).rows([0, 1])["image"]
    wall = np.full((_HEIGHT, _WIDTH, 3), 90, np.uint8)
    for (top, left), image in zip(_PLACES, images, strict=True):
        wall[top : top + _SIZE, left : left + _SIZE] = image
    return wall


def write_age_net(folder: Path) -> None:
    """Write weights of the net for age and sex that nobody trained: its own are not bundled."""
    entry, random = weights.ENTRIES["age-sex"], np.random.default_rng(6)
    described, shard = [], b""
    for name, shape in weights.published_shapes(entry).items():
        numbers = random.integers(0, 256, shape, np.uint8)
        inputs = 9 if shape[-1] == 1 else max(int(np.prod(shape[:-1])), 1)
        limit = np.sqrt(3.0 / inputs) if len(shape) > 1 else 0.1
        quantization = {"dtype": "uint8", "scale": limit / 127.5, "min": -limit}
        described.append({"name": name, "shape": list(shape), "dtype": "float32", "quantization": quantization})
        shard += numbers.tobytes()
    manifest = [{"paths": ["age_gender_model.bin"], "weights": described}]
    (folder / entry.manifest).write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "age_gender_model.bin").write_bytes(shard)


def answers(package: Path, image: np.ndarray) -> list[dict[str, Any]]:
    """Run the package on one picture at each of `SIZES`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small.rgb").write_bytes(image.tobytes())
        shape = {"height": len(image), "width": image.shape[1]}
        facts = [{"name": "small", **shape, "size": size} for size in SIZES]
        (folder / "pictures.json").write_text(json.dumps(facts), encoding="utf-8")
        write_age_net(folder)
        script = Path(__file__).with_suffix(".mjs")
        subprocess.run(["node", str(script), str(package), name, name], check=True)
        return json.loads((folder / "answers.json").read_text(encoding="utf-8"))


def arrays(package: Path) -> dict[str, np.ndarray]:
    """Return the picture and the answers, named by the size of the detector's input."""
    image = picture()
    out = {"picture": image}
    for answer in answers(package, image):
        size, faces = answer["size"], answer["faces"]
        out[f"{size} logits"] = np.array(answer["logits"], np.float32)
        for name in ("box", "score", "corner", "points", "tinyPoints", "age", "gender", "expressions"):
            out[f"{size} {name}"] = np.array([face[name] for face in faces], np.float64)
    return out


if __name__ == "__main__":
    write_weights(Path(sys.argv[2]), arrays(Path(sys.argv[1])))
