"""Row numbers that are reckoned when they are read, against those that are kept."""

from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.mapped.row_numbers import InTime, SpanGroups, Spans
from recbole_poem.data.mapped.time_sort import in_order_of
from recbole_poem.data.rows import LogRows
from recbole_poem.data.splits import Groups

SPANS = Spans(np.array([7, 0, 3, 20]), np.array([2, 3, 0, 1]))
ROWS = torch.tensor([7, 8, 0, 1, 2, 20])


@pytest.mark.parametrize(
    "index",
    [
        torch.tensor([3, 0, 0, 2]),
        torch.tensor([[1, 2], [3, 0]]),
        torch.tensor([True, False, False, True]),
        [2, 3],
        slice(None, None, 2),
        slice(-3, None, 2),
        -1,
        torch.tensor(3),
    ],
    ids=str,
)
def test_an_index_reads_what_it_reads_of_a_tensor(index: Any) -> None:
    for rows, wanted in ((SPANS[2:], ROWS[2:]), (SPANS[:5][1:], ROWS[1:5]), (SPANS[:4], ROWS[:4])):
        assert torch.equal(rows[index], wanted[index])


def test_a_place_that_is_not_there_is_refused() -> None:
    for rows in (SPANS, SPANS[1:3]):
        with pytest.raises(IndexError):
            rows[[0, 6]]


def test_rows_of_a_log_are_gathered_by_them() -> None:
    item = torch.arange(30) * 10
    for rows, wanted in ((SPANS, ROWS), (SPANS[2:4], ROWS[2:4])):
        found = LogRows({"item": item}, rows)
        assert len(found) == len(wanted)
        assert torch.equal(found["item"], item[wanted]) and torch.equal(found[REQUEST_ID], wanted)
        assert torch.equal(found[1:]["item"], item[wanted[1:]])
        assert torch.equal(found[[0, 1]][REQUEST_ID], wanted[[0, 1]])


SIZES = st.lists(st.integers(0, 4), min_size=1, max_size=8)


@given(SIZES, st.data())
def test_rows_between_two_places_are_those_at_the_places(sizes: List[int], data: Any) -> None:
    size = np.array(sizes)
    begin = 3 + 10 * np.random.default_rng(0).permutation(len(size))
    column = np.arange(100, 200).astype(np.uint8)
    for of in (None, column):
        spans = Spans(begin, size, of)
        first = data.draw(st.integers(0, len(spans)))
        last = data.draw(st.integers(0, len(spans)))
        found = spans.between(first, last)
        assert torch.equal(found, spans.at(torch.arange(first, max(first, last))))


LOGS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40)


def by_user_and_time(log: List[Tuple[int, int]]) -> Tuple[np.ndarray, np.ndarray]:
    user, time = np.array(sorted(log)).T
    return user, time.astype(float)


@given(LOGS, st.integers(1, 4))
def test_groups_are_cut_as_those_of_sorted_rows(log: List[Tuple[int, int]], n_parts: int) -> None:
    user, time = by_user_and_time(log)
    order = np.argsort(time, kind="stable")
    sorted_groups = Groups.of(user[order])
    begin = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    groups = SpanGroups(begin, np.diff(np.r_[begin, len(user)]))
    groups = groups.in_order(np.argsort(time[groups.first().numpy()], kind="stable"))
    assert groups.size.tolist() == sorted_groups.size.tolist()
    cuts = [groups.size * part // n_parts for part in range(n_parts + 1)]
    parts = np.diff(np.stack(cuts), axis=0)
    for ours, theirs in zip(groups.cut(parts), sorted_groups.cut(parts)):
        assert ours.whole().tolist() == order[theirs].tolist()


@given(LOGS, st.sampled_from([1, 3, 7, 100]))
def test_rows_on_the_disk_are_in_the_order_of_time(
    log: List[Tuple[int, int]], rows_at_once: int
) -> None:
    _, time = by_user_and_time(log)
    rows = Spans(np.array([0, len(time) // 2]), np.array([len(time) // 3, len(time) // 2]))
    numbers = rows.whole()
    wanted = numbers[np.argsort(time[numbers], kind="stable")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recbole_poem.data.mapped.time_sort.ROWS_AT_ONCE", rows_at_once)
        assert in_order_of(rows, time, Path()).tolist() == wanted.tolist()
        found = InTime(rows, time, Path())
        assert torch.equal(found.whole(), wanted)
        assert torch.equal(found[1:].whole(), wanted[1:])
        assert torch.equal(found.at(torch.arange(len(wanted))), wanted)
