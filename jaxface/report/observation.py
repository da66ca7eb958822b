"""The report of an observation: figures, and one HTML file that requests nothing from the network."""

import functools
import re
from pathlib import Path

import numpy as np
from markupsafe import Markup

from jaxface import __version__
from jaxface.audit.observe import ObserveResult, crops, sides
from jaxface.audit.observe.analysis import Curve
from jaxface.audit.observe.runner import serializable_config
from jaxface.audit.observe.sampling import groups
from jaxface.core.config import dump_toml
from jaxface.core.io import write_bytes, write_text
from jaxface.report import (
    image_encoding,
    observation_faces,
    observation_figures,
    observation_tables,
    prose,
)
from jaxface.report.figures import colour, png, standalone
from jaxface.report.observation_tables import feature_words, mark, subset_words
from jaxface.report.page_text import whole_names
from jaxface.report.template import render
from jaxface.report.text import fixed, p_value, percent, signed

SHEET = "crops.png"
_CROPS = 8  # crops of each group


def write_observation(result: ObserveResult) -> Path:
    """Write observe.html and figures/*.svg and *.png into the run's folder, and return the page's path.

    Photographs are shown, and crops.png is written, only if `config.pictures` is set.
    """
    svgs = write_figures(result)
    sheet = crop_sheet(result) if result.config.pictures else None
    if sheet is not None:
        image_encoding.save_png(result.folder / SHEET, image_encoding.sheet(*sheet))
    path = result.folder / "observe.html"
    write_text(path, page(result, svgs, sheet))
    return path


def write_figures(result: ObserveResult) -> dict[str, str]:
    """Write all figures into `figures/`, as SVG and PNG; return their SVG by name."""
    group_names = groups(result.photographs)
    all_figures = {}
    for expression in result.config.expressions:
        parts = [part for part in result.distributions if part.expression == expression]
        matching = [part for part in parts if part.label == expression] or parts
        if matching:
            figure = observation_figures.distributions(matching, group_names, expression)
            all_figures[f"distribution-{expression}"] = figure
    for curve in result.curves:
        if len(curve.feature):
            all_figures[curve_name(curve)] = observation_figures.regression(curve, group_names)
    svgs = {}
    for name, figure in all_figures.items():
        svgs[name] = observation_figures.as_svg(figure, name)
        write_text(result.folder / "figures" / f"{name}.svg", standalone(svgs[name]))
        write_bytes(result.folder / "figures" / f"{name}.png", png(figure))
    return svgs


def curve_name(curve: Curve) -> str:
    """Return the name of a regression's figure: letters, digits and hyphens."""
    return re.sub(r"[^\w.]+", "-", f"regression-{curve.classifier}-{curve.expression}-{curve.name}")


def crop_sheet(result: ObserveResult) -> tuple[np.ndarray, list[str]]:
    """Return the first crops of each group, (G, 8, size, size, 3), as classifiers saw them, and the groups."""
    table = result.photographs
    group_names, rows = groups(table), []
    for group in group_names:
        members = [
            i for i, name in enumerate(table.group) if name == group and not result.measurements.reason[i]
        ]
        # the labels take turns
        members.sort(key=lambda i: (sum(table.label[j] == table.label[i] for j in range(i)), table.label[i]))
        row = [_crop(result, index) for index in members[:_CROPS]]
        blank = np.ones((result.config.crop.size, result.config.crop.size, 3), np.float32)
        rows.append(np.stack(row + [blank] * (_CROPS - len(row))))
    return np.stack(rows), list(group_names)


def _crop(result: ObserveResult, index: int) -> np.ndarray:
    table = result.photographs
    image = crops.load_photograph(table.folder / table.path[index])
    return crops.crop(image, result.config.crop, table.eyes(index), table.boxes[index])


def page(result: ObserveResult, svgs: dict[str, str], sheet: tuple[np.ndarray, list[str]] | None) -> str:
    """Return the report as HTML text.

    Args:
        svgs: figures by name.
        sheet: of `crop_sheet`; None = show no photographs.
    """
    table, config = result.photographs, result.config
    curves = [Markup(svgs[curve_name(c)]) for c in result.curves if curve_name(c) in svgs]
    violins = [Markup(text) for name, text in svgs.items() if name.startswith("distribution-")]
    faces = (
        []
        if sheet is None
        else [(name, [image_encoding.png_uri(one) for one in row]) for row, name in zip(*sheet, strict=True)]
    )
    marked = observation_faces.marked_crops(result) if config.pictures else []
    people = len(set(table.people)) if table.people is not None else None
    return render(
        "observe",
        {
            "signed": signed,
            "fixed": fixed,
            "percent": percent,
            "p_value": p_value,
            "mark": mark,
            "feature": feature_words,
            "subset": subset_words,
            "whole_names": functools.partial(whole_names, names=observation_tables.classifiers(result)),
        },
        version=__version__,
        title="Facial asymmetry and the answers of " + ", ".join(observation_tables.classifiers(result)),
        finding=observation_tables.finding(result),
        headline=headline(result),
        groups=[{"name": name, "colour": colour(i)} for i, name in enumerate(groups(table))],
        classifiers=observation_tables.classifiers(result),
        significance=observation_tables.significance(result),
        accuracy=observation_tables.accuracy(result),
        rows=result.rows,
        violins=violins,
        curves=curves,
        faces=faces,
        left_out=result.left_out,
        located=int(np.isfinite(table.quality["score"]).sum()) if table.quality else 0,
        sides=result.sides,
        number=observation_faces.number,
        doubts=[(table.path[row], words) for row, words in sides.doubts(table, result.measurements)],
        marked=[(words, image_encoding.png_uri(crop / np.float32(255))) for words, crop in marked],
        photographs=len(table),
        people=people,
        repeated=people is not None and people < len(table),
        skipped=result.skipped,
        ignored=table.ignored,
        notes=table.notes,
        run=config,
        environment=prose.environment(prose.read_environment(result.folder)),
        config=dump_toml(serializable_config(config)),
    )


def headline(result: ObserveResult) -> list[str]:
    """Return sentences with figures: what was done and found, and a warning where crops may show no face."""
    table = result.photographs
    sizes = ", ".join(f"{table.group.count(name)} {name}" for name in groups(table))
    tests = [row for row in result.rows if row.dependent is not None]
    dependent = [row for row in tests if row.dependent]
    warning = observation_tables.framing_text(result)
    return [
        *([warning] if warning else []),
        f"{len(table)} photographs ({sizes}), {len(result.left_out)} of them left out.",
        f"In {len(dependent)} of {len(tests)} combinations of classifier, logit, feature and samples most "
        "tests reject the independence of logit and feature.",
        "This is an association, which other properties of the faces may explain. An audit changes nothing but "
        "the symmetry, and can tell more.",
    ]
