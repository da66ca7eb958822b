"""What a gate found, for machines: JSON, and the JUnit XML that CI systems show as tests."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jaxface.audit.gates import UNMEASURED_STATUS, Limit, Outcome
from jaxface.core.errors import printable
from jaxface.core.io import write_text

_EVERY_LIMIT = "can be judged"
"""Name of the test that every limit asks."""


def write_json(path: Path, run: str, limits: Sequence[Limit], outcomes: Sequence[Outcome]) -> None:
    """Write `{"run", "passed", "limits", "checks"}`; a check has the fields of `Outcome`, null for no number.

    Args:
        run: its folder, or folders.
    """
    checks = [one._asdict() for one in outcomes]
    for check in checks:
        check["value"] = check["value"] if check["value"] == check["value"] else None
    content: dict[str, Any] = {
        "run": run,
        "passed": not any(one.fails for one in outcomes),
        "limits": [str(limit) for limit in limits],
        "checks": checks,
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_junit(path: Path, run: str, outcomes: Sequence[Outcome]) -> None:
    """Write a suite with a test for each limit, classifier and expression.

    What could not be measured is a failure, or skipped where that is allowed.
    """
    failing, skipped = [one for one in outcomes if one.fails], [one for one in outcomes if _is_skipped(one)]
    counts = {"tests": str(len(outcomes)), "failures": str(len(failing)), "skipped": str(len(skipped))}
    suites = ElementTree.Element("testsuites", {"name": "jaxface", **counts, "errors": "0"})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": _text(run), **counts, "errors": "0"})
    for one in outcomes:
        place = [one.expression, one.limit.removeprefix(f"{one.expression}: ") or _EVERY_LIMIT]
        name = {"classname": _text(one.classifier or "jaxface"), "name": _text(": ".join(filter(None, place)))}
        test = ElementTree.SubElement(suite, "testcase", {**name, "time": "0"})
        if one.fails:
            ElementTree.SubElement(test, "failure", {"message": _text(one.message), "type": one.status})
        elif _is_skipped(one):
            ElementTree.SubElement(test, "skipped", {"message": _text(one.message)})
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    write_text(path, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')


def _is_skipped(one: Outcome) -> bool:
    return one.status == UNMEASURED_STATUS and not one.fails


def _text(text: str) -> str:
    """Return text that XML may hold: names come from outside, and may have control characters."""
    return printable(text)
