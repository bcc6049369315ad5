"""Ranks and lists of a trained model, against RecBole's own metrics and a slow reference."""

from typing import Any, Dict

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log

from recbole_poem.benchmark import ranking
from recbole_poem.benchmark.evaluation import as_sequential, rank_targets, recommend
from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

KEYS = {
    "topk": [1, 5],
    "metrics": ["Hit", "NDCG", "MRR"],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 12,
    "MAX_ITEM_LIST_LENGTH": 6,
}


def experiment_of(keys: Dict[str, Any], model: str, **more: Any) -> Any:
    return assemble(Config(model, config_dict={**keys, **KEYS, **more}))


@pytest.fixture
def log() -> Any:
    """No user has an item twice: of general models RecBole masks a target that was seen before."""
    everything = random_log(3, n_users=40, n_items=25, longest=20)
    return everything.drop_duplicates(["user_id", "item_id"])


@pytest.fixture
def keys(write_dataset: Any, log: Any) -> Dict[str, Any]:
    return write_dataset(log)


@pytest.mark.parametrize("positive", [None, {"rating": "[4,inf)"}], ids=["all", "positive"])
@pytest.mark.parametrize("model", ["POEM", "GRU4Rec", "BPR"])
def test_both_protocols_equal_recboles_own_figures(
    keys: Dict[str, Any], model: str, positive: Any
) -> None:
    keys["positive_feedback"] = positive
    masked, plain = experiment_of(keys, model, mask_seen=True), experiment_of(keys, model)
    masked.model.load_state_dict(plain.model.state_dict())
    trainer = get_trainer(masked.config)(masked.config, masked.model)
    found = recommend(trainer, masked.test_data, k=5)
    expected = {"masked": masked.evaluate("test")}
    if model in ("POEM", "GRU4Rec"):  # of other models RecBole always masks
        expected["recbole"] = plain.evaluate("test")
    n_items = masked.dataset.item_num
    for protocol, figures in expected.items():
        mine = ranking.metrics(found.rank[protocol], found.top[protocol], [1, 5], n_items)
        for k in (1, 5):
            assert mine[f"HR@{k}"] == pytest.approx(figures[f"hit@{k}"])
            assert mine[f"NDCG@{k}"] == pytest.approx(figures[f"ndcg@{k}"])
            assert mine[f"MRR@{k}"] == pytest.approx(figures[f"mrr@{k}"])
    assert (found.rank["masked"] <= found.rank["recbole"]).all()
    assert (found.rank["masked"] < found.rank["recbole"]).any()


BY_TIME = {"split": {"split_by_time": {"valid": "6 seconds", "test": "8 seconds"}}, "order": "TO"}


@pytest.mark.parametrize("phase", ["valid", "test"])
@pytest.mark.parametrize("more", [{}, {"eval_args": BY_TIME}], ids=["leave one out", "by time"])
def test_rows_are_the_same_ones_whatever_the_model(
    write_dataset: Any, phase: str, more: Dict[str, Any]
) -> None:
    keys = write_dataset(random_log(3, n_users=40, n_items=25, longest=20))
    found = []
    for model in ("GRU4Rec", "BPR"):
        experiment = experiment_of(keys, model, mask_seen=True, eval_batch_size=60, **more)
        trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
        loader = {"valid": experiment.valid_data, "test": experiment.test_data}[phase]
        found.append(recommend(trainer, loader, k=5))
    general = as_sequential(found[1], experiment.dataset, loader._dataset, phase)
    assert len(general.user) != len(found[1].user), "the log has rows that one of them lacks"
    assert found[0].user.tolist() == general.user.tolist() == sorted(general.user)
    assert found[0].target.tolist() == general.target.tolist()
    rank = dict(zip(zip(found[1].user, found[1].target), found[1].rank["masked"]))
    for user, target, place in zip(general.user, general.target, general.rank["masked"]):
        assert rank[user, target] == place
    for protocol in ("recbole", "masked"):
        assert len(general.rank[protocol]) == len(general.top[protocol]) == len(general.user)


@pytest.mark.parametrize("phase", ["valid", "test"])
@pytest.mark.parametrize("more", [{}, {"eval_args": BY_TIME}], ids=["leave one out", "by time"])
def test_of_rows_that_are_no_targets_all_models_know_as_much_and_have_seen_the_items(
    write_dataset: Any, phase: str, more: Dict[str, Any]
) -> None:
    """Give both models the same scores: the ranks of all targets have to be the same."""
    log = random_log(3, n_users=40, n_items=25, longest=20)
    keys = {**write_dataset(log), "positive_feedback": {"rating": "[4,inf)"}, "mask_seen": True}
    scores, found = torch.rand(25 + 1), []
    for model in ("GRU4Rec", "BPR"):
        experiment = experiment_of(keys, model, eval_batch_size=60, **more)
        trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
        loader = {"valid": experiment.valid_data, "test": experiment.test_data}[phase]
        by_token = scores[[int(t[1:]) if t != "[PAD]" else 25 for t in items_of(experiment)]]
        experiment.model.full_sort_predict = lambda batch, s=by_token: s.repeat(len(batch), 1)
        found.append(recommend(trainer, loader, k=5))
    general = as_sequential(found[1], experiment.dataset, loader._dataset, phase)
    assert found[0].user.tolist() == general.user.tolist()
    assert found[0].target.tolist() == general.target.tolist()
    assert len(general.user) > 20
    for protocol in ("recbole", "masked"):
        repeated = pd.Series(list(zip(general.user, general.target))).duplicated(keep=False)
        same = found[0].rank[protocol] == general.rank[protocol]
        assert same[~repeated].all()
    assert (general.rank["masked"] < general.rank["recbole"]).any()


def items_of(experiment: Any) -> Any:
    dataset = experiment.dataset
    return dataset.id2token(dataset.iid_field, np.arange(dataset.item_num))


def test_ties_go_to_the_lower_item() -> None:
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.integers(0, 4, (50, 20))).float()
    target = torch.from_numpy(rng.integers(1, 20, 50))
    order = (-scores).argsort(dim=1, stable=True)
    expected = 1 + (order == target.unsqueeze(1)).nonzero()[:, 1]
    assert torch.equal(rank_targets(scores, target), expected)


def test_what_is_nan_or_sampled_is_refused(keys: Dict[str, Any]) -> None:
    experiment = experiment_of(keys, "GRU4Rec")
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    with torch.no_grad():
        experiment.model.item_embedding.weight[3] = float("nan")
    with pytest.raises(InputError, match="GRU4Rec scores an item NaN"):
        recommend(trainer, experiment.test_data, k=5)
    sampled = experiment_of(
        keys,
        "GRU4Rec",
        eval_args={"mode": "uni10", "order": "TO", "split": {"LS": "valid_and_test"}},
    )
    with pytest.raises(InputError, match="eval_args: the benchmark ranks the whole catalogue"):
        recommend(trainer, sampled.test_data, k=5)
