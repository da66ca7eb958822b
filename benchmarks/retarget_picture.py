"""Draw docs/pairs.jpg: faces, and the woman and the man that retargeting gives for each, in three
ways.

python -m benchmarks.retarget_picture
"""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from jaxface.data import Dataset, rendered
from jaxface.data.retarget import RetargetConfig, retarget
from jaxface.report.image_encoding import sheet

FACES, SIZE = 8, 112
OUT = Path(__file__).parent.parent / "docs" / "pairs.jpg"


def main() -> None:
    recipe = dataclasses.replace(rendered.load_recipe("expressions"), size=SIZE, supersample=2, landmarks=True)
    with tempfile.TemporaryDirectory() as folder:
        source = rendered.render_dataset(recipe, FACES, Path(folder) / "source", seed=1, batch=FACES)
        config = RetargetConfig(root=Path(folder) / "source", subjects=0, size=SIZE, batch=FACES)
        rows, names = [images(source, slice(None))], ["source"]
        for expression in ("rendered", "labels", "fit"):
            result = retarget(dataclasses.replace(config, expression=expression), Path(folder) / expression)
            for sex, name in enumerate(("woman", "man")):
                rows.append(images(result.dataset, slice(sex, None, 2)))
                names.append(f"{name}, {expression}")
    Image.fromarray(sheet(np.stack(rows), names)).save(OUT, quality=88)


def images(dataset: Dataset, rows: slice) -> np.ndarray:
    """(N, size, size, 3) uint8."""
    return dataset.rows(np.arange(len(dataset))[rows])["image"]


if __name__ == "__main__":
    main()
