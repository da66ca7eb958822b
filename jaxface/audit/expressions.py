"""Where the full expressions of an audit come from: a search on the unchanged face, or another run."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from jaxface.audit import fingerprints, plan, store
from jaxface.audit.inputs import AuditInputs
from jaxface.audit.layout import CELLS
from jaxface.audit.plan import WorkItem
from jaxface.audit.surfaces import merge_axes, split_axis
from jaxface.classify import Classifier
from jaxface.core import run_folder
from jaxface.core.clock import Clock
from jaxface.core.errors import ConfigError
from jaxface.core.pytrees import array_hash
from jaxface.core.sharding import all_devices
from jaxface.core.types import Array
from jaxface.face import FaceParams
from jaxface.search import SearchResult

IDENTITIES_PER_DEVICE = 4
"""People of a block for each device: enough that no device waits long for the last search of the others."""

PREFIX = "search_"
"""Of the store's variables that are fields of a `SearchResult`."""


class Searcher(Protocol):
    """Searches the expressions of many faces: `search.Searcher`, or one with the same method."""

    def run(self, key: Array, params: FaceParams, targets: np.ndarray) -> SearchResult:
        """Search n cases.

        Args:
            key: (n,) keys.
            params: fields with a leading axis n; expressions are not read.
            targets: (n,) indices into the classifier's labels.
        """


SearcherFactory = Callable[..., Searcher]
"""`search.build`, or a function of the same arguments: classifier, head, scene, config and sharding."""


class ExpressionSource(Protocol):
    """Gives every cell its full expression."""

    def expressions(
        self, classifier: Classifier, block: Sequence[WorkItem], params: FaceParams, targets: np.ndarray
    ) -> SearchResult:
        """Return the expressions of n items of one classifier, all fields (n, X, ...).

        Args:
            params: fields (n, X, ...); expressions are not read.
            targets: (X,) indices into the classifier's labels.
        """


class SearchedExpressions:
    """Searches every cell on the unchanged face, by the run's search config.

    Args:
        clock: measures the searches.
        searcher_factory: makes the searcher of each classifier.
    """

    def __init__(self, inputs: AuditInputs, clock: Clock, searcher_factory: SearcherFactory) -> None:
        self.inputs, self.clock = inputs, clock
        self._searcher_factory = searcher_factory
        self._searchers: dict[str, Searcher] = {}

    def expressions(
        self, classifier: Classifier, block: Sequence[WorkItem], params: FaceParams, targets: np.ndarray
    ) -> SearchResult:
        """Search every case of a block."""
        shape = count, expressions = len(block), len(targets)
        cells = list(itertools.product([item.identity for item in block], range(expressions)))
        keys = plan.search_keys(self.inputs.config.seed, classifier.name, cells)
        searcher = self._searcher(classifier, expressions)
        with self.clock.during("search"):
            result = searcher.run(keys, merge_axes(params), np.tile(targets, count))
        return SearchResult(
            **{name: split_axis(np.asarray(leaf), shape) for name, leaf in vars(result).items()}
        )

    def _searcher(self, classifier: Classifier, expressions: int) -> Searcher:
        if classifier.name not in self._searchers:
            inputs = self.inputs
            sharding = all_devices(IDENTITIES_PER_DEVICE * expressions)
            searcher = self._searcher_factory(
                classifier, inputs.head, inputs.scene, inputs.config.search, sharding
            )
            self._searchers = {classifier.name: searcher}  # the programs of the last one are freed
        return self._searchers[classifier.name]


class RunExpressions:
    """Takes the expressions that another run has, so that several interventions change the same faces.

    Args:
        name: of the classifier whose they are; None = each one's own.
    """

    def __init__(self, folder: str | Path, name: str | None = None) -> None:
        self._data, self._name = store.read(Path(folder)), name

    def expressions(
        self, classifier: Classifier, block: Sequence[WorkItem], params: FaceParams, targets: np.ndarray
    ) -> SearchResult:
        """Read every case of a block."""
        identities = [item.identity for item in block]
        where = {"classifier": self._name or classifier.name, "expression": list(block[0].expressions)}
        rows = self._data[list(RUN_CELLS)].sel(where).isel(identity=identities)
        fields = {
            RUN_CELLS[str(name)]: values.transpose("identity", "expression", ...).values
            for name, values in rows.data_vars.items()
        }
        fields["cpu_seconds"] = np.zeros_like(fields["cpu_seconds"])
        return SearchResult(**fields)


RUN_CELLS = {
    "expression_parameters": "expression",
    "failure": "failure",
    **{name: name.removeprefix(PREFIX) for name in CELLS if name.startswith(PREFIX)},
}
"""Fields of a `SearchResult` by their variables in the store."""


def with_origin(inputs: AuditInputs) -> AuditInputs:
    """Return inputs whose layout says which run the expressions come from, if they come from one.

    Raises:
        StoreError: there is no finished, undamaged run.
    """
    if inputs.config.expression_from is None:
        return inputs
    folder = Path(inputs.config.expression_from)
    store.require_complete(folder)
    parameters = store.read(folder)["expression_parameters"].values
    facts = {store.EXPRESSIONS_FROM: {"sha256": array_hash(parameters)}}
    if inputs.config.expression_of is not None:
        facts[store.EXPRESSIONS_FROM]["classifier"] = inputs.config.expression_of
    layout = dataclasses.replace(inputs.layout, attributes=inputs.layout.attributes | facts)
    return dataclasses.replace(inputs, layout=layout)


def require_same_cells(folder: Path, inputs: AuditInputs, people: Sequence[FaceParams]) -> None:
    """Check that another run has the people, expressions and head of this one, and its classifiers or the one
    whose expressions are taken.

    Raises:
        ConfigError: it has not; the message says what differs.
    """
    data, layout = store.read(folder), inputs.layout

    def refuse(reason: str) -> ConfigError:
        return ConfigError(f"expression_from = '{folder}': {reason}")

    origin = inputs.config.expression_of
    classifiers = layout.classifiers if origin is None else (origin,)
    for dimension, names in (("classifier", classifiers), ("expression", layout.expressions)):
        present = [str(name) for name in data[dimension].values]
        if missing := [name for name in names if name not in present]:
            raise refuse(f"that run has no {dimension} {', '.join(missing)} (it has: {', '.join(present)})")
    # Not its arrays: a jaw that is split moves otherwise, by the same coefficients.
    heads = [
        {key: facts[key] for key in ("name", "source")}
        for facts in (data.attrs["head"], layout.attributes["head"])
    ]
    if changes := run_folder.difference(*heads):
        raise refuse(f"that run has another head: {changes}")
    for name, facts in layout.attributes["classifiers"].items() if origin is None else ():
        if changes := fingerprints.difference(data.attrs["classifiers"][name], facts):
            raise refuse(f"classifier {name} has changed since: {changes}")
    if data.sizes["identity"] < len(people):
        raise refuse(f"that run has {data.sizes['identity']} people, this one {len(people)}")
    for variable, field in (("identity_parameters", "identity"), ("albedo_parameters", "albedo")):
        own = np.stack([np.asarray(getattr(person, field)) for person in people])
        if own.size and not np.array_equal(data[variable].values[: len(people)], own):
            raise refuse("that run has other people; give it the same seed, number and kind of people")
