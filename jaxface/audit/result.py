"""What an audit found, as xarray."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray

from jaxface.audit import store
from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import VARIABLES, CellStatus
from jaxface.core.errors import StoreError
from jaxface.stats import adjust


@dataclass(frozen=True)
class AuditResult:
    """A finished run.

    Attributes:
        folder: where it lies.
        config: what it was made with.
        data: all variables of `audit.layout`, read from disk when they are used.
    """

    folder: Path
    config: AuditConfig
    data: xarray.Dataset

    @property
    def surfaces(self) -> xarray.DataArray:
        """(classifier, expression, identity, symmetry, time) probability of the target expression."""
        return self.data["probability"]

    @property
    def logits(self) -> xarray.DataArray:
        """(classifier, expression, identity, symmetry, time) the same before softmax."""
        return self.data["logit"]

    @property
    def first(self) -> xarray.DataArray:
        """(classifier, expression, identity, symmetry, time) position in `answer` of the top class, or -1."""
        return self.data["first"]

    @property
    def scores(self) -> xarray.DataArray:
        """(classifier, expression, identity) Eq. 6: change of probability with symmetry, per step if not asked
        otherwise.
        """
        return self.data["score"]

    @property
    def p_values(self) -> xarray.DataArray:
        """(classifier, expression, identity) of the permutation test, not adjusted."""
        return self.data["p_value"]

    @property
    def adjusted(self) -> xarray.DataArray:
        """(classifier, expression, identity) p-values corrected for all identities of a cell."""
        return self.data["adjusted"]

    @property
    def significant(self) -> xarray.DataArray:
        """(classifier, expression, identity) bool: adjusted p-value at most alpha."""
        return (self.adjusted <= self.config.alpha).rename("significant")

    @property
    def schemes(self) -> xarray.Dataset:
        """(classifier, expression, scheme): what every permutation scheme says.

        `significant`: how many people, after the run's correction; `median_p`: before it.
        """
        p_values = self.data["scheme_p_value"].transpose("classifier", "expression", "scheme", "identity")
        adjusted = p_values.copy(data=adjust(p_values.values, self.config.correction))
        count = (adjusted <= self.config.alpha).sum("identity")
        return xarray.Dataset({"significant": count, "median_p": p_values.median("identity")})

    @property
    def hits(self) -> xarray.DataArray:
        """(classifier, expression, identity, checked_symmetry) 1 where the top class is the target, else 0."""
        answers = list(self.data["answer"].values)
        target = xarray.DataArray(
            [answers.index(name) for name in self.data["expression"].values], dims="expression"
        )
        return (self.data["predicted"] == target).where(self._known)

    @property
    def accuracy(self) -> xarray.DataArray:
        """(classifier, expression, checked_symmetry) share of faces whose top class is the target (Table 4)."""
        return self.hits.mean("identity").rename("accuracy")

    @property
    def activation(self) -> xarray.DataArray:
        """(classifier, expression) mean over identities of the probability at symmetry 1, time 1 (Table 5)."""
        reached = self.surfaces.isel(symmetry=-1, time=-1)
        return reached.mean("identity").rename("activation").reset_coords(drop=True)

    @property
    def transfer(self) -> xarray.Dataset:
        """(classifier, judge, expression): what `judge` says of the faces that were found on `classifier`.

        `probability`: mean for the target; `accuracy`: share whose top class is the target.
        """
        answers = list(self.data["answer"].values)
        target = xarray.DataArray(
            [answers.index(name) for name in self.data["expression"].values], dims="expression"
        )
        probability = self.data["judge_probability"]
        hit = (self.data["judge_predicted"] == target).where(np.isfinite(probability))
        means = xarray.Dataset({"probability": probability, "accuracy": hit}).mean("identity")
        return means.transpose("classifier", "judge", "expression")

    @property
    def failures(self) -> int:
        """How many cells have no score for another reason than a missing label."""
        return int((~self.data["status"].isin([CellStatus.DONE, CellStatus.SKIPPED])).sum())

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(classifier, expression) pairs that were left out: the classifier has no such class."""
        status = self.data["status"].isel(identity=0).values == CellStatus.SKIPPED
        return [
            (str(classifier), str(expression))
            for row, classifier in zip(status, self.data["classifier"].values, strict=True)
            for skip, expression in zip(row, self.data["expression"].values, strict=True)
            if skip
        ]

    @property
    def _known(self) -> xarray.DataArray:
        return self.data["status"] == CellStatus.DONE


def load(folder: str | Path) -> AuditResult:
    """The result of a finished run, from its folder.

    Raises:
        StoreError: no run lies there, it is damaged, or it is not finished.
        ConfigError: its configuration is not one of this version.
    """
    folder = Path(folder)
    config = store.read_config(folder)
    data = store.read(folder)
    if not data.attrs.get("judged"):
        done = int(data["done"].sum())
        raise StoreError(
            f"{folder} is not finished: {done} of {data['done'].size} cells; "
            f"`jaxface audit --config {folder / store.CONFIG} --out {folder}` goes on"
        )
    missing = sorted(VARIABLES.keys() - data.data_vars.keys())
    if missing:
        raise StoreError(
            f"{folder} has no {', '.join(missing)}: another version of jaxface wrote it; audit again elsewhere"
        )
    return AuditResult(folder, config, data)
