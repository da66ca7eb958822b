"""Designs: which interventions a survey runs, alone and crossed."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxface import interventions
from jaxface.audit.config import AuditConfig
from jaxface.core.errors import ConfigError

if TYPE_CHECKING:
    from jaxface.interventions import Intervention

CROSS = " x "
"""Between the names of two interventions that are crossed."""


@dataclass(frozen=True)
class Cross:
    """One intervention at several levels of another.

    Attributes:
        first: varies along its own levels.
        second: is held at each of `levels`, the unchanged one first.
    """

    first: str
    second: str
    levels: tuple[float, ...]

    @property
    def name(self) -> str:
        """Such as "symmetry x skin_tone"."""
        return f"{self.first}{CROSS}{self.second}"

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the runs, one for each of `levels`."""
        return (self.first, *(f"{self.first} at {self.second} {level:g}" for level in self.levels[1:]))


@dataclass(frozen=True)
class Design:
    """What a survey runs.

    Attributes:
        configs: the config of each run, by the name of its intervention; the first one searches.
        alone: names of the interventions that are run alone.
        crosses: pairs, whose runs are among `configs`, too.
    """

    configs: dict[str, AuditConfig]
    alone: tuple[str, ...]
    crosses: tuple[Cross, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Interventions that have an effect of their own: those alone, and the first of each cross."""
        return tuple(dict.fromkeys((*self.alone, *(cross.first for cross in self.crosses))))


def is_survey(config: AuditConfig) -> bool:
    """Return whether a config asks for more than one intervention."""
    several = config.intervention
    return isinstance(several, tuple) or (isinstance(several, str) and CROSS in several)


def folder_name(run: str) -> str:
    """Return the name of a run's folder: "symmetry at skin_tone -1" is "symmetry-at-skin_tone--1"."""
    return re.sub(r"[^\w.-]", "-", run)


def design(config: AuditConfig) -> Design:
    """Return the runs of a survey, each intervention once, in the order of the config.

    Raises:
        ConfigError: an intervention that does not exist, or cannot be crossed, or a setting of none of them.
    """
    entries = _entries(config.intervention)
    names = _names(entries)
    objects: dict[str, str | Intervention] = {}
    alone, crosses = [], []
    for entry in entries:
        if isinstance(entry, str) and CROSS in entry:
            cross = _cross(entry, config, names)
            crosses.append(cross)
            objects |= {run: run for run in cross.runs if run not in objects}
        else:
            name = entry if isinstance(entry, str) else entry.name
            alone.append(name)
            objects.setdefault(name, entry)
    configs = {}
    for name, intervention in objects.items():
        settings = own_settings(name, config, names) if isinstance(intervention, str) else {}
        configs[name] = dataclasses.replace(config, intervention=intervention, intervention_settings=settings)
    return Design(configs, tuple(dict.fromkeys(alone)), tuple(crosses))


def intervention_names(config: AuditConfig) -> list[str]:
    """Return the names of all interventions that a config names, those of crosses too; of objects, none."""
    return _names(_entries(config.intervention))


def own_settings(run: str, config: AuditConfig, names: Sequence[str]) -> dict[str, Any]:
    """Return the settings, of all that a config holds, which are meant for one run."""
    parts = interventions.parts(run)
    settings = {part: interventions.own_settings(part, config.intervention_settings, names) for part in parts}
    if len(parts) == 1:
        return settings[run]
    return {f"{part}.{name}": value for part, own in settings.items() for name, value in own.items()}


def _entries(several: Any) -> "list[str | Intervention]":
    """Return the entries of a config's interventions; a loose "x" on a command line joins its neighbours."""
    entries: list[str | Intervention] = []
    words = list(several) if isinstance(several, tuple) else [several]
    while words:
        word = words.pop(0)
        if word == "x" and entries and words:
            word = f"{entries.pop()}{CROSS}{words.pop(0)}"
        entries.append(word)
    return entries


def _names(entries: "Sequence[str | Intervention]") -> list[str]:
    """Return the names of all interventions that take settings of the config."""
    texts = [entry for entry in entries if isinstance(entry, str)]
    return list(
        dict.fromkeys(
            name for text in texts for part in text.split(CROSS) for name in interventions.parts(part)
        )
    )


def _cross(entry: str, config: AuditConfig, names: Sequence[str]) -> Cross:
    factors = entry.split(CROSS)
    if len(factors) != 2:
        raise ConfigError(f"intervention = {entry!r}: a cross has two factors, as in 'symmetry x skin_tone'")
    first, second = factors
    condition = interventions.build(second, **own_settings(second, config, names))
    if not isinstance(condition, interventions.Held):
        raise ConfigError(f"intervention = {entry!r}: {second} cannot be held at a level; write it first")
    levels = [level for level in condition.probe_levels if level != condition.dose.unchanged]
    return Cross(first, second, (condition.dose.unchanged, *levels))
