"""What exactly was run, as a paragraph for a paper, with its references."""

import re
from typing import Any

from jaxface import __version__
from jaxface.audit import AuditResult
from jaxface.report import prose
from jaxface.report.tables import names, searches
from jaxface.report.template import read, render_text
from jaxface.report.text import plural
from jaxface.stats import CORRECTIONS, SCHEMES

_SEARCHES = {
    "differential-evolution": "differential evolution",
    "gradient": "Adam through the differentiable renderer",
    "hybrid": "Adam through the renderer, then differential evolution where that had not succeeded",
    "prototype": "nothing: they were the head's hand-set ones",
}


def paragraph(result: AuditResult) -> str:
    """Return the methods paragraph, in the past tense, with every figure from the run's config."""
    config, intervention = result.config, result.intervention
    text = render_text(
        "methods.txt",
        {"many": plural},
        version=__version__,
        classifiers=names(result.data, "classifier"),
        expressions=names(result.data, "expression"),
        head=result.data.attrs["head"],
        people_note=result.data.attrs.get("people", {}).get("note", ""),
        run=config,
        search=search(result),
        intervention=intervention,
        dose=intervention.axes[0],
        procedure=prose.past_procedure(result),
        grid=prose.grid(result),
        estimator=prose.estimator(result),
        scheme=SCHEMES[config.scheme].methods_text,
        correction=prose.correction(result),
        failures=result.failures,
        machine=machine(result),
    )
    return " ".join(text.split())


def search(result: AuditResult) -> str:
    """Return how the faces were searched; which classifiers otherwise than the others."""
    words = _SEARCHES.get(result.config.search.method, "")
    by_gradient, by_evolution = searches(result)
    if by_gradient and by_evolution:
        words += f" ({', '.join(by_evolution)}, outside of JAX: differential evolution alone)"
    return words


def machine(result: AuditResult) -> str:
    """Return the machine of the run in a few words."""
    facts: dict[str, Any] = prose.read_environment(result.folder)
    if not facts:
        return "unknown"
    versions = facts.get("versions", {})
    parts = [
        f"{facts.get('cores', '?')} cores",
        ", ".join(sorted({prose.device(name) for name in facts.get("devices", [])})),
    ]
    parts += [f"{name} {versions[name]}" for name in ("jax", "flax") if name in versions]
    return "; ".join(part for part in parts if part)


def citations(result: AuditResult) -> str:
    """Return BibTeX entries of the methods that this run used."""
    config = result.config
    keys = ["buechner-facing-asymmetry", "jaxface", "jax", "hartigan1969", "hall1992", "zeiler2014"]
    keys.append(CORRECTIONS[config.correction].citation)
    if config.search.method in ("differential-evolution", "hybrid"):
        keys.append("storn1997")
    if config.search.method in ("gradient", "hybrid"):
        keys.append("kingma2015adam")
    entries = read("citations.bib").strip().split("\n\n")
    matches = [re.match(r"@\w+\{([^,]+),", entry) for entry in entries]
    return "\n\n".join(
        entry for match, entry in zip(matches, entries, strict=True) if match is not None and match[1] in keys
    )


def text(result: AuditResult) -> str:
    """Return the file `methods.txt`."""
    return f"{paragraph(result)}\n\nReferences (BibTeX)\n\n{citations(result)}\n"
