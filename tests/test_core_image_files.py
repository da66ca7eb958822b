"""The decoder: what a viewer shows, bounded, and reasons for what cannot be shown."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface.core.image_files import LARGEST_IMAGE, ImageFileError, open_image
from jaxface.data.sources import decode, find_fault
from tests.shared import shared_file

GREY = np.linspace(0, 255, 24 * 20).round().astype(np.uint8).reshape(24, 20)
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339


def decoded(path: Path) -> np.ndarray:
    with open_image(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(int)


def set_tag(path: Path, tag: int, value: int) -> None:
    """Change a short number in a little-endian TIFF, which Pillow would write as it sees fit."""
    content = bytearray(path.read_bytes())
    content[content.index(struct.pack("<HHI", tag, 3, 1)) + 8] = value
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["png", "tif", "pgm"])
def test_16_bits_are_scaled_to_8(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{name}"
    Image.fromarray(GREY.astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(decoded(path), np.repeat(GREY[..., None], 3, 2))
    Image.fromarray(GREY.astype(np.uint16)).save(path)  # nearly black, as in any viewer
    assert decoded(path).max() == 1
    assert find_fault(path, "quick") is None and find_fault(path, "full") is None


def test_32_bits_are_scaled_by_what_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for factor in (1, 257, 2**23):
        Image.fromarray(GREY.astype(np.int32) * factor).save(path)
        assert abs(decoded(path)[..., 0] - GREY).max() <= 1
    whole = GREY.astype(np.uint32) * np.uint32(2**24 + 2**16 + 257)
    Image.fromarray(whole.view(np.int32)).save(path)
    set_tag(path, TIFF_SAMPLE_FORMAT, 1)  # unsigned
    np.testing.assert_array_equal(decoded(path)[..., 0], GREY)
    for values in (GREY.astype(np.int32) - 9, GREY.astype(np.int32) * 1000):
        Image.fromarray(values).save(path)
        with pytest.raises(ImageFileError, match="32-bit grey without a known white"):
            decoded(path)
        assert find_fault(path, "quick") == "32-bit grey without a known white"


def test_floats_are_shown_where_white_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for values in (GREY / 255, GREY * 1.0):
        Image.fromarray(values.astype(np.float32)).save(path)
        np.testing.assert_array_equal(decoded(path)[..., 0], GREY)
    for low, high in ((-0.1, 1.0), (0.0, 1.5), (0.0, 1e4), (0.0, np.nan), (0.0, np.inf)):
        values = np.full((4, 4), low, np.float32)
        values[0, 0] = high
        Image.fromarray(values).save(path)
        assert find_fault(path, "quick") == "floats without a known white"


def test_the_shared_pictures_of_more_than_8_bits_are_the_same_as_in_8() -> None:
    folder = shared_file("fixtures/faults/sixteen_bit")
    expected = decoded(folder / "grey8.png")
    for name in ("grey16.png", "grey16.tif", "grey32.tif", "float01.tif"):
        np.testing.assert_allclose(decoded(folder / name), expected, atol=1)


def test_a_tiff_whose_zero_is_white_is_turned_over(tmp_path: Path) -> None:
    for kind in (np.uint8, np.uint16):
        path = tmp_path / "a.tif"
        Image.fromarray(GREY.astype(kind) * kind(np.iinfo(kind).max // 255)).save(path)
        set_tag(path, TIFF_PHOTOMETRIC, 0)
        np.testing.assert_array_equal(decoded(path)[..., 0], 255 - GREY)


def test_transparent_parts_are_white_whatever_hides_there(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)
    colours[:4, :, 3], colours[4:, :, 3] = 0, 255
    half = colours.copy()
    half[..., 3] = 128
    palette = Image.fromarray(colours[..., :3]).quantize(8)
    cases = {
        "rgba.png": Image.fromarray(colours),
        "la.png": Image.fromarray(colours).convert("LA"),
        "rgba.webp": Image.fromarray(colours),
        "half.png": Image.fromarray(half),
    }
    for name, image in cases.items():
        image.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    palette.save(tmp_path / "p.png", transparency=palette.getpixel((0, 0)))
    palette.save(tmp_path / "p.gif", transparency=palette.getpixel((0, 0)))
    Image.fromarray(colours[..., :3]).save(
        tmp_path / "rgb.png", transparency=tuple(map(int, colours[2, 3, :3]))
    )
    for name in ("rgba.png", "la.png", "rgba.webp"):
        assert (decoded(tmp_path / name)[:4] == 255).all()
    np.testing.assert_array_equal(decoded(tmp_path / "rgba.png")[4:], colours[4:, :, :3])
    np.testing.assert_allclose(decoded(tmp_path / "half.png"), (colours[..., :3] + 254.0) / 2, atol=1.5)
    hidden = np.asarray(palette) == palette.getpixel((0, 0))
    for name in ("p.png", "p.gif"):
        assert (decoded(tmp_path / name)[hidden] == 255).all()
        assert (decoded(tmp_path / name)[~hidden] < 255).any()
    assert (decoded(tmp_path / "rgb.png")[2, 3] == 255).all()


def test_every_kind_of_colour_is_shown(tmp_path: Path) -> None:
    colours = np.zeros((16, 16, 3), np.uint8)
    colours[..., 0] = 200
    for mode, name in (("CMYK", "a.jpg"), ("YCbCr", "b.jpg"), ("P", "c.png"), ("RGB", "d.bmp"), ("L", "e.png")):
        Image.fromarray(colours).convert(mode).save(tmp_path / name)
        expected = [60] * 3 if mode == "L" else [200, 0, 0]
        np.testing.assert_allclose(decoded(tmp_path / name).mean((0, 1)), expected, atol=4)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_hide_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (6, 4), (200, 10, 10)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    for exif in (b"Exif\0\0garbage!!!", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\xff\xff\0\0"):
        segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        (tmp_path / "b.jpg").write_bytes(whole[:2] + segment + whole[2:])
        np.testing.assert_array_equal(decoded(tmp_path / "b.jpg"), decoded(tmp_path / "a.jpg"))


def test_what_follows_a_whole_picture_does_not_make_it_truncated(tmp_path: Path) -> None:
    folder = shared_file("fixtures/faults/trailing_bytes")
    for name in ("motion.jpg", "pad8k.jpg"):
        assert find_fault(folder / name, "quick") is None
    whole = (folder / "pad8k.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: (len(whole) - 8192) // 2] + bytes(8192))
    for check in ("quick", "full"):
        assert find_fault(tmp_path / "half.jpg", check) == "truncated"
    (tmp_path / "unmarked.jpg").write_bytes(whole[: -8192 - 2])  # viewers show it
    assert find_fault(tmp_path / "unmarked.jpg", "quick") == find_fault(tmp_path / "unmarked.jpg", "full")
    Image.fromarray(GREY).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("ab") as file:
        file.write(bytes(9000))
    assert find_fault(tmp_path / "a.png", "quick") is None


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.webp", "a.bmp", "a.tif", "a.ppm", "mpo.jpg"])
def test_every_container_may_be_followed_by_bytes_and_not_be_cut(name: str, tmp_path: Path) -> None:
    path, rows = tmp_path / name, np.random.default_rng(0).integers(0, 256, (64, 48), np.uint8)
    extra = {"format": "MPO", "save_all": True, "append_images": [Image.fromarray(rows)]}
    Image.fromarray(rows).save(path, **(extra if name == "mpo.jpg" else {}))
    whole, pixels = path.read_bytes(), decoded(path)
    for rest in (bytes(9000), b"MotionPhoto_Data" + bytes(range(200)) * 50):
        path.write_bytes(whole + rest)
        assert find_fault(path, "quick") is find_fault(path, "full") is None
        np.testing.assert_array_equal(decoded(path), pixels)
    path.write_bytes(whole[: len(whole) // 3])
    for check in ("quick", "full"):
        assert find_fault(path, check) in ("truncated", "unreadable")


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_png_of_16_bits_in_colour(mode: str, tmp_path: Path) -> None:
    kind = {"LA": 4, "RGB": 2, "RGBA": 6}[mode]
    deep = np.full((*GREY.shape, len(mode)), 65535, np.uint16)
    deep[..., : len(mode.rstrip("A"))] = GREY[..., None].astype(np.uint16) * 257
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    header = struct.pack(">IIBBBBB", GREY.shape[1], GREY.shape[0], 16, kind, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    (tmp_path / "a.png").write_bytes(content)
    np.testing.assert_array_equal(decoded(tmp_path / "a.png"), np.repeat(GREY[..., None], 3, 2))


def test_tiffs_of_other_pixels_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(GREY).save(path, tiffinfo={TIFF_SAMPLE_FORMAT: 1})
    set_tag(path, TIFF_SAMPLE_FORMAT, 2)
    assert find_fault(path, "quick") == "signed bytes without a known white"
    Image.fromarray(GREY / np.float32(255)).save(path)
    set_tag(path, TIFF_BITS, 64)
    with pytest.raises(ImageFileError, match="a TIFF that is damaged, or whose kind of pixels is not read"):
        decoded(path)


def test_postscript_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    path = tmp_path / "a.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n")
    for check in ("quick", "full"):
        assert find_fault(path, check) == "unreadable"
    with pytest.raises(ImageFileError, match="none of JPEG, PNG"):
        decoded(path)
    assert not (tmp_path / "started").exists()


def test_what_is_no_regular_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for name, reason in (
        ("pipe.png", "unreadable"),
        (".", "unreadable"),
        ("absent.png", "no such file"),
        ("a\0b.png", "no such file"),
        ("x" * 300, "no such file"),
    ):
        for check in ("quick", "full"):
            assert find_fault(tmp_path / name, check) == reason
        assert find_fault(tmp_path / name, "none") == "no such file"
    assert find_fault(Path("/dev/zero"), "quick") == "unreadable"


def test_size_is_bounded_before_anything_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (8200, 6200)).save(path)
    assert LARGEST_IMAGE < 8200 * 6200
    assert find_fault(path, "quick") == find_fault(path, "full") == "more than 50 million pixels"
    with pytest.raises(ImageFileError, match="more than 50 million pixels: 8200 x 6200"):
        decoded(path)


def test_the_largest_picture_takes_less_than_600_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGBA", (8192, 6144), (90, 80, 70, 200)).save(path, compress_level=1)
    program = (
        "import resource, sys; from pathlib import Path; from jaxface.data.sources import decode;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; decode(Path(sys.argv[1]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", program, str(path)]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < 600_000  # kilobytes


def test_a_decoded_box_is_cut_out(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        decode(tmp_path / "a.png", np.array([2.0, 3.0, 8.0, 9.0]))[..., 0], GREY[3:9, 2:8]
    )
