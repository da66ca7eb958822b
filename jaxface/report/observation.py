"""The report of an observation: figures, and one HTML file that asks the network for nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from markupsafe import Markup

from jaxface import __version__
from jaxface.audit.observe import ObserveResult, crops
from jaxface.audit.observe.analysis import Curve
from jaxface.audit.observe.runner import serializable_config
from jaxface.audit.observe.sampling import groups
from jaxface.core.config import dump_toml
from jaxface.core.io import write_bytes, write_text
from jaxface.report import image_encoding, observation_figures, observation_tables, prose
from jaxface.report.figures import COLOURS
from jaxface.report.observation_tables import feature_words, mark, subset_words
from jaxface.report.template import render
from jaxface.report.text import fixed, p_value, percent, signed

SHEET = "crops.png"
_SHOWN = 8  # crops of each group


def write_observation(result: ObserveResult) -> Path:
    """Write observe.html and figures/*.svg and *.png into the run's folder; returns the page.

    Photographs are shown, and crops.png is written, only where `config.pictures` asks for it.
    """
    drawn = figures(result)
    sheet = crop_sheet(result) if result.config.pictures else None
    if sheet is not None:
        image_encoding.save_png(result.folder / SHEET, image_encoding.sheet(*sheet))
    path = result.folder / "observe.html"
    write_text(path, page(result, drawn, sheet))
    return path


def figures(result: ObserveResult) -> dict[str, str]:
    """Draw all figures into `figures/`, as SVG and PNG; their SVG by name."""
    known = groups(result.photographs)
    found = {}
    for expression in result.config.expressions:
        parts = [part for part in result.distributions if part.expression == expression]
        own = [part for part in parts if part.label == expression] or parts
        if own:
            found[f"distribution-{expression}"] = observation_figures.distributions(own, known, expression)
    for curve in result.curves:
        if len(curve.feature):
            found[curve_name(curve)] = observation_figures.regression(curve, known)
    drawn = {}
    for name, figure in found.items():
        drawn[name] = observation_figures.as_svg(figure, name)
        ink = (
            drawn[name]
            .replace("currentColor", "#000")
            .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
        )
        write_text(result.folder / "figures" / f"{name}.svg", ink)
        write_bytes(result.folder / "figures" / f"{name}.png", observation_figures.as_png(figure))
    return drawn


def curve_name(curve: Curve) -> str:
    """The name of a regression's figure: letters, digits and hyphens."""
    return re.sub(r"[^\w.]+", "-", f"regression-{curve.classifier}-{curve.expression}-{curve.name}")


def crop_sheet(result: ObserveResult) -> tuple[np.ndarray, list[str]]:
    """The first crops of each group, as classifiers saw them, (G, 8, size, size, 3), and the groups' names."""
    table = result.photographs
    known, rows = groups(table), []
    for group in known:
        members = [
            i for i, name in enumerate(table.group) if name == group and not result.measurements.reason[i]
        ]
        # one after another of each label
        members.sort(key=lambda i: (sum(table.label[j] == table.label[i] for j in range(i)), table.label[i]))
        row = [_crop(result, index) for index in members[:_SHOWN]]
        blank = np.ones((result.config.crop.size, result.config.crop.size, 3), np.float32)
        rows.append(np.stack(row + [blank] * (_SHOWN - len(row))))
    return np.stack(rows), list(known)


def _crop(result: ObserveResult, index: int) -> np.ndarray:
    table = result.photographs
    image = crops.load_photograph(table.folder / table.path[index])
    return crops.crop(image, result.config.crop, table.eyes(index), table.boxes[index])


def page(result: ObserveResult, drawn: dict[str, str], sheet: tuple[np.ndarray, list[str]] | None) -> str:
    """The report as HTML text."""
    table, config = result.photographs, result.config
    known = groups(table)
    curves = [Markup(drawn[curve_name(c)]) for c in result.curves if curve_name(c) in drawn]
    violins = [Markup(text) for name, text in drawn.items() if name.startswith("distribution-")]
    faces = (
        []
        if sheet is None
        else [(name, [image_encoding.png_uri(one) for one in row]) for row, name in zip(*sheet, strict=True)]
    )
    people = len(set(table.person)) if table.person is not None else None
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
        },
        version=__version__,
        title="Asymmetric faces before " + ", ".join(observation_tables.classifiers(result)),
        headline=headline(result),
        groups=[{"name": name, "colour": COLOURS[i % 7]} for i, name in enumerate(known)],
        classifiers=observation_tables.classifiers(result),
        significance=observation_tables.significance(result),
        accuracy=observation_tables.accuracy(result),
        rows=result.rows,
        violins=violins,
        curves=curves,
        faces=faces,
        left_out=result.left_out,
        photographs=len(table),
        people=people,
        repeated=people is not None and people < len(table),
        skipped=result.skipped,
        ignored=table.ignored,
        run=config,
        environment=prose.environment(prose.read_environment(result.folder)),
        config=dump_toml(serializable_config(config)),
    )


def headline(result: ObserveResult) -> list[str]:
    """What was done and found, in two or three sentences with figures."""
    table = result.photographs
    sizes = ", ".join(f"{table.group.count(name)} {name}" for name in groups(table))
    tested = [v for v in result.rows if v.dependent is not None]
    found = [v for v in tested if v.dependent]
    return [
        f"{len(table)} photographs ({sizes}), {len(result.left_out)} of them left out.",
        f"In {len(found)} of {len(tested)} combinations of classifier, logit, feature and samples most tests "
        "reject that logit and feature are independent.",
        "This is an association: whatever else goes along with the feature may be the reason. An audit, which "
        "changes nothing but symmetry, tells more.",
    ]
