"""mend.html: the curve of the candidates, the numbers before and after, and faces that changed their answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxface import __version__
from jaxface.core.io import write_text
from jaxface.mending.config import MendConfig
from jaxface.mending.flips import ChangedAnswer
from jaxface.mending.result import MendResult
from jaxface.report import figures, text
from jaxface.report.image_encoding import webp_uri
from jaxface.report.template import render

PAGE = "mend.html"
_MOST_FACES = 12  # of a kind


def write_page(result: MendResult, config: MendConfig) -> Path:
    """Write mend.html into the folder, and return its path."""
    path = result.folder / PAGE
    write_text(path, page(result, config))
    return path


def page(result: MendResult, config: MendConfig) -> str:
    """Return a mending as HTML text."""
    return render(
        "mend",
        {"fixed": text.fixed, "percent": text.percent, "picture": webp_uri},
        version=__version__,
        headline=headline(result, config),
        config=config,
        curve=_curve(result),
        width=f"{26 * len(result.original.bias)}rem",
        rows=_table(result),
        faces=_groups(result),
        has_search=config.search.method != "prototype",
    )


def headline(result: MendResult, config: MendConfig) -> str:
    """Return in one sentence what was gained and at what price, or that nothing was."""
    against = text.listing(config.against)
    if result.before is None or result.after is None:
        return f"No candidate depends less on {against} within the limits: the original is kept"
    shares = [result.after.bias[name] / value for name, value in result.before.bias.items() if value > 0]
    gain = 1.0 - float(np.mean(shares)) if shares else 0.0
    word = "less" if gain >= 0 else "more"
    utility = result.after.utility
    return (
        f"{text.capitalized(against)} changes the answers {text.percent(abs(gain))} {word} than before; "
        f"accuracy {text.points(utility.accuracy - result.before.utility.accuracy)} points, "
        f"{text.percent(utility.agreement)} of unchanged faces are answered as before"
    )


def _curve(result: MendResult) -> str:
    rows = result.curve
    biases = {name: np.array([row[f"bias {name}"] for row in rows]) for name in result.original.bias}
    utilities = {name: np.array([row[name] for row in rows]) for name in ("accuracy", "agreement")}
    names = ["original", *(f"{row['alpha']:g}" for row in rows[1:])]
    choice = None if result.choice is None else result.choice + 1
    figure = figures.tradeoff(biases, utilities, names, choice)
    return figures.svg(figure, "tradeoff", "accuracy and agreement of the candidates over their bias")


def _table(result: MendResult) -> list[tuple[str, str, str]]:
    return [(name.replace("_", " "), _number(before), _number(after)) for name, before, after in result.rows]


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _groups(result: MendResult) -> list[dict[str, Any]]:
    """Return the kinds of faces with another answer: how many, and some of them."""
    names = dict.fromkeys(one.intervention for one in result.changed)
    groups = []
    for name in names:
        faces = [one for one in result.changed if one.intervention == name]
        title = f"Far end of {name}" if name else "Unchanged faces"
        counts = {
            "count": len(faces),
            "repaired": sum(one.is_repaired for one in faces),
            "lost": sum(one.is_lost for one in faces),
        }
        groups.append({"title": title, **counts, "faces": _some(faces)})
    return groups


def _some(faces: Sequence[ChangedAnswer]) -> list[ChangedAnswer]:
    """Return at most `_MOST_FACES`, evenly from all."""
    indices = np.unique(np.linspace(0, len(faces) - 1, min(len(faces), _MOST_FACES)).astype(int))
    return [faces[index] for index in indices]
