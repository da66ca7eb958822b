"""A small finished run for tests of the report and the command line: written by the store, answers made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxface.audit import AuditConfig, AuditResult, load, plan, statistics, store
from jaxface.audit.interventions import PROBE_LEVELS, Intervention
from jaxface.audit.layout import CELLS, CellStatus, Layout
from jaxface.core.types import EXPRESSIONS
from jaxface.render import RenderConfig

CONFIG = AuditConfig(
    head="no-such-head.npz",
    classifiers=("one", "two"),
    identities=6,
    expressions=("happiness", "surprise", "contempt"),
    symmetry_steps=5,
    time_steps=6,
    permutations=500,
    render=RenderConfig(size=24),
)
"""`one` hangs on symmetry for happiness alone, `two` for surprise alone; neither knows contempt."""


def finished_run(folder: Path, config: AuditConfig = CONFIG) -> AuditResult:
    """Write a run of two made-up classifiers on a head with the coefficients of `heads.toy_head`."""
    intervention = Intervention(config.side, config.symmetry_steps, config.time_steps)
    layout = Layout(
        classifiers=tuple(map(str, config.classifiers)),
        expressions=config.expressions,
        answers=EXPRESSIONS,
        identities=config.identities,
        symmetry=intervention.symmetry,
        time=intervention.time,
        parameters=4,
        shapes=2,
        colours=2,
        attributes={
            "head": {"name": "toy", "licence": "none", "source": "<test>", "sha256": ""},
            "classifiers": {},
            "populations": ["all"],
        },
    )
    run = store.create_or_open(folder, config, layout)
    labels = ("happiness", "surprise", "neutral")
    for group in plan.work_items(config, [labels, labels]):
        run.write(group, _cells(group, intervention), _person(group))
    statistics.compute_statistics(run, config)
    statistics.write_tables(load(folder))
    return load(folder)


def _cells(group: plan.WorkItem, intervention: Intervention) -> dict[str, np.ndarray]:
    random = np.random.default_rng([group.classifier, group.identity])
    count, shape = len(group.expressions), (intervention.symmetry_steps, intervention.time_steps)
    symmetry, time = np.meshgrid(intervention.symmetry, intervention.time, indexing="ij")
    slopes = np.array([0.6, 0.0] if group.classifier == 0 else [0.0, 0.6])[:count]
    peak = 0.2 + 0.1 * random.random()
    noise = 0.01 * random.random((count, *shape))
    probability = 0.1 + time * (peak + slopes[:, None, None] * symmetry) + noise
    own = np.array([[0.95, 0.3], [0.3, 0.95]])[group.classifier]
    answers = np.zeros((count, len(PROBE_LEVELS), len(EXPRESSIONS)))
    predicted = np.full((count, len(PROBE_LEVELS)), EXPRESSIONS.index("neutral"))
    for row, expression in enumerate(group.expressions):
        target = EXPRESSIONS.index(CONFIG.expressions[expression])
        answers[row, :, target] = 0.3 + slopes[row] * np.array(PROBE_LEVELS)
        answers[row, :, EXPRESSIONS.index("neutral")] = 1.0 - answers[row, :, target]
        predicted[row, -1] = target
    target = [EXPRESSIONS.index(CONFIG.expressions[index]) for index in group.expressions]
    seen = (symmetry > 0.75) & (time > 0.5)
    first = np.where(seen, np.array(target)[:, None, None], EXPRESSIONS.index("neutral"))
    constant = {name: np.full(count, 0.25) for name in CELLS if name.startswith("search_")}
    return constant | {
        "probability": probability,
        "logit": np.log(probability),
        "first": first,
        "expression_parameters": random.random((count, 4)),
        "checked_probability": answers,
        "predicted": predicted,
        "judge_probability": np.tile(own, (count, 1)),
        "judge_predicted": np.stack([target, np.full(count, EXPRESSIONS.index("neutral"))], axis=-1),
        "search_probability": np.full(count, 0.96),
        "status": np.full(count, CellStatus.DONE),
    }


def _person(group: plan.WorkItem) -> dict[str, np.ndarray | int]:
    random = np.random.default_rng(group.identity)
    return {
        "identity_parameters": random.standard_normal(2),
        "albedo_parameters": random.standard_normal(2),
        "population": 0,
    }
