"""The results of an audit in the README of the classifier's folder, as the Hugging Face Hub reads them."""

import math
from pathlib import Path

from jaxface import classify
from jaxface.audit import AuditResult
from jaxface.audit.fingerprints import classifier_facts, difference
from jaxface.classify import model_card
from jaxface.classify.model_card import Metric
from jaxface.core.errors import ConfigError
from jaxface.report import tables
from jaxface.report.prose import people
from jaxface.report.text import plural


def write_model_index(result: AuditResult, folder: str | Path) -> Path:
    """Write a run's results of one classifier into the README.md of its folder; return the path.

    Args:
        folder: of a classifier, as `jaxface classifiers import` and `jaxface train` write it.

    Raises:
        ConfigError: the run has no such classifier.
        CheckpointError: the folder's card, weights or README cannot be read.
    """
    folder = Path(folder)
    classifier = classify.load(folder)
    every = result.data.attrs["classifiers"]
    if classifier.name not in every:
        raise ConfigError(
            f"{result.folder} did not audit {classifier.name!r} of {folder} (it has: {', '.join(every)})"
        )
    facts = classifier_facts(classifier, result.config.render.size)
    if changes := difference(every[classifier.name], facts):
        raise ConfigError(f"{folder} is not the {classifier.name!r} that {result.folder} audited ({changes})")
    return model_card.write_results(folder, classifier.name, dataset(result), metrics(result, classifier.name))


def dataset(result: AuditResult) -> str:
    """Return what was audited, in words: the people, the head and what was changed."""
    intervention, head = result.intervention, result.data.attrs["head"]["name"]
    return f"{people(result)}; head {head}; change of {intervention.wording.noun}"


def metrics(result: AuditResult, classifier: str) -> list[Metric]:
    """Return the numbers of one classifier: for each measurable expression its score and its accuracies."""
    wording, dose = result.intervention.wording, result.intervention.axes[0]
    out = []
    for row in tables.score_rows(result):
        if row.classifier != classifier or not row.is_measurable:
            continue
        cell = row.cell
        over = plural(cell.identities, "person", "people")
        change = f"change of the probability per {result.config.unit} of {dose.name}, mean of {over}"
        values = {
            ("score", change): cell.score,
            ("accuracy", f"at full expression, {wording.unchanged_face} face"): cell.accuracy_unchanged,
            ("accuracy", f"at full expression, {wording.changed_face} face"): cell.accuracy_changed,
        }
        out += [
            Metric(kind, f"{row.expression}: {name}", value)
            for (kind, name), value in values.items()
            if math.isfinite(value)
        ]
    return out
