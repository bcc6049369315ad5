"""The grammar of feedback conditions, and the words for what is none."""

import numpy as np
import pytest
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.log.feedback import positive_rows

RATING = np.array([1, 2, 3, 4, 5, np.nan, np.inf, -np.inf])


def log_with(**values):
    n_rows = len(next(iter(values.values()), [0]))
    return log_of([[1] * n_rows], n_items=2, **values)


RATED = log_with(rating=RATING)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("[2,4]", [2, 3, 4]),
        ("(2,4]", [3, 4]),
        ("[2,4)", [2, 3]),
        ("(2,4)", [3]),
        ("[3,3]", [3]),
        ("[4,inf)", [4, 5]),
        ("[4,inf]", [4, 5, np.inf]),
        ("(-inf,2]", [1, 2]),
        ("[-inf,1.5]", [1, -np.inf]),
        (" [ 2 , 3 ) ", [2]),
        ("[1,1];(4,inf)", [1, 5]),
        ("[1,3];[2,4]; (4.5,5]", [1, 2, 3, 4, 5]),
        ("[-inf,inf]", [1, 2, 3, 4, 5, np.inf, -np.inf]),  # all but the missing rating
    ],
)
def test_intervals(interval, expected):
    positive = positive_rows(RATED, {"rating": interval}, "key")
    assert RATING[positive].tolist() == expected


def test_all_columns_must_hold():
    log = log_with(play=[0.2, 0.8, 0.9, 0.7], hate=[0.0, 0.0, 1.0, np.nan])
    condition = {"play": "[0.5,inf)", "hate": "[0,0]"}
    assert positive_rows(log, condition, "key").tolist() == [False, True, False, False]


@pytest.mark.parametrize("condition", [None, {}])
def test_without_condition_every_row_is_positive(condition):
    assert positive_rows(RATED, condition, "key").tolist() == [True] * len(RATING)


def test_an_unreadable_interval_is_named_with_its_key():
    with pytest.raises(
        InputError, match=r"^objectives\.liked\.feedback\.rating: expected an interval .*not '4'"
    ):
        positive_rows(RATED, {"rating": "4"}, "objectives.liked.feedback")


def test_an_unknown_column_is_named_with_those_there_are():
    log = log_with(rating=RATING, age=RATING)
    with pytest.raises(
        InputError, match=r"^positive_feedback: .*'like'.*\(age, rating\).*load_col"
    ):
        positive_rows(log, {"like": "[1,1]"}, "positive_feedback")
    with pytest.raises(InputError, match=r"'like'.*\(none\)"):
        positive_rows(log_with(), {"like": "[1,1]"}, "positive_feedback")


def test_a_condition_must_be_a_mapping():
    with pytest.raises(InputError, match=r"^key: expected a mapping .* not '\[4,inf\)'"):
        positive_rows(RATED, "[4,inf)", "key")
