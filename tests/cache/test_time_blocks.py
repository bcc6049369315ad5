"""The neural ranking stage: its scores and rankings, and the runs that read them."""

from dataclasses import replace
from typing import Any, Dict

import numpy as np
import pytest
import torch
from toy_exposures import TINY, TINY_POEM, exposure_log, write_exposures
from toy_stage import (
    BY_TIME,
    SPLITS,
    Counted,
    begins_of,
    build,
    exposure_keys,
    prepared,
    source_of,
    with_source,
)

from recbole_poem.core.errors import InputError
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.training import ranking_stage
from recbole_poem.training.quick_start import load, run_recbole_poem


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return exposure_keys(write_dataset)


# -- scores and rankings ---------------------------------------------------------------------------


def test_a_score_is_the_networks_own_whoever_else_is_asked(
    keys: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, dataset = prepared(keys)
    stages = source_of(config, dataset).estimate(map)
    _, ranker = stages.stages[-1]
    log, of, model = dataset.log, ranker.exposures, ranker.model
    assert not model.training
    requests = np.random.default_rng(0).integers(0, len(log), 20)
    items = np.random.default_rng(1).integers(0, log.n_items, (20, 5))
    monkeypatch.setattr(ranking_stage, "_REQUESTS_AT_ONCE", 7)
    scores = ranker.score(requests, items)
    assert scores.shape == (20, 5, 3)
    assert scores.dtype == np.float32
    for request, candidates, found in zip(requests, items, scores):
        earlier = slice(log.first[request], request)
        history = log.item[earlier][::-1][:4].tolist()
        labels = np.full((1, 4, 3), np.nan, np.float32)
        labels[0, : len(history)] = of.labels[earlier][::-1][:4]
        gap = log.time[request] - log.time[request - 1] if log.position[request] else -1
        asked = RankingRequests(
            *(torch.from_numpy(column) for column in (log.user[[request]], candidates[None])),
            torch.tensor([history + [0] * (4 - len(history))]),
            torch.tensor([int(log.time[request])]),
            torch.tensor([int(gap)]),
            torch.from_numpy(labels),
        )
        np.testing.assert_allclose(found, model.score(asked)[0].detach(), rtol=1e-4, atol=1e-6)
    assert of.n_recent == 4


def test_threads_rank_as_one_does(keys: Dict[str, Any]) -> None:
    result = {}
    for threads in (1, 3):
        folder = f"threads-{threads}"
        run = {**keys, "threads": threads, "request_cache_dir": folder, "model": "Upstream"}
        result[threads] = run_recbole_poem(config_dict=run, saved=False)["test_result"]
    torch.set_num_threads(1)
    assert result[1] == result[3]


@SPLITS
def test_rankings_hold_what_the_user_has_not_consumed_and_block_0_holds_nothing(
    keys: Dict[str, Any], split: Dict[str, Any]
) -> None:
    config, dataset = prepared({**keys, **split})
    log, (items, scores) = dataset.log, build(config, dataset)
    first_block = log.time < begins_of(config, dataset)[0]
    assert not items[first_block].any()
    assert not scores[first_block].any()
    assert (items[~first_block & (log.position > 2)] > 0).any(axis=1).mean() > 0.9
    for request in range(len(log)):
        found = set(items[request][items[request] > 0].tolist())
        assert not found & set(log.item[log.first[request] : request].tolist())
    assert scores.shape == (len(log), 8, 4)
    assert ((scores >= 0) & (scores[..., :1] <= 1)).all()
    assert not scores[items == 0].any()


@pytest.mark.parametrize("ranker_input", ["none", "rar"])
def test_what_happens_later_moves_no_score(keys: Dict[str, Any], ranker_input: str) -> None:
    config, dataset = prepared({**keys, "ranker_input": ranker_input})
    log, begins = dataset.log, begins_of(config, dataset)
    later = log.time >= begins[1]
    item = np.where(later, np.random.default_rng(0).permutation(log.item), log.item)
    click = log.values["click"]
    values = {**log.values, "click": np.where(later, 1 - click, click)}
    before, after = (
        build(config, dataset, each) for each in (log, replace(log, item=item, values=values))
    )
    answered = (log.time >= begins[0]) & ~later
    assert before[0][answered].any(axis=1).mean() > 0.9
    for one, other in zip(before, after):
        assert np.array_equal(one[answered], other[answered])
        assert not np.array_equal(one[later], other[later])


# -- whole runs ------------------------------------------------------------------------------------


@SPLITS
@pytest.mark.parametrize("model", ["POEM", "Upstream"])
def test_it_feeds_a_run_that_saves_and_loads(
    keys: Dict[str, Any], model: str, split: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    result = run_recbole_poem(config_dict={**keys, "model": model, **split})
    learned = counted.batches
    loaded = load(result["model_file"])
    assert loaded.evaluate("test") == result["test_result"]
    assert counted.batches == learned > 0
    assert result["test_result"]["hit@5"] > 0
    objectives = loaded.train_data._dataset.cache.objectives
    assert objectives == ("click", "like", "seconds", "retrieval")


def test_only_what_is_read_is_ranked_and_the_run_is_the_same(keys: Dict[str, Any]) -> None:
    """Rankers learn the same: what they are asked does not matter to them."""
    keys = {**keys, "requests_per_window": 1}
    whole, some = (
        run_recbole_poem(config_dict=with_source(keys, only_read=only)) for only in (False, True)
    )
    assert some["test_result"] == whole["test_result"]
    assert some["best_valid_result"] == whole["best_valid_result"]
    made = load(some["model_file"]).train_data._dataset.cache.made
    assert 0.2 < made.mean() < 0.9


def test_several_processes_train_with_the_cache_that_the_first_one_builds(
    keys: Dict[str, Any],
) -> None:
    """The others wait for it while it trains the rankers, whose losses are its own alone."""
    result = run_recbole_poem(config_dict={**keys, "nproc": 2, "epochs": 1})
    assert load(result["model_file"]).evaluate("test") == pytest.approx(result["test_result"])


def test_a_good_ranker_ranks_what_is_clicked_first(write_dataset: Any) -> None:
    """Users click what is of their parity; popularity and neighbours say nothing of it."""
    log = exposure_log(n_users=40, n_items=24, length=24, planted=True)
    keys = {**write_exposures(write_dataset, log), **TINY_POEM, "model": "POEM"}
    keys["targets"] = {"click": keys["targets"]["click"]}
    training = {**TINY, "learning_rate": 0.05, "train_batch_size": 64}
    keys = with_source(keys, blocks=2, epochs=10, unexposed=0, training=training, raw_scores=True)
    keys["score_fusion.weights"] = [1, 0]  # the order of the click alone, not the retrieval's
    config, dataset = prepared({**keys, **BY_TIME})
    items, scores = build(config, dataset)
    last = np.flatnonzero(dataset.log.time >= begins_of(config, dataset)[-1])
    names = dataset.id2token
    parity = np.array([0] + [int(n[1:]) % 2 for n in names("item_id", range(1, dataset.item_num))])
    own = np.array([0] + [int(n[1:]) % 2 for n in names("user_id", range(1, dataset.user_num))])
    fits = parity[items[last]] == own[dataset.log.user[last]][:, None]
    assert (scores[last][..., 0][fits & (items[last] > 0)] > 0.9).mean() > 0.95
    assert (scores[last][..., 0][~fits & (items[last] > 0)] < 0.1).mean() > 0.95
    assert fits[:, 0].mean() > 0.95
    assert fits[:, -1].mean() < 0.3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ranker": "moe"}, r"^ranker: there is no 'moe'; the nearest is 'mmoe'$"),
        ({"ranker.n_expert": 3}, r"^ranker\.n_expert: there is no such setting; .* 'n_experts'$"),
        ({"ranker.n_experts": 0}, r"^ranker\.n_experts: expected a whole number from 1, not 0$"),
        (
            {"ranking_source.training": {"n_epochs": 3}},
            r"^ranking_source\.training: n_epochs: there is no such key",
        ),
        (
            {"ranking_source.training": {"grouping.n_groups": 3}},
            r"^ranking_source\.training: 'grouping\.n_groups' is no key of MultiTaskRanker",
        ),
        (
            {"ranking_source.training": {"hidden_size": 0}},
            r"^ranking_source\.training: hidden_size: expected a whole number from 1, not 0$",
        ),
        (
            {"ranking_source.training": {"ranker.n_experts": 3}},
            r"^ranking_source\.training: 'ranker\.n_experts' is a key of the run itself; write it",
        ),
        (
            {"ranking_source.training": {"pooling": "max"}},
            r"^ranking_source\.training: pooling: expected one of attention, mean, actions, not",
        ),
        ({"targets": None}, r"^targets: a ranker needs at least one, such as {click:"),
        (
            {"targets": {"t": {"feedback": {"stars": "[1,1]"}}}},
            r"^targets\.t\.feedback: .* 'stars'",
        ),
        ({"watch_time": None}, r"^targets\.seconds: say which columns tell it"),
        ({"ranking_source.blocks": 1}, r"^ranking_source\.blocks: expected a whole number from 2,"),
        (
            {"ranking_source.blocks": 500},
            r"^ranking_source\.blocks: the \d+ training rows .* for 500 blocks$",
        ),
        ({"objectives": None}, r"^objectives: an item-to-item ranking needs at least one, such as"),
        (
            {"score_fusion.weights": [1, 2]},
            r"^score_fusion\.weights: expected 4 numbers, one per objective",
        ),
        (
            {"ranking_source": "multi"},
            r"there is no 'multi'; known are item_to_item, logged, time_blocks$",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence(
    keys: Dict[str, Any], change: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        run_recbole_poem(config_dict={**keys, **change})
    assert "\n" not in str(caught.value)


def test_the_targets_of_the_run_are_the_objectives_of_the_cache(keys: Dict[str, Any]) -> None:
    keys["targets"] = {"click": keys["targets"]["click"]}
    assert source_of(*prepared(keys)).objectives == ["click", "retrieval"]
    assert build(*prepared(keys))[1].shape[-1] == 2
