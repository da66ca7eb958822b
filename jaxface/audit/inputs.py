"""What an audit works with: the objects that a config names, loaded and checked once."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxface import classify, face, interventions
from jaxface.audit import designs, fingerprints
from jaxface.audit.config import AuditConfig, ClassifierLike
from jaxface.audit.layout import RESERVED_DIMENSIONS, InterventionRecord, Layout, answer_names
from jaxface.audit.people import People, load_people
from jaxface.audit.plan import WorkItem, work_items
from jaxface.classify import Classifier
from jaxface.classify.loading import is_own_onnx
from jaxface.core.checks import require
from jaxface.core.errors import ConfigError, JaxfaceError
from jaxface.core.pytrees import array_hash
from jaxface.face import FaceModel, FaceParams
from jaxface.face.config import HeadConfig
from jaxface.face.requirements import prototype_rows, require_expressions, require_eyes
from jaxface.interventions import Intervention
from jaxface.render import Scene, scene
from jaxface.stats.score import column_weights

OBJECT = "python:"
"""Before the name of an object, in a run's file."""

INTERVENTION_SETTINGS = ("side", "symmetry_steps", "time_steps")
"""Keys of `AuditConfig` that are passed to an intervention which has a field of that name."""


@dataclass(frozen=True)
class AuditInputs:
    """The objects of one audit.

    Attributes:
        config: as the caller wrote it; it may hold objects.
        settings: the same with names in place of objects, for the run's file.
        scene: how faces are rendered.
        classifiers: in the run's precision, in the order of the config.
        layout: of the store that the audit fills.
        people: those that the config names; None if they are sampled.
    """

    config: AuditConfig
    settings: AuditConfig
    head: FaceModel
    scene: Scene
    intervention: Intervention
    classifiers: tuple[Classifier, ...]
    layout: Layout
    people: People | None = None

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.classifiers)
        return f"AuditInputs({self.head.name}, {self.intervention.name}, {names})"

    @property
    def work_items(self) -> tuple[WorkItem, ...]:
        """All work of the audit."""
        return work_items(self.config, {model.name: model.labels for model in self.classifiers})

    def classifier(self, name: str) -> Classifier:
        """Return the classifier of this name.

        Raises:
            KeyError: there is none.
        """
        for classifier in self.classifiers:
            if classifier.name == name:
                return classifier
        raise KeyError(name)


def load_inputs(config: AuditConfig) -> AuditInputs:
    """Load, build and check everything that an audit needs, before any work.

    Raises:
        ConfigError: a classifier or intervention that cannot be found or cannot be used as the config asks,
            a head that cannot be framed or searched, or people who do not fit it.
        ModelFileError, CheckpointError: the head or a classifier cannot be read.
    """
    intervention = build_intervention(config)
    classifiers = load_classifiers(config.classifiers, config.labels)
    check_classifiers(classifiers, config)
    head = load_head(config)
    if config.render.camera is None:
        require_eyes(head)
    require_expressions(head)
    if config.search.method == "prototype" and config.expression_from is None:
        for expression in config.expressions:
            prototype_rows(head, expression, "search for it, or leave it out of the expressions")
    intervention.require(head, scene(config.render))
    if isinstance(config.people, str):
        _refuse_object("people", config.people)
    people = load_people(config, head)
    if people is not None:
        config = dataclasses.replace(config, identities=len(people))
    return AuditInputs(
        config=config,
        settings=serializable_config(config),
        head=head,
        scene=scene(config.render),
        intervention=intervention,
        classifiers=tuple(with_precision(classifier, config) for classifier in classifiers),
        layout=_layout(config, head, classifiers, intervention, people),
        people=people,
    )


def load_head(config: HeadConfig) -> FaceModel:
    """Load the head that a config names, or return the one that it holds.

    Raises:
        ModelFileError: it cannot be read.
        ConfigError: the config holds a head, and options of loading one.
    """
    if isinstance(config.head, FaceModel):
        for name, value in config.head_options.items():
            if value is not None:
                raise ConfigError(
                    f"head is a FaceModel, which {name} = {value!r} does not change; load the head with it"
                )
        return config.head
    _refuse_object("head", config.head)
    return face.load(config.head, **config.head_options)


def load_classifiers(
    classifiers: Sequence[ClassifierLike], labels: Sequence[str] = ()
) -> tuple[Classifier, ...]:
    """Load the classifiers that are named, and take the others as they are.

    Args:
        labels: of the outputs of `.onnx` files among them.

    Raises:
        ConfigError: one cannot be found, or two have one name.
        CheckpointError: one cannot be read.
    """
    for one in classifiers:
        if isinstance(one, str):
            _refuse_object("classifier", one)
    models = tuple(c if isinstance(c, Classifier) else _load_classifier(c, labels) for c in classifiers)
    names = [model.name for model in models]
    for name in names:
        if not name.strip() or not _is_text(name):
            raise ConfigError(f"a classifier is called {name!r}; give it a name that a file can hold")
        if names.count(name) > 1:
            raise ConfigError(f"two classifiers are called {name!r}; rename one in its card")
    return models


def _load_classifier(name: str, labels: Sequence[str]) -> Classifier:
    return classify.load(name, labels=labels if is_own_onnx(name) else None)


def _is_text(name: str) -> bool:
    """Return whether a name is text: NUL and lone surrogates are not."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def with_precision(classifier: Classifier, config: AuditConfig) -> Classifier:
    """Return the classifier in the precision that the config asks for."""
    return classify.in_bfloat16(classifier) if config.precision == "bfloat16" else classifier


def build_intervention(config: AuditConfig) -> Intervention:
    """Build the intervention that a config names, or return the one that it holds.

    Raises:
        ConfigError: there is none of this name, or it cannot be audited as the config asks.
    """
    intervention = config.intervention
    if isinstance(intervention, tuple) or designs.is_survey(config):
        raise ConfigError(f"intervention = {intervention!r}: several; run them with jaxface.audit.survey")
    if isinstance(intervention, str):
        parts = interventions.parts(intervention)
        fields = {name for part in parts for name in interventions.setting_names(part)}
        settings = {name: getattr(config, name) for name in INTERVENTION_SETTINGS if name in fields}
        intervention = interventions.build(intervention, **{**settings, **config.intervention_settings})
    elif config.intervention_settings:
        raise ConfigError(
            f"intervention is an object, which intervention_settings = {config.intervention_settings!r} "
            "does not change; build it with them"
        )
    _check_intervention(intervention, config)
    return intervention


def serializable_config(config: AuditConfig) -> AuditConfig:
    """Return the config with names in place of objects: what a file can hold.

    An object that is not what its name loads is written as "python:NAME", which loads nothing.
    """
    return dataclasses.replace(
        config,
        head=_name_of_head(config.head) if isinstance(config.head, FaceModel) else config.head,
        classifiers=tuple(
            _name_of_classifier(c, config.render.size) if isinstance(c, Classifier) else c
            for c in config.classifiers
        ),
        intervention=_name_of_intervention(config.intervention),
        people=OBJECT + array_hash(config.people) if isinstance(config.people, FaceParams) else config.people,
    )


def _name_of_intervention(intervention: Any) -> Any:
    if isinstance(intervention, tuple):
        return tuple(_name_of_intervention(each) for each in intervention)
    return intervention if isinstance(intervention, str) else intervention.name


def _name_of_head(head: FaceModel) -> str:
    try:
        if fingerprints.head_facts(face.load(head.name)) == fingerprints.head_facts(head):
            return head.name
    except JaxfaceError:  # no head of this name
        pass
    return OBJECT + head.name


def _name_of_classifier(classifier: Classifier, size: int) -> str:
    try:
        facts = (fingerprints.classifier_facts(c, size) for c in (classify.load(classifier.name), classifier))
        if not fingerprints.difference(*facts):
            return classifier.name
    except JaxfaceError:  # no classifier of this name
        pass
    return OBJECT + classifier.name


def _refuse_object(kind: str, name: str) -> None:
    if name.startswith(OBJECT):
        raise ConfigError(
            f"the {kind} {name.removeprefix(OBJECT)!r} was an object of a Python program, which no file holds; "
            "load the run there and pass the object again"
        )


def check_classifiers(classifiers: Sequence[Classifier], config: AuditConfig) -> None:
    """Check that each classifier knows one of the expressions.

    Raises:
        ConfigError: one knows none.
    """
    for classifier in classifiers:
        if not set(config.expressions) & set(classifier.labels):
            raise ConfigError(
                f"classifier {classifier.name!r} knows none of {', '.join(config.expressions)}; "
                f"it knows {', '.join(classifier.labels)}"
            )


def _check_intervention(intervention: Intervention, config: AuditConfig) -> None:
    dose, time = intervention.axes
    where = f"intervention {intervention.name}"
    for axis in (dose, time):
        require(len(axis.levels) >= 2, f"{where}: levels of {axis.name}", axis.levels, "at least two")
        rising = all(low < high for low, high in zip(axis.levels, axis.levels[1:], strict=False))
        require(rising, f"{where}: levels of {axis.name}", axis.levels, "increasing")
        free = axis.name.isidentifier() and axis.name not in RESERVED_DIMENSIONS
        require(free, f"{where}: axis", axis.name, f"a name that is not one of {sorted(RESERVED_DIMENSIONS)}")
    require(dose.name != time.name, f"{where}: axes", dose.name, "two different names")
    for name, levels in (("levels of " + dose.name, dose.levels), ("probe_levels", intervention.probe_levels)):
        present = np.isclose(levels, dose.unchanged, atol=1e-6).any()
        require(bool(present), f"{where}: {name}", levels, f"a list with the unchanged level, {dose.unchanged}")
    column_weights(config.estimator, len(dose.levels))  # some estimators need more levels


def _layout(
    config: AuditConfig,
    head: FaceModel,
    classifiers: Sequence[Classifier],
    intervention: Intervention,
    people: People | None,
) -> Layout:
    """Return the layout of the store.

    Args:
        classifiers: as loaded, so that the precision does not change their fingerprints.
    """
    return Layout(
        classifiers=tuple(classifier.name for classifier in classifiers),
        expressions=config.expressions,
        answers=answer_names(classifier.labels for classifier in classifiers),
        identities=config.identities,
        intervention=InterventionRecord.of(intervention),
        parameters=head.expression_basis.shape[-1],
        shapes=head.identity_basis.shape[-1],
        colours=head.population.mean.shape[-1] - head.identity_basis.shape[-1],
        attributes={
            "head": fingerprints.head_facts(head),
            "classifiers": {
                classifier.name: fingerprints.classifier_facts(classifier, config.render.size)
                for classifier in classifiers
            },
            "populations": list(people.groups if people else head.population.names),
            **({"people": people.attributes()} if people else {}),
        },
    )
