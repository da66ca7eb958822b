"""The README's picture from a finished run: one smile that loses a side, and what the classifiers answer.

python -m benchmarks.readme_picture RUN docs/half_smile.png [--identity 2] [--found-by face-api]
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

from jaxface import audit, classify, face, interventions, render
from jaxface.audit.inputs import load_head
from jaxface.core.io import atomic_path

SYMMETRY = (1.0, 0.75, 0.5, 0.25, 0.0)
EXPRESSIONS = ("happiness", "surprise")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("out")
    parser.add_argument("--identity", type=int, default=0)
    parser.add_argument("--found-by", default="face-api")
    options = parser.parse_args()
    result = audit.load(options.run)
    head = load_head(result.config)
    person = result.face_params(options.identity)
    scene = render.Scene(size=224)
    names = list(result.data["classifier"].values)
    rows = []
    for expression in EXPRESSIONS:
        cell = {"classifier": options.found_by, "expression": expression, "identity": options.identity}
        expression_params = jnp.asarray(result.data["expression_parameters"].sel(cell).values)
        params = face.FaceParams(person.identity, expression_params, person.pose, person.albedo)
        grid = partial(interventions.grid, interventions.Symmetry(), head, params)
        pictures = grid(scene, jnp.asarray(SYMMETRY), jnp.ones(1))[:, 0]
        protocol = grid(render.scene(result.config.render), jnp.asarray(SYMMETRY), jnp.ones(1))
        answers = [_answers(name, expression, protocol[:, 0]) for name in names]
        rows.append((expression, np.asarray(pictures), np.stack(answers)))
    with atomic_path(options.out) as path:
        _draw(rows, names, path)


def _answers(name: str, expression: str, pictures: jax.Array) -> np.ndarray:
    classifier = classify.load(name)
    return np.asarray(classifier.probabilities(pictures)[:, classifier.index(expression)])


def _draw(rows: list[tuple[str, np.ndarray, np.ndarray]], names: list[str], path) -> None:  # type: ignore[no-untyped-def]
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colours = ("#0f7b9c", "#d4611b")
    figure, panels = plt.subplots(
        2 * len(rows),
        len(SYMMETRY),
        figsize=(10, 5.6),
        height_ratios=[1, 0.2] * len(rows),
        layout="constrained",
    )
    for row, (expression, pictures, answers) in enumerate(rows):
        for column, symmetry in enumerate(SYMMETRY):
            picture, bars = panels[2 * row, column], panels[2 * row + 1, column]
            picture.imshow(pictures[column])
            picture.axis("off")
            if row == 0:
                note = {1.0: "untouched", 0.0: "left side frozen"}.get(symmetry, "")
                picture.set_title(f"s = {symmetry:g}" + (f"  ({note})" if note else ""), fontsize=11)
            bars.barh(range(len(names))[::-1], answers[:, column], color=colours[: len(names)])
            bars.set(xlim=(0, 1.25), yticks=[], xticks=[])
            bars.spines[:].set_visible(False)
            for line, value in enumerate(answers[:, column]):
                where = len(names) - 1 - line
                bars.text(value + 0.03, where, f"{value:.2f}", va="center", fontsize=9)
        panels[2 * row, 0].text(
            -0.06, 0.5, expression, rotation=90, va="center", ha="right", fontsize=12,
            transform=panels[2 * row, 0].transAxes,
        )  # fmt: skip
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in colours[: len(names)]]
    labels = [f"what {name} gives the expression" for name in names]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(names), frameon=False, fontsize=10)
    figure.savefig(path, dpi=110, facecolor="white", format="png")


if __name__ == "__main__":
    main()
