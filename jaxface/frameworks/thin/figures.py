"""Figures of what a trained THIN went by, from the arrays of `introspect`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from jaxface.frameworks.thin.introspect import Distances, Plane


def overview(
    alike: np.ndarray, apart: Distances, points: Plane, label: np.ndarray, labels: tuple[str, ...]
) -> Figure:
    """|cos|, distances of same and different identities, and the classes in the plane, side by side.

    Args:
        alike: (N,) |cos| of one exogenous variable.
        label: (N,) classes of `points`, indices into `labels`.
    """
    drawn = Figure(figsize=(13, 4), layout="constrained")
    first, second, third = drawn.subplots(1, 3)
    first.hist(alike, np.linspace(0, 1, 41), color="tab:blue")
    first.set(title="exogenous in endogenous", xlabel="|cos|", ylabel="images", xlim=(0, 1))
    for sample, name, colour in ((apart.same, "same", "tab:red"), (apart.different, "different", "tab:green")):
        second.hist(sample, 50, alpha=0.5, density=True, label=f"{name} identity", color=colour)
    second.set(title=f"IoU {apart.overlap:.2f}", xlabel="distance of unit vectors", ylabel="density")
    second.legend()
    for number, name in enumerate(labels):
        chosen = points.points[label == number]
        third.scatter(chosen[:, 0], chosen[:, 1], s=8, label=name)
    shares = ", ".join(f"{100 * share:.0f} %" for share in points.explained)
    third.set(title=f"principal axes: {shares}", xticks=[], yticks=[])
    third.legend(fontsize="small")
    return drawn


def typical_figure(images: np.ndarray, chosen: np.ndarray) -> Figure:
    """The most typical images of each split, a row each, in the order of `typical`.

    Args:
        images: (N, H, W, 3 or 1), uint8 or in [0, 1].
        chosen: (M, count) indices.
    """
    rows = np.concatenate([np.concatenate(list(images[row]), axis=1) for row in chosen], axis=0)
    drawn = Figure(figsize=(chosen.shape[1], len(chosen)), layout="constrained")
    axes = drawn.subplots()
    axes.imshow(rows[..., 0] if rows.shape[-1] == 1 else rows, cmap="gray")
    height = images.shape[1]
    axes.set(xticks=[], yticks=[height * (row + 0.5) for row in range(len(chosen))])
    axes.set_yticklabels([f"split {row}" for row in range(len(chosen))])
    return drawn
