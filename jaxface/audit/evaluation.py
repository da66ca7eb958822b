"""Work items to outputs: sample people, take their expressions, and ask the classifiers. Knows no files."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxface.audit import plan
from jaxface.audit.expressions import IDENTITIES_PER_DEVICE, PREFIX, ExpressionSource
from jaxface.audit.inputs import AuditInputs
from jaxface.audit.layout import CELLS, SURFACES, CellStatus, GroupOutput
from jaxface.audit.plan import WorkItem
from jaxface.audit.surfaces import SurfaceRenderer, predict, take_rows
from jaxface.core.clock import Clock
from jaxface.core.sharding import CaseSharding, all_devices
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.population import balanced_groups, sample_person
from jaxface.search import SearchResult, Status


class Evaluator:
    """Evaluates work items on all devices of this process.

    Args:
        clock: measures render and classify.
        source: of the full expressions.
        sharding: the devices, one face on each at a time; None = all of this process.
    """

    def __init__(
        self,
        inputs: AuditInputs,
        clock: Clock,
        source: ExpressionSource,
        sharding: CaseSharding | None = None,
    ) -> None:
        self.inputs, self.source = inputs, source
        self.sharding = sharding or all_devices(1)
        root = plan.population_root(inputs.config.seed)
        self._groups = balanced_groups(root, inputs.head, inputs.config.identities)
        self._renderer = SurfaceRenderer(inputs, self.sharding, clock)

    def run(self, items: Sequence[WorkItem]) -> Iterator[GroupOutput]:
        """Yield the output of each item.

        Items are worked on in blocks: first all searches of a block, then the surfaces of its items in turn.
        """
        for block in plan.blocks(items, IDENTITIES_PER_DEVICE * self.sharding.capacity):
            yield from self._evaluate(block)

    def _evaluate(self, block: Sequence[WorkItem]) -> Iterator[GroupOutput]:
        """Evaluate a block of n items of one classifier, each with the same X expressions."""
        classifier, expressions = self.inputs.classifier(block[0].classifier), block[0].expressions
        targets = np.array([classifier.index(name) for name in expressions])
        people = [self.person(item.identity) for item in block]
        params = jax.tree.map(  # (n, X, ...)
            lambda *leaves: np.repeat(np.stack(leaves)[:, None], len(expressions), axis=1),
            *(person for person, _ in people),
        )
        result = self.source.expressions(classifier, block, params, targets)
        params = dataclasses.replace(params, expression=result.expression)
        for start in range(0, len(block), self.sharding.capacity):
            rows = slice(start, min(start + self.sharding.capacity, len(block)))
            part = take_rows(params, rows)
            surfaces = self._renderer.surfaces(classifier, part, targets)
            probes = self._renderer.probe(part)
            for row, (item, person) in enumerate(zip(block[rows], people[rows], strict=True)):
                failure = np.where(
                    result.failure[start + row] == "", surfaces.failure[row], result.failure[start + row]
                )
                own = probes[classifier.name].failure[row]
                cells = {
                    "failure": np.where(failure == "", own, failure),
                    "expression_parameters": part.expression[row],
                    **{name: getattr(surfaces, name)[row] for name in SURFACES},
                    **_search_cells(result, start + row),
                    **self._answer_cells(item, {name: answers.logits[row] for name, answers in probes.items()}),
                }
                yield GroupOutput(item, _with_status(cells), _person_variables(*person))

    def person(self, identity: int) -> tuple[FaceParams, Array]:
        """Return the neutral face of a person and the position of their group."""
        inputs = self.inputs
        if inputs.people is not None:
            return inputs.people.person(inputs.head, identity)
        return _sample(plan.population_key(inputs.config.seed, identity), inputs.head, self._groups[identity])

    def _answer_cells(self, item: WorkItem, logits: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the answers at the probe levels, and those of every classifier for the unchanged face.

        Args:
            logits: by classifier, (X, P, K).
        """
        layout = self.inputs.layout
        probe = layout.intervention.unchanged_probe
        targets = np.array([layout.answers.index(name) for name in item.expressions])
        predictions = {
            name: predict(self.inputs.classifier(name), some, targets[:, None], layout.answers)
            for name, some in logits.items()
        }
        own = predictions[item.classifier]
        where = np.arange(len(targets)), targets
        each = predictions.values()
        return {
            "probe_probability": own.probability,
            "probe_top_class": own.top_class,
            "evaluator_probability": np.stack([p.probability[:, probe][where] for p in each], axis=-1),
            "evaluator_top_class": np.stack([p.top_class[:, probe] for p in each], axis=-1),
        }


def _search_cells(result: SearchResult, row: int) -> dict[str, np.ndarray]:
    """Return the variables `search_*` of one item."""
    names = [name for name in CELLS if name.startswith(PREFIX)]
    return {name: getattr(result, name.removeprefix(PREFIX))[row] for name in names}


def _with_status(cells: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add `status`; the surfaces of failed cells become the fill values of an empty store."""
    errors = cells["failure"] != ""
    failures = ~np.isfinite(cells["search_probability"]) | (cells["search_status"] == Status.FAILED) | errors
    finite = np.isfinite(cells["probability"]).all((1, 2)) & np.isfinite(cells["logit"]).all((1, 2))
    status = np.where(
        failures, CellStatus.SEARCH_FAILED, np.where(finite, CellStatus.DONE, CellStatus.NOT_FINITE)
    )
    status = np.where(errors, CellStatus.CLASSIFIER_FAILED, status)
    surfaces = {
        name: np.where(failures[:, None, None], np.asarray(variable.fill, variable.dtype), cells[name])
        for name, variable in SURFACES.items()
    }
    return {**cells, **surfaces, "status": status.astype(np.int8)}


def _person_variables(person: FaceParams, population: Array) -> dict[str, Any]:
    return {
        "identity_parameters": np.asarray(person.identity),
        "albedo_parameters": np.asarray(person.albedo),
        "population": int(population),
    }


@jax.jit
def _sample(key: Array, head: FaceModel, group: Array) -> tuple[FaceParams, Array]:
    return sample_person(key, head, group)
