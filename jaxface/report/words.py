"""The sentences of the report: what was found, and what exactly was run."""

from __future__ import annotations

from typing import Any

from jaxface.audit.result import AuditResult
from jaxface.report.tables import ScoreRow, names


def title(result: AuditResult) -> str:
    """The report's heading."""
    known = names(result.data, "classifier")
    shown = ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
    return f"Symmetry and the answers of {shown}"


def head(result: AuditResult) -> str:
    """Which head it was, and whose."""
    known = result.data.attrs["head"]
    return f"{known['name']}; licence {known['licence']}; {known['source']}"


def environment(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What the run noted of its machine, in words."""
    if not facts:
        return [("unknown", "environment.json is missing")]
    shown = [
        ("command", " ".join(facts.get("command", []))),
        ("devices", ", ".join(facts.get("devices", []))),
        ("machine", f"{facts.get('platform', '?')}, {facts.get('cores', '?')} cores"),
        ("commit", str(facts.get("commit") or "not a checkout")),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())),
    ]
    if facts.get("resumed"):
        shown.append(("resumed", f"{len(facts['resumed'])} times in another environment"))
    return shown
