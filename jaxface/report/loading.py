"""The objects behind a result: those that the process holds, else loaded from the run's config."""

from typing import NamedTuple

from jaxface.audit import AuditResult, inputs
from jaxface.audit.fingerprints import classifier_facts, difference, head_facts
from jaxface.classify import Classifier
from jaxface.core.errors import JaxfaceError
from jaxface.face import FaceModel
from jaxface.interventions import Intervention
from jaxface.report.tables import names


class FaceInputs(NamedTuple):
    """What it takes to render the faces of a run."""

    head: FaceModel
    intervention: Intervention


def load_face_inputs(result: AuditResult) -> tuple[FaceInputs | None, str]:
    """Return the head and the intervention of a run, or None and why they cannot be loaded."""
    if result.inputs is not None:
        return FaceInputs(result.inputs.head, result.inputs.intervention), ""
    try:
        head = inputs.load_head(result.config)
        if head_facts(head)["sha256"] != result.data.attrs["head"]["sha256"]:
            return None, f"the head {result.config.head!r} is not the one that the run was made with"
        return FaceInputs(head, inputs.build_intervention(result.config)), ""
    except JaxfaceError as error:
        return None, str(error)


def load_classifiers(result: AuditResult) -> tuple[dict[str, Classifier], dict[str, str]]:
    """Return the classifiers of a run by name, and by name why some cannot be loaded."""
    if result.inputs is not None:
        return {one.name: one for one in result.inputs.classifiers}, {}
    classifiers, errors = {}, {}
    for name, source in zip(names(result.data, "classifier"), result.config.classifiers, strict=True):
        try:
            (classifier,) = inputs.load_classifiers((source,), result.config.labels)
            facts = result.data.attrs["classifiers"][name]
            if changes := difference(facts, classifier_facts(classifier, result.config.render.size)):
                errors[name] = f"it is not the classifier that the run was made with ({changes})"
                continue
            classifiers[name] = inputs.with_precision(classifier, result.config)
        except JaxfaceError as error:
            errors[name] = str(error)
    return classifiers, errors
