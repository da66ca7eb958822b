"""Crops: eyes and boxes land where they should, and bad photographs say why."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface.audit.observe.config import CropConfig
from jaxface.audit.observe.crops import PhotographError, crop, load_photograph

CONFIG = CropConfig(size=64)


def picture(
    points: list[tuple[float, float]], size: tuple[int, int] = (300, 240), spread: float = 5.0
) -> Image.Image:
    """Soft bright dots on black; (width, height) pixels."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    light = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * spread**2)) for a, b in points)
    return Image.fromarray(
        np.round(255 * np.clip(np.repeat(np.asarray(light)[..., None], 3, 2), 0, 1)).astype(np.uint8)
    )


def centre(image: np.ndarray) -> np.ndarray:
    """Where the light of an (H, W, 3) image is centred, x and y in pixels."""
    light = image[..., 0] * (image[..., 0] > 0.1)
    x, y = np.meshgrid(np.arange(image.shape[1]) + 0.5, np.arange(image.shape[0]) + 0.5)
    return np.array([(light * x).sum(), (light * y).sum()]) / light.sum()


@pytest.mark.parametrize("roll", [0.0, 0.35, -0.6])
@pytest.mark.parametrize("between", [24.0, 70.0])
def test_eyes_come_to_the_renderers_framing(roll: float, between: float) -> None:
    half = 0.5 * between * np.array([np.cos(roll), np.sin(roll)])
    eyes = np.array([240.0, 200.0]) + np.stack([half, -half])  # left, right
    places = 64 * np.array([[0.5 + 0.5 / 2.9, 0.39], [0.5 - 0.5 / 2.9, 0.39]])
    for eye, place in zip(eyes, places, strict=True):
        result = crop(picture([tuple(eye)], (480, 400), between / 12), CONFIG, eyes, None)
        assert result.shape == (64, 64, 3) and result.dtype == np.float32
        np.testing.assert_allclose(centre(result), place, atol=0.15)


def test_a_box_becomes_the_square_around_it() -> None:
    box = np.array([100.0, 60.0, 140.0, 140.0])  # 40 x 80: the square is 80 wide
    result = crop(picture([(120.0, 100.0)]), CONFIG, None, box)
    np.testing.assert_allclose(centre(result), [32, 32], atol=0.1)
    corner = crop(picture([(90.0, 70.0)], spread=2.0), CONFIG, None, box)  # 10 off the square's corner
    np.testing.assert_allclose(centre(corner), [8, 8], atol=0.1)
    wide = crop(picture([(120.0, 100.0), (80.0, 100.0)]), CropConfig(size=64, box_scale=2.0), None, box)
    np.testing.assert_allclose(centre(wide), [24, 32], atol=0.1)


def test_without_either_the_central_square_is_taken() -> None:
    result = crop(picture([(150.0, 120.0)]), CONFIG, None, np.full(4, np.nan), size=48)
    np.testing.assert_allclose(centre(result), [24, 24], atol=0.1)
    assert result.shape == (48, 48, 3)


def test_what_lies_outside_has_the_background() -> None:
    result = crop(Image.new("RGB", (40, 40), "white"), CONFIG, None, np.array([-40.0, 0.0, 40.0, 80.0]))
    np.testing.assert_allclose(result[40:, :20], 90 / 255, atol=1e-6)
    np.testing.assert_allclose(result[8:24, 40:56], 1.0, atol=1e-6)


def test_a_much_smaller_crop_is_averaged_not_sampled() -> None:
    board = (np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)
    result = crop(Image.fromarray(board).convert("RGB"), CropConfig(size=16), None, None)
    np.testing.assert_allclose(result, 0.5, atol=0.01)


@pytest.mark.parametrize(
    ("eyes", "box", "message"),
    [
        ([[10.0, 50.0], [60.0, 50.0]], None, "sides are the person's own"),
        ([[10.0, 50.0], [10.0, 50.0]], None, "same point"),
        (None, [10.0, 10.0, 10.0, 20.0], "has no area"),
    ],
)
def test_impossible_faces_are_told(
    eyes: list[list[float]] | None, box: list[float] | None, message: str
) -> None:
    with pytest.raises(PhotographError, match=message):
        crop(
            picture([(1, 1)]),
            CONFIG,
            None if eyes is None else np.array(eyes),
            None if box is None else np.array(box),
        )


def test_photographs_are_turned_as_their_camera_noted_and_bad_ones_told(tmp_path: Path) -> None:
    tall = picture([(30.0, 200.0)], (60, 240)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 270 degrees to see it upright
    tall.save(tmp_path / "a.jpg", exif=exif)
    result = load_photograph(tmp_path / "a.jpg")
    assert result.size == (60, 240) and result.mode == "RGB"
    (tmp_path / "b.png").write_bytes(b"no picture")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "c.jpg").write_bytes(whole[: len(whole) // 2])
    for name, message in {"absent.png": "missing", "b.png": "unreadable", "c.jpg": "unreadable"}.items():
        with pytest.raises(PhotographError, match=message):
            load_photograph(tmp_path / name)
