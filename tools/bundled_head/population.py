"""The population prior: who is sampled from the bundled head."""

import numpy as np

from tools.bundled_head.units import table
from tools.bundled_head.wheel import Floats


def read_population(
    identity: tuple[str, ...], colours: tuple[str, ...], age_deviation: float
) -> tuple[Floats, Floats, Floats, tuple[str, ...]]:
    """Return (C,) weights, (C, I + A) means and deviations, and C names of the groups of
    `population.toml`."""
    data = table("population.toml")
    weights, means, deviations, names = [], [], [], []
    for tone, of_tone in data["tones"].items():
        for sex, of_sex in data["sexes"].items():
            coefficients = {"age": [0.0, age_deviation], **data["common"], **of_sex, **of_tone}
            weights.append(coefficients.pop("weight") / len(data["sexes"]))
            pairs = [coefficients.pop(name, [0.0, 1.0]) for name in (*identity, *colours)]
            if coefficients:
                raise KeyError(f"population.toml names unknown coefficients: {sorted(coefficients)}")
            means.append([mean for mean, _ in pairs])
            deviations.append([deviation for _, deviation in pairs])
            names.append(f"{sex}, {tone}")
    total = np.array(weights)
    return total / total.sum(), np.array(means), np.array(deviations), tuple(names)
