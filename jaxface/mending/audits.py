"""The closing audits: the original, then the choice, on the same people, none of whom it was trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxface import audit, search
from jaxface.audit import AuditConfig, AuditResult, SurveyResult
from jaxface.audit.contrasts import InterventionEffect
from jaxface.audit.designs import folder_name
from jaxface.audit.expressions import SearcherFactory
from jaxface.audit.full_expression import ALL
from jaxface.core.progress import Progress
from jaxface.face.config import HeadConfig
from jaxface.interventions import own_settings
from jaxface.mending.config import ClassifierLike, MendConfig

TIME_STEPS = 2
"""Neutral and the full expression: effects are of the latter."""

BEFORE, AFTER, SAME_FACES = "before", "after", "after_same_faces"

Effects = Mapping[str, InterventionEffect]
EffectPair = tuple[Effects, Effects]
"""Over all measurable expressions by intervention, of the original and of the result."""


def audit_config(
    config: MendConfig, classifier: ClassifierLike, head: HeadConfig, interventions: Sequence[str]
) -> AuditConfig:
    """Return the audit of a classifier that a mending ends in: a survey of some interventions on a head."""
    names = (*config.against, *config.watch)
    settings = {
        f"{name}.{setting}": value
        for name in interventions
        for setting, value in own_settings(name, config.intervention_settings, names).items()
    }
    return AuditConfig(
        head=head.head,
        **head.head_options,
        classifiers=(classifier,),
        identities=config.audit_people,
        expressions=config.expressions,
        intervention=tuple(interventions),
        intervention_settings=settings,
        symmetry_steps=config.symmetry_steps,
        time_steps=TIME_STEPS,
        permutations=config.permutations,
        reached_probability=config.reached_probability,
        seed=config.seed,
        search=config.search,
        render=config.render,
    )


def audit_both(
    before: AuditConfig,
    after: AuditConfig,
    folder: Path,
    progress: Progress,
    searcher_factory: SearcherFactory = search.build,
) -> dict[str, EffectPair]:
    """Audit the original and the result in a folder, or resume there; errors as of `audit.survey`.

    Each is shown expressions of its own, in `before/` and `after/`. Where they are searched, the result is also
    shown the original's, in `after_same_faces/`: the same faces before and after.

    Returns:
        Pairs by what they are: "audit", and "same faces" if expressions are searched.
    """

    def run(config: AuditConfig, name: str) -> SurveyResult:
        return audit.survey(config, folder / name, progress, searcher_factory=searcher_factory)

    originals, results = run(before, BEFORE), run(after, AFTER)
    pairs: dict[str, EffectPair] = {"audit": (overall_effects(originals), overall_effects(results))}
    if before.search.method != "prototype":
        name, first = next(iter(originals.runs.items()))
        source = folder / BEFORE / folder_name(name)
        same = dataclasses.replace(after, expression_from=str(source), expression_of=_classifier_name(first))
        pairs["same faces"] = (overall_effects(originals), overall_effects(run(same, SAME_FACES)))
    return pairs


def _classifier_name(run: AuditResult) -> str:
    return str(run.data["classifier"].values[0])


def overall_effects(result: SurveyResult) -> dict[str, InterventionEffect]:
    """Return each intervention's effect over all measurable expressions, by its name."""
    return {row.intervention: row for row in result.effects if row.expression == ALL}
