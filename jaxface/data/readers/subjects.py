"""Video frames of known subjects with action units: BP4D, DISFA, GFT.

Each function names the public readers after whose description of the format it reads; where the
publishers give videos, it says where their frames must be.
"""

import math
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np

from jaxface.core.errors import DataError
from jaxface.core.listing import list_files, list_folders
from jaxface.core.tables import is_missing
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common, frames
from jaxface.data.sources import Check

BP4D_UNITS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
DISFA_UNITS = (1, 2, 4, 6, 9, 12, 25, 26)
GFT_UNITS = (1, 2, 4, 6, 10, 12, 14, 15, 23, 24)
_BP4D_FRAMES = ("Sequences", "2D+3D", "Sequences_2D+3D", "Sequences(2D+3D)")
_PRESENT = 2  # least intensity of a present unit in DISFA: "greater than 1" (PM2, section 4.1)

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
    unknown; frames, named by their numbers of three or four digits, in `Sequences/F001/T1/0001.jpg`
    (or `2D+3D/...`, `Sequences_2D+3D/...`). So read CVI-SZU/ME-GraphAU (`AUCoding/AU_OCC`, columns
    by number, frames by the first column) and cosanlab/py-feat (first lines 0,1,2,... and
    1,1,2,4,...: the cell of the frame counts for nothing).

    Args:
        split: of the subject-exclusive fold `fold` (1 to 3).

    Raises:
        DataError: a folder, fold or unit is missing, or a line is damaged.
    """
    coding = root / "AUCoding"
    tables = list_files(coding / "AU_OCC", (".csv",)) or list_files(coding, (".csv",))
    if not tables:
        raise DataError(f"no tables *.csv in {coding} (BP4D's action units)")
    base = next((base for base in _BP4D_FRAMES if (root / base).is_dir()), None)
    if base is None:
        raise DataError(
            f"no folder {root / _BP4D_FRAMES[0]} (BP4D's frames, such as Sequences/F001/T1/0001.jpg), "
            f"nor {' nor '.join(_BP4D_FRAMES[1:])}"
        )
    subjects, images = fold_subjects("bp4d", split, fold), common.ImageList()
    tables = [path for path in tables if path.stem.split("_")[0] in subjects]
    people = sorted({path.stem.split("_")[0] for path in tables})
    for path in tables:
        subject, _, task = path.stem.partition("_")
        row = {"identity": people.index(subject), "sex": int(subject.startswith("M"))}
        frames.add_table(root, f"{base}/{subject}/{task}", path, units, row, images)
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
    it. So read CVI-SZU/ME-GraphAU and AiCure/open_dbm (OpenFace). The publishers give videos: put
    their frames into `Images/SN001/`, file names with the frames' numbers as their last digits.
    The tables count from 1. Frames that count from 0, as ME-GraphAU's and ZhiwenShao/PyTorch-JAANet's
    do, are told by their frame 0; the report says so. For the column `sex`, add a table `sex.csv`
    with the columns `subject` and `sex` (female or male).

    Args:
        split: of the subject-exclusive fold `fold` (1 to 3).

    Raises:
        DataError: a folder, file, fold or unit is missing, or a line is damaged.
    """
    labels = common.require_folder(root, "ActionUnit_Labels", contents="DISFA's intensities")
    common.require_folder(root, "Images", contents="frames of DISFA's videos, Images/SN001/1.jpg")
    subjects, images = fold_subjects("disfa", split, fold), common.ImageList()
    people = [path.name for path in list_folders(labels) if path.name in subjects]
    sexes, from_zero = sexes_of(root, people), []
    for identity, subject in enumerate(people):
        intensity: dict[int, dict[int, float]] = {}
        for unit in units:
            path = labels / subject / f"{subject}_au{unit}.txt"
            for number, line in common.read_lines(path, f"the intensities of action unit {unit}"):
                key, value = common.check_cells(path, number, line.replace(",", " ").split(), 2)
                frame = common.parse_frame(path, number, key)
                if not math.isnan(level_of_unit := common.parse_optional(path, number, value)):
                    intensity.setdefault(frame, {})[unit] = level_of_unit
        files = frames.files_by_frame(root, f"Images/{subject}")
        if 0 in files and intensity and 0 not in intensity:
            if max(files) >= max(intensity):
                raise DataError(
                    f"{root / 'Images' / subject} has frames from 0 to {max(files)}, but {labels / subject} "
                    f"counts from {min(intensity)} to {max(intensity)}; number the frames from 1"
                )
            files = {frame + 1: name for frame, name in files.items()}
            from_zero.append(subject)
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
            frames.add(images, files, f"Images/{subject}", frame, {**row, "frame": frame})
    note = f"frames count from 0, the tables from 1: {', '.join(from_zero)}"
    return _build_subjects("disfa", root, images, check, units, people, [note] if from_zero else [])


def read_gft(
    root: Path,
    *,
    split: Literal["all", "train", "val", "test"] = "all",
    units: tuple[int, ...] = GFT_UNITS,
    check: Check = "quick",
) -> Dataset:
    """Read GFT. The layout is from its publication (Girard et al. 2017) alone: no public reader of it
    was found, so compare a few frames first.

    Tables `AUcoding/001A.csv`, whose first line names a column for the frame and then action units
    (`AU1`, ...), with 0, 1 and anything else = unknown; frames in `Images/001A/`, file names with
    the frames' numbers as their last digits. The publishers' partition is read from
    `train.txt`, `val.txt` and `test.txt`, a subject a line; the sexes from `sex.csv`, as DISFA's.

    Raises:
        DataError: a folder, partition or unit is missing, or a line is damaged.
    """
    common.check_option("split", split, ("all", "train", "val", "test"))
    folder = common.require_folder(root, "AUcoding", contents="GFT's action units")
    tables, images = list_files(folder, (".csv",)), common.ImageList()
    if split != "all":
        subjects = {
            line.strip()
            for _, line in common.read_lines(root / f"{split}.txt", f"the subjects of GFT's {split} part")
        }
        tables = [path for path in tables if path.stem in subjects]
    people = [path.stem for path in tables]
    for identity, (path, sex) in enumerate(zip(tables, sexes_of(root, people), strict=True)):
        row = {"identity": identity, "sex": sex}
        frames.add_table(root, f"Images/{path.stem}", path, units, row, images)
    return _build_subjects("gft", root, images, check, units, people)


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
    """Return each subject's sex by the table `sex.csv`, 0 female and 1 male; -1 without a table or word.

    Raises:
        DataError: a subject is missing in the table, or a word in it is neither.
    """
    path = root / "sex.csv"
    if not path.exists():
        return [-1] * len(people)
    sex_of = {}
    for number, row in common.read_table(path, ("subject", "sex")):
        word = row["sex"].lower()
        if word not in _SEX and not is_missing(word):
            raise DataError(f"{path}, line {number}: sex {row['sex']!r}, not female or male")
        sex_of[row["subject"]] = _SEX.get(word, -1)
    for subject in people:
        if subject not in sex_of:
            raise DataError(f"{path} has no row for subject {subject}")
    return [sex_of[subject] for subject in people]


def _build_subjects(
    name: str,
    root: Path,
    images: common.ImageList,
    check: Check,
    units: tuple[int, ...],
    people: Sequence[str],
    notes: Sequence[str] = (),
) -> Dataset:
    all_notes = [f"identities in order: {', '.join(people)}", *notes]
    return common.build_dataset(name, root, images, check=check, units=units, notes=all_notes)
