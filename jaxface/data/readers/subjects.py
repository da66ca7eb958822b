"""Video frames of known subjects with action units: BP4D, DISFA, GFT; and EmotioNet's images.

The layouts are from memory, unverified against the publishers' files. Where the publishers give
videos, the functions say where their frames must be.
"""

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
from jaxface.data.readers import common
from jaxface.data.sources import SUFFIXES, Check

BP4D_UNITS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
DISFA_UNITS = (1, 2, 4, 6, 9, 12, 25, 26)
GFT_UNITS = (1, 2, 4, 6, 10, 12, 14, 15, 23, 24)
EMOTIONET_UNITS = (1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26)
_PRESENT = 2  # least intensity of a present unit in DISFA: "greater than 1" (PM2, section 4.1)
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
    """Read BP4D (Zhang et al. 2014): tables `AUCoding/F001_T1.csv` (or in `AUCoding/AU_OCC`), whose
    first line holds a cell for the frame and then the numbers of action units, with 0, 1 and 9 =
    unknown; frames, named by their numbers, in `Sequences/F001/T1/0001.jpg` (or `2D+3D/...`).

    Args:
        split: of the subject-exclusive fold `fold` (1 to 3).

    Raises:
        DataError: a folder, fold or unit is missing, or a line is damaged.
    """
    folder = next((p for p in (root / "AUCoding" / "AU_OCC", root / "AUCoding") if any(p.glob("*.csv"))), None)
    if folder is None:
        raise DataError(f"no tables *.csv in {root / 'AUCoding'} (BP4D's action units)")
    base = next((base for base in ("Sequences", "2D+3D") if (root / base).is_dir()), None)
    if base is None:
        raise DataError(f"no folder {root / 'Sequences'} (BP4D's frames, such as Sequences/F001/T1/0001.jpg)")
    subjects, images = fold_subjects("bp4d", split, fold), common.ImageList()
    tables = [path for path in sorted(folder.glob("*.csv")) if path.stem.split("_")[0] in subjects]
    people = sorted({path.stem.split("_")[0] for path in tables})
    for path in tables:
        subject, _, task = path.stem.partition("_")
        row = {"identity": people.index(subject), "sex": int(subject.startswith("M"))}
        _add_frames(root, f"{base}/{subject}/{task}", path, units, row, images)
    return _build_subjects("bp4d", root, images, check, units, people)


def read_disfa(
    root: Path,
    *,
    split: Split = "all",
    fold: int = 1,
    units: tuple[int, ...] = DISFA_UNITS,
    check: Check = "quick",
) -> Dataset:
    """Read DISFA (Mavadati et al. 2013): `ActionUnit_Labels/SN001/SN001_au1.txt` with lines
    `frame,intensity` from 0 to 5, of which 2 and more count as present; `intensity` is a fifth of
    it. The publishers give videos: put their frames into `Images/SN001/`, file names with the
    frames' numbers as their last digits. For the column `sex`, add a table `sex.csv` with the
    columns `subject` and `sex` (female or male).

    Args:
        split: of the subject-exclusive fold `fold` (1 to 3).

    Raises:
        DataError: a folder, file, fold or unit is missing, or a line is damaged.
    """
    labels = common.require_folder(root, "ActionUnit_Labels", contents="DISFA's intensities")
    common.require_folder(root, "Images", contents="frames of DISFA's videos, Images/SN001/1.jpg")
    subjects, images = fold_subjects("disfa", split, fold), common.ImageList()
    people = sorted(path.name for path in labels.iterdir() if path.is_dir() and path.name in subjects)
    sexes = sexes_of(root, people)
    for identity, subject in enumerate(people):
        intensity: dict[int, dict[int, float]] = {}
        for unit in units:
            path = labels / subject / f"{subject}_au{unit}.txt"
            for number, line in common.read_lines(path, f"the intensities of action unit {unit}"):
                key, value = common.check_cells(path, number, line.replace(",", " ").split(), 2)
                intensity.setdefault(int(common.parse_number(path, number, key)), {})[unit] = (
                    common.parse_number(path, number, value)
                )
        files = _files_by_frame(root, f"Images/{subject}")
        for frame, values in sorted(intensity.items()):
            known_mask = np.array([unit in values for unit in units])
            level = np.array([values.get(unit, 0.0) for unit in units], np.float32)
            row = {
                "units": level >= _PRESENT,
                "units_known": known_mask,
                "intensity": level / 5,
                "identity": identity,
                "sex": sexes[identity],
            }
            _add(images, files, f"Images/{subject}", frame, {**row, "frame": frame})
    return _build_subjects("disfa", root, images, check, units, people)


def read_gft(
    root: Path,
    *,
    split: Literal["all", "train", "val", "test"] = "all",
    units: tuple[int, ...] = GFT_UNITS,
    check: Check = "quick",
) -> Dataset:
    """Read GFT (Girard et al. 2017): tables `AUcoding/001A.csv`, whose first line names a column
    for the frame and then action units (`AU1`, ...), with 0, 1 and anything else = unknown; frames
    in `Images/001A/`, file names with the frames' numbers as their last digits. The publishers'
    partition is read from `train.txt`, `val.txt` and `test.txt`, a subject a line; the sexes from
    `sex.csv`, as DISFA's.

    Raises:
        DataError: a folder, partition or unit is missing, or a line is damaged.
    """
    common.check_option("split", split, ("all", "train", "val", "test"))
    folder = common.require_folder(root, "AUcoding", contents="GFT's action units")
    tables, images = sorted(folder.glob("*.csv")), common.ImageList()
    if split != "all":
        subjects = {
            line.strip()
            for _, line in common.read_lines(root / f"{split}.txt", f"the subjects of GFT's {split} part")
        }
        tables = [path for path in tables if path.stem in subjects]
    people = [path.stem for path in tables]
    for identity, (path, sex) in enumerate(zip(tables, sexes_of(root, people), strict=True)):
        _add_frames(root, f"Images/{path.stem}", path, units, {"identity": identity, "sex": sex}, images)
    return _build_subjects("gft", root, images, check, units, people)


def read_emotionet(root: Path, *, units: tuple[int, ...] = EMOTIONET_UNITS, check: Check = "quick") -> Dataset:
    """Read EmotioNet (Fabian Benitez-Quiroz, Srinivasan & Martinez 2016), the manually coded part:
    one table *.csv at the root, whose first column is an image's address or name and whose others
    are named by action units (`AU 1`, ...), with 0, 1 and 999 = unknown; images in `images`, named
    as the addresses end.

    Raises:
        DataError: the table, the folder or a unit is missing, or a line is damaged.
    """
    tables = sorted(root.glob("*.csv"))
    if len(tables) != 1:
        raise DataError(f"{root} has {len(tables)} tables *.csv; EmotioNet has one")
    common.require_folder(root, "images", contents="EmotioNet's images")
    images = common.ImageList()
    for _, key, row in _read_codes(tables[0], units):
        images.add(f"images/{key.rstrip('/').rpartition('/')[2]}", row)
    return common.build_dataset("emotionet", root, images, check=check, units=units)


def fold_subjects(name: str, split: str, fold: int) -> set[str]:
    """Return the subjects of a split ("all" = all of them) of fold 1, 2 or 3; else a DataError."""
    common.check_option("split", split, ("all", "train", "test"))
    if fold not in (1, 2, 3):
        raise DataError(f"fold = {fold}: must be 1, 2 or 3")
    parts = tomllib.loads(files("jaxface.data.readers").joinpath("folds.toml").read_text("utf-8"))[name]
    test_part = f"part_{4 - fold}"
    return {
        subject
        for part, subjects in parts.items()
        if split == "all" or (part == test_part) == (split == "test")
        for subject in subjects
    }


def sexes_of(root: Path, people: Sequence[str]) -> list[int]:
    """Return each subject's sex by the table `sex.csv`, 0 female and 1 male; -1 without a table.

    Raises:
        DataError: a subject is missing in the table, or a word in it is neither.
    """
    path = root / "sex.csv"
    if not path.is_file():
        return [-1] * len(people)
    sex_of = {}
    for number, row in common.read_table(path, ("subject", "sex")):
        word = row["sex"].strip().lower()
        if word not in _SEX:
            raise DataError(f"{path}, line {number}: sex {row['sex']!r}, not female or male")
        sex_of[row["subject"].strip()] = _SEX[word]
    for subject in people:
        if subject not in sex_of:
            raise DataError(f"{path} has no row for subject {subject}")
    return [sex_of[subject] for subject in people]


def _add_frames(
    root: Path,
    base: str,
    path: Path,
    units: tuple[int, ...],
    shared: Mapping[str, Any],
    images: common.ImageList,
) -> None:
    files = _files_by_frame(root, base)
    for number, key, row in _read_codes(path, units):
        frame = int(common.parse_number(path, number, key))
        _add(images, files, base, frame, {**row, **shared, "frame": frame})


def _add(
    images: common.ImageList, files: Mapping[int, str], base: str, frame: int, row: Mapping[str, Any]
) -> None:
    if frame in files:
        images.add(f"{base}/{files[frame]}", row)
    else:
        images.leave_out("no such file", f"{base}/{frame}")


def _read_codes(path: Path, units: tuple[int, ...]) -> list[tuple[int, str, dict[str, np.ndarray]]]:
    """Line, first cell, and the columns `units` and `units_known` of every row of a table."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from None
    column_of = {}
    for column, name in enumerate(header[1:], 1):
        if number := _UNIT.fullmatch(name.strip()):
            column_of[int(number[1])] = column
    missing = [unit for unit in units if unit not in column_of]
    if missing:
        raise DataError(f"{path} has no column of action unit {missing[0]}; it has {sorted(column_of)}")
    codes = []
    for line, row in enumerate(rows, 2):
        cells = common.check_cells(path, line, row, len(header))
        values = np.array([common.parse_number(path, line, cells[column_of[unit]]) for unit in units])
        codes.append((line, cells[0], {"units": values == 1, "units_known": (values == 0) | (values == 1)}))
    return codes


def _files_by_frame(root: Path, base: str) -> dict[int, str]:
    """File names of the images in a folder, by the number that their names end with."""
    folder = common.require_folder(root, *base.split("/"), contents="the frames of a video")
    out = {}
    for path in folder.iterdir():
        digits = re.search(r"(\d+)$", path.stem)
        if path.suffix.lower() in SUFFIXES and digits:
            out[int(digits[1])] = path.name
    return out


def _build_subjects(
    name: str, root: Path, images: common.ImageList, check: Check, units: tuple[int, ...], people: Sequence[str]
) -> Dataset:
    notes = [f"identities in order: {', '.join(people)}"]
    return common.build_dataset(name, root, images, check=check, units=units, notes=notes)
