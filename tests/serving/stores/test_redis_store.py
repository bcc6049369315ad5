"""The store in Redis, against a real server on a free loopback port: kept, bounded, survived."""

import logging
import math
import socket
import time
from typing import Any

import pytest
import redis
from redis_server import Server

from recbole_poem.core.errors import InputError
from recbole_poem.serving.history import History
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.stores.redis_client import RedisClient
from recbole_poem.serving.stores.redis_several import RedisSeveralStore
from recbole_poem.serving.stores.redis_store import RedisHistories, RedisStore, _history

RANKING = Ranking.of(["a", "b"], ["click"], [[0.5], [0.25]])


AWAY = RedisClient("redis://localhost")


def client_of(server: Server) -> RedisClient:
    return RedisClient(server.url, timeout=2.0, pause=0.05)


def store_of(server: Server, **more: Any) -> RedisStore:
    client = client_of(server)
    return RedisStore(client, client, **more)


def untimed(*items: str) -> History:
    return History(list(items), [math.nan] * len(items))


def histories_of(server: Server, **more: Any) -> RedisHistories:
    client = client_of(server)
    return RedisHistories(client, client, **more)


def test_the_last_ranking_of_a_user_is_read_by_every_client(redis_server: Server) -> None:
    one, other = store_of(redis_server), store_of(redis_server)
    assert one.read("ü") is None
    assert one.write("ü", RANKING)
    assert one.write("ü", Ranking.of(["c"], ["click"], [[1.0]]))
    found = other.read("ü")
    assert found is not None
    assert found.items == ("c",)


def several_of(server: Server, **more: Any) -> RedisSeveralStore:
    client = client_of(server)
    return RedisSeveralStore(client, client, n_rankings=3, **more)


def test_several_rankings_of_a_user_are_read_the_youngest_first(redis_server: Server) -> None:
    one, other = several_of(redis_server, max_bytes=200), several_of(redis_server)
    assert one.read("ü") is None
    for name in "abcd":
        assert one.write("ü", Ranking.of([name], ["click"], [[1.0]]))
    assert [found.items for found in other.read_many(["ü", "v"])[0]] == [("d",), ("c",), ("b",)]
    last = other.read("ü")
    assert last is not None
    assert last.items == ("d",)
    large = Ranking.of([str(n) for n in range(99)], ["click"], [[1.0]] * 99)
    assert not one.write("ü", large)
    many = [
        [RANKING],
        [RANKING, large],
        [Ranking.of([name], ["click"], [[1.0]]) for name in "wxyz"],
    ]
    assert one.add_many(["ü", "v", "w"], many) == 1
    found = [[ranking.items for ranking in of] for of in other.read_many(["ü", "v", "w"])]
    assert found == [[("d",), ("c",), ("b",)], [], [("w",), ("x",), ("y",)]]
    assert other.read_many([]) == []
    assert store_of(redis_server).read("ü") is None  # a store of one ranking has keys of its own


def test_several_rankings_live_as_long_as_the_youngest(redis_server: Server) -> None:
    store = several_of(redis_server, seconds_to_live=0.6)
    store.write("u", RANKING)
    time.sleep(0.4)
    store.write("u", RANKING)
    time.sleep(0.4)
    assert len(store.read_many(["u"])[0]) == 2
    time.sleep(0.4)
    assert store.read_many(["u"]) == [[]]


def test_what_is_no_ranking_among_several_counts_as_none(redis_server: Server) -> None:
    store, server = several_of(redis_server), redis.Redis.from_url(redis_server.url)
    store.write("u", RANKING)
    server.lpush("recbole_poem:rankings:u", b"no ranking")
    server.set("recbole_poem:rankings:v", b"no list")
    assert [len(of) for of in store.read_many(["u", "v"])] == [1, 0]
    away = RedisSeveralStore(AWAY, AWAY, 3)
    assert not away.write("u", RANKING)
    assert away.read("u") is None
    assert away.add_many(["u"], [[RANKING]]) == 0


def test_what_is_there_stays_when_many_are_added(redis_server: Server) -> None:
    rankings = store_of(redis_server, max_bytes=200)
    rankings.write("u", RANKING)
    other = Ranking.of(["c"], ["click"], [[1.0]])
    large = Ranking.of([str(n) for n in range(99)], ["click"], [[1.0]] * 99)
    assert rankings.add_many(["u", "v", "w"], [[other], [other], [large]]) == 1
    found = [[of.items for of in several] for several in rankings.read_many(["u", "v", "w"])]
    assert found == [[("a", "b")], [("c",)], []]

    histories = histories_of(redis_server, max_length=2, seconds_to_live=0.5)
    histories.append("u", History(["own"], [5.0]))
    many = [History(["a"], [1.0]), History(["b", "c c", "d"], [1.0, 2.5, 3.0])]
    assert histories.add_many(["u", "v"], many) == 1
    assert histories.add_many(["u", "v"], many) == 0
    assert histories.read("u") == History(["own"], [5.0])
    assert histories.read("v") == History(["c c", "d"], [2.5, 3.0])
    server = redis.Redis(port=redis_server.port)
    assert not list(server.scan_iter("recbole_poem:being_added:*"))
    time.sleep(0.6)
    assert histories.read("v") == History([], [])
    assert RedisHistories(AWAY, AWAY).add_many(["u"], many[:1]) == 0


def test_an_old_ranking_is_forgotten(redis_server: Server) -> None:
    store = store_of(redis_server, seconds_to_live=0.2)
    store.write("u", RANKING)
    assert store.read("u") is not None
    time.sleep(0.3)
    assert store.read("u") is None


def test_a_damaged_or_foreign_ranking_counts_as_none_and_is_told(
    redis_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    store, client = store_of(redis_server), redis.Redis(port=redis_server.port)
    content = RANKING.to_bytes()
    for damaged in (content[:-3], b"hello", b"", content.replace(b"click", b"clock")):
        client.set("recbole_poem:ranking:u", damaged)
        with caplog.at_level(logging.WARNING):
            assert store.read("u") is None
        assert "the ranking of user 'u' counts as none" in caplog.text
        caplog.clear()
    client.delete("recbole_poem:ranking:u")
    client.lpush("recbole_poem:ranking:u", "no string at all")
    assert store.read("u") is None
    assert store.write("v", RANKING)  # one bad key is no reason to leave the server alone


def test_a_server_that_dies_empties_the_cache_and_comes_back_by_itself(
    redis_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(redis_server)
    assert store.write("u", RANKING)
    redis_server.kill()
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert store.read("u") is None
            assert not store.write("u", RANKING)
    assert caplog.text.count("Redis gives no answer") == 1
    redis_server.start()
    time.sleep(0.06)
    with caplog.at_level(logging.WARNING):
        assert store.write("u", RANKING)
    assert store.read("u") is not None
    assert "Redis is back" in caplog.text


def test_a_server_that_hangs_costs_a_few_time_outs_and_is_then_left_alone() -> None:
    now = [0.0]
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        client = RedisClient(url, timeout=0.05, pause=1.0, clock=lambda: now[0])
        store = RedisStore(client, client)
        begin = time.monotonic()
        assert [store.read("u") for _ in range(3)] == [None] * 3  # one alone may be bad luck
        waited = time.monotonic() - begin
        assert waited >= 0.14
        begin = time.monotonic()
        assert all(store.read("u") is None for _ in range(100))
        assert time.monotonic() - begin < waited
        now[0] = 1.0
        begin = time.monotonic()
        assert store.read("u") is None  # asked again, in vain
        assert time.monotonic() - begin >= 0.04


def test_too_large_a_ranking_is_not_kept(redis_server: Server) -> None:
    assert not store_of(redis_server, max_bytes=20).write("u", RANKING)
    assert store_of(redis_server).read("u") is None


def test_many_users_are_read_with_one_question(redis_server: Server) -> None:
    store, histories = store_of(redis_server), histories_of(redis_server)
    client = redis.Redis(port=redis_server.port)
    for user in "ac":
        store.write(user, Ranking.of([user], ["click"], [[1.0]]))
        histories.append(user, untimed(user, user))
    client.set("recbole_poem:timed_history:d", "no list at all")
    before = client.info()["total_commands_processed"]
    found = store.read_many("abcd")
    assert [[ranking.items for ranking in of] for of in found] == [[("a",)], [], [("c",)], []]
    assert client.info()["total_commands_processed"] - before == 2  # and this question
    assert [one.items for one in histories.read_many("abcd")] == [["a", "a"], [], ["c", "c"], []]
    assert store.read_many([]) == histories.read_many([]) == []


def test_histories_grow_keep_their_end_and_are_shared(redis_server: Server) -> None:
    one = histories_of(redis_server, max_length=3)
    other = histories_of(redis_server)
    assert one.read("ü") == History([], [])
    assert one.append("ü", untimed("a", "b"))
    assert one.append("ü", untimed())
    assert one.append("ü", untimed("ñ"))
    assert other.read("ü").items == ["a", "b", "ñ"]
    assert one.append("ü", untimed("d", "e"))
    assert other.read("ü").items == ["ñ", "d", "e"]
    assert one.append("v", untimed("1", "2", "3", "4", "5"))
    assert one.read("v").items == ["3", "4", "5"]


def test_times_are_kept_to_the_last_digit_and_tokens_whatever_they_hold(
    redis_server: Server,
) -> None:
    histories = histories_of(redis_server)
    kept = History(["a b", "", " c", "7"], [1650780341436.5, 0.1 + 0.2, -1e-300, 8.0])
    assert histories.append("u", kept)
    assert histories.append("u", untimed("x y"))
    found = histories.read("u")
    assert found.items == [*kept.items, "x y"]
    assert found.times[:-1] == kept.times
    assert math.isnan(found.times[-1])
    foreign = ("from elsewhere", "50")
    redis.Redis(port=redis_server.port).rpush("recbole_poem:timed_history:v", *foreign)
    assert histories.read("v").items == list(foreign)


def test_an_old_history_is_forgotten_and_a_dead_server_has_none(redis_server: Server) -> None:
    histories = histories_of(redis_server, seconds_to_live=0.2)
    assert histories.append("u", untimed("a"))
    assert histories.read("u").items == ["a"]
    time.sleep(0.3)
    assert histories.read("u").items == []
    redis_server.kill()
    assert not histories.append("u", untimed("b"))
    assert histories.read("u").items == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RedisClient("http://localhost"), "store: 'http://localhost' is no address of"),
        (lambda: RedisClient("redis://x", timeout=0), "timeout: expected a number above 0"),
        (lambda: RedisStore(AWAY, AWAY, max_bytes=0), "max_bytes: expected a number above 0"),
        (lambda: RedisStore(AWAY, AWAY, 0), "seconds_to_live: expected a number above 0"),
        (lambda: RedisHistories(AWAY, AWAY, 5, -1), "seconds_to_live: expected a number above 0"),
    ],
)
def test_what_is_wrong_is_named(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_a_time_that_another_program_wrote_is_a_number_or_not_known() -> None:
    found = _history([b"5 a b", b"inf c", b"soon d", b"7"])
    assert found.items == ["a b", "c", "soon d", "7"]
    assert found.times[0] == 5.0
    assert all(map(math.isnan, found.times[1:]))
