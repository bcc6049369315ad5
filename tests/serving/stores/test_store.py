"""The store in memory: last ranking wins, bounds in size and time."""

import threading
from typing import List

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.history import History
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.stores.store import MemoryHistories, MemoryStore


def ranking(name: str) -> Ranking:
    return Ranking.of([name], ["click"], [[1.0]])


def test_the_last_ranking_of_a_user_is_read() -> None:
    store = MemoryStore()
    assert store.read("u") is None
    for name in "ab":
        assert store.write("u", ranking(name))
    found = store.read("u")
    assert found is not None
    assert found.items == ("b",)
    assert store.read("v") is None


def test_an_old_ranking_counts_as_none_and_is_forgotten() -> None:
    now = [0.0]
    store = MemoryStore(seconds_to_live=10, clock=lambda: now[0])
    store.write("u", ranking("a"))
    now[0] = 10.0
    assert store.read("u") is not None
    now[0] = 10.1
    assert store.read("u") is None
    assert len(store) == 0


def test_the_user_who_was_away_for_longest_goes_first() -> None:
    store = MemoryStore(max_rankings=2)
    for user in "uv":
        store.write(user, ranking(user))
    store.read("u")
    store.write("w", ranking("w"))
    assert [store.read(user) is not None for user in "uvw"] == [True, False, True]


def test_as_many_rankings_are_kept_as_the_model_reads_the_youngest_first() -> None:
    store = MemoryStore(n_rankings=3)
    for name in "abcd":
        store.write("u", ranking(name))
    assert [[one.items for one in of] for of in store.read_many("uv")] == [
        [("d",), ("c",), ("b",)],
        [],
    ]
    last = store.read("u")
    assert last is not None
    assert last.items == ("d",)
    assert store.add_many("uv", [[ranking("x")], [ranking(name) for name in "wxyz"]]) == 1
    assert [one.items for one in store.read_many("v")[0]] == [("w",), ("x",), ("y",)]
    with pytest.raises(InputError, match="n_rankings"):
        MemoryStore(n_rankings=0)


def test_what_is_there_stays_when_many_are_added() -> None:
    now = [0.0]
    rankings = MemoryStore(max_rankings=3, seconds_to_live=9, clock=lambda: now[0])
    rankings.write("u", ranking("own"))
    assert rankings.add_many(["u", "v"], [[ranking("a")], [ranking("b")]]) == 1
    found = [[one.items for one in of] for of in rankings.read_many(["u", "v", "w"])]
    assert found == [[("own",)], [("b",)], []]
    now[0] = 9.1  # what is too old is not there
    assert rankings.add_many(["u"], [[ranking("a")]]) == 1
    assert rankings.add_many("wxyz", [[ranking(name)] for name in "wxyz"]) == 4
    assert len(rankings) == 3

    histories = MemoryHistories(max_length=2)
    histories.append("u", History(["own"], [5.0]))
    many = [History(["a"], [1.0]), History(["b", "c", "d"], [1.0, 2.0, 3.0])]
    assert histories.add_many(["u", "v"], many) == 1
    assert histories.read("u") == History(["own"], [5.0])
    assert histories.read("v") == History(["c", "d"], [2.0, 3.0])
    histories.append("v", History(["e"], [4.0]))
    assert histories.read("v") == History(["d", "e"], [3.0, 4.0])


def test_threads_may_share_it() -> None:
    store, failures = MemoryStore(max_rankings=5), []  # type: ignore[var-annotated]

    def work(number: int) -> None:
        try:
            for step in range(300):
                store.write(f"u{(number + step) % 9}", ranking(str(step)))
                store.read(f"u{step % 9}")
        except Exception as error:  # whatever it is, the test names it
            failures.append(error)

    threads: List[threading.Thread] = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store) == 5


def test_histories_grow_and_keep_their_end() -> None:
    now = [0.0]
    histories = MemoryHistories(max_users=2, max_length=3, seconds_to_live=9, clock=lambda: now[0])
    assert histories.read("u") == History([], [])
    for begin, items in enumerate((["a", "b"], [], ["c"], ["d", "e"])):
        assert histories.append("u", History(items, [begin] * len(items)))
    assert histories.read("u") == History(["c", "d", "e"], [2, 3, 3])
    for user in "vw":
        histories.append(user, History(["x"], [1]))
    assert len(histories) == 2
    assert histories.read("u").items == []
    now[0] = 9.1
    assert histories.read("w").items == []


@pytest.mark.parametrize("bounds", [(0, 1.0), (1, -1.0)])
def test_bounds_are_above_0(bounds: "tuple[int, float]") -> None:
    with pytest.raises(InputError, match="expected a number above 0"):
        MemoryStore(*bounds)
    with pytest.raises(InputError, match="max_length: expected a number above 0"):
        MemoryHistories(max_length=0)
