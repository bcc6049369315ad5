"""D2Co's target: the corrected label, whose rows it is estimated from, and what it measures."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.watch_time import WatchTime
from recbole_poem.rankers.targets import targets_of
from recbole_poem.rankers.targets.d2co import corrected
from recbole_poem.training.config import Config

SECONDS = st.floats(0, 500)


def watch_log(play: Any, duration: Any, training: Any = None, unit: str = "s") -> RequestLog:
    n_rows = len(play)
    log = log_of([[1] * n_rows], 2, training, play=play, duration=duration)
    return replace(log, watch_time=WatchTime("play", "duration", unit))


def random_log(seed: int = 0, n_rows: int = 600) -> RequestLog:
    """Half of the rows, in order, are training; some say nothing, some were watched again."""
    rng = np.random.default_rng(seed)
    duration = rng.integers(5, 12, n_rows).astype(float)
    play = np.where(rng.random(n_rows) < 0.4, duration * 0.9, 2) + rng.normal(0, 0.5, n_rows)
    play, again = np.maximum(play, 0), rng.random(n_rows) < 0.1
    play[again] = 2.5 * duration[again]
    play[::17], duration[::23] = np.nan, 0
    return watch_log(play, duration, np.arange(n_rows) < n_rows // 2)


def target_on(log: RequestLog, **settings: Any) -> Any:
    given = {"t": {"target": "d2co", **settings}}
    (made,) = targets_of(Config("MultiTaskRanker", "toy", config_dict={"targets": given}), log)
    return made


def test_the_label_is_the_papers_equation() -> None:
    watched, low, high = np.array([2.0, 5, 8, 10, 12, 14]), np.full(6, 5.0), np.full(6, 12.0)
    for a in (0.05, 0.3, 1.0):
        slow = (np.exp(a * watched) - np.exp(a * low)) / (np.exp(a * high) - np.exp(a * low))
        assert corrected(watched, low, high, a) == pytest.approx(np.clip(slow, 0, 1))
    assert corrected(watched, low, high, 0) == pytest.approx([0, 0, 3 / 7, 5 / 7, 1, 1])


def test_no_sensitivity_is_the_limit_of_little() -> None:
    watched, low, high = np.arange(20.0), np.full(20, 3.0), np.full(20, 17.0)
    least = corrected(watched, low, high, 1e-9)
    assert least == pytest.approx(corrected(watched, low, high, 0), abs=1e-6)


@given(st.lists(SECONDS, min_size=2, max_size=9), SECONDS, SECONDS, st.floats(0, 50))
def test_longer_is_never_less_whatever_the_levels_and_the_sensitivity(
    watched: Any, one: float, other: float, sensitivity: float
) -> None:
    """Equal levels, and exponentials beyond any number, too."""
    low, high = (np.full(len(watched), level) for level in sorted((one, other)))
    found = corrected(np.sort(watched), low, high, sensitivity)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()
    assert corrected(low, low, high, sensitivity) == pytest.approx(np.zeros(len(watched)))
    above = corrected(high + 1e-3, low, high, sensitivity)
    assert above == pytest.approx(np.ones(len(watched)))


def test_the_same_seconds_say_more_of_a_short_video() -> None:
    log = random_log()
    target = target_on(log, sensitivity=0)
    labels = target.labels(watch_log([6, 6], [6, 11]))
    assert labels[0] > 0.95
    assert labels[1] == pytest.approx((6 - 2) / (0.9 * 11 - 2), abs=0.1)


def test_rows_that_tell_nothing_have_no_label_and_replays_count_once() -> None:
    log = random_log()
    labels = target_on(log).labels(log)
    play, duration = log.values["play"], log.values["duration"]
    assert np.array_equal(np.isnan(labels), np.isnan(play) | (duration == 0))
    once = replace(log, values={**log.values, "play": np.minimum(play, duration)})
    assert np.array_equal(target_on(once).labels(once), labels, equal_nan=True)


def test_milliseconds_are_told_from_seconds() -> None:
    log = random_log()
    thousand = {name: 1000 * column for name, column in log.values.items()}
    other = replace(log, values=thousand, watch_time=WatchTime("play", "duration", "ms"))
    labels = target_on(log).labels(log)
    np.testing.assert_allclose(target_on(other).labels(other), labels, atol=1e-9)


@pytest.mark.parametrize("name", ["play", "duration"])
def test_no_later_row_moves_what_is_fitted_and_every_training_row_may(name: str) -> None:
    log = random_log()
    later, labels = ~log.training, target_on(log).labels(log)
    values = {**log.values, name: np.where(later, log.values[name] * 3 + 1, log.values[name])}
    moved = target_on(replace(log, values=values)).labels(log)
    assert np.array_equal(moved, labels, equal_nan=True)
    leaked = target_on(log.with_training(np.ones(len(log), bool))).labels(log)
    assert not np.array_equal(leaked, labels, equal_nan=True)


def test_the_best_constant_is_the_mean_interest() -> None:
    target, labels = target_on(random_log()), torch.tensor([0.0, 0.2, 0.7, 1.0])
    output = torch.linspace(-6, 6, 12_001).unsqueeze(1)
    losses = target.loss(output.expand(-1, 4), labels.expand(len(output), -1)).mean(dim=1)
    best = target.predict(output[losses.argmin()])
    assert best.item() == pytest.approx(labels.mean().item(), abs=1e-3)


def test_what_is_nearer_to_the_bias_level_is_a_yes() -> None:
    target = target_on(random_log())
    labels = np.array([0, 0.49, 0.5, 1, np.nan])
    assert target.answers(labels).tolist()[:4] == [0, 0, 1, 1]
    assert np.isnan(target.answers(labels)[4])
    users, scores, no = np.zeros(5, int), np.array([0.1, 0.3, 0.2, 0.4, 9]), np.full(5, np.nan)
    found = target.measures(users, labels, scores, no)
    assert found == {"gauc": 0.75, "auc": 0.75, "xauc": pytest.approx(5 / 6)}


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (log_of([[1]], 2), r"^targets\.t: say which columns tell it, such as watch_time: {play"),
        (
            watch_log([1, np.nan, 3], [5, 5, 5], [False, True, False]),
            r"^targets\.t: no training row has a play time in 'play' and a duration above 0 in 'du",
        ),
        (watch_log([1, 1, 1, 2], [5, 5, 5, 6]), r"^targets\.t: no duration in seconds has three"),
    ],
)
def test_a_log_that_tells_no_levels_is_refused(log: RequestLog, words: str) -> None:
    with pytest.raises(InputError, match=words):
        target_on(log)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 0}, r"^targets\.t\.window: expected a whole number from 1, not 0$"),
        ({"sensitivity": -0.3}, r"^targets\.t\.sensitivity: expected a number from 0, not -0\.3$"),
    ],
)
def test_settings_out_of_range_are_named(settings: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        target_on(random_log(), **settings)
