"""Every figure and table of a run as files, for a paper: `jaxface report RUN --figures paper`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxface.core.io import write_bytes, write_text
from jaxface.core.progress import NullProgress, Progress
from jaxface.report import figure_data, figures, methods, tables_of_paper
from jaxface.report.context import ReportContext
from jaxface.report.saliency_maps import ClassifierSaliency, SaliencyMap
from jaxface.report.tables import names

METHODS = "methods.txt"


def export(material: ReportContext, folder: Path, progress: Progress | None = None) -> list[Path]:
    """Write figures as PNG and SVG, tables as CSV and LaTeX, and `methods.txt`; returns what was written."""
    progress = progress or NullProgress()
    made = list(drawn(material))
    tables = tables_of_paper.paper_tables(material.result, material.rows)
    progress.start("figures", len(made))
    paths = []

    def write(name: str, text: str) -> None:
        paths.append(folder / name)
        write_text(paths[-1], text)

    for table in tables:
        write(f"{table.name}.csv", tables_of_paper.as_csv(table))
        write(f"{table.name}.tex", tables_of_paper.as_latex(table))
    write(METHODS, methods.text(material.result))
    for name, figure, about in made:
        file = re.sub(r"[^\w.-]+", "-", name)
        write(f"{file}.svg", figures.standalone(figures.svg(figure, file, about)))
        paths.append(folder / f"{file}.png")
        write_bytes(paths[-1], figures.png(figure))
        progress.advance(1, file)
    progress.close()
    return paths


def drawn(material: ReportContext) -> Iterator[tuple[str, Figure, str]]:
    """Name, figure and what it shows."""
    result = material.result
    yield "forest", figure_data.forest(result, material.rows), "scores with their intervals"
    for some in (material.curves, material.nulls, material.surfaces, material.impacts):
        for one in some:
            yield one.name, one.figure, one.about
    yield from solids(material)
    yield from face_sheets(material)
    for explained in material.explained:
        yield from saliency_sheets(explained)


def solids(material: ReportContext) -> Iterator[tuple[str, Figure, str]]:
    """Figs. 15-22, and Fig. 3 for each classifier's strongest expression."""
    result = material.result
    known = figure_data.known_expressions(result)
    every = figure_data.mean_surfaces(result)
    symmetry, time = result.data["symmetry"].values, result.data["time"].values
    impacts = np.gradient(every, axis=2)
    largest = float(np.nanmax(np.abs(impacts), initial=1e-9))
    some, labels = [index for index, _ in known], [label for _, label in known]
    strongest = {one.name: one.strongest for one in material.verdicts}
    for index, name in enumerate(names(result.data, "classifier")):
        drawn = figures.solids(symmetry, time, every[index][some], labels, "probability")
        yield f"surface3d-{name}", drawn, f"{name}: mean probability over time and symmetry"
        drawn = figures.solids(symmetry, time, impacts[index][some], labels, "change a step", largest)
        yield f"impact3d-{name}", drawn, f"{name}: change of the mean probability with symmetry"
        if strongest.get(name) in labels:
            chosen = every[index][[index_ for index_, label in known if label == strongest[name]]]
            unbiased = np.broadcast_to(chosen[:, -1:], chosen.shape)
            drawn = figures.solids(symmetry, time, chosen, [strongest[name]], "probability", None, unbiased)
            yield f"unbiased-{name}", drawn, f"{name}: {strongest[name]} and what no bias would look like"


def face_sheets(material: ReportContext) -> Iterator[tuple[str, Figure, str]]:
    """Figs. 2 and 9-14: the averages and where they move, the first person's expressions, the population."""
    if not material.averages:
        return
    columns = list(dict.fromkeys(cell.expression for row in material.averages for cell in row.cells))
    for kind, about in (("picture", "average expressions"), ("moved", "how far the skin moves")):
        pictures = [
            [
                next((getattr(cell, kind) for cell in row.cells if cell.expression == column), None)
                for column in columns
            ]
            for row in material.averages
        ]
        name = "averages" if kind == "picture" else "displacement"
        yield name, figures.sheet(pictures, [row.name for row in material.averages], columns), about
    if material.population is not None:
        yield "population", figures.sheet([[material.population]], [""], ["people of the run"]), "neutral faces"
    for gallery in material.galleries:
        steps = [f"s = {face.symmetry}" for face in gallery.strips[0].faces]
        pictures = [[strip.faces[step].picture for strip in gallery.strips] for step in range(len(steps))]
        labels = [strip.expression for strip in gallery.strips]
        sheet = figures.sheet(pictures, steps, labels)
        yield f"expressions-{gallery.name}", sheet, f"{gallery.name}: expressions of the first person"


def saliency_sheets(explained: ClassifierSaliency) -> Iterator[tuple[str, Figure, str]]:
    """Figs. 23-26 for one classifier."""
    for kind, explanations in (("occlusion", explained.occlusion), ("gradient", explained.gradient)):
        if not explanations:
            continue
        columns = list(dict.fromkeys(one.expression for one in explanations))
        wanted = [(True, 1.0), (True, 0.0), (False, 1.0), (False, 0.0)]
        named = {True: "target", False: "first answer"}
        rows = [f"{named[target]}, s = {symmetry:g}" for target, symmetry in wanted]
        pictures = [
            [_find(explanations, column, target, symmetry) for column in columns] for target, symmetry in wanted
        ]
        sheet = figures.sheet(pictures, rows, columns)
        yield f"{kind}-{explained.name}", sheet, f"{explained.name}: what its answers hang on"


def _find(
    explanations: tuple[SaliencyMap, ...], expression: str, target: bool, symmetry: float
) -> np.ndarray | None:
    """The picture that explains the target, or the first answer: the same one where they agree."""
    own = [one for one in explanations if (one.expression, one.symmetry) == (expression, symmetry)]
    chosen = [one for one in own if one.target == target] or own
    return chosen[0].picture if chosen else None
