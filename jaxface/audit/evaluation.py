"""Blocks of groups: people, searches, surfaces, and what the other classifiers say."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxface.audit import plan, surfaces
from jaxface.audit.config import AuditConfig
from jaxface.audit.interventions import Intervention
from jaxface.audit.layout import CELLS, SURFACES, CellStatus
from jaxface.classify import Classifier
from jaxface.core.clock import Clock
from jaxface.core.sharding import all_devices
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.population import sample_person
from jaxface.render import scene
from jaxface.search import Searcher, Status

IDENTITIES_PER_DEVICE = 4
"""People of a block for each device: enough that no device waits long for the last search of the others."""


class Examined(NamedTuple):
    """What the store keeps of one group.

    Attributes:
        cells: the variables of `layout.SURFACES` and `layout.CELLS`, a row for each of the group's expressions.
        person: the variables of `layout.PEOPLE`.
    """

    group: plan.WorkItem
    cells: dict[str, np.ndarray]
    person: dict[str, Any]


class Evaluator:
    """Examines groups, on all devices of this process.

    Args:
        build: `search.build`.
    """

    def __init__(
        self,
        config: AuditConfig,
        head: FaceModel,
        classifiers: Sequence[Classifier],
        clock: Clock,
        build: Callable[..., Searcher],
    ) -> None:
        self.config, self.head, self.classifiers, self.clock = config, head, classifiers, clock
        self._build = build
        self._view = scene(config.render)
        self._spread = all_devices(1)
        intervention = Intervention(config.side, config.symmetry_steps, config.time_steps)
        self._panel = surfaces.SurfaceRenderer(
            head, self._view, intervention, tuple(classifiers), self._spread, clock
        )
        self._searchers: dict[int, Searcher] = {}

    def examine(self, groups: Sequence[plan.WorkItem]) -> Iterator[Examined]:
        """The groups, in blocks: the searches of a block come first, then each group as it is completed."""
        for block in plan.blocks(groups, IDENTITIES_PER_DEVICE * self._spread.capacity):
            yield from self._examine(block)

    def _examine(self, block: Sequence[plan.WorkItem]) -> Iterator[Examined]:
        index, known = block[0].classifier, block[0].expressions
        classifier = self.classifiers[index]
        names = [self.config.expressions[position] for position in known]
        targets = np.array([classifier.index(name) for name in names])
        people = [_person(plan.population_key(self.config.seed, group.identity), self.head) for group in block]
        shape = len(block), len(names)
        faces = jax.tree.map(
            lambda *leaves: np.repeat(np.stack(leaves)[:, None], len(names), axis=1),
            *(params for params, _ in people),
        )
        cells = list(itertools.product([group.identity for group in block], range(len(names))))
        keys = plan.search_keys(self.config.seed, classifier.name, cells)
        with self.clock.during("search"):
            searcher = self._searcher(index, len(names))
            found = searcher.run(keys, _flat(faces), np.tile(targets, len(block)))
        expression = found.expression.reshape(faces.expression.shape)
        faces = dataclasses.replace(faces, expression=expression)
        searched = {
            name: np.asarray(getattr(found, name.removeprefix("search_"))).reshape(shape)
            for name in CELLS
            if name.startswith("search_")
        }
        for start in range(0, len(block), self._spread.capacity):
            some = slice(start, min(start + self._spread.capacity, len(block)))
            drawn = self._draw(index, jax.tree.map(lambda leaf, some=some: leaf[some], faces), targets)
            said = self._panel.checked(jax.tree.map(lambda leaf, some=some: leaf[some], faces))
            for row, (group, person) in enumerate(zip(block[some], people[some], strict=True)):
                cells_of = {
                    "probability": drawn.probability[row],
                    "logit": drawn.logit[row],
                    "first": drawn.first[row],
                    "expression_parameters": faces.expression[start + row],
                    **{name: values[start + row] for name, values in searched.items()},
                    **self._witnesses(index, names, [logits[row] for logits in said]),
                }
                yield Examined(group, _with_status(cells_of), _person_variables(*person))

    def _draw(self, index: int, faces: FaceParams, targets: np.ndarray) -> surfaces.Surface:
        """Surfaces (n, X, S, T) of n groups of faces."""
        shape = faces.expression.shape[:2]
        flat = _flat(faces)
        wanted = np.tile(targets, shape[0])
        parts = []
        for start in range(0, len(wanted), self._spread.capacity):
            some = slice(start, start + self._spread.capacity)
            part = jax.tree.map(lambda leaf, some=some: leaf[some], flat)
            parts.append(self._panel.surfaces(index, part, wanted[some]))
        joined = (np.concatenate(values) for values in zip(*parts, strict=True))
        return surfaces.Surface(*(values.reshape(*shape, *values.shape[1:]) for values in joined))

    def _searcher(self, index: int, expressions: int) -> Searcher:
        if index not in self._searchers:  # what one compiled is not kept beside the next
            spread = all_devices(IDENTITIES_PER_DEVICE * expressions)
            searcher = self._build(self.classifiers[index], self.head, self._view, self.config.search, spread)
            self._searchers = {index: searcher}
        return self._searchers[index]

    def _witnesses(self, own: int, names: Sequence[str], logits: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """The group's classifier at the checked symmetries, and what all say of the found faces.

        Args:
            logits: of each classifier, (X, len(CHECKED), K).
        """
        vocabulary = self._panel.vocabulary
        targets = np.array([vocabulary.index(name) for name in names])
        said = [
            surfaces.predict(classifier, some, targets[:, None], vocabulary)
            for classifier, some in zip(self.classifiers, logits, strict=True)
        ]
        asked = np.arange(len(names)), targets
        return {
            "checked_probability": said[own].probability,
            "predicted": said[own].first,
            "judge_probability": np.stack([each.probability[:, -1][asked] for each in said], axis=-1),
            "judge_predicted": np.stack([each.first[:, -1] for each in said], axis=-1),
        }


def _flat(faces: FaceParams) -> FaceParams:
    """Merge the axes (n, X) of every field. A field may be empty, so -1 cannot stand for n X."""
    count = faces.expression.shape[0] * faces.expression.shape[1]
    return jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), faces)


def _with_status(cells: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The cells with their `status`; surfaces of failed searches are what stands in an empty store."""
    failed = ~np.isfinite(cells["search_probability"]) | (cells["search_status"] == Status.FAILED)
    finite = np.isfinite(cells["probability"]).all((1, 2)) & np.isfinite(cells["logit"]).all((1, 2))
    status = np.where(
        failed, CellStatus.SEARCH_FAILED, np.where(finite, CellStatus.DONE, CellStatus.NOT_FINITE)
    )
    empty = failed[:, None, None]
    surfaces_only = {
        name: np.where(empty, np.asarray(variable.fill, variable.dtype), cells[name])
        for name, variable in SURFACES.items()
    }
    return {**cells, **surfaces_only, "status": status.astype(np.int8)}


def _person_variables(person: FaceParams, population: Array) -> dict[str, Any]:
    return {
        "identity_parameters": np.asarray(person.identity),
        "albedo_parameters": np.asarray(person.albedo),
        "population": int(population),
    }


@jax.jit
def _person(key: Array, head: FaceModel) -> tuple[FaceParams, Array]:
    return sample_person(key, head)
