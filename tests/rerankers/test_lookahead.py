"""The list of a user who may leave, among the re-rankers of a run."""

from typing import Any, Dict

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from toy_logs import log_of

from recbole_poem import Recommender, load, run_recbole_poem
from recbole_poem.core.errors import InputError
from recbole_poem.rerankers import Context
from recbole_poem.rerankers.lookahead import Lookahead, continuation_rates
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble

ITEMS = "item_id:token\tgenre:token\n" + "".join(
    f"i{n}\t{'drama' if n % 2 else 'comedy'}\n" for n in range(1, 26)
)


def frame(*rows: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


@pytest.fixture
def toy(write_dataset: Any) -> Any:
    """Users go on after item a, and leave after item b."""
    rows = []
    for user in range(20):
        start = 100_000 * user
        rows += [(f"u{user}", "a", start), (f"u{user}", "b", start + 60)]
        rows += [(f"u{user}", "a", start + 20_000), (f"u{user}", "b", start + 20_060)]
        rows += [(f"u{user}", "c", start + 50_000), (f"u{user}", "d", start + 50_060)]
    keys = write_dataset(frame(*rows))
    return assemble(
        Config(
            "SASRec",
            config_dict={
                **keys,
                "train_neg_sample_args": None,
                "topk": [2],
                "valid_metric": "MRR@2",
            },
        )
    )


def made(experiment: Any, **settings: Any) -> Lookahead:
    chosen = Lookahead.Settings(**settings)
    return Lookahead(chosen, experiment.config, experiment.test_data._dataset)


def test_rates_are_those_of_the_training_rows(toy: Any) -> None:
    log = toy.test_data._dataset.log
    ids = toy.dataset.field2token_id["item_id"]
    rates = continuation_rates(log, session=1800.0, prior=1e-9)
    assert rates[ids["a"]] == pytest.approx(1)
    assert rates[ids["b"]] == pytest.approx(0, abs=1e-9)
    later = log.item.copy()
    later[~log.training] = 1  # what is not of training tells nothing
    changed = type(log)(**{**log.__dict__, "item": later})
    assert np.array_equal(continuation_rates(changed, 1800.0, 1e-9), rates)


def test_a_session_that_goes_on_in_rows_that_are_held_out_did_not_end() -> None:
    """Leave-one-out takes two rows of each user; a split by time takes what comes behind it."""
    items, n_users = [1, 2, 3, 4, 5, 6], 9
    times = [9_000 * user + 60 * item for user in range(n_users) for item in items]
    log = log_of([items] * n_users, 7, times=times)
    one_out = log.with_training(log.item < 5)
    assert continuation_rates(one_out, 1800.0, 1e-9) == pytest.approx(1)  # nobody is seen to go
    by_time = log.with_training(log.user < n_users)
    rates = continuation_rates(by_time, 1800.0, 1e-9)
    assert rates[items].tolist() == pytest.approx([1, 1, 1, 1, 1, 0], abs=1e-9)


def test_a_prior_draws_to_the_usual_rate(toy: Any) -> None:
    rates = continuation_rates(toy.test_data._dataset.log, session=1800.0, prior=1e9)
    assert rates.std() < 1e-6


def test_what_lets_users_leave_comes_later(toy: Any) -> None:
    ids = toy.dataset.field2token_id["item_id"]
    item = torch.tensor([[ids["b"], ids["a"], ids["c"]]])
    score = torch.tensor([[1.0, 0.9, -torch.inf]])
    placed = made(toy, prior=0.01).rerank(Context(), item, score)
    assert placed.order.tolist() == [[1, 0, 2]]
    assert torch.equal(placed.score, score)


def test_beyond_the_list_the_order_stays(toy: Any) -> None:
    item = torch.tensor([[1, 2, 3, 4]])
    score = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    placed = made(toy, length=1).rerank(Context(), item, score)
    assert sorted(placed.order[0].tolist()) == [0, 1, 2, 3]
    rest = placed.order[0, 1:].tolist()
    assert rest == sorted(rest)


def test_requests_do_not_know_each_other(toy: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    item = torch.stack([torch.randperm(4, generator=generator) + 1 for _ in range(30)])
    score = torch.randn(30, 4, generator=generator).sort(descending=True).values
    reranker = made(toy, length=3)
    together = reranker.rerank(Context(), item, score).order
    for row in range(30):
        alone = reranker.rerank(Context(), item[row : row + 1], score[row : row + 1]).order
        assert torch.equal(alone[0], together[row])


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(3, n_users=40, n_items=25, longest=20)
    return {**write_dataset(log, item=ITEMS), "train_neg_sample_args": None}


def test_without_fatigue_a_wide_beam_is_the_exact_list(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config("SASRec", config_dict={**keys, "category_field": "genre"}))
    item = torch.arange(1, 6).repeat(20, 1)
    score = torch.randn(20, 5, generator=torch.Generator().manual_seed(1)).sort(descending=True)
    exact = made(experiment, length=3, session_minutes=0.03).rerank(Context(), item, score.values)
    beam = made(experiment, length=3, session_minutes=0.03, fatigue=1e-9, beam=60).rerank(
        Context(), item, score.values
    )
    assert torch.equal(exact.order, beam.order)


def test_fatigue_mixes_categories(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config("SASRec", config_dict={**keys, "category_field": "genre"}))
    ids = experiment.dataset.field2token_id["item_id"]
    names = ("i1", "i3", "i5", "i7", "i2", "i4")  # four dramas, two comedies
    item = torch.tensor([[ids[name] for name in names]])
    score = torch.tensor([[1.0, 0.98, 0.96, 0.94, 0.9, 0.88]])
    usual, tired = (
        made(experiment, length=4, fatigue=fatigue, beam=100, session_minutes=1e4)
        .rerank(Context(), item, score)
        .order[0]
        .tolist()
        for fatigue in (0.0, 0.9)
    )
    assert usual[:4] == [0, 1, 2, 3]
    assert sum(column >= 4 for column in tired[:2]) == 1  # a drama and a comedy come first


def test_fatigue_wants_categories(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config("SASRec", config_dict=keys))
    with pytest.raises(InputError, match=r"rerankers.lookahead.fatigue: the items have no cat"):
        made(experiment, fatigue=0.1)


def test_it_stands_in_an_evaluation(keys: Dict[str, Any]) -> None:
    config = {**keys, "rerankers": {"lookahead": {"length": 5, "pool": 10}}}
    experiment = assemble(
        Config("SASRec", config_dict={**config, "metrics": ["Hit"], "valid_metric": "Hit@10"})
    )
    plain = assemble(
        Config("SASRec", config_dict={**keys, "metrics": ["Hit"], "valid_metric": "Hit@10"})
    )
    plain.model.load_state_dict(experiment.model.state_dict())
    # the same ten items are on top in another order
    mine, usual = experiment.evaluate("test"), plain.evaluate("test")
    assert mine["hit@10"] == usual["hit@10"]


def test_it_answers_as_it_was_evaluated(keys: Dict[str, Any]) -> None:
    tiny = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "n_heads": 1, "epochs": 1}
    settings = {"length": 5, "pool": 10, "session_minutes": 0.05, "prior": 0.5}
    given = {**keys, **tiny, "rerankers": {"lookahead": settings}}
    result = run_recbole_poem("SASRec", config_dict=given)
    recommender = Recommender.load(result["model_file"])
    experiment = load(result["model_file"])
    log = experiment.test_data._dataset.log
    trained = continuation_rates(log, 3.0, 0.5)
    served = recommender.loaded.dataset.log
    assert np.array_equal(continuation_rates(served, 3.0, 0.5), trained)
    assert trained[1:].std() > 0  # else any order would do
    plain = Recommender.load(result["model_file"], {"rerankers": "none"})
    history = [list(experiment.dataset.field2id_token["item_id"][[3, 5, 7]])]
    mine, usual = (each.recommend(history, k=10) for each in (recommender, plain))
    assert sorted(mine["item"]) == sorted(usual["item"])
    ids = [experiment.dataset.token2id("item_id", token) for token in usual["item"]]
    scores = torch.tensor(usual["score"].to_numpy()).unsqueeze(0)
    placed = made(experiment, **settings).rerank(Context(), torch.tensor([ids]), scores)
    assert mine["item"].tolist() == [usual["item"][column] for column in placed.order[0].tolist()]
