"""Only those rankings are made that a run reads, and it is the same run to the bit."""

from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from conftest import random_log

from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.epochs import Epochs
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble
from recbole_poem.training.quick_start import load, run_recbole_poem

SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "train_batch_size": 24,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "requests_per_window": 1,
    "hidden_size": 8,
    "inner_size": 8,
    "epochs": 2,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 8,
}
ONLY = {"ranking_source.only_read": True}
#: keys that change what is read
RUNS: Dict[str, Dict[str, Any]] = {
    "as it is": {},
    "labels alone": {"ranking_reader": "none"},
    "labels alone, and an older one": {"ranking_reader": "none", "request_lag": 2},
    "no labels": {"losses": ["feedback"]},
    "an older one": {"request_lag": 2},
    "several": {"n_rankings": 3},
    "its own": {"request_lag": 0},
    "some targets": {"positive_feedback": {"rating": "[4,inf)"}, "requests_per_window": 2},
    "by time": {
        "eval_args": {
            "split": {"split_by_time": {"valid": "5 seconds", "test": "last 5 seconds"}},
            "order": "TO",
            "mode": "full",
        }
    },
}
EACH = pytest.mark.parametrize("change", RUNS.values(), ids=RUNS)


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=30)), **SMALL}


def read_of(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Mark the rows whose ranking is read in all epochs and in evaluation."""
    dataset = experiment.train_data._dataset
    read = np.zeros(len(dataset.log), dtype=bool)
    numbers_of = RequestCache.numbers_of

    def seen(cache: RequestCache, requests: np.ndarray) -> np.ndarray:
        read[requests[requests >= 0]] = True
        return numbers_of(cache, requests)

    with monkeypatch.context() as patch:
        patch.setattr(RequestCache, "numbers_of", seen)
        for epoch in range(experiment.config["epochs"]):
            experiment.train_data.set_epoch(epoch)
            for _ in experiment.train_data:
                pass
        for part in (experiment.valid_data, experiment.test_data):
            part._dataset[np.arange(len(part._dataset))]
    return read


@EACH
def test_it_makes_what_is_read_what_next_requests_read_and_nothing_else(
    keys: Dict[str, Any], change: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = assemble(Config(config_dict={**keys, **change, **ONLY}))
    dataset, config = experiment.train_data._dataset, experiment.config
    log, made = dataset.log, dataset.cache.made
    read = read_of(experiment, monkeypatch)
    last = np.flatnonzero(np.r_[log.user[1:] != log.user[:-1], True])
    for lag in range(config["request_lag"], config["request_lag"] + config["n_rankings"]):
        behind = last - (lag - 1)  # every row has a ranking of its own
        read[behind[(behind >= log.first[last]) & (lag > 0)]] = True
    assert np.array_equal(made, read)
    assert made.mean() < 0.97
    whole = assemble(Config(config_dict={**keys, **change})).train_data._dataset.cache
    assert whole.made is None and whole.path != dataset.cache.path
    items = [cache.items_of(np.flatnonzero(made)) for cache in (whole, dataset.cache)]
    width = min(each.shape[1] for each in items)
    assert np.array_equal(*(each[:, :width] for each in items))


@EACH
def test_a_run_is_the_same_to_the_bit(keys: Dict[str, Any], change: Dict[str, Any]) -> None:
    results = [run_recbole_poem(config_dict={**keys, **change, **more}) for more in ({}, ONLY)]
    assert results[0]["best_valid_result"] == results[1]["best_valid_result"]
    assert results[0]["test_result"] == results[1]["test_result"]
    weights = [load(result["model_file"]).model.state_dict() for result in results]
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name]), name


def test_requests_drawn_in_epochs_are_those_of_the_batches(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict=keys))
    data, log = experiment.train_data, experiment.train_data._dataset.log
    found: List[np.ndarray] = [np.zeros(len(log), dtype=bool)]
    for epoch in range(3):
        data.set_epoch(epoch)
        seen = found[-1].copy()
        for batch in data:
            seen[batch[REQUEST_ID][batch[REQUEST_ID] >= 0].numpy()] = True
        found.append(seen)
    for n_epochs, seen in enumerate(found):
        assert np.array_equal(data._epochs.asking(n_epochs), seen)
    targets = data._dataset.inter_feat[REQUEST_ID].numpy()
    assert 0 < found[1].sum() < found[3].sum() < len(targets)
    assert np.array_equal(np.flatnonzero(data._epochs.asking(300)), np.sort(targets))
    everything = Epochs(log, [torch.from_numpy(targets)], 6, 6, seed=0).asking(1)
    assert np.array_equal(np.flatnonzero(everything), np.sort(targets))


def test_known_users_are_answered_from_a_cache_of_what_is_read(keys: Dict[str, Any]) -> None:
    found = []
    for more in ({}, ONLY, {**ONLY, "request_lag": 2, "n_rankings": 2}):
        path = run_recbole_poem(config_dict={**keys, **more})["model_file"]
        known = Recommender.load(path).known_users  # it opens the cache by its keys
        assert known.has_rankings
        found.append(known.rankings(np.arange(len(known))).items)
    assert torch.equal(found[0], found[1])
    assert found[0].any(dim=-1).float().mean() > 0.5
    assert found[2][:, 0].any(dim=-1).float().mean() > 0.5


def test_what_was_not_made_is_not_read_in_one_sentence(keys: Dict[str, Any]) -> None:
    dataset = assemble(Config(config_dict={**keys, **ONLY})).train_data._dataset
    lacks = np.flatnonzero(~dataset.cache.made)
    words = r"^ranking_source\.only_read: .* lacks 2 of 2 rankings that are read here, for the run "
    with pytest.raises(InputError, match=words) as told:
        dataset.rankings(lacks[:2], lag=0)
    assert str(told.value).endswith("set it to False")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"score_fusion": "umre", "losses.fusion": True, "ranking_source.raw_scores": True},
            "the score_fusion umre takes the scale of scores from rankings of all training rows",
        ),
        ({"shuffle_rankings": True}, "shuffle_rankings reads the rankings of others"),
    ],
)
def test_what_reads_any_ranking_is_refused(
    keys: Dict[str, Any], change: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=rf"^ranking_source\.only_read: {words}"):
        assemble(Config(config_dict={**keys, **ONLY, **change}))
