"""Users by name: what they get is what their histories, times and rankings get when given."""

import shutil
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd
import pytest
from conftest import random_log
from toy_caches import padded

from recbole_poem import load
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.serving.query import Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.quick_start import run_recbole_poem

SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "topk": [1, 5],
    "epochs": 1,
    "train_batch_size": 60,
    "valid_metric": "NDCG@5",
}
OF_SASREC = {
    "model": "SASRec",
    "MAX_ITEM_LIST_LENGTH": 6,
    "topk": [1, 5],
    "epochs": 1,
    "valid_metric": "NDCG@5",
    "train_neg_sample_args": None,
}


@pytest.fixture
def log() -> pd.DataFrame:
    return random_log(1, n_users=40, n_items=25, longest=20, ties=False)


@pytest.fixture
def keys(write_dataset: Any, log: pd.DataFrame) -> Dict[str, Any]:
    return dict(write_dataset(log))


def trained(*parts: Dict[str, Any]) -> str:
    return str(run_recbole_poem(config_dict=laid(*parts))["model_file"])


def by_hand(log: pd.DataFrame, users: List[str]) -> Dict[str, Any]:
    """Return all that a log says of users, as a client gives it."""
    rows = [log[log["user_id"] == user].sort_values("timestamp") for user in users]
    return {
        "histories": [of_one["item_id"].tolist() for of_one in rows],
        "item_times": [of_one["timestamp"].tolist() for of_one in rows],
    }


def last_rankings(path: str, users: List[str], lag: int) -> List[Any]:
    """Return what the ranking stage said at the last requests but some, less what came since."""
    split = load(path).train_data._dataset
    tokens = np.array([str(name) for name in split.field2id_token["item_id"]], object)
    whole, whole_scores = padded(split.cache)
    found: List[Any] = []
    for user in users:
        rows = np.flatnonzero(split.log.user == split.token2id("user_id", user))
        if len(rows) < lag:
            found.append(None)
            continue
        items, scores = whole[rows[-lag]], whole_scores[rows[-lag]]
        ranking = Ranking.of(tokens[items[items > 0]].tolist(), split.objectives, scores[items > 0])
        found.append(ranking.without(tokens[split.log.item[rows[-lag:]]].tolist()))
    return found


@pytest.mark.parametrize("lag", [1, 2])
def test_a_user_gets_what_the_history_and_the_last_ranking_get(
    keys: Dict[str, Any], log: pd.DataFrame, lag: int
) -> None:
    path = trained(keys, SMALL, {"request_lag": lag})
    recommender, users = Recommender.load(path), ["u7", "u0", "u30", "u12"]
    found = recommender.recommend(users=users, k=4)
    assert found["request"].tolist() == [user for user in users for _ in range(4)]
    given = by_hand(log, users)
    assert sorted(map(len, given["histories"]))[0] == 1
    rankings = last_rankings(path, users, lag)
    expected = recommender.recommend(**given, rankings=rankings, k=4)
    assert found["item"].tolist() == expected["item"].tolist()
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-5)
    without = recommender.recommend(users=users, rankings=[None] * 4, k=4)
    np.testing.assert_allclose(without["score"], recommender.recommend(**given, k=4)["score"], 1e-5)
    assert not np.allclose(without["score"], found["score"], rtol=1e-4)


def test_a_model_of_several_rankings_reads_those_of_the_last_requests(
    keys: Dict[str, Any], log: pd.DataFrame
) -> None:
    path = trained(keys, SMALL, {"n_rankings": 3})
    recommender, users = Recommender.load(path), ["u7", "u0", "u30", "u12"]
    found = recommender.recommend(users=users, k=4)
    given = by_hand(log, users)
    by_age = [last_rankings(path, users, lag) for lag in (1, 2, 3)]
    rankings = [list(of_one) for of_one in zip(*by_age)]
    assert sum(None in of_one for of_one in rankings) in (1, 2, 3)  # some have fewer requests
    expected = recommender.recommend(**given, rankings=rankings, k=4)
    assert found["item"].tolist() == expected["item"].tolist()
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-5)
    youngest = recommender.recommend(**given, rankings=by_age[0], k=4)
    listed = recommender.recommend(**given, rankings=[[each] for each in by_age[0]], k=4)
    np.testing.assert_array_equal(youngest["score"], listed["score"])
    assert not np.array_equal(youngest["score"], expected["score"])
    with pytest.raises(InputError, match=r"request 1: 4 rankings .* model reads 3 \(n_rankings\)"):
        recommender.recommend([["i1"]] * 2, rankings=[None, [None] * 4])
    with pytest.raises(InputError, match="rankings: request 0 has a str, not a Ranking or None"):
        recommender.recommend([["i1"]], rankings=[["i1"]])
    queries = [Query(["i1"], *several[:1], older=several[1:]) for several in rankings]
    answers = recommender.answer(queries)
    of_list = recommender.recommend([["i1"]] * 4, rankings=rankings, k=10)
    assert [item for answer in answers for item in answer.items] == of_list["item"].tolist()
    with pytest.raises(InputError, match="older: query 0 has a Ranking, not a list"):
        recommender.answer([Query(["i1"], older=rankings[0][0])])


def test_limits_draws_and_times_hold_for_users_as_well(
    keys: Dict[str, Any], log: pd.DataFrame
) -> None:
    recommender = Recommender.load(trained(keys, OF_SASREC))
    limits: Dict[str, Any] = {"k": 3, "filter_seen": False, "deny": ["i4"], "times": [1.7e9]}
    found = recommender.recommend(users=("u9",), **limits)
    expected = recommender.recommend(by_hand(log, ["u9"])["histories"], **limits)
    assert found["item"].tolist() == expected["item"].tolist()
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-5)
    assert recommender.recommend(users=[]).empty
    with pytest.raises(InputError, match="draws: 1 for 2 requests"):
        recommender.recommend(users=["u9", "u8"], draws=[1])


def test_every_user_with_a_row_is_known(keys: Dict[str, Any], log: pd.DataFrame) -> None:
    known = Recommender.load(trained(keys, OF_SASREC)).known_users
    assert set(known.tokens) == set(log["user_id"])
    assert len(known) == 40
    latest = log.groupby("user_id")["timestamp"].max()
    assert (np.diff(latest[known.tokens[known.latest_first]]) <= 0).all()
    short = known.histories(known.places(["u12", "u0"]), longest=3)
    whole = known.histories(known.places(["u12", "u0"]))
    assert short.length.tolist() == [3, 1]
    np.testing.assert_array_equal(short.item, whole.item[-4:])
    np.testing.assert_array_equal(short.time, whole.time[-4:])


def test_without_a_request_cache_users_are_asked_for_without_a_ranking(
    keys: Dict[str, Any], log: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = trained(keys, SMALL)
    shutil.rmtree(tmp_path / "saved" / "request_cache")
    recommender = Recommender.load(path)
    found = recommender.recommend(users=["u12"], k=4)
    recommender.recommend(users=["u13"], k=4)
    told = [record.message for record in caplog.records if "no request cache" in record.message]
    assert len(told) == 1
    assert str(tmp_path / "saved" / "request_cache" / "toy") in told[0]
    assert not (tmp_path / "saved" / "request_cache").exists()  # nothing is built
    expected = recommender.recommend(**by_hand(log, ["u12"]), k=4)
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-5)


WRONG: List[Tuple[Dict[str, Any], str]] = [
    ({"users": ["u1", "u99", "x"]}, "has no user 'u99', nor 1 more of those asked for; the near"),
    ({"users": ["u77"]}, "^users: the data set toy has no user 'u77'; the nearest is 'u7'$"),
    ({"users": ["u1", "u2", "u1"]}, "users: 'u1' is there twice; name each user once"),
    ({"users": "u1"}, "users: expected a list of user tokens, not the string 'u1'"),
    ({"users": [None]}, "users: expected a text or a whole number, not None at place 0"),
    ({"users": ["u1"], "histories": [["i1"]]}, "users: their histories are those of the data"),
    ({"users": ["u1"], "item_times": [[1]]}, "users: their histories are those of the data"),
    ({}, "recommend: give histories, or users of the data set"),
]


def test_what_is_wrong_is_named(keys: Dict[str, Any]) -> None:
    recommender = Recommender.load(trained(keys, OF_SASREC))
    for arguments, words in WRONG:
        with pytest.raises(InputError, match=words):
            recommender.recommend(**arguments)
