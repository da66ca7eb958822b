"""The head that looks like a photograph: fitted by its landmarks, then by its pixels.

One photograph, one avatar: its identity is audited as any other person's, and its own expression shows what a
classifier would say if one side moved as the other does. A fit that does not explain the picture says nothing.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import photos
from jaxface.audit.like_config import LikeConfig
from jaxface.audit.observe.crops import eye_transform
from jaxface.classify import Classifier
from jaxface.core.errors import JaxfaceError
from jaxface.core.progress import ProgressLike, choose
from jaxface.core.types import Array
from jaxface.data import rendered
from jaxface.data.rendered.fitting import FitConfig, FitResult, fit_image
from jaxface.photos import asymmetry
from jaxface.photos.marks import HeadMarks, load_marks
from jaxface.photos.resampling import resample
from jaxface.render.scenes import EYE_LINE, HEIGHT


class LikenessError(JaxfaceError):
    """A photograph that no head can be fitted to."""


@dataclass(frozen=True)
class Likeness:
    """One photograph and the head that was fitted to it.

    Attributes:
        path: of the photograph.
        crop: (size, size, 3) float32 in [0, 1], as the fit saw it; points: (68, 2) widths of it.
        face, scene: arguments of `rendered.render_example`.
        picture: their rendering, (size, size, 3) in [0, 1].
        landmark_error: interocular distances, root mean square over the 51 inner points.
        pixel_error: mean absolute error of the face's pixels, in [0, 1]; NaN without pixels.
        side: that moves less; symmetry: how far it follows, in [0, 1].
        answers: by classifier (2, K): probabilities for photograph and fit.
        levels: (L,) symmetry of that side; strip: (L, size, size, 3) the person's expression at each.
        strip_answers: by classifier (L, K).
    """

    path: str
    crop: np.ndarray
    points: np.ndarray
    face: rendered.Face
    scene: rendered.SceneParams
    picture: np.ndarray
    landmark_error: float
    pixel_error: float
    side: str
    symmetry: float
    answers: dict[str, np.ndarray]
    levels: np.ndarray
    strip: np.ndarray
    strip_answers: dict[str, np.ndarray]

    def difference(self, classifier: str) -> float:
        """Return the total variation between a classifier's answers to photograph and fit, in [0, 1]."""
        photograph, fit = self.answers[classifier]
        return float(0.5 * np.abs(photograph - fit).sum())

    def is_close(self, config: LikeConfig) -> bool:
        """Return whether the landmarks of the fit are where those of the photograph are."""
        return self.landmark_error <= config.largest_landmark_error

    def is_conclusive(self, classifier: str, config: LikeConfig) -> bool:
        """Return whether this classifier takes the fit for what it takes the photograph for."""
        return self.is_close(config) and self.difference(classifier) <= config.largest_difference


def fit_photographs(
    paths: Sequence[str | Path],
    classifiers: Sequence[Classifier],
    config: LikeConfig | None = None,
    progress: ProgressLike = None,
) -> list[Likeness]:
    """Fit the bundled head to the largest face of each photograph.

    Raises:
        LikenessError: a photograph without a face.
        ImageFileError: a file that is no picture.
    """
    config, progress = config or LikeConfig(), choose(progress)
    assets = _assets(config.size)
    nets = photos.load_nets(config.detect)
    marks = load_marks()
    progress.start("likenesses", len(paths))
    out = []
    try:
        for path in paths:
            crop, points = look(path, config, nets, marks)
            result = _fit(assets, jnp.asarray(crop), jnp.asarray(points, jnp.float32), config)
            out.append(_likeness(str(path), crop, points, result, assets, classifiers, config))
            progress.advance(1, f"{path}: landmarks to {out[-1].landmark_error:.3f} interocular distances")
    finally:
        progress.close()
    return out


def look(
    path: str | Path, config: LikeConfig, nets: photos.Nets, marks: HeadMarks
) -> tuple[np.ndarray, np.ndarray]:
    """Return the crop of a photograph, (size, size, 3) in [0, 1], and the head's marks in it, (68, 2) widths.

    Raises:
        LikenessError: no face.
    """
    image, _ = photos.bounded(path)
    try:
        face = photos.detect(image, config.detect, nets).choose("largest")
    except photos.FaceError as error:
        raise LikenessError(f"{path}: {error}") from None
    matrix = eye_transform(face.eyes[0], config.size, HEIGHT, EYE_LINE)
    crop = resample(image, matrix, config.size).astype(np.float32) / 255.0
    # The eyes are level in the crop, one interocular distance is 1 / HEIGHT of its width.
    level = asymmetry.level(face.points[0])
    return crop, marks.of(level) / HEIGHT + np.array([0.5, EYE_LINE])


def _assets(size: int) -> rendered.SceneAssets:
    recipe = dataclasses.replace(rendered.load_recipe("expressions"), size=size, landmarks=True)
    return rendered.build_assets(recipe)


@partial(jax.jit, static_argnames="config")
def _fit(assets: rendered.SceneAssets, crop: Array, points: Array, config: LikeConfig) -> FitResult:
    """Fit by landmarks, then go on by landmarks and pixels."""
    settings = FitConfig(
        steps=config.pixel_steps or config.landmark_steps,
        landmark_error=config.landmark_error / HEIGHT,
        contour_error=config.contour_error / HEIGHT,
        pixels=config.pixels,
        sparsity=config.sparsity,
        relaxed_steps=config.relaxed_steps if config.pixel_steps else 0,
        balance=config.balance,
    )
    if not config.pixel_steps:
        return fit_image(assets, None, points, settings)
    return fit_image(assets, crop, points, settings, landmark_steps=config.landmark_steps)


def _likeness(
    path: str,
    crop: np.ndarray,
    points: np.ndarray,
    result: FitResult,
    assets: rendered.SceneAssets,
    classifiers: Sequence[Classifier],
    config: LikeConfig,
) -> Likeness:
    face, scene = result.face, result.scene
    levels = np.linspace(0.0, 1.0, config.levels, dtype=np.float32)
    cases = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], len(levels) + 1, 0), (face, scene))
    degrees = jnp.concatenate([face.symmetry[None], jnp.asarray(levels)])
    faces = dataclasses.replace(cases[0], symmetry=degrees)
    pictures = np.asarray(_render(assets, faces, cases[1]), np.float32) / 255.0
    images = np.concatenate([crop[None], pictures])
    answers = {c.name: np.asarray(c.probabilities(images, allow_nan=True), np.float64) for c in classifiers}
    return Likeness(
        path=path,
        crop=crop,
        points=points,
        face=face,
        scene=scene,
        picture=pictures[0],
        landmark_error=float(result.landmark_error) * HEIGHT,
        pixel_error=float(result.pixel_error) if config.pixel_steps else float("nan"),
        side="left" if bool(face.frozen_left) else "right",
        symmetry=float(face.symmetry),
        answers={name: values[:2] for name, values in answers.items()},
        levels=levels,
        strip=pictures[1:],
        strip_answers={name: values[2:] for name, values in answers.items()},
    )


@jax.jit
def _render(assets: rendered.SceneAssets, faces: Any, scenes: Any) -> Array:
    return rendered.render_examples(assets, faces, scenes)
