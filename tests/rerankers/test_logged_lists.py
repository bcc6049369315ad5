"""Lists of a log: where they begin, what stands above, and who is no candidate."""

from typing import Any

import numpy as np

from recbole_poem.log.requests import RequestLog, first_rows
from recbole_poem.rerankers.logged_lists import Lessons, freshness, lessons_of


def log_of(*rows: Any, training: Any = None) -> RequestLog:
    """Make a log of (user, item, time)."""
    user, item, time = (np.array(column) for column in zip(*rows))
    known = np.ones(len(rows), bool) if training is None else np.array(training, bool)
    return RequestLog(
        user, item, time.astype(float), first_rows(user), {}, user.max() + 1, item.max() + 1, known
    )


def lessons(log: RequestLog, length: int = 3, taken: Any = None, **more: Any) -> Lessons:
    taken = np.ones(len(log), bool) if taken is None else np.array(taken)
    given = {"session": 10, "n_lessons": 999, "n_others": 50, "seed": 0, **more}
    return lessons_of(log, taken, length, **given)


#: another user takes all items first, each once
FIRST = [(1, item, item) for item in range(1, 10)]
#: one session, then a longer one, of which the second half lies on another list
SECOND = list(zip([2] * 7, [1, 2, 3, 4, 5, 6, 7], [100, 101, 200, 201, 202, 203, 204]))


def test_lists_are_cut_at_sessions_and_at_their_length() -> None:
    found = lessons(log_of(*FIRST, *SECOND))
    taught = found.item[:, 0] >= 1
    of_second = taught & (found.item[:, 0] <= 7) & (np.asarray(found.earlier.sum(axis=1))[:, 0] < 9)
    rows = {int(found.item[row, 0]): row for row in np.flatnonzero(of_second)}
    # the first list of a user teaches nothing, and nobody took the others before
    assert sorted(rows) == [3, 4, 5, 6, 7]
    assert [found.slot[rows[item]] for item in (3, 4, 5, 6, 7)] == [0, 1, 2, 0, 1]
    assert found.above[rows[5]].tolist() == [3, 4]
    assert found.above[rows[3]].tolist() == [0, 0]
    assert found.above[rows[7]].tolist() == [6, 0]
    earlier = found.earlier.toarray()
    assert np.flatnonzero(earlier[rows[5]]).tolist() == [1, 2]
    assert np.flatnonzero(earlier[rows[7]]).tolist() == [1, 2, 3, 4, 5]


def test_candidates_are_new_to_the_user_and_not_to_the_log() -> None:
    late = [(3, 10, 150), (3, 11, 300)]
    found = lessons(log_of(*FIRST, *SECOND, *late))
    row = found.item[:, 0].tolist().index(4)  # at the time 201, behind 1, 2 and 3
    possible = set(found.item[row][found.candidate[row]].tolist())
    assert possible == {4, 5, 6, 7, 8, 9, 10}
    impossible = set(found.item[row][~found.candidate[row]].tolist())
    assert impossible == {1, 2, 3, 4, 11}  # it was drawn beside itself


def test_what_was_shown_and_not_taken_stands_above_and_is_not_drawn() -> None:
    taken = [item != 9 for _, item, _ in FIRST] + [item not in (3, 6) for _, item, _ in SECOND]
    found = lessons(log_of(*FIRST, *SECOND), taken=taken)
    assert found.item[:, 0].tolist() == [4, 5, 7]
    assert found.above.tolist() == [[3, 0], [3, 4], [6, 0]]
    assert 9 not in found.item
    assert not found.candidate[found.item == 3].any()  # it was shown by then


def test_a_repeat_teaches_nothing() -> None:
    again = [(2, 1, 205), (2, 8, 206)]
    found = lessons(log_of(*FIRST, *SECOND, *again))
    assert found.item[:, 0].tolist() == [3, 4, 5, 6, 7, 8]


def test_rows_beyond_the_training_are_unknown() -> None:
    rows = [*FIRST, *SECOND]
    known = [True] * 14 + [False] * 2
    later = log_of(*rows, training=known)
    moved = log_of(*rows[:14], (2, 8, 203), (2, 9, 204), training=known)
    for one, other in zip(lessons(later)[:4], lessons(moved)[:4]):
        np.testing.assert_array_equal(one, other)
    assert len(lessons(later).slot) == 3
    assert freshness(later).tolist() == freshness(moved).tolist()


def test_some_rows_are_drawn_and_the_same_by_one_seed() -> None:
    log = log_of(*FIRST, *SECOND)
    few = lessons(log, n_lessons=2)
    assert len(few.slot) == 2
    np.testing.assert_array_equal(few.item, lessons(log, n_lessons=2).item)
    assert (few.item != lessons(log, n_lessons=2, seed=1).item).any()


def test_no_training_row_is_no_lesson() -> None:
    log = log_of(*FIRST, training=[False] * 9)
    assert lessons(log).item.shape == (0, 51)
    assert freshness(log).tolist() == [1] * 10


def test_the_newest_and_the_unknown_are_fresh() -> None:
    log = log_of((1, 1, 100), (1, 2, 150), (1, 3, 200), (1, 4, 300), training=[1, 1, 1, 0])
    assert freshness(log).tolist() == [1, 0, 0.5, 1, 1]
