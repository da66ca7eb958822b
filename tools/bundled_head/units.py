"""The facial units, the distribution of plausible expressions over them, and its principal
components."""

import dataclasses
import tomllib
from importlib.resources import files
from typing import Any

import numpy as np
from scipy.optimize import lsq_linear

from tools.bundled_head.mesh import Head
from tools.bundled_head.wheel import Floats, Wheel

COMPONENTS = 30
BOX = 3.0
SAMPLES = 6000
RACES = ("african", "asian", "caucasian")


@dataclasses.dataclass(frozen=True)
class Units:
    """N facial units and P prototypes.

    Attributes:
        names, action_units: of the units.
        one_sided: (V, 3, N) cm that either half makes for itself.
        whole: (V, 3, N) cm that the mandible does.
        prototypes: (P, N) activations; labels: P names.
        groups: N group numbers.
    """

    names: tuple[str, ...]
    action_units: tuple[tuple[int, ...], ...]
    one_sided: Floats
    whole: Floats
    prototypes: Floats
    labels: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]


def table(name: str) -> dict[str, Any]:
    """Return one of the TOML tables beside this file."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def read_units(wheel: Wheel, head: Head) -> Units:
    """Return the units of `units.toml` as displacements of the head."""
    data = table("units.toml")
    names = tuple(unit["name"] for unit in data["units"])
    fields = np.stack([_displacement(wheel, head, unit) for unit in data["units"]], -1)
    whole = np.array([bool(unit.get("whole")) for unit in data["units"]])
    _carry_tongue(head, fields, whole)
    prototypes = np.zeros((len(data["prototypes"]), len(names)))
    for row, prototype in enumerate(data["prototypes"]):
        for name, weight in prototype["activations"].items():
            prototypes[row, names.index(name)] = weight
    return Units(
        names,
        tuple(tuple(unit["action_units"]) for unit in data["units"]),
        fields * ~whole,
        fields * whole,
        prototypes,
        tuple(prototype["label"] for prototype in data["prototypes"]),
        tuple(tuple(names.index(name) for name in group) for group in data["sampling"]["groups"]),
    )


def sample_activations(units: Units, generator: np.random.Generator, count: int = SAMPLES) -> Floats:
    """Return (count, N) activations in [0, 1]: varied prototypes with extras, and free combinations
    of few groups."""
    labels = sorted(set(units.labels))
    rows = [[i for i, name in enumerate(units.labels) if name == label] for label in labels]
    out = np.zeros((count, len(units.names)))
    for activations in out:
        if generator.random() < 0.6:
            prototype = units.prototypes[generator.choice(rows[generator.integers(len(rows))])]
            strength = generator.uniform(0.4, 1.3) * generator.uniform(0.5, 1.2, len(prototype))
            activations += prototype * strength * (generator.random(len(prototype)) >= 0.15)
            extras, limit = generator.integers(3), 0.5
        else:
            extras, limit = 1 + generator.integers(4), 1.0
        for _ in range(extras):
            group = units.groups[generator.integers(len(units.groups))]
            if not activations[list(group)].any():
                activations[generator.choice(group)] = generator.uniform(0.0, limit)
    return np.clip(out, 0.0, 1.0)


def principal_components(units: Units, weight: Floats, activations: Floats) -> tuple[Floats, Floats]:
    """Return uncentred principal components of expression, scaled to unit second moment: zero stays
    neutral.

    Args:
        weight: (V,) of a vertex in the metric.
        activations: (S, N) samples.

    Returns:
        (K, N) mixing: components @ mixing = activations; and (N, N) metric of activations, cm^2.
    """
    fields = (units.one_sided + units.whole) * np.sqrt(weight / weight.sum())[:, None, None]
    metric = np.einsum("vcm,vcn->mn", fields, fields)
    values, vectors = np.linalg.eigh(metric)
    root = vectors * np.sqrt(values) @ vectors.T
    inverse = vectors / np.sqrt(values) @ vectors.T
    moment = root @ (activations.T @ activations / len(activations)) @ root
    values, vectors = np.linalg.eigh(moment)
    values, vectors = values[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
    mixing = (inverse @ vectors * np.sqrt(values)).T
    return mixing * np.sign(mixing.sum(1, keepdims=True)), metric


def prototypes_in_box(mixing: Floats, metric: Floats, prototypes: Floats) -> Floats:
    """Return (P, K) the coefficients inside the box whose face is nearest to each prototype's, in
    the metric."""
    values, vectors = np.linalg.eigh(metric)
    root = vectors * np.sqrt(values) @ vectors.T
    limit = BOX * (1 - 1e-6)
    fits = [lsq_linear(root @ mixing.T, root @ target, (-limit, limit), method="bvls") for target in prototypes]
    return np.stack([fit.x for fit in fits])


def _displacement(wheel: Wheel, head: Head, unit: dict[str, Any]) -> Floats:
    if "face_unit" in unit:
        name = unit["face_unit"]
        if wheel.has_face_unit(name):
            return head.take(wheel.face_unit(name))
        return head.take(wheel.face_unit(name + "Left") + wheel.face_unit(name + "Right"))
    name = unit["expression_target"]
    sides = [name.replace("*", side) for side in ("left", "right")] if "*" in name else [name]
    return head.take(
        sum(np.mean([wheel.target(f"expression/units/{race}/{s}") for race in RACES], axis=0) for s in sides)
    )


def _carry_tongue(head: Head, fields: Floats, whole: Floats) -> None:
    """MakeHuman's mouth-open leaves the tongue where it is; it lies in the mandible and moves with
    it."""
    tongue, teeth = head.of("tongue"), head.of("lower_teeth")
    drops = np.linalg.norm(fields[teeth].mean(0), axis=0)
    lead = int(np.argmax(np.where(whole, np.linalg.norm(fields[tongue].mean(0), axis=0), 0)))
    for index in np.flatnonzero(whole):
        fields[tongue, :, index] = fields[tongue, :, lead] * drops[index] / drops[lead]
