"""README.md of a classifier's folder: what the Hugging Face Hub shows, with the results of an audit."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxface.classify.card import Card, write_card
from jaxface.core import files
from jaxface.core.errors import CheckpointError
from jaxface.core.io import write_text

README = "README.md"
_MARK = "<!-- Written by jaxface. Without this line it is not written again. -->"
_FENCE = "---"
_RESULTS = "model-index:"
_LICENCES = {
    **{name: name for name in ("mit", "apache-2.0", "bsd-3-clause", "gpl-3.0", "cc-by-4.0", "cc-by-nc-4.0")},
    "cc0": "cc0-1.0",
    "cc0-1.0": "cc0-1.0",
    "unknown": "unknown",
}
"""First word of a card's licence -> identifier on the Hub."""


class Metric(NamedTuple):
    """One number of an audit."""

    kind: str
    name: str
    value: float


def write_cards(card: Card, folder: Path) -> None:
    """Write `card.toml` and README.md; a README of somebody else, or one that was edited, is left as it is."""
    write_card(card, folder)
    path = folder / README
    if not path.exists() or _MARK in _read(path):
        write_text(path, readme(card))


def readme(card: Card) -> str:
    """Return the README of a classifier: YAML front matter, then what a user must know."""
    head = [f"{key}: {_yaml(value)}" for key, value in _front_matter(card).items()]
    edge = f"{card.size} x {card.size} pixels" if card.size else "any size"
    size = f", {card.parameters:,} parameters" if card.parameters else ""
    network = f"{'ONNX' if card.weights.endswith('.onnx') else card.architecture}{size}"
    answers = "Action units, each by its own probability" if card.multilabel else "Expressions, by a softmax"
    facts = [
        f"- Answers: {', '.join(card.labels)}. {answers}.",
        *(f"- {note[0].upper()}{note[1:]}." for note in (*card.label_notes, card.note) if note),
        f"- Input: {card.channels}, {edge}. Network: {network}.",
        f"- Trained on: {card.dataset}. Source: {card.source}. Licence: {card.licence}.",
    ]
    usage = ["```python", "import jaxface as jf", "", 'classifier = jf.classify.load("this-folder")', "```"]
    warning = (
        "An expression is not an emotion: do not use these answers to judge people. "
        "`jaxface audit --classifiers this-folder` measures how they depend on facial symmetry."
    )
    parts = [_FENCE, *head, _FENCE, "", f"# {card.name}", "", *facts, "", *usage, "", warning, "", _MARK]
    return "\n".join(parts) + "\n"


def write_results(folder: Path, name: str, dataset: str, metrics: Sequence[Metric]) -> Path:
    """Put the results of an audit into the front matter of a README, in place of earlier ones.

    Args:
        folder: of the classifier.
        name: of the classifier.
        dataset: what it was audited on, in words.
    Raises:
        CheckpointError: there is no README with front matter.
    """
    path = folder / README
    if not path.is_file():
        raise CheckpointError(f"no {README} in {folder}; `jaxface classifiers import` and `train` write one")
    lines = _read(path).splitlines()
    if lines[:1] != [_FENCE] or _FENCE not in lines[1:]:
        raise CheckpointError(f"{path} does not begin with front matter between lines of {_FENCE}")
    end = lines.index(_FENCE, 1)
    head = _without_results(lines[1:end])
    write_text(path, "\n".join([_FENCE, *head, *_model_index(name, dataset, metrics), *lines[end:]]) + "\n")
    return path


def _front_matter(card: Card) -> dict[str, Any]:
    words = card.licence.replace(",", " ").split()
    licence = _LICENCES.get(words[0].lower(), "other") if words else "unknown"
    return {
        "license": licence,
        **({"license_name": card.licence} if licence == "other" else {}),
        "library_name": "jaxface",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition"],
        "labels": list(card.labels),
    }


def _model_index(name: str, dataset: str, metrics: Sequence[Metric]) -> list[str]:
    lines = [
        _RESULTS,
        f"- name: {_yaml(name)}",
        "  results:",
        "  - task:",
        "      type: image-classification",
        "    dataset:",
        "      type: jaxface-audit",
        f"      name: {_yaml(dataset)}",
        "    metrics:",
    ]
    for metric in metrics:
        lines += [
            f"    - type: {_yaml(metric.kind)}",
            f"      name: {_yaml(metric.name)}",
            f"      value: {metric.value:.6f}",
        ]
    return lines


def _without_results(head: Sequence[str]) -> list[str]:
    """Drop the key of the results and the lines that belong to it."""
    kept, is_inside = [], False
    for line in head:
        if line[:1] not in ("", " ", "-", "#"):
            is_inside = line.startswith(_RESULTS)
        if not is_inside:
            kept.append(line)
    return kept


def _yaml(value: Any) -> str:
    """Return a text or list in JSON, which is YAML."""
    return json.dumps(value, ensure_ascii=False)


def _read(path: Path) -> str:
    return files.read_text(path, CheckpointError, what=README)
