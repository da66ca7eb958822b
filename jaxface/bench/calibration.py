"""False alarms and power of every test of the score, under named kinds of noise."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import classify, face, interventions, render
from jaxface.bench import calibration_people
from jaxface.bench.settings import CalibrationSettings
from jaxface.search.evaluate import shift_camera
from jaxface.stats import SCHEMES, mean_test, permutation_test, symmetry_score

STEPS, TIMES, RENDERED_TIMES = 10, 90, 12
PEOPLE = 10


def run(settings: CalibrationSettings) -> Iterator[dict[str, Any]]:
    """Yield a row for each noise, effect and test: the rate of p <= alpha with its 95 % Wilson
    interval."""
    if settings.populations:
        yield from calibration_people.run(
            settings.populations, settings.permutations, settings.alpha, settings.seed
        )
    random = np.random.default_rng(settings.seed)
    key = jax.random.key(settings.seed)
    for name, noise in NOISES.items():
        surfaces = noise(random, settings.surfaces)
        yield from _rates(name, surfaces, settings, key)
    if settings.rendered:
        surfaces = rendered_noise(key, settings.rendered, settings.classifier)
        yield from _rates("re-rendering", surfaces, settings, key)


def white(random: np.random.Generator, count: int) -> np.ndarray:
    """Draw independent answers: (count, S, T), as all noises."""
    return random.normal(size=(count, STEPS, TIMES))


def row_offset(random: np.random.Generator, count: int) -> np.ndarray:
    """Draw an independent offset per symmetry step, the same at all times."""
    offsets = random.normal(size=(count, STEPS, 1))
    return offsets + 0.01 * white(random, count)


def growing_offset(random: np.random.Generator, count: int) -> np.ndarray:
    """Draw `row_offset`, growing from 0 at time 0 with the expression."""
    return row_offset(random, count) * np.linspace(0, 1, TIMES)


def smooth_in_time(random: np.random.Generator, count: int) -> np.ndarray:
    """Draw independent curves, autoregressive in time with .95 from step to step."""
    return _autoregressive(white(random, count), 0.95, axis=2)


def smooth_in_both(random: np.random.Generator, count: int) -> np.ndarray:
    """Draw curves that also correlate (.8) between neighbouring symmetry steps: they are not
    exchangeable."""
    return _autoregressive(smooth_in_time(random, count), 0.8, axis=1)


NOISES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "white": white,
    "row offset": row_offset,
    "growing offset": growing_offset,
    "smooth in time": smooth_in_time,
    "smooth in time and symmetry": smooth_in_both,
}


def rendered_noise(key: jax.Array, count: int, classifier: str) -> np.ndarray:
    """Return answers (count, S, 12) to full, unmodified smiles, rendered anew for each
    "symmetry step".

    Each step shifts the image by up to half a pixel, so the answers vary only by how the pixels
    fall.
    """
    model, head = classify.load(classifier), face.load("bundled")
    scene = render.Scene()
    target = model.index("happiness")
    people_key, shift_key = jax.random.split(key)
    people = face.sample_population(people_key, head, count)
    smile = head.expressions.prototypes[head.expressions.prototype_labels.index("happiness")]
    shifts = jax.random.uniform(shift_key, (count, STEPS, 2), minval=-0.5, maxval=0.5)
    times = jnp.linspace(0, 1, RENDERED_TIMES)

    @jax.jit
    def curve(person: face.FaceParams, pixels: jax.Array) -> jax.Array:
        buffers = render.prepare(head, person, scene)
        buffers = dataclasses.replace(buffers, camera=shift_camera(buffers.camera, pixels, scene.size))

        smiling_person = dataclasses.replace(person, expression=smile)

        def answer(time: jax.Array) -> jax.Array:
            image = interventions.render(
                interventions.Symmetry(), head, buffers, smiling_person, scene, jnp.ones(()), time
            )
            return jax.nn.softmax(model.apply(model.state, image[None]))[0, target]

        return jax.lax.map(answer, times)

    surfaces = np.empty((count, STEPS, RENDERED_TIMES))
    for index in range(count):
        person = jax.tree.map(lambda leaf, i=index: leaf[i], people)
        for step in range(STEPS):
            surfaces[index, step] = curve(person, shifts[index, step])
    return surfaces


def _rates(
    name: str, surfaces: np.ndarray, settings: CalibrationSettings, key: jax.Array
) -> Iterator[dict[str, Any]]:
    from scipy import stats

    deviation = (surfaces - surfaces.mean(1, keepdims=True)).std()
    ramp = np.linspace(0, 1, surfaces.shape[1])[:, None]
    for effect in settings.effects:
        with_effect = surfaces + effect * deviation * ramp
        tests = {
            scheme: permutation_test(with_effect, key, settings.permutations, scheme).p_value
            for scheme in SCHEMES
        }
        groups = symmetry_score(with_effect)[: len(with_effect) // PEOPLE * PEOPLE].reshape(-1, PEOPLE)
        tests[f"sign flips of {PEOPLE} people"] = mean_test(groups, key, settings.permutations).p_value
        for test, p_value in tests.items():
            rejections = int((p_value <= settings.alpha).sum())
            interval = stats.binomtest(rejections, len(p_value)).proportion_ci(method="wilson")
            yield {
                "name": name,
                "effect": effect,
                "test": test,
                "alpha": settings.alpha,
                "rate": rejections / len(p_value),
                "low": float(interval.low),
                "high": float(interval.high),
                "tests": len(p_value),
                "grid": list(surfaces.shape[1:]),
                "permutations": settings.permutations,
            }


def _autoregressive(steps: np.ndarray, memory: float, axis: int) -> np.ndarray:
    """Return a stationary first-order autoregression along an axis, of the same variance as
    `steps`."""
    steps = np.moveaxis(steps, axis, 0)
    process = np.empty_like(steps)
    process[0] = steps[0]
    for index in range(1, len(steps)):
        process[index] = memory * process[index - 1] + np.sqrt(1 - memory**2) * steps[index]
    return np.moveaxis(process, 0, axis)
