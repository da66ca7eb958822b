"""What enters a test: groups, features that the table gives, and logits beside them."""

from dataclasses import dataclass

import numpy as np

from jaxface.audit.observe import landmarks
from jaxface.audit.observe.config import ObserveConfig
from jaxface.audit.observe.measurements import Measurements
from jaxface.audit.observe.table import Photographs
from jaxface.core.errors import ConfigError, suggestion
from jaxface.photos import asymmetry


@dataclass(frozen=True)
class Samples:
    """What enters one test: (n,) logits, (n,) or (n, k) feature, (n,) labels, n groups."""

    logit: np.ndarray
    feature: np.ndarray
    label: np.ndarray
    group: np.ndarray


def groups(photographs: Photographs) -> tuple[str, ...]:
    """The groups of a table, in order of names; photographs of unknown group are in none."""
    return tuple(sorted(set(photographs.group) - {""}))


def table_features(photographs: Photographs) -> dict[str, np.ndarray]:
    """Features that need no picture, by name, (n,) or (n, k): group, landmarks, and columns of numbers."""
    columns: dict[str, np.ndarray] = {}
    group_codes = groups(photographs)
    if len(group_codes) > 1:
        member = np.array([[name == one for one in group_codes[1:]] for name in photographs.group], np.float64)
        member[np.array(photographs.group) == ""] = np.nan
        columns["group"] = member[:, 0] if len(group_codes) == 2 else member
    if sum(name.startswith("left_") for name in photographs.landmarks) >= 2:
        order = landmarks.mirror_order(list(photographs.landmarks))
        columns["landmarks"] = landmarks.asymmetry(landmarks.stacked(photographs.landmarks), order)
    if photographs.points is not None:
        columns |= {name: np.abs(values) for name, values in asymmetry.balance(photographs.points).items()}
    return columns | {f"column:{name}": values for name, values in photographs.columns.items()}


def feature_names(config: ObserveConfig, photographs: Photographs) -> tuple[str, ...]:
    """The features of a run: those that the config names, or all that can be had.

    Raises:
        ConfigError: one that the table cannot give.
    """
    table_columns = table_features(photographs)
    if not config.features:
        image = ("pixel", "maps:face-api", *(("lpips",) if config.alexnet else ()))
        return (
            *(name for name in table_columns if not name.startswith("column:")),
            *image,
            *_columns(table_columns),
        )
    for name in config.features:
        if name == "group" and name not in table_columns:
            raise ConfigError("feature 'group': all photographs are of one group; the table wants two")
        if name == "landmarks" and name not in table_columns:
            landmarks.mirror_order(list(photographs.landmarks))  # says what is missing
        if name in asymmetry.MEASURES and name not in table_columns:
            raise ConfigError(
                f"feature {name!r} wants the 68 landmarks: columns x_0 ... y_67, or faces = 'detect'"
            )
        if name.startswith("column:") and name not in table_columns:
            has = [column.removeprefix("column:") for column in _columns(table_columns)]
            column = name.removeprefix("column:")
            if word := photographs.words.get(column):
                raise ConfigError(f"column {column!r} of the table holds no numbers, but {word!r}")
            if column in photographs.ignored:
                raise ConfigError(f"column {column!r} of the table is empty")
            raise ConfigError(f"the table has no column of numbers {column!r}{suggestion(column, has)}")
    return config.features


def _columns(columns: dict[str, np.ndarray]) -> list[str]:
    return [name for name in columns if name.startswith("column:")]


def samples(
    photographs: Photographs, measurements: Measurements, logit: np.ndarray, feature: np.ndarray, unit: str
) -> Samples:
    """What is known of a logit (n,) and a feature (n,) or (n, k) together, as photographs or as people.

    Raises:
        ConfigError: people are asked for where the table names none, or one belongs to two groups.
    """
    wide = feature.reshape(len(feature), -1)
    valid = measurements.used & np.isfinite(logit) & np.isfinite(wide).all(1)
    label, group = np.array(photographs.label)[valid], np.array(photographs.group)[valid]
    logit, wide = logit[valid], wide[valid]
    if unit == "person":
        if photographs.people is None:
            raise ConfigError("unit = 'person' wants a column person in the table")
        person = photographs.people[valid]
        keys = np.stack([person, label], axis=-1)
        _, first, member = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        member = member.reshape(-1)
        for one in np.unique(person):
            own = person == one
            own_groups = sorted(set(group[own]) - {""})
            if len(own_groups) > 1:
                raise ConfigError(f"person {str(one)!r} is in two groups: {', '.join(own_groups)}")
            group[own] = own_groups[0] if own_groups else ""
        count = np.bincount(member)
        logit = np.bincount(member, logit) / count
        wide = np.stack([np.bincount(member, column) / count for column in wide.T], axis=-1)
        label, group = label[first], group[first]
    return Samples(logit, wide[:, 0] if feature.ndim == 1 else wide, label, group)


def select(data: Samples, rows: np.ndarray) -> Samples:
    """The samples of these rows, (n,) bool."""
    return Samples(data.logit[rows], data.feature[rows], data.label[rows], data.group[rows])
