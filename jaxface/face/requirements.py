"""What a task requires of a head; call these before any work begins.

Each raises a ConfigError that names the head, what it lacks, and what to do.
"""

from jaxface.core.errors import ConfigError
from jaxface.face.model import FaceModel

SEXES = ("female", "male")


def require_eyes(head: FaceModel, remedy: str = "add both to the head's joint_names") -> None:
    """Check that a camera can be framed by the eyes."""
    if missing := [name for name in ("left_eye", "right_eye") if name not in head.joint_names]:
        raise ConfigError(
            f"head {head.name!r} has no joint {' and no joint '.join(missing)}, by which faces are "
            f"framed (it has: {', '.join(head.joint_names)}); {remedy}"
        )


def require_expressions(head: FaceModel) -> None:
    """Check that there is an expression to search."""
    if not head.expression_basis.shape[-1]:
        raise ConfigError(
            f"head {head.name!r} has no expression coefficient, so nothing can be searched; take the "
            "bundled head"
        )


def prototype_rows(head: FaceModel, label: str, remedy: str) -> list[int]:
    """Return the rows of `ExpressionSpace.prototypes` that show an expression, at least one.

    Args:
        remedy: what to do where there are none; the end of the message.
    """
    labels = head.expressions.prototype_labels
    rows = [row for row, name in enumerate(labels) if name == label]
    if not rows:
        available = ", ".join(sorted(set(labels))) or "none"
        raise ConfigError(f"head {head.name!r} has no hand-set {label} (it has: {available}); {remedy}")
    return rows


def require_units(head: FaceModel, task: str) -> None:
    """Check that every expression coefficient is the activation of a facial unit.

    Args:
        task: what is made of units, such as "recipe wild".
    """
    space = head.expressions
    if space.units is None or not space.unit_names or space.units.shape[0] != len(space.unit_names):
        raise ConfigError(
            f"{task}: head {head.name!r} has no facial units as expression coefficients; take the "
            "bundled head or ICT-FaceKit, with expression_space = 'units'"
        )


def require_sexes(head: FaceModel, task: str) -> None:
    """Check that women and men can be sampled."""
    groups = [name.split(",")[0] for name in head.population.names]
    if missing := [sex for sex in SEXES if sex not in groups]:
        raise ConfigError(
            f"{task}: head {head.name!r} has no {' and no '.join(missing)} group in its population "
            f"(it has: {', '.join(head.population.names) or 'none'}); take the bundled head"
        )
