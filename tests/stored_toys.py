"""A toy log with its flat store, and what two ways of reading it have to have in common."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from recbole.utils import init_seed

from recbole_poem.core.atomic import Format
from recbole_poem.data.convert.flat import write_flat
from recbole_poem.data.known_tokens import packed
from recbole_poem.data.mapped.dataset import StoredLogMixin
from recbole_poem.data.split_sizes import split_words
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

FIELDS = ("user_id", "item_id", "timestamp")
LEAVE_ONE_OUT = {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}
#: modules that look at so many rows together
PARTS = (
    "log.requests", "data.mapped.stored_rows", "data.mapped.time_sort", "data.mapped.splits",
    "data.split_sizes", "data.rankings_read",
)  # fmt: skip


def wide_log(seed: int = 0) -> pd.DataFrame:
    """Make a log with gaps, whole numbers, fractions and a column of other tokens."""
    log = random_log(seed, n_users=40)
    rng = np.random.default_rng(seed)
    log["tab"] = rng.choice(["", "home", "feed", "live"], len(log))
    log["clicked"] = rng.integers(0, 2, len(log))
    log["share"] = np.where(rng.random(len(log)) < 0.2, np.nan, rng.random(len(log)))
    log["length"] = np.where(rng.random(len(log)) < 0.2, np.nan, rng.integers(0, 9000, len(log)))
    return log


@pytest.fixture
def keys_of(write_dataset: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that writes a log with its flat store, both made of small parts."""

    def make(log: pd.DataFrame, **files: str) -> Dict[str, Any]:
        keys = write_dataset(log, **files)
        path = Path(keys["data_path"]) / "toy" / "toy.inter"
        path.write_text(path.read_text().replace("tab:float", "tab:token", 1))
        monkeypatch.setattr("recbole_poem.core.atomic.lines.BLOCK_CHARACTERS", 400)
        for module in PARTS:
            monkeypatch.setattr(f"recbole_poem.{module}.ROWS_AT_ONCE", 50)
        write_flat(path, Format(), FIELDS, rows_at_once=60)
        for suffix in files:
            keys["load_col"][suffix] = "*"
        return {**keys, "load_col": {**keys["load_col"], "inter": "*"}, "MAX_ITEM_LIST_LENGTH": 5}

    return make


def both(keys: Dict[str, Any], model: str = "POEM", known: Any = None) -> List[Any]:
    """Load a data set from its file, and from its store."""
    found = []
    for way in ("never", "always"):
        given = {**keys, "flat_store": way, "train_neg_sample_args": None}
        config = Config(model, config_dict=given)
        init_seed(config["seed"], True)
        found.append(create_dataset(config, known))
    assert [isinstance(each, StoredLogMixin) for each in found] == [False, True]
    return found


def assert_equal(file: Any, store: Any) -> None:
    """Compare all that a data set says, and then all rows of all parts of its split."""
    assert store.row_counts.table() == file.row_counts.table()
    assert list(store.time_span) == list(file.time_span)
    assert (len(store.inter_feat), store.user_num) == (len(file.inter_feat), file.user_num)
    assert set(store.field2type) == set(file.field2type)
    for field, tokens in file.field2id_token.items():
        assert store.field2id_token[field].tolist() == tokens.tolist(), field
        assert dict(store.field2token_id[field]) == file.field2token_id[field], field
    splits = [each.build() for each in (file, store)]
    for ours, theirs in zip(splits[1], splits[0]):
        assert_same_log(ours.log, theirs.log)
        assert_same_rows(ours, theirs)
    for field in file.inter_feat.columns:
        assert torch.equal(store.inter_feat[field], file.inter_feat[field]), field
    words = [split_words(*each) for each in ((file, splits[0]), (store, splits[1]))]
    assert words[0] == words[1]


def assert_same_log(ours: Any, theirs: Any) -> None:
    for name in ("user", "item", "time", "first", "training", "position"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert one.dtype == other.dtype and np.array_equal(one, other), name
    for kind in ("values", "tokens"):
        one, other = getattr(ours, kind), getattr(theirs, kind)
        assert list(one) == list(other)
        for name in other:
            assert one[name].dtype == other[name].dtype, name
            assert np.array_equal(one[name], other[name], equal_nan=kind == "values"), name
    assert (ours.n_users, ours.n_items) == (theirs.n_users, theirs.n_items)


def assert_same_rows(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs)
    if len(theirs):
        index = torch.arange(len(theirs))
        one, other = ours[index], theirs[index]
        assert one.columns == other.columns
        for field in other.columns:
            assert_same_column(one[field], other[field], field)
        assert (ours.inter_matrix() != theirs.inter_matrix()).nnz == 0
    for name in ("user_feat", "item_feat"):
        table = getattr(theirs, name)
        for field in table.columns if table is not None else ():
            assert_same_column(getattr(ours, name)[field], table[field], field)


def packed_names(names: np.ndarray) -> torch.Tensor:
    return packed(SimpleNamespace(field2id_token={"x": np.r_[["[PAD]"], names]}))["x"]


def assert_same_column(ours: torch.Tensor, theirs: torch.Tensor, field: str) -> None:
    """Compare columns of features; where no row has a number, RecBole has no mean for the gaps."""
    assert ours.dtype == theirs.dtype, field
    nan = theirs.is_floating_point()
    assert np.array_equal(ours.numpy(), theirs.numpy(), equal_nan=nan), field
