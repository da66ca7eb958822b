"""Initial weights: backbones, or all of POSTER++, from the files that their authors publish."""

from pathlib import Path

from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import face_backbones, poster_v2
from jaxface.classify.nets.face_backbones import Ir50, MobileFaceNet
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.classify.weights import fill
from jaxface.frameworks.common.init_weights import replace_subtree, subtree
from jaxface.frameworks.grefel.config import GrefelConfig
from jaxface.frameworks.grefel.extractor import POSTER, Extractor

_LEVELS = ((28, 0), (14, 1), (7, 2))  # what POSTER++ calls its levels, and what we call them

WHOLE = TorchLayout(
    rename=(
        *poster_v2.TORCH.rename,
        (r"^embed28_first\.", "embed_first."),
        *((rf"^embed{edge}\.", f"embed{level}.") for edge, level in _LEVELS),
        *((rf"^shrink{edge}\.", f"shrinks.{level}.") for edge, level in _LEVELS),
        *((rf"^attention{edge}\.", f"attentions.{level}.") for edge, level in _LEVELS),
    ),
    ignored_keys=(*poster_v2.TORCH.ignored_keys, r"VIT\.head\."),
)
"""A checkpoint of POSTER++ without its head, as an extractor."""


def _backbone_layout(rename: tuple[tuple[str, str], ...], ignored_keys: tuple[str, ...]) -> TorchLayout:
    """Return the layout of a backbone in a file of its own; `rename` is written for one inside a net."""
    return TorchLayout(rename=((r"^", "."), *rename, (r"^\.", "")), ignored_keys=ignored_keys)


IMAGE = _backbone_layout(
    (
        *((rf"^\.body\.{unit}\.", f".body1.{unit}.") for unit in range(3)),
        *((rf"^\.body\.{unit + 3}\.", f".body2.{unit}.") for unit in range(4)),
        *((rf"^\.body\.{unit + 7}\.", f".body3.{unit}.") for unit in range(14)),
        *face_backbones.IR50_NAMES,
    ),
    (r"output_layer\.", r"body4\.", r"body\.2[123]\."),
)
"""IR-50, its units numbered through or stage by stage; what comes after the third stage is dropped."""

LANDMARK = _backbone_layout(face_backbones.MOBILE_FACENET_NAMES, (r"output_layer\.",))
"""MobileFaceNet."""


def load_extractor(config: GrefelConfig, state: nnx.State) -> nnx.State:
    """Return the network's state with the weights of the files that the config names; raise
    CheckpointError for a file that is missing or damaged, or holds another net."""
    if config.start is not None:
        extractor = nnx.eval_shape(lambda: Extractor(POSTER, rngs=nnx.Rngs(0)))
        state = _load(state, ("extractor",), Path(config.start), extractor, WHOLE)
    if config.image_weights is not None:
        net: nnx.Module = nnx.eval_shape(lambda: Ir50(rngs=nnx.Rngs(0)))
        state = _load(state, ("extractor", "image"), Path(config.image_weights), net, IMAGE)
    if config.landmark_weights is not None:
        net = nnx.eval_shape(lambda: MobileFaceNet(rngs=nnx.Rngs(0)))
        state = _load(state, ("extractor", "landmark"), Path(config.landmark_weights), net, LANDMARK)
    return state


def _load(
    state: nnx.State, prefix: tuple[str, ...], path: Path, net: nnx.Module, layout: TorchLayout
) -> nnx.State:
    tensors = Translated(net, layout, checkpoints.read(path), str(path))
    return replace_subtree(state, prefix, fill(subtree(state, prefix), tensors, str(path)))
