"""An audit, end to end: people, searches, surfaces, statistics, tables; resumable at any moment."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import classify, face
from jaxface.audit import judge, plan, result, store, surfaces
from jaxface.audit.config import AuditConfig
from jaxface.audit.interventions import Intervention
from jaxface.audit.layout import CELLS, CellStatus, Layout
from jaxface.audit.result import AuditResult
from jaxface.classify import Classifier
from jaxface.core.errors import ConfigError
from jaxface.core.progress import Progress, Silent
from jaxface.core.types import EXPRESSIONS, Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.population import sample_person
from jaxface.render import Scene, scene
from jaxface.search import Searcher, Status, build


def run(config: AuditConfig, out: str | Path, progress: Progress | None = None) -> AuditResult:
    """Do the audit that `config` describes, or what is left of it, in the folder `out`.

    A run that was stopped, killed or is complete may be called again with the same config: it goes on where
    it was, and its numbers (but not the processor times) are those of an uninterrupted run, bit for bit, on
    the same machine and versions. A cell that fails is a status in the result, not an error.

    Args:
        out: a folder, made if need be; `audit.store` says what lies in it.
        progress: told of cells as they are done.

    Raises:
        ConfigError: a classifier that cannot be found or knows none of the expressions.
        StoreError: `out` belongs to another configuration.
        ModelFileError, CheckpointError: the head or a classifier cannot be read.
        KeyboardInterrupt: stopped by the user; the message says how far it came.
    """
    progress = progress or Silent()
    folder = Path(out)
    named = names_only(config)
    store.check_config(folder, named)
    if named == config and store.is_judged(folder) and judge.has_tables(folder):
        return result.load(folder)
    classifiers = _classifiers(config)
    head = load_head(config)
    run_store = store.open_run(folder, named, layout(config, head, classifiers))
    groups = plan.groups(config, [classifier.labels for classifier in classifiers])
    waiting = [group for group in groups if not run_store.is_done(group)]
    total = sum(len(group.expressions) for group in groups)
    left = sum(len(group.expressions) for group in waiting)
    progress.start("audit", total, total - left)
    searchers: dict[int, Searcher] = {}
    view = scene(config.render)
    try:
        for group in waiting:
            if group.classifier not in searchers:  # what one compiled is not kept beside the next
                searchers = {group.classifier: build(classifiers[group.classifier], head, view, config.search)}
            cells, person = examine(config, group, head, view, classifiers, searchers[group.classifier])
            run_store.write(group, cells, person)
            left -= len(group.expressions)
            progress.advance(len(group.expressions), _note(config, group, classifiers, cells))
        if not run_store.judged:
            judge.judge(run_store, config)
        if not judge.has_tables(folder):
            judge.write_tables(result.load(folder))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped with {total - left} of {total} cells done; the same command goes on in {folder}"
        ) from None
    finally:
        progress.close()
    return dataclasses.replace(result.load(folder), config=config)


def examine(
    config: AuditConfig,
    group: plan.Group,
    head: FaceModel,
    view: Scene,
    classifiers: Sequence[Classifier],
    searcher: Searcher,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """One group: search its expressions, render their surfaces, ask the other classifiers.

    Returns:
        the variables of `layout.SURFACES` and `layout.CELLS`, each with a leading axis over the group's
        expressions, and those of `layout.PEOPLE`.
    """
    classifier = classifiers[group.classifier]
    person, population = _person(plan.population_key(config.seed, group.identity), head)
    expressions = [config.expressions[index] for index in group.expressions]
    targets = np.array([classifier.index(name) for name in expressions])
    same = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], len(targets), axis=0), person)
    found = searcher.run(plan.search_key(config.seed, classifier.name, group.identity), same, targets)
    faces = dataclasses.replace(same, expression=jnp.asarray(found.expression))
    intervention = Intervention(config.side, config.symmetry_steps, config.time_steps)

    def drawn_one(index: int) -> surfaces.Surface:
        one = jax.tree.map(lambda leaf: leaf[index], faces)
        return surfaces.surface(classifier, head, one, view, intervention, int(targets[index]))

    with ThreadPoolExecutor(_workers()) as pool:
        drawn = list(pool.map(drawn_one, range(len(targets))))
    cells = {
        "probability": np.stack([answer.probability for answer in drawn]),
        "logit": np.stack([answer.logit for answer in drawn]),
        "expression_parameters": np.asarray(found.expression),
    }
    for name in CELLS:
        if name.startswith("search_"):
            cells[name] = np.asarray(getattr(found, name.removeprefix("search_")))
    pictures = surfaces.found_images(head, faces, view, config.side)
    cells |= _witnesses(group.classifier, classifiers, expressions, pictures)
    failed = ~np.isfinite(cells["search_probability"]) | (cells["search_status"] == Status.FAILED)
    finite = np.isfinite(cells["probability"]).all((1, 2)) & np.isfinite(cells["logit"]).all((1, 2))
    status = np.where(
        failed, CellStatus.SEARCH_FAILED, np.where(finite, CellStatus.DONE, CellStatus.NOT_FINITE)
    )
    cells["status"] = status.astype(np.int8)
    for name in ("probability", "logit"):
        cells[name][failed] = np.nan
    return cells, {
        "identity_parameters": np.asarray(person.identity),
        "albedo_parameters": np.asarray(person.albedo),
        "population": int(population),
    }


def names_only(config: AuditConfig) -> AuditConfig:
    """The config with names in place of a `FaceModel` and of `Classifier` objects: what a file can hold."""
    head = config.head.name if isinstance(config.head, FaceModel) else config.head
    classifiers = tuple(c.name if isinstance(c, Classifier) else c for c in config.classifiers)
    return dataclasses.replace(config, head=head, classifiers=classifiers)


def layout(config: AuditConfig, head: FaceModel, classifiers: Sequence[Classifier]) -> Layout:
    """The store that this run fills."""
    intervention = Intervention(config.side, config.symmetry_steps, config.time_steps)
    return Layout(
        classifiers=tuple(classifier.name for classifier in classifiers),
        expressions=config.expressions,
        identities=config.identities,
        symmetry=intervention.symmetry,
        time=intervention.time,
        parameters=head.expression_basis.shape[-1],
        shapes=head.identity_basis.shape[-1],
        colours=head.population.mean.shape[-1] - head.identity_basis.shape[-1],
        attributes={
            "head": {
                "name": head.name,
                "licence": head.licence,
                "source": head.source,
                "sha256": _fingerprint(head),
            },
            "classifiers": {
                classifier.name: {
                    "architecture": classifier.card.architecture,
                    "labels": list(classifier.labels),
                    "licence": classifier.card.licence,
                    "source": classifier.card.source,
                    # a model on the host keeps its numbers in its file
                    "sha256": classifier.card.sha256 if classifier.on_host else _fingerprint(classifier.state),
                }
                for classifier in classifiers
            },
            "populations": list(head.population.names),
        },
    )


def _classifiers(config: AuditConfig) -> list[Classifier]:
    loaded = [c if isinstance(c, Classifier) else classify.load(c) for c in config.classifiers]
    names = [classifier.name for classifier in loaded]
    for classifier in loaded:
        if names.count(classifier.name) > 1:
            raise ConfigError(f"two classifiers are called {classifier.name!r}; rename one in its card")
        if not set(config.expressions) & set(classifier.labels):
            raise ConfigError(
                f"classifier {classifier.name!r} knows none of {', '.join(config.expressions)}; "
                f"it knows {', '.join(classifier.labels)}"
            )
    return loaded


def load_head(config: AuditConfig) -> FaceModel:
    """The head that a config names, or holds."""
    if isinstance(config.head, FaceModel):
        return config.head
    return face.load(
        config.head,
        expression_space=config.expression_space,
        texture=config.texture,
        masks=config.masks,
        midline_width=config.midline_width,
    )


@jax.jit
def _person(key: Array, head: FaceModel) -> tuple[FaceParams, Array]:
    return sample_person(key, head)


def _witnesses(
    own: int, classifiers: Sequence[Classifier], expressions: Sequence[str], pictures: Array
) -> dict[str, np.ndarray]:
    """The group's classifier at the checked symmetries, and what all say of the found faces."""
    count, checked = pictures.shape[:2]
    flat = pictures.reshape(-1, *pictures.shape[2:])  # all of them to all: one shape, one program
    said = []
    for classifier in classifiers:
        whole, top = surfaces.vocabulary_answers(classifier, flat)
        said.append((whole.reshape(count, checked, -1), top.reshape(count, checked)))
    asked = np.arange(count), np.array([EXPRESSIONS.index(name) for name in expressions])
    return {
        "checked_probability": said[own][0],
        "predicted": said[own][1],
        "judge_probability": np.stack([whole[:, -1][asked] for whole, _ in said], axis=-1),
        "judge_predicted": np.stack([top[:, -1] for _, top in said], axis=-1),
    }


def _workers() -> int:
    """Surfaces drawn at a time: a CPU draws each picture on one core; an accelerator is full with one."""
    return min(os.cpu_count() or 1, 8) if jax.default_backend() == "cpu" else 1


def _fingerprint(tree: Any) -> str:
    """SHA-256 over the arrays of a pytree, their types and shapes."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _note(
    config: AuditConfig, group: plan.Group, classifiers: Sequence[Classifier], cells: dict[str, np.ndarray]
) -> str:
    found = ", ".join(
        f"{config.expressions[index]} {value:.2f}"
        for index, value in zip(group.expressions, cells["search_probability"], strict=True)
    )
    return f"{classifiers[group.classifier].name}, identity {group.identity}: {found}"
