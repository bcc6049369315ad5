"""The controls: whose ranking a request reads, and what is missing from it."""

from typing import Any, Dict

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from hypothesis import given
from hypothesis import strategies as st
from toy_caches import cache_of, padded

from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.reading import read_rankings
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, REQUEST_ID, SYSTEM_POSITIVE
from recbole_poem.data.controls import ShuffledCache, donors, without_history, without_target
from recbole_poem.log.requests import RequestLog, first_rows
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


def toy_log() -> RequestLog:
    """Two users of four rows: user 1 consumes 1 2 3 4, user 2 consumes 5 1 6 2."""
    user = np.repeat([1, 2], 4)
    return RequestLog(
        user=user,
        item=np.array([1, 2, 3, 4, 5, 1, 6, 2]),
        time=np.arange(8.0),
        first=first_rows(user),
        values={},
        n_users=3,
        n_items=10,
        training=np.array([True, True, True, False] * 2),
    )


def toy_cache() -> RequestCache:
    """The ranking of request r offers 7 and 1 + r % 6, with scores that tell r."""
    items = np.stack([np.full(8, 7), 1 + np.arange(8) % 6, np.zeros(8, int)], axis=1)
    scores = (10.0 + np.arange(8))[:, None, None] * (items > 0)[..., None]
    return cache_of(toy_log(), items, scores, objectives=["click"])


@given(training=st.lists(st.booleans(), min_size=1, max_size=60), seed=st.integers(0, 5))
def test_donors_are_a_permutation_of_each_part_that_leaves_nobody_in_place(
    training: "list[bool]", seed: int
) -> None:
    part = np.array(training)
    donor = donors(part, seed)
    assert sorted(donor) == list(range(len(part)))
    assert np.array_equal(part[donor], part)
    moved = donor != np.arange(len(part))
    assert moved[part].all() or part.sum() == 1
    assert moved[~part].all() or (~part).sum() == 1
    assert np.array_equal(donor, donors(part, seed))


def test_seeds_and_rows_draw_other_donors() -> None:
    part = np.ones(2000, bool)
    one, two = donors(part, 1), donors(part, 2)
    assert (one != two).mean() > 0.99
    distance = np.abs(one - np.arange(2000)).mean()
    assert 600 < distance < 740  # a third of the rows, as of two that are drawn apart


def test_a_shuffled_cache_holds_the_ranking_of_the_donor() -> None:
    cache = toy_cache()
    shuffled = ShuffledCache.of(cache, toy_log(), seed=3)
    items, scores, _ = shuffled.read(np.array([[0, 5], [-1, 7]]))
    whole, _ = padded(cache)
    for place, request in (((0, 0), 0), ((0, 1), 5), ((1, 1), 7)):
        donor = shuffled.donor[request]
        assert items[place].tolist() == whole[donor].tolist()
        assert scores[place][0, 0] == 10 + donor
    assert not items[1, 0].any() and not scores[1, 0].any()


def test_the_reader_has_the_place_of_its_own_ranking_and_nothing_that_it_consumed() -> None:
    """Request 3 reads the place of request 2, in which the ranking of 5 stands: 7 and 6."""
    log, cache = toy_log(), toy_cache()
    donor = np.array([1, 0, 5, 7, 6, 4, 2, 3])
    shuffled = ShuffledCache(**vars(cache), donor=donor)  # nothing of it is computed yet
    requests = np.array([3, 1, 6, 4, -1])
    items, scores, _ = without_history(read_rankings(shuffled, log, requests, lag=1), log, requests)
    assert items.tolist() == [
        [7, 6],  # ranking 5 in place 2; user 1 has consumed 1 2 3
        [7, 2],  # ranking 1 in place 0; 2 is what comes, not what was
        [7, 0],  # ranking 4 in place 5 offers 5, which user 2 consumed three rows ago
        [0, 0],  # the first request of user 2 has no earlier one
        [0, 0],  # no request
    ]
    assert scores[..., 0].tolist() == [[15, 15], [11, 11], [14, 0], [0, 0], [0, 0]]


def test_the_target_goes_and_the_others_stay() -> None:
    log = toy_log()
    items = np.array([[[4, 1, 3], [6, 2, 0]], [[3, 2, 9], [2, 0, 0]]])
    scores = np.arange(1.0, 13.0).reshape(2, 2, 3, 1)
    requests = np.array([[3, 6], [-1, 7]])  # targets 4 and 6; none and 2
    kept, kept_scores, _ = without_target(Rankings(items, scores), log, requests)
    assert kept.tolist() == [[[0, 1, 3], [0, 2, 0]], [[3, 2, 9], [0, 0, 0]]]
    assert kept_scores[..., 0].tolist() == [[[0, 2, 3], [0, 5, 0]], [[7, 8, 9], [0, 0, 0]]]


def make(keys: Dict[str, Any], **more: Any) -> Experiment:
    return assemble(Config(config_dict={**keys, **SMALL, **more}))


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    return write_dataset(log.drop_duplicates(["user_id", "item_id"]))


def what_is_read(experiment: Experiment) -> Dict[int, "tuple[Any, Any]"]:
    """Map every request that is asked in training, validation and test to its ranking."""
    found = {}
    for epoch in range(3):
        experiment.train_data.set_epoch(epoch)
        for batch in experiment.train_data:
            for b, r in (batch[REQUEST_ID] >= 0).nonzero().tolist():
                ranking = batch[CACHE_ITEM][b, r].numpy(), batch[CACHE_SCORE][b, r].numpy()
                request = int(batch[REQUEST_ID][b, r])
                assert np.array_equal(found.setdefault(request, ranking)[0], ranking[0])
    for loader in (experiment.valid_data, experiment.test_data):
        rows = loader._dataset[torch.arange(len(loader._dataset))]
        for request, *ranking in zip(rows[REQUEST_ID], rows[CACHE_ITEM], rows[CACHE_SCORE]):
            found[int(request)] = tuple(part.numpy() for part in ranking)
    return found


def test_a_shuffled_cache_is_read_in_training_validation_and_test(keys: Dict[str, Any]) -> None:
    experiment = make(keys, shuffle_rankings=True)
    log, cache = experiment.train_data._dataset.log, experiment.train_data._dataset.cache
    donor = donors(log.training, experiment.config["seed"])
    (whole, whole_scores), foreign = padded(cache), 0
    for request, (items, scores) in what_is_read(experiment).items():
        if request - 1 < log.first[request]:
            assert not items.any()
            continue
        ranking = whole[donor[request - 1]]
        history = log.item[log.first[request] : request]
        assert np.array_equal(items, np.where(np.isin(ranking, history), 0, ranking))
        kept = whole_scores[donor[request - 1]] * (items > 0)[:, None]
        assert np.array_equal(scores, kept)
        foreign += int(np.isin(ranking, history).any())
    assert foreign > 20, "rankings of others offer what the reader has consumed"


def test_system_positives_stay_those_of_the_own_request(keys: Dict[str, Any]) -> None:
    real = make(keys)
    changed = 0
    for mine, theirs in zip(make(keys, shuffle_rankings=True).train_data, real.train_data):
        assert torch.equal(mine[SYSTEM_POSITIVE], theirs[SYSTEM_POSITIVE])
        changed += int((mine[CACHE_ITEM] != theirs[CACHE_ITEM]).any())
    assert changed


def test_the_hidden_target_alone_is_missing_and_in_evaluation_alone(keys: Dict[str, Any]) -> None:
    """A model that never saw its target among the candidates would learn to rank them low."""
    real, hidden = make(keys), make(keys, hide_target=True)
    log = real.train_data._dataset.log
    without = what_is_read(hidden)
    n_offered = {True: 0, False: 0}
    for request, (items, _) in what_is_read(real).items():
        target = log.item[request]
        hide = (items == target) & ~log.training[request]
        assert np.array_equal(without[request][0], np.where(hide, 0, items))
        n_offered[bool(log.training[request])] += int((items == target).any())
    assert min(n_offered.values()) > 10, "the rankings do offer the target, in all phases"


def test_the_upstream_alone_no_longer_ranks_a_hidden_target(write_dataset: Any) -> None:
    """The upstream alone ranks nothing but candidates: hidden, no target is among them."""
    keys = write_dataset(random_log(1, n_users=40, n_items=25, longest=20))
    more = {"model": "Upstream", "topk": [5], "valid_metric": "NDCG@5", "request_lag": 0}
    scores = {}
    for hide in (False, True):
        experiment = make(keys, **more, hide_target=hide)
        rows = experiment.test_data._dataset[torch.arange(len(experiment.test_data._dataset))]
        scores[hide] = experiment.model.predict(rows)
    assert (scores[False] > 0).sum() > 5
    assert not scores[True].any()


@pytest.mark.parametrize("control", ["shuffle_rankings", "hide_target"])
def test_sampled_evaluation_reads_the_same_rankings(keys: Dict[str, Any], control: str) -> None:
    """There the item of a row is one of the candidates that are ranked, not always the target."""
    split = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user"}
    full = make(keys, **{control: True}, eval_args={**split, "mode": "full"})
    sampled = make(keys, **{control: True}, eval_args={**split, "mode": "uni5"})
    ranking = what_is_read(full)
    others = 0
    for rows, *_ in sampled.test_data:
        target = full.train_data._dataset.log.item[rows[REQUEST_ID]]
        others += int((rows["item_id"].numpy() != target).sum())
        for request, items in zip(rows[REQUEST_ID].tolist(), rows[CACHE_ITEM]):
            assert np.array_equal(items, ranking[request][0])
    assert others > 50


def test_rows_without_a_target_are_refused(keys: Dict[str, Any]) -> None:
    experiment = make(keys, hide_target=True)
    rows = experiment.test_data._dataset[torch.arange(3)]
    assert experiment.model.full_sort_predict(rows).shape == (3, experiment.dataset.item_num)
    rows.drop("item_id")
    with pytest.raises(InputError, match=r"hide_target: rows without 'item_id'"):
        experiment.model.full_sort_predict(rows)


def test_held_out_rows_move_nothing_that_a_shuffled_cache_shows_in_training(
    write_dataset: Any,
) -> None:
    """Change the last two items of all users, whose tokens a first user keeps in their order."""
    log = random_log(2, n_users=40, n_items=25, ties=False, longest=20)
    log = log.sort_values(["user_id", "timestamp"], kind="stable")
    everything = pd.DataFrame({"item_id": sorted(log["item_id"].unique()), "user_id": "all"})
    everything["rating"], everything["timestamp"] = 3.0, 1.5e9 + np.arange(len(everything))
    log = pd.concat([everything[log.columns], log], ignore_index=True)
    users = log.groupby("user_id")
    held_out = (users.cumcount(ascending=False) < 2) & (users["item_id"].transform("size") > 3)
    held_out &= log["user_id"] != "all"
    changed, rng = log.copy(), np.random.default_rng(0)
    changed.loc[held_out, "item_id"] = rng.choice(log["item_id"].unique(), held_out.sum())

    seen = []
    for name, frame in (("one", log), ("two", changed)):
        train = make(write_dataset(frame, name=name), shuffle_rankings=True).train_data._dataset
        read = train.rankings(train.inter_feat[REQUEST_ID].numpy(), lag=1)
        seen.append((read[CACHE_ITEM], read[CACHE_SCORE]))
    assert (seen[0][0] > 0).any(dim=1).sum() > 100
    for one, two in zip(*seen):
        assert torch.equal(one, two)
