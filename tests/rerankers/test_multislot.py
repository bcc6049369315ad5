"""The re-ranker that sees what stands above: known answers, what it learns, and what it refuses."""

from typing import Any, Dict

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log

from recbole_poem import load
from recbole_poem.benchmark.evaluation import recommend
from recbole_poem.core.errors import InputError
from recbole_poem.rerankers import Context
from recbole_poem.rerankers.multislot import MultiSlot
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import run_recbole_poem
from recbole_poem.training.registry import get_trainer

N_ITEMS = 24
ITEMS = "item_id:token\tgenre:token\n" + "".join(
    f"i{n}\t{'drama' if n % 2 else 'comedy'}\n" for n in range(N_ITEMS)
)
PLAIN = {"max_similarity": 0.0, "mean_similarity": 0.0, "same_category": 0.0}
LEARNED = dict.fromkeys(PLAIN)


def session_log(alike: bool, seed: int = 0) -> pd.DataFrame:
    """Users with three sessions of four rows: mostly of one genre each, or of both in turn."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(150):
        order = rng.permutation(N_ITEMS // 2)
        for session in range(3):
            kind = rng.integers(2)
            for place in range(4):
                item = 2 * order[4 * session + place] + kind
                time = 1e9 + 10**6 * user + 10**5 * session + 60 * place
                rows.append((f"u{user}", f"i{item}", time))
                kind = kind if (rng.random() < 0.8) == alike else 1 - kind
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def taste_log() -> pd.DataFrame:
    """Users of ten sessions of four rows who take one genre more often than not, come what may."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(200):
        taste = rng.choice([0.15, 0.85])
        for place in range(40):
            item = 2 * rng.integers(100) + int(rng.random() < taste)
            time = 1e9 + 10**7 * user + 10**5 * (place // 4) + 60 * place
            rows.append((f"u{user}", f"i{item}", time))
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {
        **write_dataset(session_log(alike=False), item=ITEMS),
        "category_field": "genre", "train_neg_sample_args": None, "topk": [5],
        "metrics": ["NDCG"], "valid_metric": "NDCG@5", "MAX_ITEM_LIST_LENGTH": 6, "epochs": 1,
    }  # fmt: skip


def experiment_of(keys: Dict[str, Any], model: str = "SASRec", **more: Any) -> Any:
    return assemble(Config(model, config_dict={**keys, **more}))


def made(experiment: Any, **settings: Any) -> MultiSlot:
    chosen = MultiSlot.Settings(**settings)
    return MultiSlot(chosen, experiment.config, experiment.test_data._dataset)


def candidates(n_requests: int, seed: int = 0) -> "tuple[torch.Tensor, torch.Tensor]":
    draws = torch.Generator().manual_seed(seed)
    item = torch.stack([torch.randperm(N_ITEMS, generator=draws) + 1 for _ in range(n_requests)])
    score = torch.randn(n_requests, N_ITEMS, generator=draws).sort(descending=True).values
    return item, score


def test_without_weights_the_order_stays(keys: Dict[str, Any]) -> None:
    item, score = candidates(20)
    placed = made(experiment_of(keys), **PLAIN).rerank(Context(), item, score)
    assert torch.equal(placed.order, torch.arange(N_ITEMS).expand_as(item))
    assert torch.equal(placed.score, score)


def test_the_order_of_the_candidates_does_not_matter(keys: Dict[str, Any]) -> None:
    item, score = candidates(20)
    score = score.round()  # many are worth the same
    reranker = made(experiment_of(keys), **{**PLAIN, "max_similarity": -0.7})
    lists = []
    for seed in range(3):
        other = torch.randperm(N_ITEMS, generator=torch.Generator().manual_seed(seed))
        placed = reranker.rerank(Context(), item[:, other], score[:, other])
        lists.append(item[:, other].gather(1, placed.order)[:, :10])
    assert torch.equal(lists[0], lists[1]) and torch.equal(lists[0], lists[2])


def test_requests_do_not_know_each_other_nor_parts(
    keys: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    item, score = candidates(20)
    reranker = made(experiment_of(keys), **LEARNED)
    together = reranker.rerank(Context(), item, score).order
    monkeypatch.setattr("recbole_poem.rerankers.multislot._CELLS", 1)
    assert torch.equal(reranker.rerank(Context(), item, score).order, together)
    none = reranker.rerank(Context(), item[:0], score[:0])
    assert none.order.shape == (0, N_ITEMS)


def test_beyond_the_list_the_order_stays_and_what_is_excluded_comes_last(
    keys: Dict[str, Any],
) -> None:
    item, score = candidates(20)
    score[:, 20:] = -torch.inf
    settings = {**PLAIN, "same_category": -5.0}
    order = made(experiment_of(keys), **settings, length=4).rerank(Context(), item, score).order
    rest = order[:, 4:]
    assert torch.equal(rest, rest.sort(dim=1).values)
    assert not torch.equal(order, torch.arange(N_ITEMS).expand_as(order))
    whole = made(experiment_of(keys), **settings, length=30).rerank(Context(), item, score).order
    assert (whole[:, 20:] >= 20).all()


@pytest.mark.parametrize("alike", [True, False])
def test_what_users_like_above_is_learned(
    keys: Dict[str, Any], write_dataset: Any, alike: bool
) -> None:
    given = {**keys, **write_dataset(session_log(alike), item=ITEMS)}
    weights = made(experiment_of(given), **LEARNED)._weights
    of_one_above = sum(weights[:3])  # all three features are 1 or 0 then
    assert of_one_above == pytest.approx(np.log(4) if alike else -np.log(4), abs=0.4)
    assert weights[3] == 0  # which was given


def test_what_a_user_likes_anyhow_is_no_matter_of_the_list(
    keys: Dict[str, Any], write_dataset: Any
) -> None:
    items = "item_id:token\tgenre:token\n" + "".join(f"i{n}\t{n % 2}\n" for n in range(200))
    given = {**keys, **write_dataset(taste_log(), item=items)}
    reranker = made(experiment_of(given), max_similarity=0.0, mean_similarity=None)
    weight = reranker._weights[1]
    assert abs(weight) < 0.6  # 1.5 if taste were not told from the list


def test_a_given_weight_is_kept_and_the_others_make_up_for_it(keys: Dict[str, Any]) -> None:
    experiment = experiment_of(keys)
    free = made(experiment, mean_similarity=None, max_similarity=0.0, shrinkage=1e-6)._weights
    given = {"max_similarity": 0.0, "same_category": -1.0, "shrinkage": 1e-6}
    held = made(experiment, mean_similarity=None, **given)._weights
    assert held[2] == -1
    assert held[1] == pytest.approx(free[1] + 1, abs=0.01)


def test_new_items_come_first_where_they_are_wanted(keys: Dict[str, Any]) -> None:
    experiment = experiment_of(keys)
    log = experiment.test_data._dataset.log
    born: Dict[int, float] = {}
    for one, time in zip(log.item[log.training], log.time[log.training]):
        born[int(one)] = min(time, born.get(int(one), np.inf))
    item, _ = candidates(1)
    order = (
        made(experiment, **PLAIN, freshness=1.0)
        .rerank(Context(), item, torch.zeros(item.shape))
        .order
    )
    times = [born.get(int(one), np.inf) for one in item[0, order[0, :10]]]
    assert times == sorted(times, reverse=True)
    assert times[0] > times[-1]


def test_the_same_rows_teach_the_same_weights(keys: Dict[str, Any]) -> None:
    one, two = (made(experiment_of(keys), **LEARNED, n_rows=50)._weights for _ in range(2))
    assert one == two
    assert made(experiment_of(keys, seed=5), **LEARNED, n_rows=50)._weights != one


def test_embeddings_of_the_model_may_say_what_is_alike(keys: Dict[str, Any]) -> None:
    experiment = experiment_of({**keys, "category_field": None})
    reranker = made(experiment, **{**PLAIN, "max_similarity": -9.0}, similarity="embeddings")
    assert reranker.reads_states
    embedding = torch.zeros(N_ITEMS + 1, 2)
    embedding[1:13, 0], embedding[13:, 1] = 3.0, 0.1  # the length says nothing
    item, score = torch.tensor([[1, 2, 13, 14]]), torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    placed = reranker.rerank(Context(torch.zeros(1, 1, 2), embedding), item, score)
    assert placed.order.tolist() == [[0, 2, 1, 3]]


SERVED = {
    "learned": {"model": "SASRec", "loss_type": "CE", "rerankers": {"multislot": LEARNED}},
    "embeddings": {
        "model": "POEM",
        "preset": "comirec",
        "rerankers": {"multislot": {"max_similarity": -9.0, "similarity": "embeddings"}},
    },
}


@pytest.mark.parametrize("name", SERVED)
def test_answers_are_the_lists_of_the_evaluation(keys: Dict[str, Any], name: str) -> None:
    given = {**keys, **SERVED[name], "mask_seen": True}
    path = str(run_recbole_poem(config_dict=given)["model_file"])
    experiment = load(path)
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    expected = recommend(trainer, experiment.test_data, k=5)
    log, dataset = experiment.test_data._dataset.log, experiment.dataset
    last = {dataset.id2token("user_id", user): row for row, user in enumerate(log.user)}
    rows = [last[user] for user in expected.user]
    histories = [
        dataset.id2token("item_id", log.item[log.first[row] : row]).tolist() for row in rows
    ]
    answers = Recommender.load(path).recommend(histories, k=5)["item"].to_numpy().reshape(-1, 5)
    lists = dataset.id2token("item_id", expected.top["masked"])
    np.testing.assert_array_equal(answers, lists)
    plain = Recommender.load(path, {"rerankers": "none"}).recommend(histories, k=5)["item"]
    assert (plain.to_numpy().reshape(-1, 5) != lists).any()


def test_what_it_lacks_is_said(keys: Dict[str, Any]) -> None:
    key = "rerankers.multislot"
    chosen = {"rerankers": "multislot"}
    with pytest.raises(InputError, match=f"{key}: the items have no categories"):
        experiment_of(keys, **chosen, category_field=None)
    of_embeddings = {**chosen, f"{key}.similarity": "embeddings"}
    with pytest.raises(InputError, match=f"{key}: it reads user states, and SASRec gives"):
        experiment_of(keys, **of_embeddings)
    with pytest.raises(InputError, match=f"{key}.mean_similarity: weights are learned before"):
        experiment_of(keys, **of_embeddings, **{f"{key}.mean_similarity": None})
    with pytest.raises(InputError, match=f"{key}.same_category: expected a number, or ~ to learn"):
        experiment_of(keys, **chosen, **{f"{key}.same_category": "yes"})


def test_without_a_log_no_weight_is_learned_and_no_age_is_known(keys: Dict[str, Any]) -> None:
    key = "rerankers.multislot"
    negatives = {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
    given = {**keys, **negatives, "rerankers": "multislot", "model": "BPR"}
    experiment_of(given, model="BPR")
    with pytest.raises(InputError, match=f"{key}.same_category: BPR keeps no log of .* a number"):
        experiment_of(given, model="BPR", **{f"{key}.same_category": None})
    with pytest.raises(InputError, match=f"{key}.freshness: BPR keeps no log of .* give 0"):
        experiment_of(given, model="BPR", **{f"{key}.freshness": 1.0})


def test_a_log_without_second_lists_is_told(
    write_dataset: Any, keys: Dict[str, Any], caplog: Any
) -> None:
    log = random_log(3, n_users=20, n_items=N_ITEMS, longest=6)
    experiment = experiment_of({**keys, **write_dataset(log, item=ITEMS)})
    with caplog.at_level("WARNING"):
        assert made(experiment, **LEARNED)._weights == [0.0, 0.0, 0.0, 0.0]
    assert "no training row stands on a second list of its user" in caplog.text
