"""A simulated cohort of photographs with known truth: rendered people, some with one-sided palsy.

Everybody makes hand-set expressions of varying strength under varying light and head pose, before a camera
with noise. Palsy leaves the expression of one side at the share s < 1, as the audit's intervention does. In a
null cohort patients are made up and recorded in the same way, but nobody's face is touched.
"""

import dataclasses
import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxface import interventions, render
from jaxface.audit.observe.config import CohortConfig
from jaxface.audit.observe.tables import write_csv
from jaxface.core import io as files
from jaxface.core.config import dump_toml
from jaxface.core.errors import StoreError
from jaxface.core.progress import Progress
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.face.population import sample_person
from jaxface.face.requirements import prototype_rows, require_eyes
from jaxface.face.sides import Side
from jaxface.render.light import environment

TABLE, TRUTH, PICTURES, SETTINGS = "photographs.csv", "truth.csv", "pictures", "cohort.toml"
GROUPS = ("patient", "proband")
# facial units whose most moved vertex marks a point that both sides have
_MARKS = {"mouth": "mouthSmile", "brow": "browOuterUp", "lid": "eyeBlink", "nose": "noseSneer"}
HEIGHT, EYE_LINE = 3.6, 0.42  # framing of a photograph, as of `render.Framing`
_MARK_NOISE = 0.4  # pixels, deviation


@dataclass(frozen=True)
class Shot:
    """One photograph before it is taken.

    Attributes:
        prototype: row of the head's prototypes.
        severity: 1 - s as it is written down, 0 for probands; symmetry: s as it is drawn.
        turn: (3,) axis-angle of the head, radians.
    """

    person: int
    label: str
    group: str
    side: Side
    prototype: int
    strength: float
    severity: float
    symmetry: float
    turn: np.ndarray
    light: Array


def make(config: CohortConfig, head: FaceModel, folder: Path, seed: int, progress: Progress) -> Path:
    """Photograph a cohort into `folder`: pictures, the table that `observe` reads, and the truth.

    Pictures that are there are not drawn again.

    Returns:
        the table.

    Raises:
        ConfigError: the head has no prototype of an expression.
        StoreError: another cohort lies in the folder.
    """
    check(config, head)
    settings, note = f"# seed {seed}\n{dump_toml(config)}", folder / SETTINGS
    if note.is_file() and note.read_text(encoding="utf-8") != settings:
        raise StoreError(f"{folder} holds another cohort ({SETTINGS}); name another folder or remove it")
    files.write_text(note, settings)
    shots = plan(config, head, seed)
    people = _people(head, config.people, seed)
    marks = mark_vertices(head)
    progress.start("cohort", len(shots))
    rows: list[list[Any]] = []
    names = [*(f"{side}_eye" for side in ("left", "right")), *marks]
    head_row = ["path", "label", "group", "person", "severity"]
    rows.append([*head_row, *(f"{name}_{axis}" for name in names for axis in "xy")])
    where = jnp.asarray(list(marks.values()), jnp.int32)
    for index, shot in enumerate(shots):
        params = posed(head, jax.tree.map(lambda leaf, who=shot.person: leaf[who], people), shot)
        path = folder / PICTURES / f"{index:05d}.png"
        noise = np.random.default_rng([seed, 1, index])
        points = landmarks(head, params, shot, config.size, where)
        points = points + _MARK_NOISE * noise.standard_normal(points.shape)
        if not path.is_file():
            picture = photograph(head, params, shot, config.size)
            _save(path, picture + config.noise * noise.standard_normal(picture.shape))
        cells = [f"{PICTURES}/{path.name}", shot.label, shot.group, f"p{shot.person:04d}", shot.severity]
        rows.append([*cells, *map(float, points.ravel())])
        progress.advance()
    progress.close()
    truth: list[list[Any]] = [["path", "side", "symmetry", "strength", "prototype", "pitch", "yaw", "roll"]]
    for row, shot in zip(rows[1:], shots, strict=True):
        turn = map(float, np.degrees(shot.turn))
        truth.append([row[0], shot.side, shot.symmetry, shot.strength, shot.prototype, *turn])
    write_csv(folder / TRUTH, truth)
    return write_csv(folder / TABLE, rows)


def check(config: CohortConfig, head: FaceModel) -> None:
    """Check that a head can be photographed as the cohort.

    Raises:
        ConfigError: the head has no prototype of an expression, or lacks the joint of an eye.
    """
    require_eyes(head)
    for label in config.expressions:
        prototype_rows(head, label, "choose others by cohort.expressions, or take the bundled head")


def plan(config: CohortConfig, head: FaceModel, seed: int) -> list[Shot]:
    """All photographs of a cohort; person by person, each for themselves."""
    check(config, head)
    labels = head.expressions.prototype_labels
    shots = []
    for person in range(config.people):
        draw = np.random.default_rng([seed, 3, person])
        # one of every two people who are asked for the same is a patient: groups differ in nothing else
        first = np.random.default_rng([seed, 2, person // 2]).integers(2)
        group = GROUPS[(person + first) % 2]
        side: Side = "left" if draw.random() < 0.5 else "right"
        symmetry = float(draw.uniform(*config.symmetry))
        for shot in range(config.photographs):
            label = config.expressions[(person // 2 + shot) % len(config.expressions)]
            rows = [row for row, name in enumerate(labels) if name == label]
            strength = float(draw.uniform(*config.strength))
            severity = 1.0 - symmetry if group == GROUPS[0] else 0.0
            shots.append(
                Shot(
                    person=person,
                    label=label,
                    group=group,
                    side=side,
                    prototype=int(draw.choice(rows)),
                    strength=strength,
                    severity=severity,
                    symmetry=1.0 if config.null else 1.0 - severity,
                    turn=np.radians(config.pose) * draw.standard_normal(3),
                    light=_light(config.light, draw),
                )
            )
    return shots


def posed(head: FaceModel, person: FaceParams, shot: Shot) -> FaceParams:
    """The person with the expression and the turn of the head that a photograph shows."""
    pose = person.pose.at[0].set(jnp.asarray(shot.turn, jnp.float32))
    return dataclasses.replace(person, expression=head.expressions.prototypes[shot.prototype], pose=pose)


def scene(light: Array, size: int) -> render.Scene:
    """Framed looser than a classifier's crop, and by the resting head: the crop has to find the eyes."""
    framing = render.Framing(
        height=jnp.asarray(HEIGHT, jnp.float32), eye_line=jnp.asarray(EYE_LINE, jnp.float32)
    )
    return render.Scene(framing=framing, light=light, size=size)


def photograph(head: FaceModel, params: FaceParams, shot: Shot, size: int) -> np.ndarray:
    """One photograph without noise, (size, size, 3) in [0, 1]."""
    view = scene(shot.light, size)
    symmetry = interventions.Symmetry(shot.side)
    return np.asarray(interventions.image(symmetry, head, params, view, shot.symmetry, shot.strength))


def landmarks(head: FaceModel, params: FaceParams, shot: Shot, size: int, marks: Array) -> np.ndarray:
    """Where the left and the right eye's centre and some vertices lie, (2 + M, 2) pixels."""
    view = scene(shot.light, size)
    symmetry, time = jnp.float32(shot.symmetry), jnp.float32(shot.strength)
    return np.asarray(_landmarks(head, params, view, symmetry, time, marks, shot.side))


@partial(jax.jit, static_argnames="side")
def _landmarks(
    head: FaceModel,
    params: FaceParams,
    view: render.Scene,
    symmetry: Array,
    time: Array,
    marks: Array,
    side: Side,
) -> Array:
    vertices = geometry.vertices(head, params, symmetry, time, side)
    eyes = jnp.stack([head.joint_regressor[head.joint_names.index(f"{one}_eye")] for one in ("left", "right")])
    centres = eyes @ vertices  # a head that turns as one takes its joints along
    camera = render.frame(head, params.identity, view.framing)
    return render.project(camera, jnp.concatenate([centres, vertices[marks]]), view.size).xy


def mark_vertices(head: FaceModel) -> dict[str, int]:
    """Vertices that a landmark detector could find on both sides: mouth corners, brows, lids, nose.

    Each is the vertex on the left that one facial unit moves most, and its mirror image; none for heads
    without units or a mirror.
    """
    space = head.expressions
    if head.mirror is None or space.units is None:
        return {}
    # what each unit does by itself: the coefficients that make it alone, then the basis
    alone = np.linalg.pinv(np.asarray(space.units, np.float64))
    left = np.asarray(head.left_weight) > 0.99
    vertices: dict[str, int] = {}
    for name, unit in _MARKS.items():
        if unit in space.unit_names:
            displacement = np.asarray(head.expression_basis) @ alone[space.unit_names.index(unit)]
            vertex = int(np.argmax(np.linalg.norm(displacement, axis=-1) * left))
            vertices |= {f"left_{name}": vertex, f"right_{name}": int(np.asarray(head.mirror)[vertex])}
    return vertices


@jax.jit
def _drawn_people(keys: Array, head: FaceModel) -> FaceParams:
    return jax.vmap(lambda key: sample_person(key, head)[0])(keys)


def _people(head: FaceModel, count: int, seed: int) -> FaceParams:
    root = jax.random.fold_in(jax.random.key(seed), 4)
    return _drawn_people(jax.vmap(lambda i: jax.random.fold_in(root, i))(jnp.arange(count)), head)


def _light(deviation: float, draw: np.random.Generator) -> Array:
    """The protocol's light with other strengths and directions."""
    lights = []
    for strength, *direction in render.RenderConfig().lights:
        offset = deviation * draw.standard_normal(3)
        lights.append(
            (
                max(0.0, strength * (1 + deviation * draw.standard_normal())),
                *(np.array(direction) + offset).tolist(),
            )
        )
    ambient = max(0.1, render.RenderConfig().ambient * (1 + deviation * draw.standard_normal()))
    return environment(ambient, lights)


def _save(path: Path, picture: np.ndarray) -> None:
    """As PNG with 8 bits, whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)).save(buffer, "PNG")
    files.write_bytes(path, buffer.getvalue())
