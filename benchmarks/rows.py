"""Print the rows of a comparison, stamped, and add them to a results file, as `jaxface bench` does."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxface.bench.harness import append, results_file, stamp


def write_rows(rows: Iterable[Mapping[str, Any]], suite: str, out: Path | None) -> None:
    """Print each row as a JSON line.

    Args:
        suite: start of the name of a dated results file.
        out: a .jsonl file, or a folder for dated files; None = print only.
    """
    path = None if out is None else results_file(out, suite)
    for row in rows:
        stamped_row = stamp(row)
        print(json.dumps(stamped_row), flush=True)
        if path is not None:
            append(path, stamped_row)
