"""Joints, skinning weights and the seam between left and right."""

import numpy as np

from tools.bundled_head.mesh import Head
from tools.bundled_head.paint import step
from tools.bundled_head.wheel import Floats

JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")
# Half widths, cm, of the blend between the sides: narrow at the brows, wide where a mouth would shear.
BROW_WIDTH, MOUTH_WIDTH = 0.8, 2.5
BROW_HEIGHT, MOUTH_HEIGHT = 0.5, -5.0
NECK_JOINT = (0.0, -11.5, -8.5)  # cm: under the skull, where the neck bends
ROOT_JOINT = (0.0, -16.5, -10.0)


def seam_widths(template: Floats) -> Floats:
    """Return (V,) half width, cm, of the blend between the sides at each vertex."""
    return BROW_WIDTH + (MOUTH_WIDTH - BROW_WIDTH) * step(template[:, 1], BROW_HEIGHT, MOUTH_HEIGHT)


def jaw_hinge(head: Head, jaw_open: Floats) -> tuple[Floats, float]:
    """Return (3,) the point about which jawOpen turns the lower teeth, and the angle in radians.

    Args:
        jaw_open: (V, 3) cm.
    """
    teeth = head.of("lower_teeth")
    before, after = head.template[teeth][:, 1:], (head.template + jaw_open)[teeth][:, 1:]
    first, second = before - before.mean(0), after - after.mean(0)
    angle = np.arctan2((first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum(), (first * second).sum())
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.linalg.solve(np.eye(2) - turn, after.mean(0) - turn @ before.mean(0))
    return np.array([0.0, *centre]), float(angle)


def skinning(head: Head, jaw_open: Floats) -> tuple[Floats, Floats]:
    """Return (V, 5) weights that sum to one, and (5, V) the regressor that finds the joints on any
    shape."""
    hinge, angle = jaw_hinge(head, jaw_open)
    template = head.template
    weights = np.zeros((len(template), len(JOINTS)))
    # The mandible's share of a vertex: how far jawOpen moves it, against a rigid turn about the hinge.
    lever = np.linalg.norm((template - hinge)[:, 1:], axis=1) * 2.0 * np.sin(abs(angle) / 2.0)
    jaw = np.clip(np.linalg.norm(jaw_open, axis=1) / np.maximum(lever, 0.3), 0.0, 1.0)
    jaw[head.of("lower_teeth", "tongue")] = 1.0
    jaw[head.of("upper_teeth", "left_eye", "right_eye", "hair")] = 0.0
    root = 1.0 - step(template[:, 1] + 0.3 * (template[:, 2] + 3.0), -18.0, -11.5)
    root[head.of("hair")] = 0.0
    jaw *= 1.0 - root
    weights[:, 0], weights[:, 2] = root, jaw
    weights[:, 1] = 1.0 - root - jaw
    for joint, part in ((3, "left_eye"), (4, "right_eye")):
        weights[head.of(part)] = np.eye(len(JOINTS))[joint]
    # Symmetric to the last bit: the eyes change places, all else is averaged.
    mirror_image = weights[head.mirror][:, [0, 1, 2, 4, 3]]
    weights = 0.5 * (weights + mirror_image)
    regressor = np.stack(
        [
            _near(head, np.array(ROOT_JOINT)),
            _near(head, np.array(NECK_JOINT)),
            _near(head, hinge),
            _mean(head, "left_eye"),
            _mean(head, "right_eye"),
        ]
    )
    return weights, regressor


def _mean(head: Head, part: str) -> Floats:
    out = np.zeros(len(head.template))
    out[head.of(part)] = 1.0 / len(head.of(part))
    return out


def _near(head: Head, point: Floats) -> Floats:
    """(V,) symmetric weights, as small as possible, of near skin vertices whose mean is `point`.

    The point lies inside the head; weights come from vertices all round it.
    """
    skin = head.of("skin")
    flat = np.hypot(*(head.template[skin] - point)[:, 1:].T)
    members = skin[np.argsort(flat, kind="stable")[:80]]
    members = np.unique(np.concatenate([members, head.mirror[members]]))
    system = np.vstack([np.ones(len(members)), head.template[members].T])
    weights = np.linalg.lstsq(system, np.array([1.0, *point]), rcond=None)[0]
    out = np.zeros(len(head.template))
    out[members] = weights
    return 0.5 * (out + out[head.mirror])
