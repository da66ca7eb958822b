"""Loading face models: the bundled head, FLAME and ICT-FaceKit as their authors publish them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from jaxface.core.checks import require
from jaxface.core.errors import ConfigError, JaxfaceError
from jaxface.face import sides
from jaxface.face.config import Jaw
from jaxface.face.loaders.file_kinds import model_file, require_model, sniff
from jaxface.face.model import FaceModel

MIDLINE_WIDTH = 0.008


def load(
    source: str | Path = "bundled",
    *,
    expression_space: str | None = None,
    identity_components: int | None = None,
    expression_components: int | None = None,
    texture: str | Path | None = None,
    texture_components: int | None = None,
    masks: str | Path | None = None,
    midline_width: float | None = None,
    jaw: Jaw | None = None,
) -> FaceModel:
    """Load a face model: the name "bundled", or the path of a FLAME file or folder, an ICT-FaceKit
    folder or its .npz.

    Args:
        source: the content of a path decides what it is, not its extension. Of FLAME's download
            folders, generic_model.pkl (2020) or flame2023.pkl is read.
        expression_space: meaning of the expression coefficients. Bundled: "components" (default) or
            "units". ICT-FaceKit: "units" (default; left and right tied) or "sided-units". FLAME:
            "components".
        identity_components: their number; by default 100 for FLAME and 50 for ICT-FaceKit.
        expression_components: their number, for FLAME only; 50 by default.
        texture: FLAME's texture .npz, its own, the Basel Face Model's (`FLAME_albedo_from_BFM.npz`)
            or AlbedoMM's; or an image of ICT-FaceKit's face tile.
        texture_components: their number, for FLAME only; 50 by default.
        masks: FLAME's masks .pkl.
        midline_width: half the width, metres, of the blend between the sides of the face; 0 is the
            hard split of Facing Asymmetry, Eq. 2. Default: 0.008, or the bundled head's own.
        jaw: "split" lets symmetry scale the jaw too, as Eq. 3 does; "whole" (default) never scales
            it. FLAME does not tell the jaw apart and is always split.

    Raises:
        ModelFileError: the file is missing, truncated, of another kind or unsafe.
        ConfigError: an option that this model does not have.
    """
    width = MIDLINE_WIDTH if midline_width is None else midline_width
    require(width >= 0, "midline_width", width, "at least 0 (metres)")
    require(jaw is None or jaw in get_args(Jaw), "jaw", jaw, "'whole' or 'split'")
    all_options: dict[str, Any] = {
        "expression_space": expression_space,
        "identity_components": identity_components,
        "expression_components": expression_components,
        "texture": None if texture is None else Path(texture),
        "texture_components": texture_components,
        "masks": None if masks is None else Path(masks),
    }
    options = {name: value for name, value in all_options.items() if value is not None}
    if source == "bundled":
        _check_options("the bundled head", options, "expression_space")
        from jaxface.face.loaders.bundled import load_bundled

        head = load_bundled(**options)
        if midline_width is not None:
            left_weight = sides.left_weights(head.template[:, 0], width)
            head = dataclasses.replace(head, left_weight=left_weight)
        return sides.split_jaw(head) if jaw == "split" else head
    require_model(source)
    path = model_file(source)
    kind = sniff(path)
    if kind in ("flame-pickle", "flame-npz"):
        _check_options(
            "FLAME",
            options,
            "expression_space",
            "identity_components",
            "expression_components",
            "texture",
            "texture_components",
            "masks",
        )
        if options.pop("expression_space", "components") != "components":
            raise ConfigError(f"no expression space {expression_space!r} for FLAME: it has only 'components'")
        if jaw == "whole":
            raise ConfigError("jaw = 'whole': FLAME's components do not tell the jaw apart; take 'split'")
        from jaxface.face.loaders.flame import load_flame

        return load_flame(path, is_pickle=kind == "flame-pickle", midline_width=width, **options)
    _check_options("ICT-FaceKit", options, "expression_space", "identity_components", "texture")
    from jaxface.face.loaders.ict import load_ict

    head = load_ict(path, midline_width=width, **options)
    return sides.split_jaw(head) if jaw == "split" else head


@dataclass(frozen=True)
class Report:
    """Result of `describe`: whether `source` is a readable face model; its contents, or its
    fault."""

    source: str
    kind: str | None
    readable: bool
    detail: str


def describe(source: str | Path) -> Report:
    """Describe a name or path for `jaxface doctor`. Never raises: a fault is in the report."""
    kind: str | None = None
    try:
        kind = "bundled" if source == "bundled" else sniff(model_file(source))
        head = load(source, identity_components=1 if kind == "ict-folder" else None)
    except JaxfaceError as error:
        return Report(str(source), kind, False, str(error))
    sizes = f"{head.template.shape[0]} vertices, {head.faces.shape[0]} triangles"
    identity, expression = head.identity_basis.shape[-1], head.expression_basis.shape[-1]
    bases = f"{identity} identity and {expression} expression coefficients"
    return Report(str(source), kind, True, f"{head.name}: {sizes}, {bases}; licence: {head.licence}")


def _check_options(model: str, options: dict[str, Any], *names: str) -> None:
    for name in options:
        if name not in names:
            raise ConfigError(f"{model} has no option {name!r}; it has {', '.join(names)}")
