"""A test of two arms: twins that differ by nothing, a ceiling above the sources, a report."""

import json
from pathlib import Path
from typing import Sequence

import numpy as np
import pytest
from toy_world import life_in, small_world

from recbole_poem.core.errors import InputError
from recbole_poem.world.ab import run_test
from recbole_poem.world.ab_report import cells, verdict, write_report
from recbole_poem.world.arms import WORDS, CascadeOf, arm_of
from recbole_poem.world.comparison import compare, curves
from recbole_poem.world.dataset import write_dataset
from recbole_poem.world.duel import duel, read_world
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.retrieval import Beside, Everything
from recbole_poem.world.world import World


def twins(world: World, objectives: Sequence[str]) -> Beside:
    """Put all videos beside the sources: the first had sent whatever is shown."""
    return Beside(Everything(world.n_items), world.sources())


def test_an_arm_against_itself_differs_by_exactly_nothing() -> None:
    world = small_world()
    arms = {"A": WORDS["own"], "B": WORDS["own"], "best": WORDS["best"]}
    tested = run_test(world, arms, before=4, days=3)
    lines = {line.name: line.found for line in compare(tested, "A", "B")}
    for name, found in lines.items():
        if "CUPED" not in name:
            assert found.difference == 0, name
            assert found.low != found.low or found.low == found.high == 0, name
    assert np.abs(curves(tested, "A", "B").so_far).max() == 0


def test_the_ceiling_is_above_the_sources_and_regrets_nothing() -> None:
    world = small_world(people__users=200, catalogue__items=400)
    arms = {"A": WORDS["own"], "best": WORDS["best"]}
    tested = run_test(world, arms, before=3, days=2)
    lines = {line.name: line.found for line in compare(tested, "A", "best")}
    watched = lines["watch time, s per user and day"]
    assert watched.low > 0
    regret = lines["regret to best, s per user and day"]
    assert (regret.a, regret.b) == (pytest.approx(watched.difference), 0)
    assert lines["pass-through, share of exposures sent by the arm"][:2] == (1, 1)
    assert "back on day 7" not in lines and "back on day 1" in lines


def test_metrics_are_those_of_a_slow_count() -> None:
    world = small_world()
    tested = run_test(
        world, {"A": WORDS["own"], "B": CascadeOf(twins), "best": WORDS["best"]}, 2, 7
    )
    one = tested.outcomes["A"]
    lines = {line.name: line.found for line in compare(tested, "A", "B")}
    exposures, sessions = one.by_day("exposures").sum(), one.by_day("sessions").sum()
    assert lines["exposures per session"].a == pytest.approx(exposures / sessions)
    requests = one.by_day("requests").sum()
    assert lines["requests until leaving"].a == pytest.approx(requests / sessions) and requests > 0
    assert lines["watch time, s per user and day"].a == pytest.approx(
        one.by_day("watch_seconds").sum() / (40 * 7)
    )
    assert lines["requests per user and day"].a == pytest.approx(
        one.by_day("requests").sum() / (40 * 7)
    )
    assert lines["pass-through, share of exposures sent by the arm"].b == 1
    assert lines["coverage, share of videos shown"].a == (one.shown > 0).mean()
    assert one.shown.sum() == exposures == one.categories.sum()
    share = one.categories / one.categories.sum(axis=1, keepdims=True)
    bits = [-sum(p * np.log2(p) for p in row if p > 0) for row in share]
    assert lines["category entropy, bits"].a == pytest.approx(np.mean(bits))
    assert lines["back on day 7"].a == one.back.mean()
    assert lines["back on day 1"].a == (one.by_day("requests")[:, 1] > 0).mean()


def test_what_was_watched_on_a_day_before_is_that_of_the_log() -> None:
    world = small_world()
    life = life_in(world, 5)
    lives = Lives(world, np.arange(40))
    start = lives.clock.copy()
    list(lives.go(world.usual_retrieval(), Until(requests=5)))
    days = np.maximum((lives.clock - start) / 86_400, 1)
    assert days.min() == 1 < days.max()
    watched = np.bincount(life.user, life.seconds, minlength=40)
    found = run_test(world, {"A": WORDS["own"]}, before=5, days=1)
    assert found.before == pytest.approx(watched / days)


def test_the_day_behind_the_last_is_that_of_a_longer_test() -> None:
    world, arms = small_world(), {"A": WORDS["own"]}
    short, long = (run_test(world, arms, 2, days).outcomes["A"] for days in (3, 4))
    assert np.array_equal(short.counts, long.counts[:, :3])
    assert np.array_equal(short.asked_on(3), long.asked_on(3))


def test_a_duel_reads_the_world_of_a_data_set_and_reports(tmp_path: Path) -> None:
    data = tmp_path / "w"
    write_dataset(small_world(), 4, data, show_progress=False)
    report = duel(data, "own", "everything", days=2, n_candidates=10, alone=False)
    write_report(tmp_path / "ab", report)
    page = (tmp_path / "ab" / "report.html").read_text(encoding="utf-8")
    assert "<script src" not in page and "fair ceiling" in page and verdict(report) in page
    record = json.loads((tmp_path / "ab" / "result.json").read_text())
    assert set(record["watch_seconds_by_day"]) == {"own", "everything", "best"}
    assert record["metrics"]["coverage, share of videos shown"]["low"] is None
    assert record["shares"]["A"] == 0
    assert cells(report.lines[0])[0] == "watch time, s per user and day"


def test_where_everything_has_been_shown_a_test_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "w"
    world = small_world(catalogue__items=14, clock__leaving=-20.0)  # everybody stays to the end
    write_dataset(world, 5, data, show_progress=False)
    report = duel(data, "own", "everything", days=2, n_candidates=10, alone=False)
    assert verdict(report) == (
        "Nobody was shown anything in the test: all that A and B found had been shown before or "
        "was gone; give the world more videos (simulate data --items)."
    )
    assert "at the end a user had seen 100 % of all videos" in caplog.text
    write_report(tmp_path / "ab", report)  # shares of no exposures are NaN, which JSON has not
    written = (tmp_path / "ab" / "result.json").read_text()
    shares = json.loads(written)["metrics"]["pass-through, share of exposures sent by the arm"]
    assert set(shares.values()) == {None} and "NaN" not in written
    # who is shown the same for another reason is told so
    write_dataset(small_world(), 2, tmp_path / "v", show_progress=False)
    other = duel(tmp_path / "v", "own", "own", 1, 10, False)
    assert verdict(other).startswith("B (own) has the same watch time as A (own): +0.00 s")


def test_too_few_users_for_two_halves_are_refused(tmp_path: Path) -> None:
    write_dataset(small_world(people__users=3), 2, tmp_path / "w", show_progress=False)
    with pytest.raises(InputError, match=r"has 3 users, and a test compares two halves of at"):
        duel(tmp_path / "w", "own", "best", 1, 10, False)


def test_a_world_is_read_as_it_was_written(tmp_path: Path) -> None:
    world = small_world(ranking_stage__knowledge=0.25, seed=5)
    write_dataset(world, 3, tmp_path / "w", show_progress=False)
    found, requests = read_world(tmp_path / "w")
    assert (found.settings, requests) == (world.settings, 3)
    with pytest.raises(InputError, match=r"--data: there is no .*oracle.json; give a folder that"):
        read_world(tmp_path)
    (tmp_path / "oracle.json").write_text("[]")
    with pytest.raises(InputError, match=r"oracle.json cannot be read as a world .* give a folder"):
        read_world(tmp_path)


def test_what_is_no_arm_is_refused() -> None:
    words = "'ow' is neither the file of a checkpoint or cascade nor one of the arms own, every"
    with pytest.raises(InputError, match=words):
        arm_of("ow", Path("data"), 10, alone=False)
