"""What a ranking stage would have made of everything: slow counts, and arms that send it all."""

from pathlib import Path

import numpy as np
import pytest
from toy_world import small_world

from recbole_poem.world.ab import run_test
from recbole_poem.world.arms import WORDS, CascadeOf, cascade_of
from recbole_poem.world.best_retrieval import expected_of_all
from recbole_poem.world.cascade import Cascade
from recbole_poem.world.comparison import PROBES, compare
from recbole_poem.world.history import NONE
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.makers import everything, own
from recbole_poem.world.probe import EVERY, PROBED, Probe
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World


class Mute:
    """Sends nothing."""

    def candidates(self, asked: Asked) -> np.ndarray:
        return np.full((len(asked.user), 3), NONE)


def looked_at(world: World, cascade: Cascade) -> "tuple[np.ndarray, Lives, Probe]":
    """Let everybody ask once behind four requests, and look."""
    before = Lives(world, np.arange(world.n_users))
    list(before.go(world.usual_retrieval(), Until(requests=4)))
    probe = Probe(world, cascade)
    (served,) = before.twin(cascade.stage).go(probe, Until(requests=1))
    return probe.figures(served), before, probe


def test_figures_of_a_request_are_those_of_a_slow_count() -> None:
    world = small_world(catalogue__turnover=0.2, catalogue__days=3.0)
    cascade = CascadeOf(own)(world)
    found, lives, probe = looked_at(world, cascade)
    everybody = np.arange(world.n_users)
    asked = lives.twin().ask(everybody)
    sent = cascade.retrieval.candidates(asked)
    every = np.tile(np.arange(world.n_items), (world.n_users, 1))
    scores, seconds = cascade.stage.ranker.score(asked, every), expected_of_all(world, asked)
    there = ~asked.taken & world.catalogue.there(every, asked.time[:, None])
    assert not there.all() and probe.names == [*PROBED, *world.objectives]
    for row in range(world.n_users):
        left = [item for item in range(60) if there[row, item]]
        fused = scores[row].mean(axis=1)
        came = set(sent[row]) & set(left)
        order = sorted(left, key=lambda item: -fused[item])
        of_sent = [item for item in order if item in came]
        values = dict(zip(probe.names, found[row]))
        assert values["pass_through"] == len(came & set(order[:12])) / max(len(came), 1)
        assert values["found"] == len(came & set(order[:4])) / 4
        above = fused - fused[left].min()
        lost = above[order[:4]].sum() - above[of_sent[:4]].sum()
        assert values["regret"] == pytest.approx(lost)
        lost = seconds[row, order[:4]].sum() - seconds[row, of_sent[:4]].sum()
        assert values["regret_seconds"] == pytest.approx(lost)
        for column, name in enumerate(world.objectives):
            by_one = sorted(left, key=lambda item: -scores[row, item, column])[:4]
            assert values[name] == len(came & set(by_one)) / 4


@pytest.mark.parametrize("fusion", ["mean", "reciprocal_rank"])
def test_who_sends_everything_regrets_nothing_and_who_sends_nothing_all(fusion: str) -> None:
    world = small_world()
    stage = cascade_of({"retrieval": "own", "score_fusion": fusion}, Path("w"), 9, True, "c")
    cascade = stage(world)
    all_sent, _, _ = looked_at(world, Cascade(everything(world, []), cascade.stage))
    assert (all_sent[:, 2] == 1).all() and (all_sent[:, 3:5] == 0).all()
    assert (all_sent[:, 5:] == 1).all()
    some, _, _ = looked_at(world, cascade)
    nothing, _, _ = looked_at(world, Cascade(Mute(), cascade.stage))
    assert (nothing[:, 1:3] == 0).all() and (some[:, 3] >= 0).all() and some[:, 3].max() > 0
    assert (nothing[:, 3] > some[:, 3]).all()


def test_looking_changes_nothing_and_the_report_has_its_means() -> None:
    world = small_world()
    arms = {"A": WORDS["own"], "B": WORDS["everything"], "best": WORDS["best"]}
    found = run_test(world, arms, 4, 3)
    outcome = found.outcomes["A"]
    lives = Lives(world, np.arange(world.n_users))
    list(lives.go(world.usual_retrieval(), Until(requests=4)))
    watched = sum(s.seconds.sum() for s in lives.twin().go(world.sources(), Until(days=3)))
    assert outcome.by_day("watch_seconds").sum() == pytest.approx(watched, rel=1e-12)
    requests = outcome.by_day("requests").sum(axis=1)
    assert (outcome.probe("probes") == np.ceil(requests / EVERY)).all()
    lines = {line.name: line.found for line in compare(found, "A", "B")}
    for name, figure in PROBES.items():
        mean = outcome.probe(figure).sum() / outcome.probe("probes").sum()
        assert lines[name].a == pytest.approx(mean)
    assert lines["cascade regret, fused score of a list"].b == 0
    assert lines["sent of the best by like, share"].b == 1
    assert "new videos, share of exposures" not in lines  # nothing comes or goes


def test_new_videos_are_counted_where_videos_come_and_go() -> None:
    world = small_world(catalogue__turnover=0.3, catalogue__items=200)
    arms = {"A": WORDS["own"], "B": WORDS["everything"], "best": WORDS["best"]}
    found = run_test(world, arms, 2, 3)
    lives, n_new = Lives(world, np.arange(world.n_users)), 0
    list(lives.go(world.usual_retrieval(), Until(requests=2)))
    for served in lives.twin().go(world.sources(), Until(days=3)):
        for row, time in enumerate(served.time):
            items = served.shown[row, served.seen[row]]
            n_new += sum(time - world.catalogue.arrival[item] < 86_400 for item in items)
    outcome = found.outcomes["A"]
    assert outcome.new.sum() == n_new > 0
    lines = {line.name: line.found for line in compare(found, "A", "B")}
    expected = n_new / outcome.by_day("exposures").sum()
    assert lines["new videos, share of exposures"].a == pytest.approx(expected)
