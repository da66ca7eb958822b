"""What `--dry-run` says of time: an estimate from measured figures, said to be one."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from jaxface import classify, interventions
from jaxface.audit import AuditConfig, costs
from jaxface.classify import registry
from jaxface.search import SearchConfig

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
FACE_API = classify.read_card(registry.ASSETS / "face-api")
CONFIG = AuditConfig(classifiers=("face-api",))


def face_api(people: int, pictures: int, searches: int | None = None) -> costs.Work:
    return costs.Work(FACE_API, people if searches is None else searches, people, pictures)


def test_the_estimate_holds_for_a_measured_audit() -> None:
    """40 people before face-api, 300 pictures each: CPU seconds of a run that compiled next to nothing."""
    rows = [
        json.loads(line) for line in (RESULTS / "audit-2026-11-22-ae97b4c4c320.jsonl").read_text().splitlines()
    ]
    row = next(row for row in rows if row["name"] == "40 people")
    work = face_api(row["cells"], row["images"] // row["cells"])
    cost = costs.estimate(CONFIG, interventions.Symmetry(), [work])
    assert 0.8 * cost.least < row["cpu_s"] < cost.most
    assert row["cpu_s"] < 1.5 * cost.least  # its searches succeed at once


@pytest.mark.parametrize("name", [row["name"] for row in classify.describe()])
def test_the_cost_of_every_known_classifier_is_measured(name: str) -> None:
    card = classify.read_card(registry.folders(name)[0])
    assert card.architecture in costs.read_costs().answer


def test_the_estimate_follows_the_work() -> None:
    symmetry, yaw = interventions.Symmetry(), interventions.Yaw()
    one = costs.estimate(CONFIG, symmetry, [face_api(10, 900)])
    two = costs.estimate(CONFIG, symmetry, [face_api(20, 900)])
    assert two.least == pytest.approx(2 * one.least) and two.most == pytest.approx(2 * one.most)
    assert one.least < one.most
    assert costs.estimate(CONFIG, yaw, [face_api(10, 900)]).least > one.least  # picture by picture
    no_search = costs.estimate(CONFIG, symmetry, [face_api(10, 900, searches=0)])
    assert no_search.least == no_search.most < one.least
    config = dataclasses.replace(CONFIG, search=SearchConfig(method="prototype"))
    assert costs.estimate(config, symmetry, [face_api(10, 900)]).most == no_search.most
    both = costs.total([one, no_search])
    assert both.least == one.least + no_search.least and math.isnan(both.compiling)


def test_a_classifier_of_unknown_cost_is_named() -> None:
    card = dataclasses.replace(FACE_API, name="mine", architecture="custom")
    cost = costs.estimate(CONFIG, interventions.Symmetry(), [costs.Work(card, 1, 1, 900)])
    assert cost.unknown == ("mine",)
    assert "without the answers of mine, whose cost is not known" in costs.in_words(cost, 2)


@pytest.mark.parametrize(
    ("least", "most", "compiling", "words"),
    [
        (0.0, 0.1, 80.0, "2 seconds on 1 core, and up to 80 seconds of compiling the first time"),
        (13.0, 108.0, 120.0, "13 seconds to 1.8 minutes on 1 core, and up to 2 minutes of compiling"),
        (4680.0, 11880.0, math.nan, "78 minutes to 3.3 hours on 1 core, and compiling the first time"),
        (54000.0, 720000.0, math.nan, "15 to 200 hours on 1 core"),
    ],
)
def test_words(least: float, most: float, compiling: float, words: str) -> None:
    text = costs.in_words(costs.Estimate(least, most, compiling, ()), 1)
    assert text.startswith(words)
    assert text.endswith("(estimated from measurements on another machine)")


def test_more_cores_take_less_time() -> None:
    cost = costs.Estimate(3600.0, 3600.0, 0.0, ())
    assert costs.in_words(cost, 1).startswith("60 minutes") and costs.in_words(cost, 4).startswith("19 minutes")
