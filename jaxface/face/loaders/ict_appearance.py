"""The appearance of ICT-FaceKit: its UDIM tiles in one atlas, with plain colours or the user's
albedo.

The authors' texture coordinates name tiles: the face in tile 0, head and sockets in 1, gums in 2,
teeth in 3; the eyeballs are in tile 0 too, with a texture of their own. The atlas is twice as wide
as high: the face in its left half, the four others in quarters of its right half. v points up.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from jaxface.core.errors import ModelFileError
from jaxface.core.image_files import ImageFileError, open_image
from jaxface.face.loaders.ict_files import IctFiles

SIZE = 384
_FACE, _HEAD, _GUMS, _TEETH, _LEFT_EYE, _RIGHT_EYE = range(6)
# Left, bottom and edge of each cell in heights of the atlas.
# The right eye shows the left eye's image, mirrored.
_CELLS = np.array(
    [[0.0, 0.0, 1.0], [1.0, 0.5, 0.5], [1.0, 0.0, 0.5], [1.5, 0.0, 0.5], [1.5, 0.5, 0.5], [1.5, 0.5, 0.5]]
)
_INSET = 0.004

_SKIN = np.array([0.84, 0.67, 0.585])
_HAIR = np.array([0.21, 0.155, 0.13])
_LIPS = np.array([0.66, 0.38, 0.36])
_MOUTH = np.array([0.36, 0.12, 0.11])
_SCLERA = np.array([0.80, 0.78, 0.77])
_IRIS = np.array([0.29, 0.19, 0.12])
_TOOTH = np.array([0.88, 0.86, 0.82])
# Centimetres. The eyes look at a camera in front of them, so the irises are slightly towards the nose.
_IRIS_RADIUS, _PUPIL_RADIUS, _VERGENCE = 0.60, 0.26, 0.08

Colour = Callable[[np.ndarray, np.ndarray], np.ndarray]


def atlas_coordinates(files: IctFiles) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return texture coordinates (U, 2) in the atlas, triangles (F, 3) of them, and the cell (F,)
    of each triangle."""
    corners = files.uv[files.uv_faces]
    tile = np.floor(corners.mean(axis=1)[:, 0]).astype(np.int64)
    part = files.part[files.faces[:, 0]]
    cell = np.where((tile >= 0) & (tile <= _TEETH), tile, _HEAD)
    cell[part == files.part_names.index("eyeball_L")] = _LEFT_EYE
    cell[part == files.part_names.index("eyeball_R")] = _RIGHT_EYE
    # A texture coordinate in two cells becomes two coordinates: number them by (coordinate, cell).
    pairs, uv_faces = np.unique((files.uv_faces * len(_CELLS) + cell[:, None]).reshape(-1), return_inverse=True)
    owner = pairs % len(_CELLS)
    source_uv = files.uv[pairs // len(_CELLS)]
    origin = np.where(owner <= _TEETH, owner, 0)
    local = np.clip(source_uv - np.stack([origin, np.zeros_like(origin)], axis=1), 0.0, 1.0)
    local[owner == _RIGHT_EYE, 0] = 1.0 - local[owner == _RIGHT_EYE, 0]
    local = _INSET + (1 - 2 * _INSET) * local
    place = _CELLS[owner]
    uv = (place[:, :2] + place[:, 2:] * local) / [2.0, 1.0]
    return uv, uv_faces.reshape(-1, 3), cell


def paint_atlas(
    files: IctFiles, uv: np.ndarray, uv_faces: np.ndarray, cell: np.ndarray, albedo: Path | None
) -> np.ndarray:
    """Paint the texture (SIZE, 2 SIZE, 3), sRGB in [0, 1].

    Args:
        files: the visible model, in centimetres.
        uv, uv_faces, cell: of `atlas_coordinates`.
        albedo: an image of tile 0, the face; None = paint brows, lips and lids on plain skin.
    """
    picture = np.empty((SIZE, 2 * SIZE, 3))
    eyes = np.stack(
        [files.template[files.landmarks[36:42]].mean(0), files.template[files.landmarks[42:48]].mean(0)]
    )
    origin, unit = eyes.mean(0), np.linalg.norm(eyes[0] - eyes[1]) / 6.3
    if albedo is None:
        face = _paint_face(files, uv, uv_faces)
        skin = _SKIN
    else:
        face = _load_albedo(albedo)
        skin = np.median(face.reshape(-1, 3), axis=0)
    face_texels = face.reshape(-1, 3)
    colours: dict[int, Colour] = {
        _FACE: lambda points, part: _hair(face_texels, points) if albedo is None else face_texels,
        _HEAD: lambda points, part: _head(files, points, part, skin),
        _LEFT_EYE: lambda points, part: _eye(files, points * unit + origin),
        _GUMS: lambda points, part: _darkened(_MOUTH * 1.35, points, 8.0),
        _TEETH: lambda points, part: _darkened(_TOOTH, points, 5.0),
    }
    for index, colour in colours.items():
        rows, columns, texels = _texels(index)
        members = cell == index
        if not members.any():
            picture[rows, columns] = skin
            continue
        corners = np.unique(
            np.stack([uv_faces[members].reshape(-1), files.faces[members].reshape(-1)], axis=1), axis=0
        )
        points, part = _surface(files, uv[corners[:, 0]], corners[:, 1], texels)
        edge = rows.stop - rows.start
        picture[rows, columns] = np.clip(colour((points - origin) / unit, part), 0.0, 1.0).reshape(
            edge, edge, 3
        )
    return picture


def _texels(index: int) -> tuple[slice, slice, np.ndarray]:
    """Return rows and columns of a cell, and the texture coordinates (N, 2) of its texels."""
    left, bottom, edge = (_CELLS[index] * SIZE).round().astype(int)
    rows = slice(SIZE - bottom - edge, SIZE - bottom)
    centres = np.arange(edge) + 0.5
    u, v = np.meshgrid((left + centres) / (2 * SIZE), (bottom + edge - centres) / SIZE)
    return rows, slice(left, left + edge), np.stack([u.reshape(-1), v.reshape(-1)], axis=1)


def _surface(
    files: IctFiles, uv: np.ndarray, vertex: np.ndarray, texels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the point of the template (N, 3) and the part (N,) at each texel.

    Texels between the triangles take the nearest vertex.
    """
    nearest = vertex[cKDTree(uv).query(texels)[1]]
    points = LinearNDInterpolator(uv, files.template[vertex])(texels)
    return np.where(np.isnan(points), files.template[nearest], points), files.part[nearest]


def _load_albedo(path: Path) -> np.ndarray:
    try:
        with open_image(path) as image:
            small = image.resize((SIZE, SIZE), Image.Resampling.BOX)
    except ImageFileError as error:
        raise ModelFileError(
            f"{path} is no readable image ({error}); a texture is a PNG or JPEG of tile 0"
        ) from None
    return np.asarray(small, np.float64) / 255.0


def _paint_face(files: IctFiles, uv: np.ndarray, uv_faces: np.ndarray) -> np.ndarray:
    """Paint skin, blush, lips, brows and lids around the landmarks, in texels of the face's
    cell."""
    scale = 4
    place = np.zeros((len(files.template), 2))
    place[files.faces.reshape(-1)] = uv[uv_faces.reshape(-1)]
    pixels = np.stack([place[:, 0] * 2, 1.0 - place[:, 1]], axis=1)[files.landmarks] * SIZE * scale
    height, width = np.mgrid[0 : SIZE * scale, 0 : SIZE * scale]
    face = np.broadcast_to(_SKIN, (SIZE, SIZE, 3)).copy()

    def blend(alpha: np.ndarray, colour: np.ndarray) -> None:
        face[:] += alpha[..., None] * (colour - face)

    def blend_shape(
        shape: Callable[[ImageDraw.ImageDraw], None], blur: float, alpha: float, colour: np.ndarray
    ) -> None:
        image = Image.new("L", (SIZE * scale, SIZE * scale))
        shape(ImageDraw.Draw(image))
        soft = image.filter(ImageFilter.GaussianBlur(blur * scale)).resize((SIZE, SIZE), Image.Resampling.BOX)
        blend(alpha * np.asarray(soft, np.float64) / 255.0, colour)

    def polygon(points: np.ndarray) -> Callable[[ImageDraw.ImageDraw], None]:
        return lambda on: on.polygon([tuple(point) for point in points], fill=255)

    def outline(points: np.ndarray, thickness: float) -> Callable[[ImageDraw.ImageDraw], None]:
        return lambda on: on.line(
            [tuple(point) for point in (*points, points[0])], fill=255, width=round(thickness)
        )

    span = float(np.linalg.norm(pixels[45] - pixels[36]))
    for corner, nostril in ((36, 31), (45, 35)):
        cheek = 0.5 * (pixels[corner] + pixels[nostril]) + [0.0, 0.08 * span]
        distance_squared = ((width - cheek[0]) ** 2 + (height - cheek[1]) ** 2)[::scale, ::scale]
        blend(0.16 * np.exp(-distance_squared / (2 * (0.13 * span) ** 2)), np.array([0.80, 0.45, 0.38]))
    blend_shape(polygon(pixels[48:60]), 1.5, 0.85, _LIPS)
    for lids in (pixels[36:42], pixels[42:48]):
        blend_shape(outline(lids, 0.022 * span), 0.7, 0.75, _SKIN * 0.12)
    for brow in (pixels[17:22], pixels[22:27][::-1]):
        blend_shape(polygon(_brow(brow, span)), 0.8, 0.92, _HAIR)
    return face


def _brow(line: np.ndarray, span: float) -> np.ndarray:
    """Return the outline of a brow along five landmarks, from its thin outer to its full inner
    end."""
    half = 0.034 * span * np.array([0.25, 0.8, 1.0, 0.95, 0.75])[:, None]
    up = np.array([0.0, -1.0])
    return np.concatenate([line + half * up, (line - half * up)[::-1]])


def _hair(colour: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Paint a cap of hair above the forehead; `points` in cm from the midpoint of the eyes, 6.3 cm
    apart."""
    line = 6.3 - 0.05 * points[:, 0] ** 2 + np.where(points[:, 2] < -12.0, -5.0, 0.0)
    cover = np.clip((points[:, 1] - line) / 0.4, 0.0, 1.0)[:, None]
    return colour + cover * (_HAIR - colour)


def _head(files: IctFiles, points: np.ndarray, part: np.ndarray, skin: np.ndarray) -> np.ndarray:
    colour = np.where((part == files.part_names.index("mouth_socket"))[:, None], _MOUTH, skin)
    outside = np.isin(part, [files.part_names.index(name) for name in ("face", "headneck")])
    return np.where(outside[:, None], _hair(colour, points), colour)


def _darkened(colour: np.ndarray, points: np.ndarray, depth: float) -> np.ndarray:
    """A colour that fades to a quarter over `depth` cm behind the foremost point."""
    behind = points[:, 2].max() - points[:, 2]
    return colour * np.clip(1.0 - 0.75 * behind / depth, 0.25, 1.0)[:, None]


def _eye(files: IctFiles, points: np.ndarray) -> np.ndarray:
    """Sclera, iris and pupil by the distance (cm) from the axis of gaze, shaded towards the upper
    lid."""
    ball = files.template[files.part == files.part_names.index("eyeball_L")]
    offset = points - 0.5 * (ball.min(0) + ball.max(0)) + [_VERGENCE, 0.0, 0.0]
    away = np.where(offset[:, 2] > 0, np.hypot(offset[:, 0], offset[:, 1]), np.inf)
    iris = np.clip((_IRIS_RADIUS - away) / 0.06, 0.0, 1.0)[:, None]
    pupil = np.clip((_PUPIL_RADIUS - away) / 0.06, 0.0, 1.0)[:, None]
    limbus = 1.0 - 0.45 * np.clip((away - 0.75 * _IRIS_RADIUS) / (0.25 * _IRIS_RADIUS), 0.0, 1.0)[:, None]
    colour = (_SCLERA + iris * (_IRIS * limbus - _SCLERA)) * (1.0 - 0.92 * pupil)
    return colour * (1.0 - 0.45 * np.clip(offset[:, 1] / 0.6, 0.0, 1.0))[:, None]
