"""Tables of users and items that lie in the flat store, against those that are read from files."""

import logging
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction
from stored_toys import (
    LEAVE_ONE_OUT,
    assert_equal,
    assert_same_column,
    both,
    keys_of,
    packed_names,
    wide_log,
)

from recbole_poem.core.atomic import Format
from recbole_poem.data.convert.flat import write_flat
from recbole_poem.data.known_tokens import KnownTokens, packed
from recbole_poem.data.mapped.mapped_table import MappedTable, TableRows

__all__ = ["keys_of"]
#: repeats, rows of nobody, gaps, and users and items that the log lacks
USERS = "city:token\tuser_id:token\tage:float\nRome\tu900\t3\n\t\t7\n" + "".join(
    f"{city}\tu{user}\t{age}\n"
    for user, city, age in zip(range(40), ["Oslo", "", "Bonn", "Rome"] * 10, ["1.5", "", "9"] * 14)
)
ITEMS = (
    "item_id:token\ttags:token_seq\tprice:float\tmaker:token\tsame:float\tnone:float\n"
    + "i700\tz y\t5\tghost\t2\t\n\ta\t1\tnobody\t2\t\n"
    + "".join(f"i{item}\t{'a b c'[: item % 6]}\t0.{item}\tm{item % 3}\t2\t\n" for item in range(15))
    + "i3\tq r s t u v\t\ttwice\t2\t\ni701\ta x\t\tm1\t2\t\n"
)
NO_ROW_GOES = {"filter_inter_by_user_or_item": False}


def is_mapped(store: Any) -> bool:
    sides = [isinstance(table, MappedTable) for table in (store.user_feat, store.item_feat)]
    assert sides[0] == sides[1]
    return sides[0]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("left", ["[0,inf)", "[1,inf)"])
def test_tables_are_those_of_the_files(keys_of: Any, left: str, normalize: bool) -> None:
    keys = keys_of(wide_log(5), user=USERS, item=ITEMS)
    intervals = {f"{side}_inter_num_interval": left for side in ("user", "item")}
    keys = {**keys, **NO_ROW_GOES, **intervals, "eval_args": LEAVE_ONE_OUT}
    file, store = both({**keys, "normalize_all": normalize})
    assert is_mapped(store)
    assert ("ghost" in store.field2id_token["maker"]) == (left == "[0,inf)")
    assert_equal(file, store)
    assert isinstance(store.item_feat, TableRows)
    index = torch.tensor([[3, 1], [0, 3]])
    for field in file.item_feat.columns:
        assert_same_column(store.item_feat[index][field], file.item_feat[field][index], field)


def test_tables_that_lack_some_are_mapped_where_no_row_goes_for_it(keys_of: Any) -> None:
    few = "\n".join(ITEMS.splitlines()[:8]) + "\n"
    keys = {**keys_of(wide_log(5), user=USERS, item=few), "eval_args": LEAVE_ONE_OUT}
    file, store = both({**keys, **NO_ROW_GOES})
    assert is_mapped(store)
    assert_equal(file, store)
    file, store = both({**keys, "filter_inter_by_user_or_item": True})
    assert not is_mapped(store)
    assert_equal(file, store)


@pytest.mark.parametrize(
    "more, words",
    [
        ({"val_interval": {"price": "[0.2,1]"}}, "val_interval may take rows"),
        ({"user_inter_num_interval": "[3,inf)"}, "user_inter_num_interval takes rows"),
        ({"seq_len": {"tags": 2}}, "seq_len cuts sequences of toy.item"),
    ],
)
def test_what_a_filter_takes_is_read_from_the_files(
    keys_of: Any, caplog: pytest.LogCaptureFixture, more: Dict[str, Any], words: str
) -> None:
    keys = {**keys_of(wide_log(5), user=USERS, item=ITEMS), **NO_ROW_GOES, **more, "state": "INFO"}
    with caplog.at_level(logging.INFO):
        file, store = both({**keys, "eval_args": LEAVE_ONE_OUT})
    assert f"are read from their files: {words}" in caplog.text
    assert not is_mapped(store)
    assert_equal(file, store)


def test_some_columns_may_be_loaded(keys_of: Any) -> None:
    keys = {**keys_of(wide_log(5), user=USERS, item=ITEMS), **NO_ROW_GOES}
    load = {**keys["load_col"], "item": ["item_id", "tags"], "user": ["user_id", "age"]}
    file, store = both({**keys, "load_col": load, "eval_args": LEAVE_ONE_OUT})
    assert is_mapped(store) and store.item_feat.columns == ["item_id", "tags"]
    assert_equal(file, store)
    del load["user"]
    file, store = both({**keys, "load_col": load, "eval_args": LEAVE_ONE_OUT})
    assert isinstance(store.item_feat, MappedTable) and store.user_feat is None
    assert_equal(file, store)


def test_sequences_of_numbers_are_read_from_the_file(keys_of: Any) -> None:
    items = "item_id:token\tvector:float_seq\ni1\t1 2\ni2\t3 4\n"
    keys = {**keys_of(wide_log(5), item=items), **NO_ROW_GOES, "eval_args": LEAVE_ONE_OUT}
    file, store = both(keys)
    assert not isinstance(store.item_feat, MappedTable)
    assert_equal(file, store)
    load = {**keys["load_col"], "item": ["item_id"]}
    assert isinstance(both({**keys, "load_col": load})[1].item_feat, MappedTable)


def test_a_table_that_was_changed_is_read_from_its_file(keys_of: Any) -> None:
    keys = {**keys_of(wide_log(5), user=USERS, item=ITEMS), **NO_ROW_GOES}
    path = Path(keys["data_path"]) / "toy" / "toy.item"
    path.write_text(ITEMS.replace("ghost", "geist"))
    file, store = both({**keys, "eval_args": LEAVE_ONE_OUT})
    assert not is_mapped(store) and "geist" in store.field2id_token["maker"]
    assert_equal(file, store)


def test_tokens_of_a_training_keep_their_ids_in_tables(keys_of: Any) -> None:
    keys = {**keys_of(wide_log(2), user=USERS, item=ITEMS), **NO_ROW_GOES}
    keys["eval_args"] = LEAVE_ONE_OUT
    tokens = packed(both(keys)[0])
    then = KnownTokens("then.pth", tokens)
    for field in ("user_id", "item_id", "maker", "tags", "city"):
        tokens[field] = packed_names(then.of(field)[::-1])
    file, store = both(keys, known=then)
    assert is_mapped(store)
    assert store.field2id_token["tags"][1:].tolist() == then.of("tags").tolist()
    assert_equal(file, store)


def test_lazy_windows_of_recboles_models_are_joined_with_tables(keys_of: Any) -> None:
    keys = {**keys_of(wide_log(1), user=USERS, item=ITEMS), **NO_ROW_GOES}
    keys = {**keys, "lazy_sequences": True, "selected_features": ["maker"]}
    keys["eval_args"] = LEAVE_ONE_OUT
    file, store = both(keys, "SASRecF")
    assert is_mapped(store)
    assert_equal(file, store)
    assert "maker" in both(keys, "SASRecF")[1].build()[0][torch.arange(2)]


def test_the_bytes_do_not_depend_on_how_much_is_read_at_once(
    keys_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(keys_of(wide_log(), user=USERS, item=ITEMS)["data_path"]) / "toy" / "toy.inter"
    found = []
    for characters in (100, 1 << 25):
        monkeypatch.setattr("recbole_poem.core.atomic.lines.BLOCK_CHARACTERS", characters)
        write_flat(path, Format(), ("user_id", "item_id", "timestamp"))
        files = sorted((path.parent / "toy.flat").iterdir())
        found.append({file.name: file.read_bytes() for file in files})
    assert found[0] == found[1]
    assert np.load(path.parent / "toy.flat" / "item_values_1.npy").dtype == np.float64
    assert np.load(path.parent / "toy.flat" / "item_values_2.npy").dtype == np.uint8


def test_a_column_that_is_assigned_or_dropped_is_no_longer_the_stores(keys_of: Any) -> None:
    keys = {**keys_of(wide_log(5), item=ITEMS), **NO_ROW_GOES, "eval_args": LEAVE_ONE_OUT}
    store = both(keys)[1]
    store.build()
    items: Interaction = store.item_feat
    items["price"] = torch.arange(len(items))
    items.drop("maker")
    assert items[torch.tensor([2])]["price"].tolist() == [2]
    assert "maker" not in items and "maker" not in items[[1]]
