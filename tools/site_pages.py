"""Hooks of mkdocs: pages that lie beside `docs/`, and links that leave it.

README, CONTRIBUTING and CHANGELOG are pages of the site, read from where they are. A link to another file of
the repository becomes plain text, since the site does not hold it.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the repository, and their pages."""

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie beside `docs/`."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page whose links lead to pages of the site."""
    sources = {page: source for source, page in PAGES.items()}
    path = page.file.src_uri
    source = sources.get(path, posixpath.join("docs", path))
    return LINK.sub(lambda match: _link(match, posixpath.dirname(source), posixpath.dirname(path)), markdown)


def _link(match: re.Match[str], source_folder: str, page_folder: str) -> str:
    image, text, target, anchor = match.groups()
    path = posixpath.normpath(posixpath.join(source_folder, target))
    if path in PAGES:
        inside = PAGES[path]
    elif path.startswith("docs/"):
        inside = path.removeprefix("docs/")
    else:
        return text  # a file of the repository alone
    return f"{image}[{text}]({posixpath.relpath(inside, page_folder or '.')}{anchor or ''})"
