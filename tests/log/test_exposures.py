"""Labels, times and recent items of exposures: known ones, and against a slow loop."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_components import targets_of
from toy_logs import log_of, random_log

from recbole_poem.core.errors import InputError
from recbole_poem.log.exposures import exposures
from recbole_poem.log.watch_time import WatchTime

NAN = np.nan
GOOD = targets_of({"good": {"feedback": {"rating": "[4,inf)"}}})
SIX = [[1, 2, 3, 4, 5, 6]]


def labels(targets, log, **more):
    return exposures(replace(log, **more), targets_of(targets), 2, "s").labels.T.tolist()


@given(st.integers(0, 10**6), st.integers(1, 15))
def test_recent_items_and_gaps_equal_a_slow_loop(seed, n_recent):
    log = random_log(seed)
    of = exposures(log, GOOD, n_recent, "s")
    rows = np.random.default_rng(seed).integers(0, len(log), 30)
    recent = of.recent(rows)
    assert recent.shape == (30, n_recent)
    for row, found in zip(rows, recent):
        history = log.item[log.first[row] : row][::-1][:n_recent].tolist()
        assert found.tolist() == history + [0] * (n_recent - len(history))
        before = log.time[row - 1] if row > log.first[row] else None
        assert of.gap[row] == (-1 if before is None else log.time[row] - before)
    np.testing.assert_array_equal(of.recent(np.arange(0)), np.zeros((0, n_recent)))


def test_labels_of_recent_items_are_theirs_unless_they_came_at_the_same_moment():
    log = log_of([[1, 2, 3, 4], [5, 6]], 7, times=[5, 7, 7, 9, 1, 2], rating=[5, 1, 5, 5, 1, 5])
    of = exposures(log, GOOD, 3, "s")
    rows = np.array([0, 1, 2, 3, 4, 5])
    found = of.recent_labels(rows)[..., 0]
    assert found.dtype == np.float32
    expected = [[NAN] * 3, [1, NAN, NAN], [NAN, 1, NAN], [1, 0, 1], [NAN] * 3, [0, NAN, NAN]]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))
    labels = np.where(of.recent(rows) > 0, 1, NAN)
    known = ~np.isnan(found)
    assert not np.isnan(labels[known]).any()


def test_a_users_first_row_knows_nothing_of_the_user_before():
    log = log_of([[1, 2], [3, 4]], 6, times=[5, 9, 30, 31], rating=[1, 5, 5, 1])
    of = exposures(log, GOOD, 3, "s")
    assert of.recent(np.array([0, 1, 2, 3])).tolist() == [[0, 0, 0], [1, 0, 0], [0] * 3, [3, 0, 0]]
    assert of.gap.tolist() == [-1, 4, -1, 1]


def test_times_are_whole_seconds_of_today_in_either_unit():
    moments = [1651363200.25, 1651363203.75]  # float32 rounds them to two minutes
    for unit, factor in (("s", 1), ("ms", 1000)):
        times = [moment * factor for moment in moments]
        of = exposures(log_of([[1, 2]], 3, times=times, rating=[1, 5]), GOOD, 1, unit)
        assert of.seconds.tolist() == [1651363200, 1651363203]
        assert of.gap.tolist() == [-1, 3]
        assert of.seconds.dtype == of.gap.dtype == np.int64


def test_one_of_several_conditions_has_to_hold_and_nan_is_where_the_log_does_not_tell():
    log = log_of(SIX, 9, follow=[1, 0, 0, NAN, NAN, 1], comment=[0, 2, 0, 1, 0, NAN])
    targets = {
        "rare": {"feedback": [{"follow": "[1,1]"}, {"comment": "[1,inf)"}]},
        "both": {"feedback": {"follow": "[0,1]", "comment": "[1,inf)"}},
        "follow": {"feedback": [{"follow": "[1,1]"}]},
    }
    np.testing.assert_array_equal(
        labels(targets, log),
        [[1, 1, 0, 1, NAN, 1], [0, 1, 0, NAN, 0, NAN], [1, 0, 0, NAN, NAN, 1]],
    )


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_a_watch_time_is_in_seconds_whatever_the_unit_and_missing_where_it_is_below_0(unit, factor):
    play = np.array([0, 2.5, -1, NAN, 30, 7]) * factor
    log = log_of(SIX, 9, play=play, length=np.array([9, NAN, 9, 9, 20, 0]) * factor)
    watch = WatchTime("play", "length", unit)
    found = labels({"w": {"target": "watch_time"}}, log, watch_time=watch)
    np.testing.assert_array_equal(found, [[0, 2.5, NAN, NAN, 30, 7]])
    # a label that needs the duration as well is not known without it
    found = labels({"v": {"feedback": {"long_view": "[1,1]"}}}, log, watch_time=watch)
    np.testing.assert_array_equal(found, [[0, NAN, NAN, NAN, 1, NAN]])


def test_a_row_is_labelled_for_some_target_or_complete_for_all():
    log = log_of(SIX, 9, a=[1, 0, NAN, NAN, 1, 0], b=[0, NAN, 1, NAN, 0, 1])
    targets = targets_of({name: {"feedback": {name: "[1,1]"}} for name in "ab"})
    of = exposures(log, targets, 1, "s")
    assert of.labels.shape == (6, 2)
    assert of.labels.dtype == np.float32
    assert of.labelled.tolist() == [True, True, True, False, True, True]
    assert of.complete.tolist() == [True, False, False, False, True, True]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"feedback": {"x": "[5,5]"}}, r"^targets\.t: all 4 labelled rows have the label 0$"),
        ({"feedback": {"x": "[0,3]"}}, r"^targets\.t: all 4 labelled rows have the label 1$"),
        ({"feedback": {"unknown": "[1,1]"}}, r"^targets\.t: no row of the log has a label$"),
        ({"feedback": {"y": "[1,1]"}}, r"^targets\.t\.feedback: .* no float column 'y' .*\(unkn"),
        ({"feedback": {"x": "1"}}, r"^targets\.t\.feedback\.x: expected an interval"),
        (
            {"feedback": {"long_view": "[1,1]"}},
            r"^targets\.t\.feedback: 'long_view' is formed",
        ),
        (
            {"target": "watch_time"},
            r"^targets\.t: say which columns tell it, such as watch_time: {",
        ),
    ],
)
def test_what_the_log_cannot_answer_is_refused_by_name(target, words):
    log = log_of(SIX, 9, x=[0, 1, 2, 3, NAN, NAN], unknown=[NAN] * 6)
    with pytest.raises(InputError, match=words) as caught:
        labels({"t": target}, log)
    assert "\n" not in str(caught.value)


def test_a_watch_time_that_is_nowhere_told_is_refused():
    log = log_of(SIX, 9, play=[-1, NAN, -5, NAN, NAN, NAN])
    with pytest.raises(InputError, match=r"^targets\.w: no row of the log has a label$"):
        labels({"w": {"target": "watch_time"}}, log, watch_time=WatchTime("play", "length"))
    with pytest.raises(InputError, match=r"^watch_time\.play: .* no float column 'gone'"):
        labels({"w": {"target": "watch_time"}}, log, watch_time=WatchTime("gone", "length"))


def test_durations_are_seconds_where_the_log_tells_them():
    log = log_of(SIX, 7, play=[NAN] * 6, duration=[5000, 0, -1, NAN, 1500, 7], rating=range(6))
    rows = np.array([4, 0, 1, 2, 3])
    found = exposures(replace(log, watch_time=WatchTime("play", "duration", "ms")), GOOD, 2, "s")
    np.testing.assert_array_equal(found.duration(rows), [1.5, 5, NAN, NAN, NAN])
    silent = exposures(log, GOOD, 2, "s")
    assert np.isnan(silent.duration(rows)).all()
