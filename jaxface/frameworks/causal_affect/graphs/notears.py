"""NOTEARS (Zheng, Aragam, Ravikumar & Xing 2018): an acyclic graph that predicts labels best from each other.

Weights W, from row to column, minimise a loss of the prediction + lambda |W|_1 where h(W) = tr exp(W o W) - d
is 0 (their Theorem 1); found by the augmented Lagrangian rho/2 h^2 + alpha h, with rho growing tenfold until h
is small (their Section 4). Expressions are among the columns but predict nothing, so they are effects as in
CausalAffect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.linalg import expm
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits

from jaxface.frameworks.causal_affect.graphs.baselines import Found, Labels
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph

Loss = Literal["squares", "logistic"]

_ACYCLIC = 1e-8  # h that counts as none, as the authors'
_STEEPEST = 1e16  # rho at which it is given up
_LASSO: dict[Loss, float] = {"squares": 0.1, "logistic": 0.01}
_CUT = 0.3  # weights below are no edges: the authors' threshold

Value = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]]


def notears(seen: Labels, loss: Loss = "logistic", lasso: float | None = None) -> Found:
    """The graph by NOTEARS; weights are divided by the largest.

    Args:
        loss: "squares", as published, here of standardised labels, whose variances tell no order; or "logistic"
            regression, which labels of 0 and 1 ask for.
        lasso: lambda; None = .1 for squares, as the authors', .01 for logistic.
    """
    columns = np.concatenate([seen.present, seen.shown], axis=1)
    units, count = len(seen.units), columns.shape[1]
    allowed = (np.arange(count) < units)[:, None] & ~np.eye(count, dtype=bool)
    weights = solve(columns, allowed, loss, _LASSO[loss] if lasso is None else lasso)
    largest = max(float(np.abs(weights).max(initial=0.0)), _CUT)
    scaled = weights / largest
    graph = SignedGraph(seen.units, seen.expressions, scaled[:units, :units], scaled[:units, units:])
    return Found(graph, _CUT / largest)


def solve(columns: np.ndarray, allowed: np.ndarray, loss: Loss, lasso: float) -> np.ndarray:
    """(d, d) weights from row to column.

    Args:
        columns: (N, d) numbers, of 0 and 1 for "logistic".
        allowed: (d, d) bool, which edges there may be; the diagonal is False.
    """
    value = _logistic(columns) if loss == "logistic" else _squares(columns)
    count = columns.shape[1]
    rows, places = np.nonzero(allowed)
    size = len(rows)

    def matrix(parts: np.ndarray) -> np.ndarray:
        weights = np.zeros((count, count))
        weights[rows, places] = parts[:size] - parts[size : 2 * size]
        return weights

    def objective(parts: np.ndarray, rho: float, alpha: float) -> tuple[float, np.ndarray]:
        weights, constant = matrix(parts), parts[2 * size :]
        found, slope, constant_slope = value(weights, constant)
        cycles, cycles_slope = acyclicity(weights)
        slope = slope + (rho * cycles + alpha) * cycles_slope
        both = slope[rows, places]
        total = found + 0.5 * rho * cycles**2 + alpha * cycles + lasso * parts[: 2 * size].sum()
        return total, np.concatenate([both + lasso, -both + lasso, constant_slope])

    # Positive and negative parts apart, so that |W| has a slope.
    parts, bounds = np.zeros(2 * size + count), [(0.0, None)] * (2 * size) + [(None, None)] * count
    rho, alpha, cycles = 1.0, 0.0, np.inf
    while rho < _STEEPEST:
        while rho < _STEEPEST:
            with threadpool_limits(1, "blas"):  # for matrices so small, threads cost ten times what they bring
                new = minimize(objective, parts, (rho, alpha), "L-BFGS-B", jac=True, bounds=bounds).x
            left, _ = acyclicity(matrix(new))
            if left <= 0.25 * cycles:
                break
            rho *= 10.0
        parts, cycles = new, left
        alpha += rho * cycles
        if cycles <= _ACYCLIC:
            break
    return matrix(parts)


def acyclicity(weights: np.ndarray) -> tuple[float, np.ndarray]:
    """h(W) = tr exp(W o W) - d, 0 for graphs without cycles alone, and its slope exp(W o W)^T o 2 W."""
    power = expm(weights * weights)
    return float(np.trace(power) - len(weights)), power.T * 2.0 * weights


def _squares(columns: np.ndarray) -> Value:
    """Half the mean square of what is not predicted of standardised columns; a constant one stays 0."""
    spread = columns.std(axis=0)
    scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    covariance = scaled.T @ scaled / len(scaled)

    def value(weights: np.ndarray, constant: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        left = np.eye(len(weights)) - weights
        return 0.5 * float(np.sum(left * (covariance @ left))), -covariance @ left, np.zeros_like(constant)

    return value


def _logistic(columns: np.ndarray) -> Value:
    """Mean over images of the cross-entropy of each column, by its log-odds X W + constant."""
    states, which = np.unique(columns, axis=0, return_inverse=True)  # few of many, if labels are of 0 and 1
    share = np.bincount(which.reshape(-1)) / len(columns)

    def value(weights: np.ndarray, constant: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        odds = states @ weights + constant
        entropy = np.logaddexp(0.0, odds) - states * odds
        wrong = share[:, None] * (expit(odds) - states)
        return float(share @ entropy.sum(axis=1)), states.T @ wrong, wrong.sum(axis=0)

    return value
