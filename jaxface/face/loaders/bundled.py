"""Load the head that comes with jaxface, `assets/bundled_head.npz` (CC0; see the notice beside
it)."""

import io
import json
import zipfile
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jaxface.core.arrays import on_device
from jaxface.core.errors import ConfigError, ModelFileError, suggestion
from jaxface.face.appearance import Appearance, Wrinkles
from jaxface.face.loaders.bundled_format import FORMAT, STEP, unfold
from jaxface.face.model import ExpressionSpace, FaceModel, PopulationPrior

Space = Literal["components", "units"]
_LEVEL = np.float32(1) / np.float32(255)  # times this, and not divided: as XLA does, to the last bit
IDENTITY_NAMES = ("sex", "age", "hair_length")
_REBUILD = "reinstall jaxface, or run `python -m tools.bundled_head.build` in a checkout"


def load_bundled(expression_space: Space = "components", path: str | Path | None = None) -> FaceModel:
    """Load the bundled head.

    Identity coefficients: sex (-.42 female, .42 male), age (0 mean), hair_length (0 short, 1 to the
        shoulders),
    then residual shapes in standard units. Albedo coefficients are named in
    `model.appearance.names`.

    Args:
        expression_space: "components" = 30 principal components of plausible expressions in
            standard units, box [-3, 3]; "units" = 34 facial units, box [0, 1].
        path: another file of the same format, such as your own build.

    Raises:
        ConfigError: an unknown expression space.
        ModelFileError: the file is missing, damaged or of another format.
    """
    if expression_space not in ("components", "units"):
        raise ConfigError(
            f"expression space {expression_space!r}{suggestion(expression_space, ('components', 'units'))}"
        )
    where = "jaxface/face/assets/bundled_head.npz" if path is None else str(path)
    try:
        source = files("jaxface.face.assets").joinpath("bundled_head.npz") if path is None else Path(path)
        with np.load(io.BytesIO(source.read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(arrays["meta"].item())
        if meta["format"] != FORMAT:
            raise ModelFileError(f"{where} has format {meta['format']}, not {FORMAT}; {_REBUILD}")
        return _assemble(arrays, meta, expression_space)
    except FileNotFoundError:
        raise ModelFileError(f"no bundled head at {where}; {_REBUILD}") from None
    except (
        OSError,
        EOFError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ModelFileError(f"{where} is damaged ({type(error).__name__}: {error}); {_REBUILD}") from None


def _assemble(arrays: dict[str, NDArray[Any]], meta: dict[str, Any], space: Space) -> FaceModel:
    half, mirror = arrays["half"], arrays["mirror"]

    def displacements(name: str) -> NDArray[np.float32]:
        return unfold(arrays[name].astype(np.float32) * np.float32(STEP), half, mirror)

    one_sided, whole = displacements("unit_one_sided"), displacements("unit_whole")
    mixing = arrays["mixing"] if space == "components" else np.eye(len(meta["units"]), dtype=np.float32)
    prior_mean = arrays["prior_mean"]
    return FaceModel(
        identity_names=IDENTITY_NAMES,
        template=on_device(unfold(arrays["template"], half, mirror)),
        faces=on_device(arrays["faces"]),
        identity_basis=on_device(displacements("identity_basis")),
        expression_basis=on_device(one_sided @ mixing.T),
        shared_basis=on_device(whole @ mixing.T),
        pose_basis=on_device(np.zeros((len(mirror), 3, 0), np.float32)),
        joint_regressor=on_device(arrays["joint_regressor"]),
        skinning_weights=on_device(arrays["skinning_weights"]),
        left_weight=on_device(arrays["left_weight"]),
        mirror=on_device(mirror),
        uv=on_device(arrays["uv"]),
        uv_faces=on_device(arrays["uv_faces"]),
        appearance=_appearance(arrays, meta),
        expressions=_expressions(arrays, meta, space, mixing),
        population=PopulationPrior(
            weights=on_device(arrays["prior_weights"]),
            mean=on_device(prior_mean),
            deviation=on_device(arrays["prior_deviation"]),
            names=tuple(meta["population"]),
        ),
        joint_names=tuple(meta["joints"]),
        name="bundled",
        licence=meta["licence"],
        source=meta["source"],
    )


def _appearance(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> Appearance:
    mean = on_device(arrays["mean"].astype(np.float32) * _LEVEL)
    return Appearance(
        mean=mean,
        basis=on_device(np.zeros((*mean.shape, 0), np.float32)),
        masks=on_device(arrays["masks"].astype(np.float32) * _LEVEL),
        colours=on_device(arrays["layer_colours"]),
        opacities=on_device(arrays["layer_opacities"]),
        wrinkle_map=on_device(arrays["line_pattern"].astype(np.float32) * _LEVEL),
        wrinkles=Wrinkles(
            feature=on_device(arrays["line_feature"]),
            region=on_device(arrays["line_region"]),
            names=tuple(meta["lines"]),
        ),
        names=tuple(meta["albedo"]),
    )


def _expressions(
    arrays: dict[str, NDArray[Any]], meta: dict[str, Any], space: Space, mixing: NDArray[np.float32]
) -> ExpressionSpace:
    size = len(mixing)
    components = space == "components"
    return ExpressionSpace(
        lower=on_device(np.full(size, -meta["box"] if components else 0.0, np.float32)),
        upper=on_device(np.full(size, meta["box"] if components else 1.0, np.float32)),
        units=on_device(mixing),
        prototypes=on_device(arrays["prototypes" if components else "unit_prototypes"]),
        names=tuple(f"component_{i:02d}" for i in range(1, size + 1)) if components else tuple(meta["units"]),
        prototype_labels=tuple(meta["prototype_labels"]),
        unit_names=tuple(meta["units"]),
        action_units=tuple(tuple(numbers) for numbers in meta["action_units"]),
    )
