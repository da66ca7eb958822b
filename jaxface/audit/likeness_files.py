"""What a fit to photographs leaves in a run's folder: the people to audit, and what the fits say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.audit.like_config import LikeConfig
from jaxface.audit.likeness import Likeness, LikenessError
from jaxface.audit.observe.tables import write_csv
from jaxface.classify import Classifier
from jaxface.core import io, run_folder
from jaxface.core.config import to_dict
from jaxface.core.io import atomic_path

PEOPLE, FITS, STRIPS, SETTINGS = "people.npz", "likenesses.csv", "counterfactual.csv", "like.toml"


def claim(folder: Path, paths: Sequence[Path], config: LikeConfig) -> bool:
    """Claim a folder for these photographs. Return whether their people are there already.

    Raises:
        StoreError: the folder holds people of other photographs or settings.
        LikenessError: no file at one of the paths.
    """
    for path in paths:
        if not path.is_file():
            raise LikenessError(f"no photograph at {path}")
    settings = {"photographs": [io.sha256(path) for path in paths], "fit": to_dict(config)}
    run_folder.claim(folder, settings, "audit", SETTINGS)
    return (folder / PEOPLE).is_file()


def write(
    folder: Path, likenesses: Sequence[Likeness], classifiers: Sequence[Classifier], config: LikeConfig
) -> Path:
    """Write likenesses.csv, counterfactual.csv and people.npz; return the latter's path.

    Only people whose fit is close are in it.

    Raises:
        LikenessError: no fit is close.
    """
    write_csv(folder / FITS, [FIT_HEADER, *fit_rows(likenesses, config)])
    write_csv(folder / STRIPS, strip_rows(likenesses, classifiers))
    close = [one for one in likenesses if one.is_close(config)]
    if not close:
        best = min(likenesses, key=lambda one: one.landmark_error)
        raise LikenessError(
            f"no photograph looks like a fitted head: the best, {best.path}, has its landmarks off by "
            f"{best.landmark_error:.3f} interocular distances; see {folder / FITS}"
        )
    arrays = {
        "shape": np.stack([np.asarray(one.face.identity) for one in close]),
        "tex": np.stack([np.asarray(one.face.albedo) for one in close]),
        "name": np.array([Path(one.path).stem for one in close]),
    }
    path = folder / PEOPLE
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return path


FIT_HEADER = (
    "path",
    "landmark_error",
    "pixel_error",
    "side",
    "symmetry",
    "close",
    "classifier",
    "difference",
    "conclusive",
)


def fit_rows(likenesses: Sequence[Likeness], config: LikeConfig) -> list[list[Any]]:
    """Return a row of `FIT_HEADER` for each photograph and classifier."""
    return [
        [
            *(one.path, one.landmark_error, one.pixel_error, one.side, one.symmetry, one.is_close(config)),
            *(name, one.difference(name), one.is_conclusive(name, config)),
        ]
        for one in likenesses
        for name in one.answers
    ]


def strip_rows(likenesses: Sequence[Likeness], classifiers: Sequence[Classifier]) -> list[list[Any]]:
    """Return the answers to each person's own expression while one side follows less or more."""
    labels = {classifier.name: classifier.labels for classifier in classifiers}
    rows: list[list[Any]] = [["path", "classifier", "side", "symmetry", "expression", "probability"]]
    for one in likenesses:
        for name, answers in one.strip_answers.items():
            for level, probabilities in zip(one.levels.tolist(), answers.tolist(), strict=True):
                rows += [
                    [one.path, name, one.side, level, label, probability]
                    for label, probability in zip(labels[name], probabilities, strict=True)
                ]
    return rows
