"""The closing audits: the original, then the choice, on the same people, none of whom it was trained on."""

from pathlib import Path

from jaxface import audit, search
from jaxface.audit import AuditConfig, SurveyResult
from jaxface.audit.contrasts import InterventionEffect
from jaxface.audit.expressions import SearcherFactory
from jaxface.audit.full_expression import ALL
from jaxface.core.progress import Progress
from jaxface.mending.config import ClassifierLike, MendConfig

TIME_STEPS = 2
"""Neutral and the full expression: effects are of the latter."""


def audit_config(config: MendConfig, classifier: ClassifierLike) -> AuditConfig:
    """Return the audit of a classifier that a mending ends in: a survey of all its interventions."""
    return AuditConfig(
        head=config.head,
        **config.head_options,
        classifiers=(classifier,),
        identities=config.audit_people,
        expressions=config.expressions,
        intervention=(*config.against, *config.watch),
        intervention_settings=config.intervention_settings,
        symmetry_steps=config.symmetry_steps,
        time_steps=TIME_STEPS,
        permutations=config.permutations,
        reached_probability=config.reached_probability,
        seed=config.seed,
        search=config.search,
        render=config.render,
    )


def run_audit(
    config: MendConfig,
    classifier: ClassifierLike,
    out: Path,
    progress: Progress,
    searcher_factory: SearcherFactory = search.build,
) -> SurveyResult:
    """Audit a classifier in a folder of its own, or resume there; errors as of `audit.survey`."""
    return audit.survey(audit_config(config, classifier), out, progress, searcher_factory=searcher_factory)


def overall_effects(result: SurveyResult) -> dict[str, InterventionEffect]:
    """Return each intervention's effect over all measurable expressions, by its name."""
    return {row.intervention: row for row in result.effects if row.expression == ALL}
