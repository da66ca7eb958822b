"""The config that follows the paper to the letter, on the bundled head and on a FLAME-format one."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks import paper_strict
from jaxface import audit
from jaxface.audit import AuditConfig
from jaxface.cli.options import find_config
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError
from jaxface.render import RenderConfig
from jaxface.search import SearchConfig
from tests import fake_audit
from tests.flame_files import (
    flame_arrays,
    write_bfm_texture,
    write_flame_pickle_2023,
    write_head_template,
)


def strict() -> AuditConfig:
    return load_toml(AuditConfig, find_config("paper-strict"))


def test_the_config_is_the_papers() -> None:
    config = strict()
    assert (config.identities, config.symmetry_steps, config.time_steps) == (200, 10, 90)
    assert (config.permutations, config.scheme, config.p_estimate) == (10_000, "per-time", "paper")
    assert (config.alpha, config.correction, config.side) == (0.05, "holm", "left")
    assert (config.estimator, config.unit) == ("gradient", "step")
    assert config.jaw == "split" and config.midline_width == 0.0
    assert len(config.expressions) == 6
    search = config.search
    assert (search.method, search.initialization, search.views) == (
        "differential-evolution",
        "uniform",
        "plain",
    )
    assert (search.prior_weight, search.plausibility_weight, search.projections) == (0.0, 0.0, 0)
    assert search.off_prototype_limit == 1.0
    render = config.render
    assert (render.size, render.supersample, render.background) == (224, 1, (0.0, 0.0, 0.0))
    assert render.camera is not None and render.camera[1:] == (0.0, 0.0)


def small(config: AuditConfig, **changes: object) -> AuditConfig:
    return dataclasses.replace(
        config,
        classifiers=(fake_audit.CLASSIFIER,),
        expressions=("happiness",),
        symmetry_steps=3,
        time_steps=3,
        permutations=20,
        search=dataclasses.replace(config.search, population=6, max_evaluations=12),
        render=dataclasses.replace(config.render, size=24),
        **changes,
    )


@pytest.mark.parametrize("head", ["bundled", "flame"])
def test_a_strict_audit_goes_from_people_to_scores(head: str, tmp_path: Path) -> None:
    changes: dict[str, object] = {"identities": 2}
    if head == "flame":
        arrays = flame_arrays()
        (tmp_path / "FLAME2023").mkdir()
        write_flame_pickle_2023(tmp_path / "FLAME2023" / "flame2023.pkl", arrays)
        write_head_template(tmp_path / "head_template.obj", arrays["f"])
        codes = np.random.default_rng(0).normal(size=(4, 150))
        np.savez(tmp_path / "people.npz", shapecode=codes[:, :100], texcode=codes[:, 100:])
        changes |= {
            "head": str(tmp_path / "FLAME2023"),
            "texture": str(write_bfm_texture(tmp_path / "FLAME_albedo_from_BFM.npz")),
            "people": str(tmp_path / "people.npz"),
        }
    result = audit.run(small(strict(), **changes), tmp_path / "run")
    assert result.data.sizes["identity"] == 2 and result.failures == 0
    assert np.isfinite(result.scores).all() and result.data.sizes["parameter"] == (
        50 if head == "flame" else 30
    )
    phi = result.data["expression_parameters"].values
    assert np.abs(phi).max() <= 3.0 and (phi != 0).all()
    assert np.abs(phi).mean() > 1.0  # of a uniform generation; sparse ones are below .6
    probability = result.surfaces.values
    np.testing.assert_allclose(probability[..., 0], np.broadcast_to(probability[..., :1, 0], (1, 1, 2, 3)))
    settings = (result.folder / "run.toml").read_text()
    assert 'jaw = "split"' in settings and 'initialization = "uniform"' in settings and "camera = [" in settings
    if head == "flame":
        np.testing.assert_allclose(result.data["albedo_parameters"], codes[:2, 100:], rtol=1e-6)
        assert "Basel Face Model" in result.data.attrs["head"]["source"]


def test_each_deviation_is_the_default_again_and_nothing_else() -> None:
    config, default = strict(), AuditConfig()
    for name, tables in paper_strict.DEVIATIONS.items():
        changed = paper_strict.deviate(config, name)
        assert changed != config, name
        for table, changes in tables.items():
            where, expected = (
                (changed, default) if not table else (getattr(changed, table), getattr(default, table))
            )
            for field in changes:
                value = (
                    "whole" if field == "jaw" else "slope" if field == "scheme" else getattr(expected, field)
                )
                assert getattr(where, field) == value, (name, field)
            rest = dataclasses.replace(
                where, **{key: getattr(getattr(config, table) if table else config, key) for key in changes}
            )
            assert rest == (getattr(config, table) if table else config), name
    assert paper_strict.deviate(config, "search").search == SearchConfig()
    camera = paper_strict.deviate(config, "camera").render
    assert dataclasses.replace(RenderConfig(), size=224, supersample=1, background=(0.0, 0.0, 0.0)) == camera
    with pytest.raises(ConfigError, match="no deviation 'jawbone'; there are search"):
        paper_strict.deviate(config, "jawbone")


def test_settings_choose_head_and_size() -> None:
    settings = paper_strict.Settings(
        head="flame.pkl", texture="bfm.npz", identities=3, max_evaluations=60, expressions=("fear",)
    )
    config = paper_strict.strict_config(settings)
    assert (config.head, config.texture, config.identities) == ("flame.pkl", "bfm.npz", 3)
    assert (config.jaw, config.midline_width, config.time_steps) == ("split", 0.0, 90)
    assert config.search == dataclasses.replace(strict().search, max_evaluations=60)
    assert config.expressions == ("fear",) and config.classifiers == strict().classifiers


def test_lines_hold_scores_and_their_change_over_people(tmp_path: Path) -> None:
    base = dataclasses.replace(fake_audit.CONFIG, identities=3)
    runs = [
        audit.run(config, tmp_path / str(number), searcher_factory=fake_audit.build)
        for number, config in enumerate((base, dataclasses.replace(base, side="right")))
    ]
    *lines, order = paper_strict.rows("side", runs[1], runs[0])
    assert [line["expression"] for line in lines] == ["happiness", "surprise"]
    for line in lines:
        one = {"classifier": "corners", "expression": line["expression"]}
        change = (runs[1].scores - runs[0].scores).sel(one).values
        np.testing.assert_allclose(line["change"], change.mean(), rtol=1e-9)
        np.testing.assert_allclose(line["change_sd"], change.std(ddof=1), rtol=1e-9)
        np.testing.assert_allclose(line["score"], runs[1].scores.sel(one).mean(), rtol=1e-6)
        assert 0 <= line["accuracy_s0"] <= 1 and 0 <= line["accuracy_s1"] <= 1
        assert line["people"] == 3 and line["grid"] == [4, 5] and line["deviation"] == "side"
    means = runs[1].scores.mean(["classifier", "identity"])
    best = str(means.expression.values[np.argmax(means.values)])
    assert next(iter(order["mean_score"])) == best and len(order["mean_score"]) == 2
    assert "change" not in next(paper_strict.rows("strict", runs[0]))
