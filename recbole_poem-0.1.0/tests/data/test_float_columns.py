"""Keys that name float columns."""

from typing import Any, Dict

import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

ITEMS = "item_id:token\tprice:float\tbrand:token\n" + "".join(
    f"i{i}\t{i / 2}\tb{i % 3}\n" for i in range(15)
)


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    keys = write_dataset(random_log(0), item=ITEMS)
    keys["load_col"]["item"] = "*"
    return keys


@pytest.mark.parametrize("model", ["FM", "BPR", "SASRec"])
@pytest.mark.parametrize(
    "change",
    [
        {"threshold": {"brand": 3}},
        {"normalize_field": ["price", "brand"]},
        {"numerical_features": ["brand"]},
        {"numerical_features": ["brand"], "discretization": {"brand": {"method": "LD"}}},
    ],
)
def test_a_column_that_is_not_float_is_named(
    keys: Dict[str, Any], model: str, change: Dict[str, Any]
) -> None:
    words = f"^{next(iter(change))}: .*toy has no float column 'brand', .*loaded: .*price"
    with pytest.raises(InputError, match=words):
        create_dataset(Config(model, config_dict={**keys, **change}))


def test_float_columns_pass(keys: Dict[str, Any]) -> None:
    change = {"threshold": {"rating": 3}, "normalize_field": ["price"]}
    dataset = create_dataset(Config("FM", config_dict={**keys, **change}))
    assert set(dataset.inter_feat["label"]) == {0, 1}
    assert dataset.item_feat["price"].max() == 1


def test_what_recbole_cannot_make_of_a_key_is_a_sentence(write_dataset: Any) -> None:
    files = {"kg": "head_id:token\ttail_id:token\ne1\te2\n", "link": "item_id:token\n"}
    keys = {**write_dataset(random_log(0), **files)}
    keys["load_col"].update(kg="*", link="*")
    with pytest.raises(InputError, match=r"^data set toy in .*kg data requires field .relation_id"):
        create_dataset(Config("CKE", config_dict=keys))
