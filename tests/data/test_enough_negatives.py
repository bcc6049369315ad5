"""Users of whom every item is a positive."""

from types import SimpleNamespace
from typing import Any, Dict

import pandas as pd
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.data.enough_negatives import check_negatives
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import prepare


def log_of(*users: str) -> pd.DataFrame:
    """Return a log in which each user has the items that its letters name."""
    rows = [(f"u{n}", item, 60.0 * k) for n, u in enumerate(users) for k, item in enumerate(u)]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


@pytest.fixture
def keys_of(write_dataset: Any) -> Any:
    def keys_of(log: pd.DataFrame, **files: str) -> Dict[str, Any]:
        return {**write_dataset(log, **files), "topk": [1], "valid_metric": "MRR@1"}

    return keys_of


@pytest.mark.parametrize("model", ["BPR", "Pop"])
def test_a_user_with_all_items_is_named(keys_of: Any, model: str) -> None:
    keys = keys_of(log_of("abc", "abcde", "bcd", "edcba"))
    words = (
        "data set toy: 2 users, such as 'u1', have rows of all 5 items, .* leave them out with "
        'user_inter_num_interval: ".1,4."$'
    )
    with pytest.raises(InputError, match=words):
        prepare(Config(model, config_dict=keys))
    prepare(Config(model, config_dict={**keys, "user_inter_num_interval": "[1,4]"}))


def test_repeated_rows_are_one_item(keys_of: Any) -> None:
    prepare(Config("BPR", config_dict=keys_of(log_of("abc", "aaaaabbb", "bcdef"))))


def test_by_popularity_only_items_with_rows_are_drawn(keys_of: Any) -> None:
    """RecBole would look for another one forever."""
    items = "item_id:token\tbrand:token\n" + "".join(f"{item}\tb\n" for item in "abcdefgh")
    keys = keys_of(log_of("abcd", "abc"), item=items)
    keys["load_col"]["item"] = "*"
    prepare(Config("BPR", config_dict=keys))  # e, f, g and h may be drawn
    keys["train_neg_sample_args"] = {"distribution": "popularity", "sample_num": 1}
    with pytest.raises(InputError, match="1 users, such as 'u0', have rows of all 4 items"):
        prepare(Config("BPR", config_dict=keys))


def test_a_sequential_model_needs_two_items(keys_of: Any) -> None:
    keys = {**keys_of(log_of("aaaaa", "aaaaa")), "topk": [1], "loss_type": "BPR"}
    with pytest.raises(InputError, match=r"topk: .*|has one item, so there is no negative"):
        prepare(Config("SASRec", config_dict=keys))
    prepare(Config("SASRec", config_dict=keys_of(log_of("abcab", "abcba"))))  # all were seen


def test_more_negatives_than_items_are_told(keys_of: Any, caplog: pytest.LogCaptureFixture) -> None:
    keys = keys_of(log_of("abcab", "abcba", "abcde"))
    for mode, is_told in (("uni4", False), ("uni5", True)):
        prepare(Config("SASRec", config_dict={**keys, "eval_args": {"mode": mode}}))
        assert ("5 negatives of 5 items cannot all be others" in caplog.text) == is_told


def test_items_of_rows_are_not_read_where_any_item_is_drawn() -> None:
    """A sequential model's log may be larger than memory."""
    drawn = {"distribution": "uniform", "sample_num": "none"}
    config = {f"{phase}_neg_sample_args": drawn for phase in ("train", "valid", "test")}
    whole = SimpleNamespace(item_num=3, dataset_name="toy")
    check_negatives({**config, "repeatable": True}, whole, [])
