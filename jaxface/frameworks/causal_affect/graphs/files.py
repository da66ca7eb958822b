"""Signed graphs in files: JSON, which keeps every weight, and GraphML, which other programs draw."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from jaxface.core import files
from jaxface.core.errors import ConfigError, DataError, JaxfaceError
from jaxface.core.io import write_text
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph

_FORMAT = "jaxface signed graph 1"
_GRAPHML = "http://graphml.graphdrawing.org/xmlns"
_NODE_KEYS, _EDGE_KEYS = {"kind": "string", "name": "string"}, {"weight": "double", "polarity": "string"}


def write(graph: SignedGraph, path: str | Path) -> None:
    """Write a graph as .json or .graphml, by the ending; raise ConfigError for another one."""
    suffix = _suffix(path)
    write_text(path, as_json(graph) if suffix == ".json" else as_graphml(graph))


def read(path: str | Path) -> SignedGraph:
    """Read a graph from a .json or .graphml file that `write` wrote.

    Raises:
        ConfigError: another ending.
        DataError: no such file, or one that holds no signed graph.
    """
    suffix, path = _suffix(path), Path(path)
    text = files.read_text(path, DataError, what="file of a signed graph")
    try:
        if suffix == ".json":
            files.parse_json(text, path, DataError, what="signed graph")  # depth and numbers
            return from_json(text)
        return from_graphml(text)
    except ElementTree.ParseError as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}: {error})") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, JaxfaceError) as error:
        raise DataError(f"{path} holds no signed graph ({type(error).__name__}: {error})") from None


def as_json(graph: SignedGraph) -> str:
    """Return one JSON object: nodes in order, and both matrices row by row."""
    matrices = {name: getattr(graph, name).tolist() for name in ("between", "to_expressions")}
    nodes = {"units": graph.units, "expressions": graph.expressions}
    return json.dumps({"format": _FORMAT, **nodes, **matrices}) + "\n"


def from_json(text: str) -> SignedGraph:
    """Parse the text of `as_json`."""
    table = json.loads(text)
    if table["format"] != _FORMAT:
        raise DataError(f"format is {table['format']!r}, wanted {_FORMAT!r}")
    units, expressions = tuple(table["units"]), tuple(table["expressions"])
    between = np.reshape(table["between"], (len(units), len(units)))
    to_expressions = np.reshape(table["to_expressions"], (len(units), len(expressions)))
    return SignedGraph(units, expressions, between, to_expressions)


def as_graphml(graph: SignedGraph) -> str:
    """Return a directed GraphML graph: nodes `AU12` and `happiness`, an edge for every weight that is not 0."""
    root = ElementTree.Element("graphml", xmlns=_GRAPHML)
    for of, keys in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)):
        for name, kind in keys.items():
            ElementTree.SubElement(root, "key", {"id": name, "for": of, "attr.name": name, "attr.type": kind})
    element = ElementTree.SubElement(root, "graph", id="causes", edgedefault="directed")
    for kind, nodes in (("unit", graph.units), ("expression", graph.expressions)):
        for node in nodes:
            _data(ElementTree.SubElement(element, "node", id=_id(node)), kind=kind, name=str(node))
    for edge in graph.edges():
        ends = {"source": _id(edge.source), "target": _id(edge.target)}
        polarity = "excitatory" if edge.weight > 0.0 else "inhibitory"
        _data(ElementTree.SubElement(element, "edge", ends), weight=repr(edge.weight), polarity=polarity)
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def from_graphml(text: str) -> SignedGraph:
    """Parse the text of `as_graphml`."""
    if "<!DOCTYPE" in text:  # entities, with which a small file may grow large
        raise DataError("it declares a type of document, which no graph needs")
    root = ElementTree.fromstring(text)
    nodes = {
        node.attrib["id"]: (_value(node, "kind"), _value(node, "name"))
        for node in root.iterfind(f".//{{{_GRAPHML}}}node")
    }
    units = tuple(int(name) for kind, name in nodes.values() if kind == "unit")
    expressions = tuple(name for kind, name in nodes.values() if kind == "expression")
    between, to_expressions = (np.zeros((len(units), len(targets))) for targets in (units, expressions))
    for edge in root.iterfind(f".//{{{_GRAPHML}}}edge"):
        source, (kind, target) = nodes[edge.attrib["source"]], nodes[edge.attrib["target"]]
        row, weight = units.index(int(source[1])), float(_value(edge, "weight"))
        if kind == "unit":
            between[row, units.index(int(target))] = weight
        else:
            to_expressions[row, expressions.index(target)] = weight
    return SignedGraph(units, expressions, between, to_expressions)


def _id(node: int | str) -> str:
    return f"AU{node}" if isinstance(node, int) else node


def _data(element: ElementTree.Element, **values: str) -> None:
    for key, value in values.items():
        ElementTree.SubElement(element, "data", key=key).text = value


def _value(element: ElementTree.Element, key: str) -> str:
    for data in element.iterfind(f"{{{_GRAPHML}}}data"):
        if data.attrib["key"] == key:
            return data.text or ""
    raise DataError(f"{element.attrib} has no {key}")


def _suffix(path: str | Path) -> str:
    suffix = Path(path).suffix
    if suffix not in (".json", ".graphml"):
        raise ConfigError(f"{path} ends in {suffix!r}, wanted a name that ends in .json or .graphml")
    return suffix
