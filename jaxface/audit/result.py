"""The result of an audit, as xarray and as a summary."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import jax.numpy as jnp
import xarray

from jaxface.audit import store
from jaxface.audit.config import AuditConfig
from jaxface.audit.inputs import AuditInputs
from jaxface.audit.layout import CellStatus, InterventionRecord
from jaxface.audit.summary import Summary
from jaxface.core.errors import ConfigError, suggestion
from jaxface.face import FaceParams

if TYPE_CHECKING:
    import pandas

    from jaxface.report.plots import ResultPlots


@dataclass(frozen=True)
class AuditResult:
    """A finished run.

    Attributes:
        folder: of the run.
        config: with the objects that the run was called with, or with names if it was loaded.
        data: all variables of `audit.layout`, read from disk when they are used.
        summary: every number that is shown of the run, computed once.
        inputs: head, scene, intervention and classifiers, if this process holds them; None if the result was
            loaded from its folder. `audit.inputs` loads them from `config`.
    """

    folder: Path
    config: AuditConfig
    data: xarray.Dataset
    summary: Summary
    inputs: AuditInputs | None = None

    def __repr__(self) -> str:
        counts = " x ".join(f"{self.data.sizes[name]} {name}s" for name in ("classifier", "expression"))
        people = f"{self.data.sizes['identity']} people"
        return f"AuditResult('{self.folder}', {self.intervention.name}, {counts} x {people})"

    def _repr_html_(self) -> str:
        return self._html

    @cached_property
    def _html(self) -> str:
        from jaxface.report.notebook import html_summary

        return html_summary(self)

    @property
    def plot(self) -> "ResultPlots":
        """Figures as matplotlib axes: `plot.forest()`, `plot.curves()`, `plot.surface()`."""
        from jaxface.report.plots import ResultPlots

        return ResultPlots(self)

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return the table that `jaxface audit` prints: a row for each classifier and expression.

        The score with its interval and p-value, what it starts from, how many people are significant, and the
        accuracy at each probe level. `report.notebook.score_frame` has the columns.
        """
        from jaxface.report.notebook import score_frame

        return score_frame(self)

    def by(self, attribute: str) -> "pandas.DataFrame":
        """Return the scores within groups of people, with intervals: "sex", "skin_tone" or "age".

        A row for each group, classifier and expression ("all" is each person's mean over the measurable ones):
        `people`; `change` of the probability at the full expression, from the unchanged to the most changed
        face; `score`; the ends of their intervals, NaN where people are too few (fewer than six); `p_value` of
        the score; and `differ_p`, that groups differ as much by chance (people shuffled among the groups).

        Args:
            attribute: also "group", for the groups of a file of people.

        Raises:
            ConfigError: the run's people are not grouped by it.
        """
        from jaxface.audit import by_group

        return by_group.frame(by_group.group_rows(self, attribute))

    @cached_property
    def intervention(self) -> InterventionRecord:
        """The intervention as the store keeps it: axes, probe levels, wording and settings."""
        return InterventionRecord.from_attributes(self.data.attrs["intervention"])

    @property
    def surfaces(self) -> xarray.DataArray:
        """(classifier, expression, identity, dose, time) probability of the target expression.

        The last two dimensions have the names of the intervention's axes, such as "symmetry" and "time".
        """
        return self.data["probability"]

    @property
    def logits(self) -> xarray.DataArray:
        """(classifier, expression, identity, dose, time) the same before softmax."""
        return self.data["logit"]

    @property
    def top_class(self) -> xarray.DataArray:
        """(classifier, expression, identity, dose, time) position in `answer` of the top class, or -1."""
        return self.data["top_class"]

    @property
    def scores(self) -> xarray.DataArray:
        """(classifier, expression, identity) change of probability with the dose: Eq. 6 of Facing Asymmetry."""
        return self.data["score"]

    @property
    def p_values(self) -> xarray.DataArray:
        """(classifier, expression, identity) of the permutation test, not adjusted."""
        return self.data["p_value"]

    @property
    def adjusted_p_values(self) -> xarray.DataArray:
        """(classifier, expression, identity) p-values corrected for all identities of a cell."""
        return self.data["adjusted_p_value"]

    @property
    def significant(self) -> xarray.DataArray:
        """(classifier, expression, identity) bool: adjusted p-value at most alpha."""
        return (self.adjusted_p_values <= self.config.alpha).rename("significant")

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

    def face_params(
        self, identity: int, expression: str | None = None, classifier: str | None = None
    ) -> FaceParams:
        """Return one person's face, in the head's neutral pose.

        Args:
            identity: position in the population.
            expression: as the search ended for it at full strength; None = neutral.
            classifier: the one that was searched; may be left out if the run has only one.

        Raises:
            ConfigError: no such expression or classifier, or several classifiers and none is chosen.
        """
        person = self.data[["identity_parameters", "albedo_parameters"]].isel(identity=identity)
        if expression is None:
            coefficients = jnp.zeros(self.data.sizes["parameter"])
        else:
            parameters = self.data["expression_parameters"].isel(identity=identity)
            where = {
                "classifier": self.choose("classifier", classifier),
                "expression": self.choose("expression", expression),
            }
            coefficients = jnp.asarray(parameters.sel(where).values)
        return FaceParams(
            identity=jnp.asarray(person["identity_parameters"].values),
            expression=coefficients,
            pose=jnp.zeros((self.data.attrs["head"]["joints"], 3)),
            albedo=jnp.asarray(person["albedo_parameters"].values),
        )

    def choose(self, dimension: str, name: str | None = None) -> str:
        """Return the name along "classifier" or "expression"; it may be left out if the run has only one.

        Raises:
            ConfigError: no such name, or several and none is chosen.
        """
        names = [str(label) for label in self.data[dimension].values]
        if name is None and len(names) == 1:
            return names[0]
        if name is None:
            raise ConfigError(f"name one {dimension} of {', '.join(names)}")
        if name not in names:
            raise ConfigError(f"the run has no {dimension} {name!r}{suggestion(name, names)}")
        return name


def load(folder: str | Path) -> AuditResult:
    """Load the result of a finished run from its folder, after checking that none of its files is damaged.

    Raises:
        StoreError: no run is there, it is damaged, not finished, or another version of jaxface wrote it.
        ConfigError: its configuration is not one of this version.
    """
    folder = Path(folder)
    store.require_complete(folder)
    return open_result(folder, store.read_config(folder))


def open_result(folder: Path, config: AuditConfig, inputs: AuditInputs | None = None) -> AuditResult:
    """Return the result of a finished run without checking its files.

    Args:
        inputs: of the run, if this process holds them.
    """
    return AuditResult(folder, config, store.read(folder), store.read_summary(folder), inputs)
