"""Faces of photographs as found here and by the npm package @vladmandic/face-api itself.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz
    python -m benchmarks.face_api_package package --out benchmarks/results

One row: the largest differences over the package's sample photographs, boxes and points in widths of the box.
Needs Node. No picture leaves the package.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from PIL import Image

from benchmarks.rows import write_rows
from jaxface import photos
from jaxface.core.image_files import open_image
from jaxface.photos import as_package, weights
from jaxface.photos.detection import apply_net

EDGE, SIZE = 832, 416


@dataclass(frozen=True)
class Settings:
    """What is compared."""

    package: tyro.conf.Positional[Path]
    """The unpacked package."""

    out: Path = Path("benchmarks/results")
    """Folder or file of the row."""


def compare(package: Path) -> Iterator[dict[str, Any]]:
    """Yield the row."""
    settings = photos.DetectConfig(
        sizes=(SIZE,), score=0.3, passes=1, copies=1, resampling="package", which="all"
    )
    nets, age_net = photos.load_nets(settings), weights.load("age-sex", package / "model")
    images = {}
    for path in sorted((package / "demo").glob("sample*.jpg")):
        with open_image(path) as image:
            images[path.stem] = image.copy()
            images[path.stem].thumbnail((EDGE, EDGE))
    worst, count = dict.fromkeys(("box", "score", "points", "age", "sex"), 0.0), 0
    for answer in _answers(package, images):
        image = images[answer["name"]]
        faces = photos.detect(image, settings, nets)
        assert len(faces) == len(answer["faces"])
        for one in answer["faces"]:
            row = int(np.abs(faces.boxes - one["box"]).sum(1).argmin())
            width = one["box"][2] - one["box"][0]
            points = np.array(one["points"]) + one["corner"][:2]
            square, _ = as_package.face(image, np.array(one["box"]))
            age, *logits = apply_net(age_net, [square])[0].astype(np.float64)
            male = 1.0 / (1.0 + np.exp(logits[1] - logits[0]))
            differences = {
                "box": np.abs(faces.boxes[row] - one["box"]).max() / width,
                "score": abs(faces.scores[row] - one["score"]),
                "points": np.abs(faces.points[row] - points).max() / width,
                "age": abs(age - one["age"][0]),
                "sex": abs(male - one["gender"][0][0]),
            }
            worst = {name: max(worst[name], float(value)) for name, value in differences.items()}
            count += 1
    # seven digits would hide them
    yield {"name": "package", "photographs": len(images), "faces": count} | {
        f"largest_{name}": f"{value:.1e}" for name, value in worst.items()
    }


def _answers(package: Path, images: dict[str, Image.Image]) -> list[dict[str, Any]]:
    script = Path(__file__).parent.parent / "tools/face_api_goldens.mjs"
    with tempfile.TemporaryDirectory() as name:
        facts = []
        for stem, image in images.items():
            (Path(name) / f"{stem}.rgb").write_bytes(image.tobytes())
            facts.append({"name": stem, "height": image.height, "width": image.width, "size": SIZE})
        (Path(name) / "pictures.json").write_text(json.dumps(facts), encoding="utf-8")
        subprocess.run(["node", str(script), str(package), name], check=True)
        return json.loads((Path(name) / "answers.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    arguments = tyro.cli(Settings)
    write_rows(compare(arguments.package), "photos", arguments.out)
