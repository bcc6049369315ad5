"""Labels from watch time against loops over the rows, and what no future row may move."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.log.feedback import feedback_column, positive_rows
from recbole_poem.log.watch_time import (
    ESTIMATORS,
    FORMULAS,
    WatchTime,
    bucket_edges,
    bucket_of,
    parse_watch_time,
    watch_label,
    watched_part,
)

SETTINGS = WatchTime("play", "duration", buckets=4)


def world(seed, n_rows=200, ties=True):
    """Play times and durations with what real logs hold: ties, replays, zeros and gaps."""
    rng = np.random.default_rng(seed)
    duration = rng.integers(1, 30, n_rows) if ties else rng.uniform(1, 30, n_rows)
    play = duration * rng.exponential(0.5, n_rows)
    play = np.where(rng.random(n_rows) < 0.2, 0, np.round(play)) if ties else play
    play, duration = play.astype(float), duration.astype(float)
    for column, odd in ((play, np.nan), (play, -1), (duration, 0), (duration, np.nan)):
        column[rng.integers(0, n_rows, 2)] = odd
    training = rng.random(n_rows) < 0.6
    return {"play": play, "duration": duration}, training


def slow_label(name, values, training, n_buckets):
    """Return the labels by loops, from the definitions alone."""
    rows = [
        row
        for row, (w, d) in enumerate(zip(values["play"], values["duration"]))
        if w >= 0 and d > 0
    ]
    known = [row for row in rows if training[row]]
    ordered = sorted(values["duration"][row] for row in known)
    edges = {ordered[k * len(ordered) // n_buckets] for k in range(1, n_buckets)} - {ordered[0]}

    def bucket(row):
        return sum(values["duration"][row] >= edge for edge in edges)

    label = np.full(len(training), np.nan)
    for row in rows:
        w, d = values["play"][row], values["duration"][row]
        like = [values["play"][other] for other in known if bucket(other) == bucket(row)]
        if name == "watch_ratio":
            label[row] = w / d
        elif name == "long_view":
            label[row] = w >= d if d <= 18 else w >= 18
        elif name == "duration_quantile":
            shorter, equal = sum(v < w for v in like), sum(v == w for v in like)
            label[row] = (shorter + equal / 2) / len(like)
        elif np.std(like) > 0:
            label[row] = (w - np.mean(like)) / np.std(like)
    return label


@pytest.mark.parametrize("name", [*FORMULAS, *ESTIMATORS])
@pytest.mark.parametrize("seed", range(3))
def test_labels_are_those_of_a_loop(name, seed):
    values, training = world(seed)
    found = watch_label(name, values, training, SETTINGS)
    expected = slow_label(name, values, training, SETTINGS.buckets)
    assert np.isnan(expected).sum() >= 4
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_known_answers():
    values = {
        "play": np.array([5.0, 10, 30, 18, 17, 0]),
        "duration": np.array([10.0, 10, 20, 60, 60, 60]),
    }
    everything = np.ones(6, dtype=bool)
    settings = WatchTime("play", "duration", buckets=2)  # durations 10 to 20, and 60
    label = {n: watch_label(n, values, everything, settings) for n in (*FORMULAS, *ESTIMATORS)}
    assert label["watch_ratio"].tolist() == [0.5, 1, 1.5, 0.3, 17 / 60, 0]
    assert label["long_view"].tolist() == [0, 1, 1, 1, 0, 0]
    assert label["duration_quantile"] == pytest.approx([1 / 6, 1 / 2, 5 / 6, 5 / 6, 1 / 2, 1 / 6])
    deviation = np.sqrt((100 + 25 + 225) / 3)
    assert label["watch_gain"][:3] == pytest.approx(np.array([-10, -5, 15]) / deviation)


@given(seed=st.integers(0, 10**6), n_buckets=st.integers(1, 12))
def test_gain_has_mean_0_and_variance_1_in_every_bucket_of_training_rows(seed, n_buckets):
    values, training = world(seed)
    settings = replace(SETTINGS, buckets=n_buckets)
    gain = watch_label("watch_gain", values, training, settings)
    known = training & np.isfinite(gain)
    usable = training & (values["play"] >= 0) & (values["duration"] > 0)
    bucket = bucket_of(values["duration"], bucket_edges(values["duration"][usable], n_buckets))
    for number in np.unique(bucket[known]):
        of_bucket = gain[known & (bucket == number)]
        assert of_bucket.mean() == pytest.approx(0, abs=1e-9)
        assert of_bucket.var() == pytest.approx(1)


@given(seed=st.integers(0, 10**6), n_buckets=st.integers(1, 12))
def test_quantiles_of_untied_training_rows_are_uniform(seed, n_buckets):
    values, training = world(seed, ties=False)
    settings = replace(SETTINGS, buckets=n_buckets)
    quantile = watch_label("duration_quantile", values, training, settings)
    known = training & np.isfinite(quantile)
    edges = bucket_edges(values["duration"][known], n_buckets)
    bucket = bucket_of(values["duration"], edges)
    for number in range(len(edges) + 1):
        of_bucket = np.sort(quantile[known & (bucket == number)])
        n = len(of_bucket)
        assert of_bucket == pytest.approx((np.arange(n) + 0.5) / n)
    assert len(edges) == n_buckets - 1
    sizes = np.bincount(bucket[known])
    assert sizes.max() - sizes.min() <= 1


@given(seed=st.integers(0, 10**6))
def test_quantiles_of_tied_training_rows_have_mean_one_half(seed):
    values, training = world(seed)
    quantile = watch_label("duration_quantile", values, training, SETTINGS)
    known = training & np.isfinite(quantile)
    bucket = bucket_of(values["duration"], bucket_edges(values["duration"][known], 4))
    for number in np.unique(bucket[known]):
        assert quantile[known & (bucket == number)].mean() == pytest.approx(0.5)


@given(seed=st.integers(0, 10**6), factor=st.floats(0.1, 10))
def test_a_longer_clock_moves_neither_gain_nor_quantile(seed, factor):
    """Both compare with videos of like duration: the unit of the play time is none of theirs."""
    values, training = world(seed, ties=False)
    longer = {**values, "play": values["play"] * factor}
    for name in ESTIMATORS:
        one, two = (watch_label(name, v, training, SETTINGS) for v in (values, longer))
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-9)


@given(seed=st.integers(0, 10**6))
def test_no_future_row_moves_the_label_of_a_training_row(seed):
    """Nor any other row but its own: what held-out rows say is read after all is estimated."""
    values, training = world(seed)
    rng = np.random.default_rng(seed + 1)
    future = {name: column.copy() for name, column in values.items()}
    for column in future.values():
        column[~training] = rng.choice([0.0, 1.0, 7.0, 1e6, np.nan, -3.0], (~training).sum())
    for name in (*FORMULAS, *ESTIMATORS):
        before = watch_label(name, values, training, SETTINGS)
        after = watch_label(name, future, training, SETTINGS)
        assert np.array_equal(before[training], after[training], equal_nan=True), name
    moved = watch_label(
        "watch_gain", {**values, "play": values["play"] + training}, training, SETTINGS
    )
    gain = watch_label("watch_gain", values, training, SETTINGS)
    assert not np.array_equal(gain[~training], moved[~training], equal_nan=True)


@pytest.mark.parametrize("name", [*FORMULAS, *ESTIMATORS])
def test_seconds_and_milliseconds_are_told_apart(name):
    values, training = world(0)
    thousand = {column: 1000 * of_rows for column, of_rows in values.items()}
    seconds = watch_label(name, values, training, SETTINGS)
    milliseconds = watch_label(name, thousand, training, replace(SETTINGS, unit="ms"))
    np.testing.assert_allclose(seconds, milliseconds)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_durations_outside_of_training_fall_into_the_outer_buckets(name):
    duration = np.array([5.0, 5, 9, 9, 1, 100])
    values = {"play": np.array([1.0, 3, 4, 8, 1, 8]), "duration": duration}
    training = np.array([True] * 4 + [False] * 2)
    label = watch_label(name, values, training, replace(SETTINGS, buckets=2))
    assert label[4] == label[0]
    assert label[5] == label[3]


def test_a_bucket_that_was_watched_equally_long_has_no_gain():
    play = np.array([0.1, 0.1, 0.1, 2.0, 3.0, 4.0])  # the mean of 0.1, 0.1, 0.1 is not quite 0.1
    values = {"play": play, "duration": np.array([5.0, 5, 5, 9, 9, 9])}
    gain = watch_label("watch_gain", values, np.ones(6, bool), replace(SETTINGS, buckets=2))
    assert np.isnan(gain).tolist() == [True] * 3 + [False] * 3


def log_with(**values):
    n_rows = len(next(iter(values.values())))
    return log_of([list(range(1, n_rows + 1))], n_items=n_rows + 1, **values)


def test_conditions_name_labels_like_columns():
    log = log_with(play=[9, 0, 1, np.nan], duration=[10, 10, 0, 10], like=[1, 1, 1, 1])
    log = replace(log, watch_time=WatchTime("play", "duration"))
    condition = {"watch_ratio": "[0,inf)", "like": "[1,1]"}
    assert positive_rows(log, condition, "key").tolist() == [True, True, False, False]
    assert positive_rows(log, {"duration_quantile": "[0.7,1]"}, "key").tolist() == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_column_of_the_file_comes_before_a_label():
    log = log_with(play=[9.0, 0], duration=[10.0, 10], long_view=[0.0, 1])
    log = replace(log, watch_time=WatchTime("play", "duration"))
    assert feedback_column(log, "long_view", "key").tolist() == [0, 1]
    assert feedback_column(log, "watch_ratio", "key").tolist() == [0.9, 0]


def test_a_label_without_the_key_says_which_key():
    with pytest.raises(InputError, match=r"^key: 'watch_gain' is formed from watch time; .*play:"):
        positive_rows(log_with(rating=[1.0]), {"watch_gain": "[0,1]"}, "key")


def test_a_column_that_is_not_there_is_named():
    log = replace(log_with(play=[1.0]), watch_time=WatchTime("play", "length"))
    with pytest.raises(InputError, match=r"^watch_time\.duration: .*'length'.*\(play\)"):
        feedback_column(log, "watch_ratio", "key")


def test_labels_need_a_training_row_to_be_estimated_from():
    values, training = world(0)
    with pytest.raises(InputError, match=r"no training row has a play time in 'play' and .*gain"):
        watch_label("watch_gain", values, np.zeros_like(training), SETTINGS)


def test_the_key():
    assert parse_watch_time(None) is None
    given_ = {"play": "play_time_ms", "duration": "duration_ms"}
    assert parse_watch_time(given_) == WatchTime("play_time_ms", "duration_ms", "s", 30)
    assert parse_watch_time({**given_, "unit": "ms", "buckets": 5}).buckets == 5


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("play_time", r"^watch_time: expected {play: <column>, .* not 'play_time'"),
        ({"play": "a"}, "^watch_time: expected {play: <column>, duration: <column>}"),
        ({"play": "a", "duration": "b", "bucket": 3}, "'bucket'; did you mean 'buckets'"),
        ({"play": "a", "duration": "b", "alpha": 3}, "'alpha'; known are play, duration, unit"),
        ({"play": 3, "duration": "b"}, r"watch_time\.play: expected the name of a column, not 3"),
        ({"play": "a", "duration": "b", "unit": "min"}, r"\.unit: expected s or ms, not 'min'"),
        ({"play": "a", "duration": "b", "buckets": 0}, r"\.buckets: expected a whole number from"),
        ({"play": "a", "duration": "b", "buckets": True}, r"\.buckets: expected a whole number"),
    ],
)
def test_a_wrong_key_is_said_in_one_sentence(config, words):
    with pytest.raises(InputError, match=words):
        parse_watch_time(config)


def test_a_row_is_watched_once_through_at_most_and_tells_both_or_nothing():
    values = {
        "play": np.array([2.0, 9, 0, np.nan, -1, 3, 3]),
        "duration": np.array([5.0, 5, 5, 5, 5, 0, np.nan]),
    }
    watched, duration = watched_part(values, SETTINGS)
    np.testing.assert_array_equal(watched, [2, 5, 0, *[np.nan] * 4])
    np.testing.assert_array_equal(duration, [5, 5, 5, *[np.nan] * 4])
