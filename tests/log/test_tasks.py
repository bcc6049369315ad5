"""The key ``tasks``: what each form means, and one sentence for each form that means nothing."""

from typing import Any

import pytest
from recbole_poem.log.tasks import TaskSpecification, parse_tasks

from recbole_poem.core.errors import InputError

CLICK = {"is_click": "[1,1]"}


def test_every_form_is_read_in_its_order() -> None:
    tasks = parse_tasks(
        {
            "click": {"feedback": CLICK},
            "rare": {"feedback": [{"is_follow": "[1,1]"}, CLICK], "positive_weight": 5},
            3: {"kind": "watch_time", "weight": 0.5, "huber_delta": 2},
        }
    )
    assert tasks == [
        TaskSpecification("click", "binary", [CLICK], {}),
        TaskSpecification(
            "rare", "binary", [{"is_follow": "[1,1]"}, CLICK], {"positive_weight": 5}
        ),
        TaskSpecification("3", "watch_time", [], {"weight": 0.5, "huber_delta": 2}),
    ]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, r"^tasks: expected a mapping .*, not None$"),
        ({}, r"^tasks: expected a mapping .*, not {}$"),
        (["click"], r"^tasks: expected a mapping .*, not \['click'\]$"),
        ({"click": "is_click"}, r"^tasks\.click: expected a mapping, not 'is_click'$"),
        (
            {"click": {"kind": "ordinal", "feedback": CLICK}},
            r"^tasks\.click\.kind: there is no 'ordinal'; known are binary, watch_time$",
        ),
        ({"click": {"kind": ["binary"]}}, r"^tasks\.click\.kind: there is no '\['binary'\]'"),
        ({"click": {"kind": None}}, r"^tasks\.click\.kind: there is no 'None'"),
        (
            {"click": {"feedback": CLICK, "weigth": 2}},
            r"^tasks\.click: unknown setting 'weigth'; did you mean 'weight'\?$",
        ),
        (
            {"click": {"feedback": CLICK, "zzz": 2}},
            r"unknown setting 'zzz'; known are kind, weight, feedback, positive_weight$",
        ),
        (
            {"seen": {"kind": "watch_time", "feedback": CLICK}},
            r"^tasks\.seen: unknown setting 'feedback'; known are kind, weight, huber_delta$",
        ),
        ({"click": {"feedback": CLICK, "huber_delta": 1}}, "unknown setting 'huber_delta'"),
        (
            {"click": {"feedback": CLICK, "weight": "2"}},
            r"^tasks\.click\.weight: expected a number, not '2'$",
        ),
        ({"click": {"feedback": CLICK, "positive_weight": True}}, "expected a number, not True$"),
        ({"seen": {"kind": "watch_time", "huber_delta": None}}, "expected a number, not None$"),
        ({"click": {}}, r"^tasks\.click\.feedback: expected a condition such as .*, not None$"),
        ({"click": {"feedback": {}}}, r"^tasks\.click\.feedback: .*, not {}$"),
        ({"click": {"feedback": []}}, r"^tasks\.click\.feedback: .*, not \[\]$"),
        ({"click": {"feedback": [CLICK, {}]}}, r"^tasks\.click\.feedback: .*, not \[{'is_click'"),
        ({"click": {"feedback": "[1,1]"}}, r"^tasks\.click\.feedback: .*, not '\[1,1\]'$"),
    ],
)
def test_what_is_no_task_is_named_in_one_sentence(config: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse_tasks(config)
    assert "\n" not in str(caught.value)
