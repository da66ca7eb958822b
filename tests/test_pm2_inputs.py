"""The batches of PM2: data sets on disk with their pairs, rendered domains, and the protocol's arithmetic."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from jaxface.core.errors import ConfigError, DataError
from jaxface.data import ArraySource, Dataset, rendered
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.inputs import select_units
from jaxface.frameworks.pm2 import inputs, train
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.data_config import DomainConfig, Pm2Data
from jaxface.frameworks.pm2.domains import (
    PopulationBias,
    make_avatar_recipe,
    sample_faces,
    sample_labels,
    sample_pairs,
    sex_of,
)
from jaxface.frameworks.pm2.paired_data import with_pairs
from studies.pm2 import protocol

SMALL = Pm2Config(encoder="small")


def dataset(name: str, units: tuple[int, ...], count: int, **columns: np.ndarray) -> Dataset:
    """Images of one level each, so that an image tells its number."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 8, 3)).copy()
    labels = np.random.default_rng(len(units)).random((count, len(units))) < 0.5
    label_columns = {"units": labels.astype(np.float32), "units_known": np.ones_like(labels)}
    label_columns["identity"] = np.arange(count)
    return Dataset(name, ArraySource(images), {**label_columns, **columns}, units=units)


@pytest.fixture
def source() -> Dataset:
    return dataset("source", (1, 4, 12), 12)


@pytest.fixture
def avatars(source: Dataset) -> Dataset:
    """Of images 9 down to 2, first the men; brighter by 100 and 200."""
    pair = np.tile(np.arange(9, 1, -1, dtype=np.int32), 2)
    sex = np.repeat(np.array([1, 0], np.int32), 8)
    faces = dataset("avatars", (12, 1), 16, pair=pair, sex=sex)
    faces.source.images[:] = (pair + np.where(sex == 1, 200, 100)).astype(np.uint8)[:, None, None, None]  # type: ignore[attr-defined]
    units = source.columns["units"][pair][:, [2, 0]]
    return dataclasses.replace(faces, columns={**faces.columns, "units": units})


def test_pairs_are_found_by_their_image(source: Dataset, avatars: Dataset) -> None:
    pairs = with_pairs(source, avatars, 8)
    rows = select_units(pairs, (12, 1)).take(np.array([3, 0, 9])).rows([0, 1, 2])
    levels = {name: rows[name][:, 0, 0, 0].tolist() for name in ("image", "female", "male")}
    assert levels == {"image": [3, 0, 9], "female": [103, 0, 109], "male": [203, 0, 209]}
    assert rows["paired"].tolist() == [True, False, True]
    np.testing.assert_array_equal(rows["units"], source.columns["units"][[3, 0, 9]][:, [2, 0]])


def test_pairs_of_another_data_set_are_refused(source: Dataset, avatars: Dataset) -> None:
    with pytest.raises(DataError, match="avatars of image 9, source has 5 images: open it with the options"):
        with_pairs(source.take(range(5)), avatars, 8)
    with pytest.raises(DataError, match="other action units than the images of source"):
        with_pairs(source.take(np.arange(12)[::-1]), avatars, 8)
    with pytest.raises(DataError, match="has no female and male avatar of any image of source"):
        with_pairs(source, avatars.take(avatars.columns["sex"] == 0), 8)
    with pytest.raises(DataError, match="source has no column 'pair'"):
        with_pairs(source, source, 8)
    with pytest.raises(DataError, match=r"source has no action unit 2; it has \[1, 4, 12\]"):
        select_units(source, (1, 2))


@pytest.fixture
def on_disk(source: Dataset, avatars: Dataset, monkeypatch: pytest.MonkeyPatch) -> dict[str, Dataset]:
    """`data.open` by name; the target has other action units, in another order."""
    there = {"bp4d": source, "rendered": avatars, "disfa": dataset("disfa", (26, 12, 1), 9)}
    monkeypatch.setattr(inputs.data, "open", lambda name, root, **options: there[name])
    monkeypatch.setitem(inputs.ENCODERS, "small", inputs.ENCODERS["small"]._replace(size=8))
    return there


def test_domains_on_disk(on_disk: dict[str, Dataset]) -> None:
    of = {name: DomainConfig(each) for name, each in zip(("source", "pairs", "target"), on_disk, strict=True)}
    domains = inputs.open_domains(SMALL, Pm2Data(**of, held_out=0.25, workers=0), TrainConfig(batch=4), 1)
    assert domains.task == Task(units=(1, 12), size=8, extras=domains.task.extras)
    assert domains.validation is not None and (len(domains.validation), domains.examples) == (3, 9)
    assert domains.validation.units == (1, 12) and domains.name == "source -> disfa"
    first = next(domains.stream)
    assert set(first) == {"image", "units", "units_known", "female", "male", "paired", "target"}
    number = first["image"][:, 0, 0, 0].astype(int)
    np.testing.assert_array_equal(first["units"], on_disk["bp4d"].columns["units"][number][:, [0, 2]])
    np.testing.assert_array_equal(first["female"][:, 0, 0, 0], np.where(first["paired"], number + 100, 0))
    identities = domains.validation.columns["identity"]
    place = domains.stream.get_state()
    later = [next(domains.stream) for _ in range(6)]
    assert not np.isin([each["image"][:, 0, 0, 0] for each in later], identities).any()
    domains.stream.set_state(place)
    for name, column in next(domains.stream).items():
        np.testing.assert_array_equal(column, later[0][name])


def test_a_method_sees_what_it_needs(on_disk: dict[str, Dataset]) -> None:
    none, train = DomainConfig("none"), TrainConfig(batch=4)
    only = Pm2Data(source=DomainConfig("bp4d"), pairs=none, target=none, held_out=0.0, workers=0)
    domains = inputs.open_domains(dataclasses.replace(SMALL, method="direct"), only, train, 0)
    assert domains.task.units == (1, 4, 12) and domains.validation is None
    assert set(next(domains.stream)) == {"image", "units", "units_known"}
    for method, missing in (("dan", "target"), ("pm2", "target"), ("m3sda", "target")):
        with pytest.raises(ConfigError, match=f"method '{method}' needs data.{missing}"):
            inputs.open_domains(dataclasses.replace(SMALL, method=method), only, train, 0)  # type: ignore[arg-type]
    other = dataclasses.replace(only, units=(4,), target=DomainConfig("disfa"))
    with pytest.raises(DataError, match="no action unit in common"):
        inputs.open_domains(dataclasses.replace(SMALL, method="dan"), other, train, 0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Pm2Data(source=DomainConfig("none")), "learns action units from a labelled source"),
        (lambda: Pm2Data(source=DomainConfig("bp4d")), "jaxface retarget"),
        (lambda: Pm2Data(pairs=DomainConfig("rendered")), "rendered during training"),
        (lambda: PopulationBias(women=1.5), "women = 1.5"),
    ],
)
def test_settings_that_cannot_be_are_refused(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


BIAS = PopulationBias(women=0.75, seldom_in_women=(4,), seldom_in_men=(12,), expressiveness_gap=0.8)


def test_people_are_women_in_their_share() -> None:
    for women in (0.0, 0.25, 0.8, 1.0):
        sexes = sex_of(np.arange(2000, 2100), women)
        assert abs(float((sexes == 0).mean()) - women) <= 0.02
    fair = BIAS.matched
    assert (fair.women, fair.seldom_in_men, fair.expressiveness_gap) == (0.5, (4, 12), 0.4)
    assert fair.seldom_in_women == fair.seldom_in_men == fair.matched.seldom_in_men


def test_avatars_show_what_their_face_shows() -> None:
    """One example, not drawn: labels, activations, and who stands before the camera."""
    source = rendered.load_recipe("lab")
    source = dataclasses.replace(source, people=dataclasses.replace(source.people, identities=100))
    studio, other = (
        rendered.build_assets(source),
        rendered.build_assets(make_avatar_recipe(rendered.load_recipe("avatars"), source)),
    )
    keys = jax.random.split(jax.random.key(0), 400)

    def both(key: jax.Array) -> Any:
        return (
            sample_faces(BIAS)(key, studio),
            sample_pairs(BIAS, 30)(key, other),
            sample_labels(key, studio, BIAS.matched),
        )

    one, two, even = jax.jit(jax.vmap(both), compiler_options={"xla_backend_optimization_level": 0})(keys)
    np.testing.assert_array_equal(one.columns["units"], two.columns["units"])
    face, shot = one.shots["image"]
    for name in ("female", "male"):
        avatar, light = two.shots[name]
        assert (np.asarray(avatar.identity) != np.asarray(face.identity)).any(1).all()
        assert (np.asarray(light.light) != np.asarray(shot.light)).any((1, 2)).all()
    sex, units = np.asarray(one.columns["sex"]), np.asarray(one.columns["units"])
    assert abs((sex == 0).mean() - 0.75) < 0.08
    seldom = {unit: source.units.numbers.index(unit) for unit in (4, 12)}
    women, men = units[sex == 0].mean(0), units[sex == 1].mean(0)
    assert women[seldom[4]] < 0.5 * men[seldom[4]] and men[seldom[12]] < 0.5 * women[seldom[12]]
    states = np.asarray(even.intensity) >= source.units.threshold
    apart = states[np.asarray(even.sex) == 0].mean(0) - states[np.asarray(even.sex) == 1].mean(0)
    assert np.abs(apart[list(seldom.values())]).max() < 0.12
    light = [np.asarray(two.shots[name][1].light) for name in ("female", "male")]
    assert (light[0] != light[1]).any((1, 2)).all()


def test_rows_of_the_tables() -> None:
    rows = {variant.name: variant for variant in protocol.variants(SMALL)}
    assert list(rows) == [
        *("direct", "dan", "dann", "jan", "cdan", "mcd", "m3sda", "pm2"),
        *("alpha=0 beta=0", "alpha=0 beta=0.5", "alpha=1 beta=1"),
    ]
    assert {each.table for each in rows.values()} == {"methods", "ablation"}


def test_means_and_deviations() -> None:
    there, back = {"f1": 0.5, "f1_au1": 0.2}, {"f1": 0.7, "f1_au2": 0.1}
    assert protocol.over_directions([there, back]) == {"f1": pytest.approx(0.6)}
    summary = protocol.over_seeds([{"f1": 0.6}, {"f1": 0.5}, {"f1": 0.7}])
    assert summary["f1"] == pytest.approx(0.6) and summary["f1_sd"] == pytest.approx(0.1)
    assert summary["f1_by_seed"] == [0.6, 0.5, 0.7]


def test_people_are_on_one_side() -> None:
    columns = {"identity": np.array([7, 3, 3, 9, 5, 7]), "image": np.arange(6)}
    first, others = protocol.split_by_people(columns, 0.5)
    assert first["image"].tolist() == [1, 2, 4] and others["image"].tolist() == [0, 3, 5]


def test_folds_are_measured_as_one() -> None:
    """Hits 3 of 4 and 0 of 1: together 2 * 3 / (2 * 3 + 2), not the mean of 6/7 and 0."""
    one = np.array([[1.0], [1.0], [1.0], [-1.0]]), {"units": np.ones((4, 1)), "sex": np.zeros(4)}
    other = np.array([[-1.0], [-1.0]]), {"units": np.array([[1.0], [0.0]])}
    result = train.pool_folds(Task(units=(12,)), [one, other])
    assert result["f1"] == result["f1_au12"] == pytest.approx(0.75)
    assert "equal_opportunity" not in result  # one of them does not know the sex
