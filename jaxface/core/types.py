"""Vocabularies and names of shapes that all packages share.

Shapes in docstrings use these letters: V vertices, F triangles, U texture coordinates, J joints,
I identity, E expression and A albedo coefficients, K classes, S symmetry steps, T time steps,
B a batch, H and W image height and width.
"""

import difflib
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxface.core.errors import LabelError, suggestion

if TYPE_CHECKING:
    from jax import Array as Array

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as OpenCV and Pillow use them."""

BASE_EXPRESSIONS: tuple[str, ...] = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
EXPRESSIONS: tuple[str, ...] = (*BASE_EXPRESSIONS, "neutral", "contempt")

_SYNONYMS: dict[str, str] = {
    **{name: name for name in EXPRESSIONS},
    "angry": "anger",
    "disgusted": "disgust",
    **dict.fromkeys(("fearful", "afraid", "scared"), "fear"),
    **dict.fromkeys(("happy", "joy"), "happiness"),
    "sad": "sadness",
    "surprised": "surprise",
    "contemptuous": "contempt",
}

_ACTION_UNIT = re.compile(r"au[ _-]?0?([1-9][0-9]?)")
_MISSPELT = 0.85  # similarity: "hapiness" is at .94 of "happiness", "unhappy" at .83 of "happy"


def action_unit(label: str) -> int | None:
    """Return the number of a facial action unit (FACS): "AU12", "au 12" or "AU06"; None for other labels."""
    match = _ACTION_UNIT.fullmatch(label.strip().lower())
    return int(match[1]) if match else None


def expression_name(label: str) -> str:
    """Return the vocabulary's name of a label as a data set or a network spells it; "AU12" of an action unit.

    Raises:
        LabelError: an unknown label; the message suggests the closest.
    """
    if (number := action_unit(label)) is not None:
        return f"AU{number}"
    try:
        return _SYNONYMS[label.strip().lower()]
    except KeyError:
        raise LabelError(f"unknown expression label {label!r}{suggestion(label.lower(), _SYNONYMS)}") from None


def expression_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return `expression_name` of each label; two labels must not mean the same expression.

    Raises:
        LabelError: an unknown label, or two synonyms of one expression.
    """
    names = tuple(expression_name(label) for label in labels)
    if len(set(names)) != len(names):
        raise LabelError(f"labels {list(labels)} have an expression twice: {list(names)}")
    return names


@functools.lru_cache(maxsize=1024)
def answer_name(label: str) -> str:
    """Return the name of an output: of an expression or action unit if it is one, else the label in lower case.

    Nets have classes beyond the vocabulary ("calm", "other", "happily surprised"); they are not examined.

    Raises:
        LabelError: no text that a file can hold, or a known label that is misspelt.
    """
    name = " ".join(label.split()).lower()
    if not name or not name.isprintable():
        raise LabelError(f"label {label!r}: must be a word that can be printed")
    try:
        return expression_name(name)
    except LabelError:
        if close := difflib.get_close_matches(name, _SYNONYMS, n=1, cutoff=_MISSPELT):
            raise LabelError(f"unknown expression label {label!r}, did you mean {close[0]!r}?") from None
        return name


def is_examined(name: str) -> bool:
    """Return whether an answer's name is an expression or action unit, which can be audited."""
    return name in EXPRESSIONS or action_unit(name) is not None


def split_labels(labels: str | Sequence[str]) -> tuple[str, ...]:
    """Return labels one by one: "happiness,sadness" is two, as a flag has them."""
    texts = (labels,) if isinstance(labels, str) else tuple(labels)
    return tuple(label.strip() for text in texts for label in text.split(",") if label.strip())


def __getattr__(name: str) -> Any:
    if name == "Array":  # configs need the vocabularies alone, and do not wait for JAX
        from jax import Array

        return Array
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
