"""What a model does not read is told, once."""

import logging

import pytest

from recbole_poem.serving.unread import Unread


def test_each_kind_is_told_once_and_only_where_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    reads = {"rankings": False, "times": True, "item_times": False}
    unread = Unread("SASRec", reads)
    with caplog.at_level(logging.WARNING):
        unread.tell(rankings=False, times=True, item_times=False)
        assert not caplog.records
        for _ in range(2):
            unread.tell(rankings=True, item_times=True)
    assert [record.getMessage() for record in caplog.records] == [
        "rankings: SASRec reads none, so they change nothing",
        "item_times: SASRec reads none, so they change nothing",
    ]
