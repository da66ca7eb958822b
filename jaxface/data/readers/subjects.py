"""Video frames of known subjects with action units: BP4D, DISFA, GFT; and EmotioNet's single images.

Layouts as commonly known, or as the functions ask for them where the publishers give videos; none is checked
against the publishers' files.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxface.core.errors import DataError
from jaxface.data.dataset import Dataset
from jaxface.data.image_io import SUFFIXES, Check
from jaxface.data.readers.common import Found, chosen, dataset, fields, folder, lines, number_of, table

BP4D_UNITS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
DISFA_UNITS = (1, 2, 4, 6, 9, 12, 25, 26)
GFT_UNITS = (1, 2, 4, 6, 10, 12, 14, 15, 23, 24)
EMOTIONET_UNITS = (1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26)
_PRESENT = 2  # DISFA's intensity from which a unit counts, "greater than 1" (PM2, section 4.1)
_UNIT = re.compile(r"(?:AU)?[\s_]*0*(\d+)", re.IGNORECASE)

_SEX = {"female": 0, "f": 0, "male": 1, "m": 1}

Split = Literal["all", "train", "test"]


def read_bp4d(
    root: Path,
    *,
    split: Split = "all",
    fold: int = 1,
    units: tuple[int, ...] = BP4D_UNITS,
    check: Check = "quick",
) -> Dataset:
    """BP4D (Zhang et al. 2014): tables `AUCoding/F001_T1.csv` (or in `AUCoding/AU_OCC`), whose first line
    holds a cell for the frame and then the numbers of action units, with 0, 1 and 9 = unknown; frames in
    `Sequences/F001/T1/0001.jpg` (or `2D+3D/...`), whose file names are the frames' numbers.

    Args:
        split: of the subject-exclusive fold `fold` (1 to 3).

    Raises:
        DataError: a folder, fold or unit is missing, or a line is damaged.
    """
    home = next((p for p in (root / "AUCoding" / "AU_OCC", root / "AUCoding") if any(p.glob("*.csv"))), None)
    if home is None:
        raise DataError(f"no tables *.csv in {root / 'AUCoding'}, wanted BP4D's action units")
    base = next((base for base in ("Sequences", "2D+3D") if (root / base).is_dir()), None)
    if base is None:
        raise DataError(f"no folder {root / 'Sequences'}, wanted BP4D's frames as Sequences/F001/T1/0001.jpg")
    subjects, found = fold_of("bp4d", split, fold), Found()
    tables = [path for path in sorted(home.glob("*.csv")) if path.stem.split("_")[0] in subjects]
    people = sorted({path.stem.split("_")[0] for path in tables})
    for path in tables:
        subject, _, task = path.stem.partition("_")
        row = {"identity": people.index(subject), "sex": int(subject.startswith("M"))}
        _frames(root, f"{base}/{subject}/{task}", path, units, row, found)
    return _subjects("bp4d", root, found, check, units, people)


def read_disfa(
    root: Path,
    *,
    split: Split = "all",
    fold: int = 1,
    units: tuple[int, ...] = DISFA_UNITS,
    check: Check = "quick",
) -> Dataset:
    """DISFA (Mavadati et al. 2013): `ActionUnit_Labels/SN001/SN001_au1.txt` with lines `frame,intensity` from 0
    to 5, of which 2 and more count as present; `intensity` is a fifth of it. The publishers give videos: put
    their frames into `Images/SN001/`, file names with the frames' numbers as their last digits. Names do not
    tell the sex: a table `sex.csv` of yours does, with the columns `subject` and `sex` (female or male).

    Args:
        split: of the subject-exclusive fold `fold` (1 to 3).

    Raises:
        DataError: a folder, file, fold or unit is missing, or a line is damaged.
    """
    labels = folder(root, "ActionUnit_Labels", wanted="DISFA's intensities")
    folder(root, "Images", wanted="frames of DISFA's videos, Images/SN001/1.jpg")
    subjects, found = fold_of("disfa", split, fold), Found()
    people = sorted(path.name for path in labels.iterdir() if path.is_dir() and path.name in subjects)
    sexes = sexes_of(root, people)
    for identity, subject in enumerate(people):
        intensity: dict[int, dict[int, float]] = {}
        for unit in units:
            path = labels / subject / f"{subject}_au{unit}.txt"
            for number, line in lines(path, f"the intensities of action unit {unit}"):
                key, value = fields(path, number, line.replace(",", " ").split(), 2)
                intensity.setdefault(int(number_of(path, number, key)), {})[unit] = number_of(
                    path, number, value
                )
        images = _numbered(root, f"Images/{subject}")
        for frame, values in sorted(intensity.items()):
            known = np.array([unit in values for unit in units])
            level = np.array([values.get(unit, 0.0) for unit in units], np.float32)
            row = {
                "units": level >= _PRESENT,
                "units_known": known,
                "intensity": level / 5,
                "identity": identity,
                "sex": sexes[identity],
            }
            _add(found, images, f"Images/{subject}", frame, {**row, "frame": frame})
    return _subjects("disfa", root, found, check, units, people)


def read_gft(
    root: Path,
    *,
    split: Literal["all", "train", "val", "test"] = "all",
    units: tuple[int, ...] = GFT_UNITS,
    check: Check = "quick",
) -> Dataset:
    """GFT (Girard et al. 2017): tables `AUcoding/001A.csv`, whose first line names a column for the frame and
    then action units (`AU1`, ...), with 0, 1 and anything else = unknown; frames in `Images/001A/`, file
    names with the frames' numbers as their last digits. The publishers' partition is read from `train.txt`,
    `val.txt` and `test.txt`, a subject a line; the sexes from `sex.csv`, as DISFA's.

    Raises:
        DataError: a folder, partition or unit is missing, or a line is damaged.
    """
    chosen("split", split, ("all", "train", "val", "test"))
    home = folder(root, "AUcoding", wanted="GFT's action units")
    tables, found = sorted(home.glob("*.csv")), Found()
    if split != "all":
        subjects = {
            line.strip() for _, line in lines(root / f"{split}.txt", f"the subjects of GFT's {split} part")
        }
        tables = [path for path in tables if path.stem in subjects]
    people = [path.stem for path in tables]
    for identity, (path, sex) in enumerate(zip(tables, sexes_of(root, people), strict=True)):
        _frames(root, f"Images/{path.stem}", path, units, {"identity": identity, "sex": sex}, found)
    return _subjects("gft", root, found, check, units, people)


def read_emotionet(root: Path, *, units: tuple[int, ...] = EMOTIONET_UNITS, check: Check = "quick") -> Dataset:
    """EmotioNet (Fabian Benitez-Quiroz, Srinivasan & Martinez 2016), the manually coded part: one table *.csv
    at the root, whose first column is an image's address or name and whose others are named by action units
    (`AU 1`, ...), with 0, 1 and 999 = unknown; images in `images`, named as the addresses end.

    Raises:
        DataError: the table, the folder or a unit is missing, or a line is damaged.
    """
    tables = sorted(root.glob("*.csv"))
    if len(tables) != 1:
        raise DataError(f"{root} has {len(tables)} tables *.csv, wanted EmotioNet's one")
    folder(root, "images", wanted="EmotioNet's images")
    found = Found()
    for _, key, row in _coded(tables[0], units):
        found.add(f"images/{key.rstrip('/').rpartition('/')[2]}", row)
    return dataset("emotionet", root, found, check=check, units=units)


def fold_of(name: str, split: str, fold: int) -> set[str]:
    """Subjects of a split of a fold; "all" = all of them.

    Raises:
        DataError: a fold other than 1, 2 or 3, or an unknown split.
    """
    chosen("split", split, ("all", "train", "test"))
    if fold not in (1, 2, 3):
        raise DataError(f"fold = {fold}, wanted 1, 2 or 3")
    parts = tomllib.loads(files("jaxface.data.readers").joinpath("folds.toml").read_text("utf-8"))[name]
    tested = f"part_{4 - fold}"
    return {
        subject
        for part, subjects in parts.items()
        if split == "all" or (part == tested) == (split == "test")
        for subject in subjects
    }


def sexes_of(root: Path, people: Sequence[str]) -> list[int]:
    """The sex of each subject by the table `sex.csv`, 0 female and 1 male; -1 for all where there is no table.

    Raises:
        DataError: a subject is missing in the table, or a word in it means neither.
    """
    path = root / "sex.csv"
    if not path.is_file():
        return [-1] * len(people)
    known = {}
    for number, row in table(path, ("subject", "sex")):
        word = row["sex"].strip().lower()
        if word not in _SEX:
            raise DataError(f"{path}, line {number}: sex {row['sex']!r}, wanted female or male")
        known[row["subject"].strip()] = _SEX[word]
    for subject in people:
        if subject not in known:
            raise DataError(f"{path} does not tell the sex of subject {subject}")
    return [known[subject] for subject in people]


def _frames(
    root: Path, base: str, path: Path, units: tuple[int, ...], shared: Mapping[str, Any], found: Found
) -> None:
    images = _numbered(root, base)
    for number, key, row in _coded(path, units):
        frame = int(number_of(path, number, key))
        _add(found, images, base, frame, {**row, **shared, "frame": frame})


def _add(found: Found, images: Mapping[int, str], base: str, frame: int, row: Mapping[str, Any]) -> None:
    if frame in images:
        found.add(f"{base}/{images[frame]}", row)
    else:
        found.leave("no such file", f"{base}/{frame}")


def _coded(path: Path, units: tuple[int, ...]) -> list[tuple[int, str, dict[str, np.ndarray]]]:
    """Line, first cell, and `units` with `units_known` of every row of a table of codes."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from None
    places = {}
    for place, name in enumerate(header[1:], 1):
        if number := _UNIT.fullmatch(name.strip()):
            places[int(number[1])] = place
    missing = [unit for unit in units if unit not in places]
    if missing:
        raise DataError(f"{path} has no column of action unit {missing[0]}; it has {sorted(places)}")
    out = []
    for line, row in enumerate(rows, 2):
        cells = fields(path, line, row, len(header))
        values = np.array([number_of(path, line, cells[places[unit]]) for unit in units])
        out.append((line, cells[0], {"units": values == 1, "units_known": (values == 0) | (values == 1)}))
    return out


def _numbered(root: Path, base: str) -> dict[int, str]:
    """Image files of a folder by the last digits of their names."""
    home = folder(root, *base.split("/"), wanted="the frames of a video")
    out = {}
    for path in home.iterdir():
        digits = re.search(r"(\d+)$", path.stem)
        if path.suffix.lower() in SUFFIXES and digits:
            out[int(digits[1])] = path.name
    return out


def _subjects(
    name: str, root: Path, found: Found, check: Check, units: tuple[int, ...], people: Sequence[str]
) -> Dataset:
    notes = [f"identities in order: {', '.join(people)}"]
    return dataset(name, root, found, check=check, units=units, notes=notes)
