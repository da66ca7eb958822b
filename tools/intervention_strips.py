"""Draw docs/interventions.jpg: a strip of every intervention over its levels, on the bundled head.

python -m tools.intervention_strips docs/interventions.jpg
"""

import sys

import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import jaxface as jf
from jaxface import interventions
from jaxface.cli import head_options
from jaxface.core import runtime
from jaxface.report import image_encoding

SIZE, COLUMNS, SEED = 84, 7, 7
VARIANTS: tuple[tuple[str, dict[str, str]], ...] = (
    *((name, {}) for name in interventions.REGISTRY),
    ("occlusion", {"region": "eye"}),
    ("occlusion", {"region": "hand"}),
    ("null", {"kind": "background"}),
)


def strip(name: str, settings: dict[str, str]) -> np.ndarray:
    """Return one row of pictures with its levels above them and its name on the left, uint8."""
    head = jf.face.load("bundled")
    person = head_options.person(head, SEED)
    params = jf.face.with_prototype(head, person, "happiness")
    intervention = interventions.build(name, **settings)
    levels = intervention.axes[0].values
    kept = np.unique(np.round(np.linspace(0, len(levels) - 1, COLUMNS)).astype(int))
    if intervention.axes[0].unchanged not in levels[kept]:
        kept = np.arange(0, len(levels), 2) if len(levels) > COLUMNS else np.arange(len(levels))
    scene = jf.render.scene(jf.render.RenderConfig(size=SIZE))
    pictures = interventions.grid(
        intervention, head, params, scene, jnp.asarray(levels[kept]), jnp.ones(1, jnp.float32)
    )
    row = image_encoding.sheet(
        np.asarray(pictures).swapaxes(0, 1), columns=[f"{level:.3g}" for level in levels[kept]]
    )
    canvas = Image.new("RGB", (80 + COLUMNS * (SIZE + image_encoding.GAP), row.shape[0]), "white")
    canvas.paste(Image.fromarray(row), (80, 0))
    font = ImageFont.load_default(11)
    ImageDraw.Draw(canvas).text((2, row.shape[0] // 2), "\n".join([name, *settings.values()]), "black", font)
    return np.asarray(canvas)


def main(path: str) -> None:
    """Write two columns of strips as one JPEG."""
    runtime.enable_compile_cache()
    strips = [strip(name, settings) for name, settings in VARIANTS]
    height = max(each.shape[0] for each in strips) + 6
    half = -(-len(strips) // 2)
    page = Image.new("RGB", (2 * strips[0].shape[1] + 10, half * height), "white")
    for number, each in enumerate(strips):
        column, row = divmod(number, half)
        page.paste(Image.fromarray(each), (column * (each.shape[1] + 10), row * height))
    page.save(path, quality=82, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
