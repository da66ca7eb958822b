"""The sentences of the report: what was found, and what exactly was run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from jaxface.audit.config import AuditConfig
from jaxface.audit.result import AuditResult
from jaxface.audit.store import ENVIRONMENT
from jaxface.core.types import action_unit
from jaxface.report.tables import ScoreRow, names
from jaxface.report.text import percent

FEW = 10

ESTIMATORS = {
    "gradient": "the mean over the grid of the numerical gradient (numpy.gradient) along symmetry (Eq. 6)",
    "gradient-2": "the mean over the grid of the numerical gradient (edge order 2) along symmetry",
    "slope": "the least-squares slope along symmetry, mean over time",
    "endpoints": "the difference between the untouched and the frozen face, mean over time",
    "area": "twice the mean loss against the untouched face over all symmetries, mean over time",
}
SCHEMES = {
    "per-time": "at every time step the answers are shuffled over the symmetry steps, each time step by "
    "itself (Algorithm 1). Neighbouring time steps are thereby treated as independent: a difference between "
    "symmetry steps that merely persists over time counts as significant far more often than α says. Read the "
    "effect and its interval first.",
    "whole-row": "whole curves over time are exchanged between symmetry steps. The level is exact, but the "
    "paper's score sees only four rows: with ten steps it cannot reach .05, whatever the effect.",
    "slope": "whole curves over time are exchanged between symmetry steps, and judged by the least-squares "
    "slope of the answer over symmetry: an exact level, and power for effects that grow with symmetry.",
}


def title(result: AuditResult) -> str:
    """The report's heading."""
    known = names(result.data, "classifier")
    shown = ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
    return f"Symmetry and the answers of {shown}"


def headline(result: AuditResult, rows: list[ScoreRow]) -> list[str]:
    """What was done and what was found, in two or three sentences with figures."""
    config = result.config
    known = [row for row in rows if row.known]
    people = f"{config.identities} {'person' if config.identities == 1 else 'people'}"
    sentences = [
        f"{people}, {len(names(result.data, 'expression'))} expressions, {config.symmetry_steps} symmetry "
        f"steps from a frozen {config.side} side to an untouched face, {config.time_steps} time steps from "
        "neutral to full."
    ]
    if not known:
        return [*sentences, "No cell has a score."]
    falling = [row for row in known if row.low > 0]
    rising = [row for row in known if row.high < 0]
    majority = [row for row in known if row.share > 0.5]
    sentences.append(
        f"Less symmetry lowers the answer in {len(falling)} of {len(known)} pairs of classifier and expression "
        f"(interval above zero) and raises it in {len(rising)}; in {len(majority)} pairs the effect is "
        "significant for most people."
    )
    strongest = max(known, key=lambda row: row.score)
    if strongest.score > 0:
        frozen, whole = strongest.accuracy[0], strongest.accuracy[-1]
        sentences.append(
            f"It matters most to {strongest.classifier} for {strongest.expression}: {strongest.score:+.4f} per "
            f"{config.unit}; with one side frozen it is the first answer for {percent(frozen)} of the people "
            f"instead of {percent(whole)}."
        )
    if config.identities < FEW:
        sentences.append(f"With fewer than {FEW} people the intervals are rough.")
    return sentences


def score(config: AuditConfig) -> str:
    """What the score is, and over what."""
    steps = config.symmetry_steps - 1
    units = any(action_unit(name) is not None for name in config.expressions)
    answer = "probability (softmax; of an action unit its sigmoid)" if units else "softmax probability"
    meaning = f"Of the {answer}, {ESTIMATORS[config.estimator]}"
    if config.unit == "range":
        return f"{meaning}: the change over the whole range of symmetry, {steps} steps."
    return (
        f"{meaning}: the change per step of {1.0 / steps:.3g} in s; over the whole range it is {steps} times "
        "as much."
    )


def head(result: AuditResult) -> str:
    """Which head it was, and whose."""
    known = result.data.attrs["head"]
    return f"{known['name']}; licence {known['licence']}; {known['source']}"


def environment(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What the run noted of its machine, in words."""
    if not facts:
        return [("unknown", "environment.json is missing")]
    shown = [
        ("command", " ".join(facts.get("command", []))),
        ("devices", ", ".join(f"{n} x {name}" for name, n in Counter(facts.get("devices", [])).items())),
        ("machine", f"{facts.get('platform', '?')}, {facts.get('cores', '?')} cores"),
        ("commit", str(facts.get("commit") or "not a checkout")),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())),
    ]
    if facts.get("resumed"):
        shown.append(("resumed", f"{len(facts['resumed'])} times in another environment"))
    return shown


def read_environment(folder: Path) -> dict[str, Any]:
    """What the run noted of its machine; empty where the file is gone."""
    try:
        return json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
