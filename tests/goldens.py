"""Goldens: numbers that every change must reproduce, bit for bit on the machine that wrote them.

`python -m tests.goldens check [NAME ...]` compares. `python -m tests.goldens write [NAME ...]` replaces numbers
in `tests/data/goldens.npz`; use it only for a change that is meant to change numbers. Nearly all of the time is
compilation: with JAX_COMPILATION_CACHE_DIR=FOLDER and JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 a second
check compiles only what has changed.

All numbers are of commit 0f5a549, but for one rewrite: when exact path, fast path and rendered sets got one
vertex stage, vertices of the latter two came to differ in the last bit. `grid` moved by one level of a packed
colour at most (9.8e-4; sums of pictures by 4e-7 of their value), `rendered` by 1.2e-7 of an image's width in
landmarks alone, `audit` by 5e-4 in a probability, 6.3e-6 in a score, and in no discrete number. Pictures of the
exact path, gradients, searches, ports, trainings and the observation stayed bit for bit. `audit` was
written once more when its people came to be drawn in strata; with the former people it was bit for bit what it
had been. In `training` the classifier was written once more when the gradient of depthwise taps became a matrix
product: its loss moved by 6e-7, its parameters by 4e-6 of their value.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

if __name__ == "__main__":  # as they were written, whatever compiles soonest
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
    )

import tests.conftest  # noqa: F401  sets XLA's flags before JAX starts

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip

from jaxface import audit, classify, face, frameworks, interventions, render, search
from jaxface.audit import observe
from jaxface.data import rendered
from jaxface.frameworks.common.framework import programs
from jaxface.render import RenderConfig, Scene
from jaxface.search import SearchConfig
from tests.framework_fixtures import FIXTURES
from tests.heads import toy_head

Arrays = dict[str, np.ndarray]

FILE = Path(__file__).parent / "data" / "goldens.npz"
PORT_SHAPES = Path(__file__).parent / "data" / "goldens_ports.json"
"""For each port the names and shapes of the tensors in its authors' PyTorch state dict."""

SMALLEST = 1e-3
"""Tolerances are shares of an array's largest magnitude, or of this where all of it is smaller."""

PORT_GAINS = {"dan-affectnet7": 0.5, "ddamfn-affectnet7": 1.0, "hsemotion-b0-affectnet8": 1.5}
"""Factor on the weights, so that signals neither vanish nor explode."""

AUDIT = {
    "probability": "probability",
    "logit": "logit",
    "top": "top_class",
    "expression": "expression_parameters",
    "checked_probability": "probe_probability",
    "checked_top": "probe_top_class",
    "transfer_probability": "evaluator_probability",
    "transfer_top": "evaluator_top_class",
    "search_probability": "search_probability",
    "search_probability_shifted": "search_probability_shifted",
    "search_probability_shifted_min": "search_probability_shifted_min",
    "search_forward_calls": "search_forward_calls",
    "search_gradient_calls": "search_gradient_calls",
    "search_share_at_bound": "search_share_at_bound",
    "search_norm": "search_norm",
    "search_excess": "search_excess",
    "search_status": "search_status",
    "status": "status",
    "identity": "identity_parameters",
    "albedo": "albedo_parameters",
    "population": "population",
    "score": "score",
    "p_value": "p_value",
    "adjusted_p_value": "adjusted_p_value",
    "scheme_p_value": "scheme_p_value",
    "mean_probability": "mean_probability",
    "done": "done",
    "symmetry": "symmetry",
    "time": "time",
    "checked_symmetry": "probe",
}
"""Golden key -> name in the audit's store: all its numbers but the processor times."""

SEARCH = {
    "expression": "expression",
    "probability": "probability",
    "probability_shifted": "probability_shifted",
    "probability_shifted_min": "probability_shifted_min",
    "forward_calls": "forward_calls",
    "gradient_calls": "gradient_calls",
    "share_at_bound": "share_at_bound",
    "norm": "norm",
    "excess": "excess",
    "status": "status",
}
"""Golden key -> field of a search's result."""


SUBSETS = {"matching": "own", "all": "all"}
"""Subset of an observation's photographs -> its name in golden keys."""


def compute_audit() -> Arrays:
    config = audit.AuditConfig(
        head="bundled",
        classifiers=("face-api", "fer-mini-xception"),
        identities=2,
        expressions=("happiness", "surprise"),
        symmetry_steps=4,
        time_steps=10,
        permutations=199,
        search=SearchConfig(method="differential-evolution", population=6, max_evaluations=18),
        render=RenderConfig(size=48),
    )
    with tempfile.TemporaryDirectory() as folder:
        data = audit.run(config, folder).data.load()
    return {key: np.asarray(data[name].values) for key, name in AUDIT.items()}


def compute_grid() -> Arrays:
    head, toy = bundled_head(), toy_head()
    people = face.sample_population(jax.random.key(1), head, 4)
    expressive = dataclasses.replace(people, expression=head.expressions.prototypes[:4])
    person = dataclasses.replace(
        jax.tree.map(lambda leaf: leaf[1], people), expression=head.expressions.prototypes[7]
    )
    scene = Scene(size=48)
    steps = [jnp.linspace(0.0, 1.0, count) for count in (4, 8)]
    left, right = interventions.Symmetry("left"), interventions.Symmetry("right")
    grid = interventions.grid(left, head, person, scene, *steps)
    images = interventions.images(right, head, expressive, scene, jnp.linspace(0.0, 1.0, 4), 0.9)

    def brightness(expression: jax.Array) -> jax.Array:
        params = dataclasses.replace(person, expression=expression)
        image = interventions.image(left, head, params, scene, 0.7, 1.0)
        return jnp.sum(image**2)

    toy_person = dataclasses.replace(face.neutral(toy), expression=jnp.array([0.8, 0.2, 0.1, 0.6]))
    toy_image = render.image(toy, toy_person, Scene(size=32))
    return {
        "image_sums": sums(grid.reshape(32, -1)),
        "every_17th_value": np.asarray(grid).ravel()[::17],
        "exact_image_sums": sums(images.reshape(4, -1)),
        "exact_every_7th_value": np.asarray(images).ravel()[::7],
        "gradient": np.asarray(jax.grad(brightness)(person.expression)),
        "toy_every_7th_value": np.asarray(toy_image).ravel()[::7],
    }


def compute_search() -> Arrays:
    """Two cases each, with a small head and a bundled classifier."""
    classifier, head = classify.load("fer-mini-xception"), toy_head()
    scene = Scene(size=32, supersample=1)
    people = face.sample_population(jax.random.key(2), head, 2)
    targets = np.array([classifier.index("happiness"), classifier.index("sadness")])
    config = SearchConfig(off_prototype_limit=1.0, population=6, max_evaluations=24, gradient_steps=6, starts=2)
    numbers = {}
    for method in ("gradient", "differential-evolution"):
        searcher = search.build(classifier, head, scene, dataclasses.replace(config, method=method))
        result = searcher.run(jax.random.key(3), people, targets)
        numbers |= {f"{method}/{key}": np.asarray(getattr(result, name)) for key, name in SEARCH.items()}
    return numbers


def compute_ports() -> Arrays:
    """Logits of three ports for two images of noise, with generated weights."""
    images = np.random.RandomState(0).random_sample((2, 64, 64, 3)).astype(np.float32)
    shapes = json.loads(PORT_SHAPES.read_text())
    return {
        name: np.asarray(classify.from_state_dict(name, state_dict(tensors, PORT_GAINS[name])).logits(images))
        for name, tensors in shapes.items()
    }


def compute_training() -> Arrays:
    """Ten steps of each framework on its fixture: losses, and a summary of every trained array."""
    numbers = {}
    for key, make_fixture in FIXTURES.items():
        framework, fixture = frameworks.load(key), make_fixture(jax.random.key(0))
        train = dataclasses.replace(fixture.train, steps=10)
        run = programs(framework, fixture.config, fixture.task, train)
        state, losses = run.init(0), []
        for _ in range(10):
            state, info = run.update(state, fixture.batch, jax.random.key(0))
            losses.append(np.asarray(info["loss"]))
        numbers[f"{key}/loss"] = np.stack(losses)
        numbers[f"{key}/params"] = summary(state.params)
    return numbers


def compute_rendered() -> Arrays:
    """The second batch of a rendered training set."""
    people = rendered.load_recipe("expressions").people
    recipe = rendered.RenderedDatasetConfig(
        name="golden", size=32, landmarks=True, people=dataclasses.replace(people, identities=5, first=3)
    )
    batch = jax.device_get(rendered.rendered_stream(recipe, batch=16, seed=4).at(1))
    images = batch.pop("image")
    return {**batch, "image_sums": sums(images.reshape(16, -1)), "every_7th_value": images.ravel()[::7]}


def compute_observation() -> Arrays:
    """A simulated cohort with palsy and one without, observed."""
    config = observe.ObserveConfig(
        classifiers=("fer-mini-xception",),
        features=("group", "pixel"),
        demo=True,
        crop=observe.CropConfig(size=48),
        cohort=observe.CohortConfig(people=48, expressions=("happiness",), size=64),
    )
    with tempfile.TemporaryDirectory() as folder:
        results = observe.demonstrate(config, folder).results
    numbers = {}
    for kind, (result,) in results.items():
        for row in result.rows:
            key = f"{kind}/{row.feature}/{SUBSETS[row.subset]}"
            tests = sorted(row.p_value)
            numbers[f"{key}/statistic"] = np.array([row.statistic[test] for test in tests])
            numbers[f"{key}/p_value"] = np.array([row.p_value[test] for test in tests])
            numbers[f"{key}/association"] = np.array(row.association)
            numbers[f"{key}/samples"] = np.array(row.samples)
        numbers[f"{kind}/logits"] = result.measurements.logits["fer-mini-xception"]
        numbers[f"{kind}/pixel"] = result.measurements.features["pixel"]
        numbers[f"{kind}/accuracy"] = np.array([group.accuracy for group in result.accuracy])
    return numbers


@functools.cache
def bundled_head() -> face.FaceModel:
    return face.load("bundled")


def sums(rows: Any) -> np.ndarray:
    """Return the float64 sums (n,) of rows (n, m)."""
    return np.asarray(rows, np.float64).sum(axis=1)


def summary(tree: Any) -> np.ndarray:
    """Return sum, first and last number of every array, (leaves, 3), sorted: names do not matter."""
    leaves = [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)]
    rows = sorted((leaf.size, leaf.sum(), leaf[0], leaf[-1]) for leaf in leaves if leaf.size)
    return np.array(rows)[:, 1:]


def state_dict(shapes: dict[str, list[int]], gain: float) -> Arrays:
    """Return generated PyTorch tensors; each depends on its name and shape alone."""

    def tensor(name: str, shape: list[int]) -> np.ndarray:
        noise = np.random.RandomState(zlib.crc32(name.encode())).uniform(-1.0, 1.0, shape)
        if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            values = 1.0 + 0.3 * noise
        elif len(shape) == 1:
            values = 0.1 * noise
        else:
            values = gain * noise * math.sqrt(3.0 / math.prod(shape[1:]))
        return values.astype(np.float32)

    return {name: tensor(name, shape) for name, shape in shapes.items()}


@dataclasses.dataclass(frozen=True)
class Golden:
    """A recipe, and how to compare its numbers in another environment than the reference's.

    Attributes:
        compute: returns the numbers by key.
        tolerance: largest difference of floats and of uint8 pixels, as a share of an array's largest magnitude;
            other integers must be equal.
        reason: why the tolerance is what it is.
        unsettled: prefixes of keys that are not compared in another environment: rounding decides them.
    """

    compute: Callable[[], Arrays]
    tolerance: float
    reason: str
    unsettled: tuple[str, ...] = ()


# Tolerances are ten times or more what was measured when XLA compiled without AVX2 and FMA (in brackets).
GOLDENS = {
    "audit": Golden(
        compute_audit,
        1e-2,
        "rounding of quantised colours [2e-4]; one of 199 permutations moves a p-value by 5e-3",
        unsettled=("top", "checked_top", "transfer_top"),  # near ties
    ),
    "grid": Golden(compute_grid, 2e-3, "the fast path quantises colours: one step is 1e-3 [2e-6]"),
    "search": Golden(compute_search, 1e-4, "Adam amplifies rounding of the gradient [5e-6]"),
    "ports": Golden(compute_ports, 1e-5, "float32 sums in another order [8e-7]"),
    "training": Golden(compute_training, 2e-2, "ten steps, of Adam in part, amplify rounding [2e-3]"),
    "rendered": Golden(compute_rendered, 1e-2, "a uint8 pixel rounds to the next level, 4e-3 [2e-6]"),
    "observation": Golden(
        compute_observation,
        2e-2,
        "pixels of stored photographs round to the next level [1e-3]; one permutation moves a p-value by 5e-3",
        unsettled=("palsy/accuracy", "null/accuracy"),  # near ties
    ),
}


class Difference(NamedTuple):
    """How one array differs from its golden.

    Attributes:
        key: of the array.
        absolute: largest difference; infinite where keys, shapes, types or the places of NaN differ.
        relative: that, as a share of the golden's largest magnitude.
        equal: bit for bit, but that every NaN equals every other.
        acceptable: `equal` in the reference's environment, within the tolerance in another.
    """

    key: str
    absolute: float
    relative: float
    equal: bool
    acceptable: bool


def environment() -> dict[str, Any]:
    """Return what the last bits of the numbers depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = dict(reversed([line.split("\t", 1) for line in lines if "\t" in line]))
    features = cpu.get("flags", "").strip(": ")
    libraries = ("jax", "jaxlib", "numpy", "scipy", "scikit-learn", "flax", "optax", "evosax", "pillow")
    return {
        "cpu": cpu.get("model name", "").strip(": \t"),
        "cpu_flags_sha256": hashlib.sha256(features.encode()).hexdigest(),
        "cores": os.cpu_count(),
        "devices": jax.local_device_count(),
        "platform": jax.default_backend(),
        "xla_flags": os.environ["XLA_FLAGS"],
        "versions": {name: importlib.metadata.version(name) for name in libraries},
    }


def load() -> tuple[dict[str, Any], Arrays]:
    """Return the environment that wrote the reference, and its arrays by `name/key`."""
    with np.load(FILE, allow_pickle=False) as archive:
        arrays = dict(archive)
    return json.loads(str(arrays.pop("environment"))), arrays


def environment_changes(reference: dict[str, Any]) -> list[str]:
    """Return what differs between the reference's environment and this one; empty: bits must be equal."""
    now = environment()
    return [f"{key}: {reference.get(key)} -> {now[key]}" for key in now if now[key] != reference.get(key)]


def differences(name: str, arrays: Arrays, reference: Arrays, exact: bool) -> Iterator[Difference]:
    """Yield how each array of one golden differs from the reference."""
    prefix, golden = f"{name}/", GOLDENS[name]
    expected = {key.removeprefix(prefix): array for key, array in reference.items() if key.startswith(prefix)}
    for key in sorted(arrays.keys() | expected.keys()):
        if key not in arrays or key not in expected:
            yield Difference(key, math.inf, math.inf, False, False)
            continue
        absolute, relative = distance(arrays[key], expected[key])
        equal = arrays[key].dtype == expected[key].dtype and absolute == 0.0
        tolerance = golden.tolerance if expected[key].dtype.kind in "fu" else 0.0
        free = key.startswith(golden.unsettled) and math.isfinite(absolute)
        yield Difference(key, absolute, relative, equal, equal if exact else free or relative <= tolerance)


def distance(array: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Return the largest absolute difference, and its share of the largest magnitude of `expected`."""
    if array.shape != expected.shape:
        return math.inf, math.inf
    one, other = array.astype(np.float64), expected.astype(np.float64)
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return math.inf, math.inf
    finite = np.isfinite(one)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return math.inf, math.inf
    largest = float(np.abs(one - other)[finite].max(initial=0.0))
    return largest, largest / float(np.abs(other)[finite].max(initial=SMALLEST))


def write(names: list[str]) -> None:
    """Compute goldens and replace them in the file; the others stay, if this environment wrote them.

    Raises:
        SystemExit: another environment wrote the others.
    """
    arrays: Arrays = {}
    if names:
        reference_environment, reference = load()
        if changes := environment_changes(reference_environment):
            sys.exit("\n  ".join(["write all goldens: another environment wrote these", *changes]))
        arrays = {key: array for key, array in reference.items() if key.split("/")[0] not in names}
    for name in names or GOLDENS:
        arrays |= {f"{name}/{key}": array for key, array in GOLDENS[name].compute().items()}
    np.savez_compressed(FILE, allow_pickle=False, environment=np.array(json.dumps(environment())), **arrays)
    print(f"{len(arrays)} arrays, {FILE.stat().st_size / 1000:.0f} kB in {FILE}")


def check(names: list[str]) -> bool:
    """Compute goldens, print how they compare, and return whether all are acceptable."""
    reference_environment, reference = load()
    changes = environment_changes(reference_environment)
    print("\n  ".join(["within tolerances: another environment", *changes]) if changes else "bit for bit")
    good = True
    for name in names or GOLDENS:
        start = time.process_time()
        rows = list(differences(name, GOLDENS[name].compute(), reference, not changes))
        seconds = time.process_time() - start
        good &= all(row.acceptable for row in rows)
        worst = max(row.absolute for row in rows)
        verdict = "ok" if all(row.equal for row in rows) else f"differs by up to {worst:.3g}"
        print(f"{name:12} {verdict} ({len(rows)} arrays, {seconds:.0f} CPU-s)", flush=True)
        for row in rows:
            if not row.equal:
                text = f"{row.absolute:.3g} absolute, {row.relative:.3g} relative"
                print(f"    {row.key}: {text}{'' if row.acceptable else '  NOT ACCEPTABLE'}")
    return good


if __name__ == "__main__":
    command, *names = sys.argv[1:] or [""]
    if command not in ("check", "write") or not set(names) <= GOLDENS.keys():
        sys.exit(f"python -m tests.goldens check|write [{' | '.join(GOLDENS)}] ...")
    if command == "write":
        write(names)
    elif not check(names):
        sys.exit(1)
