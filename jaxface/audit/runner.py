"""An audit, end to end: inputs, evaluation, store, statistics; resumable at any moment."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax

from jaxface import search
from jaxface.audit import expressions, plan, repair, result, statistics, store, summarizing, tables, timing
from jaxface.audit.config import AuditConfig, ClassifierLike
from jaxface.audit.evaluation import Evaluator
from jaxface.audit.expressions import (
    ExpressionSource,
    RunExpressions,
    SearchedExpressions,
    SearcherFactory,
)
from jaxface.audit.inputs import AuditInputs, load_inputs
from jaxface.audit.layout import GroupOutput
from jaxface.audit.result import AuditResult
from jaxface.core import processes, run_folder
from jaxface.core.clock import Clock
from jaxface.core.progress import Progress, ProgressLike, choose

_POLL_SECONDS = 1.0


def run(
    config: AuditConfig,
    out: str | Path,
    progress: ProgressLike = None,
    *,
    classifiers: Sequence[ClassifierLike] | None = None,
    searcher_factory: SearcherFactory = search.build,
) -> AuditResult:
    """Do the audit that `config` describes, or what is left of it, in the folder `out`.

    A run that was stopped, killed or is complete may be called again with the same config: it goes on where
    it was, and its numbers (but not the processor times) are those of an uninterrupted run, bit for bit, on
    the same machine and versions. A cell that fails is a status in the result, not an error.

    All local devices work on it, each on people of its own; a process on a CPU has one device unless
    `jax.config.update("jax_num_cpu_devices", n)` was called before JAX started. After
    `jax.distributed.initialize` every process calls this with the same arguments and a folder that all of
    them can read and write: each works on its share of the people, process 0 computes the statistics, all
    return the result.

    Args:
        out: a folder, made if need be; `audit.store` says what is in it.
        progress: advances with every finished cell; None = a bar where somebody watches.
        classifiers: names, folders or objects, in place of those of the config.
        searcher_factory: makes the searcher of each classifier: `search.build`, or a function like it.

    Raises:
        ConfigError: a classifier that cannot be found or knows none of the expressions.
        StoreError: `out` belongs to another configuration, head, classifier or intervention (also one that has
            the same name but other content), another process works in it, or another version of jaxface wrote
            it.
        ModelFileError, CheckpointError: the head or a classifier cannot be read.
        KeyboardInterrupt: stopped by the user; the message says how far it came.
    """
    progress = choose(progress)
    if classifiers is not None:
        config = dataclasses.replace(config, classifiers=classifiers)  # type: ignore[arg-type]
    folder = Path(out)
    inputs = processes.run_on_all(lambda: expressions.with_origin(load_inputs(config)), "load what is audited")
    with run_folder.hold(folder, "audit"):
        return _resume(folder, inputs, progress, searcher_factory)


def _resume(
    folder: Path, inputs: AuditInputs, progress: Progress, searcher_factory: SearcherFactory
) -> AuditResult:
    """Do what is left of a run in a folder that this process, or its first one, holds."""
    if processes.is_first():
        repair.remove_orphans(folder)
    run_store = store.open_run(folder, inputs.settings, inputs.layout)
    share = plan.partition(inputs.work_items, jax.process_index(), jax.process_count())
    pending = run_store.pending(share)
    total, left = _cells(share), _cells(pending)
    progress.start("audit", total, total - left)
    try:
        with Clock() as clock:
            session = timing.Session(folder, clock)
            for output in _evaluate(inputs, clock, searcher_factory, pending):
                run_store.write(output)
                count = len(output.item.expressions)
                left -= count
                session.cells += count
                session.save()
                progress.advance(count, _note(output))
            _wait_for_others(run_store, inputs.work_items)
            with clock.during("statistics"):
                changes = processes.run_on_all(lambda: _finish(run_store, inputs), "compute the statistics")
            if pending or changes:
                session.save()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped with {total - left} of {total} cells done; the same command goes on in {folder}"
        ) from None
    except OSError as error:
        if error.filename is not None:
            raise
        # Zarr's do not name the file, such as on a full disk.
        reason = f"{error.strerror or error}; the same command goes on"
        raise OSError(error.errno, reason, str(folder)) from None
    finally:
        progress.close()
    return result.open_result(folder, inputs.config, inputs)


def _evaluate(
    inputs: AuditInputs, clock: Clock, searcher_factory: SearcherFactory, items: Sequence[plan.WorkItem]
) -> Iterator[GroupOutput]:
    """Yield the output of each item; of none, without compiling anything."""
    if not items:
        return
    folder = inputs.config.expression_from
    source: ExpressionSource
    if folder is None:
        source = SearchedExpressions(inputs, clock, searcher_factory)
    else:
        source = RunExpressions(folder, inputs.config.expression_of)
    evaluator = Evaluator(inputs, clock, source)
    if folder is not None:
        people = [evaluator.person(identity)[0] for identity in range(inputs.config.identities)]
        expressions.require_same_cells(Path(folder), inputs, people)
    yield from evaluator.run(items)


def _finish(run_store: store.RunStore, inputs: AuditInputs) -> bool:
    """Compute and write what is missing of statistics and tables; return whether anything was."""
    if not processes.is_first():
        return False
    incomplete = not run_store.is_complete
    if incomplete:
        run_store.write_statistics(statistics.compute_statistics(run_store, inputs.config))
        run_store.write_summary(summarizing.summarize(run_store.read(), inputs.config))
    if missing_tables := not store.has_tables(run_store.folder):
        tables.write_tables(result.open_result(run_store.folder, inputs.config, inputs))
    return incomplete or missing_tables


def _wait_for_others(run_store: store.RunStore, items: Sequence[plan.WorkItem]) -> None:
    """Wait until the other processes have written their items; JAX ends this one if another is lost."""
    while items := run_store.pending(items):
        time.sleep(_POLL_SECONDS)


def _cells(items: Sequence[plan.WorkItem]) -> int:
    return sum(len(item.expressions) for item in items)


def _note(output: GroupOutput) -> str:
    item, probabilities = output.item, output.cells["search_probability"]
    cells = ", ".join(
        f"{name} {value:.2f}" for name, value in zip(item.expressions, probabilities, strict=True)
    )
    return f"{item.classifier}, identity {item.identity}: {cells}"
