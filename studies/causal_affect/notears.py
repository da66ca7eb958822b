"""NOTEARS (Zheng, Aragam, Ravikumar & Xing 2018): the acyclic graph that best predicts labels from each other.

Weights W, from row to column, minimize a loss of the prediction + lambda |W|_1 where h(W) = tr exp(W o W) - d
is 0 (their Theorem 1); found by the augmented Lagrangian rho/2 h^2 + alpha h, with rho growing tenfold until h
is small (their Section 4). Expressions are among the columns but predict nothing, so they are effects as in
CausalAffect.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.linalg import expm
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits

from jaxface.frameworks.causal_affect.graphs import SignedGraph
from studies.causal_affect.baselines import Discovery, Labels

Loss = Literal["squares", "logistic"]

_ACYCLIC = 1e-8  # h below which a graph counts as acyclic, as the authors'
_MAX_RHO = 1e16  # rho at which the search stops
_LASSO: dict[Loss, float] = {"squares": 0.1, "logistic": 0.01}
_THRESHOLD = 0.3  # weights below are no edges, as the authors'

Value = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]]


def fit_notears(labels: Labels, loss: Loss = "logistic", lasso: float | None = None) -> Discovery:
    """Return the graph by NOTEARS; weights are divided by the largest.

    Args:
        loss: "squares", as published, here of standardized labels, whose variances reveal no order; or
            "logistic" regression, for labels of 0 and 1.
        lasso: lambda; None = .1 for squares, as the authors', .01 for logistic.
    """
    columns = np.concatenate([labels.present, labels.shown], axis=1)
    units, count = len(labels.units), columns.shape[1]
    edge_mask = (np.arange(count) < units)[:, None] & ~np.eye(count, dtype=bool)
    weights = solve(columns, edge_mask, loss, _LASSO[loss] if lasso is None else lasso)
    largest = max(float(np.abs(weights).max(initial=0.0)), _THRESHOLD)
    weights = weights / largest
    graph = SignedGraph(labels.units, labels.expressions, weights[:units, :units], weights[:units, units:])
    return Discovery(graph, _THRESHOLD / largest)


def solve(columns: np.ndarray, edge_mask: np.ndarray, loss: Loss, lasso: float) -> np.ndarray:
    """Return (d, d) weights from row to column.

    Args:
        columns: (N, d) numbers, of 0 and 1 for "logistic".
        edge_mask: (d, d) bool, the edges that may be there; False on the diagonal.
    """
    value = _logistic(columns) if loss == "logistic" else _squares(columns)
    count = columns.shape[1]
    rows, targets = np.nonzero(edge_mask)
    size = len(rows)

    def matrix(parts: np.ndarray) -> np.ndarray:
        weights = np.zeros((count, count))
        weights[rows, targets] = parts[:size] - parts[size : 2 * size]
        return weights

    def objective(parts: np.ndarray, rho: float, alpha: float) -> tuple[float, np.ndarray]:
        weights, constant = matrix(parts), parts[2 * size :]
        loss_value, grad, constant_grad = value(weights, constant)
        cycles, cycles_grad = acyclicity(weights)
        grad = grad + (rho * cycles + alpha) * cycles_grad
        edge_grad = grad[rows, targets]
        total = loss_value + 0.5 * rho * cycles**2 + alpha * cycles + lasso * parts[: 2 * size].sum()
        return total, np.concatenate([edge_grad + lasso, -edge_grad + lasso, constant_grad])

    # Positive and negative parts are separate variables, so that |W| has a gradient.
    parts, bounds = np.zeros(2 * size + count), [(0.0, None)] * (2 * size) + [(None, None)] * count
    rho, alpha, cycles = 1.0, 0.0, np.inf
    while rho < _MAX_RHO:
        while rho < _MAX_RHO:
            with threadpool_limits(1, "blas"):  # threads cost ten times what they gain here
                new = minimize(objective, parts, (rho, alpha), "L-BFGS-B", jac=True, bounds=bounds).x
            new_cycles, _ = acyclicity(matrix(new))
            if new_cycles <= 0.25 * cycles:
                break
            rho *= 10.0
        parts, cycles = new, new_cycles
        alpha += rho * cycles
        if cycles <= _ACYCLIC:
            break
    return matrix(parts)


def acyclicity(weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Return h(W) = tr exp(W o W) - d, 0 only for acyclic graphs, and its gradient exp(W o W)^T o 2 W."""
    power = expm(weights * weights)
    return float(np.trace(power) - len(weights)), power.T * 2.0 * weights


def _squares(columns: np.ndarray) -> Value:
    """Half the mean squared residual of standardized columns; a constant column stays 0."""
    std = columns.std(axis=0)
    standard = (columns - columns.mean(axis=0)) / np.where(std > 0.0, std, 1.0)
    covariance = standard.T @ standard / len(standard)

    def value(weights: np.ndarray, constant: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        residual = np.eye(len(weights)) - weights
        product = covariance @ residual
        return 0.5 * float(np.sum(residual * product)), -covariance @ residual, np.zeros_like(constant)

    return value


def _logistic(columns: np.ndarray) -> Value:
    """Mean over images of the cross-entropy of each column, by its log-odds X W + constant."""
    states, indices = np.unique(columns, axis=0, return_inverse=True)  # few, as labels are 0 or 1
    weight = np.bincount(indices.reshape(-1)) / len(columns)

    def value(weights: np.ndarray, constant: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        odds = states @ weights + constant
        entropy = np.logaddexp(0.0, odds) - states * odds
        residual = weight[:, None] * (expit(odds) - states)
        return float(weight @ entropy.sum(axis=1)), states.T @ residual, residual.sum(axis=0)

    return value
