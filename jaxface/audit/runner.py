"""An audit, end to end: people, searches, surfaces, statistics, tables; resumable at any moment."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxface import classify, face
from jaxface.audit import plan, result, statistics, store, timing
from jaxface.audit.config import AuditConfig
from jaxface.audit.evaluation import Evaluator
from jaxface.audit.interventions import Intervention
from jaxface.audit.layout import Layout, answer_names
from jaxface.audit.result import AuditResult
from jaxface.classify import Classifier
from jaxface.core import processes
from jaxface.core.clock import Clock
from jaxface.core.errors import ConfigError
from jaxface.core.progress import NullProgress, Progress
from jaxface.face import FaceModel
from jaxface.face.requirements import require_expressions, require_eyes
from jaxface.search import build

_LOOK_EVERY = 1.0  # seconds


def run(config: AuditConfig, out: str | Path, progress: Progress | None = None) -> AuditResult:
    """Do the audit that `config` describes, or what is left of it, in the folder `out`.

    A run that was stopped, killed or is complete may be called again with the same config: it goes on where
    it was, and its numbers (but not the processor times) are those of an uninterrupted run, bit for bit, on
    the same machine and versions. A cell that fails is a status in the result, not an error.

    All local devices work on it, each on people of its own; a process on a CPU has one device unless
    `jax.config.update("jax_num_cpu_devices", n)` said otherwise before JAX started. After
    `jax.distributed.initialize` every process calls this with the same arguments and a folder that all of
    them see: each works on its share of the people, process 0 judges, all return the result.

    Args:
        out: a folder, made if need be; `audit.store` says what lies in it.
        progress: told of cells as they are done.

    Raises:
        ConfigError: a classifier that cannot be found or knows none of the expressions.
        StoreError: `out` belongs to another configuration.
        ModelFileError, CheckpointError: the head or a classifier cannot be read.
        KeyboardInterrupt: stopped by the user; the message says how far it came.
    """
    progress = progress or NullProgress()
    folder = Path(out)
    named = serializable_config(config)
    store.check_config(folder, named)
    if named == config and store.has_statistics(folder) and statistics.has_tables(folder):
        return result.load(folder)
    classifiers, head = processes.run_on_all(
        lambda: (_classifiers(config), load_head(config)), "load what is audited"
    )
    require_eyes(head)
    require_expressions(head)
    wanted = layout(config, head, classifiers)
    processes.run_on_all(
        lambda: store.create_or_open(folder, named, wanted) if processes.is_first() else None, "begin the run"
    )
    run_store = processes.run_on_all(lambda: store.attach(folder, named, wanted), "join the run")
    groups = plan.work_items(config, [classifier.labels for classifier in classifiers])
    mine = plan.partition(groups, jax.process_index(), jax.process_count())
    waiting = [group for group in mine if not run_store.is_done(group)]
    total = sum(len(group.expressions) for group in mine)
    left = sum(len(group.expressions) for group in waiting)
    progress.start("audit", total, total - left)
    try:
        with Clock() as clock:
            session = timing.Session(folder, clock)
            if waiting:
                asked = [_precise(config, classifier) for classifier in classifiers]
                for group, cells, person in Evaluator(config, head, asked, clock, build).examine(waiting):
                    run_store.write(group, cells, person)
                    left -= len(group.expressions)
                    session.cells += len(group.expressions)
                    session.save()
                    progress.advance(len(group.expressions), _note(config, group, classifiers, cells))
            _wait_for_others(run_store, groups)
            ready = run_store.judged and statistics.has_tables(folder)
            with clock.during("statistics"):
                processes.run_on_all(lambda: _judge(run_store, config, folder), "judge the run")
            if waiting or not ready:
                session.save()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped with {total - left} of {total} cells done; the same command goes on in {folder}"
        ) from None
    finally:
        progress.close()
    return dataclasses.replace(result.load(folder), config=config)


def _precise(config: AuditConfig, classifier: Classifier) -> Classifier:
    return classify.in_bfloat16(classifier) if config.precision == "bfloat16" else classifier


def _wait_for_others(run_store: store.RunStore, groups: Sequence[plan.WorkItem]) -> None:
    """Until the other processes have written their groups; JAX ends this one if another is lost."""
    missing = list(groups)
    while missing := [group for group in missing if not run_store.is_done(group)]:
        time.sleep(_LOOK_EVERY)


def _judge(run_store: store.RunStore, config: AuditConfig, folder: Path) -> None:
    if not processes.is_first():
        return
    if not run_store.judged:
        statistics.compute_statistics(run_store, config)
    if not statistics.has_tables(folder):
        statistics.write_tables(result.load(folder))


def serializable_config(config: AuditConfig) -> AuditConfig:
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
        answers=answer_names(classifier.labels for classifier in classifiers),
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
    return face.load(config.head, **config.head_options)


def _fingerprint(tree: Any) -> str:
    """SHA-256 over the arrays of a pytree, their types and shapes."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _note(
    config: AuditConfig, group: plan.WorkItem, classifiers: Sequence[Classifier], cells: dict[str, np.ndarray]
) -> str:
    found = ", ".join(
        f"{config.expressions[index]} {value:.2f}"
        for index, value in zip(group.expressions, cells["search_probability"], strict=True)
    )
    return f"{classifiers[group.classifier].name}, identity {group.identity}: {found}"
