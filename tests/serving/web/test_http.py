"""The endpoints: the loop of recommending, ranking and feedback, and what is refused."""

import asyncio
import gc
import json
import math
import weakref
from typing import Any, Dict, List

import pytest
from toy_service import Echo, World

from recbole_poem.serving.log_times import LogTimes
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.stores.store import MemoryStore
from recbole_poem.serving.web.guard import Rules

KEPT = {"kept": True, "observed": False}
RANKING = {"items": ["a", "b"], "objectives": ["click"], "scores": [[0.5], [0.25]]}


@pytest.fixture
def world() -> World:
    return World()


def items(response: Any) -> List[str]:
    assert response.status_code == 200, response.text
    return [one["item"] for one in response.json()["items"]]


def test_the_next_request_reads_what_was_ranked_and_dealt_with_before(world: World) -> None:
    assert world.post("/recommend", json={"user": "u"}).json()["cache"] == "empty"
    assert world.post("/rankings", json={"user": "u", **RANKING}).json() == {"kept": True}
    assert world.post("/feedback", json={"user": "u", "items": ["c"]}).json() == KEPT
    assert world.post("/feedback", json={"user": "u", "items": ["d"]}).json() == KEPT
    response = world.post("/recommend", json={"user": "u"})
    assert response.json() == {
        "items": [
            {"item": "a", "score": 1.0}, {"item": "b", "score": 0.9},
            {"item": "c", "score": 0.8}, {"item": "d", "score": 0.7},
        ],
        "cache": "hit", "history_length": 2, "unknown_items": 0,
    }  # fmt: skip
    assert items(world.post("/recommend", json={"user": "v"})) == []


def test_a_history_is_as_long_as_what_the_model_knows_of_it(world: World) -> None:
    said = world.post("/recommend", json={"history": ["a", "new", "b", "new"]}).json()
    assert (said["history_length"], said["unknown_items"]) == (2, 2)


def test_every_body_ends_its_line() -> None:
    world = World(Rules(max_bytes=100))
    responses = [
        world.post("/recommend", json={"history": ["a"]}),
        world.post("/recommend", json={"k": 0}),
        world.post("/recommend", content=b"{", headers={"content-type": "text/plain"}),
        world.post("/recommend", content=b"x" * 101),
        world.post("/feedback", json={"user": "u", "items": ["a"]}),
        *(world.get(path) for path in ("/health", "/metrics", "/docs", "/openapi.json", "/no")),
        world.get("/recommend"),
    ]
    codes = [200, 422, 422, 413, 200, 200, 200, 200, 200, 404, 405]
    assert [response.status_code for response in responses] == codes
    assert all(response.text.endswith("\n") for response in responses)
    assert responses[-2].json() == {"detail": "Not Found"}


def test_times_come_from_the_request_or_from_feedback(world: World) -> None:
    world.post("/feedback", json={"user": "u", "items": ["a", "b"], "times": [1.5, 7]})
    world.post("/feedback", json={"user": "u", "items": ["c"]})
    world.post("/recommend", json={"user": "u"})
    query = world.recommender.batches[-1][0]
    assert (list(query.history), list(query.times or ())[:2]) == (["a", "b", "c"], [1.5, 7.0])
    assert query.times is not None
    assert math.isnan(query.times[2])
    body = {"user": "u", "history": ["x", "y"], "history_times": [None, 3]}
    world.post("/recommend", json=body)
    query = world.recommender.batches[-1][0]
    assert query.times is not None
    assert math.isnan(query.times[0])
    assert query.times[1] == 3.0


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/recommend", {"history": ["a", "b"], "history_times": [None, 8.8e11]}, "history_times"),
        ("/feedback", {"user": "u", "items": ["a"], "times": [8.8e11]}, "times"),
    ],
)
def test_times_in_another_unit_are_refused_before_they_are_kept(
    world: World, path: str, body: Dict[str, Any], name: str
) -> None:
    world.recommender.log_times = LogTimes(8.7e8, 8.9e8, "s")
    response = world.post(path, json=body)
    assert response.status_code == 422
    words = f"{name}: 880000000000 is far off the training rows, which go from 1997-07-27"
    assert response.json()["detail"][0]["msg"].startswith(words)
    assert not world.histories.read("u").items


def test_feedback_says_what_came_of_the_last_request(world: World) -> None:
    assert world.post("/feedback", json={"user": "u", "items": ["a", "b", "c"]}).json() == KEPT
    world.recommender.observes = True
    assert world.post("/feedback", json={"user": "u", "items": ["d"]}).json() == KEPT  # of none
    world.post("/recommend", json={"user": "u", "k": 3})
    world.post("/recommend", json={"history": ["x"]})  # nobody knows whose
    learned = {"kept": True, "observed": True}
    assert world.post("/feedback", json={"user": "u", "items": ["e", "b"]}).json() == learned
    query, outcome = world.recommender.observed.pop()
    assert (list(query.history), query.k) == (["a", "b", "c", "d"], 3)  # as it was then
    assert outcome == (["e", "b"], ["a", "b", "c"])
    assert world.post("/feedback", json={"user": "u", "items": ["f"]}).json() == KEPT  # once
    world.post("/recommend", json={"user": "u"})
    told = {"user": "u", "items": ["a"], "shown": ["z", "a"]}
    assert world.post("/feedback", json=told).json() == learned
    assert world.recommender.observed.pop()[1] == (["a"], ["z", "a"])


def test_a_successor_learns_nothing_from_answers_that_were_not_its_own(world: World) -> None:
    world.recommender.observes = True
    world.post("/recommend", json={"user": "u", "history": ["a"]})
    other: Any = Echo("echo 2")
    other.observes = True
    world.service.swap(other)
    assert world.post("/feedback", json={"user": "u", "items": ["b"]}).json() == KEPT
    assert not other.observed


def test_the_head_of_an_answer_counts_as_shown_and_not_all_of_it(world: World) -> None:
    """A client that asks for a ranking stage's candidates shows a few of them."""
    world.recommender.observes, world.recommender.n_shown = True, 2
    world.post("/recommend", json={"user": "u", "history": ["a", "b", "c", "d"]})
    assert world.post("/feedback", json={"user": "u", "items": ["d"]}).json()["observed"]
    assert world.recommender.observed.pop()[1] == (["d"], ["a", "b"])


def test_a_replaced_model_is_let_go_though_its_answers_are_waited_for(world: World) -> None:
    former: Any = Echo("echo 2")
    former.observes = True
    world.service.swap(former)
    world.post("/recommend", json={"user": "u", "history": ["a"]})
    world.service.swap(world.recommender)  # type: ignore[arg-type]
    there = weakref.ref(former)
    del former
    gc.collect()
    assert there() is None


def test_what_was_shown_is_refused_where_nobody_learns_from_it(world: World) -> None:
    response = world.post("/feedback", json={"user": "u", "items": ["a"], "shown": ["b"]})
    assert response.status_code == 422
    assert "shown: no re-ranker of this checkpoint learns" in response.text
    assert world.post("/recommend", json={"user": "u"}).json()["history_length"] == 0  # not kept


def test_what_the_request_brings_comes_first(world: World) -> None:
    world.post("/rankings", json={"user": "u", **RANKING})
    world.post("/feedback", json={"user": "u", "items": ["c"]})
    body: Dict[str, Any] = {"user": "u", "history": ["x", "new"]}
    assert items(world.post("/recommend", json=body)) == ["a", "b", "x"]
    own = {"items": ["z"], "objectives": ["other", "click"], "scores": [[1, 2]]}
    response = world.post("/recommend", json={**body, "ranking": own, "history": []})
    assert items(response) == ["z"]
    assert response.json()["cache"] == "given"
    limits = {"k": 2, "deny": ["a"], "allow": ["a", "b", "x"], "filter_seen": False}
    assert items(world.post("/recommend", json={**body, **limits})) == ["b", "x"]
    assert world.recommender.batches[-1][0].filter_seen is False
    assert world.post("/recommend", json=body).json()["unknown_items"] == 1


def test_health_says_what_answers_and_the_metrics_what_happened(world: World) -> None:
    world.post("/rankings", json={"user": "u", **RANKING})
    world.post("/recommend", json={"user": "u", "history": ["new"]})
    world.post("/recommend", json={"k": 0})
    health = world.get("/health").json()
    assert (health["status"], health["checkpoint"], health["n_items"]) == ("ok", "echo 1", 9)
    assert health["objectives"] == ["click"]
    assert health["stages"] is False
    other: Any = Echo("echo 2")
    world.service.swap(other)
    assert world.get("/health").json()["checkpoint"] == "echo 2"
    assert world.get("/nowhere/17").status_code == 404
    lines = world.get("/metrics").text.splitlines()
    for line in (
        'recbole_poem_responses_total{path="/recommend",status="200"} 1.0',
        'recbole_poem_responses_total{path="/recommend",status="422"} 1.0',
        'recbole_poem_responses_total{path="other",status="404"} 1.0',
        'recbole_poem_cache_reads_total{result="hit"} 1.0',
        'recbole_poem_kept_total{kept="yes",kind="ranking"} 1.0',
        "recbole_poem_unknown_items_total 1.0",
        "recbole_poem_waiting 0.0",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("path", "body", "where", "words"),
    [
        ("/recommend", {"k": 0}, ["body", "k"], "greater than or equal to 1"),
        ("/recommend", {"k": 1001}, ["body", "k"], "less than or equal to 1000"),
        ("/recommend", {"history": "a b"}, ["body", "history"], "valid array"),
        ("/recommend", {"history": [1]}, ["body", "history", 0], "valid string"),
        ("/recommend", {"history": [""]}, ["body", "history", 0], "at least 1 character"),
        ("/recommend", {"hist": []}, ["body", "hist"], "Extra inputs are not permitted"),
        ("/recommend", [], ["body"], "should be an object"),
        (
            "/recommend",
            {"user": "u", "history_times": [1]},
            ["body"],
            "they need 'history'",
        ),
        ("/recommend", {"history": ["a", "b"], "history_times": [2, 1]}, ["body"], "to ascend"),
        (
            "/feedback",
            {"user": "u", "items": ["a"], "times": ["x"]},
            ["body", "times", 0],
            "number",
        ),
        ("/feedback", {"items": ["a"]}, ["body", "user"], "Field required"),
        ("/feedback", {"user": "u", "items": []}, ["body", "items"], "at least 1 item"),
        ("/rankings", {"user": "u", **RANKING, "scores": [[1]]}, ["body"], "cannot have scores of"),
        ("/rankings", {"user": "u", **RANKING, "items": []}, ["body"], "cannot have scores of"),
        ("/rankings", {"user": "u", **RANKING, "scores": [[1], [1, 2]]}, ["body"], "all as long"),
        (
            "/rankings",
            {"user": "u", **RANKING, "items": ["a", "a"]},
            ["body"],
            "an item twice, 'a'",
        ),
        (
            "/rankings",
            {"user": "u", **RANKING, "objectives": ["click"] * 2, "scores": [[1, 1], [2, 2]]},
            ["body"],
            "an objective twice, 'click'",
        ),
        (
            "/rankings",
            {"user": "u", **RANKING, "stages": ["shown"]},
            ["body"],
            "cannot have 1 stage",
        ),
        ("/rankings", {"user": "u", **RANKING, "stages": ["a", "b"]}, ["body"], "'a' is none of"),
        ("/recommend", {"k": True}, ["body", "k"], "valid integer"),
        ("/recommend", {"deny": "i3"}, ["body", "deny"], "valid array"),
        ("/recommend", {"allow": "i3"}, ["body", "allow"], "valid array"),
        ("/rankings", {"user": "u", **RANKING, "objectives": ["x"]}, ["body"], "'click' is miss"),
        ("/recommend", {"ranking": {**RANKING, "objectives": ["x"]}}, ["body"], "'click' is miss"),
    ],
)
def test_what_does_not_fit_is_named(
    world: World, path: str, body: Any, where: List[Any], words: str
) -> None:
    response = world.post(path, json=body)
    assert response.status_code == 422
    (wrong,) = response.json()["detail"]
    assert wrong["loc"] == where
    assert words in wrong["msg"]


@pytest.mark.parametrize(
    "content",
    [b'{"k": NaN}', b'{"user": "\\ud800"}', b'{"k": 1e999}', b'{"ranking": ' + b"[" * 9000],
)
def test_what_no_json_should_hold_is_refused_and_not_repeated(world: World, content: bytes) -> None:
    response = world.post(
        "/recommend", content=content, headers={"content-type": "application/json"}
    )
    assert response.status_code == 422
    assert len(response.content) < 400
    json.loads(response.content.decode("ascii"))


def test_a_body_that_is_not_said_to_be_json_is_told_how_to_say_it(world: World) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    response = world.post("/recommend", content=b'{"history": ["a"]}', headers=kind)
    assert response.status_code == 422
    (wrong,) = response.json()["detail"]
    assert wrong["msg"].endswith("; send Content-Type: application/json")


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.api+json; charset=utf-8"])
def test_a_key_that_is_there_twice_is_refused(world: World, kind: str) -> None:
    content = b'{"history": ["a"], "k": 1, "k": 2}'
    response = world.post("/recommend", content=content, headers={"content-type": kind})
    assert response.status_code == 422
    (wrong,) = response.json()["detail"]
    assert wrong["msg"] == "the key 'k' is there twice; leave one of them"


def test_what_was_consumed_since_is_no_candidate_any_more(world: World) -> None:
    world.post("/rankings", json={"user": "u", **RANKING})
    world.post("/feedback", json={"user": "u", "items": ["a", "c"]})
    world.post("/recommend", json={"user": "u"})
    world.post("/recommend", json={"user": "u", "history": ["b"]})
    rankings = [query.ranking for (query,) in world.recommender.batches]
    assert [ranking.items for ranking in rankings if ranking is not None] == [("b",), ("a",)]
    assert [ranking.scores.tolist() for ranking in rankings if ranking is not None] == [
        [[0.25]],
        [[0.5]],
    ]


def test_a_ranking_of_a_former_model_counts_as_none(world: World) -> None:
    world.rankings.write("u", Ranking.of(["a"], ["a former objective"], [[1.0]]))
    response = world.post("/recommend", json={"user": "u", "history": ["x"]})
    assert items(response) == ["x"]
    assert response.json()["cache"] == "empty"


def test_a_model_that_groups_by_stages_is_given_them(world: World) -> None:
    world.post("/rankings", json={"user": "old", **RANKING})  # for a model that reads none
    world.recommender.reads_stages = True
    told = {**RANKING, "stages": ["rank_rest", "shown"]}
    assert world.post("/rankings", json={"user": "u", **told}).status_code == 200
    world.post("/recommend", json={"user": "u", "history": ["a"]})
    assert world.recommender.batches[-1][0].ranking.stages == ("shown",)
    world.post("/recommend", json={"ranking": told})
    assert world.recommender.batches[-1][0].ranking.stages == ("rank_rest", "shown")
    assert world.post("/recommend", json={"user": "old"}).json()["cache"] == "empty"
    for path, body in (
        ("/rankings", {"user": "u", **RANKING}),
        ("/recommend", {"ranking": RANKING}),
    ):
        response = world.post(path, json=body)
        assert response.status_code == 422
        assert "the stages are missing" in response.json()["detail"][0]["msg"]


def test_a_model_of_several_rankings_is_given_the_last_ones(world: World) -> None:
    world.recommender.n_rankings = 2
    world.rankings = MemoryStore(n_rankings=2)
    world.service._rankings = world.rankings
    for items_of_one in (["x"], ["a", "b"], ["b", "c"]):
        told = {
            "items": items_of_one,
            "objectives": ["click"],
            "scores": [[1.0]] * len(items_of_one),
        }
        world.post("/rankings", json={"user": "u", **told})
    response = world.post("/recommend", json={"user": "u", "history": ["b"]})
    assert response.json()["cache"] == "hit"
    query = world.recommender.batches[-1][0]
    assert [ranking.items for ranking in query.rankings] == [("c",), ("a",)]  # less the history
    given = {"ranking": RANKING, "older": [{**RANKING, "items": ["y", "z"]}]}
    assert world.post("/recommend", json={"user": "u", **given}).json()["cache"] == "given"
    query = world.recommender.batches[-1][0]
    assert [ranking.items[0] for ranking in query.rankings] == [RANKING["items"][0], "y"]
    response = world.post("/recommend", json={**given, "older": [None, RANKING]})
    assert response.status_code == 422
    words = "older: 3 rankings of one request are given, and the model reads 2 (n_rankings)"
    assert words in response.json()["detail"][0]["msg"]
    assert world.get("/health").json()["n_rankings"] == 2


def test_a_kept_ranking_of_a_former_model_leaves_its_place_to_none(world: World) -> None:
    world.recommender.n_rankings = 2
    world.rankings = MemoryStore(n_rankings=2)
    world.service._rankings = world.rankings
    world.rankings.write("u", Ranking.of(["a"], ["click"], [[1.0]]))
    world.rankings.write("u", Ranking.of(["b"], ["a former objective"], [[1.0]]))
    assert world.post("/recommend", json={"user": "u"}).json()["cache"] == "hit"
    youngest, older = world.recommender.batches[-1][0].rankings
    assert youngest is None
    assert older is not None
    assert older.items == ("a",)


def test_a_ranking_for_a_former_model_spoils_no_answer() -> None:
    """It was checked when it came; the model was replaced before its turn."""
    world = World(max_batch=4)
    world.recommender.may_go.clear()
    successor: Any = Echo("echo 2")
    successor.objectives = ["another objective"]

    async def swap() -> None:
        await asyncio.sleep(0.2)
        world.service.swap(successor)
        world.recommender.may_go.set()

    ranking = {"items": ["a"], "objectives": ["click"], "scores": [[1.0]]}
    bring = ("POST", "/recommend", {"json": {"history": ["x"], "ranking": ranking}})
    responses = world.send(*asking(4), bring, *asking(2), meanwhile=swap, between=0.01)
    assert [response.status_code for response in responses] == [200] * 7
    assert items(responses[4]) == ["x"]
    assert responses[4].json()["cache"] == "empty"


def asking(histories: int) -> "List[tuple[str, str, Any]]":
    return [("POST", "/recommend", {"json": {"history": [f"i{n}"]}}) for n in range(histories)]


def test_requests_that_come_together_are_answered_together_each_with_its_own() -> None:
    world = World()
    responses = world.send(*asking(40))
    assert [items(response) for response in responses] == [[f"i{n}"] for n in range(40)]
    assert len(world.recommender.batches) < 20


def test_too_many_are_refused_at_once_and_late_ones_when_their_turn_comes() -> None:
    world = World(max_batch=1, max_waiting=2, budget=0.05)
    world.recommender.may_go.clear()

    async def let_go() -> None:
        await asyncio.sleep(0.2)
        world.recommender.may_go.set()

    responses = world.send(*asking(6), meanwhile=let_go, between=0.02)
    assert [response.status_code for response in responses] == [200, 503, 503, 503, 503, 503]
    assert "it has waited for 0.05 s" in responses[1].json()["detail"]
    assert "2 requests are waiting already" in responses[5].json()["detail"]
    assert responses[5].headers["retry-after"] == "1"


def test_a_new_model_takes_over_without_losing_a_request() -> None:
    world = World(max_batch=4)
    world.recommender.may_go.clear()
    successor: Any = Echo("echo 2")

    async def swap() -> None:
        await asyncio.sleep(0.2)
        world.service.swap(successor)
        world.recommender.may_go.set()

    responses = world.send(*asking(12), meanwhile=swap)
    assert [items(response) for response in responses] == [[f"i{n}"] for n in range(12)]
    assert len(world.recommender.batches) == 1  # what was begun is finished
    assert sum(map(len, successor.batches)) >= 8
