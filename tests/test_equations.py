"""Eq. 2 and 3 of Facing Asymmetry on every head: the hard split of the sides, and the jaw's."""

import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.audit import AuditConfig, load_inputs
from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import ConfigError
from jaxface.face import FaceModel, geometry, load, neutral
from tests.flame_files import flame_arrays, write_flame_pickle
from tests.heads import toy_head
from tests.ict_files import small_ict, write_npz

HEADS = ("bundled", "units", "flame", "ict")


def source(which: str, folder: Path) -> dict[str, Any]:
    """The head, as arguments of `load`."""
    if which == "flame":
        return {"source": write_flame_pickle(folder / "flame.pkl", flame_arrays())}
    if which == "ict":
        return {"source": write_npz(folder / "ict.npz", small_ict())}
    return {"source": "bundled", "expression_space": "units" if which == "units" else "components"}


def displacement(head: FaceModel, symmetry: float, side: Any = "left") -> np.ndarray:
    """Of an expression of every coefficient."""
    phi = jnp.linspace(0.2, 1.0, head.expression_basis.shape[-1])
    return np.asarray(geometry.expression_displacement(head, phi, symmetry, 1.0, side))


@pytest.mark.parametrize("which", HEADS)
def test_split_as_the_paper_has_it_a_frozen_side_stays_neutral(which: str, tmp_path: Path) -> None:
    head = load(**source(which, tmp_path), midline_width=0, jaw="split")
    x, whole = np.asarray(head.template[:, 0]), displacement(head, 1.0)
    assert set(np.unique(head.left_weight)) <= {0.0, 0.5, 1.0}
    for side, frozen in (("left", x > 0), ("right", x < 0)):
        moves = displacement(head, 0.0, side)
        np.testing.assert_array_equal(moves[frozen], 0.0)
        np.testing.assert_array_equal(moves[~frozen & (x != 0)], whole[~frozen & (x != 0)])
        assert np.abs(whole[frozen]).max() > 1e-3  # metres: there was something to freeze
    np.testing.assert_allclose(displacement(head, 0.3)[x > 0], 0.3 * whole[x > 0], atol=1e-7)


@pytest.mark.parametrize("which", HEADS)
def test_the_unmodified_face_has_one_jaw(which: str, tmp_path: Path) -> None:
    arguments = source(which, tmp_path)
    split, default = load(**arguments, jaw="split"), load(**arguments)
    np.testing.assert_allclose(displacement(split, 1.0), displacement(default, 1.0), atol=1e-7)
    difference = np.abs(displacement(split, 0.0) - displacement(default, 0.0)).max()
    if which == "flame":
        assert difference == 0.0 and default.shared_basis is None
        with pytest.raises(ConfigError, match="do not tell the jaw apart; take 'split'"):
            load(**arguments, jaw="whole")
        return
    assert difference > 1e-3 and split.shared_basis is None and default.shared_basis is not None
    whole = load(**arguments, jaw="whole")
    np.testing.assert_array_equal(whole.expression_basis, default.expression_basis)
    np.testing.assert_array_equal(whole.shared_basis, default.shared_basis)


def test_the_jaw_alone_is_halved() -> None:
    """jawOpen of the bundled head at s = 0: the chin's left half stays where it was, and only if split."""
    split, whole = (load("bundled", expression_space="units", jaw=jaw) for jaw in ("split", "whole"))
    row = split.expressions.names.index("jawOpen")
    phi = neutral(split).expression.at[row].set(1.0)
    left = np.asarray(split.left_weight) == 1.0
    moves = [np.abs(geometry.expression_displacement(head, phi, 0.0))[left].max() for head in (split, whole)]
    assert moves[0] == 0.0 and moves[1] > 5e-3


def test_the_jaw_is_part_of_a_run(tmp_path: Path) -> None:
    config = AuditConfig(classifiers=("face-api",), jaw="split", midline_width=0.0)
    (tmp_path / "run.toml").write_text(dump_toml(config))
    assert load_toml(AuditConfig, tmp_path / "run.toml") == config
    prints = [
        load_inputs(dataclasses.replace(config, jaw=jaw)).layout.attributes["head"]["sha256"]
        for jaw in ("split", "whole", None)
    ]
    assert prints[0] != prints[1] == prints[2]
    assert "jaw" not in dump_toml(AuditConfig())


def test_options_beside_a_head_that_is_loaded_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"head is a FaceModel, which jaw = 'split' does not change"):
        load_inputs(AuditConfig(head=toy_head(), classifiers=("face-api",), jaw="split"))
    with pytest.raises(ConfigError, match="did you mean 'split'"):
        AuditConfig(jaw="splitt")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="jaw = 'none': must be 'whole' or 'split'"):
        load("bundled", jaw="none")  # type: ignore[arg-type]
