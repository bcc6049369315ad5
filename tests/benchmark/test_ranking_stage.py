"""What lists pass on to a ranking stage: known answers, a replay's own count, and whole runs."""

import json
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from conftest import random_log

from recbole_poem.benchmark import ranking_stage, run
from recbole_poem.benchmark.plan import Job, make_plan
from recbole_poem.benchmark.plan import test_jobs as jobs_of
from recbole_poem.benchmark.ranking_stage import figures_of, with_ranking_stage
from recbole_poem.benchmark.stored_ranks import read_ranks
from recbole_poem.cache.rankings import Rankings
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.replay.play import _by_objective, _kept

B, N, M, N_ITEMS = 30, 9, 2, 25
OBJECTIVES = ("click", "like")
KS = [3, 6, N_ITEMS]


def drawn(seed: int) -> "tuple[Rankings, np.ndarray]":
    """Draw rankings, best first, whose fused score is the first objective."""
    rng = np.random.default_rng(seed)
    items = rng.random((B, N_ITEMS)).argsort(axis=1)[:, :N] + 1
    items[:, N - 2 :] *= rng.random((B, 2)) < 0.7
    scores = rng.random((B, N, M)).astype(np.float32)
    order = np.argsort(-np.where(items > 0, scores[..., 0], -np.inf), axis=1)
    items = np.take_along_axis(items, order, axis=1)
    scores = np.take_along_axis(scores, order[..., None], axis=1)
    return Rankings(items, scores), scores[..., 0]


def lists_of(seed: int, length: int = N_ITEMS) -> np.ndarray:
    order = np.random.default_rng(seed).random((B, N_ITEMS)).argsort(axis=1) + 1
    return order[:, :length]


def test_who_sends_everything_passes_all_on_and_regrets_nothing() -> None:
    rankings, fused = drawn(0)
    found = figures_of(rankings, fused, lists_of(1), OBJECTIVES, KS)
    for name in ("overlap@25", "overlap@25:click", "overlap@25:like"):
        assert (found[name] == 1).all()
    assert (found["regret@25"] == 0).all()


def test_who_sends_nothing_known_passes_nothing_on_and_regrets_all() -> None:
    rankings, fused = drawn(0)
    found = figures_of(rankings, fused, np.full((B, 6), -1), OBJECTIVES, [3, 6])
    assert {name: set(of) for name, of in found.items()} == {
        name: {1.0 if name.startswith("regret") else 0.0} for name in found
    }


def test_who_sends_the_best_by_one_objective_passes_these_on() -> None:
    rankings, fused = drawn(2)
    by_like = np.where(rankings.items > 0, -rankings.scores[..., 1], np.inf).argsort(axis=1)
    lists = np.take_along_axis(rankings.items, by_like, axis=1)
    found = figures_of(rankings, fused, np.where(lists > 0, lists, -1), OBJECTIVES, [3, 6])
    assert (found["overlap@3:like"] == 1).all() and (found["overlap@6:like"] == 1).all()
    assert 0.2 < found["overlap@3:click"].mean() < 0.7
    assert (found["regret@6"] <= found["regret@3"]).all() and found["regret@6"].max() > 0


def test_overlaps_are_those_of_a_replay() -> None:
    rankings, fused = drawn(3)
    lists = lists_of(4, 6)
    found = figures_of(rankings, fused, lists, OBJECTIVES, [3, 6])
    for row in range(B):
        there = rankings.items[row] > 0
        tokens = tuple(map(str, rankings.items[row][there]))
        sent = Ranking(tokens, OBJECTIVES, rankings.scores[row][there])
        answer = list(map(str, lists[row]))
        for k in (3, 6):
            assert found[f"overlap@{k}"][row] == _kept(list(tokens[:k]), answer[:k])
            for name, best in _by_objective(sent).items():
                assert found[f"overlap@{k}:{name}"][row] == _kept(best[:k], answer[:k])


def test_regret_is_that_of_a_slow_count() -> None:
    rankings, fused = drawn(5)
    lists = lists_of(6, 6)
    found = figures_of(rankings, fused, lists, OBJECTIVES, [3, 6])
    for row in range(B):
        there = {i: s for i, s in zip(rankings.items[row].tolist(), fused[row].tolist()) if i}
        worth = {item: score - min(there.values()) for item, score in there.items()}
        best = sum(sorted(worth.values(), reverse=True)[:3])
        for k in (3, 6):
            kept = sorted((worth.get(int(i), 0.0) for i in lists[row, :k]), reverse=True)[:3]
            assert found[f"regret@{k}"][row] == pytest.approx(1 - sum(kept) / best, abs=1e-6)


def test_a_request_without_candidates_says_nothing() -> None:
    rankings, fused = drawn(7)
    rankings.items[4] = 0
    found = figures_of(rankings, fused, lists_of(8), OBJECTIVES, KS)
    assert all(np.isnan(of).tolist() == [row == 4 for row in range(B)] for of in found.values())


def asked(*rows: Any, **keys: Any) -> List[Job]:
    return with_ranking_stage(jobs_of(make_plan(rows, ["ml-100k"], seeds=2, keys=keys), {}))


def test_the_first_row_that_reads_rankings_judges_all_of_its_seed() -> None:
    blind = {"row": "blind", "model": "POEM", "keys": {"ranking_reader": "none"}}
    reads = {"row": "reads", "model": "POEM", "keys": {"hidden_size": 8}}
    jobs = asked("SASRec", blind, reads, "Upstream")
    assert [job.rankings["row"] for job in jobs if job.rankings] == ["reads"] * 8
    assert jobs[0].rankings == {"row": "reads", "model": "POEM", "given": jobs[2].given}


def test_without_rankings_nobody_judges_and_no_id_changes() -> None:
    assert [job.rankings for job in asked("SASRec", "Pop")] == [None] * 4
    plan = make_plan(["SASRec", "POEM"], ["ml-100k"])
    assert [job.id for job in asked("SASRec", "POEM")][:2] == [job.id for job in jobs_of(plan, {})]
    assert jobs_of(make_plan(["SASRec"], ["ml-100k"]), {})[0].id == "ml-100k-SASRec-2020-9096576a"


@pytest.fixture
def given(write_dataset: Any) -> Dict[str, Any]:
    keys = write_dataset(random_log(1, n_users=30))
    small = {"ranking_source.n_candidates": 5, "hidden_size": 8, "inner_size": 8}
    return {**keys, **small, "epochs": 1, "topk": [2, 5], "valid_metric": "NDCG@5"}


def job(model: str, given: Dict[str, Any], judge: str = "Upstream") -> Job:
    keys = {key: value for key, value in given.items() if key != "dataset"}
    rankings = {"row": "the judge", "model": judge, "given": keys}
    return Job("r", model, given["dataset"], 7, "test", keys, [], 60.0, rankings)


@pytest.mark.parametrize("model", ["GRU4Rec", "BPR", "Pop"])
def test_a_row_without_rankings_is_judged_by_those_of_another(
    given: Dict[str, Any], tmp_path: Path, model: str
) -> None:
    record = run.run(job(model, given), tmp_path / "runs" / "a")
    judged = json.loads(json.dumps(record["ranking_stage"], allow_nan=False))
    assert judged["row"] == "the judge"
    for protocol in ("masked", "recbole"):
        figures = judged[protocol]["test"]
        assert figures["requests"] == len(read_ranks(tmp_path / "runs" / "a").user)
        assert all(0 <= value <= 1 for name, value in figures.items() if name != "requests")
        assert figures["regret@5"] <= figures["regret@2"]


def test_the_judge_itself_passes_on_what_it_likes_best(
    given: Dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At lag 0 its lists are the ranking of the request itself."""
    opened: List[Any] = []
    request_cache = ranking_stage.request_cache

    def watched(*arguments: Any) -> Any:
        opened.append(request_cache(*arguments))
        return opened[-1]

    monkeypatch.setattr(ranking_stage, "request_cache", watched)
    now = {**given, "request_lag": 0}
    figures = run.run(job("Upstream", now), tmp_path / "runs" / "a")["ranking_stage"]
    assert not opened[0].was_built  # the run had made it
    assert figures["recbole"]["test"]["overlap@5"] == 1
    assert figures["recbole"]["test"]["regret@5"] == 0
    before = run.run(job("Upstream", given), tmp_path / "runs" / "b")["ranking_stage"]
    assert before["recbole"]["test"]["overlap@5"] < 1


def test_a_judge_that_is_refused_breaks_no_run(
    given: Dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = job("GRU4Rec", given)
    assert one.rankings is not None
    broken = {**one.rankings["given"], "ranking_source": "logged"}
    record = run.run(one._replace(rankings={**one.rankings, "given": broken}), tmp_path)
    assert record["ranking_stage"] is None
    assert record["metrics"]["masked"]["test"]
