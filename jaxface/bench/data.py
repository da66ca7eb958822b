"""Cost of training images: rendered ones, augmentation, and batches of images in memory."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax

from jaxface.bench.harness import measure, per_image
from jaxface.bench.settings import DataSettings
from jaxface.core.runtime import use_all_cores
from jaxface.data import AugmentConfig, augment, batches, rendered


def run(settings: DataSettings) -> Iterator[dict[str, Any]]:
    """Yield a row for each recipe, size and supersampling; then augmentation and batches of the
    last images."""
    use_all_cores()
    for name in settings.recipes:
        for size in settings.sizes:
            for supersample in settings.supersample:
                recipe = dataclasses.replace(rendered.load_recipe(name), size=size, supersample=supersample)
                stream = rendered.rendered_stream(recipe, settings.batch)
                timing = measure(stream.at, 0, repeats=settings.repeats)
                yield _row("rendered", settings, timing, recipe=name, size=size, supersample=supersample)
    dataset = rendered.dataset(stream.assets, settings.batch, batch=settings.batch)
    images = jax.device_put(dataset.rows(range(settings.batch))["image"])
    config = AugmentConfig(True, 10.0, 0.9, 0.2, 0.2, 0.2, 0.05, 0.25)
    augment_batch = jax.jit(augment, static_argnums=2)
    timing = measure(augment_batch, jax.random.key(0), images, config, repeats=settings.repeats)
    yield _row("augment", settings, timing, size=size)
    reader = batches(dataset, settings.batch)
    yield _row("batches", settings, measure(lambda: next(reader), repeats=settings.repeats), size=size)


def _row(name: str, settings: DataSettings, timing: dict[str, float], **case: Any) -> dict[str, Any]:
    return {"name": name, **case, "batch": settings.batch, **per_image(settings.batch, timing)}
