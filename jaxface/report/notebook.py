"""A run's result in Python: its table as a data frame, and its verdict as HTML for a notebook."""

from typing import TYPE_CHECKING, Any

from jaxface.audit import AuditResult
from jaxface.report import faces, first_lines, image_encoding, losses, tables, verdict
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.loading import load_face_inputs
from jaxface.report.template import render
from jaxface.report.text import percent, points

if TYPE_CHECKING:
    import pandas

_EDGE = 96  # pixels of a face


def score_frame(result: AuditResult) -> "pandas.DataFrame":
    """Return the table that `jaxface audit` prints, with numbers instead of text; NaN where none counts.

    Columns: classifier, expression, score, low, high, p_value, starts_at (probability on the unchanged face),
    significant and people (counts), an accuracy for each probe level, and note: why there is no score that
    counts, or why to trust it less.
    """
    import pandas

    dose = result.intervention.axes[0]
    probes = [f"accuracy at {dose.symbol}={level:g}" for level in result.intervention.probe_levels]
    return pandas.DataFrame([_columns(row, probes) for row in tables.score_rows(result)])


def _columns(row: tables.ScoreRow, probes: list[str]) -> dict[str, Any]:
    cell, nan = row.cell, float("nan")
    numbers = {"score": cell.score, "low": cell.low, "high": cell.high, "p_value": cell.population_p}
    numbers |= {"starts_at": cell.activation, **dict(zip(probes, row.accuracy, strict=True))}
    if not row.is_measurable:
        numbers = dict.fromkeys(numbers, nan)
    counts = {"significant": cell.significant if row.is_measurable else 0, "people": cell.identities}
    names = {"classifier": row.classifier, "expression": row.expression}
    first = ("score", "low", "high", "p_value", "starts_at")
    return {
        **names,
        **{name: numbers[name] for name in first},
        **counts,
        **{name: numbers[name] for name in probes},
        "note": row.reason or row.note,
    }


def html_summary(result: AuditResult) -> str:
    """Return the verdict as HTML: headline, losses at the full expression, and a typical person's faces.

    The faces are left out where the run's head cannot be loaded.
    """
    verdicts, own = verdict.classifier_verdicts(result), losses.classifier_losses(result)
    inputs, _ = load_face_inputs(result)
    strips = faces.cards(result, FaceRenderer(result, inputs, _EDGE), own) if inputs else {}
    extremes = losses.extremes(result)
    return render(
        "notebook",
        {"percent": percent, "points": points, "picture": image_encoding.webp_uri},
        headline=first_lines.headline(verdicts, result),
        which_is_worse=first_lines.which_is_worse(extremes, result) if extremes else "",
        wording=result.intervention.wording,
        cards=[(one, own[one.name], strips.get(one.name)) for one in verdicts],
        folder=result.folder,
    )
