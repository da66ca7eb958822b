"""Figures of a trained THIN, from the arrays of `introspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxface.frameworks.thin.introspect import Distances, Projection

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def overview(
    similarity: np.ndarray, pairs: Distances, projection: Projection, label: np.ndarray, labels: tuple[str, ...]
) -> Figure:
    """Draw |cos|, distances of same and different identities, and the classes in the plane, side by side.

    Of `similarity` (N,) with one exogenous variable, and the classes (N,) of the projection's
    points, indices into `labels`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    first.hist(similarity, np.linspace(0, 1, 41), color="tab:blue")
    first.set(title="exogenous in endogenous", xlabel="|cos|", ylabel="images", xlim=(0, 1))
    for sample, name, colour in ((pairs.same, "same", "tab:red"), (pairs.different, "different", "tab:green")):
        second.hist(sample, 50, alpha=0.5, density=True, label=f"{name} identity", color=colour)
    second.set(title=f"IoU {pairs.overlap:.2f}", xlabel="distance of unit vectors", ylabel="density")
    second.legend()
    for number, name in enumerate(labels):
        points = projection.points[label == number]
        third.scatter(points[:, 0], points[:, 1], s=8, label=name)
    shares = ", ".join(f"{100 * share:.0f} %" for share in projection.variance_shares)
    third.set(title=f"principal axes: {shares}", xticks=[], yticks=[])
    third.legend(fontsize="small")
    return figure


def typical_figure(images: np.ndarray, indices: np.ndarray) -> Figure:
    """Draw the most typical of images (N, H, W, 3 or 1), uint8 or in [0, 1], of each split: a row
    for each of the indices (M, count) of `introspect.typical_images`."""
    from matplotlib.figure import Figure

    rows = np.concatenate([np.concatenate(list(images[row]), axis=1) for row in indices], axis=0)
    figure = Figure(figsize=(indices.shape[1], len(indices)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(rows[..., 0] if rows.shape[-1] == 1 else rows, cmap="gray")
    height = images.shape[1]
    axes.set(xticks=[], yticks=[height * (row + 0.5) for row in range(len(indices))])
    axes.set_yticklabels([f"split {row}" for row in range(len(indices))])
    return figure
