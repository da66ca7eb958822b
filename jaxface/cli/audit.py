"""`jaxface audit`: a whole run, from a config to scores and a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

import jaxface as jf
from jaxface.audit import AuditConfig, gates
from jaxface.audit.designs import design, is_survey
from jaxface.audit.like_config import LikeConfig
from jaxface.cli import gate, options, preflight
from jaxface.core import processes, progress, runtime
from jaxface.core.errors import ConfigError

if TYPE_CHECKING:
    from jaxface.audit import costs


@dataclass(frozen=True)
class Audit(gate.Gate, options.Quiet):
    """If only the symmetry of the face changes, how do these classifiers' answers change?

    Prints the scores and writes OUT/report.html, the tables as CSV, run.toml, environment.json and
    surfaces.zarr. The same command resumes a run that was stopped.
    """

    settings: Annotated[AuditConfig, tyro.conf.arg(name="")] = field(default_factory=AuditConfig)

    config: str | None = None
    """TOML file, or the name of a bundled config: quick, survey, paper, paper-strict, smoke.
    Flags override it."""

    out: Path | None = None
    """Folder of the run; none = runs/ and the config's name."""

    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the amount of work and an estimate of its time, and do nothing."""

    fail_on: tuple[str, ...] = ()
    """Exit with 1 when a classifier and expression exceeds a limit: "score>0.01", where a test over people says
    so; "score high>0.01" unless the test rules it out; also "score mean", "significant" (share of people),
    "accuracy drop", "activation<0.9", "failures". "happiness: score>0.01" checks one expression. Of several
    interventions: "skin_tone>0.05", the change of the probability at its far end; also "skin_tone high",
    "skin_tone mean", "skin_tone flips"."""

    coordinator: str | None = None
    """HOST:PORT of process 0, if there are several; all of them write to the same --out."""

    processes: int | None = None
    """Number of processes; start one on each machine."""

    process: int | None = None
    """Number of this process, from 0."""

    distributed: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Find the other processes by JAX's environment variables or the cluster: Slurm, MPI, Kubernetes, TPU."""

    like: tuple[Path, ...] = ()
    """Photographs: audit heads that are fitted to them, instead of sampled people. The fits are in
    OUT/likeness.html, with what would be said if one side moved as the other does."""

    fit: LikeConfig = field(default_factory=LikeConfig)
    """How heads are fitted to --like."""

    pictures: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the photographs of --like in likeness.html."""

    saliency: Literal["none", "occlusion", "full"] = "occlusion"
    """Saliency maps in the report: none, occlusion, or full, with gradients on the head."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse(Audit(), "audit", argv)
    preflight.check_audit(command.settings)
    several = is_survey(command.settings)
    measures = tuple(gates.MEASURES)
    if several:
        measures = gates.survey_measures(design(command.settings).names)
    limits = gate.parse(command, command.fail_on, measures)
    folder = command.out or options.run_folder(command.config, "audit")
    if command.dry_run:
        print(survey_work(command.settings, folder) if several else work(command.settings, folder))
        return 0
    if command.like:
        check_like(command)
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    cluster = command.coordinator, command.processes, command.process
    if command.distributed or cluster != (None, None, None):
        processes.initialize_distributed(*cluster)
    meter = progress.for_terminal(command.quiet, hint="the first ones are compiled and take longer")
    outcomes = (_survey if several else _audit)(command, folder, limits, meter)
    if limits and processes.is_first():
        gate.write_files(command, str(folder), limits, outcomes)
    return gate.exit_code(outcomes)


def _audit(
    command: Audit, folder: Path, limits: Sequence[gates.Limit], meter: progress.Progress
) -> list[gates.Outcome]:
    """Run one audit, print and report it; return the limits held against it.

    The report of a run that was finished before is not drawn again, if it is there.
    """
    settings = fit_people(command, folder, meter) if command.like else command.settings
    from jaxface.audit import timing

    result = jf.audit.run(settings, out=folder, progress=meter)
    if processes.is_first():
        report = jf.report.write(result, progress=meter, saliency=command.saliency, keep=True)
        print(jf.report.score_table(result))
        if people := result.data.attrs.get("people"):
            print(f"\npeople: {people['note']}")
        print(f"\n{timing.line(folder)}\nreport: {report}")
    return gates.judge(limits, result.summary, command.allow_unmeasured) if limits else []


def _survey(
    command: Audit, folder: Path, limits: Sequence[gates.Limit], meter: progress.Progress
) -> list[gates.Outcome]:
    """Run several audits, print and report them; return the limits held against them."""
    result = jf.audit.survey(command.settings, out=folder, progress=meter)
    if processes.is_first():
        report = jf.report.write_survey(result, progress=meter)
        print(jf.report.survey_table(result))
        print(f"\nreport: {report}")
    return gates.judge_survey(limits, result.effects, command.allow_unmeasured) if limits else []


def survey_work(config: AuditConfig, folder: Path) -> str:
    """Return the amount of work of a survey, a line for each of its audits; errors as of `work`."""
    from jaxface.audit import costs

    configs = design(config).configs
    facts = {name: _facts(own, folder, searches=not index) for index, (name, own) in enumerate(configs.items())}
    lines = [f"{name:28}{each['surfaces']}" for name, (each, _) in facts.items()]
    searches = next(iter(facts.values()))[0]["searches"]
    cost = costs.total([each for _, each in facts.values()])
    return "\n".join(
        [
            f"{len(lines)} audits of the same faces in {folder}; searches: {searches}",
            *lines,
            f"{'time':28}{costs.in_words(cost)}",
        ]
    )


def check_like(command: Audit) -> None:
    """Check that people can be fitted.

    Raises:
        ConfigError: people are given besides, another head, or several processes.
    """
    if is_survey(command.settings):
        raise ConfigError("--like audits one intervention; give its people.npz to a survey as --people")
    if command.settings.people is not None:
        raise ConfigError("--like and --people both say who is audited; give one of them")
    if command.settings.head != "bundled":
        raise ConfigError(
            "--like fits the bundled head; for a head in FLAME's format read the codes of DECA, EMOCA or SMIRK "
            "(jf.face.read_codes)"
        )
    if command.distributed or command.processes is not None:
        raise ConfigError("--like fits on one process; audit OUT/people.npz with --people on several")


def fit_people(command: Audit, folder: Path, meter: progress.Progress) -> AuditConfig:
    """Fit heads to the photographs, write what was found, and return the audit of these people."""
    from jaxface.audit import likeness, likeness_files
    from jaxface.audit.inputs import load_classifiers
    from jaxface.report.likeness import summary_text, write_likenesses

    if not likeness_files.claim(folder, command.like, command.fit):
        classifiers = load_classifiers(command.settings.classifiers, command.settings.labels)
        fits = likeness.fit_photographs(command.like, classifiers, command.fit, meter)
        print(summary_text(fits, command.fit))
        page = write_likenesses(folder, fits, classifiers, command.fit, command.pictures)
        print(f"fits: {page}\n")
        likeness_files.write(folder, fits, classifiers, command.fit)
    people = str(folder / likeness_files.PEOPLE)
    return replace(command.settings, people=people, identities=max(len(command.like), 1))


def work(config: AuditConfig, folder: Path) -> str:
    """Return the amount of work of an audit, as lines of text.

    Raises:
        ConfigError: the audit itself would be refused.
    """
    from jaxface.audit import costs

    facts, cost = _facts(config, folder)
    facts["time"] = costs.in_words(cost)
    return "\n".join(f"{name:10}{value}" for name, value in facts.items())


def _facts(config: AuditConfig, folder: Path, searches: bool = True) -> "tuple[dict[str, str], costs.Estimate]":
    """Return the amount of work of one audit as texts by name, and its estimated cost."""
    from jaxface.audit import costs, plan
    from jaxface.audit.inputs import build_intervention, check_classifiers, load_classifiers
    from jaxface.audit.people import count_people

    classifiers = load_classifiers(config.classifiers, config.labels)
    check_classifiers(classifiers, config)
    config = replace(config, identities=count_people(config))
    items = plan.work_items(config, {classifier.name: classifier.labels for classifier in classifiers})
    cells = sum(len(item.expressions) for item in items)
    intervention = build_intervention(config)
    doses, times = (len(axis.levels) for axis in intervention.axes)
    surface = doses * times
    megabytes = (2 * 4 + 1) * cells * surface / 1e6  # two float32 answers and the int8 top class
    is_searched = searches and config.expression_from is None
    counts = Counter({classifier.name: 0 for classifier in classifiers})
    for item in items:
        counts[item.classifier] += len(item.expressions)
    works = [
        costs.Work(each.card, counts[each.name] if is_searched else 0, counts[each.name], surface)
        for each in classifiers
    ]
    facts = {
        "cells": f"{cells:,} (classifier x expression x person)",
        "searches": "none: as in " + config.expression_from
        if config.expression_from
        else f"{cells:,}, each of at most {config.search.max_evaluations:,} renders",
        "surfaces": f"{cells * surface:,} renders ({doses} x {times} a cell)",
        "store": f"{megabytes:,.1f} MB before compression",
        "folder": str(folder),
    }
    return facts, costs.estimate(config, intervention, works)
