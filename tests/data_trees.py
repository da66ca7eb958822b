"""Small trees in the layouts of the published data sets: each writes images, labels, and one damaged image."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Tree:
    """What a reader must make of a tree.

    Attributes:
        build: writes it.
        labels: class names of the images that are read, in order; () without classes.
        damaged: part of the damaged image's name.
        lost: a file or folder without which nothing can be read.
        options: of the reader.
        units: rows of `units`, None where unknown, for readers of action units.
    """

    build: Callable[[Path], None]
    labels: tuple[str, ...]
    damaged: str
    lost: str
    options: dict[str, Any] = field(default_factory=dict)
    units: tuple[tuple[int | None, ...], ...] = ()


def picture(path: Path, level: int = 100, size: tuple[int, int] = (12, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)


def damaged(path: Path) -> None:
    """A picture whose second half is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def folder(root: Path) -> None:
    picture(root / "Angry" / "a.png")
    picture(root / "happy" / "b.jpg")
    damaged(root / "happy" / "c.jpg")


def rafdb(root: Path) -> None:
    names = ["train_00001", "train_00002", "train_00003", "test_0001"]
    text(
        root / "EmoLabel" / "list_patition_label.txt",
        *(f"{n}.jpg {c}" for n, c in zip(names, "4716", strict=True)),
    )
    for name in names[:2]:
        picture(root / "Image" / "aligned" / f"{name}_aligned.jpg")
    damaged(root / "Image" / "aligned" / "train_00003_aligned.jpg")


def affectnet_arrays(root: Path) -> None:
    for number, code in enumerate(["1", "7", "6", "0"]):
        path = root / "train_set" / "images" / f"{number}.jpg"
        (damaged if number == 3 else picture)(path)
        (root / "train_set" / "annotations").mkdir(exist_ok=True)
        np.save(root / "train_set" / "annotations" / f"{number}_exp.npy", code)


def affectnet_table(root: Path) -> None:
    header = (
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    )
    rows = [f"1/{n}.jpg,2,1,6,6,1;2;3,{code},0,0" for n, code in zip("abcd", (3, 8, 0, 5), strict=True)]
    text(root / "Manually_Annotated_file_lists" / "validation.csv", header, *rows)
    for name in "abc":
        picture(root / "Manually_Annotated_Images" / "1" / f"{name}.jpg")
    damaged(root / "Manually_Annotated_Images" / "1" / "d.jpg")


def expw(root: Path) -> None:
    rows = ["a.jpg 0 1 2 9 8 50 4", "a.jpg 1 0 0 5 5 60 6", "b.jpg 0 0 0 5 5 70 0"]
    text(root / "label" / "label.lst", *rows)
    picture(root / "image" / "origin" / "a.jpg")
    damaged(root / "image" / "origin" / "b.jpg")


def _pixels(level: int) -> str:
    return " ".join([str(level)] * 48 * 48)


def fer2013(root: Path) -> None:
    rows = [
        f"3,{_pixels(9)},Training",
        f"6,{_pixels(8)},PublicTest",
        "1,1 2 3,Training",
        f"0,{_pixels(5)},Training",
    ]
    text(root / "fer2013.csv", "emotion,pixels,Usage", *rows)


def fer2013_folders(root: Path) -> None:
    picture(root / "test" / "surprise" / "a.png", size=(48, 48))
    picture(root / "test" / "angry" / "b.png", size=(48, 48))
    for name in ("disgust", "fear", "happy", "neutral"):
        (root / "test" / name).mkdir()
    damaged(root / "test" / "sad" / "c.jpg")


def ferplus(root: Path) -> None:
    fer2013(root)
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    votes = ["Training,fer0.png,1,0,0,0,0,0,0,9,0,0", "PublicTest,fer1.png,9,0,0,0,0,0,0,0,1,0"]
    votes += ["Training,fer2.png,9,0,0,0,0,0,0,0,0,1", "Training,fer3.png,0,0,0,0,0,0,4,0,6,0"]
    text(root / "fer2013new.csv", header, *votes)


def affwild2(root: Path) -> None:
    base = root / "annotations" / "EXPR_Classification_Challenge"
    header = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
    text(base / "Train_Set" / "v1.txt", header, "4", "-1", "7", "0")
    text(base / "Validation_Set" / "v2.txt", header, "1")
    for frame in (1, 2, 3):
        picture(root / "cropped_aligned" / "v1" / f"{frame:05d}.jpg")
    damaged(root / "cropped_aligned" / "v1" / "00004.jpg")


def affwild2_units(root: Path) -> None:
    base = root / "annotations" / "AU_Detection_Challenge" / "Train_Set"
    text(base / "v1.txt", "AU1,AU2,AU25", "1,0,1", "-1,-1,-1", "0,0,0")
    for frame in (1, 2):
        picture(root / "cropped_aligned" / "v1" / f"{frame:05d}.jpg")
    damaged(root / "cropped_aligned" / "v1" / "00003.jpg")


def bp4d(root: Path) -> None:
    for name in ("F001_T1", "M007_T2", "F007_T1"):
        text(root / "AUCoding" / f"{name}.csv", "0,1,2,12", "1,0,1,9", "2,1,0,1")
        subject, _, task = name.partition("_")
        picture(root / "Sequences" / subject / task / "0001.jpg")
        (damaged if subject == "M007" else picture)(root / "Sequences" / subject / task / "0002.jpg")


def disfa(root: Path) -> None:
    for unit, levels in ((1, (0, 3, 1)), (12, (2, 1, 5))):
        rows = [f"{frame},{level}" for frame, level in enumerate(levels, 1)]
        text(root / "ActionUnit_Labels" / "SN002" / f"SN002_au{unit}.txt", *rows)
    for frame in (1, 2):
        picture(root / "Images" / "SN002" / f"SN002_{frame:04d}.png")
    damaged(root / "Images" / "SN002" / "SN002_0003.png")


def gft(root: Path) -> None:
    for subject in ("001A", "002B"):
        text(root / "AUcoding" / f"{subject}.csv", "frame,AU1,AU02", "5,1,0", "6,-999,1", "7,0,0")
        picture(root / "Images" / subject / "f5.jpg")
        picture(root / "Images" / subject / "f6.jpg")
        damaged(root / "Images" / subject / "f7.jpg")
    text(root / "test.txt", "002B")


def emotionet(root: Path) -> None:
    rows = ["http://x.org/a.jpg,1,0", "http://x.org/y/b.jpg,999,1", "http://x.org/c.jpg,0,0"]
    text(root / "labels.csv", "URL,AU 1,AU 26", *rows)
    picture(root / "images" / "a.jpg")
    picture(root / "images" / "b.jpg")
    damaged(root / "images" / "c.jpg")


TREES: dict[str, tuple[str, Tree]] = {
    "folder": ("folder", Tree(folder, ("anger", "happiness"), "c.jpg", "Angry")),
    "rafdb": (
        "rafdb",
        Tree(rafdb, ("happiness", "neutral"), "train_00003", "EmoLabel/list_patition_label.txt"),
    ),
    "affectnet7, arrays": (
        "affectnet7",
        Tree(affectnet_arrays, ("happiness", "anger"), "3.jpg", "train_set/annotations"),
    ),
    "affectnet8, arrays": (
        "affectnet8",
        Tree(affectnet_arrays, ("happiness", "contempt", "anger"), "3.jpg", "train_set/annotations"),
    ),
    "affectnet7, table": (
        "affectnet7",
        Tree(affectnet_table, ("surprise", "neutral"), "d.jpg", "Manually_Annotated_Images", {"split": "val"}),
    ),
    "expw": ("expw", Tree(expw, ("sadness", "neutral"), "b.jpg", "label/label.lst")),
    "fer2013, table": ("fer2013", Tree(fer2013, ("happiness", "anger"), "line 4", "fer2013.csv")),
    "fer2013, folders": (
        "fer2013",
        Tree(fer2013_folders, ("anger", "surprise"), "c.jpg", "test", {"split": "test"}),
    ),
    "ferplus": ("ferplus", Tree(ferplus, ("contempt",), "line 4", "fer2013new.csv")),
    "affwild2": ("affwild2", Tree(affwild2, ("happiness", "other"), "00004.jpg", "cropped_aligned")),
    "affwild2-units": (
        "affwild2-units",
        Tree(affwild2_units, (), "00003.jpg", "annotations", units=((1, 0, 1), (None, None, None))),
    ),
    "bp4d": (
        "bp4d",
        Tree(
            bp4d,
            (),
            "M007/T2/0002.jpg",
            "AUCoding",
            {"units": (2, 12), "split": "train", "fold": 1},
            ((1, None), (0, 1), (1, None)),
        ),
    ),
    "disfa": (
        "disfa",
        Tree(disfa, (), "SN002_0003", "Images", {"units": (1, 12)}, ((0, 1), (1, 0))),
    ),
    "gft": (
        "gft",
        Tree(gft, (), "f7.jpg", "test.txt", {"units": (1, 2), "split": "test"}, ((1, 0), (None, 1))),
    ),
    "emotionet": ("emotionet", Tree(emotionet, (), "c.jpg", "images", {"units": (1, 26)}, ((1, 0), (None, 1)))),
}
