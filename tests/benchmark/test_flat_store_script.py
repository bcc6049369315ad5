"""The stores that a benchmark writes without a text file are stores like any other."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_poem.data.mapped.dataset import StoredLogMixin
from recbole_poem.data.mapped.mapped_table import MappedTable
from recbole_poem.log.flat import FlatStore
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    found = importlib.import_module("flat_store")
    monkeypatch.setattr(found, "_ROWS_AT_ONCE", 70)
    return found


def test_a_store_without_a_text_file_is_whole_and_is_mapped(script: Any, tmp_path: Path) -> None:
    script.write_store(tmp_path, "big", rows=1000, n_users=7, n_items=120)
    store = FlatStore(tmp_path / "big" / "big.flat")
    store.verify()
    user, item, time = (store.values(field) for field in script.FIELDS)
    assert len(user) == 1000 and np.unique(user).tolist() == list(range(1, 8))
    assert np.unique(item).tolist() == list(range(1, 121))
    assert (np.diff(user) >= 0).all() and (np.diff(time)[np.diff(user) == 0] >= 0).all()
    assert np.array_equal(store.offsets[user - 1], store.first)
    for field in script.FIELDS[:2]:
        tokens = store.tokens(field)
        assert store.token_ids(field).of(tokens).tolist() == list(range(len(tokens)))
    keys = {"dataset": "big", "data_path": str(tmp_path), "time_unit": "ms"}
    keys["load_col"] = {"inter": "*", "item": "*"}
    data = create_dataset(Config("POEM", config_dict={**keys, "flat_store": "always"}))
    assert isinstance(data, StoredLogMixin) and isinstance(data.item_feat, MappedTable)
    assert data.item_feat.read("tags").shape == (121, 3)
    assert (data.item_feat.read("tags")[1:] > 0).sum(dim=1).tolist() == [
        n % 4 for n in range(1, 121)
    ]
    assert (data.item_feat.read("author")[1:] > 0).all() and data.item_num == 121
