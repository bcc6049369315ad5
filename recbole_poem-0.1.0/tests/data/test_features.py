"""User and item features: what is missing is named, and nobody comes from the features alone."""

import logging
from typing import Any

import pytest
import torch
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

LOG = random_log(3, n_users=12, n_items=15)
USERS = "user_id:token\tage:float\n" + "".join(f"u{u}\t{20 + u}\n" for u in range(30))
ITEMS = "item_id:token\tcolour:token\ttag:token_seq\n" + "".join(
    f"i{i}\tc{i % 3}\tt{i % 4} t9\n" for i in range(10, 25)
)
WANTED = {"user": ["user_id", "age"], "item": ["item_id", "colour", "tag"]}
#: as in the presets; i0 to i9 are not in .item
SAME = {
    "user_inter_num_interval": "[1,inf)",
    "item_inter_num_interval": "[1,inf)",
    "filter_inter_by_user_or_item": False,
}


def build(keys: Any, model: str = "POEM", features: bool = True, **more: Any) -> Any:
    load_col = {**keys["load_col"], **(WANTED if features else {})}
    given = {**keys, **more, "load_col": load_col, "train_neg_sample_args": None}
    dataset = create_dataset(Config(model, config_dict=given))
    return dataset, dataset.build()


@pytest.mark.parametrize("model", ["POEM", "SASRec", "lazy SASRec"])
def test_features_change_neither_ids_nor_rows_nor_splits(write_dataset: Any, model: str) -> None:
    """Users and items with no row in the log are left out, by the plugin's reader and RecBole's."""
    keys = write_dataset(LOG, user=USERS, item=ITEMS)
    lazy = {"lazy_sequences": model.startswith("lazy")}
    name = model.split()[-1]
    plain, plain_splits = build(keys, name, features=False, **lazy)
    dataset, splits = build(keys, name, **lazy, **SAME)
    assert list(dataset.field2id_token["user_id"]) == list(plain.field2id_token["user_id"])
    assert list(dataset.field2id_token["item_id"]) == list(plain.field2id_token["item_id"])
    for one, two in zip(splits, plain_splits):
        index = torch.arange(len(two))
        one, two = one[index], two[index]
        for field in two.columns:
            assert torch.equal(one[field], two[field]), field
    joined = {"age", "colour", "tag"} & set(splits[0][torch.arange(3)].columns)
    assert len(joined) == (0 if name == "POEM" else 3)  # POEM reads none


def test_every_row_has_the_features_of_its_user_and_item(write_dataset: Any) -> None:
    keys = write_dataset(LOG, user=USERS, item=ITEMS)
    dataset, splits = build(keys, "SASRec", lazy_sequences=True, **SAME)
    assert len(dataset.user_feat) == dataset.user_num and len(dataset.item_feat) == dataset.item_num
    colours, tags = (dataset.field2id_token[field] for field in ("colour", "tag"))
    for item in range(1, dataset.item_num):
        number = int(dataset.id2token("item_id", item)[1:])
        row = dataset.item_feat[item]
        known = [f"c{number % 3}", [f"t{number % 4}", "t9"]]
        found = [colours[row["colour"]], [tags[tag] for tag in row["tag"] if tag > 0]]
        assert found == (known if number >= 10 else ["[PAD]", []])
    batch = splits[0][torch.arange(5)]
    assert torch.equal(batch["age"], dataset.user_feat["age"][batch["user_id"]])


def test_unless_told_otherwise_features_choose_rows_and_items_as_in_recbole(
    write_dataset: Any,
) -> None:
    keys = write_dataset(LOG, user=USERS, item=ITEMS)
    dataset, _ = build(keys, filter_inter_by_user_or_item=False)
    assert (dataset.user_num - 1, dataset.item_num - 1) == (30, 25)
    chosen, _ = build(keys)
    assert chosen.item_num - 1 == 15 and len(chosen.log) < len(dataset.log)


@pytest.mark.parametrize(
    ("load_col", "words"),
    [
        ({"user": ["user_id", "town"]}, r"toy\.user has no column town \(it has user_id, age\)"),
        ({"item": ["item_id"]}, r"there is no file .*toy\.item, so none of its columns"),
        ({"inter": ["user_id", "price"]}, r"toy\.inter has no column price \(it has user_id, "),
    ],
)
def test_a_missing_file_or_column_that_was_asked_for_is_refused(
    write_dataset: Any, load_col: Any, words: str
) -> None:
    keys = write_dataset(LOG, user=USERS)
    keys["load_col"].update(load_col)
    with pytest.raises(InputError, match=f"^load_col: .*{words}"):
        build(keys, features=False)


def test_an_unwanted_column_that_is_not_there_is_refused(write_dataset: Any) -> None:
    keys = {**write_dataset(LOG), "load_col": None, "unload_col": {"inter": ["price"]}}
    with pytest.raises(InputError, match=r"^unload_col: .*toy\.inter has no column price"):
        create_dataset(Config("POEM", config_dict=keys))


@pytest.mark.parametrize("load_col", [{}, {"user": "*"}])
def test_nothing_is_said_where_nothing_is_named(
    write_dataset: Any, caplog: Any, load_col: Any
) -> None:
    keys = write_dataset(LOG, user=USERS)
    keys["load_col"].update(load_col)
    with caplog.at_level(logging.WARNING):
        build(keys, features=False)
    assert "load_col" not in caplog.text
