"""A small finished run for tests of the report and the command line, with fake answers."""

from pathlib import Path

import numpy as np

from jaxface.audit import (
    AuditConfig,
    AuditResult,
    fingerprints,
    load,
    plan,
    statistics,
    store,
    summarizing,
    tables,
)
from jaxface.audit.inputs import build_intervention
from jaxface.audit.layout import CELLS, CellStatus, GroupOutput, InterventionRecord, Layout
from jaxface.core.types import EXPRESSIONS
from jaxface.render import RenderConfig
from tests.heads import toy_head

CONFIG = AuditConfig(
    head="no-such-head.npz",
    classifiers=("one", "two"),
    identities=6,
    expressions=("happiness", "surprise", "contempt"),
    symmetry_steps=5,
    time_steps=6,
    permutations=500,
    reached_probability=0.25,
    render=RenderConfig(size=24),
)
"""`one` depends on symmetry for happiness alone, `two` for surprise alone; neither knows contempt."""


def finished_run(folder: Path, config: AuditConfig = CONFIG) -> AuditResult:
    """Write a run of two fake classifiers on a head with the coefficients of `heads.toy_head`."""
    intervention = InterventionRecord.of(build_intervention(config))
    layout = Layout(
        classifiers=tuple(map(str, config.classifiers)),
        expressions=config.expressions,
        answers=EXPRESSIONS,
        identities=config.identities,
        intervention=intervention,
        parameters=4,
        shapes=2,
        colours=2,
        attributes={
            "head": {**fingerprints.head_facts(toy_head()), "source": "<test>"},
            "classifiers": {name: {"dataset": "faces", "architecture": "net"} for name in config.classifiers},
            "populations": ["all"],
        },
    )
    run_store = store.open_run(folder, config, layout)
    labels = ("happiness", "surprise", "neutral")
    for item in plan.work_items(config, dict.fromkeys(layout.classifiers, labels)):
        index = layout.classifiers.index(item.classifier)
        run_store.write(GroupOutput(item, _cells(index, item, intervention), _person(item)))
    run_store.write_statistics(statistics.compute_statistics(run_store, config))
    run_store.write_summary(summarizing.summarize(run_store.read(), config))
    tables.write_tables(load(folder))
    return load(folder)


def _cells(index: int, item: plan.WorkItem, intervention: InterventionRecord) -> dict[str, np.ndarray]:
    """Return the cells of the classifier at this position."""
    random = np.random.default_rng([index, item.identity])
    symmetry, time = np.meshgrid(*(axis.values for axis in intervention.axes), indexing="ij")
    probes = np.array(intervention.probe_levels)
    count, shape = len(item.expressions), symmetry.shape
    slopes = np.array([0.6, 0.0] if index == 0 else [0.0, 0.6])[:count]
    peak = 0.2 + 0.1 * random.random()
    noise = 0.01 * random.random((count, *shape))
    probability = 0.1 + time * (peak + slopes[:, None, None] * symmetry) + noise
    evaluations = np.array([[0.95, 0.3], [0.3, 0.95]])[index]
    answers = np.zeros((count, len(probes), len(EXPRESSIONS)))
    probe_top_class = np.full((count, len(probes)), EXPRESSIONS.index("neutral"))
    targets = [EXPRESSIONS.index(name) for name in item.expressions]
    for row, target in enumerate(targets):
        answers[row, :, target] = 0.3 + slopes[row] * probes
        answers[row, :, EXPRESSIONS.index("neutral")] = 1.0 - answers[row, :, target]
        probe_top_class[row, -1] = target
    on_target = (symmetry > 0.75) & (time > 0.5)
    top_class = np.where(on_target, np.array(targets)[:, None, None], EXPRESSIONS.index("neutral"))
    constant = {name: np.full(count, 0.25) for name in CELLS if name.startswith("search_")}
    return constant | {
        "probability": probability,
        "logit": np.log(probability),
        "top_class": top_class,
        "expression_parameters": random.random((count, 4)),
        "probe_probability": answers,
        "probe_top_class": probe_top_class,
        "evaluator_probability": np.tile(evaluations, (count, 1)),
        "evaluator_top_class": np.stack([targets, np.full(count, EXPRESSIONS.index("neutral"))], axis=-1),
        "search_probability": np.full(count, 0.96),
        "status": np.full(count, CellStatus.DONE),
        "failure": np.full(count, "", dtype=object),
    }


def _person(item: plan.WorkItem) -> dict[str, np.ndarray | int]:
    random = np.random.default_rng(item.identity)
    return {
        "identity_parameters": random.standard_normal(2),
        "albedo_parameters": random.standard_normal(2),
        "population": 0,
    }
