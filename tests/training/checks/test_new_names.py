"""A name that resembles one that is there is told."""

from typing import Any, Dict, List, Tuple

import pytest

from recbole_poem.training.checks.new_names import new_names
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import begin

LIKED = {"feedback": {"rating": "[4,inf)"}}
TARGETS = {"liked": LIKED, "loved": {"feedback": {"rating": "[5,inf)"}}}


def names(model: str = "MultiTaskRanker", **keys: Any) -> List[Tuple[str, str]]:
    return new_names(Config(model, "ml-100k", config_dict=keys))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"targets": TARGETS, "targets.likd": LIKED}, [("targets.likd", "liked")]),
        ({"targets": TARGETS, "targets.bought": LIKED}, []),
        ({"targets": TARGETS, "targets.liked": {"feedback": {"rating": "[3,inf)"}}}, []),
        ({"targets": {**TARGETS, "likd": LIKED}}, []),  # all names are in one place
        ({"targets": TARGETS, "targets.liked.feedback": {"rating": "[3,inf)"}}, []),
    ],
)
def test_a_new_name_that_resembles_one_is_told(
    keys: Dict[str, Any], expected: List[Tuple[str, str]]
) -> None:
    assert names(**keys) == expected


def test_objectives_are_named_by_users_too() -> None:
    assert names("POEM", **{"objectives.nexxt": {"similarity": "transition"}}) == [
        ("objectives.nexxt", "next")
    ]


def test_a_run_warns_of_it(caplog: pytest.LogCaptureFixture) -> None:
    keys = {"targets": TARGETS, "targets.likd": LIKED, "targets.liked": "none"}
    begin(Config("MultiTaskRanker", "ml-100k", config_dict={**keys, "targets.liked": LIKED}))
    words = "'targets.likd' is a new name; the nearest that there was already is 'liked'"
    assert words in caplog.messages
