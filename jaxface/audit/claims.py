"""The claims of Facing Asymmetry (section 4), held against a run."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxface.audit.summary import CellSummary, Summary

_SHUFFLES = 9999


class Claim(NamedTuple):
    """One claim of the paper beside what a run says.

    Attributes:
        text: the claim.
        holds: None where the run cannot tell.
        evidence: the figures.
    """

    text: str
    holds: bool | None
    evidence: str


def paper_claims(summary: Summary, classifiers: Mapping[str, Mapping[str, Any]]) -> list[Claim]:
    """Return every claim with what the run's measurable cells say about it.

    Args:
        classifiers: what the store keeps of each: `dataset`, `architecture`, `parameters`.
    """
    cells = [cell for cell in summary.cells if cell.has_score and cell.measurable]
    if not cells:
        return []
    positive = sum(cell.score > 0 for cell in cells)
    majority = sum(cell.ratio > 0.5 for cell in cells)
    return [
        Claim(
            "every classifier depends on symmetry for every expression",
            positive == len(cells),
            f"{positive} of {len(cells)} scores are positive",
        ),
        Claim(
            "the score is significant for most people",
            majority == len(cells),
            f"in {majority} of {len(cells)} pairs of classifier and expression",
        ),
        _order(cells),
        _data_sets(cells, classifiers),
        _sizes(summary, classifiers),
    ]


def _order(cells: Sequence[CellSummary]) -> Claim:
    names = list(dict.fromkeys(cell.expression for cell in cells))
    means = {name: float(np.mean([c.score for c in cells if c.expression == name])) for name in names}
    order = sorted(names, key=lambda name: -means[name])
    holds = None if {"surprise", "fear"} - set(names) else order[0] == "surprise" and order[-1] == "fear"
    evidence = ", ".join(f"{name} {means[name]:+.4f}" for name in order)
    return Claim("surprise depends most on symmetry, fear least", holds, evidence)


def _data_sets(cells: Sequence[CellSummary], classifiers: Mapping[str, Mapping[str, Any]]) -> Claim:
    """Is the distance between classifiers of one data set smaller than chance makes it?"""
    text = "classifiers of one data set are alike"
    expressions = sorted({cell.expression for cell in cells})
    score = {(cell.classifier, cell.expression): cell.score for cell in cells}
    names = [n for n in dict.fromkeys(c.classifier for c in cells) if all((n, x) in score for x in expressions)]
    data_sets = np.array([str(classifiers.get(name, {}).get("dataset", "unknown")) for name in names])
    counts = {data_set: int((data_sets == data_set).sum()) for data_set in data_sets}
    if len(counts) < 2 or max(counts.values(), default=0) < 2:
        return Claim(text, None, "needs two data sets, and two classifiers of one of them with all expressions")
    profiles = np.array([[score[name, x] for x in expressions] for name in names])
    distances = np.linalg.norm(profiles[:, None] - profiles[None], axis=-1)
    pairs = np.triu_indices(len(names), 1)

    def within(labels: np.ndarray) -> float:
        same = labels[pairs[0]] == labels[pairs[1]]
        return float(distances[pairs][same].mean())

    random = np.random.default_rng(0)
    shuffles = np.array([within(random.permutation(data_sets)) for _ in range(_SHUFFLES)])
    observed = within(data_sets)
    p_value = (1 + int((shuffles <= observed + 1e-12).sum())) / (1 + _SHUFFLES)
    evidence = f"distance within data sets {observed:.4f}, by chance {shuffles.mean():.4f}, p = {p_value:.2g}"
    return Claim(text, p_value <= 0.05, evidence)


def _sizes(summary: Summary, classifiers: Mapping[str, Mapping[str, Any]]) -> Claim:
    text = "larger EmoNeXt models depend more on symmetry"
    rows = [
        (int(facts["parameters"]), row.effect.mean, name)
        for name, facts in classifiers.items()
        if str(facts.get("architecture", "")).startswith("emonext") and facts.get("parameters")
        for row in summary.effects
        if row.classifier == name and row.effect.is_valid
    ]
    if len(rows) < 2:
        return Claim(text, None, "needs two EmoNeXt models")
    rows.sort()
    means = [mean for _, mean, _ in rows]
    evidence = ", ".join(f"{name} {mean:+.4f}" for _, mean, name in rows)
    return Claim(text, all(small < large for small, large in itertools.pairwise(means)), evidence)
