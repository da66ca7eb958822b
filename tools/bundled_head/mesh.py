"""Cutting the head out of the body: which vertices, in which frame, mirrored exactly."""

import dataclasses

import numpy as np

from tools.bundled_head.wheel import Floats, Ints, Mesh, Wheel

INTEROCULAR = 6.3  # cm between the eye centres of the template
NECK_CUT, NECK_SLOPE, NECK_WIDTH = -18.0, 0.3, 8.0  # cm: what lies below the tilted plane or outside is body
EYE_SIZE, EYE_BACK = 0.94, 0.18  # share and cm: smaller and set back, or raised lower lids cut into the eyeball
# Shares of face units in the template: without mouthClose a line of teeth shows, and MakeHuman's lids hang,
# which reads as tired.
REST = {"mouthClose": 0.045, "eyeBlink": -0.12}
PARTS = ("skin", "mouth", "tongue", "upper_teeth", "lower_teeth", "left_eye", "right_eye", "hair")
_GROUPS = {
    "body": "skin",
    "helper-tongue": "tongue",
    "helper-upper-teeth": "upper_teeth",
    "helper-lower-teeth": "lower_teeth",
    "helper-l-eye": "left_eye",
    "helper-r-eye": "right_eye",
}


@dataclasses.dataclass(frozen=True)
class Head:
    """The head's geometry while it is being built. Lengths are centimetres, the origin lies between
    the eyes.

    Attributes:
        template: (V, 3), exactly symmetric.
        faces, uv_faces: (F, 3), triangles mirrored exactly: the left half first, then the right.
        uv: (U, 2) of the left half in the layout of the base mesh; the right half shares them.
        part: (V,) index into `PARTS`.
        mirror: (V,).
        source: (V,) vertex of the base mesh, -1 for what the build adds (hair).
        scale: centimetres for a unit of the base mesh.
    """

    template: Floats
    faces: Ints
    uv: Floats
    uv_faces: Ints
    part: Ints
    mirror: Ints
    source: Ints
    scale: float

    def of(self, *names: str) -> Ints:
        """Return the vertices of the named parts."""
        return np.flatnonzero(np.isin(self.part, [PARTS.index(name) for name in names]))

    def take(self, displacement: Floats) -> Floats:
        """Return (V, 3) cm, exactly symmetric, of (19158, 3) displacements in units of the base
        mesh."""
        rows = np.where(self.source[:, None] >= 0, displacement[self.source], 0.0)
        return symmetrised(rows * self.scale, self.mirror)


def symmetrised(field: Floats, mirror: Ints) -> Floats:
    """Return (d + mirror(d)) / 2 of a (V, 3) vector field."""
    mirror_image = field[mirror] * np.array([-1.0, 1.0, 1.0])
    return 0.5 * (field + mirror_image)


def cut_head(wheel: Wheel) -> Head:
    """Return the head of the wheel's mesh, average of young women and men, at rest."""
    mesh = wheel.mesh()
    body = mesh.vertices + _young_mean(wheel)
    for name, share in REST.items():
        sides = [name] if wheel.has_face_unit(name) else [name + "Left", name + "Right"]
        body += share * sum(wheel.face_unit(side) for side in sides)
    left = body[np.unique(mesh.groups["helper-l-eye"][0])].mean(0)
    right = body[np.unique(mesh.groups["helper-r-eye"][0])].mean(0)
    scale = INTEROCULAR / float(np.linalg.norm(left - right))
    body = (body - (left + right) / 2) * scale
    for group in ("helper-l-eye", "helper-r-eye"):
        eye = np.unique(mesh.groups[group][0])
        body[eye] = body[eye].mean(0) + EYE_SIZE * (body[eye] - body[eye].mean(0)) - [0.0, 0.0, EYE_BACK]
    quads, uv_quads, part_of = _kept_quads(mesh, body)
    triangles, uv_triangles = _mirrored_triangles(quads, uv_quads, body, wheel.mirror())
    source, faces = np.unique(triangles, return_inverse=True)
    uv_source, uv_faces = np.unique(uv_triangles, return_inverse=True)
    mirror = np.searchsorted(source, wheel.mirror()[source])
    template = symmetrised(body[source], mirror)
    return Head(
        template,
        faces.reshape(triangles.shape),
        mesh.texture[uv_source],
        uv_faces.reshape(triangles.shape),
        part_of[source],
        mirror,
        source,
        scale,
    )


def _young_mean(wheel: Wheel) -> Floats:
    races = [
        wheel.target(f"macrodetails/{race}-{sex}-young")
        for race in ("african", "asian", "caucasian")
        for sex in ("female", "male")
    ]
    bodies = [
        wheel.target(f"macrodetails/universal-{sex}-young-averagemuscle-averageweight")
        for sex in ("female", "male")
    ]
    return np.mean(races, axis=0) + np.mean(bodies, axis=0)


def _kept_quads(mesh: Mesh, body: Floats) -> tuple[Ints, Ints, Ints]:
    above = body[:, 1] + NECK_SLOPE * (body[:, 2] + 3.0) > NECK_CUT
    inside = above & ((np.abs(body[:, 0]) < NECK_WIDTH) | (body[:, 1] > -10.0))
    part_of = np.full(len(body), -1)
    quads, uv_quads = [], []
    for group, part in _GROUPS.items():
        corners, uv_corners = mesh.groups[group]
        rows = inside[corners].all(1)
        quads.append(corners[rows])
        uv_quads.append(uv_corners[rows])
        part_of[corners[rows]] = PARTS.index(part)
    return np.concatenate(quads), np.concatenate(uv_quads), part_of


def _mirrored_triangles(quads: Ints, uv_quads: Ints, body: Floats, mirror: Ints) -> tuple[Ints, Ints]:
    """Each quad of the left split along its shorter diagonal, then all of it mirrored to the right.

    Both halves share the texture coordinates of the left.
    """
    left = body[quads, 0].mean(1) > 1e-6
    if 2 * left.sum() != len(quads):
        raise ValueError(f"{len(quads)} quads, of which {left.sum()} lie on the left")
    quads, uv_quads = quads[left], uv_quads[left]
    corners = body[quads]
    first = np.linalg.norm(corners[:, 0] - corners[:, 2], axis=-1)
    second = np.linalg.norm(corners[:, 1] - corners[:, 3], axis=-1)
    splits = np.where((first <= second)[:, None, None], [[0, 1, 2], [0, 2, 3]], [[0, 1, 3], [1, 2, 3]])
    rows = np.arange(len(quads))[:, None, None]
    triangles, uv_triangles = quads[rows, splits].reshape(-1, 3), uv_quads[rows, splits].reshape(-1, 3)
    return (
        np.concatenate([triangles, mirror[triangles][:, ::-1]]),
        np.concatenate([uv_triangles, uv_triangles[:, ::-1]]),
    )
