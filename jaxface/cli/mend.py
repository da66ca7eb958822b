"""`jaxface mend`: from a classifier to one that depends less on what an intervention changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

import jaxface as jf
from jaxface.cli import options, preflight
from jaxface.core import progress, runtime
from jaxface.data.registry import require_reader
from jaxface.mending.config import MendConfig

if TYPE_CHECKING:
    from jaxface.mending import MendResult


@dataclass(frozen=True)
class Mend(options.Quiet):
    """Fine-tune a classifier until its answers depend less on what an intervention changes.

    Writes OUT/card.toml and its weights, the curve of all candidates (curve.csv), the numbers before and
    after (mend.csv, mend.json), and the audits OUT/before and OUT/after of people whom nothing was trained
    on. The same command resumes what was stopped. Exits with 1 where no candidate qualifies.
    """

    settings: Annotated[MendConfig, tyro.conf.arg(name="")] = field(default_factory=MendConfig)

    config: str | None = None
    """TOML file with these settings; flags override it."""

    out: Path | None = None
    """Folder of the result; none = runs/ and the config's name, or runs/mend."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse(Mend(), "mend", argv)
    settings = command.settings
    preflight.check_classifiers([settings.classifier])
    preflight.check_interventions((*settings.against, *settings.watch))
    preflight.check_head(settings.head)
    if settings.test_head.head:
        preflight.check_head(settings.test_head.head)
    if settings.data is not None:
        require_reader(settings.data)
    folder = command.out or options.run_folder(command.config, "mend")
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    meter = progress.for_terminal(command.quiet, hint="the first ones are compiled and take longer")
    result = jf.mending.mend(settings, folder, meter)
    print(curve_text(result))
    if result.choice is None:
        print(
            f"\nno candidate has less bias within {settings.max_loss_of_accuracy:g} of accuracy and "
            f"{settings.max_loss_of_agreement:g} of agreement: the original is kept, and {folder} holds no "
            "classifier; try --part, --methods, more --people or a smaller --alpha"
        )
        return 1
    print(f"\n{before_after_text(result)}\n")
    for name in settings.against:
        print(f"jaxface report {folder / 'before' / name} {folder / 'after' / name}")
    print(f"{folder}: jaxface audit --classifiers {folder}")
    return 0


def curve_text(result: "MendResult") -> str:
    """Return the curve of utility against bias as a table; the choice has a star."""
    from jaxface.report.tables import text_table

    rows = result.curve
    columns = ["alpha", "choice", *(name for name in rows[0] if name not in ("alpha", "within"))]
    lines = []
    for index, row in enumerate(rows):
        is_choice = result.choice is not None and index == result.choice + 1
        note = (
            "*"
            if is_choice
            else f"loses too much {result.candidates[index - 1].loss}"
            if not row["within"]
            else ""
        )
        name = "original" if not index else f"{row['alpha']:g}"
        lines.append([name, note, *(f"{row[column]:.4f}" for column in columns[2:])])
    return text_table([name.replace("_", " ") for name in columns], lines)


def before_after_text(result: "MendResult") -> str:
    """Return the numbers before and after as a table."""
    from jaxface.report.tables import text_table

    people = "people by whom nothing was chosen"
    lines = [[name, "", f"{before:.4f}", f"{after:.4f}"] for name, before, after in result.rows]
    return text_table([people, "", "before", "after"], lines)
