"""A model that reads several previous rankings: what it learns, and what it leaves as it was."""

from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from toy_poem import SMALL, make, rows, wake

from recbole_poem import Recommender, run_recbole_poem
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import (
    CACHE_ITEM,
    CACHE_SCORE,
    DRAW_ID,
    OLDER,
    RANKING_DRAW,
    RANKING_PLACE,
    REQUEST_ID,
)
from recbole_poem.models.ranking_side import Read
from recbole_poem.serving.interest import Interests
from recbole_poem.serving.replay.play import open_experiment
from recbole_poem.training.experiment import Experiment


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}


def read(experiment: Experiment, batch: Any) -> Read:
    model = experiment.model.eval()
    with torch.no_grad():
        found: Read = model.ranking_side.of_rows(model.item_embedding.weight, batch)
    return found


# -- one ranking -----------------------------------------------------------------------------------


def test_a_model_that_reads_one_ranking_is_what_it_was(keys: Dict[str, Any]) -> None:
    one, three = make(keys), make(keys, n_rankings=3)
    own, more = one.model.state_dict(), three.model.state_dict()
    assert set(more) - set(own) == {"ranking_side.ages.value"}
    assert all(torch.equal(more[name], value) for name, value in own.items())
    batch, wide = (next(iter(each.train_data)) for each in (one, three))
    assert set(wide.interaction) - set(batch.interaction) == {RANKING_PLACE, RANKING_DRAW}
    assert batch[CACHE_ITEM].shape[:2] == batch[DRAW_ID].shape
    tested, widely = rows(one), rows(three)
    assert set(widely.interaction) - set(tested.interaction) == {
        OLDER[name] for name in (CACHE_ITEM, CACHE_SCORE)
    }
    assert all(torch.equal(widely[name], tested[name]) for name in tested.interaction)


def test_where_the_youngest_alone_weighs_it_is_the_model_that_reads_one(
    keys: Dict[str, Any],
) -> None:
    one, three = make(keys), make(keys, n_rankings=3)
    wake(one.model)
    three.model.load_state_dict(
        {**one.model.state_dict(), "ranking_side.ages.value": torch.tensor([0.0, -99, -99])}
    )
    batch = rows(three)
    known = (batch[CACHE_ITEM] > 0).any(dim=1)
    assert 20 < known.sum() <= len(known)
    narrow, wide = (
        each.model.eval().full_sort_predict(batch).view(len(batch), -1) for each in (one, three)
    )
    torch.testing.assert_close(narrow[known], wide[known], atol=1e-5, rtol=1e-5)


# -- what is read ----------------------------------------------------------------------------------


def test_rows_carry_the_rankings_before_theirs_and_nothing_later(keys: Dict[str, Any]) -> None:
    experiment = make(keys, n_rankings=3)
    dataset = experiment.test_data._dataset
    batch, older = rows(experiment), OLDER[CACHE_ITEM]
    requests = batch[REQUEST_ID].numpy()
    assert batch[older].shape == (len(batch), 2, batch[CACHE_ITEM].shape[1])
    for age, items in enumerate((batch[CACHE_ITEM], *batch[older].unbind(1)), 1):
        assert torch.equal(items, dataset.rankings(requests, lag=age)[CACHE_ITEM])
        assert (items > 0).any()
    single = dataset[torch.tensor(3)]
    assert torch.equal(single[older], batch[older][3])


def test_the_target_is_hidden_in_every_ranking(keys: Dict[str, Any]) -> None:
    plain, hidden = (rows(make(keys, n_rankings=3, hide_target=hide)) for hide in (False, True))
    items, without = plain[OLDER[CACHE_ITEM]], hidden[OLDER[CACHE_ITEM]]
    target = plain["item_id"].view(-1, 1, 1)
    assert (items == target).any()
    assert torch.equal(without, torch.where(items == target, 0, items))


def test_a_shuffled_cache_shows_the_rankings_of_others_at_every_age(keys: Dict[str, Any]) -> None:
    plain, shuffled = (make(keys, n_rankings=3, shuffle_rankings=each) for each in (False, True))
    older = OLDER[CACHE_ITEM]
    assert not torch.equal(rows(plain)[older], rows(shuffled)[older])
    for batch in shuffled.train_data:
        assert_each_once(shuffled, batch)


def assert_each_once(experiment: Experiment, batch: Any) -> None:
    """Check that a training batch has what its requests read, and nothing twice."""
    dataset = experiment.train_data._dataset
    asks = batch[REQUEST_ID] >= 0
    place = batch[RANKING_PLACE]
    for age in range(3):
        alone = dataset.rankings(batch[REQUEST_ID].numpy(), lag=1 + age)
        for name in (CACHE_ITEM, CACHE_SCORE):
            assert torch.equal(batch[name][place[..., age]][asks], alone[name][asks])
    told = torch.cat([batch[RANKING_DRAW].unsqueeze(1), batch[CACHE_ITEM]], dim=1)
    assert len(told.unique(dim=0)) == len(told)


def test_a_training_batch_holds_each_ranking_once(keys: Dict[str, Any]) -> None:
    experiment = make(keys, n_rankings=3, requests_per_window=6)
    for batch in experiment.train_data:
        assert_each_once(experiment, batch)
        n_asked = int((batch[REQUEST_ID] >= 0).sum())
        assert len(batch[CACHE_ITEM]) < 1.3 * n_asked  # of 3 for each


@pytest.mark.parametrize("reader", ["ridge", "partial_order"])
def test_reading_each_ranking_once_reads_what_every_request_would(
    keys: Dict[str, Any], reader: str
) -> None:
    keys = {key: value for key, value in keys.items() if not key.startswith("ranking_reader")}
    every = {"name": "partial_order", "group_samples": 8}  # all candidates: no draw counts
    experiment = make(
        keys, n_rankings=3, ranking_reader=every if reader == "partial_order" else reader
    )
    model, batch = experiment.model.eval(), next(iter(experiment.train_data))
    with torch.no_grad():
        model.ranking_side.ages.value.copy_(torch.tensor([0.3, -0.2, 0.1]))
        asks = batch[REQUEST_ID] >= 0
        table = model.item_embedding.weight
        found = model.ranking_side.of_windows(table, batch, asks)
        requests = batch[REQUEST_ID][asks]
        dataset = experiment.train_data._dataset
        of_age = [dataset.rankings(requests.numpy(), lag=1 + age) for age in range(3)]
        alone = {name: of_age[0][name] for name in (CACHE_ITEM, CACHE_SCORE)}
        older = {
            OLDER[name]: torch.stack([each[name] for each in of_age[1:]], dim=1) for name in alone
        }
        expected = read(experiment, {**alone, **older, REQUEST_ID: requests})
    assert torch.equal(found.known, expected.known)
    known = found.known[:, 0]
    assert known.sum() > 50
    torch.testing.assert_close(found.state[known], expected.state[known], atol=1e-5, rtol=1e-4)
    for one, two in zip(found.ranking[:4], expected.ranking[:4]):
        assert torch.equal(one, two)


def test_the_order_of_the_ages_matters_and_the_head_reads_the_youngest_alone(
    keys: Dict[str, Any],
) -> None:
    experiment = make(keys, n_rankings=3)
    batch, turned = rows(experiment), rows(experiment)
    for name in (CACHE_ITEM, CACHE_SCORE):
        turned[OLDER[name]] = turned[OLDER[name]].flip(1)
    one, two = read(experiment, batch), read(experiment, turned)
    differ = (batch[OLDER[CACHE_ITEM]] != turned[OLDER[CACHE_ITEM]]).any(dim=(1, 2))
    assert differ.sum() > 20
    moved = (one.state != two.state).any(dim=1)
    assert torch.equal(moved & one.known[:, 0], differ & one.known[:, 0])
    assert torch.equal(one.ranking.items, batch[CACHE_ITEM])
    assert torch.equal(one.ranking.fused, two.ranking.fused)


# -- learning --------------------------------------------------------------------------------------


def told_two_requests_ahead(n_users: int = 120, length: int = 11) -> Tuple[pd.DataFrame, str]:
    """Make a log, and rankings of which every other one names what comes two requests later.

    The others hold one candidate, which is consumed at their request: who reads them reads nothing.
    The last row of every user is told by the ranking two requests before it.
    """
    rng = np.random.default_rng(0)
    items = np.stack([rng.permutation(40)[:length] for _ in range(n_users)])
    log = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), length),
            "item_id": [f"i{item}" for item in items.ravel()],
            "rating": 4.0,
            "timestamp": np.tile(np.arange(length, dtype=float), n_users),
        }
    )
    lines: List[str] = ["user_id:token\ttimestamp:float\titem_id:token\tclick:float"]
    for user, own in enumerate(items):
        never = np.setdiff1d(np.arange(40), own)
        for time in range(length):
            told = [own[time]]
            if time % 2 == 0 and time + 2 < length:
                told = [own[time + 2], *rng.choice(never, 4, replace=False)]
            lines += [f"{user}\t{time}\ti{item}\t{-rank}" for rank, item in enumerate(told)]
    return log, "\n".join(lines) + "\n"


@pytest.mark.parametrize(("n_rankings", "least", "most"), [(1, 0.0, 0.2), (2, 0.6, 1.0)])
def test_where_the_youngest_is_empty_the_one_before_it_answers(
    write_dataset: Any, n_rankings: int, least: float, most: float
) -> None:
    log, rankings = told_two_requests_ahead()
    keys = {
        **write_dataset(log, cand=rankings),
        "model": "POEM",
        "n_rankings": n_rankings,
        "MAX_ITEM_LIST_LENGTH": 10,
        "requests_per_window": 10,
        "hidden_size": 32,
        "inner_size": 32,
        "history_encoder": {"name": "transformer"},
        "n_layers": 1,
        "ranking_source": {"name": "logged", "n_candidates": 5},
        "ranking_reader": "ridge",
        "ranking_training": "joint",
        "logit_terms": [],
        "losses": ["feedback"],
        "learning_rate": 0.02,
        "train_batch_size": 200,
        "ema_decay": 0,
        "epochs": 25,
        "eval_step": 25,
        "topk": [1],
        "valid_metric": "hit@1",
    }
    hits = run_recbole_poem(config_dict=keys)["test_result"]["hit@1"]
    assert least <= hits <= most


def test_it_trains_is_recorded_and_answers_as_it_is_evaluated(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "n_rankings": 3, "epochs": 2})
    recommender = Recommender.load(result["model_file"])
    assert recommender.needs.n_rankings == 3
    batch = rows(make(keys, n_rankings=3))
    interests = Interests(recommender.model, batch[:2])
    assert isinstance(interests._recorded, torch.jit.ScriptModule)
    with torch.no_grad():
        expected = recommender.model(batch)
    for one, two in zip(interests(batch), expected):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("number", [0, 4, 1.5, True])
def test_more_rankings_than_three_are_refused(keys: Dict[str, Any], number: Any) -> None:
    words = f"^n_rankings: expected a whole number from 1 to 3, not {number}"
    with pytest.raises(InputError, match=words):
        make(keys, n_rankings=number)


def test_a_replay_refuses_what_a_store_of_one_ranking_cannot_tell(keys: Dict[str, Any]) -> None:
    path = run_recbole_poem(config_dict={**keys, "n_rankings": 2, "epochs": 1})["model_file"]
    with pytest.raises(InputError, match=r"n_rankings is 2, and a replay keeps the last ranking"):
        open_experiment(path)
