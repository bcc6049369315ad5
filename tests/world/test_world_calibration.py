"""Fitting a world to a log, and the calibration that the defaults are."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from toy_world import small_world

from recbole_poem.core.errors import InputError
from recbole_poem.world.calibration import calibrate, spread_of_rate
from recbole_poem.world.chance import Chance
from recbole_poem.world.fitting import fit
from recbole_poem.world.life import usual_life
from recbole_poem.world.reactions import ReactionSettings, watch_seconds
from recbole_poem.world.settings import world_settings
from recbole_poem.world.watch_log import Columns, WatchLog, read_watch_log
from recbole_poem.world.world import World

#: shares and seconds of KuaiRand-Pure, by `recbole-poem simulate calibrate`
KUAIRAND_PURE = {"click": 0.438, "long_view": 0.318, "complete": 0.142, "skipped": 0.405}
MEDIAN, MEAN, LATE = 4.9, 22.1, 64.2


def log_of(world: World, requests: int = 10) -> "tuple[np.ndarray, WatchLog]":
    """Let everybody live, and return the utilities of what was seen, and the log."""
    life = usual_life(world, requests, np.arange(world.n_users))
    duration = world.catalogue.duration[life.item]
    return life.utility, WatchLog(life.user, life.item, life.seconds, duration, life.reactions)


def test_the_default_world_has_the_rates_of_kuairand_pure() -> None:
    _, log = log_of(World(world_settings({"people.users": 100})), requests=30)
    found = {
        "click": (log.seconds >= np.minimum(log.duration, 7)).mean(),
        "long_view": log.long_view.mean(),
        "complete": (log.seconds >= log.duration).mean(),
        "skipped": (log.seconds < np.minimum(log.duration, 3)).mean(),
    }
    assert found == pytest.approx(KUAIRAND_PURE, abs=0.04)
    seconds = [np.median(log.seconds), log.seconds.mean(), np.quantile(log.seconds, 0.9)]
    assert seconds == pytest.approx([MEDIAN, MEAN, LATE], rel=0.15)
    assert spread_of_rate(log.user, log.long_view) == pytest.approx(0.159, abs=0.04)


def test_a_fit_finds_what_a_log_was_drawn_with() -> None:
    true = ReactionSettings(
        caught=-1.0, log_seconds=2.2, log_seconds_by_duration=0.4, skip_seconds=1.2, again=0.2
    )
    rng, n = np.random.default_rng(0), 60_000
    utility, duration = rng.normal(1.5, 1.0, (n, 1)), np.exp(rng.normal(4, 1, (n, 1)))
    user, item = np.arange(n), np.zeros((n, 1), dtype=int)
    seconds = watch_seconds(true, Chance(0), user, 0 * user, item, utility, duration)
    log = WatchLog(user, item[:, 0], seconds[:, 0], duration[:, 0], {})
    found = fit(log, utility[:, 0], ReactionSettings())
    assert found.caught == pytest.approx(-1.0, abs=0.05)
    assert found.log_seconds == pytest.approx(2.2, abs=0.3)
    assert found.log_seconds_by_duration == pytest.approx(0.4, abs=0.06)
    assert found.skip_seconds == pytest.approx(1.2, abs=0.05)
    assert found.again == pytest.approx(0.2, abs=0.03)
    assert found.caught_by_utility == ReactionSettings().caught_by_utility  # kept


def test_who_skips_a_short_video_behind_its_end_does_not_watch_on() -> None:
    true = ReactionSettings(again=0.6)
    rng, n = np.random.default_rng(0), 60_000
    utility, duration = rng.normal(0.0, 1.0, (n, 1)), np.exp(rng.normal(2.3, 0.5, (n, 1)))
    user, item = np.arange(n), np.zeros((n, 1), dtype=int)
    seconds = watch_seconds(true, Chance(0), user, 0 * user, item, utility, duration)
    at_end = seconds >= duration
    assert (seconds >= 1.1 * duration)[at_end].mean() < 0.3  # with all of them caught, 0.54
    log = WatchLog(user, item[:, 0], seconds[:, 0], duration[:, 0], {})
    assert fit(log, utility[:, 0], ReactionSettings()).again == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("always", [False, True])
def test_what_happens_never_or_always_can_be_fitted(always: bool) -> None:
    utility, log = log_of(small_world())
    log = log._replace(others={"like": np.full(len(log.seconds), always)})
    weights = fit(log, utility, ReactionSettings()).others["like"]
    odds = [weights["base"] + on * weights["long_view"] for on in (0, 1)]
    assert all((value > 8) if always else (value < -8) for value in odds)


def test_a_calibration_says_what_does_not_fit() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    user, duration = rng.integers(0, 200, n), np.exp(rng.normal(3.5, 0.8, n))
    taste = rng.normal(size=200)[user]
    seconds = np.where(rng.random(n) < 1 / (1 + np.exp(-taste)), duration, 1.5)
    likes = rng.random(n) < 0.02
    log = WatchLog(user, rng.integers(0, 50, n), seconds, duration, {"like": likes})
    found = calibrate(log, small_world(people__users=100).settings, requests=4, rounds=1)
    overall = {each.name: each for each in found.overall}
    assert overall["click"].log == pytest.approx((seconds >= np.minimum(duration, 7)).mean())
    assert overall["like, of long views"].simulated == pytest.approx(0.02, abs=0.02)
    assert "length 60 to 180 s: watched to the end" in [each.name for each in found.misfits]
    assert found.dials["catalogue"]["log_duration"] == pytest.approx(3.5, abs=0.05)
    again = world_settings(found.dials)
    assert again.reactions == found.settings.reactions
    assert dataclasses.asdict(again.people)["activity"] == found.settings.people.activity


def test_few_rows_are_no_log() -> None:
    few = WatchLog(*(np.zeros(10, dtype=int),) * 2, *(np.ones(10),) * 2, {})
    with pytest.raises(InputError, match="a calibration needs 1,000 exposures; the log has 10"):
        fit(few, np.ones(10), ReactionSettings())


def test_a_spread_is_free_of_what_chance_makes_of_it() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(2000), 40)
    for true in (0.0, 0.1):
        rate = np.clip(0.4 + true * rng.normal(size=2000), 0, 1)[group]
        found = spread_of_rate(group, rng.random(len(group)) < rate)
        assert found == pytest.approx(true, abs=0.02)
    assert np.isnan(spread_of_rate(np.arange(5), np.ones(5, dtype=bool)))


HEAD = "user_id:token\tvideo_id:token\tplay_time_ms:float\tduration_ms:float\tis_like:float\n"


def test_a_log_is_read_and_what_is_missing_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.inter"
    rows = ["a\tx\t7000\t10000\t1", "b\tx\t\t10000\t0", "a\ty\t500\t0\t0", "a\ty\t500\t\t0",
            "b\ty\t18000\t60000\t", "\tx\t7000\t10000\t0", "a\t\t\t\t0"]  # fmt: skip
    path.write_text(HEAD + "\n".join(rows) + "\n")
    log, skipped = read_watch_log(path, Columns(), ["like", "comment"])
    assert skipped == {
        "without a user or a video": 2, "without a watch time": 1, "without a length above 0": 2,
    }  # fmt: skip
    assert log.seconds.tolist() == [7, 18] and log.duration.tolist() == [10, 60]
    assert log.user.tolist() == [0, 1] and log.item.tolist() == [0, 1]
    assert {name: of.tolist() for name, of in log.others.items()} == {"like": [True, False]}
    assert log.long_view.tolist() == [False, True]


def test_a_log_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.inter"
    path.write_text(HEAD + "a\tx\t1\t2\t0\na\tx\t-1\t2\t0\n")
    with pytest.raises(InputError, match="line 3: column 'play_time_ms' is below 0"):
        read_watch_log(path, Columns(), [])
    with pytest.raises(
        InputError, match="there is no column 'play_time'; the nearest is 'play_time_ms'"
    ):
        read_watch_log(path, Columns(play="play_time"), [])
    path.write_text(HEAD.replace("play_time_ms:float", "play_time_ms:token") + "a\tx\t1\t2\t0\n")
    with pytest.raises(InputError, match="column 'play_time_ms' holds no numbers; declare it"):
        read_watch_log(path, Columns(), [])
