"""Categories of items from the .item file."""

import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.data.categories import read_categories
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

ITEMS = (
    "item_id:token\tgenre:token_seq\n"
    "i1\tdrama comedy\ni2\tcomedy\ni3\t\ni9999\thorror\n"
)  # fmt: skip


def categories(write_dataset, **more):
    keys = {**write_dataset(random_log(0), item=ITEMS), "category_field": "genre", **more}
    config = Config("SASRec", config_dict=keys)
    dataset = create_dataset(config)
    return read_categories(config, dataset), dataset


def test_each_item_has_its_own(write_dataset):
    category, dataset = categories(write_dataset)
    ids = dataset.field2token_id["item_id"]
    assert category.shape == (dataset.item_num, 2)
    rows = {name: category[ids[name]].tolist() for name in ("i1", "i2", "i3")}
    # comedy and drama; i9999 is no item of the log
    assert rows == {"i1": [True, True], "i2": [True, False], "i3": [False, False]}
    assert not category[0].any()


def test_without_the_key_there_are_none(write_dataset):
    assert categories(write_dataset, category_field=None)[0] is None


def test_a_missing_column_or_file_is_named(write_dataset, tmp_path):
    with pytest.raises(InputError, match=r"toy\.item has no column 'kind'"):
        categories(write_dataset, category_field="kind")
    keys = {**write_dataset(random_log(0), name="bare"), "category_field": "genre"}
    config = Config("SASRec", config_dict=keys)
    with pytest.raises(InputError, match=r"category_field: there is no file .*bare\.item"):
        read_categories(config, create_dataset(config))


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (
            "item_id:token\tgenre:float\ni1\t1\n",
            r"'genre' as float; write genre:token_seq",
        ),
        ("item_id:token\tgenre:token\ni99\tdrama\ni1\t\n", r"no category of any item of the log"),
        ("item_id:token\tgenre:token\ni1\n", r"line 2: 1 field, and the header has 2"),
    ],
)
def test_categories_that_say_nothing_are_refused(write_dataset, items, words):
    keys = {**write_dataset(random_log(0), item=items), "category_field": "genre"}
    config = Config("SASRec", config_dict=keys)
    with pytest.raises(InputError, match=words):
        read_categories(config, create_dataset(config))


def test_a_token_is_one_category_and_a_sequence_several(write_dataset, caplog):
    text = "item_id:token\tgenre:{}\ni1\tSci Fi\ni2\tNA\n"
    widths = {}
    for kind in ("token", "token_seq"):
        keys = {**write_dataset(random_log(0), item=text.format(kind)), "category_field": "genre"}
        config = Config("SASRec", config_dict=keys)
        with caplog.at_level("INFO"):
            dataset = create_dataset(config)
            widths[kind] = read_categories(config, dataset).sum(axis=0).tolist()
    assert widths == {"token": [1, 1], "token_seq": [1, 1, 1]}
    assert f"{dataset.item_num - 3} of {dataset.item_num - 1} items have no category" in caplog.text


def test_an_item_that_is_there_twice_has_its_first_categories(write_dataset, caplog):
    text = "item_id:token\tgenre:token\ni1\tdrama\ni2\tcomedy\ni1\thorror\n"
    keys = {**write_dataset(random_log(0), item=text), "category_field": "genre"}
    config = Config("SASRec", config_dict=keys)
    dataset = create_dataset(config)
    category = read_categories(config, dataset)
    assert category.shape[1] == 2
    assert category[dataset.token2id("item_id", "i1")].sum() == 1
    assert "category_field: 1 rows of toy.item repeat an earlier item" in caplog.text
