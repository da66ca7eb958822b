"""Loading face models: the bundled head, FLAME and ICT-FaceKit as their authors publish them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxface.core.errors import ConfigError, JaxfaceError, ModelFileError, suggestion
from jaxface.face import sides
from jaxface.face.load.file_kinds import Kind, sniff
from jaxface.face.model import FaceModel

__all__ = ["Kind", "Report", "describe", "load", "sniff"]

MIDLINE_WIDTH = 0.008


def load(
    source: str | Path = "bundled",
    *,
    expression_space: str | None = None,
    identity_components: int | None = None,
    expression_components: int | None = None,
    texture: str | Path | None = None,
    masks: str | Path | None = None,
    midline_width: float | None = None,
) -> FaceModel:
    """A face model: the name "bundled", or the path of a FLAME file, an ICT-FaceKit folder or its .npz.

    Args:
        source: what a path holds is told by its content, not by its extension.
        expression_space: what the expression coefficients are. Bundled: "components" (default) or "units".
            ICT-FaceKit: "units" (default; left and right tied) or "sided-units". FLAME: "components".
        identity_components: how many; FLAME 100 and ICT-FaceKit 50 by default.
        expression_components: FLAME alone; 50 by default.
        texture: FLAME's texture .npz, or a picture of ICT-FaceKit's face tile.
        masks: FLAME's masks .pkl.
        midline_width: half the width, metres, of the blend between the sides of the face; 0 is the hard split
            of Facing Asymmetry, Eq. 2. By default 0.008, or what the bundled head brings along.

    Raises:
        ModelFileError: missing, truncated, foreign or unsafe; one line that says which.
        ConfigError: an option that this model does not have.
    """
    width = MIDLINE_WIDTH if midline_width is None else midline_width
    if width < 0:
        raise ConfigError(f"midline_width = {width} metres, it cannot be negative")
    options: dict[str, Any] = {
        "expression_space": expression_space,
        "identity_components": identity_components,
        "expression_components": expression_components,
        "texture": None if texture is None else Path(texture),
        "masks": None if masks is None else Path(masks),
    }
    given = {name: value for name, value in options.items() if value is not None}
    if source == "bundled":
        _allow("the bundled head", given, "expression_space")
        from jaxface.face.load.bundled import load_bundled

        head = load_bundled(**given)
        if midline_width is None:
            return head
        return dataclasses.replace(head, left_weight=sides.left_weights(head.template[:, 0], width))
    _refuse_name(source)
    path, kind = Path(source), sniff(source)
    if kind in ("flame-pickle", "flame-npz"):
        _allow(
            "FLAME",
            given,
            "expression_space",
            "identity_components",
            "expression_components",
            "texture",
            "masks",
        )
        if given.pop("expression_space", "components") != "components":
            raise ConfigError(f"no expression space {expression_space!r} for FLAME: it has 'components' alone")
        from jaxface.face.load.flame import load_flame

        return load_flame(path, pickled=kind == "flame-pickle", midline_width=width, **given)
    _allow("ICT-FaceKit", given, "expression_space", "identity_components", "texture")
    from jaxface.face.load.ict import load_ict

    return load_ict(path, midline_width=width, **given)


@dataclass(frozen=True)
class Report:
    """What `describe` found: whether `source` is a readable face model, and what is in it or wrong with it."""

    source: str
    kind: str | None
    readable: bool
    detail: str


def describe(source: str | Path) -> Report:
    """What a name or path holds, for `jaxface doctor`: never raises, the fault is in the report."""
    kind: str | None = None
    try:
        kind = "bundled" if source == "bundled" else sniff(source)
        head = load(source, identity_components=1 if kind == "ict-folder" else None)
    except JaxfaceError as error:
        return Report(str(source), kind, False, str(error))
    sizes = f"{head.template.shape[0]} vertices, {head.faces.shape[0]} triangles"
    identity, expression = head.identity_basis.shape[-1], head.expression_basis.shape[-1]
    bases = f"{identity} identity and {expression} expression coefficients"
    return Report(str(source), kind, True, f"{head.name}: {sizes}, {bases}; licence: {head.licence}")


def _allow(model: str, given: dict[str, Any], *known: str) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"{model} has no option {name!r}; it has {', '.join(known)}")


def _refuse_name(source: str | Path) -> None:
    """A word that is no path was meant as a name, and there is one name."""
    if (
        isinstance(source, str)
        and not Path(source).exists()
        and Path(source).name == source
        and not Path(source).suffix
    ):
        raise ModelFileError(
            f"no face model {source!r}{suggestion(source, ['bundled'])}, or give the path of a file"
        )
