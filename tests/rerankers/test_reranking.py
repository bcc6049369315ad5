"""The re-rankers in evaluation, in the benchmark and in answers: the same lists everywhere."""

from typing import Any, Dict

import numpy as np
import pytest
from conftest import random_log

from recbole_poem import load
from recbole_poem.benchmark import ranking
from recbole_poem.benchmark.evaluation import recommend
from recbole_poem.core.errors import InputError
from recbole_poem.data.categories import read_categories
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import run_recbole_poem
from recbole_poem.training.registry import get_trainer

ITEMS = "item_id:token\tgenre:token_seq\n" + "".join(
    f"i{n}\t{'drama' if n % 3 else 'comedy horror'}\n" for n in range(1, 31)
)
KEYS = {
    "category_field": "genre",
    "topk": [1, 5],
    "metrics": ["Hit", "NDCG", "MRR"],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 12,
    "MAX_ITEM_LIST_LENGTH": 6,
    "train_neg_sample_args": None,
    "epochs": 1,
}
DIVERSE = {"rerankers": {"category_penalty": {"penalty": 0.3, "pool": 12}}}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(3, n_users=40, n_items=25, longest=20)
    return {**write_dataset(log, item=ITEMS), **KEYS}


def experiment_of(keys: Dict[str, Any], **more: Any) -> Any:
    return assemble(Config("SASRec", config_dict={**keys, **more}))


def test_the_benchmark_follows_the_evaluation_under_both_protocols(keys: Dict[str, Any]) -> None:
    masked, plain = (experiment_of(keys, **DIVERSE, mask_seen=mask) for mask in (True, False))
    masked.model.load_state_dict(plain.model.state_dict())
    trainer = get_trainer(masked.config)(masked.config, masked.model)
    found = recommend(trainer, masked.test_data, k=5)
    likeliest = experiment_of(keys, mask_seen=True)
    likeliest.model.load_state_dict(plain.model.state_dict())
    trainer = get_trainer(likeliest.config)(likeliest.config, likeliest.model)
    before = recommend(trainer, likeliest.test_data, k=5)
    category = read_categories(masked.config, masked.dataset)
    for protocol, experiment in (("masked", masked), ("recbole", plain)):
        figures = experiment.evaluate("test")
        mine = ranking.metrics(found.rank[protocol], found.top[protocol], [1, 5], 26, category)
        assert mine["NDCG@5"] == pytest.approx(figures["ndcg@5"])
        assert mine["MRR@5"] == pytest.approx(figures["mrr@5"])
        former = ranking.metrics(before.rank[protocol], before.top[protocol], [5], 26, category)
        assert mine["diversity@5"] > former["diversity@5"] + 0.05
        assert mine["NDCG@5"] != former["NDCG@5"]


def test_training_watches_the_lists_that_are_chosen(keys: Dict[str, Any]) -> None:
    given = {**keys, **DIVERSE, "mask_seen": True, "model": "SASRec"}
    result = run_recbole_poem(config_dict=given)
    experiment = load(result["model_file"])
    assert experiment.evaluate("valid")["ndcg@5"] == pytest.approx(result["best_valid_score"])
    assert experiment.evaluate("test")["mrr@5"] == pytest.approx(result["test_result"]["mrr@5"])
    by_scores = load(result["model_file"], {"rerankers": "none"})
    assert by_scores.evaluate("test")["mrr@5"] != pytest.approx(result["test_result"]["mrr@5"])


def test_answers_are_the_lists_of_the_evaluation(keys: Dict[str, Any]) -> None:
    given = {**keys, **DIVERSE, "mask_seen": True, "model": "SASRec", "loss_type": "CE"}
    path = str(run_recbole_poem(config_dict=given)["model_file"])
    experiment = load(path)
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    expected = recommend(trainer, experiment.test_data, k=5)
    log = experiment.test_data._dataset.log
    dataset = experiment.dataset
    last = {dataset.id2token("user_id", user): row for row, user in enumerate(log.user)}
    rows = [last[user] for user in expected.user]
    new = [log.item[row] not in log.item[log.first[row] : row] for row in rows]  # else it is masked
    histories = [
        dataset.id2token("item_id", log.item[log.first[row] : row]).tolist() for row in rows
    ]
    recommender = Recommender.load(path)
    found = recommender.recommend(histories, k=5)["item"].to_numpy().reshape(-1, 5)
    lists = dataset.id2token("item_id", expected.top["masked"])
    assert sum(new) > 10
    np.testing.assert_array_equal(found[new], lists[new])
    plain = Recommender.load(path, {"rerankers": "none"})
    both = recommender.recommend(histories, k=12), plain.recommend(histories, k=12)
    ordered = [frame.sort_values(["request", "item"]).reset_index(drop=True) for frame in both]
    assert (both[0]["item"] != both[1]["item"]).any()
    # a pool of twelve is another order of the same items, to which the scores are handed out
    assert ordered[0][["request", "item"]].equals(ordered[1][["request", "item"]])
    np.testing.assert_array_equal(both[0]["score"], both[1]["score"])


def test_whoever_has_no_history_gets_what_is_popular(keys: Dict[str, Any]) -> None:
    path = str(run_recbole_poem(config_dict={**keys, "model": "SASRec"})["model_file"])
    answers = [
        Recommender.load(path, more).recommend([[]], k=9)["item"].tolist() for more in ({}, DIVERSE)
    ]
    assert answers[0] == answers[1]


def test_metrics_of_single_rows_are_left_alone(keys: Dict[str, Any], write_dataset: Any) -> None:
    value = {
        **keys, **DIVERSE, "model": "FM", "metrics": ["AUC"], "valid_metric": "AUC",
        "eval_args": {"mode": "labeled", "split": {"RS": [8, 1, 1]}, "order": "RO"},
        "threshold": {"rating": 3}, "load_col": {"inter": ["user_id", "item_id", "rating"]},
        "train_neg_sample_args": None,
    }  # fmt: skip
    with_it, without = (
        run_recbole_poem(config_dict={**value, "rerankers": chosen})["test_result"]
        for chosen in (DIVERSE["rerankers"], "none")
    )
    assert with_it == without


def test_without_categories_it_is_refused_before_any_work(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"category_penalty: the items have no"):
        experiment_of({**keys, **DIVERSE, "category_field": None})
    for name, value in (("penalty", -1), ("pool", 0)):
        key = f"rerankers.category_penalty.{name}"
        with pytest.raises(InputError, match=f"{key}: expected a .*number from"):
            experiment_of(keys, **{key: value})
    words = "diversity_pool: this key has another name now; write rerankers.category_penalty.pool"
    with pytest.raises(InputError, match=words):
        experiment_of(keys, diversity_pool=3)
