"""CausalAffect's equations in plain NumPy, double precision, one example and one pair after another."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

Numbers = dict[str, np.ndarray]
"""Parameters by their path in the network."""


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def gaussian(features: np.ndarray) -> np.ndarray:
    distances = np.array([[((a - b) ** 2).sum() for b in features] for a in features])
    median = np.median([distances[i, j] for i in range(len(features)) for j in range(i)])
    return np.exp(-distances / (2.0 * median))


def hsic(first: np.ndarray, second: np.ndarray, normalize: bool) -> float:
    """tr(K H L H) of two kernels, with the centring matrix written out."""
    count = len(first)
    centring = np.eye(count) - np.ones((count, count)) / count

    def trace(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.trace(one @ centring @ other @ centring))

    if normalize:
        return trace(first, second) / np.sqrt(trace(first, first) * trace(second, second))
    return trace(first, second) / (count - 1) ** 2


def dependences(features: np.ndarray, embedding: np.ndarray, labels: np.ndarray, normalize: bool) -> tuple:
    """Eq. 1 of features (U, B, d), an embedding (B, D) and labels (U, B)."""
    units = len(features)
    kernels, whole = [gaussian(each) for each in features], gaussian(embedding)
    bottleneck = sum(hsic(each, whole, normalize) for each in kernels) / units
    alignments = [
        hsic(each, np.outer(label, label), normalize) for each, label in zip(kernels, labels, strict=True)
    ]
    apart = sum(hsic(kernels[i], kernels[j], normalize) for i in range(units) for j in range(units) if i != j)
    return bottleneck, -sum(alignments) / units, apart / units**2


def polarised(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eq. 4."""
    return (edges > 0) * edges, (edges < 0) * -edges


def aggregate(edges: np.ndarray, features: np.ndarray, values: np.ndarray) -> np.ndarray:
    positive, negative = polarised(edges)
    return positive @ (features @ values[0]) + negative @ (features @ values[1])


def cyclicity(edges: np.ndarray) -> float:
    """Eq. 5."""
    return float(np.trace(scipy.linalg.expm(edges * edges))) - len(edges)


def classify(numbers: Numbers, branch: str, level: int, messages: np.ndarray) -> np.ndarray:
    hidden, bias, last, targets = (
        numbers[f"{branch}/transform/{name}"][level] for name in ("hidden", "hidden_bias", "last", "bias")
    )
    return np.maximum(messages @ hidden + bias, 0) @ last[:, 0] + targets


def everyone(numbers: Numbers, branch: str, same: bool) -> np.ndarray:
    """Eq. 3."""
    logits, temperature = (numbers[f"{branch}/global_graph/{name}"] for name in ("edge_logits", "temperature"))
    edges = np.tanh(np.exp(temperature) * logits)
    return edges * (1 - np.eye(len(edges))) if same else edges


def own(numbers: Numbers, branch: str, features: np.ndarray, layers: int, same: bool) -> np.ndarray:
    """Eqs. 7 to 9 of one face, target by target and source by source."""
    values = numbers[f"{branch}/transform/values"][1]
    nodes = features if same else numbers[f"{branch}/sample_graph/prototypes"]
    for layer in range(layers):
        query, key = (numbers[f"{branch}/sample_graph/{name}/{layer}/kernel"] for name in ("queries", "keys"))
        edges = np.zeros((len(nodes), len(features)))
        for target, node in enumerate(nodes):
            for source, feature in enumerate(features):
                inside = node @ query + feature @ key
                inside = np.where(inside > 0, inside, 0.01 * inside)
                edges[target, source] = np.tanh(numbers[f"{branch}/sample_graph/attention"] @ inside)
        if same:
            edges = edges * (1 - np.eye(len(edges)))
        nodes = aggregate(edges, features, values)
    gate_layer = f"{branch}/sample_graph/gate"
    hidden = edges.reshape(-1) @ numbers[f"{gate_layer}/0/kernel"] + numbers[f"{gate_layer}/0/bias"]
    hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
    last = hidden @ numbers[f"{gate_layer}/1/kernel"] + numbers[f"{gate_layer}/1/bias"]
    gate = sigmoid(last[0])
    return gate * everyone(numbers, branch, same) + (1 - gate) * edges


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def counterfactual(
    edges: np.ndarray,
    thresholds: np.ndarray,
    features: np.ndarray,
    noise: np.ndarray,
    values: np.ndarray,
    classifier: Callable[[np.ndarray], np.ndarray],
    config: Any,
    units: bool,
) -> float:
    """Eqs. 11 to 15 of one face on one graph, target by target: a whole pass for each and each mask."""
    facts = aggregate(edges, features, values)
    logits, total = classifier(facts), 0.0
    for target in range(len(edges)):
        mask = sigmoid(config.sharpness * (np.abs(edges[target]) - thresholds[target]))
        pairs = []
        for share in (1 - mask, mask):
            messages = aggregate(edges, features + noise[target] * share[:, None], values)
            new_logits = logits.copy()
            new_logits[target] = classifier(messages)[target]
            if units:
                away = (sigmoid(logits[target]) - sigmoid(new_logits[target])) ** 2
            else:
                before, after = softmax(logits), softmax(new_logits)
                away = float((before * np.log(before / after)).sum())
            pairs.append((cosine(facts[target], messages[target]), away))
        (near, little), (far, much) = pairs
        if not units:
            much = 1 - np.exp(-much) if config.ceiling == "exponential" else min(much, 1.0)
        consistent = config.consistent_features * (1 - near) + config.consistent_logits * little
        discrepant = config.discrepant_features * (1 + far) + config.discrepant_logits * (1 - much)
        total += config.consistency * consistent + config.discrepancy * discrepant
    return total / len(edges)


def unit_loss(logits: np.ndarray, units: np.ndarray, mask: np.ndarray) -> float:
    each = -(units * np.log(sigmoid(logits)) + (1 - units) * np.log(1 - sigmoid(logits)))
    return float(each[mask].mean())


def expression_loss(logits: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean([-np.log(softmax(row)[k]) for row, k in zip(logits, label, strict=True) if k >= 0]))


def features_of(numbers: Numbers, embedding: np.ndarray) -> np.ndarray:
    """F_AU (B, U, d) of embeddings (B, D)."""
    kernel, bias = numbers["features/kernel"], numbers["features/bias"]
    features = np.stack([[z @ kernel[i] + bias[i] for i in range(len(kernel))] for z in embedding])
    features = features - features.mean(-1, keepdims=True)
    return features / np.sqrt((features**2).mean(-1, keepdims=True) + 1e-5)


def levels(
    numbers: Numbers, branch: str, features: np.ndarray, layers: int
) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """Edges (B, T, S) and logits (B, T) of the graph of all faces, and of the faces' own."""
    same, result = branch == "units", []
    faces = [own(numbers, branch, face, layers, same) for face in features]
    for place, edges in enumerate(([everyone(numbers, branch, same)] * len(features), faces)):
        values = numbers[f"{branch}/transform/values"][place]
        messages = [aggregate(e, f, values) for e, f in zip(edges, features, strict=True)]
        result.append((edges, np.stack([classify(numbers, branch, place, each) for each in messages])))
    return result


def terms(
    numbers: Numbers, config: Any, embedding: np.ndarray, batch: dict[str, np.ndarray], noise: np.ndarray
) -> dict[str, float]:
    """Every term of Eq. 16 by name, the network having all its parts; `loss` is their sum."""
    features = features_of(numbers, embedding)
    logits = np.einsum("bud,ud->bu", features, numbers["unit_head/kernel"]) + numbers["unit_head/bias"]
    units, mask, label = batch["units"].astype(float), batch["units_known"], batch["label"]
    labels = np.where(mask, units, sigmoid(logits)).T
    apart = dependences(features.swapaxes(0, 1), embedding, labels, config.bottleneck.normalize)
    weights = (config.bottleneck.bottleneck, config.bottleneck.alignment, config.bottleneck.decorrelation)
    out = {
        "feature_loss": unit_loss(logits, units, mask),
        "bottleneck_loss": float(np.dot(weights, apart)),
        "bottleneck_dependence": apart[0],
        "alignment_dependence": apart[1],
        "decorrelation_dependence": apart[2],
        "acyclic_loss": 0.0,
    }
    count = features.shape[1]
    for branch, kind, same in (("units", "unit", True), ("expressions", "expression", False)):
        part = noise[:count] if same else noise[count:]
        out[f"{kind}_counterfactual_loss"] = 0.0
        graphs = zip(("global", "sample"), levels(numbers, branch, features, config.graph.layers), strict=True)
        for place, (level, (edges, answers)) in enumerate(graphs):
            values = numbers[f"{branch}/transform/values"][place]
            thresholds = sigmoid(numbers[f"{branch}/transform/threshold"][place])
            classifier = functools.partial(classify, numbers, branch, place)
            if same:
                out[f"unit_loss_{level}"] = unit_loss(answers, units, mask)
                rate = getattr(config.graph, f"acyclic_{level}")
                out["acyclic_loss"] += rate * float(np.mean([cyclicity(each) for each in edges]))
            else:
                out[f"expression_loss_{level}"] = expression_loss(answers, label)
            each = [
                counterfactual(e, thresholds, f, part, values, classifier, config.counterfactual, same)
                for e, f in zip(edges, features, strict=True)
            ]
            out[f"{kind}_counterfactual_loss"] += float(np.mean(each)) / 2
    losses = {name: value for name, value in out.items() if not name.endswith("_dependence")}
    first = sum(value for name, value in losses.items() if not name.startswith("expression"))
    second = sum(value for name, value in losses.items() if name.startswith("expression"))
    return out | {"loss": first + config.expressions * second}
