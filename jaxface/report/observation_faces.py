"""The faces that were found in photographs: their sides, the doubtful ones, and crops with landmarks."""

import numpy as np
from PIL import Image, ImageDraw

from jaxface.audit.observe import ObserveResult, crops
from jaxface.audit.observe.sides import doubts
from jaxface.core.errors import JaxfaceError
from jaxface.report.observation_tables import UNKNOWN, aligned

MOST = 24
"""Crops that are shown."""

_SIZE = 168
_DOT = (40, 220, 120)


def sides_text(result: ObserveResult) -> str:
    """Return the clinicians' measures for a terminal; empty where no landmarks are known."""
    if not result.sides:
        return ""
    names = list(result.sides[0].size)
    rows = [["left against right", "photographs", "mean", "between", "within", *(f"size, {n}" for n in names)]]
    for row in result.sides:
        numbers = [row.mean, row.between, row.within, *(row.size[name] for name in names)]
        rows.append([row.measure, str(row.photographs), *map(number, numbers)])
    title = "Sides of the faces (log ratios; the angle in degrees). Within: copies of one photograph"
    return f"{title}\n{aligned(rows)}"


def number(value: float) -> str:
    """Return a number with two digits, a dash where it is missing."""
    return UNKNOWN if np.isnan(value) else f"{value:.2f}"


def doubts_text(result: ObserveResult, count: int = 5) -> str:
    """Return how many faces are doubtful and the worst of them; empty where none is."""
    rows = doubts(result.photographs, result.measurements)
    if not rows:
        return ""
    lines = [f"  {result.photographs.path[row]}: {words}" for row, words in rows[:count]]
    more = [f"  and {len(rows) - count} more"] if len(rows) > count else []
    title = f"{len(rows)} faces that were found may be wrong; look at them with --pictures, correct faces.csv:"
    return "\n".join([title, *lines, *more])


def marked_crops(result: ObserveResult) -> list[tuple[str, np.ndarray]]:
    """Return caption and crop (_SIZE, _SIZE, 3) uint8 of found faces, the doubtful ones first.

    The landmarks are dots. A photograph that is gone by now is left out.
    """
    table = result.photographs
    if not table.quality:
        return []
    worst = doubts(table, result.measurements)
    words = dict(worst)
    located = np.flatnonzero(result.measurements.used & np.isfinite(table.quality["score"])).tolist()
    rows = [row for row, _ in worst] + [row for row in located if row not in words]
    out = []
    for row in rows[:MOST]:
        try:
            out.append((f"{table.path[row]} {words.get(row, '')}".strip(), _marked(result, row)))
        except JaxfaceError:
            continue
    return out


def _marked(result: ObserveResult, row: int) -> np.ndarray:
    table, config = result.photographs, result.config.crop
    eyes = table.eyes(row)
    image = crops.load_photograph(table.folder / table.path[row])
    crop = crops.crop(image, config, eyes, table.boxes[row], _SIZE)
    picture = Image.fromarray(np.round(255.0 * crop).clip(0, 255).astype(np.uint8))
    if eyes is None or table.points is None or not np.isfinite(eyes).all():
        return np.asarray(picture)
    matrix = crops.eye_transform(eyes, _SIZE, config.height, config.eye_line)
    points = (table.points[row] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    draw = ImageDraw.Draw(picture)
    for x, y in points[np.isfinite(points).all(-1)].tolist():
        draw.ellipse((x - 1.2, y - 1.2, x + 1.2, y + 1.2), fill=_DOT)
    return np.asarray(picture)
