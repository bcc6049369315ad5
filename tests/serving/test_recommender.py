"""Answers to raw histories: those of the evaluation, and what no evaluation meets."""

from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log

from recbole_poem import load
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, REQUEST_ID, TREND_STEP
from recbole_poem.serving.query import Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.quick_start import run_recbole_poem

SMALL = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "topk": [1, 5],
    "epochs": 2,
    "train_batch_size": 60,
    "valid_metric": "NDCG@5",
}
DAY = 1.6e9  # the log begins then
OF_SASREC = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
    "epochs": 1,
    "train_neg_sample_args": None,
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return write_dataset(random_log(1, n_users=40, n_items=25, longest=20))


def trained(keys: Dict[str, Any], **more: Any) -> str:
    own = SMALL if more["model"] == "POEM" else OF_SASREC
    return str(run_recbole_poem(config_dict=laid(keys, own, more))["model_file"])


def after(*seconds: int) -> List[List[float]]:
    """Return the times of one history, so long after the log has begun."""
    return [[DAY + each for each in seconds]]


def tokens(dataset: Any, ids: Any) -> List[str]:
    return [str(token) for token in dataset.id2token(dataset.iid_field, np.asarray(ids))]


def histories_of(dataset: Any, requests: Any) -> "tuple[List[List[str]], List[List[float]]]":
    """Return all that was consumed before some requests, and when."""
    log = dataset.log
    rows = [slice(log.first[row], row) for row in requests.tolist()]
    return [tokens(dataset, log.item[of]) for of in rows], [log.time[of].tolist() for of in rows]


TREND, HOUR = "logit_terms.popularity_trend", "logit_terms.hour_of_day"


def rankings_of(dataset: Any, batch: Any) -> List[Ranking]:
    """Return what rows of the data set read, as a client of the service would hold it."""
    found = []
    for items, scores in zip(batch[CACHE_ITEM], batch[CACHE_SCORE]):
        kept = items > 0
        names = list(dataset.cache.objectives)
        # another order of the objectives, and one that the model does not read
        columns = np.c_[np.zeros(int(kept.sum())), scores[kept].numpy()[:, ::-1]]
        found.append(Ranking.of(tokens(dataset, items[kept]), ["other", *names[::-1]], columns))
    return found


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("POEM", {}),
        ("POEM", {"ranking_reader": "none"}),
        ("POEM", {"history_encoder": "transformer"}),
        ("POEM", {"row_features": "none"}),
        ("POEM", {"preset": "umre", "ranking_reader": "ridge"}),
        ("POEM", {"preset": "harmonrank"}),
        ("POEM", {TREND: {"hours": [0.004], "step": 0.002}}),
        ("POEM", {TREND: {"hours": [0.004], "weights": [0.6], "step": 0.002}}),
        ("POEM", {TREND: {"hours": [0.004], "step": 0.002}, HOUR: {"weight": 0.7, "days": 2}}),
        ("POEM", {HOUR: {"hours": 5, "weight": 0.3, "days": 2}}),
        ("SASRec", {"loss_type": "CE"}),
        ("SASRec", {TREND: {"hours": [0.004], "weights": [0.6], "step": 0.002}, HOUR: {}}),
        ("GRU4Rec", {"loss_type": "CE"}),
        ("BERT4Rec", {}),
        ("SASRecF", {"selected_features": ["item_id"], "pooling_mode": "sum"}),
    ],
)
def test_users_of_the_data_set_get_what_the_evaluation_scores(
    keys: Dict[str, Any], model: str, more: Dict[str, Any]
) -> None:
    path = trained(keys, model=model, **more)
    experiment, recommender = load(path), Recommender.load(path)
    split = experiment.test_data._dataset
    batch = split[torch.arange(len(split.inter_feat))]
    with torch.no_grad():
        expected = experiment.model.eval().full_sort_predict(batch).view(len(batch), -1)
    expected[:, 0] = -torch.inf
    histories, times = histories_of(split, batch[REQUEST_ID])
    reads = bool(recommender.objectives)
    found = recommender.recommend(
        histories,
        k=5,
        rankings=rankings_of(split, batch) if reads else None,
        filter_seen=False,
        draws=batch[REQUEST_ID].tolist(),
        times=split.log.time[batch[REQUEST_ID].numpy()].tolist(),
        item_times=times,
    )
    assert found.attrs["unknown_items"] == 0
    scores = found["score"].to_numpy().reshape(len(batch), 5)
    np.testing.assert_allclose(scores, expected.topk(5).values, rtol=1e-4, atol=1e-5)
    of_items = expected.numpy()[
        found["request"].astype(int), split.token2id("item_id", found["item"].to_numpy())
    ]
    np.testing.assert_allclose(found["score"], of_items, rtol=1e-4, atol=1e-5)


@pytest.fixture
def recommender(keys: Dict[str, Any]) -> Recommender:
    return Recommender.load(trained(keys, model="POEM"))


def ranking_of(recommender: Recommender, items: List[str]) -> Ranking:
    """Return a ranking that all objectives agree upon."""
    names = recommender.objectives
    return Ranking.of(items, names, [[len(items) - n] * len(names) for n in range(len(items))])


def test_what_was_seen_or_denied_is_not_recommended_and_lists_have_k_items(
    recommender: Recommender,
) -> None:
    history = ["i3", "i7", "i3", "i9"]
    found = recommender.recommend([history, ["i1"]], k=6, deny=["i4", "nothing"])
    assert found["rank"].tolist() == [1, 2, 3, 4, 5, 6] * 2
    assert (found.groupby("request")["score"].diff().dropna() <= 0).all()
    first = found[found["request"] == 0]["item"]
    assert not set(first) & {*history, "i4"}
    everything = recommender.recommend([history], k=99, filter_seen=False)
    assert set(history) <= set(everything["item"])
    assert len(everything) == 25


def test_allowed_items_alone_are_recommended(recommender: Recommender) -> None:
    found = recommender.recommend([["i3"]], k=10, allow=["i5", "i3", "i8", "unheard of"])
    assert set(found["item"]) == {"i5", "i8"}
    assert recommender.recommend([["i3"]], allow=[]).empty


def test_a_frame_is_sorted_by_time_and_answers_carry_its_names(recommender: Recommender) -> None:
    frame = pd.DataFrame(
        {
            "request": ["b", "a", "b", "a", "b"],
            "item": ["i1", "i5", "i2", "i6", "i3"],
            "time": [DAY + second for second in (30, 1, 10, 2, 20)],
        }
    )
    found = recommender.recommend(frame, k=3)
    assert found["request"].tolist() == ["b"] * 3 + ["a"] * 3
    histories, seconds = [["i2", "i3", "i1"], ["i5", "i6"]], [[10, 20, 30], [1, 2]]
    times = [[DAY + second for second in of_one] for of_one in seconds]
    listed = recommender.recommend(histories, k=3, item_times=times)
    assert found["item"].tolist() == listed["item"].tolist()
    np.testing.assert_array_equal(found["score"], listed["score"])


def test_times_between_items_move_the_answer_and_the_day_does_not(
    recommender: Recommender,
) -> None:
    history = [["i2", "i3", "i1"]]
    untold, told, later, slower = (
        recommender.recommend(history, k=5, item_times=times)["score"].to_numpy()
        for times in (None, after(10, 20, 30), after(86410, 86420, 86430), after(10, 20, 3000))
    )
    np.testing.assert_array_equal(told, later)
    assert not np.allclose(told, slower)
    assert not np.allclose(told, untold)
    answer = recommender.answer([Query(history[0], k=5, times=after(10, 20, 30)[0])])[0]
    np.testing.assert_allclose(answer.scores, told, rtol=1e-5)


def test_unknown_tokens_are_left_out_and_counted(recommender: Recommender) -> None:
    plain = recommender.recommend([["i1", "i2"]], k=4)
    found = recommender.recommend([["new", "i1", "i2", "newer"]], k=4)
    assert found["item"].tolist() == plain["item"].tolist()
    assert found.attrs["unknown_items"] == 2
    window = [f"i{number}" for number in range(1, 7)]  # as long as the model reads
    mixed = ["new", *window[:3], "newer", *window[3:], "newest"]
    answers = recommender.answer([Query(window), Query(mixed)])
    assert answers[0].items == answers[1].items
    assert [(answer.n_known, answer.n_unknown) for answer in answers] == [(6, 0), (6, 3)]
    limits: Dict[str, Any] = {"deny": ["i5,i6", "i7"], "allow": ["i8", "brand new"]}
    assert recommender.recommend([["i1"], ["i2"]], **limits).attrs["unknown_items"] == 2
    assert recommender.answer([Query(["new", "i1"], **limits)])[0].n_unknown == 3
    ranking = ranking_of(recommender, ["i5", "brand new", "i6"])
    assert recommender.recommend([["i1"]], rankings=[ranking]).attrs["unknown_items"] == 1


def test_without_history_the_ranking_speaks_and_then_popularity(
    recommender: Recommender, keys: Dict[str, Any]
) -> None:
    ranking = ranking_of(recommender, ["i8", "i2", "i11"])
    found = recommender.recommend([[], ["never heard of"]], k=25, rankings=[ranking, None])
    with_ranking, without = (found[found["request"] == r]["item"].tolist() for r in (0, 1))
    assert with_ranking[:3] == ["i8", "i2", "i11"]
    log = recommender._dataset.log
    count = np.bincount(log.item[log.training], minlength=log.n_items)
    ids = recommender._dataset.token2id("item_id", np.array(without))
    assert (np.diff(count[ids]) <= 0).all()
    assert count[ids[0]] == count.max()


def test_a_ranking_moves_the_answer_and_the_same_request_gets_the_same(
    recommender: Recommender,
) -> None:
    for name, parameter in recommender.model.named_parameters():
        if name.startswith(("logit_terms", "ranking_side.state_fusion")):
            torch.nn.init.normal_(parameter)
    ranking = ranking_of(recommender, ["i8", "i2", "i11"])
    bare, told, again = (
        recommender.recommend([["i1", "i5"]], k=25, rankings=[e]) for e in (None, ranking, ranking)
    )
    assert not np.allclose(bare["score"], told["score"])
    pd.testing.assert_frame_equal(told, again)


def test_answers_do_not_depend_on_the_other_requests(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories = [["i1"], ["i2", "i3"], [], ["i4", "i5", "i6"], ["i7"] * 9]
    together = recommender.recommend(histories, k=4)
    queries = [
        Query(history, k=k, deny=[f"i{k}"], time=float("nan"))
        for k, history in enumerate(histories, 1)
    ]
    answers = recommender.answer(queries)
    monkeypatch.setattr("recbole_poem.serving.answering._CELLS", 60)  # two requests a block
    for one, other in zip(answers, recommender.answer(queries)):
        assert one.items == other.items
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)
    assert [len(answer.items) for answer in answers] == [1, 2, 3, 4, 5]
    assert all(f"i{k}" not in answer.items for k, answer in enumerate(answers, 1))
    in_blocks = recommender.recommend(histories, k=4)
    np.testing.assert_allclose(together.pop("score"), in_blocks.pop("score"), rtol=1e-4)
    pd.testing.assert_frame_equal(together, in_blocks)


def test_numbers_of_numpy_are_numbers_and_a_list_is_no_longer_than_the_catalogue(
    recommender: Recommender,
) -> None:
    expected = recommender.recommend([["i1"]], k=3)
    for k in (np.int64(3), np.uint8(3)):
        pd.testing.assert_frame_equal(recommender.recommend([["i1"]], k=k), expected)
    assert len(recommender.recommend([["i1"]], k=10**15, filter_seen=False)) == 25
    assert len(recommender.answer([Query(["i1"], k=10**15, filter_seen=False)])[0].items) == 25
    neighbours = recommender.similar_items("i3", k=np.int64(2))
    pd.testing.assert_frame_equal(neighbours, recommender.similar_items("i3", k=2))
    assert len(recommender.similar_items("i3", k=10**15)) < 25
    with pytest.raises(InputError, match="similar_items: k: expected a whole number from 1, not T"):
        recommender.similar_items("i3", k=True)
    with pytest.raises(InputError, match="similar_items: item: expected a text or a whole number"):
        recommender.similar_items(None)
    with pytest.raises(InputError, match="approximate: expected True or False, not 'no'"):
        Recommender.load("nowhere.pth", approximate="no")  # type: ignore[arg-type]


def test_a_query_that_names_its_time_as_unknown_is_asked_behind_the_training_rows(
    keys: Dict[str, Any],
) -> None:
    lately = {HOUR: {"hours": 1, "weight": 9.0, "days": 2}, "time_unit": "ms"}
    recommender = Recommender.load(trained(keys, model="POEM", **lately))
    (found,) = recommender.answer([Query(["i3", "i7"], k=5, time=float("nan"))])
    expected = recommender.recommend([["i3", "i7"]], k=5)
    assert found.items == expected["item"].tolist()
    np.testing.assert_allclose(found.scores, expected["score"], rtol=1e-5)


def test_no_requests_are_answered_by_nothing(recommender: Recommender) -> None:
    assert recommender.answer([]) == []
    found = recommender.recommend([])
    assert found.empty
    assert list(found.columns) == ["request", "rank", "item", "score"]


def test_similar_items_are_the_neighbours_of_the_graph(recommender: Recommender) -> None:
    found = recommender.similar_items("i3", k=4)
    assert 0 < len(found) <= 4
    assert (np.diff(found["similarity"]) <= 0).all()
    assert "i3" not in set(found["item"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k: expected a whole number from 1, not 0"),
        ({"k": True}, "k: expected a whole number from 1, not True"),
        ({"k": 2.0}, r"k: expected a whole number from 1, not 2\.0"),
        ({"deny": "i3"}, "^deny: expected a list of item tokens, not the string 'i3'$"),
        ({"allow": "i3"}, "^allow: expected a list of item tokens, not the string 'i3'$"),
        ({"deny": [None]}, "deny: expected a text or a whole number, not None at place 0"),
        ({"filter_seen": "False"}, "filter_seen: expected True or False, not 'False'"),
        ({"times": [float("inf")]}, "times: a time is infinite"),
        ({"draws": [True]}, "draws: expected whole numbers from 0, not True at place 0"),
        ({"rankings": []}, "rankings: 0 for 1 requests"),
        ({"draws": [1, 2]}, "draws: 2 for 1 requests"),
        ({"item_times": [[1, 2]]}, "item_times: request 0: 2 times for a history of 1 items"),
        ({"item_times": [[1.6e12]]}, "item_times: 1600000000000 is far off the training rows"),
        ({"times": [1.6e6]}, "times: 1600000 is far off the training rows, which go from 2020-09"),
        ({"item_times": [[np.nan]]}, "item_times: request 0: a time is NaN; write None where one"),
        (
            {"histories": ["i1 i2"]},
            "request 0: expected a list of item tokens, not the string 'i1 i2'",
        ),
        ({"histories": pd.DataFrame({"item": ["i1"]})}, "no column 'request'"),
        (
            {"histories": pd.DataFrame({"request": [1], "item": ["i1"], "time": ["soon"]})},
            "column 'time' has no number in row 0",
        ),
        (
            {"histories": pd.DataFrame({"request": ["a", None], "item": ["i1", "i2"]})},
            "column 'request' is empty in row 1",
        ),
        (
            {"rankings": [Ranking.of(["i1"], ["x"], [[1.0]])]},
            "rankings: the objective '.*' is missing",
        ),
    ],
)
def test_what_is_wrong_is_named(
    recommender: Recommender, arguments: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        recommender.recommend(**{"histories": [["i1"]], **arguments})


def test_a_checkpoint_that_does_not_say_what_it_reads_is_refused(keys: Dict[str, Any]) -> None:
    path = trained(keys, model="POEM", epochs=1)
    state = torch.load(path, weights_only=True)
    state["other_parameter"] = {}
    torch.save(state, path)
    with pytest.raises(InputError, match="the checkpoint names no objectives; train it again"):
        Recommender.load(path)


def test_a_model_that_ranks_no_catalogue_is_named(
    keys: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender = Recommender.load(trained(keys, model="SASRec", loss_type="CE"))
    monkeypatch.delattr(type(recommender.model), "full_sort_predict")  # as RecBole's DIN has none
    with pytest.raises(InputError, match="SASRec scores single items, it cannot rank a catalogue"):
        recommender.recommend([["i1"]])


def test_queries_are_answered_as_frames_are_each_within_its_own_limits(
    recommender: Recommender,
) -> None:
    ranking = ranking_of(recommender, ["i8", "i2", "brand new"])
    queries = [
        Query(["i3", "i7"], ranking, k=5),
        Query(["i3", "new"], k=9, filter_seen=False, deny=["i4", "i9"]),
        Query(["i1"], allow=["i5", "i6", "i1"]),
        Query([], k=2),
    ]
    answers = recommender.answer(queries)
    for query, answer in zip(queries, answers):
        expected = recommender.recommend(
            [query.history], query.k, [query.ranking], query.filter_seen, query.allow, query.deny
        )
        assert answer.items == expected["item"].tolist()
        np.testing.assert_allclose(answer.scores, expected["score"], rtol=1e-4, atol=1e-6)
    assert [answer.n_unknown for answer in answers] == [1, 1, 0, 0]
    assert len(answers[1].items) == 9
    assert set(answers[2].items) == {"i5", "i6"}


def test_a_successor_reads_its_data_set_again_only_if_that_is_another_one(
    keys: Dict[str, Any], write_dataset: Any
) -> None:
    first = Recommender.load(trained(keys, model="POEM"))
    same = first.successor(trained(keys, model="POEM"))
    assert same._dataset is first._dataset
    write_dataset(random_log(2, n_users=40, n_items=30, longest=20))  # under the same keys
    path = trained(keys, model="POEM")
    other = first.successor(path)
    assert (first.n_items, other.n_items) == (25, 30)
    expected = Recommender.load(path).recommend([["i29", "i3"]], k=5)
    pd.testing.assert_frame_equal(other.recommend([["i29", "i3"]], k=5), expected)


def test_a_successor_knows_what_was_added_to_the_log(
    keys: Dict[str, Any], write_dataset: Any
) -> None:
    """The same users and items under the same keys: what was popular lately is not the same."""
    lately = {"model": "POEM", TREND: {"hours": [0.004], "step": 0.002}}
    first = Recommender.load(trained(keys, **lately))
    log = random_log(1, n_users=40, n_items=25, longest=20)
    later = log.groupby("user_id").tail(1)
    later = later.assign(item_id="i3", timestamp=log["timestamp"].max() + 60)
    write_dataset(pd.concat([log, later]))
    path = trained(keys, **lately)
    after, expected = first.successor(path), Recommender.load(path)
    trend = [recommender._dataset.trends[TREND_STEP] for recommender in (first, after, expected)]
    assert not np.array_equal(trend[0].begin, trend[1].begin)
    assert np.array_equal(trend[1].begin, trend[2].begin)


def test_who_names_no_time_asks_a_service_now_and_a_list_at_no_hour(
    keys: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = {"model": "POEM", HOUR: {"hours": 1, "weight": 9.0, "days": 2}, "time_unit": "ms"}
    recommender = Recommender.load(trained(keys, **daily))
    last = recommender._dataset.log.time.max()  # the hour in which all rows of the log were
    seconds = last / 1000 + 86400 * 9
    monkeypatch.setattr("recbole_poem.serving.requests.time.time", lambda: seconds)
    history = ["i3", "i7"]
    (now,) = recommender.answer([Query(history, k=5)])
    same = recommender.recommend([history], k=5, times=[last])
    other = recommender.recommend([history], k=5)
    assert now.items == same["item"].tolist()
    np.testing.assert_allclose(now.scores, same["score"], rtol=1e-5)
    assert not np.allclose(now.scores, other["score"], rtol=1e-3)


def test_a_model_without_rankings_answers_whatever_their_weights_were(keys: Dict[str, Any]) -> None:
    off = {"ranking_reader": "none", "losses.system": "none"}
    path = trained(keys, model="POEM", **{"score_fusion.weights": [1, 1, 1, 1, 1]}, **off)
    assert len(Recommender.load(path).recommend([["i1"]], k=3)) == 3


def test_what_cannot_answer_is_named(
    keys: Dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    path = trained(keys, model="Pop")
    with pytest.raises(InputError, match="Pop is not sequential"):
        Recommender.load(path)
    path = trained(keys, model="Upstream")
    with pytest.raises(InputError, match="Upstream is the ranking stage itself"):
        Recommender.load(path)
    path = trained(keys, model="SASRec", loss_type="CE")
    ranking = Ranking.of(["i1"], ["click"], [[1.0]])
    recommender = Recommender.load(path)
    plain = recommender.recommend([["i1"]])
    assert recommender.recommend([["i1"]], rankings=[ranking], item_times=[[DAY]]).equals(plain)
    for kind in ("rankings", "item_times"):
        assert f"{kind}: SASRec reads none, so they change nothing" in caplog.text
    caplog.clear()
    nothing = Query(["i1"], times=[np.nan])  # as a service says that no time is known
    assert Recommender.load(path).answer([nothing])[0].items
    assert not caplog.records
    with pytest.raises(InputError, match="similar_items: the item graph is POEM's"):
        Recommender.load(path).similar_items("i1")
