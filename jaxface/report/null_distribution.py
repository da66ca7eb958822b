"""Scores of shuffled answers, for the figure that shows what a p-value counts (Facing Asymmetry, Fig. 6)."""

from __future__ import annotations

import numpy as np

from jaxface.audit.config import AuditConfig
from jaxface.stats import SCHEMES
from jaxface.stats.score import column_weights

SHUFFLES = 2000


def shuffled_scores(surface: np.ndarray, config: AuditConfig, shuffles: int = SHUFFLES) -> np.ndarray:
    """(shuffles,) scores of a surface (S, T) whose answers are exchanged as the run's scheme says.

    A sample for the eye, from the run's seed; p-values are the test's own.
    """
    scheme = SCHEMES[config.scheme]
    weights, scale = column_weights(scheme.estimator or config.estimator, len(surface))
    rows = surface.mean(1, keepdims=True) if scheme.whole_curve else surface
    random = np.random.default_rng(config.seed)
    dealt = np.broadcast_to(weights[None, :, None], (shuffles, *rows.shape))
    dealt = random.permuted(dealt, axis=1)
    scores = np.einsum("kst,st->k", dealt, rows.astype(np.float64)) / rows.shape[1] * scale
    return np.asarray(scores * ((len(surface) - 1) if config.unit == "range" else 1))
