"""The page of heads that were fitted to photographs: photograph, fit, and one side moving less or more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxface import __version__
from jaxface.audit.like_config import LikeConfig
from jaxface.audit.likeness import Likeness
from jaxface.classify import Classifier
from jaxface.core.io import write_text
from jaxface.report import image_encoding
from jaxface.report.template import render
from jaxface.report.text import fixed, percent

PAGE = "likeness.html"
_SIZE = 128


def write_likenesses(
    folder: Path,
    likenesses: Sequence[Likeness],
    classifiers: Sequence[Classifier],
    config: LikeConfig,
    pictures: bool = False,
) -> Path:
    """Write likeness.html into a run's folder and return its path.

    Args:
        pictures: show the photographs; the fits are shown in any case.
    """
    labels = {classifier.name: classifier.labels for classifier in classifiers}
    text = render(
        "likeness",
        {"fixed": fixed, "percent": percent},
        version=__version__,
        people=[_person(one, labels, config, pictures) for one in likenesses],
        config=config,
    )
    write_text(folder / PAGE, text)
    return folder / PAGE


def summary_text(likenesses: Sequence[Likeness], config: LikeConfig) -> str:
    """Return for a terminal how well each fit explains its photograph."""
    lines = ["How well the fitted heads explain the photographs"]
    for one in likenesses:
        verdicts = [
            f"{name}: answers differ by {one.difference(name):.2f}"
            + ("" if one.is_conclusive(name, config) else ", nothing is concluded")
            for name in one.answers
        ]
        place = "" if one.is_close(config) else " (too far: not audited)"
        lines.append(f"  {one.path}: landmarks off by {one.landmark_error:.3f}{place}; {'; '.join(verdicts)}")
    return "\n".join(lines)


def _person(
    one: Likeness, labels: dict[str, tuple[str, ...]], config: LikeConfig, pictures: bool
) -> dict[str, Any]:
    rows = []
    for name, (photograph, fit) in one.answers.items():
        top = int(np.argmax(fit))
        whole, observed = one.strip_answers[name][-1], fit
        rows.append(
            {
                "classifier": name,
                "photograph": _first(labels[name], photograph),
                "fit": _first(labels[name], fit),
                "difference": one.difference(name),
                "conclusive": one.is_conclusive(name, config),
                "expression": labels[name][top],
                "observed": float(observed[top]),
                "whole": float(whole[top]),
                "strip": [float(answers[top]) for answers in one.strip_answers[name]],
            }
        )
    return {
        "name": Path(one.path).name,
        "photograph": _uri(one.crop) if pictures else None,
        "fit": _uri(one.picture),
        "strip": [(float(level), _uri(image)) for level, image in zip(one.levels, one.strip, strict=True)],
        "side": one.side,
        "symmetry": one.symmetry,
        "landmark_error": one.landmark_error,
        "pixel_error": one.pixel_error,
        "close": one.is_close(config),
        "rows": rows,
    }


def _first(labels: Sequence[str], probabilities: np.ndarray) -> tuple[str, float]:
    top = int(np.argmax(probabilities))
    return labels[top], float(probabilities[top])


def _uri(image: np.ndarray) -> str:
    picture = np.round(255.0 * np.clip(image, 0.0, 1.0)).astype(np.uint8)
    return image_encoding.png_uri(image_encoding.resize(picture, _SIZE))
