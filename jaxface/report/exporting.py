"""Write every figure and table of a run as files, for a paper: `jaxface report RUN --figures paper`."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxface.core.errors import printable
from jaxface.core.io import write_bytes, write_text
from jaxface.core.progress import ProgressLike, choose
from jaxface.report import figure_data, figures, methods, tables_of_paper
from jaxface.report.context import ReportContext
from jaxface.report.levels import unchanged_index
from jaxface.report.saliency_maps import ClassifierSaliency, SaliencyMap
from jaxface.report.tables import names

METHODS = "methods.txt"
LONGEST_NAME = 150
"""Bytes of a figure's name, without its suffix."""


def export(
    context: ReportContext, folder: Path, progress: ProgressLike = None, observation: Path | None = None
) -> list[Path]:
    """Write figures as PNG and SVG, tables as CSV and LaTeX, and `methods.txt`; return the paths.

    Args:
        observation: folder of an observation of photographs, for Table 4.
    """
    progress = choose(progress)
    all_figures = list(paper_figures(context))
    tables = tables_of_paper.paper_tables(context.result, context.rows, observation)
    progress.start("figures", len(all_figures))
    paths = []

    def write(name: str, text: str) -> None:
        paths.append(folder / name)
        write_text(paths[-1], text)

    for table in tables:
        write(f"{table.name}.csv", tables_of_paper.as_csv(table))
        write(f"{table.name}.tex", tables_of_paper.as_latex(table))
    write(METHODS, methods.text(context.result))
    for name, figure, description in all_figures:
        file = file_name(name, paths)
        write(f"{file}.svg", figures.standalone(figures.svg(figure, file, description)))
        paths.append(folder / f"{file}.png")
        write_bytes(paths[-1], figures.png(figure))
        progress.advance(1, file)
    progress.close()
    return paths


def file_name(name: str, paths: Sequence[Path] = ()) -> str:
    """Return a figure's name as that of a file: any file system takes it, and none of `paths` has it."""
    file = re.sub(r"[^\w.-]+", "-", printable(name))
    stems = {path.stem for path in paths}
    if len(file.encode()) > LONGEST_NAME or file in stems:
        file = f"{file[:40]}-{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
    return file


def paper_figures(context: ReportContext) -> Iterator[tuple[str, Figure, str]]:
    """Yield name, figure and description of every figure."""
    yield "forest", figure_data.forest(context.result, context.rows), "scores with their intervals"
    for several in (figure_data.curves, figure_data.nulls, figure_data.surfaces, figure_data.impacts):
        for one in several(context.result):
            yield one.name, one.figure, one.description
    yield from solids(context)
    yield from face_sheets(context)
    for explanation in context.saliency:
        yield from saliency_sheets(context, explanation)


def solids(context: ReportContext) -> Iterator[tuple[str, Figure, str]]:
    """Yield Figs. 15-22, and Fig. 3 for each classifier's strongest expression."""
    result = context.result
    dose, time = result.intervention.axes
    indices, labels = figure_data.scored_expressions(result)
    means = figure_data.mean_surfaces(result)
    impacts = np.gradient(means, axis=2)
    largest = float(np.nanmax(np.abs(impacts), initial=1e-9))
    dose_index = unchanged_index(dose)
    strongest = {one.name: one.strongest for one in context.verdicts}
    for index, name in enumerate(names(result.data, "classifier")):
        figure = figures.solids(dose, time, means[index][indices], labels, "probability")
        yield f"surface3d-{name}", figure, f"{name}: mean probability over {time.name} and {dose.name}"
        figure = figures.solids(dose, time, impacts[index][indices], labels, "change per step", largest)
        yield f"impact3d-{name}", figure, f"{name}: change of the mean probability with {dose.name}"
        label = strongest.get(name)
        if label in labels:
            surface = means[index][[indices[labels.index(label)]]]
            flat = np.broadcast_to(surface[:, dose_index : dose_index + 1], surface.shape)
            figure = figures.solids(dose, time, surface, [label], "probability", None, flat)
            yield f"unbiased-{name}", figure, f"{name}: {label}, and the surface of an unbiased classifier"


def face_sheets(context: ReportContext) -> Iterator[tuple[str, Figure, str]]:
    """Yield Figs. 2 and 9-14: averages, their displacements, one person's expressions, the population."""
    if not context.averages:
        return
    columns = list(dict.fromkeys(cell.expression for row in context.averages for cell in row.cells))
    row_names = [row.name for row in context.averages]
    cells = [{cell.expression: cell for cell in row.cells} for row in context.averages]
    pictures = [[row[name].picture if name in row else None for name in columns] for row in cells]
    yield "averages", figures.sheet(pictures, row_names, columns), "average expressions"
    pictures = [[row[name].displacement if name in row else None for name in columns] for row in cells]
    yield "displacement", figures.sheet(pictures, row_names, columns), "displacement of the skin"
    if context.population is not None:
        yield "population", figures.sheet([[context.population]], [""], ["people of the run"]), "neutral faces"
    symbol = context.result.intervention.axes[0].symbol
    for gallery in context.galleries:
        steps = [f"{symbol} = {face.dose}" for face in gallery.strips[0].faces]
        strips = [[strip.faces[step].picture for strip in gallery.strips] for step in range(len(steps))]
        labels = [strip.expression for strip in gallery.strips]
        sheet = figures.sheet(strips, steps, labels)
        yield f"expressions-{gallery.name}", sheet, f"{gallery.name}: expressions of the first person"


def saliency_sheets(
    context: ReportContext, explanation: ClassifierSaliency
) -> Iterator[tuple[str, Figure, str]]:
    """Yield Figs. 23-26 for one classifier."""
    wording = context.result.intervention.wording
    for kind, maps in (("occlusion", explanation.occlusion), ("gradient", explanation.gradient)):
        if not maps:
            continue
        columns = list(dict.fromkeys(one.expression for one in maps))
        keys = [(True, False), (True, True), (False, False), (False, True)]
        face_names = (wording.unchanged_face, wording.changed_face)
        rows = [
            f"{'target' if is_target else 'top class'}, {face_names[is_changed]}"
            for is_target, is_changed in keys
        ]
        pictures = [[_picture(maps, column, *key) for column in columns] for key in keys]
        name = explanation.name
        yield f"{kind}-{name}", figures.sheet(pictures, rows, columns), f"{name}: {kind} maps"


def _picture(
    maps: tuple[SaliencyMap, ...], expression: str, is_target: bool, is_changed: bool
) -> np.ndarray | None:
    """Return the picture that explains the target, or the top class: the same one where they agree."""
    candidates = [one for one in maps if (one.expression, one.is_changed) == (expression, is_changed)]
    matches = [one for one in candidates if one.is_target == is_target] or candidates
    return matches[0].picture if matches else None
