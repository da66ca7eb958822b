"""Faces found in rendered photographs, how fast, and what `observe` finds with them.

    nice python -m benchmarks.photos --out benchmarks/results

Rows `faces`: recall and errors of landmarks for rendered people by skin tone, pose, light, blur and size.
    `inner` is the median over faces of the mean distance of the 51 points inside the face, in interocular
    distances; `centred` the same without each point's own mean offset from the head's mark (the net and the
    head do not mean quite the same places); `eyes` the error of the eyes' centres.
Rows `speed`: a folder of JPEG photographs through `observe`, without its tests.
Rows `like`: heads fitted to rendered portraits of known expressions, by detected landmarks, and by pixels
    too: mean error of the action units' intensities, in [0, 1], and its standard error over portraits;
    `spread` is that of one constant answer. Settings were chosen on portraits of other seeds (5 and 6).
Rows `sides`: rank correlation of each clinicians' measure, left against right, with how much less one side
    truly moves, in a cohort with palsy; with mouths from whole faces and from faces of one half each.
Rows `power`: in how many cohorts `observe` rejects independence, with the true points and with found ones.
"""

import csv
import dataclasses
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
import tyro
from PIL import Image

from benchmarks.rows import write_rows
from jaxface import face, photos
from jaxface.audit import likeness, observe
from jaxface.audit.like_config import LikeConfig
from jaxface.audit.observe import cohort, demo
from jaxface.core.progress import NullProgress
from jaxface.data import rendered
from jaxface.photos import asymmetry, quality
from jaxface.render.scenes import HEIGHT

SIZE = 256
LOOSE = {"height": (4.0, 7.0), "eye_line": (0.35, 0.55), "shift": 0.15}
"""A camera that shows the face somewhere in the middle, a third to a half of the picture."""

CONDITIONS: dict[str, dict[str, dict[str, Any]]] = {
    **{f"{tone} skin": {"people": {"skin_tones": (tone,)}} for tone in ("light", "fair", "medium", "dark")},
    "yaw of 20 degrees": {"pose": {"yaw": 20.0}},
    "yaw of 35 degrees": {"pose": {"yaw": 35.0}},
    "roll of 15 degrees": {"pose": {"roll": 15.0}},
    "dim light": {"light": {"ambient": (0.03, 0.08), "key": (0.1, 0.2), "fill": (0.0, 0.02)}},
    "dim light, dark skin": {
        "light": {"ambient": (0.03, 0.08), "key": (0.1, 0.2), "fill": (0.0, 0.02)},
        "people": {"skin_tones": ("dark",)},
    },
    "light from one side": {
        "light": {"ambient": (0.08, 0.15), "key": (0.8, 1.0), "fill": (0.0, 0.02), "azimuth": 90.0}
    },
    "blur of 2 pixels": {"sensor": {"blur": (2.0, 2.0)}},
    "noise of 0.08": {"sensor": {"noise": (0.08, 0.08)}},
    "tight crops": {"camera": {"height": (2.4, 2.9), "eye_line": (0.35, 0.42), "shift": 0.02}},
    "small faces": {"camera": {"height": (10.0, 16.0), "eye_line": (0.3, 0.7), "shift": 0.3}},
}


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    what: tuple[Literal["faces", "speed", "like", "sides", "power"], ...] = (
        "faces",
        "speed",
        "like",
        "sides",
        "power",
    )
    """Kinds of rows."""

    faces: int = 96
    """Rendered faces of each condition."""

    pictures: int = 1000
    """Photographs of the folder, 512 pixels."""

    portraits: int = 48
    """Portraits that a head is fitted to."""

    repeats: int = 5
    """Cohorts with palsy and without."""

    out: Path = Path("benchmarks/results")
    """Folder or file of the rows."""


def faces(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each condition."""
    nets = photos.load_nets()
    for name, tables in CONDITIONS.items():
        images, points = render(tables, settings.faces)
        errors, eyes, offsets, extra = [], [], [], 0
        for start in range(0, len(images), 16):
            results = photos.detect_many(list(images[start : start + 16]), None, nets)
            for result, truth in zip(results, points[start : start + 16], strict=True):
                distance = quality.interocular(truth)
                offset = (result.points - truth) / distance
                right = np.linalg.norm(offset[:, 17:], axis=-1).mean(-1) < 0.3
                extra += int((~right).sum())
                if right.any():
                    best = int(np.flatnonzero(right)[0])
                    errors.append(np.linalg.norm(offset[best, 17:], axis=-1).mean())
                    offsets.append(offset[best, 17:])
                    eyes.append(np.linalg.norm(offset[best, 36:48].reshape(2, 6, 2).mean(1), axis=-1).mean())
        centred = np.linalg.norm(np.array(offsets) - np.median(offsets, axis=0), axis=-1).mean(-1)
        yield {
            "name": "faces",
            "condition": name,
            "faces": len(images),
            "recall": len(errors) / len(images),
            "false": extra,
            "inner": float(np.median(errors)),
            "centred": float(np.median(centred)),
            "eyes": float(np.median(eyes)),
        }


def render(tables: dict[str, dict[str, Any]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (count, SIZE, SIZE, 3) uint8 and their points (count, 68, 2), pixels."""
    recipe = rendered.load_recipe("expressions")
    changes = {"camera": LOOSE} | tables
    parts = {key: dataclasses.replace(getattr(recipe, key), **change) for key, change in changes.items()}
    recipe = dataclasses.replace(recipe, size=SIZE, landmarks=True, **parts)
    rows = rendered.dataset(recipe, count, batch=16).rows(range(count))
    return rows["image"], rows["landmarks"].astype(np.float64) * SIZE


def speed(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield one row: faces, crops, logits and image features of a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        images, _ = render({}, 40)
        for number in range(settings.pictures):
            place = folder / ("happiness", "sadness")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(images[number % len(images)]).resize((512, 512), Image.Resampling.BICUBIC)
            image.save(place / f"{number:04d}.jpg", quality=90)
        config = observe.ObserveConfig(
            photos=str(folder), tests=("kci",), features=("pixel",), subset=("matching",)
        )
        small = dataclasses.replace(config, photos=str(_part(folder, Path(name) / "part")))
        observe.run(small, Path(name) / "warm")  # compiles
        before, cpu, began = _peak_mb(), time.process_time(), time.perf_counter()
        result = observe.run(config, Path(name) / "run")
        seconds = time.perf_counter() - began
        yield {
            "name": "speed",
            "photographs": settings.pictures,
            "used": int(result.measurements.used.sum()),
            "run_s": seconds,
            "cpu_s": time.process_time() - cpu,
            "photographs_per_s": settings.pictures / seconds,
            "peak_mb_before": before,
            "peak_mb": _peak_mb(),
            "load": list(_load()),
        }


def _part(folder: Path, part: Path) -> Path:
    """Copy some photographs of each class."""
    for place in folder.iterdir():
        (part / place.name).mkdir(parents=True)
        for path in sorted(place.iterdir())[:20]:
            (part / place.name / path.name).write_bytes(path.read_bytes())
    return part


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _load() -> tuple[float, ...]:
    with open("/proc/loadavg") as file:
        return tuple(float(word) for word in file.read().split()[:3])


def like(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for landmarks alone, and one with pixels."""
    recipe = rendered.load_recipe("expressions")
    camera = dataclasses.replace(recipe.camera, height=(3.4, 4.5), eye_line=(0.36, 0.48), shift=0.08)
    recipe = dataclasses.replace(recipe, size=192, camera=camera)
    dataset = rendered.dataset(recipe, settings.portraits, seed=101, batch=16)
    images, labels = dataset.rows(range(settings.portraits))["image"], dataset.columns["intensity"]
    for steps in (0, LikeConfig().pixel_steps):
        config = LikeConfig(pixel_steps=steps)
        assets, nets = likeness._assets(config.size), photos.load_nets()
        marks, results = likeness.load_marks(), []
        began = time.process_time()
        for image in images:
            crop, points = likeness.look(photos.as_image(image), config, nets, marks)
            results.append(likeness._fit(assets, jnp.asarray(crop), jnp.asarray(points, jnp.float32), config))
        intensity = np.stack([rendered.intensities(assets, one.face.activations) for one in results])
        errors = np.abs(intensity[:, np.asarray(assets.unit_indices)] - labels).mean(1)
        yield {
            "name": "like",
            "by": "landmarks and pixels" if steps else "landmarks",
            "portraits": settings.portraits,
            "unit_error": float(errors.mean()),
            "standard_error": float(errors.std(ddof=1) / np.sqrt(len(errors))),
            "worst": float(errors.max()),
            "spread": float(np.abs(labels - labels.mean(0)).mean()),
            "landmark_error": float(np.mean([one.landmark_error for one in results])) * HEIGHT,
            "pixel_error": float(np.mean([one.pixel_error for one in results])),
            "cpu_s_with_compiling": time.process_time() - began,
        }


def sides(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each measure and way to see the mouth."""
    from scipy.stats import spearmanr

    with tempfile.TemporaryDirectory() as name:
        people = observe.CohortConfig(people=200, expressions=("happiness",))
        cohort.make(people, face.load("bundled"), Path(name), 0, NullProgress())
        with (Path(name) / cohort.TRUTH).open() as file:
            truth = list(csv.DictReader(file))
        paths = [Path(name) / row["path"] for row in truth]
        lacking = np.array(
            [
                (1.0 - float(row["symmetry"])) * float(row["strength"]) * (1 if row["side"] == "right" else -1)
                for row in truth
            ]
        )
        for halves in (False, True):
            config, nets = photos.DetectConfig(halves=halves), photos.load_nets()
            results = []
            for start in range(0, len(paths), 32):
                results += photos.detect_many(paths[start : start + 32], config, nets)
            mask = np.array([len(one) > 0 for one in results])
            points = np.stack([one.choose("largest").points[0] for one in results if len(one)])
            copies = np.concatenate([one.choose("largest").copies for one in results if len(one)])
            within = asymmetry.repeatability(copies)
            for measure, values in asymmetry.balance(points).items():
                yield {
                    "name": "sides",
                    "mouth": "halves" if halves else "whole",
                    "measure": measure,
                    "photographs": int(mask.sum()),
                    "signed": float(spearmanr(values, lacking[mask])[0]),
                    "absolute": float(spearmanr(np.abs(values), np.abs(lacking[mask]))[0]),
                    "between": float(values.std(ddof=1)),
                    "within": float(np.sqrt((within[measure] ** 2).mean())),
                }


def power(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each way to know the points, cohort, classifier and feature."""
    head = face.load("bundled")
    features = ("group", "column:severity", "landmarks", "maps:face-api", "pixel")
    measures = ("eye-opening", "brow-height", "corner-excursion", "corner-angle")
    with tempfile.TemporaryDirectory() as name:
        results: dict[str, dict[str, list[Any]]] = {"true": {}, "found": {}}
        for seed in range(settings.repeats):
            for kind in demo.KINDS:
                people = observe.CohortConfig(people=200, expressions=("happiness",), null=kind == "null")
                place = Path(name) / f"{kind}-{seed}"
                table = cohort.make(people, head, place, seed, NullProgress())
                bare = _without_points(table)
                for way, path in (("true", table), ("found", bare)):
                    config = observe.ObserveConfig(
                        table=str(path),
                        features=(*features, *(measures if way == "found" else ())),
                        subset=("matching",),
                        seed=seed,
                    )
                    result = observe.run(config, Path(name) / f"{way}-{kind}-{seed}")
                    results[way].setdefault(kind, []).append(result)
        for way, by_kind in results.items():
            cohorts = {kind: tuple(rows) for kind, rows in by_kind.items()}
            for rate in demo.rates(cohorts, 0.01):
                yield {"name": "power", "points": way, **dataclasses.asdict(rate)}


def _without_points(table: Path) -> Path:
    """Write the table with path, label, group, person and grade alone."""
    lines = [line.split(",")[:5] for line in table.read_text(encoding="utf-8").splitlines()]
    path = table.with_name("bare.csv")
    path.write_text("\n".join(",".join(cells) for cells in lines) + "\n", encoding="utf-8")
    return path


def main(settings: Settings) -> None:
    """Measure, print and append the rows."""
    kinds = {"faces": faces, "speed": speed, "like": like, "sides": sides, "power": power}
    for what in settings.what:
        write_rows(kinds[what](settings), "photos", settings.out)


if __name__ == "__main__":
    main(tyro.cli(Settings))
