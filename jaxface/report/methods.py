"""What exactly was run, as a paragraph for a paper, and whose methods they are."""

from __future__ import annotations

import re
from typing import Any

from jaxface import __version__
from jaxface.audit.result import AuditResult
from jaxface.report import prose
from jaxface.report.prose import ESTIMATORS
from jaxface.report.tables import names
from jaxface.report.template import read, render_text
from jaxface.report.text import plural

_SCHEMES = {
    "per-time": "within each time step, answers were shuffled over the symmetry steps, independently of the "
    "other time steps (Algorithm 1 of Facing Asymmetry; it treats neighbouring time steps as independent)",
    "whole-row": "whole curves over time were exchanged between symmetry steps",
    "slope": "whole curves over time were exchanged between symmetry steps, and judged by their slope",
}
_SEARCHES = {
    "differential-evolution": "differential evolution",
    "gradient": "Adam through the differentiable renderer",
    "hybrid": "Adam through the renderer, then differential evolution where that had not succeeded",
}


def paragraph(result: AuditResult) -> str:
    """The methods paragraph, in the past tense, every figure from the run's config."""
    config = result.config
    told = render_text(
        "methods.txt",
        {"many": plural},
        version=__version__,
        classifiers=names(result.data, "classifier"),
        expressions=names(result.data, "expression"),
        head=result.data.attrs["head"],
        run=config,
        search=_SEARCHES[config.search.method],
        estimator=ESTIMATORS[config.estimator],
        scheme=_SCHEMES[config.scheme],
        failures=result.failures,
        machine=machine(result),
    )
    return " ".join(told.split())


def machine(result: AuditResult) -> str:
    """Where it ran, in a few words."""
    facts: dict[str, Any] = prose.read_environment(result.folder)
    if not facts:
        return "unknown"
    versions = facts.get("versions", {})
    said = [f"{facts.get('cores', '?')} cores", ", ".join(sorted(set(facts.get("devices", []))))]
    said += [f"{name} {versions[name]}" for name in ("jax", "flax") if name in versions]
    return "; ".join(part for part in said if part)


def citations(result: AuditResult) -> str:
    """BibTeX of the methods that this run used."""
    config = result.config
    wanted = ["buechner-facing-asymmetry", "jaxface", "jax", "efron1987bca", "zeiler2014"]
    wanted.append("holm1979" if config.correction == "holm" else "benjamini1995")
    if config.search.method != "gradient":
        wanted.append("storn1997")
    if config.search.method != "differential-evolution":
        wanted.append("kingma2015adam")
    entries = read("citations.bib").strip().split("\n\n")
    keys = [re.match(r"@\w+\{([^,]+),", entry) for entry in entries]
    return "\n\n".join(
        entry for key, entry in zip(keys, entries, strict=True) if key is not None and key[1] in wanted
    )


def text(result: AuditResult) -> str:
    """The file `methods.txt`."""
    return f"{paragraph(result)}\n\nReferences (BibTeX)\n\n{citations(result)}\n"
