"""Signed graphs: what they refuse, what they keep, and their files."""

import os
from pathlib import Path

import numpy as np
import pytest

from jaxface.core.errors import ConfigError, DataError, LabelError, ShapeError
from jaxface.frameworks.causal_affect import graphs
from jaxface.frameworks.causal_affect.graphs import Edge, SignedGraph

BETWEEN = np.array([[0.0, 0.5, -0.25], [0.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
TO = np.array([[1.0, -1 / 3], [0.0, 0.0], [0.0, np.float32(0.2)]])
GRAPH = SignedGraph((1, 2, 12), ("happiness", "fear"), BETWEEN, TO)


def same(one: SignedGraph, other: SignedGraph) -> bool:
    return (
        one.units == other.units
        and one.expressions == other.expressions
        and np.array_equal(one.between, other.between)
        and np.array_equal(one.to_expressions, other.to_expressions)
    )


def test_rows_are_causes() -> None:
    assert list(GRAPH.edges()) == [
        Edge(1, 2, 0.5),
        Edge(1, 12, -0.25),
        Edge(12, 1, 0.1),
        Edge(1, "happiness", 1.0),
        Edge(1, "fear", -1 / 3),
        Edge(12, "fear", float(np.float32(0.2))),
    ]


@pytest.mark.parametrize("ending", ["json", "graphml"])
@pytest.mark.parametrize("graph", [GRAPH, graphs.empty((4, 7)), graphs.empty((), ("anger",))])
def test_files_keep_every_bit(graph: SignedGraph, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"graph.{ending}"
    graphs.write(graph, path)
    assert same(graphs.read(path), graph)


def test_thresholds_restrictions_and_means() -> None:
    assert {edge[:2] for edge in graphs.threshold_graph(GRAPH, 0.25).edges()} == {
        (1, 2),
        (1, 12),
        (1, "happiness"),
        (1, "fear"),
    }
    assert list(graphs.strongest(GRAPH, 2, 1).edges()) == [
        Edge(1, 2, 0.5),
        Edge(1, 12, -0.25),
        Edge(1, "happiness", 1.0),
    ]
    assert same(graphs.strongest(GRAPH, 9, 9), GRAPH)  # what is 0 is never an edge
    part = graphs.restrict(GRAPH, (12, 1), ("fear",))
    assert list(part.edges()) == [
        Edge(12, 1, 0.1),
        Edge(1, 12, -0.25),
        Edge(12, "fear", float(np.float32(0.2))),
        Edge(1, "fear", -1 / 3),
    ]
    order = graphs.restrict(GRAPH, (12, 1, 2), ("fear", "happiness"))
    assert same(graphs.mean([GRAPH, order]), GRAPH)


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"between is \(2, 3\), wanted \(2, 2\)"):
        SignedGraph((1, 2), (), np.zeros((2, 3)), np.zeros((2, 0)))
    with pytest.raises(ShapeError, match="no unit causes itself"):
        SignedGraph((1, 2), (), np.eye(2), np.zeros((2, 0)))
    for weight in (1.1, np.nan):
        with pytest.raises(ShapeError, match=r"not in \[-1, 1\]"):
            SignedGraph((1,), ("fear",), np.zeros((1, 1)), np.full((1, 1), weight))
    with pytest.raises(LabelError, match="must be unique"):
        graphs.empty((1, 1))
    with pytest.raises(LabelError, match="no node 'anger'"):
        graphs.restrict(GRAPH, (1,), ("anger",))
    with pytest.raises(ConfigError, match=r"ends in .json or .graphml"):
        graphs.write(GRAPH, tmp_path / "graph.txt")
    with pytest.raises(DataError, match="no file"):
        graphs.read(tmp_path / "graph.json")
    for ending, text in (("json", "[]"), ("json", '{"format": "x"}'), ("json", "{"), ("graphml", "<graphml")):
        path = tmp_path / f"bad.{ending}"
        path.write_text(text)
        with pytest.raises(DataError, match=r"holds no signed graph|cannot be read"):
            graphs.read(path)


def test_a_file_that_asks_for_more_than_a_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    os.mkfifo(path)
    with pytest.raises(DataError, match="is a pipe"):
        graphs.read(path)
    path.unlink()
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match="nested too deep"):
        graphs.read(path)
    graphs.write(GRAPH, tmp_path / "graph.graphml")
    text = (tmp_path / "graph.graphml").read_text()
    (tmp_path / "graph.graphml").write_text(
        text.replace("<graphml", '<!DOCTYPE a [<!ENTITY b "c">]><graphml', 1)
    )
    with pytest.raises(DataError, match="type of document"):
        graphs.read(tmp_path / "graph.graphml")
