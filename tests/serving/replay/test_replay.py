"""The replay of a log: it says what the evaluation says of the same rows, and what it alone can."""

from math import log2
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from toy_traffic import SMALL_POEM, SMALL_SASREC, logged_rankings

from recbole_poem.cache.reading import read_rankings
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import CACHE_ITEM, REQUEST_ID
from recbole_poem.fusion.scores.reciprocal_rank import rank_weights
from recbole_poem.serving.replay.play import open_experiment, play
from recbole_poem.serving.replay.plot import figure_of, so_far
from recbole_poem.serving.replay.rankings import LoggedRankings
from recbole_poem.serving.replay.report import report_of, table
from recbole_poem.serving.replay.traffic import last_hours, last_requests
from recbole_poem.serving.stores.store import MemoryStore
from recbole_poem.training.experiment import Experiment
from recbole_poem.training.quick_start import run_recbole_poem

EVERYTHING = 1e6  # hours


def trained(keys: Dict[str, Any], **more: Any) -> str:
    own = SMALL_POEM if more["model"] == "POEM" else SMALL_SASREC
    return str(run_recbole_poem(config_dict={**keys, **own, **more})["model_file"])


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(3, n_users=30, n_items=25, longest=16)
    return write_dataset(log, cand=logged_rankings(log))


@pytest.fixture(params=["item_to_item", "logged", "trends", "none"])
def experiment(keys: Dict[str, Any], request: pytest.FixtureRequest) -> Experiment:
    """A model on which rankings and times weigh as much as histories, or one that reads none."""
    if request.param == "none":
        return open_experiment(trained(keys, model="SASRec", loss_type="CE"))
    if request.param == "trends":
        return poem(
            keys, **{"logit_terms.popularity_trend": {"hours": [0.004, 0.001], "step": 0.002}}
        )
    return poem(keys, ranking_source=request.param)


def poem(keys: Dict[str, Any], **more: Any) -> Experiment:
    experiment = open_experiment(trained(keys, model="POEM", **more))
    torch.manual_seed(0)
    for name, parameter in experiment.model.named_parameters():
        if name.startswith(("logit_terms", "ranking_side.state_fusion")):
            torch.nn.init.normal_(parameter)
    slots = experiment.model.history_encoder.tokens.slots["gap"].weight
    torch.nn.init.normal_(slots[1:])  # the first one is of what is not known
    return experiment


def played(experiment: Experiment, rows: str, hours: float = EVERYTHING) -> pd.DataFrame:
    store = MemoryStore(seconds_to_live=float("inf"))
    return play(experiment, last_hours(experiment, hours, rows), store)


def ranks_one_by_one(experiment: Experiment, rows: List[int]) -> List[int]:
    """Rank the target of each row by what the data set says of it, slowly."""
    ranks = {}
    for loader in (experiment.train_data, experiment.valid_data, experiment.test_data):
        split = loader._dataset
        for place in range(len(split.inter_feat)):
            batch = split[torch.tensor([place])]
            with torch.no_grad():
                scores = experiment.model.eval().full_sort_predict(batch).view(-1)
            scores[0] = -torch.inf
            target = scores[batch["item_id"]]
            ranks[int(batch[REQUEST_ID])] = 1 + int((scores > target).sum())
    return [ranks[row] for row in rows]


@pytest.mark.parametrize("rows", ["test", "all"])
def test_metrics_are_those_of_the_evaluation(experiment: Experiment, rows: str) -> None:
    found = played(experiment, rows)
    ranks = ranks_one_by_one(experiment, found["row"].tolist())
    assert found["rank"].tolist() == [rank if rank <= 5 else 0 for rank in ranks]
    traffic = last_hours(experiment, EVERYTHING, rows)
    overall = report_of(experiment, traffic, found, "F", rows)["overall"]
    for k in (1, 5):
        hits = [rank <= k for rank in ranks]
        gains = [1 / log2(rank + 1) if rank <= k else 0 for rank in ranks]
        assert overall[f"HR@{k}"] == pytest.approx(sum(hits) / len(hits), abs=1e-12)
        assert overall[f"NDCG@{k}"] == pytest.approx(sum(gains) / len(gains), abs=1e-12)
    if rows == "test":
        official = experiment.evaluate("test")
        assert official == {name: round(overall[_ours(name)], 4) for name in official}


def test_rankings_that_the_training_did_not_make_are_made(keys: Dict[str, Any]) -> None:
    """It drew few requests; the rankings of all others are played as well, and are the same."""
    more = {"epochs": 1, "requests_per_window": 1, "MAX_ITEM_LIST_LENGTH": 3}
    found = [
        played(poem(keys, **more, **{"ranking_source.only_read": only}), "all").drop(
            columns="milliseconds"
        )
        for only in (True, False)
    ]
    pd.testing.assert_frame_equal(*found)
    assert found[0]["cache_hit"].sum() > 50


def test_a_reranker_learns_from_row_to_row_as_in_slots_of_one_row(write_dataset: Any) -> None:
    log = random_log(3, n_users=40, n_items=25, longest=16, ties=False)
    eager = {"weight": 1.0, "n_bits": 2, "n_arrays": 9, "pool": 20, "n_shown": 5}
    more = {"rerankers": {"reloop2": {**eager, "slot_hours": 1e-6}}, "metric_decimal_place": 12}
    path = trained(write_dataset(log), model="POEM", **more)
    experiment = open_experiment(path)
    found = played(experiment, "test")
    traffic = last_hours(experiment, EVERYTHING, "test")
    overall = report_of(experiment, traffic, found, "F", "test")["overall"]
    figures = experiment.evaluate("test")
    assert figures == pytest.approx({name: overall[_ours(name)] for name in figures})
    without = open_experiment(path, {"rerankers": "none"}).evaluate("test")
    assert figures["ndcg@5"] != pytest.approx(without["ndcg@5"])


def _ours(name: str) -> str:
    return name.upper().replace("HIT", "HR")


@pytest.mark.parametrize("experiment", ["item_to_item", "logged"], indirect=True)
def test_the_rankings_matter_to_the_ranks_that_are_compared(experiment: Experiment) -> None:
    split = experiment.test_data._dataset
    batch = split[torch.arange(len(split.inter_feat))]
    with torch.no_grad():
        told = experiment.model.eval().full_sort_predict(batch)
        batch[CACHE_ITEM] = torch.zeros_like(batch[CACHE_ITEM])
        assert (told - experiment.model.full_sort_predict(batch)).abs().amax() > 1


@pytest.mark.parametrize("experiment", ["item_to_item", "logged"], indirect=True)
def test_what_is_read_is_what_the_data_set_reads(experiment: Experiment) -> None:
    """A store that writes down what was read from it, against the cache at lag 1."""
    read: List[Any] = []

    class Told(MemoryStore):
        def read(self, user: str) -> Any:
            read.append(super().read(user))
            return read[-1]

    whole = last_hours(experiment, EVERYTHING, "all")
    moment = np.sort(experiment.dataset.log.time)[len(whole.rows) // 3]
    late = last_hours(experiment, (whole.end - moment) / 3600, "all")
    dataset = experiment.test_data._dataset
    for traffic in (whole, late):
        read.clear()
        play(experiment, traffic, Told())
        items, scores, _ = read_rankings(dataset.cache, dataset.log, traffic.rows, lag=1)
        for ranking, item, score in zip(read, items, scores):
            tokens = [] if ranking is None else list(ranking.items)
            assert tokens == [str(t) for t in dataset.id2token("item_id", item[item > 0])]
            if tokens:
                np.testing.assert_array_equal(ranking.scores, score[item > 0])
    assert any(ranking is not None and ranking.items for ranking in read)


def test_pass_through_compares_with_the_best_of_the_new_ranking(keys: Dict[str, Any]) -> None:
    experiment = poem(keys, ranking_source="logged")
    found = played(experiment, "test").set_index("row")
    split = experiment.test_data._dataset
    checked = 0
    for place in range(len(split.inter_feat)):
        batch = split[torch.tensor([place])]
        row = int(batch[REQUEST_ID])
        whole = split.cache.read(np.array([row]))
        items, scores = torch.from_numpy(whole.items), torch.from_numpy(whole.scores)
        left = read_rankings(split.cache, split.log, np.array([row]), lag=0).items
        if not left.any():  # all was consumed since
            assert np.isnan(found.loc[row, "pass_through@5"])
            continue
        weights = torch.full((scores.shape[-1],), 1 / scores.shape[-1])
        fused = rank_weights(scores, items > 0, 0, 1) @ weights
        fused = fused.masked_fill(items == 0, -1)
        order = fused[0].argsort(descending=True, stable=True)
        ranked = [item for item in items[0][order].tolist() if item and item in left][:5]
        with torch.no_grad():
            own = experiment.model.full_sort_predict(batch)[0]
        own[0] = -torch.inf
        kept = len(set(own.topk(5).indices.tolist()) & set(ranked)) / 5
        assert found.loc[row, "pass_through@5"] == pytest.approx(kept)
        checked += 1
    assert checked > 5


def test_overlap_is_of_the_best_by_each_objective_alone(keys: Dict[str, Any]) -> None:
    experiment = poem(keys, ranking_source="logged")
    asked = played(experiment, "test")
    found = asked.set_index("row")
    split, checked = experiment.test_data._dataset, 0
    names = split.cache.objectives
    assert {f"overlap@5:{name}" for name in names} <= set(found) and len(names) > 1
    for place in range(len(split.inter_feat)):
        batch = split[torch.tensor([place])]
        row = int(batch[REQUEST_ID])
        left = read_rankings(split.cache, split.log, np.array([row]), lag=0)
        there = left.items[0] > 0
        with torch.no_grad():
            own = experiment.model.full_sort_predict(batch)[0]
        own[0] = -torch.inf
        answer = set(own.topk(5).indices.tolist())
        for column, name in enumerate(names):
            if not there.any():
                assert np.isnan(found.loc[row, f"overlap@5:{name}"])
                continue
            by_score = zip(-left.scores[0, there, column], range(there.sum()), left.items[0, there])
            best = [item for _, _, item in sorted(by_score)][:5]
            share = len(answer & set(best)) / len(best)
            assert found.loc[row, f"overlap@5:{name}"] == pytest.approx(share)
            checked += share > 0
    assert checked > 5
    report = report_of(experiment, last_hours(experiment, EVERYTHING, "test"), asked, "F", "test")
    mean = found[f"overlap@5:{names[0]}"].mean()
    assert report["overall"][f"overlap@5:{names[0]}"] == pytest.approx(mean)
    assert f"overlap@5: {names[0]} {mean:.4f}, {names[1]}" in table(report)


def test_without_a_cache_there_are_no_hits_and_nothing_to_pass(keys: Dict[str, Any]) -> None:
    experiment = open_experiment(trained(keys, model="SASRec", loss_type="CE"))
    found = played(experiment, "test")
    assert not found["cache_hit"].any()
    report = report_of(experiment, last_hours(experiment, EVERYTHING, "test"), found, "F", "test")
    assert report["overall"]["pass_through@5"] is None
    assert report["overall"]["cache_hit_share"] == 0
    assert "\u2013" in table(report)


def test_seen_items_are_masked_as_asked_a_seen_target_as_well(keys: Dict[str, Any]) -> None:
    path = trained(keys, model="SASRec", loss_type="CE")
    found = played(open_experiment(path, {"mask_seen": True}), "test").set_index("row")
    split = open_experiment(path).test_data._dataset
    model, n_repeats = open_experiment(path).model.eval(), 0
    for place in range(len(split.inter_feat)):
        batch = split[torch.tensor([place])]
        row, target = int(batch[REQUEST_ID]), int(batch["item_id"])
        seen = split.log.item[split.log.first[row] : row]
        with torch.no_grad():
            scores = model.full_sort_predict(batch)[0]
        scores[[0, *seen]] = -torch.inf
        rank = 1 + int((scores > scores[target]).sum())
        assert found.loc[row, "rank"] == (rank if rank <= 5 and target not in seen else 0)
        n_repeats += target in seen
    assert 0 < n_repeats < len(found)


def test_rows_are_those_of_the_hours_and_the_splits(keys: Dict[str, Any]) -> None:
    experiment = open_experiment(trained(keys, model="SASRec", loss_type="CE"))
    log = experiment.train_data._dataset.log
    end = log.time.max()
    for seconds in (3, 15):
        traffic = last_hours(experiment, seconds / 3600, "all")
        assert sorted(traffic.rows) == np.flatnonzero(log.time >= end - seconds).tolist()
        assert (np.diff(log.time[traffic.rows]) >= 0).all()
        for user in np.unique(log.user[traffic.rows]):
            assert (np.diff(traffic.rows[log.user[traffic.rows] == user]) > 0).all()
        assert (traffic.asked == (log.position[traffic.rows] > 0)).all()
        held_out = last_hours(experiment, seconds / 3600, "held_out")
        expected = ~log.training[traffic.rows] & (log.position[traffic.rows] > 0)
        assert (held_out.asked == expected).all()


def test_the_report_counts_what_the_training_knew(keys: Dict[str, Any]) -> None:
    experiment = open_experiment(trained(keys, model="SASRec", loss_type="CE"))
    log = experiment.train_data._dataset.log
    for rows in ("test", "all"):
        found, traffic = played(experiment, rows), last_hours(experiment, EVERYTHING, rows)
        report = report_of(experiment, traffic, found, "F", rows)
        asked = log.training & (log.position > 0) if rows == "all" else np.zeros(len(log), bool)
        assert report["asked_in_training"] == asked.sum()
        assert report["training_rows"] == log.training.sum()
        assert f"{asked.sum()} of the requests asked, and {log.training.sum()} of" in table(report)


def test_minutes_add_up_to_the_whole(keys: Dict[str, Any]) -> None:
    keys = {**keys, "time_unit": "ms"}
    experiment = open_experiment(trained(keys, model="SASRec", loss_type="CE"))
    times = [119_999, 120_000, 150_000, 179_999, 300_000]
    found = pd.DataFrame(
        {
            "row": [1, 2, 3, 4, 5],
            "time": [float(t) for t in times],
            "rank": [1, 0, 2, 5, 4],
            "cache_hit": [False, True, True, False, True],
            "milliseconds": [1.0, 2.0, 3.0, 4.0, 10.0],
            "pass_through@1": [1.0, 0.0, 0.0, 1.0, 0.0],
            "pass_through@5": [np.nan, 0.2, 0.4, np.nan, np.nan],
        }
    )
    traffic = last_hours(experiment, EVERYTHING, "all")
    report = report_of(experiment, traffic, found, "F", "all")
    assert [minute["minute"][:16] for minute in report["minutes"]] == [
        "1970-01-01 00:01",
        "1970-01-01 00:02",
        "1970-01-01 00:05",
    ]
    assert [minute["requests"] for minute in report["minutes"]] == [1, 3, 1]
    second = report["minutes"][1]
    assert second["HR@5"] == pytest.approx(2 / 3)
    assert second["HR@1"] == 0
    assert second["NDCG@5"] == pytest.approx((1 / log2(3) + 1 / log2(6)) / 3)
    assert second["cache_hit_share"] == pytest.approx(2 / 3)
    assert second["pass_through@5"] == pytest.approx(0.3)
    assert report["minutes"][0]["pass_through@5"] is None
    assert report["overall"]["p50_ms"] == 3
    assert report["overall"]["p99_ms"] == pytest.approx(np.percentile([1, 2, 3, 4, 10], 99))
    drawn = {trace.name: trace for trace in figure_of(report).data}
    assert list(drawn["hit rate, so far"].y) == pytest.approx([1, 3 / 4, 4 / 5])
    assert list(drawn["requests"].y) == [1, 3, 1]


def test_minutes_without_a_value_leave_the_mean_so_far_alone() -> None:
    minutes = [{"requests": n} for n in (2, 1, 3, 5)]
    assert so_far([None, 0.5, 1.0, None], minutes) == [None, 0.5, 0.875, 0.875]


def test_a_request_of_several_rows_is_complete_at_its_last(keys: Dict[str, Any]) -> None:
    dataset = poem(keys, ranking_source="logged").test_data._dataset
    rankings = LoggedRankings(
        dataset.cache, dataset.log, np.arange(dataset.item_num).astype(object)
    )
    start = dataset.cache.request_start
    complete = [rankings.is_complete(row) for row in range(len(start))]
    assert sum(complete) == len(np.unique(start)) < len(start)
    assert all(start[row + 1] == row + 1 for row, is_last in enumerate(complete[:-1]) if is_last)


def test_what_cannot_be_replayed_is_named(keys: Dict[str, Any], tmp_path: Path) -> None:
    path = trained(keys, model="POEM", request_lag=2)
    with pytest.raises(
        InputError, match=r"request_lag is 2, and a store holds .* previous request"
    ):
        open_experiment(path)
    experiment = open_experiment(path, {"request_lag": 1})
    for hours in (0, -1, float("nan")):
        with pytest.raises(InputError, match="last_hours: expected a number above 0, not"):
            last_hours(experiment, hours, "all")
    experiment.test_data._dataset.inter_feat = experiment.test_data._dataset.inter_feat[:0]
    with pytest.raises(InputError, match=r"last_hours: none of the .* is one of --rows=test"):
        last_hours(experiment, 1, "test")


def test_as_many_of_the_last_requests_are_asked_as_are_wanted(keys: Dict[str, Any]) -> None:
    experiment = open_experiment(trained(keys, model="SASRec", loss_type="CE"))
    every = last_hours(experiment, EVERYTHING, "held_out")
    time = experiment.dataset.log.time
    for number in (1, 9, 20):
        traffic = last_requests(experiment, number, "held_out")
        asked = traffic.rows[traffic.asked]
        late = time[asked] > traffic.begin
        assert late.sum() < number <= len(asked)  # those of one moment come together
        np.testing.assert_array_equal(asked, every.rows[every.asked][-len(asked) :])
        np.testing.assert_array_equal(traffic.rows, every.rows[time[every.rows] >= traffic.begin])
        assert traffic.end == every.end
    everybody = last_requests(experiment, 10**9, "test")
    assert everybody.asked.sum() == len(experiment.test_data._dataset)
    with pytest.raises(InputError, match="last_requests: expected a whole number from 1, not 0"):
        last_requests(experiment, 0, "test")
    with pytest.raises(InputError, match="Pop is not sequential"):
        open_experiment(trained(keys, model="Pop"))
