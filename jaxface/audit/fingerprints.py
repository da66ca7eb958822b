"""The content of what is audited: two things of one name are not the same thing.

Fingerprints are stored with a run and compared whenever the run is resumed, reported or compared.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify import Classifier
from jaxface.classify.classifier import FlaxNetwork
from jaxface.core import run_folder
from jaxface.core.pytrees import array_hash
from jaxface.face import FaceModel

_PROBES = 3
_ANSWERS = "answers"
_TOLERANCE = 1e-3  # of a function's answers: other machines and versions of JAX round differently


def head_facts(head: FaceModel) -> dict[str, Any]:
    """Return what the store keeps of a head, JSON-ready."""
    return {
        "name": head.name,
        "licence": head.licence,
        "source": head.source,
        "joints": len(head.parents),
        "identity_names": list(head.identity_names),
        "expression_moves_joints": head.expression_moves_joints,
        "sha256": array_hash(head),
    }


def classifier_facts(classifier: Classifier, size: int) -> dict[str, Any]:
    """Return what the store keeps of a classifier, JSON-ready.

    A function whose numbers are not all in arrays is known by its answers to fixed pictures. Its "notes" are
    for readers of its scores: that they were taken as probabilities, that they are not the same twice.

    Args:
        size: of the audit's pictures, for a classifier that takes any.
    """
    card = classifier.card
    facts: dict[str, Any] = {
        "architecture": card.architecture,
        "dataset": card.dataset,
        "parameters": card.parameters,
        "labels": list(classifier.labels),
        "licence": card.licence,
        "source": card.source,
        "preprocessing": {
            name: value for name, value in asdict(card.preprocessing).items() if value is not None
        },
        # a model on the host keeps its numbers in its file
        "sha256": card.sha256 if classifier.on_host else array_hash(classifier.state),
    }
    if not isinstance(classifier.network, FlaxNetwork):
        pictures = probe_pictures(card.size or size)
        answers = np.asarray(classifier.logits(pictures, allow_nan=True), np.float64)
        facts[_ANSWERS] = answers.ravel().tolist()
        notes = []
        if classifier.on_host and not _is_same(
            answers, np.asarray(classifier.logits(pictures, allow_nan=True), np.float64)
        ):
            notes.append(
                "it answers otherwise when the same pictures come again: its numbers are partly chance"
            )
        facts["notes"] = [*classifier.notes, *notes]
    elif classifier.notes:
        facts["notes"] = list(classifier.notes)
    return facts


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, _TOLERANCE, _TOLERANCE, equal_nan=True)


def probe_pictures(size: int) -> jax.Array:
    """Return (3, size, size, 3) pictures in [0, 1] that are always the same: smooth coloured noise."""
    coarse = jax.random.uniform(jax.random.key(0), (_PROBES, 8, 8, 3))
    return jnp.clip(jax.image.resize(coarse, (_PROBES, size, size, 3), "bilinear"), 0.0, 1.0)


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe every fact that differs; "" where the content is the same."""
    before = dict(before)
    if _ANSWERS in before and _ANSWERS in now:
        pair = np.array(before[_ANSWERS], float), np.array(now[_ANSWERS], float)
        if _is_same(*pair):
            before[_ANSWERS] = now[_ANSWERS]
        else:
            return "it answers otherwise to the same pictures"
    return run_folder.difference(before, now)
