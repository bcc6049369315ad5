"""Training batches: targets once each, requests that know the past, negatives that are none."""

from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from toy_caches import padded

from recbole_poem.core.fields import (
    BATCH_NUMBER,
    CACHE_ITEM,
    CACHE_SCORE,
    DRAW_ID,
    HARD_NEGATIVE,
    REQUEST_ID,
    REQUEST_POSITION,
    SAMPLED_NEGATIVE,
    SYSTEM_POSITIVE,
    TARGET_ID,
)
from recbole_poem.data.negatives.graph import GraphNegatives
from recbole_poem.log.requests import RequestLog
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble

SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "train_batch_size": 24,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "requests_per_window": 3,
    "hidden_size": 8,
    "inner_size": 8,
}


@pytest.fixture
def experiment(write_dataset: Any) -> Experiment:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    return assemble(Config(config_dict={**write_dataset(log), **SMALL}))


def log_of(experiment: Experiment) -> RequestLog:
    return experiment.train_data._dataset.log


def test_every_training_row_is_a_target_exactly_once_an_epoch(experiment: Experiment) -> None:
    rows = experiment.train_data._dataset.inter_feat
    wanted = sorted(zip(rows["user_id"].tolist(), rows["item_id"].tolist()))
    for epoch in (0, 1, 7):
        experiment.train_data.set_epoch(epoch)
        found = []
        for batch in experiment.train_data:
            user = batch["user_id"].unsqueeze(1).expand_as(batch[TARGET_ID])
            is_target = batch[TARGET_ID] > 0
            found += zip(user[is_target].tolist(), batch[TARGET_ID][is_target].tolist())
        assert sorted(found) == wanted


def test_input_of_a_position_is_the_row_before_its_target(experiment: Experiment) -> None:
    log = log_of(experiment)
    for batch in experiment.train_data:
        asks = batch[REQUEST_ID] >= 0
        assert asks.any(dim=1).all()
        position = batch[REQUEST_POSITION]
        target = batch[TARGET_ID].gather(1, position)[asks]
        before = batch["item_id_list"].gather(1, position)[asks]
        request = batch[REQUEST_ID][asks].numpy()
        assert np.array_equal(log.item[request], target)
        assert np.array_equal(log.item[request - 1], before)


def test_requests_of_a_window_are_different_targets(experiment: Experiment) -> None:
    for batch in experiment.train_data:
        for requests in batch[REQUEST_ID]:
            kept = requests[requests >= 0]
            assert len(kept.unique()) == len(kept)


def test_rankings_and_system_positives_come_from_the_right_request(experiment: Experiment) -> None:
    log, cache = log_of(experiment), experiment.train_data._dataset.cache
    whole, whole_scores = padded(cache)
    for batch in experiment.train_data:
        for b, r in (batch[REQUEST_ID] >= 0).nonzero().tolist():
            request = int(batch[REQUEST_ID][b, r])
            own = whole[request][:3]
            assert batch[SYSTEM_POSITIVE][b, r].tolist() == own.tolist()
            if request - 1 <= log.first[request]:
                assert (batch[CACHE_ITEM][b, r] == 0).all()
                continue
            before = whole[request - 1]
            items = np.where(before == log.item[request - 1], 0, before)
            assert np.array_equal(batch[CACHE_ITEM][b, r], items)
            kept = whole_scores[request - 1] * (items > 0)[:, None]
            assert np.array_equal(batch[CACHE_SCORE][b, r], kept)


def test_hard_negatives_are_never_padding_history_or_positive(experiment: Experiment) -> None:
    log = log_of(experiment)
    drawn = 0
    for batch in experiment.train_data:
        for b, r in (batch[REQUEST_ID] >= 0).nonzero().tolist():
            request = int(batch[REQUEST_ID][b, r])
            negatives = set(batch[HARD_NEGATIVE][b, r].tolist()) - {0}
            mine = (log.user == log.user[request]) & log.training
            assert not negatives & set(log.item[mine].tolist())
            assert not negatives & set(batch[SYSTEM_POSITIVE][b, r].tolist())
            drawn += len(negatives)
    assert drawn > 50


def test_share_of_requests_with_hard_negatives(write_dataset: Any) -> None:
    log = random_log(1, n_users=60, n_items=40, longest=20)
    keys = {**write_dataset(log), **SMALL, "losses.margin.negatives.share": 0.3}
    batches = list(assemble(Config(config_dict=keys)).train_data)
    has = torch.cat([(b[HARD_NEGATIVE] > 0).any(-1)[b[REQUEST_ID] >= 0] for b in batches])
    assert 0.15 < has.float().mean() < 0.35


def test_large_catalogues_get_shared_negatives(write_dataset: Any) -> None:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    keys = {**write_dataset(log), **SMALL, "full_softmax_limit": 5, "sampled_negatives": 4000}
    experiment = assemble(Config(config_dict=keys))
    log_q = experiment.model.log_q
    assert log_q.exp().sum() == pytest.approx(1)
    drawn = next(iter(experiment.train_data))[SAMPLED_NEGATIVE]
    share = torch.bincount(drawn, minlength=len(log_q)) / len(drawn)
    assert share[0] == 0
    assert (share - log_q.exp()).abs().max() < 0.03
    popularity = torch.from_numpy(np.bincount(log_of(experiment).item[log_of(experiment).training]))
    assert torch.equal(log_q[1:].argsort(stable=True), popularity[1:].argsort(stable=True))


def test_a_sample_of_a_small_catalogue_is_told_to_do_nothing(
    write_dataset: Any, caplog: pytest.LogCaptureFixture
) -> None:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    n_items = log["item_id"].nunique()
    assemble(Config(config_dict={**write_dataset(log), **SMALL, "sampled_negatives": 9}))
    words = "'sampled_negatives' does nothing: up to full_softmax_limit, 50,000, items the softmax "
    assert f"{words}is exact, and there are {n_items}" in caplog.messages


def test_epoch_and_seed_decide_the_batches(experiment: Experiment) -> None:
    def epoch(number: int) -> "list[torch.Tensor]":
        experiment.train_data.set_epoch(number)
        fields = ("item_id_list", "row_gap", REQUEST_ID, HARD_NEGATIVE, DRAW_ID)
        return [batch[field] for batch in experiment.train_data for field in fields]

    first, again, other = epoch(3), epoch(3), epoch(4)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, other))


@pytest.mark.parametrize("n_processes", [2, 3])
def test_shares_of_the_processes_make_up_the_batches_of_one(
    write_dataset: Any, monkeypatch: Any, n_processes: int
) -> None:
    """Joined, what the processes are given in a step is what one process is given."""
    log = random_log(1, n_users=41, n_items=25, longest=20)
    keys = {**write_dataset(log), **SMALL, "full_softmax_limit": 5, "sampled_negatives": 10}
    loader = assemble(Config(config_dict={**keys, "train_batch_size": 36})).train_data
    loader.set_epoch(2)
    whole = list(loader)
    loader._n_processes = n_processes
    loader.step = 6 // n_processes
    loader.set_epoch(2)
    assert len(loader._start) % n_processes == 0
    shares = [range(rank, len(loader._start), n_processes) for rank in range(n_processes)]
    for step, batch in enumerate(whole):
        parts = [
            loader.collate_fn(list(share[step * loader.step : (step + 1) * loader.step]))
            for share in shares
        ]
        for part in parts:
            assert torch.equal(part[SAMPLED_NEGATIVE], batch[SAMPLED_NEGATIVE])
            assert part[BATCH_NUMBER].tolist() == [2 * len(whole) + step]
        for field in (DRAW_ID, HARD_NEGATIVE, CACHE_ITEM):
            assert torch.equal(_by_request(parts, field), _by_request([batch], field)), field
        targets = [sum(int((part[TARGET_ID] > 0).sum()) for part in ps) for ps in (parts, [batch])]
        assert targets[0] == targets[1]
        gaps = [sum(int(part["row_gap"].sum()) for part in ps) for ps in (parts, [batch])]
        assert gaps[0] == gaps[1] > 0


def _by_request(parts: "list[Any]", field: str) -> torch.Tensor:
    """What the requests of some batches carry, as rows led by the request id, in its order."""
    asks = [part[REQUEST_ID] >= 0 for part in parts]
    request = torch.cat([part[REQUEST_ID][a] for part, a in zip(parts, asks)])
    carried = torch.cat([part[field][a].view(int(a.sum()), -1) for part, a in zip(parts, asks)])
    return torch.cat([request.unsqueeze(1), carried], dim=1)[request.argsort()]


def log_with_everything(seed: int) -> pd.DataFrame:
    """Make a log in order, behind a first user who consumed everything.

    With it every token has the same id, whatever the others consume.
    """
    log = random_log(seed, n_users=40, n_items=25, ties=False, longest=20)
    everything = pd.DataFrame({"item_id": sorted(log["item_id"].unique()), "user_id": "all"})
    everything["rating"], everything["timestamp"] = 3.0, 1.5e9 + np.arange(len(everything))
    log = log.sort_values(["user_id", "timestamp"], kind="stable")
    return pd.concat([everything[log.columns], log], ignore_index=True)


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> List[GraphNegatives]:
    """Keep the sources of hard negatives that are made."""
    made, make = [], GraphNegatives.__init__

    def kept(source: GraphNegatives, *arguments: Any) -> None:
        make(source, *arguments)
        made.append(source)

    monkeypatch.setattr(GraphNegatives, "__init__", kept)
    return made


def seen_in_training(keys: Dict[str, Any], sources: List[GraphNegatives]) -> Dict[str, Any]:
    """Return all that training sees which is estimated, drawn or looked up."""
    given = {**keys, **SMALL, "ranking_source.raw_scores": True}  # of which ranks hide a part
    loader = assemble(Config(config_dict=given)).train_data
    requests = loader._dataset.inter_feat[REQUEST_ID].numpy()
    read = loader._dataset.rankings(requests, lag=1)
    graph = sources[-1]._sampler.graph
    return {
        "target": loader._dataset.log.item[requests],
        "items": read[CACHE_ITEM],
        "scores": read[CACHE_SCORE],
        "system": loader._dataset.top_of_rankings(requests, 3),
        "edges": torch.stack(graph.edges()),
        "similarity": graph.edata["similarity"],
        "consumed": sources[-1]._consumed,
    }


def test_held_out_rows_move_nothing_that_training_sees(
    write_dataset: Any, sources: List[GraphNegatives]
) -> None:
    """Change every validation and test row: rankings, graph and targets of training stay."""
    log = log_with_everything(2)
    users = log.groupby("user_id")
    held_out = (users.cumcount(ascending=False) < 2) & (users["item_id"].transform("size") > 3)
    held_out &= log["user_id"] != "all"
    changed, rng = log.copy(), np.random.default_rng(0)
    changed.loc[held_out, "item_id"] = rng.choice(log["item_id"].unique(), held_out.sum())
    assert (changed["item_id"] != log["item_id"]).sum() > 40

    one, two = (
        seen_in_training(write_dataset(frame, name=name), sources)
        for frame, name in ((log, "one"), (changed, "two"))
    )
    assert (one["items"] > 0).any(dim=1).sum() > 100
    for name in one:
        assert np.array_equal(one[name], two[name]), name


def test_the_future_moves_nothing_that_training_sees(
    write_dataset: Any, sources: List[GraphNegatives]
) -> None:
    """Change all that came after a moment, watch times too: what was known before stays."""
    log, rng = log_with_everything(2), np.random.default_rng(0)
    log["duration"] = rng.integers(5, 60, len(log)).astype(float)
    log["play"] = np.round(log["duration"] * rng.exponential(0.7, len(log)))
    validation = log["timestamp"].max() - 2 * 172800
    future, changed = log["timestamp"] >= validation, log.copy()
    changed.loc[future, "item_id"] = rng.choice(log["item_id"].unique(), future.sum())
    changed.loc[future, "play"] = rng.choice([0.0, 7.0, 500.0], future.sum())
    changed.loc[future, "duration"] = rng.choice([0.0, 10.0, 300.0], future.sum())
    assert 60 < future.sum() < len(log) / 2

    keys = {
        "eval_args": {
            "split": {"split_by_time": {"valid": "2 days", "test": "last 2 days"}},
            "order": "TO",
            "mode": "full",
        },
        "watch_time": {"play": "play", "duration": "duration", "buckets": 4},
        "positive_feedback": {"watch_gain": "[-0.5,inf)"},
        "objectives": {
            "seen": {"similarity": "cosine"},
            "long": {"similarity": "cosine", "feedback": {"duration_quantile": "[0.4,1]"}},
            "next": {"similarity": "transition", "feedback": {"watch_ratio": "[0.3,inf)"}},
        },
    }
    one, two = (
        seen_in_training({**write_dataset(frame, name=name), **keys}, sources)
        for frame, name in ((log, "one"), (changed, "two"))
    )
    assert (one["items"] > 0).any(dim=1).sum() > 50
    assert 50 < len(one["target"]) < (~future).sum() * 0.8
    for name in one:
        assert np.array_equal(one[name], two[name]), name


def test_ray_threads_and_one_process_prepare_the_same(
    write_dataset: Any, sources: List[GraphNegatives]
) -> None:
    """Bit for bit: the request cache and the item graph."""
    keys = {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}

    def prepared(**more: Any) -> "list[Any]":
        folder = f"{keys['checkpoint_dir']}/{'-'.join(more)}"
        given = {**keys, **more, "request_cache_dir": folder}
        loader = assemble(Config(config_dict=given)).train_data
        cache, graph = loader._dataset.cache, sources[-1]._sampler.graph
        edges = torch.stack(graph.edges())
        return [*padded(cache), edges.numpy(), graph.edata["similarity"].numpy()]

    alone = prepared(threads=1)
    for other in (prepared(threads=1, ray=2), prepared()):
        for one, two in zip(alone, other):
            assert np.array_equal(one, two)
