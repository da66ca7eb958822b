"""The code in the documents: fenced and indented blocks of README, docs and tutorials."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *TUTORIALS]

_FENCE = re.compile(
    r'^(<!-- not run: [^\n]*-->\n)?```(\w+)?(?: title="([^"]+)")?[^\n]*\n(.*?)^```', re.MULTILINE | re.DOTALL
)
_INDENTED = re.compile(r"^    (jaxface .*(?:\\\n.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the file that it is to be saved as ("" = none), and its text.

    `runs` is whether it can be run here: a comment "not run: needs ..." before it says why not.
    """

    page: Path
    language: str
    title: str
    text: str
    runs: bool = True

    @property
    def commands(self) -> list[str]:
        """The lines of a block of shell commands, without comments; continued lines are one."""
        joined = re.sub(r"\s*\\\n\s*", " ", self.text)
        lines = [re.sub(r"\s#\s.*$", "", line).strip() for line in joined.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, and the lines of `jaxface` in indented ones, in order."""
    text = page.read_text()
    fenced = [
        (match.start(), Block(page, match[2] or "", match[3] or "", match[4], runs=match[1] is None))
        for match in _FENCE.finditer(text)
    ]
    outside = _FENCE.sub(lambda match: "\n" * len(match[0]), text)
    indented = [
        (match.start(), Block(page, "bash", "", match[1] + "\n")) for match in _INDENTED.finditer(outside)
    ]
    return [block for _, block in sorted([*fenced, *indented], key=lambda item: item[0])]


def notebook_cells(notebook: Path) -> list[dict[str, Any]]:
    """The code cells of a notebook, with "source" as one text."""
    cells = json.loads(notebook.read_text())["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in cells if cell["cell_type"] == "code"]


def jaxface_commands() -> Iterator[tuple[str, list[str]]]:
    """(place, arguments) of every `jaxface` command in the documents and in the heads of the configs."""
    for page in PAGES:
        for block in blocks(page):
            if block.language in ("bash", "sh"):
                for line in block.commands:
                    yield from _arguments(page.relative_to(ROOT), line)
    for config in sorted((ROOT / "configs").glob("*.toml")):
        for line in re.findall(r"^# Run: (.*)$", config.read_text(), re.MULTILINE):
            yield from _arguments(config.relative_to(ROOT), re.sub(r"\s{2,}\(.*\)$|[\[\]]", "", line))


def _arguments(place: Path, line: str) -> Iterator[tuple[str, list[str]]]:
    for command in line.split(" && "):
        words = shlex.split(command)
        if words[:1] == ["jaxface"]:
            yield f"{place}: {command}", words[1:]
