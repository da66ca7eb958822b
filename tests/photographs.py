"""A small table of made-up photographs: bright where "happy", lopsided where "patient"."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxface import classify
from jaxface.audit.observe import CropConfig, ObserveConfig

SIZE = 16


def brightness(images: jax.Array) -> jax.Array:
    """Logits (B, 2) of happy and sad: how bright the darker half is."""
    halves = jnp.stack([images[:, :, : SIZE // 2].mean((1, 2, 3)), images[:, :, SIZE // 2 :].mean((1, 2, 3))])
    return jnp.stack([20 * halves.min(0), 10 * jnp.ones(len(images))], axis=-1)


CLASSIFIER = classify.from_function(brightness, ["happy", "sad"], name="brightness")


def write_table(folder: Path, people: int = 40, each: int = 1, effect: float = 0.3) -> ObserveConfig:
    """Write pictures and their table; every second person is a patient, with one half darker by `effect`."""
    random = np.random.default_rng(people)
    rows = ["path,label,group,person,grade"]
    folder.mkdir(parents=True, exist_ok=True)
    for person in range(people):
        own = random.normal(0, 0.03)
        for shot in range(each):
            patient, label = person % 2 == 0, ("happy", "sad")[(person // 2 + shot) % 2]
            level = {"happy": 0.7, "sad": 0.4}[label] + own + random.normal(0, 0.01)
            image = np.full((SIZE, SIZE, 3), level)
            if patient:
                image[:, : SIZE // 2] -= effect
            name = f"{person:03d}-{shot}.png"
            Image.fromarray(np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)).save(folder / name)
            rows.append(
                f"{name},{label},{'patient' if patient else 'proband'},p{person},{int(patient) * effect}"
            )
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    return ObserveConfig(
        table=str(folder / "table.csv"),
        classifiers=(CLASSIFIER,),
        features=("group", "pixel", "column:grade"),
        tests=("chsic", "kci"),
        alpha=0.02,
        crop=CropConfig(size=SIZE),
        faces="centre",
    )
