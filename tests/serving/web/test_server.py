"""What a server keeps of a history: what the model reads, and the time before it."""

from argparse import Namespace
from typing import Any

import pytest
from toy_service import Echo

from recbole_poem.serving.history import History
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.web.server import _stores, _warn_of_misfits


def test_a_user_s_rankings_are_kept_as_far_as_the_model_reads() -> None:
    options = Namespace(store="memory", max_users=10, seconds_to_live=60.0)
    for n_rankings in (1, 3):
        stores = _stores(options, 50, n_rankings)
        for name in "abcd":
            stores.rankings.write("u", Ranking.of([name], ["click"], [[1.0]]))
        assert len(stores.rankings.read_many(["u"])[0]) == n_rankings


def test_a_checkpoint_that_reads_more_than_is_kept_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stores = _stores(Namespace(store="memory", max_users=10, seconds_to_live=60.0), 50)
    successor: Any = Echo()
    _warn_of_misfits(successor, stores)
    assert not caplog.records
    successor.n_rankings = 3
    _warn_of_misfits(successor, stores)
    (record,) = caplog.records
    assert record.message == (
        "n_rankings: the new checkpoint reads 3 rankings of a user, and the store keeps 1; start "
        "the service anew to keep them all"
    )


def test_a_checkpoint_that_reads_longer_histories_than_are_kept_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stores = _stores(Namespace(store="memory", max_users=10, seconds_to_live=60.0), 50)
    successor: Any = Echo()
    successor.config["MAX_ITEM_LIST_LENGTH"] = 199  # and the time before them
    _warn_of_misfits(successor, stores)
    assert not caplog.records
    successor.config["MAX_ITEM_LIST_LENGTH"] = 200
    _warn_of_misfits(successor, stores)
    (record,) = caplog.records
    assert record.message == (
        "MAX_ITEM_LIST_LENGTH: the new checkpoint reads 200 items of a history and the time before "
        "them, and the store keeps 200; start the service anew to keep them all"
    )


@pytest.mark.parametrize("lag", [0, 2])
def test_a_checkpoint_that_learned_from_rankings_of_another_age_is_told(
    caplog: pytest.LogCaptureFixture, lag: int
) -> None:
    stores = _stores(Namespace(store="memory", max_users=10, seconds_to_live=60.0), 50)
    recommender: Any = Echo()
    recommender.config["request_lag"] = lag
    _warn_of_misfits(recommender, stores)
    (record,) = caplog.records
    assert record.message == (
        f"request_lag: the checkpoint learned from rankings that are {lag} requests old, and the "
        "service gives those of the previous request; train with request_lag: 1, or say "
        "--request_lag=1 to serve it all the same"
    )
    recommender.objectives, recommender.config = [], {"MAX_ITEM_LIST_LENGTH": 50}  # reads none
    _warn_of_misfits(recommender, stores)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("read", "kept"), [(50, 200), (200, 201), (300, 301)])
def test_a_history_is_kept_with_the_row_before_those_that_are_read(read: int, kept: int) -> None:
    """From it the first row that is read is told in time."""
    options = Namespace(store="memory", max_users=10, seconds_to_live=60.0)
    histories = _stores(options, read).histories
    histories.append("u", History([str(n) for n in range(400)], [float(n) for n in range(400)]))
    assert len(histories.read("u").items) == kept
