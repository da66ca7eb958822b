"""Sentences of the report: what was found, and what exactly was run."""

from collections import Counter
from pathlib import Path
from typing import Any

from jaxface.audit import AuditResult
from jaxface.core import run_folder
from jaxface.core.errors import StoreError
from jaxface.core.types import action_unit
from jaxface.report.tables import ScoreRow, names
from jaxface.report.text import percent, plural
from jaxface.stats import CORRECTIONS, ESTIMATORS, FEWEST_PEOPLE


def title(result: AuditResult) -> str:
    """Return the title of the page."""
    classifiers = names(result.data, "classifier")
    listing = ", ".join(classifiers[:3]) + (f" and {len(classifiers) - 3} more" if len(classifiers) > 3 else "")
    return f"Effect of {result.intervention.wording.noun} on {listing}"


def headline(result: AuditResult, rows: list[ScoreRow]) -> list[str]:
    """Return two or three sentences with figures: what was done and what was found."""
    config, wording = result.config, result.intervention.wording
    dose, time = result.intervention.axes
    valid_rows = [row for row in rows if row.is_measurable]
    sentences = [
        f"{plural(config.identities, 'person', 'people')}, "
        f"{plural(len(names(result.data, 'expression')), 'expression')}, {len(dose.levels)} levels of "
        f"{dose.name} from {dose.ends[0]} to {dose.ends[1]}, {len(time.levels)} {time.name} steps from "
        f"{time.ends[0]} to {time.ends[1]}."
    ]
    if not valid_rows:
        return [*sentences, "No pair of classifier and expression is measurable."]
    falling = [row for row in valid_rows if row.direction > 0]
    rising = [row for row in valid_rows if row.direction < 0]
    majority = [row for row in valid_rows if row.cell.ratio > 0.5]
    sentences.append(
        f"A {wording.changed_face} face lowers the answer in {len(falling)} of {len(valid_rows)} pairs of "
        f"classifier and expression (by the test over people) and raises it in "
        f"{len(rising)}; in {len(majority)} pairs the effect is significant for most people."
    )
    strongest = max(valid_rows, key=lambda row: row.loss)
    if strongest.loss > 0:
        cell = strongest.cell
        sentences.append(
            f"The answer falls most for {strongest.classifier} and {strongest.expression}: "
            f"{cell.score:+.4f} per {config.unit} of {dose.name}; {cell.expression} is the top class for "
            f"{percent(cell.accuracy_changed)} of the people when the face is {wording.changed_face}, and for "
            f"{percent(cell.accuracy_unchanged)} when it is {wording.unchanged_face}."
        )
    if config.identities < FEWEST_PEOPLE:
        sentences.append(f"Fewer than {FEWEST_PEOPLE} people are too few to tell an effect from chance.")
    if not_measurable := sum(row.cell.has_score and not row.cell.measurable for row in rows):
        sentences.append(
            f"Not measurable: {plural(not_measurable, 'pair')} of classifier and expression, where fewer "
            f"than half of the {wording.unchanged_face} faces reach the expression."
        )
    return sentences


def score(result: AuditResult) -> str:
    """Return what the score is, and over what."""
    config, dose = result.config, result.intervention.axes[0]
    steps = len(dose.levels) - 1
    units = any(action_unit(name) is not None for name in config.expressions)
    answer = "probability (softmax; of an action unit its sigmoid)" if units else "softmax probability"
    meaning = f"Of the {answer}, {estimator(result)}"
    if config.unit == "range":
        return f"{meaning}: the change over the whole range of {dose.name}, {steps} steps."
    step = abs(dose.levels[-1] - dose.levels[0]) / steps
    return (
        f"{meaning}: the change per step of {step:.3g} in {dose.symbol}; over the whole range it is {steps} "
        "times as much."
    )


def estimator(result: AuditResult) -> str:
    """Return what the run's estimator computes."""
    dose = result.intervention.axes[0]
    return ESTIMATORS[result.config.estimator].description.format(dose=dose.name)


def correction(result: AuditResult) -> str:
    """Return the name of the run's correction for many tests."""
    return CORRECTIONS[result.config.correction].title


def procedure(result: AuditResult) -> str:
    """Return what the intervention does to a face, in the present tense."""
    intervention = result.intervention
    text = intervention.wording.description.format(**intervention.settings)
    default = _default_procedure(result, "is")
    return text or default[0].upper() + default[1:]


def past_procedure(result: AuditResult) -> str:
    """Return the same for a paper, in the past tense."""
    intervention = result.intervention
    text = intervention.wording.methods_text.format(**intervention.settings)
    return text or _default_procedure(result, "was")


def _default_procedure(result: AuditResult, verb: str) -> str:
    dose, time = result.intervention.axes
    return (
        f"{dose.name} {verb} varied from {dose.ends[0]} to {dose.ends[1]}, and {time.name} from "
        f"{time.ends[0]} to {time.ends[1]}"
    )


def grid(result: AuditResult) -> str:
    """Return the size and range of the grid of levels."""
    axes = result.intervention.axes
    size = " × ".join(str(len(axis.levels)) for axis in axes)
    ranges = ", ".join(f"{axis.name} {axis.levels[0]:g} to {axis.levels[-1]:g}" for axis in axes)
    return f"{size} levels ({ranges})"


def head(result: AuditResult) -> str:
    """Return the head's name, licence and source."""
    attributes = result.data.attrs["head"]
    return f"{attributes['name']}; licence {attributes['licence']}; {attributes['source']}"


def people(result: AuditResult) -> str:
    """Return who the people are: read from a file, or sampled."""
    count = plural(len(result.data["identity"]), "person", "people")
    record = result.data.attrs.get("people")
    if record is not None:
        return f"{count}: {record['note']}"
    seed = result.config.seed
    return f"{count} sampled from the head's population with seed {seed}, their groups in a balanced order"


def environment(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the run noted of its machine, as rows of a table."""
    if not facts:
        return [("unknown", "environment.json is missing")]
    rows = [
        ("command", " ".join(facts.get("command", []))),
        (
            "devices",
            ", ".join(f"{n} × {device(name)}" for name, n in Counter(facts.get("devices", [])).items()),
        ),
        ("machine", f"{facts.get('platform', '?')}, {facts.get('cores', '?')} cores"),
        ("commit", str(facts.get("commit") or "not a checkout")),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())),
    ]
    if facts.get("resumed"):
        rows.append(("resumed", f"{len(facts['resumed'])} times in another environment"))
    return rows


def device(name: str) -> str:
    """Return a device's platform and kind, such as "gpu NVIDIA A100"; "cpu" alone where they are the same."""
    return " ".join(dict.fromkeys(name.split(":")))


def read_environment(folder: Path) -> dict[str, Any]:
    """Return what the run noted of its machine; empty if the file is missing or damaged."""
    try:
        return run_folder.read_environment(folder)
    except StoreError:
        return {}
