"""Draw docs/palsy.jpg: the movements that House & Brackmann's grades are told by, grade by grade.

python -m tools.palsy_sheet docs/palsy.jpg
"""

import dataclasses
import sys

import jax.numpy as jnp
import numpy as np
from PIL import Image

import jaxface as jf
from jaxface import interventions
from jaxface.cli import head_options
from jaxface.core import runtime
from jaxface.interventions.palsy import grades as palsy_grades
from jaxface.report import image_encoding

SIZE, SEED = 150, 5
MOVEMENTS: dict[str, dict[str, float]] = {
    "at rest": {},
    "raises the brows": {"browInnerUp": 1.0, "browOuterUp": 1.0},
    "closes the eyes": {"eyeBlink": 1.0},
    "smiles": {"mouthSmile": 1.0, "cheekSquint": 0.6},
    "shows the teeth": {"toothySmile": 1.0},
}


def main(path: str) -> None:
    """Write a row for each grade and a column for each movement."""
    runtime.enable_compile_cache()
    head = jf.face.load("bundled", expression_space="units")
    person = head_options.person(head, SEED)
    palsy = interventions.Palsy()
    grades = palsy.axes[0].values
    scene = jf.render.scene(jf.render.RenderConfig(size=SIZE))
    names = head.expressions.unit_names
    columns = []
    for activations in MOVEMENTS.values():
        expression = (
            jnp.zeros(len(names))
            .at[jnp.array([names.index(unit) for unit in activations], int)]
            .set(jnp.array(list(activations.values()), jnp.float32))
        )
        face = dataclasses.replace(person, expression=expression)
        pictures = interventions.grid(palsy, head, face, scene, jnp.asarray(grades), jnp.ones(1))
        columns.append(np.asarray(pictures)[:, 0])
    rows = [grade["name"] for grade in palsy_grades()]
    sheet = image_encoding.sheet(np.stack(columns, axis=1), rows, list(MOVEMENTS))
    Image.fromarray(sheet).save(path, quality=85, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
