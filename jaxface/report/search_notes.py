"""Where a search fell short of what it looked for: said beside every score that rests on it."""

import numpy as np

from jaxface.audit import AuditResult
from jaxface.report.text import percent, plural

REACHED = 0.9
"""Probability of an expression that a search has reached; the paper's faces lie above it."""
_ENOUGH = 0.9  # of the people


def search_note(result: AuditResult, classifier: str, expression: str) -> str:
    """Return for how many people the search reached the expression, where these are fewer than nine in ten."""
    probability = result.data["search_probability"].sel(classifier=classifier, expression=expression).values
    probability = probability[np.isfinite(probability)]
    count = int((probability >= REACHED).sum())
    if not len(probability) or count >= _ENOUGH * len(probability):
        return ""
    subject = "the hand-set expression" if result.config.search.method == "prototype" else "the search"
    people = plural(len(probability), "person", "people")
    return f"{subject} reached {percent(REACHED)} for only {count} of {people}"
