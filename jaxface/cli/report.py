"""`jaxface report`: the HTML report of a finished run, or the comparison of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

import jaxface as jf
from jaxface.audit import gates
from jaxface.cli import gate, options
from jaxface.core import progress, run_folder, runtime
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Report(gate.Gate, options.Quiet):
    """Write the HTML report of a finished run and print its scores, or compare two runs."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Folder of a run; with a second folder, the two runs are compared person by person."""

    out: Path | None = None
    """Folder for report.html, or the name of an .html file; none = the run's folder."""

    saliency: Literal["none", "occlusion", "full"] = "occlusion"
    """Saliency maps: none, occlusion, or full, with gradients on the head."""

    figures: Literal["none", "paper"] = "none"
    """paper: also write every figure as PNG and SVG, every table as CSV and LaTeX, and methods.txt, into
    figures/ beside the report."""

    observation: Path | None = None
    """Folder of `jaxface observe` on photographs: the other half of Table 4 (--figures paper)."""

    model_card: Path | None = None
    """Folder of a classifier of the run: put its results into its README.md, as the Hugging Face Hub shows
    them (model-index)."""

    fail_on: tuple[str, ...] = ()
    """With two runs: exit with 1 when the second exceeds a limit on the change within people, such as
    "score increase>0.005"; also "score increase high", "score increase mean", "accuracy drop", "activation
    drop". With one run: as of `jaxface audit`; a report that is there is kept. "happiness: score
    increase>0.005" checks one expression."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse_flags(Report(), "report", argv)
    if len(command.runs) not in (1, 2):
        raise ConfigError("report needs the folder of one run, or of two: jaxface report runs/quick")
    surveys = [(folder / run_folder.SURVEY_SETTINGS).is_file() for folder in command.runs]
    if command.model_card is not None and (len(surveys) == 2 or any(surveys)):
        raise ConfigError("--model-card takes the results of one run: name the folder of an audit")
    if surveys == [True]:
        return _report_survey(command)
    known = gates.MEASURES if len(command.runs) == 1 else gates.CHANGES
    limits = gate.parse(command, command.fail_on, tuple(known))
    for folder in command.runs:
        run_folder.read_settings(folder, "run")
    results = [jf.audit.load(folder) for folder in command.runs]
    runtime.enable_compile_cache()
    name = "report.html" if len(results) == 1 else "comparison.html"
    out = command.out
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        out = out / name
    if len(results) == 2:
        path = jf.report.write_comparison(results[0], results[1], out)
        print(jf.report.comparison_table(results[0], results[1]))
    else:
        meter = progress.for_terminal(command.quiet)
        path = jf.report.write(
            results[0],
            out,
            meter,
            command.saliency,
            command.figures,
            command.observation,
            keep=bool(limits),
        )
        print(jf.report.score_table(results[0]))
        if command.model_card is not None:
            print(f"\nmodel card: {jf.report.write_model_index(results[0], command.model_card)}")
        if command.figures == "paper":
            print(f"\nfigures: {path.parent / 'figures'}")
    print(f"\nreport: {path}")
    if not limits:
        return 0
    if len(results) == 1:
        outcomes = gates.judge(limits, results[0].summary, command.allow_unmeasured)
    else:
        from jaxface.audit.changes import changes_between

        outcomes = gates.judge_changes(limits, changes_between(*results), command.allow_unmeasured)
    gate.write_files(command, " and ".join(map(str, command.runs)), limits, outcomes)
    return gate.exit_code(outcomes)


def _report_survey(command: Report) -> int:
    """Write the page of a survey, print its table, and return the exit code."""
    result = jf.audit.load_survey(command.runs[0])
    limits = gate.parse(command, command.fail_on, gates.survey_measures(result.design.names))
    runtime.enable_compile_cache()
    out = command.out
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        out = out / "report.html"
    path = jf.report.write_survey(result, out, progress.for_terminal(command.quiet), command.figures)
    print(jf.report.survey_table(result))
    print(f"\nreport: {path}")
    outcomes = gates.judge_survey(limits, result.effects, command.allow_unmeasured)
    if limits:
        gate.write_files(command, str(command.runs[0]), limits, outcomes)
    return gate.exit_code(outcomes)
