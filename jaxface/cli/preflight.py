"""Refuse what its name alone shows to be wrong, before anything is imported that computes."""

from collections.abc import Iterable
from pathlib import Path

from jaxface import interventions
from jaxface.audit.config import AuditConfig
from jaxface.audit.designs import intervention_names
from jaxface.classify import registry
from jaxface.classify.hub import is_hub_name
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.face.loaders.file_kinds import require_model


def check_audit(config: AuditConfig) -> None:
    """Check the names of classifiers, interventions, head and people.

    Raises:
        JaxfaceError: as the audit itself would.
    """
    check_classifiers(config.classifiers)
    check_interventions(intervention_names(config))
    check_head(config.head)
    if config.people is not None and not Path(str(config.people)).exists():
        raise ConfigError(f"people: no file at {config.people}")


def check_classifiers(names: Iterable[object]) -> None:
    """Check that classifiers are known names, or folders; errors as of `registry.folders`.

    A name of the Hugging Face Hub is looked up when it is loaded, and so is an ONNX file.
    """
    for name in map(str, names):
        if not is_hub_name(name) and not name.lower().endswith(".onnx"):
            registry.folders(name)


def check_import(name: str, file: str) -> None:
    """Check that a classifier is known and the file is there; CheckpointError if not."""
    registry.folders(name)
    if not Path(file).exists():
        raise CheckpointError(f"no checkpoint at {file}")


def check_interventions(names: Iterable[str]) -> None:
    """Check that interventions are in the registry; ConfigError if not."""
    for name in names:
        for part in interventions.parts(name):
            interventions.require_known(part)


def check_head(head: object) -> None:
    """Check that there is a face model; ModelFileError if not."""
    require_model(str(head))
