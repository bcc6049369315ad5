"""What a request cache covers, and what is said of it."""

import logging

import numpy as np
import pytest
from toy_caches import cache_of as in_memory
from toy_logs import log_of

from recbole_poem.cache.coverage import Coverage, cache_words, coverage, say_coverage
from recbole_poem.core.errors import InputError

#: three users; the second and the third row of the first one were consumed from one ranking
LOG = log_of([[1, 2, 3, 4], [1, 2], [5]], n_items=6)
NUMBER = np.array([0, 1, 1, 2, 3, 4, 5])


def cache_of(ranked, tmp_path, item=5):
    """Let some of the six rankings have a candidate."""
    items = np.zeros((6, 3), np.int32)
    items[ranked, 0] = item
    scores = np.zeros((6, 3, 1), np.float32)
    return in_memory(LOG, items, scores, NUMBER, ["a"], tmp_path, raw_scores=False)


@pytest.mark.parametrize(
    ("ranked", "lag", "n_ranked", "n_read", "age"),
    [
        ([0, 1], 0, 3, 3, 0),
        ([0, 1], 1, 3, 3, 2),  # rows 1, 2 read row 0's, row 3 that of rows 1, 2; row 5 nothing
        ([1], 1, 2, 1, 2),
        ([0], 2, 1, 1, 3),  # row 3 alone has two requests before it
        ([2, 4, 5], 1, 3, 0, None),
    ],
)
def test_rows_that_read_a_ranking_are_counted(tmp_path, ranked, lag, n_ranked, n_read, age):
    rows = np.array([0, 1, 2, 3, 5])
    found = coverage(cache_of(ranked, tmp_path), LOG, rows, lag)
    assert found == Coverage(7, n_ranked, 5, n_read, 0, age)


@pytest.mark.parametrize(("n_rankings", "n_read"), [(1, 1), (2, 2)])
def test_a_row_reads_one_where_any_of_several_has_a_candidate(tmp_path, n_rankings, n_read):
    rows = np.array([0, 1, 2, 3, 5])  # of row 3 the youngest ranking is empty, of rows 1, 2 not
    found = coverage(cache_of([0], tmp_path), LOG, rows[[1, 3]], 1, n_rankings)
    assert (found.n_rows, found.n_read) == (2, n_read)


def test_a_candidate_that_was_consumed_since_is_none_to_read(tmp_path):
    rows = np.array([1, 2, 3, 5])
    cache = cache_of([0, 3], tmp_path, item=2)  # rows 1, 2 and 5 read it; row 1 consumes it
    assert coverage(cache, LOG, rows, 1) == Coverage(7, 2, 4, 2, n_told=2, age=1)
    cache = cache_of([0, 3], tmp_path, item=1)  # consumed at the very requests it was written for
    assert coverage(cache, LOG, rows, 1) == Coverage(7, 2, 4, 0, 0, None)


def test_what_a_cache_holds_is_said(tmp_path):
    cache = cache_of([0, 3], tmp_path, item=2)
    words = cache_words(cache, coverage(cache, LOG, np.array([1, 2, 3, 5]), 1), "s")
    assert words == (
        f"6 rankings of 2 candidates, up to 1 each, with ranks by 1 objectives (a), read from "
        f"{tmp_path}; 28.6% of the requests have one, 50.0% of the rows to predict read one, "
        "1.0 seconds old in the median, and 50.0% find their item in it"
    )


def test_the_shares_are_said_and_few_are_warned_of(caplog):
    for found, level in (
        (Coverage(200, 100, 80, 4, 1, 9.0), "INFO"),
        (Coverage(200, 9, 81, 4, 1, 9.0), "WARNING"),
    ):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            say_coverage(found)
        [record] = caplog.records
        assert record.levelname == level
    assert record.message == (
        "request cache: 9 of 200 (4.5 %) requests have a ranking; "
        "4 of 81 (4.9 %) rows to predict read one"
    )


def test_a_cache_that_nobody_reads_is_refused():
    with pytest.raises(InputError, match=r"^request cache: 7 of 9 .*; 0 of 5 \(0\.0 %\) rows"):
        say_coverage(Coverage(9, 7, 5, 0, 0, None))
