"""Expression lines: where they are drawn, where they show and which displacement calls them up."""

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from tools.bundled_head.chart import Chart
from tools.bundled_head.mesh import Head
from tools.bundled_head.paint import step
from tools.bundled_head.units import table
from tools.bundled_head.wheel import Floats

_LEFT_ALONE = 1.0 - 1e-6
_POINTS = 40


def line_pattern(chart: Chart) -> Floats:
    """Return (H, W) darkness of all lines in [0, 1]."""
    data = table("lines.toml")
    flat = chart.position[..., :2].reshape(-1, 2)
    strokes = np.concatenate([_dense(line) for line in _kinds(data).values()])
    strength = np.concatenate([_faded(line, data["fade"]) for line in _kinds(data).values()])
    distance, nearest = (each.reshape(chart.region.shape) for each in cKDTree(strokes).query(flat))
    front = chart.within("face") * step(chart.position[..., 2], -4.0, -3.0)
    profile = np.exp(-0.5 * (distance / data["width"]) ** 2)
    return chart.finished(data["darkness"] * profile * strength[nearest] * front)


def line_features(
    head: Head, left_weight: Floats, whole: Floats, displacements: Floats
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return (V, 3, L) features per centimetre, (V, L) regions, and L names: each line on the left,
    then on the right.

    A feature looks only where the displacement is wholly its own side's, and does not see what both
    sides do together, so that a frozen side draws none.

    Args:
        left_weight: (V,) share of the subject's left.
        whole: (V, 3, N) cm of the units that both sides make together.
        displacements: (P, V, 3) cm of the prototypes.
    """
    data = table("lines.toml")
    features, regions, names = [], [], []
    on_skin = np.zeros(len(head.template))
    on_skin[head.of("skin")] = head.template[head.of("skin"), 2] > -4.0
    for side, sign, share in (("left", 1.0, left_weight), ("right", -1.0, 1.0 - left_weight)):
        outward = head.template * np.array([sign, 1.0, 1.0])
        for name, line in _kinds(data).items():
            far = ((outward[:, :2] - line["at"]) ** 2).sum(1) / line["reach"] ** 2
            blot = np.exp(-0.5 * far) * on_skin * (share >= _LEFT_ALONE) * (far < 9.0)
            direction = np.array(line["direction"]) * np.array([sign, 1.0, 1.0])
            feature = _blind_to(whole, (blot / blot.sum())[:, None] * direction)
            features.append(feature / np.einsum("pvc,vc->p", displacements, feature).max())
            distance = cKDTree(_dense(line)).query(outward[:, :2])[0]
            middle = step(head.template[:, 0] * sign, -0.3, 0.3)
            regions.append(step(distance, data["far"], data["near"]) * on_skin * middle)
            names.append(f"{side} {name}")
    return np.stack(features, -1), np.stack(regions, -1), tuple(names)


def _blind_to(fields: Floats, feature: Floats) -> Floats:
    """The nearest feature, on the same vertices, that answers 0 to each of the fields (V, 3, N)."""
    support = np.flatnonzero(np.abs(feature).sum(1))
    blind_fields = fields[support][..., fields.any((0, 1))].reshape(3 * len(support), -1)
    values = feature[support].ravel()
    remainder = values - blind_fields @ np.linalg.lstsq(blind_fields, values, rcond=None)[0]
    out = np.zeros_like(feature)
    out[support] = remainder.reshape(-1, 3)
    return out


def _kinds(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: line for name, line in data.items() if isinstance(line, dict)}


def _dense(line: dict[str, Any]) -> Floats:
    """(n, 2) points along a line's strokes."""
    points = []
    for stroke in line["strokes"]:
        corners = np.array(stroke)
        at = np.linspace(0, len(corners) - 1, _POINTS)
        points.append(
            np.stack([np.interp(at, np.arange(len(corners)), corners[:, axis]) for axis in (0, 1)], 1)
        )
    return np.concatenate(points)


def _faded(line: dict[str, Any], fade: float) -> Floats:
    """(n,) strength of each of the points of `_dense`, in [0, 1]."""
    along = np.linspace(0.0, 1.0, _POINTS)
    end = step(1.0 - along, 0.0, fade)
    return np.concatenate(
        [end if stroke[0][0] == 0.0 else end * step(along, 0.0, fade) for stroke in line["strokes"]]
    )
