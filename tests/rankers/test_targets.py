"""The key ``targets``: what each form means, and one sentence for each form that means nothing."""

from typing import Any, Dict

import numpy as np
import pytest
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.rankers.targets import targets_of
from recbole_poem.training.config import Config

CLICK = {"is_click": "[1,1]"}
LOG = log_of([[1, 2, 3, 4]], 5, is_click=[1, 0, 1, 0])


def config(targets: Any, **keys: Any) -> Config:
    return Config("MultiTaskRanker", "toy", config_dict={"targets": targets, **keys})


def test_every_form_is_read_in_its_order() -> None:
    given = {
        "click": {"feedback": CLICK},
        "rare": {"feedback": [{"is_follow": "[1,1]"}, CLICK], "positive_weight": 5},
        "seen": {"target": "watch_time", "weight": 0.5, "huber_delta": 2},
    }
    assert config(given)["targets"] == {
        "click": {"target": "binary", "weight": 1.0, "feedback": CLICK, "positive_weight": 1.0},
        "rare": {"target": "binary", "weight": 1.0, **given["rare"]},
        "seen": given["seen"],
    }
    one = config(given, **{"targets.click.weight": 3, "targets.seen": None})
    assert {name: each["weight"] for name, each in one["targets"].items()} == {
        "click": 3,
        "rare": 1.0,
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["click"], r"^targets: expected a mapping from names .*, not \['click'\]$"),
        (
            {"click": "is_click"},
            r"^targets\.click: there is no 'is_click'; known are binary, cwm, d2",
        ),
        (
            {"click": {"target": "ordinal", "feedback": CLICK}},
            r"^targets\.click: there is no 'ordinal'; known are binary, cwm, d2co, stcrank, w",
        ),
        ({"click": {"target": ["binary"]}}, r"^targets\.click: there is no '\['binary'\]'"),
        (
            {"click": {"feedback": CLICK, "weigth": 2}},
            r"^targets\.click\.weigth: there is no such setting; the nearest is 'weight'$",
        ),
        (
            {"click": {"feedback": CLICK, "zzz": 2}},
            r"^targets\.click\.zzz: .*; known are feedback, positive_weight, weight$",
        ),
        (
            {"seen": {"target": "watch_time", "feedback": CLICK}},
            r"^targets\.seen\.feedback: .*; known are huber_delta, weight$",
        ),
        ({"click": {"feedback": CLICK, "huber_delta": 1}}, r"huber_delta: there is no such sett"),
        (
            {"click": {"feedback": CLICK, "weight": "2"}},
            r"^targets\.click\.weight: expected a number from 0, not '2'$",
        ),
        ({"click": {"feedback": CLICK, "weight": -1}}, r"weight: expected a number from 0, not -1"),
        ({"click": {"feedback": CLICK, "weight": float("nan")}}, r"weight: expected a number from"),
        ({"click": {"feedback": CLICK, "positive_weight": True}}, r"a number above 0, not True$"),
        ({"click": {"feedback": CLICK, "positive_weight": 0}}, r"a number above 0, not 0$"),
        ({"seen": {"target": "watch_time", "huber_delta": None}}, r"a number above 0, not None$"),
        ({"seen": {"target": "watch_time", "huber_delta": 0}}, r"a number above 0, not 0$"),
        ({"click": {}}, r"^targets\.click\.feedback: expected a condition such as .*, not None$"),
        ({"click": {"feedback": {}}}, r"^targets\.click\.feedback: .*, not {}$"),
        ({"click": {"feedback": []}}, r"^targets\.click\.feedback: .*, not \[\]$"),
        ({"click": {"feedback": [CLICK, {}]}}, r"^targets\.click\.feedback: .*, not \[{'is_click'"),
        ({"click": {"feedback": "[1,1]"}}, r"^targets\.click\.feedback: .*, not '\[1,1\]'$"),
    ],
)
def test_what_is_no_target_is_named_in_one_sentence(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        config(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "measures", "counts"),
    [
        ({"feedback": CLICK}, {"gauc": 0.5, "auc": 0.75}, True),
        ({"target": "watch_time"}, {"mae": pytest.approx(0.35), "xauc": 0.75}, False),
    ],
)
def test_a_target_says_what_it_measures_and_what_counts_for_gauc(
    given: Dict[str, Any], measures: Dict[str, float], counts: bool
) -> None:
    (target,) = targets_of(config({"t": given}), LOG)
    users, labels = np.array([1, 1, 2, 2]), np.array([1.0, 0.0, 1.0, 0.0])
    scores, durations = np.array([0.9, 0.1, 0.2, 0.4]), np.full(4, np.nan)
    assert target.measures(users, labels, scores, durations) == measures
    assert (target.answers(labels) is not None) == counts


def test_weights_that_are_all_0_and_no_target_at_all_are_refused() -> None:
    nothing = {"t": {"target": "watch_time", "weight": 0}}
    with pytest.raises(InputError, match=r"^targets: every weight is 0; at least one"):
        targets_of(config(nothing), LOG)
    with pytest.raises(InputError, match=r"^targets: a ranker needs at least one, such as {click"):
        targets_of(config({}), LOG)
