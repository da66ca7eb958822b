"""Searches of many (person, expression) cases in one batch, and the search of one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify import Classifier
from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.progress import ProgressLike, choose
from jaxface.core.runtime import brief
from jaxface.core.sharding import CaseSharding, sharding_for
from jaxface.core.types import Array
from jaxface.face.model import FaceModel, FaceParams
from jaxface.face.requirements import require_expressions
from jaxface.render.scenes import Scene
from jaxface.search import evaluate, space
from jaxface.search.batch import Batch
from jaxface.search.config import Method, SearchConfig
from jaxface.search.evaluate import Cases, SearchProblem
from jaxface.search.result import SearchResult


@dataclasses.dataclass(frozen=True)
class Searcher:
    """A classifier, a head, a scene and a config, ready to search; made by `build`.

    Attributes:
        sharding: the devices, and how many cases each works on at a time; None = chosen for each batch.
    """

    problem: SearchProblem
    config: SearchConfig
    sharding: CaseSharding | None = None

    @property
    def classifier(self) -> Classifier:
        return self.problem.classifier

    def run(
        self, key: Array, params: FaceParams, targets: Array | np.ndarray, progress: ProgressLike = False
    ) -> SearchResult:
        """Search each case: the person `params[i]`, the class index `targets[i]`, on all devices.

        The same key and batch give the same bits. A searcher with a `sharding` gives a case the same bits in
        any batch, on any number of devices from two on (`core.sharding`). A case that fails is reported in
        `status` and does not affect the others.

        Args:
            key: one for the batch, case i draws from `fold_in(key, i)`; or (n,) keys, one a case.
            params: fields with a leading axis n; expressions are not used.
            targets: (n,) indices into the classifier's labels.
            progress: advances with every finished case; False = none is shown.

        Raises:
            ShapeError: params, targets and keys do not have the same leading axis.
            ConfigError: a target that is no class index.
        """
        cases = self._cases(params, targets)
        count = len(cases.targets)
        if key.ndim == 0:
            key = _fold_in(key, np.arange(count))
        if key.shape != (count,):
            raise ShapeError(f"key {key.shape}: must be one key, or one for each of the {count} cases")
        progress = choose(progress)
        progress.start("search", count)
        sharding = self.sharding or sharding_for(count)
        keys = _split(key)
        batch = Batch(self.problem, self.config, sharding, keys, cases, progress)
        try:
            return batch.search()
        finally:
            progress.close()

    def _cases(self, params: FaceParams, targets: Array | np.ndarray) -> Cases:
        indices = np.asarray(targets)
        lengths = {name: leaf.shape[:1] for name, leaf in vars(params).items()}
        if indices.ndim != 1 or any(length != indices.shape for length in lengths.values()):
            raise ShapeError(
                f"targets {indices.shape} and params {lengths} must have a leading axis of the same length: "
                "n people and n class indices"
            )
        classes = len(self.classifier.labels)
        if len(indices) and not (indices.min() >= 0 and indices.max() < classes):
            raise ConfigError(
                f"targets {indices.tolist()} must be class indices from 0 to {classes - 1}; "
                "classifier.index(label) returns them"
            )
        return Cases(jax.tree.map(np.asarray, params), indices.astype(np.int32))  # type: ignore[arg-type]


_fold_in = brief(jax.vmap(jax.random.fold_in, in_axes=(None, 0)))
_split = brief(jax.vmap(jax.random.split))


def build(
    classifier: Classifier,
    head: FaceModel,
    scene: Scene,
    config: SearchConfig | None = None,
    sharding: CaseSharding | None = None,
) -> Searcher:
    """Return a searcher. It compiles on its first run, and not again for batches of the same size.

    Raises:
        ConfigError: method "gradient" with a classifier that runs on the host, or a head without
            expression coefficients.
    """
    config = config or SearchConfig()
    if classifier.on_host and config.method == "gradient":
        raise ConfigError(
            f"method 'gradient' needs a classifier that JAX can differentiate, but {classifier.name!r} runs "
            "on the host; use method 'differential-evolution'"
        )
    require_expressions(head)
    search_space = space.of_model(head.expressions, tuple(classifier.labels), config)
    problem = evaluate.build_problem(classifier, head, scene, search_space, config.views, config.chunk)
    return Searcher(problem, config, sharding)


def maximise(
    classifier: Classifier,
    head: FaceModel,
    params: FaceParams,
    *,
    expression: str,
    key: Array,
    method: Method | None = None,
    scene: Scene | None = None,
    config: SearchConfig | None = None,
    progress: ProgressLike = None,
) -> SearchResult:
    """Search one face for one expression (Facing Asymmetry, Eq. 4); every field has a leading axis of 1.

    Args:
        params: one person, without leading axes.
        expression: a label such as "happiness".
        method: overrides `config.method`.
        progress: None = a bar where somebody watches.

    Raises:
        LabelError: the classifier has no such label.
    """
    config = config or SearchConfig()
    if method is not None:
        config = dataclasses.replace(config, method=method)
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    searcher = build(classifier, head, scene or Scene(), config)
    return searcher.run(key, batch, np.array([classifier.index(expression)]), progress)
