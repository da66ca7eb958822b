"""An observation, end to end: table, crops, logits, features, tests, tables; resumable at any moment."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.audit.fingerprints import classifier_facts, difference
from jaxface.audit.inputs import load_classifiers
from jaxface.audit.observe import analysis, faces, features, folders, sampling, tables
from jaxface.audit.observe.analysis import Curve, IndependenceRow
from jaxface.audit.observe.config import CropConfig, ObserveConfig
from jaxface.audit.observe.measurements import FOLDER as MEASURED
from jaxface.audit.observe.measurements import Measurements, measure
from jaxface.audit.observe.result import ObserveResult
from jaxface.audit.observe.sides import side_rows
from jaxface.audit.observe.table import Photographs, read_table
from jaxface.classify import Classifier
from jaxface.core import io, run_folder, sums
from jaxface.core.config import to_dict
from jaxface.core.errors import ConfigError, StoreError
from jaxface.core.progress import Progress, ProgressLike, choose

INPUTS = "inputs.toml"
FACES = "faces.toml"


def run(config: ObserveConfig, out: str | Path, progress: ProgressLike = None) -> ObserveResult:
    """Do the observation that `config` describes, or what is left of it, in the folder `out`.

    Photographs that are missing or damaged are left out, named in `left_out.csv` and counted in the result.
    A stopped run resumes with the same config. Measurements are kept: another call may change the tests, and
    measures only photographs whose files have changed.

    Args:
        out: a folder, made if need be. It gets run.toml, inputs.toml, environment.json, sums.json, measured/,
            and the tables photographs, left_out, independence, accuracy, distributions and regression as CSV.
        progress: counts photographs, then tests; None = a bar where somebody watches.

    Raises:
        ConfigError: the table, a classifier or a feature cannot be used, or no photograph can be read.
        LabelError: the table has a label that the vocabulary does not know.
        StoreError: `out` holds measurements of another table or of other classifiers, crops or features, or
            another process works there.
        CheckpointError: a classifier cannot be read.
    """
    progress, folder = choose(progress), Path(out)
    photographs = _photographs(config)
    classifiers, missing_pairs = _classifiers(config)
    with run_folder.hold(folder, "observation"):
        try:
            if _detects(config, photographs):
                _claim_faces(folder, config, photographs)
                photographs = faces.find(photographs, config.detect, folder, progress)
            names = sampling.feature_names(config, photographs)
            table_columns = sampling.table_features(photographs)
            image_features = [
                features.build(name, config, classifiers) for name in names if name not in table_columns
            ]
            _begin(folder, config, photographs, classifiers, [feature.name for feature in image_features])
            measurements = measure(photographs, classifiers, image_features, config.crop, folder, progress)
            if not measurements.used.any():
                place = config.table or config.photos
                raise ConfigError(
                    f"none of the {len(photographs)} photographs of {place} can be used; the first, "
                    f"{photographs.path[0]}: {measurements.reason[0]}"
                )
            values = {name: (table_columns | measurements.features)[name] for name in names}
            rows, curves = _test_all(config, photographs, measurements, classifiers, values, progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped; the same command goes on in {folder}") from None
        finally:
            progress.close()
        result = ObserveResult(
            folder=folder,
            config=config,
            photographs=photographs,
            measurements=measurements,
            rows=tuple(rows),
            accuracy=tuple(analysis.accuracy(photographs, measurements, classifiers)),
            distributions=tuple(analysis.distributions(photographs, measurements, classifiers, config)),
            curves=tuple(curves),
            skipped=tuple(missing_pairs),
            sides=side_rows(photographs, measurements),
        )
        tables.write(result, {c.name: c.labels for c in classifiers}, values)
        names = (INPUTS, run_folder.SETTINGS, MEASURED, *(f"{name}.csv" for name in tables.TABLES))
        sums.write_sums(folder, names)
        return result


def _photographs(config: ObserveConfig) -> Photographs:
    if config.table is not None:
        return read_table(config.table, config.labels, config.photos)
    if config.photos is not None:
        return folders.read_folder(config.photos, config.labels)
    raise ConfigError(
        "no photographs; give a folder (jaxface observe photos/) or --table FILE.csv (path,label,group), or "
        "try --demo"
    )


def _detects(config: ObserveConfig, photographs: Photographs) -> bool:
    return config.faces == "detect" and bool(photographs.without_frame.any())


def _claim_faces(folder: Path, config: ObserveConfig, photographs: Photographs) -> None:
    """Claim the folder for the faces of these photographs, found in this way. Errors as `_begin`."""
    settings = {"photographs": folders.digest(photographs), "detect": to_dict(config.detect)}
    run_folder.claim(folder, settings, "observation", FACES)


def _test_all(
    config: ObserveConfig,
    photographs: Photographs,
    measurements: Measurements,
    classifiers: Sequence[Classifier],
    values: dict[str, np.ndarray],
    progress: Progress,
) -> tuple[list[IndependenceRow], list[Curve]]:
    """Test every classifier, expression and feature. Returns the rows and the regression curves."""
    pairs = [(c, e) for c in classifiers for e in config.expressions if e in c.labels]
    progress.start("tests", len(pairs) * len(values) * len(config.subset))
    rows, curves = [], []
    for classifier, expression in pairs:
        logit = measurements.logits[classifier.name][:, classifier.index(expression)]
        for name, feature in values.items():
            data = sampling.samples(photographs, measurements, logit, feature, config.unit)
            for subset in config.subset:
                rows.append(analysis.test_independence(name, classifier.name, expression, subset, data, config))
                progress.advance(1, f"{classifier.name}, {expression}, {name}")
            if name != "group":
                curves.append(analysis.curve(name, classifier.name, expression, data, config))
    progress.close()
    return rows, curves


def _classifiers(config: ObserveConfig) -> tuple[tuple[Classifier, ...], list[tuple[str, str]]]:
    """Return the classifiers, and the (classifier, expression) pairs that they lack."""
    classifiers = load_classifiers(config.classifiers)
    missing_pairs = [(c.name, e) for c in classifiers for e in config.expressions if e not in c.labels]
    if len(missing_pairs) == len(classifiers) * len(config.expressions):
        names = ", ".join(classifier.name for classifier in classifiers)
        raise ConfigError(f"none of {names} knows {' or '.join(config.expressions)}")
    return classifiers, missing_pairs


def _begin(
    folder: Path,
    config: ObserveConfig,
    photographs: Photographs,
    classifiers: Sequence[Classifier],
    image_features: Sequence[str],
) -> None:
    """Claim the folder: what was measured there is of this table and these classifiers, crops and features.

    How it is judged may change from one call to the next.

    Raises:
        StoreError: it is of others, or the folder cannot be written.
    """
    facts = {c.name: classifier_facts(c, CropConfig().size) for c in classifiers}
    inputs = {
        "table": folders.digest(photographs) if config.table is None else io.sha256(config.table),
        "labels": list(config.labels),
        "crop": to_dict(config.crop),
        "features": list(image_features),
        "alexnet": io.sha256(config.alexnet) if "lpips" in image_features and config.alexnet else None,
        "classifiers": _require_same(folder, facts),
    }
    run_folder.claim(folder, inputs, "observation", INPUTS)
    (folder / sums.SUMS).unlink(missing_ok=True)  # until all is written again
    run_folder.write_settings(folder, to_dict(serializable_config(config)))
    run_folder.note_environment(folder)


def _require_same(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts of classifiers as the folder has them, if any: answers differ in rounding.

    Raises:
        StoreError: what was measured is of other classifiers of the same names.
    """
    if not (folder / INPUTS).is_file():
        return facts
    before = run_folder.read_settings(folder, "observation", INPUTS).get("classifiers")
    old_facts = {
        name: old for name, old in dict(before or {}).items() if name in facts and isinstance(old, dict)
    }
    for name, old in old_facts.items():
        if change := difference(old, facts[name]):
            raise StoreError(
                f"{folder} belongs to another observation ({name}: {change}); name another folder or remove it"
            )
    return {**facts, **old_facts}


def serializable_config(config: ObserveConfig) -> ObserveConfig:
    """The config with names in place of `Classifier` objects: what a file can hold."""
    names = tuple(c.name if isinstance(c, Classifier) else c for c in config.classifiers)
    return dataclasses.replace(config, classifiers=names)
