"""Filters of rows: obeyed, counted by reason, or refused."""

import logging
from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd
import pytest
from conftest import random_log
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.data.filters import FiltersMixin
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

LOG = random_log(1, n_users=30)


class Ours(FiltersMixin, Dataset):
    """RecBole's data set with the plugin's filters."""


def counts(dataset: Any) -> Dict[str, Tuple[int, int, List[Tuple[int, str]]]]:
    return {
        rows.name: (rows.read, rows.kept, [(each.number, each.reason) for each in rows.dropped])
        for rows in dataset.row_counts.files.values()
    }


def build(keys: Any, model: str = "POEM", **more: Any) -> Any:
    given = {**keys, "train_neg_sample_args": None, **more}
    return create_dataset(Config(model, config_dict=given))


@pytest.mark.parametrize("model", ["POEM", "SASRec", "BPR"])
def test_every_row_that_goes_is_counted(write_dataset: Any, model: str) -> None:
    log = pd.DataFrame(
        {
            "user_id": ["a", "a", "a", "b", "b", "b", "", "c", "c", "a", "d"],
            "item_id": ["i", "j", "k", "i", "", "k", "i", "i", "l", "i", "i"],
            "rating": [5, 5, 5, 1, 5, 5, 5, 5, 5, np.nan, 5],
            "timestamp": np.arange(11.0),
        }
    )
    users = "user_id:token\na\nb\nc\n\nb\na\n"
    items = "item_id:token\tcolour:token\ni\tred\nj\t\nk\tred\nl\tblue\n\tblue\ni\tgrey\n"
    keys = write_dataset(log, user=users, item=items)
    keys["load_col"].update(user="*", item="*")
    args = {} if model != "BPR" else {"train_neg_sample_args": {"distribution": "uniform"}}
    dataset = build(
        keys,
        model,
        val_interval={"rating": "[2,inf)", "colour": ["red", "blue"]},
        rm_dup_inter="first",
        user_inter_num_interval="[2,inf)",
        **args,
    )
    assert counts(dataset) == {
        "toy.inter": (
            11,
            4,
            [
                (1, "have no user_id (line 8)"),
                (1, "have no item_id (line 6)"),
                (1, "repeat a user and an item (rm_dup_inter: first)"),
                (1, "fail val_interval.rating: [2,inf)"),
                (2, "have a user or item that is not in toy.user or toy.item "
                    "(filter_inter_by_user_or_item)"),
                (1, "fail user_inter_num_interval [2,inf)"),
            ],
        ),
        "toy.user": (
            5, 2, [(2, "repeat the user_id of an earlier row"),
                   (1, "fail user_inter_num_interval [2,inf)")],
        ),
        "toy.item": (
            6,
            3,
            [
                (1, "have no item_id (line 6)"),
                (1, "repeat the item_id of an earlier row"),
                (1, "fail val_interval.colour: ['red', 'blue']"),
            ],
        ),
    }  # fmt: skip


def test_the_table_is_said_once_and_loudly_where_nobody_asked(
    write_dataset: Any, caplog: Any
) -> None:
    keys = write_dataset(LOG)
    with caplog.at_level(logging.INFO):
        build(keys, val_interval={"rating": "[2,inf)"})
    (table,) = [record for record in caplog.records if "rows of" in record.getMessage()]
    gone = int((LOG["rating"] < 2).sum())
    lines = table.getMessage().split("\n")
    assert table.levelno == logging.INFO and gone > 0
    assert lines[1].split(maxsplit=4) == [
        *("toy.inter", str(len(LOG)), str(len(LOG) - gone), str(gone)),
        "fail val_interval.rating: [2,inf)",
    ]
    caplog.clear()
    keys = write_dataset(LOG.assign(rating=[np.nan, np.nan, *LOG["rating"][2:]]))
    with caplog.at_level(logging.INFO):
        build(keys)
    (table,) = [record for record in caplog.records if "rows of" in record.getMessage()]
    assert table.levelno == logging.WARNING
    assert "2 have no rating; RecBole fills in the mean" in table.getMessage()


CORES = ["[3,inf)", "[2,6]", "(2,4);[8,inf)", "[0,inf)", "[1,inf)", None]


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("users", CORES)
@pytest.mark.parametrize("items", CORES)
def test_cores_are_those_of_recbole(
    write_dataset: Any, users: Any, items: Any, features: bool
) -> None:
    files = {}
    if features:
        files["user"] = "user_id:token\tage:float\n" + "".join(f"u{u}\t{u}\n" for u in range(5, 40))
    keys = write_dataset(LOG, **files)
    keys["load_col"].update({"user": "*"} if features else {})
    config = Config(
        "SASRec",
        config_dict={
            **keys,
            "user_inter_num_interval": users,
            "item_inter_num_interval": items,
            "filter_inter_by_user_or_item": False,
        },
    )
    try:
        expected = Dataset(config)
    except ValueError as error:
        assert "Some feat is empty" in str(error)
        with pytest.raises(InputError, match=r"no row is left: all .* fail (user|item)_inter_num"):
            Ours(config)
        return
    ours = Ours(config)
    assert ours.inter_feat.equals(expected.inter_feat)
    assert ours.field2id_token["item_id"].tolist() == expected.field2id_token["item_id"].tolist()
    if features:
        assert ours.user_feat.equals(expected.user_feat)


@pytest.mark.parametrize("key", ["user_inter_num_interval", "item_inter_num_interval"])
@pytest.mark.parametrize("value", ["13", 13, "[13,", "5+", "[inf,5]", True])
def test_a_filter_that_cannot_be_read_is_refused(write_dataset: Any, key: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"^{key}: expected an interval such as \[5,inf\)"):
        build(write_dataset(LOG), **{key: value})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("rating>3", r"val_interval: expected a mapping such as"),
        ({"rating": "3"}, r"val_interval\.rating: expected an interval .*, not '3'"),
        ({"rating": ["i1"]}, r"val_interval\.rating: expected an interval"),
        ({"item_id": "[i1,i2]"}, r"val_interval\.item_id: expected a list of tokens .*'\[i1,i2\]'"),
        ({"item_id": []}, r"val_interval\.item_id: expected a list of tokens"),
        ({"item_id": [True]}, r"val_interval\.item_id: expected a list of tokens"),
        ({"price": "[1,2]"}, r"val_interval\.price: no column 'price' was loaded"),
        ({"rating": "[9,inf)"}, r".*toy\.inter: no row is left: all \d+ fail val_interval\.rating"),
        ({"item_id": ["i99"]}, r".*toy\.inter: no row is left: all \d+ fail val_interval\.item_id"),
    ],
)
def test_a_filter_by_values_is_obeyed_or_refused(
    write_dataset: Any, value: Any, words: str
) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        build(write_dataset(LOG), val_interval=value)


def test_tokens_of_a_filter(write_dataset: Any, caplog: Any) -> None:
    log = LOG.assign(item_id=LOG["item_id"].str[1:])
    dataset = build(write_dataset(log), val_interval={"item_id": [1, "2", 99]})
    assert set(dataset.field2id_token["item_id"]) == {"[PAD]", "1", "2"}
    assert "val_interval.item_id: no row has the token '99'" in caplog.text


def test_one_interval_in_a_list_is_closed(write_dataset: Any) -> None:
    dataset = build(write_dataset(LOG), val_interval={"rating": [2, 4]})
    assert set(dataset.inter_feat["rating"]) == {2, 3, 4}


def test_no_user_of_the_log_has_features(write_dataset: Any) -> None:
    keys = write_dataset(LOG, user="user_id:token\nU1\nU2\n")
    keys["load_col"]["user"] = "*"
    with pytest.raises(InputError, match=r"all \d+ have a user or item that is not in toy\.user"):
        build(keys)


@pytest.mark.parametrize(
    ("tokens", "items", "words"),
    [
        (["5", "5.0", "6"], "", r"item_id: '5' and '5\.0' both occur and count as two \(1 such"),
        (["5", "6", "7"], "5.0\n6.0\n7.0\n", r"'5' and '5\.0' both occur .*\(3 such pairs\)"),
        (["a", "a ", "b"], "", r"item_id: 'a' and 'a ' both occur"),
    ],
)
def test_one_thing_that_is_written_in_two_ways_is_named(
    write_dataset: Any, caplog: Any, tokens: List[str], items: str, words: str
) -> None:
    log = pd.DataFrame({"user_id": ["u"] * 3, "item_id": tokens, "timestamp": [1.0, 2.0, 3.0]})
    keys = write_dataset(log, **({"item": "item_id:token\n" + items} if items else {}))
    keys["load_col"].update({"item": "*"} if items else {})
    build(keys, filter_inter_by_user_or_item=False)
    (said,) = [r.getMessage() for r in caplog.records if "both occur" in r.getMessage()]
    assert pd.Series([said]).str.contains(words).all()


@pytest.mark.parametrize("keep", ["first", "last"])
def test_of_rows_that_repeat_at_one_time_the_file_tells_the_first(
    write_dataset: Any, keep: str
) -> None:
    rng = np.random.default_rng(0)
    log = pd.DataFrame(
        {
            "user_id": [f"u{u}" for u in rng.integers(0, 20, 600)],
            "item_id": [f"i{i}" for i in rng.integers(0, 10, 600)],
            "rating": np.arange(600.0),
            "timestamp": 86400.0 * rng.integers(0, 3, 600),
        }
    )
    dataset = build(write_dataset(log), rm_dup_inter=keep)
    ordered = log.sort_values("timestamp", kind="stable")
    expected = getattr(ordered.groupby(["user_id", "item_id"])["rating"], keep)()
    assert sorted(dataset.inter_feat["rating"]) == sorted(expected)


def test_users_and_items_without_features_are_told(write_dataset: Any) -> None:
    keys = write_dataset(LOG, item="item_id:token\tprice:float\ni1\t3\ni2\t\n")
    keys["load_col"]["item"] = "*"
    dataset = build(keys, filter_inter_by_user_or_item=False)
    (rows,) = [rows for rows in dataset.row_counts.files.values() if rows.name == "toy.item"]
    n_items = LOG["item_id"].nunique()
    assert rows.notes == [
        "1 have no price; RecBole fills in the mean",
        f"{n_items - 2} items of the log have no row; RecBole fills in means",
    ]
