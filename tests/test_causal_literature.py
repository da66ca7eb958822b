"""Table 2 as data, and learnt graphs beside it."""

import numpy as np
import pytest

from jaxface.core.errors import ConfigError
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.frameworks.causal_affect import graphs
from jaxface.frameworks.causal_affect.graphs import SignedGraph
from studies.causal_affect import literature

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 15, 17, 20, 23, 24, 25, 26, 27)


def test_sources_are_complete_and_cited() -> None:
    assert [each.key for each in literature.sources()][-1] == "causal-affect"
    for each in literature.sources():
        assert sorted(each.units) == sorted(BASE_EXPRESSIONS) and each.citation
        for name in each.inhibit:
            assert not set(each.inhibit[name]) & set(each.units[name])
        assert {unit for members in each.units.values() for unit in members} <= set(UNITS)
    with pytest.raises(ConfigError, match="no source 'du-2015' of action units, did you mean 'du-2014'"):
        literature.source("du-2015")


def test_the_papers_graph_beside_ekmans_by_hand() -> None:
    paper = literature.as_graph(literature.source("causal-affect"), UNITS)
    agreements = {each.key: each for each in literature.compare(paper)}
    assert (agreements["causal-affect"].jaccard, agreements["causal-affect"].same_sign) == (1.0, 1.0)
    # Shared: sadness 3 of 5, surprise 4 of 6, happiness 2 of 5, disgust 3 of 3, fear 3 of 7, anger 3 of 8.
    ekman = agreements["ekman-1976"]
    assert (ekman.n_shared, ekman.n_learnt, ekman.n_source) == (18, 30, 22)
    assert ekman.jaccard == pytest.approx(18 / 34)
    # Du et al. have AU 6 in sadness, which the paper's graph inhibits: one of 19 + 1 shared edges disagrees.
    du = agreements["du-2014"]
    assert du.same_sign == pytest.approx(du.n_shared / (du.n_shared + 1)) and du.n_shared == 21


def test_units_and_expressions_that_one_side_lacks_do_not_count() -> None:
    between = np.zeros((3, 3))
    graph = SignedGraph((6, 12, 99), ("neutral", "happiness"), between, [[1, 0.4], [0, -0.2], [0, 0.1]])
    (agreement,) = literature.compare(graph, [literature.source("clark-2020")])
    assert (agreement.n_shared, agreement.n_learnt, agreement.n_source) == (1, 2, 2)
    assert agreement.jaccard == pytest.approx(1 / 3) and agreement.same_sign == 0.5
    (nothing,) = literature.compare(graphs.empty((99,), ("fear",)), [literature.source("clark-2020")])
    assert np.isnan(nothing.jaccard) and np.isnan(nothing.same_sign)
