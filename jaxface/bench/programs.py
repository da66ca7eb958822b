"""Every program that an audit, a search, a training step and an observation run, as shapes."""

import dataclasses
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxface import classify, face, frameworks, render, search
from jaxface.audit import surfaces
from jaxface.audit.config import AuditConfig
from jaxface.audit.evaluation import IDENTITIES_PER_DEVICE
from jaxface.audit.inputs import build_intervention
from jaxface.audit.observe import features
from jaxface.core.config import from_dict
from jaxface.core.sharding import compile_program
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import programs as training_programs
from jaxface.frameworks.thin.config import UNTRAINED
from jaxface.search import evaluate

_GRID_ROUNDS = {"candidates": 1.8, "windows": 1.2}
"""Of a tile's loops in the paper's grid, in the mean over chunks of tiles (measured on the bundled head)."""

_SIZE = 64  # pixels along an edge of the images of networks that take any


class Program(NamedTuple):
    """A program and the shapes of its arguments.

    Attributes:
        function: (common, *cases) of `core.sharding`, or of `common` alone where there are no cases.
        common: what all cases share.
        cases: pytrees with a leading axis over the slots of one device; None = one program over one device.
        images: it draws or reads; 0 where that means nothing.
        rounds: of loops whose length the data decide, as in `hlo.cycles`.
        donate: arguments whose memory is reused, of a program without cases.
    """

    name: str
    function: Callable[..., Any]
    common: Any
    cases: tuple[Any, ...] | None = None
    images: int = 0
    rounds: Mapping[str, float] = {}

    def lower(self, mesh: Mesh) -> Any:
        """Lower the program for the devices of a mesh."""
        everywhere, by_row = (NamedSharding(mesh, spec) for spec in (PartitionSpec(), PartitionSpec("batch")))
        common = _placed(self.common, everywhere)
        if self.cases is None:
            return jax.jit(self.function).lower(*common)
        cases = _placed(_repeated(self.cases, mesh.size), by_row)
        return compile_program(self.function, mesh).lower(common, *cases)

    def export(self, platform: str) -> str:
        """Return the StableHLO text of the program for a platform that need not be here."""
        arguments = self.common if self.cases is None else (self.common, *self.cases)
        return str(jax.export.export(jax.jit(self.function), platforms=[platform])(*arguments).mlir_module())


def paper_config() -> AuditConfig:
    """Return the config of the paper's audit."""
    folder = Path(__file__).parents[1] / "configs"
    path = folder if folder.is_dir() else Path(__file__).parents[2] / "configs"
    return from_dict(AuditConfig, tomllib.loads((path / "paper.toml").read_text(encoding="utf-8")))


def all_programs(config: AuditConfig) -> Iterator[Program]:
    """Yield the programs of an audit with this config, then of training and of an observation."""
    head, scene = face.load(str(config.head)), render.scene(config.render)
    classifiers = [classify.load(str(name)) for name in config.classifiers]
    yield from rendering(config, head, scene)
    for classifier in classifiers:
        yield from searching(config, classifier, head, scene)
        yield reading(config, classifier, scene)
    yield from training()
    yield from observing(classifiers[0], scene)


def rendering(config: AuditConfig, head: face.FaceModel, scene: render.Scene) -> Iterator[Program]:
    """Yield the programs that draw a grid and the probes."""
    intervention = build_intervention(config)
    dose, time = intervention.axes
    chunk = surfaces.time_chunk(len(dose.levels), len(time.levels), scene.size)
    times = jnp.zeros((-(-len(time.levels) // chunk), chunk))
    setup = surfaces.RenderSetup(head, scene, jnp.asarray(dose.values), times, intervention)
    params = face.neutral(head)
    common, active = _shapes((setup, jnp.int32(0))), _shapes(jnp.ones(1, bool))
    images = len(dose.levels) * chunk
    yield Program(
        "render grid", surfaces._render_grid, common, (_slots(params, 1), active), images, _GRID_ROUNDS
    )
    count = len(config.expressions)
    people = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (1, count, *leaf.shape)), params)
    probes = count * len(intervention.probe_levels)
    yield Program(
        "render probes", surfaces._render_probes, common[0], (_shapes(people), active), probes, _GRID_ROUNDS
    )


def searching(
    config: AuditConfig, classifier: classify.Classifier, head: face.FaceModel, scene: render.Scene
) -> Iterator[Program]:
    """Yield the programs of a search: a generation, a step of the gradient, the shifted pictures."""
    problem = search.build(classifier, head, scene, config.search).problem
    slots = IDENTITIES_PER_DEVICE * len(config.expressions)
    params = _slots(face.neutral(head), slots)
    targets: Any = jax.ShapeDtypeStruct((slots,), jnp.int32)
    cases = evaluate.Cases(params, targets)
    size, members = len(problem.space.lower), config.search.population
    active = jax.ShapeDtypeStruct((slots,), jnp.bool_)
    common = _shapes(problem)

    def points(*shape: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*shape, size), jnp.float32)

    def program(name: str, function: Callable[..., Any], coefficients: Any, images: int) -> Program:
        name = f"search {name}, {classifier.name}"
        return Program(name, function, common, (cases, coefficients, active), images, _GRID_ROUNDS)

    populations = points(slots, members)
    yield program("generation", evaluate.population_scores, populations, slots * members)
    yield program("gradient", evaluate.value_and_grad, points(slots), slots)
    yield program("shifted", evaluate.shifted_probabilities, points(slots), 4 * slots)


def reading(config: AuditConfig, classifier: classify.Classifier, scene: render.Scene) -> Program:
    """Return the program that classifies the pictures of a grid."""
    count = config.symmetry_steps * surfaces.time_chunk(config.symmetry_steps, config.time_steps, scene.size)
    images = jax.ShapeDtypeStruct((1, count, scene.size, scene.size, 3), jnp.float32)
    cases = images, jax.ShapeDtypeStruct((1,), jnp.bool_)
    return Program(
        f"classify, {classifier.name}", surfaces._apply_classifier, _shapes(classifier), cases, count
    )


def training() -> Iterator[Program]:
    """Yield a training step of each framework, with its default networks."""
    for name in frameworks.REGISTRY:
        framework = frameworks.load(name)
        config, train = framework.config(), TrainConfig()
        extras = getattr(config, "exogenous", ())
        if extras:  # trained networks of these variables have the same shapes
            config = dataclasses.replace(config, exogenous_weights=(UNTRAINED,) * len(extras))
        task = _task(name, framework.image_size(config) or _SIZE, extras)
        steps = training_programs(framework, config, task, train)
        batch = _batch(name, task, train.batch)
        state = steps.state_shapes()
        key = jax.eval_shape(lambda: jax.random.key(0))
        yield Program(f"train {name}", steps.update, (state, batch, key), images=train.batch)


def observing(classifier: classify.Classifier, scene: render.Scene) -> Iterator[Program]:
    """Yield the programs that measure photographs."""
    crops = jax.ShapeDtypeStruct((256, scene.size, scene.size, 3), jnp.float32)
    yield Program("observe pixels", features.pixel_distance, (crops,), images=256)


def _task(name: str, size: int, extras: tuple[str, ...]) -> Task:
    labels = () if name == "pm2" else BASE_EXPRESSIONS
    units = (1, 2, 4, 6, 12) if name in ("pm2", "causal_affect") else ()
    return Task(labels=labels, units=units, size=size, extras=tuple((column, 8) for column in extras))


def _batch(name: str, task: Task, count: int) -> dict[str, Any]:
    """Shapes of the columns that a framework's step reads."""
    image = jax.ShapeDtypeStruct((count, task.size, task.size, task.channels), jnp.uint8)
    label = jax.ShapeDtypeStruct((count,), jnp.int32)
    units = jax.ShapeDtypeStruct((count, len(task.units)), jnp.float32)
    known = jax.ShapeDtypeStruct(units.shape, jnp.bool_)
    if name == "pm2":
        images = dict.fromkeys(("image", "female", "male", "target"), image)
        return {**images, "units": units, "units_known": known, "sex": label}
    batch = {"image": image, "label": label} | {column: label for column, _ in task.extras}
    return batch | {"units": units, "units_known": known} if task.units else batch


def _shapes(tree: Any) -> Any:
    def shape(leaf: Any) -> jax.ShapeDtypeStruct:
        leaf = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)

    return jax.tree.map(shape, tree)


def _slots(tree: Any, count: int) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape), leaf.dtype), tree)


def _repeated(tree: Any, count: int) -> Any:
    """Shapes with `count` times as many rows."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((count * leaf.shape[0], *leaf.shape[1:]), leaf.dtype), tree
    )


def _placed(tree: Any, sharding: NamedSharding) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)
