"""From surfaces to scores and p-values: the variables of `STATISTICS`."""

import numpy as np

from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import STATISTICS
from jaxface.audit.plan import statistics_key
from jaxface.audit.store import RunStore
from jaxface.stats import SCHEMES, adjust, permutation_test, symmetry_score

_IDENTITIES_AT_ONCE = 1000


def compute_statistics(run_store: RunStore, config: AuditConfig) -> dict[str, np.ndarray]:
    """Score every surface, test it under every scheme, and correct for many identities.

    Returns:
        the variables of `STATISTICS`, (C, X, N, ...).
    """
    key = statistics_key(config.seed)
    layout = run_store.layout
    values = {name: np.full(layout.shape(variable), np.nan) for name, variable in STATISTICS.items()}
    for row, classifier in enumerate(layout.classifiers):
        for column, expression in enumerate(layout.expressions):
            for start in range(0, config.identities, _IDENTITIES_AT_ONCE):
                identities = slice(start, min(start + _IDENTITIES_AT_ONCE, config.identities))
                surfaces = run_store.probabilities(classifier, expression, identities)
                where = row, column, identities
                values["score"][where] = symmetry_score(surfaces, config.estimator, config.unit)
                for index, scheme in enumerate(SCHEMES):
                    test = permutation_test(
                        surfaces, key, config.permutations, scheme, config.p_estimate, config.estimator
                    )
                    values["scheme_p_value"][*where, index] = test.p_value
                values["mean_probability"][where] = surfaces.mean((-2, -1), dtype=np.float64)
    values["p_value"] = values["scheme_p_value"][..., list(SCHEMES).index(config.scheme)]
    values["adjusted_p_value"] = adjust(values["p_value"], config.correction)
    return values
