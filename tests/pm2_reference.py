"""PM2's losses and those of its baselines in NumPy float64, from the papers' equations, loops and all."""

import itertools

import numpy as np


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-values))


def unit_loss(logits: np.ndarray, units: np.ndarray, mask: np.ndarray) -> float:
    """Eq. 2, the sum over what is known."""
    chance = sigmoid(logits)
    each = -(units * np.log(chance) + (1 - units) * np.log(1 - chance))
    return float(each[mask].sum())


def moment_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Eq. 5."""
    return sum(float(np.linalg.norm(one**k - other**k)) for k in (1, 2))


def moments_of_domains(sources: list[np.ndarray], target: np.ndarray, orders: int, central: bool) -> float:
    """M3SDA: the mean over sources and target, and the mean over pairs of sources, of Eq. 4."""

    def moment(domain: np.ndarray, order: int) -> np.ndarray:
        about = domain.mean(0) if central and order > 1 else 0.0
        return ((domain - about) ** order).mean(0)

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return sum(
            float(np.linalg.norm(moment(one, order) - moment(other, order))) for order in range(1, orders + 1)
        )

    across = np.mean([apart(source, target) for source in sources])
    between = [apart(one, other) for one, other in itertools.combinations(sources, 2)]
    return float(across + (np.mean(between) if between else 0.0))


def kernel(one: np.ndarray, other: np.ndarray, variances: list[float]) -> float:
    return sum(float(np.exp(-((one - other) ** 2).sum() / (2 * variance))) for variance in variances)


def variances(domains: np.ndarray, count: int) -> list[float]:
    """2^-3, 2^-2, ... times the mean squared distance over all pairs, each with itself included."""
    mean = np.mean([((one - other) ** 2).sum() for one in domains for other in domains])
    return [float(2.0**power * mean) for power in range(-3, -3 + count)]


def mmd(matrix: np.ndarray, count: int) -> float:
    """The unbiased estimate from a kernel matrix."""
    total = len(matrix)
    inside = [
        np.mean([matrix[i, j] for i in rows for j in rows if i != j])
        for rows in (range(count), range(count, total))
    ]
    across = np.mean([matrix[i, j] for i in range(count) for j in range(count, total)])
    return float(inside[0] + inside[1] - 2 * across)


def dan(source: np.ndarray, target: np.ndarray) -> float:
    both = np.concatenate([source, target])
    widths = variances(both, 5)
    return mmd(np.array([[kernel(a, b, widths) for b in both] for a in both]), len(source))


def jan(source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> float:
    features, answers = (np.concatenate(pair) for pair in zip(source, target, strict=True))
    widths, count = variances(features, 5), len(features)
    matrix = np.array(
        [
            [
                kernel(features[i], features[j], widths) * kernel(answers[i], answers[j], [0.92**2])
                for j in range(count)
            ]
            for i in range(count)
        ]
    )
    return mmd(matrix, len(source[0]))


def domain_loss(source: np.ndarray, target: np.ndarray) -> float:
    return float(-(np.log(sigmoid(source)).mean() + np.log(1 - sigmoid(target)).mean()) / 2)
