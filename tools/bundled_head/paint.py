"""Painting the texture: one mask a layer, from where each texel lies on the template."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from tools.bundled_head.chart import REGIONS, Chart
from tools.bundled_head.hair import above_hairline
from tools.bundled_head.mesh import INTEROCULAR, Head
from tools.bundled_head.units import table
from tools.bundled_head.wheel import Floats, Wheel


@dataclasses.dataclass(frozen=True)
class Paint:
    """The layers of an `Appearance`, with A coefficients.

    Attributes:
        mean: (H, W, 3) what is the same for everyone, sRGB in [0, 1].
        masks: (L, H, W) in [0, 1].
        colours: (L, 3, A + 1); opacities: (L, A + 1).
        coefficients: A names; layers: L names.
    """

    mean: Floats
    masks: Floats
    colours: Floats
    opacities: Floats
    coefficients: tuple[str, ...]
    layers: tuple[str, ...]


class Canvas:
    """What the masks are painted from: position and region of each texel, MakeHuman's own masks."""

    def __init__(self, wheel: Wheel, head: Head, chart: Chart) -> None:
        self.chart, self.head = chart, head
        self.x, self.y, self.z = np.moveaxis(chart.position, -1, 0)
        self.skin = chart.within("face", "neck", "socket")
        self.front = chart.within("face") * step(self.z, -4.0, -3.0)
        rows = ((1.0 - chart.layout[..., 1]) * 2047).astype(int)
        columns = (chart.layout[..., 0] * 2047).astype(int)
        self.lips = wheel.picture("mpfb_lips.jpg")[rows, columns] * chart.within("face")
        self.ears = wheel.picture("mpfb_ears.jpg")[rows, columns] * chart.within("face")
        self.eye = chart.within("eye")
        self.eye_x, self.eye_y = self.x - INTEROCULAR / 2, self.y


def paint_layers(wheel: Wheel, head: Head, chart: Chart) -> Paint:
    """Return all layers of `paint.toml`."""
    data = table("paint.toml")
    canvas = Canvas(wheel, head, chart)
    names = tuple(data["coefficients"])
    masks, colours, opacities = [], [], []
    for name, layer in data["layers"].items():
        masks.append(chart.finished(_MASKS[name](canvas, data)))
        colours.append([layer.get("by", {}).get(n, [0.0] * 3) for n in names] + [layer["colour"]])
        opacities.append([layer.get("opacity_by", {}).get(n, 0.0) for n in names] + [layer["opacity"]])
    return Paint(
        chart.finished(_fixed(canvas, data)),
        np.clip(np.stack(masks), 0.0, 1.0),
        np.swapaxes(np.array(colours), 1, 2),
        np.array(opacities),
        names,
        tuple(data["layers"]),
    )


def step(value: Floats, start: float, end: float) -> Floats:
    """Return a smooth step from 0 at `start` to 1 at `end`; `start` may be greater than `end`."""
    share = np.clip((value - start) / (end - start), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def bump(canvas: Canvas, x: float, y: float, width: float, height: float) -> Floats:
    """Return a Gaussian blot on the face."""
    return np.exp(-0.5 * (((canvas.x - x) / width) ** 2 + ((canvas.y - y) / height) ** 2))


def strands(angle: Floats, count: int, seed: int) -> Floats:
    """Return smooth noise in [0, 1] of a position in [0, 1] across the hair, with `count`
    values."""
    values = np.random.default_rng(seed).random(count + 1)
    return np.interp(np.clip(angle, 0.0, 1.0) * count, np.arange(count + 1), values)


def _fixed(canvas: Canvas, data: dict[str, Any]) -> Floats:
    settings, chart = data["fixed"], canvas.chart
    out = np.full((*canvas.x.shape, 3), 0.5)
    corner = step(np.abs(canvas.eye_x), 0.9, 1.5)[..., None]
    sclera = np.array(settings["sclera"]) * (1 - corner) + np.array(settings["sclera_corner"]) * corner
    out = np.where(chart.within("eye")[..., None] > 0, sclera, out)
    for region, key, along in (
        ("teeth", "teeth_across", canvas.x),
        ("tongue", "tongue_depth", canvas.z),
        ("mouth", "mouth_depth", canvas.z),
    ):
        near, far, least = settings[key]
        colour = np.array(settings[region]) * (least + (1.0 - least) * step(along, far, near))[..., None]
        out = np.where(chart.within(region)[..., None] > 0, colour, out)
    return out


def _skin(canvas: Canvas, data: dict[str, Any]) -> Floats:
    return canvas.skin


def _blush(canvas: Canvas, data: dict[str, Any]) -> Floats:
    cheeks, nose = bump(canvas, 4.2, -3.2, 1.4, 1.1), bump(canvas, 0.0, -3.6, 0.8, 0.7)
    return np.maximum(cheeks, 0.7 * nose) * canvas.front


def _beard(canvas: Canvas, data: dict[str, Any]) -> Floats:
    cheek = step(canvas.y + 0.35 * canvas.x, -3.6, -5.6)
    moustache = step(canvas.y, -5.0, -5.5) * step(canvas.x, 3.0, 2.0)
    return np.maximum(cheek * step(canvas.x, 1.5, 2.6), np.maximum(moustache, step(canvas.y, -8.2, -9.0))) * (
        canvas.chart.within("face") * (1.0 - canvas.lips) * step(canvas.y, -13.5, -11.5) * (1.0 - canvas.ears)
    )


def _shade(canvas: Canvas, data: dict[str, Any]) -> Floats:
    """Where a face hides from the sky: under the nose, under the lower lip, at the corners of the
    mouth."""
    blots = [strength * bump(canvas, *blot) for *blot, strength in data["shade"].values()]
    return np.minimum(np.sum(blots, 0), 1.0) * canvas.front


def _lips(canvas: Canvas, data: dict[str, Any]) -> Floats:
    return np.maximum(canvas.lips, canvas.chart.within("mouth") * step(canvas.z, 1.3, 2.2))


def _brow(canvas: Canvas, data: dict[str, Any], arch: str = "low_arch", width: str = "thin") -> Floats:
    brow = data["brow"]
    height = np.array(brow["height"]) + brow[arch] * np.array(brow["arch"])
    across = np.array(brow["across"])
    fine = np.linspace(across[0], across[-1], 200)
    # A parabola through the four points' least squares: a polyline would show its corners.
    y = np.polynomial.Polynomial.fit(across, height, 2)(fine)
    half = np.interp(fine, across, brow["width"]) * brow[width]
    distance, index = cKDTree(np.stack([fine, y], 1)).query(np.stack([canvas.x.ravel(), canvas.y.ravel()], 1))
    edge = (half[index] - distance).reshape(canvas.x.shape)
    return step(edge, -brow["soft"], brow["soft"]) * canvas.front


def _brow_thick(canvas: Canvas, data: dict[str, Any]) -> Floats:
    return _brow(canvas, data, width="thick")


def _brow_arch(canvas: Canvas, data: dict[str, Any]) -> Floats:
    return _brow(canvas, data, arch="high_arch")


def _lash(canvas: Canvas, data: dict[str, Any]) -> Floats:
    """Round the eye opening: the seam between the skin and the eye socket."""
    chart, head = canvas.chart, canvas.head
    half = len(head.faces) // 2
    region = chart.region_of_uv[head.uv_faces[:half]]
    face, socket = (np.unique(head.faces[:half][region == REGIONS.index(name)]) for name in ("face", "socket"))
    opening = np.intersect1d(face, socket)
    edges = np.concatenate([head.faces[:half][:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    edges = edges[np.isin(edges, opening).all(1)]
    ends = head.template[edges]
    share = np.linspace(0.0, 1.0, 9)[:, None, None]
    rim = (ends[:, 0] * share + ends[:, 1] * (1.0 - share)).reshape(-1, 3)
    distance, index = cKDTree(rim).query(chart.position.reshape(-1, 3))
    distance, upper = distance.reshape(canvas.x.shape), rim[index, 1].reshape(canvas.x.shape) > 0.0
    width = np.where(upper, data["eye"]["lash_above"], data["eye"]["lash_below"])
    return step(distance / width, 1.0, 0.5) * chart.within("face", "socket") * (canvas.z > -3)


def _scalp(canvas: Canvas) -> Floats:
    """(H, W) position across the hair in [0, 1]: the angle on the scalp, the column on the
    shell."""
    angle = np.arctan2(canvas.x, canvas.z - table("hair.toml")["axis"]) / np.pi
    wave = 0.006 * np.sin(9.0 * canvas.chart.layout[..., 1])
    return np.where(canvas.chart.within("hair") > 0, canvas.chart.layout[..., 0] + wave, angle)


def _hair(canvas: Canvas, data: dict[str, Any]) -> Floats:
    hair = data["hair"]
    raggedness = strands(_scalp(canvas), 260, 5) - 0.5 + 0.6 * (strands(_scalp(canvas), 90, 6) - 0.5)
    above = above_hairline(canvas.chart.position) + hair["ragged"] * raggedness
    scalp = step(above, -hair["soft"], hair["soft"]) * (1.0 - canvas.ears) * canvas.chart.within("face", "neck")
    return np.maximum(scalp, canvas.chart.within("hair"))


def _hair_light(canvas: Canvas, data: dict[str, Any]) -> Floats:
    light = 0.6 * strands(_scalp(canvas), 150, 7) + 0.4 * strands(_scalp(canvas), 40, 8)
    return step(light, 0.35, 0.85) * _hair(canvas, data) ** 2


def _disc(canvas: Canvas, radius: float, soft: float = 0.04, x: float = 0.0, y: float = 0.0) -> Floats:
    distance = np.hypot(canvas.eye_x - x, canvas.eye_y - y)
    return step(distance, radius + soft, radius - soft) * canvas.eye


def _iris(canvas: Canvas, data: dict[str, Any]) -> Floats:
    return _disc(canvas, data["eye"]["iris"])


def _limbus(canvas: Canvas, data: dict[str, Any]) -> Floats:
    radius = data["eye"]["iris"]
    return _disc(canvas, radius) - _disc(canvas, radius - data["eye"]["limbus"], 0.08)


def _pupil(canvas: Canvas, data: dict[str, Any]) -> Floats:
    return _disc(canvas, data["eye"]["pupil"])


def _lid_shadow(canvas: Canvas, data: dict[str, Any]) -> Floats:
    return step(canvas.eye_y, *data["eye"]["lid_shadow"]) * canvas.chart.within("eye")


def _catchlight(canvas: Canvas, data: dict[str, Any]) -> Floats:
    x, y, radius = data["eye"]["catchlight"]
    return _disc(canvas, radius, x=-x, y=y)


_MASKS: dict[str, Callable[[Canvas, dict[str, Any]], Floats]] = {
    "skin": _skin,
    "blush": _blush,
    "beard": _beard,
    "shade": _shade,
    "lips": _lips,
    "brow": _brow,
    "brow_thick": _brow_thick,
    "brow_arch": _brow_arch,
    "lash": _lash,
    "hair": _hair,
    "hair_light": _hair_light,
    "iris": _iris,
    "limbus": _limbus,
    "pupil": _pupil,
    "lid_shadow": _lid_shadow,
    "catchlight": _catchlight,
}
