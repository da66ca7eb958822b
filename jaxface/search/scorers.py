"""Scores of all cases of a batch, for a classifier on the devices and for one on the host."""

from typing import Protocol

import jax
import numpy as np

from jaxface.core.errors import FunctionError, ShapeError
from jaxface.core.sharding import CaseSharding
from jaxface.core.target import for_accelerators
from jaxface.search import evaluate, prepared
from jaxface.search.evaluate import Cases, SearchProblem
from jaxface.search.objective import Scores, ValueAndGrad
from jaxface.search.prepared import Judgement


class Scorer(Protocol):
    """Scores the candidates of n cases; cases that are not active cost nothing.

    `failures`: (n,) texts: why the classifier failed on a case; empty where it did not.
    """

    failures: np.ndarray

    def scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        """Return (n, P) scores of candidates (n, P, E); infinite where `active` (n,) is False."""
        ...

    def shifted_probabilities(self, expressions: np.ndarray) -> np.ndarray:
        """Return (n, 4) probabilities of the targets on slightly moved pictures of expressions (n, E)."""
        ...


class DeviceScorer(Scorer, Protocol):
    """A scorer that has gradients, too: all cases at once, over the devices."""

    def value_and_grad(self, points: np.ndarray, active: np.ndarray) -> ValueAndGrad:
        """Return scores (n,) and gradients (n, E) of points (n, E)."""
        ...


def device_scorer(problem: SearchProblem, cases: Cases, sharding: CaseSharding) -> DeviceScorer:
    """Return the scorer for the devices that programs are made for."""
    return (WideScorer if for_accelerators() else PreparedScorer)(problem, cases, sharding)


class WideScorer:
    """For accelerators: one program draws all candidates of all cases and asks the classifier."""

    def __init__(self, problem: SearchProblem, cases: Cases, sharding: CaseSharding) -> None:
        self._problem, self._cases, self._sharding = sharding.replicate(problem), cases, sharding
        self.failures = _no_failures(cases)

    def scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        return self._sharding(evaluate.population_scores, self._problem, self._cases, candidates, active=active)

    def value_and_grad(self, points: np.ndarray, active: np.ndarray) -> ValueAndGrad:
        """Return scores (n,) and gradients (n, E) of points (n, E)."""
        return self._sharding(evaluate.value_and_grad, self._problem, self._cases, points, active=active)

    def shifted_probabilities(self, expressions: np.ndarray) -> np.ndarray:
        every = np.ones(len(expressions), bool)
        return self._sharding(
            evaluate.shifted_probabilities, self._problem, self._cases, expressions, active=every
        )


class PreparedScorer:
    """For CPUs: people are prepared once, and a few candidates of each case are drawn, then judged."""

    def __init__(self, problem: SearchProblem, cases: Cases, sharding: CaseSharding) -> None:
        self._problem, self._targets, self._sharding = sharding.replicate(problem), cases.targets, sharding
        self._drawing = prepared.drawing_of(self._problem)
        self._faces = prepared.prepare_faces(sharding, self._drawing, cases.params)
        self._numbers = np.arange(len(cases.targets), dtype=np.int32)
        self.failures = _no_failures(cases)

    def scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        candidates = np.asarray(candidates)
        return self._judge(candidates, np.zeros((*candidates.shape[:2], 2), np.float32), active).scores

    def value_and_grad(self, points: np.ndarray, active: np.ndarray) -> ValueAndGrad:
        """Return scores (n,) and gradients (n, E) of points (n, E)."""
        common = self._problem, self._faces
        return self._sharding(
            prepared.value_and_grad, common, self._numbers, self._targets, points, active=active
        )

    def shifted_probabilities(self, expressions: np.ndarray) -> np.ndarray:
        count, shifts = len(expressions), np.asarray(evaluate.SHIFTS, np.float32)
        pixels = np.broadcast_to(shifts, (count, *shifts.shape))
        every = np.ones(count, bool)
        return self._judge(np.asarray(expressions)[:, None], pixels, every).view_probability[:, :, 0]  # type: ignore[return-value]

    def _judge(self, candidates: np.ndarray, pixels: np.ndarray, active: np.ndarray) -> Judgement:
        """Return the judgement of candidates (n, P, E), each picture moved by `pixels` (n, P, 2).

        Args:
            candidates: or (n, 1, E), for P pictures of one expression.
        """
        sharding, members, size = self._sharding, pixels.shape[1], self._problem.chunk
        assignment = sharding.assign(active)
        parts = []
        for start in range(0, members, size):
            # Always the same shape, so that one program draws populations of any size.
            rows = np.minimum(np.arange(start, start + size), members - 1)
            is_one = candidates.shape[1] == 1
            points = candidates if is_one else candidates[:, rows]
            judged = np.repeat(candidates, min(members, size), axis=1) if is_one else points[:, :members]
            numbers, targets, points, judged, moves, active_slots = sharding.scatter(
                (self._numbers, self._targets, points, judged, pixels[:, rows]), assignment
            )
            deformation = sharding.launch(prepared.deform, self._drawing, points, moves, active_slots)
            shared = self._drawing, self._faces
            images = sharding.launch(prepared.draw, shared, numbers, deformation, moves, active_slots)
            parts.append(sharding.launch(prepared.judge, self._problem, targets, judged, images, active_slots))
        gathered = [sharding.gather(part, assignment) for part in parts]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1)[:, :members], *gathered)


class HostScorer:
    """Case after case: pictures on the device, logits on the host. A call that fails ends its case alone."""

    def __init__(self, problem: SearchProblem, cases: Cases) -> None:
        self._problem, self._cases = problem, cases
        self.failures = _no_failures(cases)

    def scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        members = candidates.shape[1]
        losses = np.full(candidates.shape[:2], np.inf, np.float32)
        probabilities = np.zeros_like(losses)
        for index in np.flatnonzero(active & (self.failures == "")):
            case = self._case(index)
            images = evaluate.population_images(self._problem, case.params, candidates[index])
            try:
                logits = self._problem.classifier.logits(images.reshape(-1, *images.shape[2:]), allow_nan=True)
            except (FunctionError, ShapeError) as error:
                self.failures[index] = str(error)
                continue
            logits = logits.reshape(members, images.shape[1], -1)
            scores = evaluate.population_scores_of(self._problem, case.targets, candidates[index], logits)
            losses[index], probabilities[index] = scores.loss, scores.probability
        return Scores(losses, probabilities)  # type: ignore[arg-type]  # NumPy

    def shifted_probabilities(self, expressions: np.ndarray) -> np.ndarray:
        rows = []
        for index, expression in enumerate(expressions):
            case = self._case(index)
            images = evaluate.shifted_images(self._problem, case.params, expression)
            row = np.full(len(images), np.nan, np.float32)
            try:
                if self.failures[index] == "":
                    classifier = self._problem.classifier
                    row = np.asarray(classifier.probabilities(images, allow_nan=True))[:, case.targets]
            except (FunctionError, ShapeError) as error:
                self.failures[index] = str(error)
            rows.append(row)
        return np.stack(rows)

    def _case(self, index: int | np.integer) -> Cases:
        return jax.tree.map(lambda leaf: leaf[index], self._cases)


def _no_failures(cases: Cases) -> np.ndarray:
    return np.full(len(cases.targets), "", dtype=object)
