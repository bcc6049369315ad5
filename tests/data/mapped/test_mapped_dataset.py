"""A data set over a flat store, which equals the one that reads the atomic file."""

import logging
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from conftest import random_log
from stored_toys import (
    FIELDS,
    LEAVE_ONE_OUT,
    assert_equal,
    both,
    keys_of,
    packed_names,
    wide_log,
)
from toy_exposures import TINY, TINY_POEM, exposure_log, write_exposures

from recbole_poem.core.atomic import Format
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.flat import write_flat
from recbole_poem.data.known_tokens import KnownTokens, packed
from recbole_poem.data.mapped.columns import LogColumns
from recbole_poem.data.mapped.dataset import StoredLogMixin
from recbole_poem.data.mapped.row_numbers import InTime, Spans
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.training.quick_start import run_recbole_poem

__all__ = ["keys_of"]
SPLITS = [
    LEAVE_ONE_OUT,
    {"split": {"RS": [0.7, 0.1, 0.2]}, "order": "TO", "mode": "full", "group_by": "user"},
    {"split": {"RS": [0.7, 0.1, 0.2]}, "order": "TO", "mode": "full", "group_by": "none"},
    {"split": {"split_by_time": {"valid": "8 seconds", "test": "last 6 seconds"}}, "order": "TO"},
    {"split": {"LS": "test_only"}, "order": "TO", "mode": "full"},
    {"split": {"LS": "valid_only"}, "order": "TO", "mode": "full"},
    {"split": {"TS": [0.7, 0.1, 0.2]}, "order": "TO", "mode": "full", "group_by": "user"},
]
#: users and items that are not in the log, and lack some that are
USERS = "user_id:token\tage:float\nu900\t3\n" + "".join(f"u{i}\t{i}\n" for i in range(3, 30))
ITEMS = "item_id:token\tcolour:token\n" + "".join(f"i{i}\tred\n" for i in range(16, 2, -1))


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: str(split["split"]))
@pytest.mark.parametrize("normalize", [True, False])
def test_rows_windows_and_splits_are_those_of_the_file(
    keys_of: Any, split: Any, normalize: bool
) -> None:
    keys = {**keys_of(wide_log()), "eval_args": split, "normalize_all": normalize}
    file, store = both(keys)
    assert store.inter_feat.is_whole
    assert_equal(file, store)
    assert isinstance(store.flat, LogColumns)
    assert f"share, torch.Size([{len(store.log)}]), cpu, torch.float32" in str(store.flat)
    assert store.flat["clicked"]._values.dtype == np.uint8  # as it lies on the disk


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: str(split["split"]))
@pytest.mark.parametrize("rows", [{"clicked": "[1,1]"}, {"watch_ratio": "[0.0001,inf)"}], ids=str)
def test_rows_that_are_no_targets_are_in_no_part(keys_of: Any, split: Any, rows: Any) -> None:
    watched = {"play": "share", "duration": "length", "unit": "s"}
    keys = {**keys_of(wide_log(4)), "positive_feedback": rows, "watch_time": watched}
    assert_equal(*both({**keys, "eval_args": split}))


@pytest.mark.parametrize("positive", [None, {"clicked": "[1,1]"}])
def test_a_split_keeps_no_row_and_sorts_none(keys_of: Any, positive: Any) -> None:
    keys = {**keys_of(wide_log()), "positive_feedback": positive, "eval_args": LEAVE_ONE_OUT}
    store = both(keys)[1]
    splits = store.build()
    assert all(isinstance(each.inter_feat.row_numbers, Spans) for each in splits)
    assert isinstance(store.inter_feat.row_numbers, InTime)
    assert "_order" not in vars(store.inter_feat.row_numbers)  # nobody has asked for it
    of = splits[0].inter_feat.row_numbers._of
    assert of is None if positive is None else of.dtype == np.uint16


def test_to_tell_what_a_data_set_is_sorts_nothing(keys_of: Any) -> None:
    file, store = both({**keys_of(wide_log()), "eval_args": LEAVE_ONE_OUT})
    for ours, theirs in zip([store, *store.build()], [file, *file.build()]):
        assert str(ours) == str(theirs)
    assert "_order" not in vars(store.inter_feat.row_numbers)


def test_a_full_disk_changes_nothing(keys_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recbole_poem.data.mapped.time_sort.DealtRows", full)
    assert_equal(*both({**keys_of(wide_log()), "eval_args": SPLITS[3]}))


FILTERS = [
    {"val_interval": {"clicked": "[1,1]"}},
    {"val_interval": {"share": "[0.2,0.9)", "tab": ["home", "feed", "nowhere"]}},
    {"val_interval": {"item_id": [f"i{i}" for i in range(9)]}},
    {"rm_dup_inter": "first"},
    {"rm_dup_inter": "last"},
    {"user_inter_num_interval": "[4,9];[12,inf)", "item_inter_num_interval": "[3,inf)"},
    {"user_inter_num_interval": "[5,inf)", "item_inter_num_interval": "[5,inf)"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_filters_leave_the_same_rows_under_the_same_ids(keys_of: Any, filters: Any) -> None:
    file, store = both({**keys_of(wide_log(3)), "eval_args": LEAVE_ONE_OUT, **filters})
    assert not store.inter_feat.is_whole
    assert_equal(file, store)


@pytest.mark.parametrize("filters", [{}, FILTERS[-1], {"val_interval": {"colour": ["red"]}}])
@pytest.mark.parametrize("asked", [True, False])
def test_tables_of_users_and_items_are_numbered_alike(
    keys_of: Any, filters: Any, asked: bool
) -> None:
    keys = keys_of(wide_log(5), user=USERS, item=ITEMS)
    keys = {**keys, **filters, "filter_inter_by_user_or_item": asked, "eval_args": LEAVE_ONE_OUT}
    assert_equal(*both(keys))


def test_recboles_models_with_lazy_windows_read_the_store(keys_of: Any) -> None:
    keys = {**keys_of(wide_log(1)), "eval_args": LEAVE_ONE_OUT, "lazy_sequences": True}
    assert_equal(*both(keys, "SASRec"))


@pytest.mark.parametrize("filters", [{}, FILTERS[0]])
def test_tokens_of_a_training_keep_their_ids(keys_of: Any, filters: Any) -> None:
    keys = {**keys_of(wide_log(2)), "eval_args": LEAVE_ONE_OUT, **filters}
    tokens = packed(both(keys)[0])
    then = KnownTokens("then.pth", tokens)
    for field in ("user_id", "item_id"):
        tokens[field] = packed_names(then.of(field)[::-1])
    file, store = both(keys, known=then)
    users = store.field2id_token["user_id"][1:]
    assert users.tolist() == then.of("user_id").tolist()
    assert_equal(file, store)


def test_the_same_counts_are_expected(keys_of: Any) -> None:
    keys = {**keys_of(wide_log()), "expected_counts": {"users": 7}}
    words = []
    for way in ("never", "always"):
        with pytest.raises(InputError) as caught:
            create_dataset(Config("POEM", config_dict={**keys, "flat_store": way}))
        words.append(str(caught.value))
    assert words[0] == words[1] and "should have 7 users" in words[0]


def test_ml_100k_is_the_same_from_a_store(tmp_path: Path) -> None:
    plain = Config("POEM", config_dict={"dataset": "ml-100k"})
    source = Path(plain["data_path"]) / "ml-100k.inter"
    path = tmp_path / "data" / "films" / "films.inter"  # RecBole knows its own ml-100k
    path.parent.mkdir(parents=True)
    path.write_bytes(source.read_bytes())
    write_flat(path, Format(), FIELDS)
    keys = {"dataset": "films", "data_path": str(tmp_path / "data"), "state": "WARNING"}
    assert_equal(*both({**keys, "load_col": {"inter": [*FIELDS, "rating"]}}))


# -- which way is taken ---------------------------------------------------------------------------


def made(keys: Dict[str, Any], model: str = "POEM", **more: Any) -> bool:
    """Tell whether the data set reads its store."""
    given = {**keys, "train_neg_sample_args": None, **more}
    return isinstance(create_dataset(Config(model, config_dict=given)), StoredLogMixin)


def test_a_store_that_is_there_is_used_and_without_one_nothing_changes(
    keys_of: Any, write_dataset: Any
) -> None:
    assert made(keys_of(wide_log()))
    assert not made(write_dataset(random_log(0), "other"))
    with pytest.raises(InputError, match=r"flat_store: always.*convert flat makes it"):
        made(write_dataset(random_log(0), "other"), flat_store="always")


@pytest.mark.parametrize(
    "more, words",
    [
        ({"threshold": {"clicked": 1}}, "threshold needs a frame"),
        ({"USER_ID_FIELD": "tab"}, "made for the columns user_id, item_id, timestamp, not tab,"),
        ({"seq_separator": "|"}, "another field_separator"),
        ({"model": "SASRec"}, "SASRec needs its rows in memory"),
    ],
)
def test_one_sentence_says_why_a_store_is_not_used(
    keys_of: Any, caplog: pytest.LogCaptureFixture, more: Any, words: str
) -> None:
    keys = keys_of(wide_log())
    more = {**more}
    model = more.pop("model", "POEM")
    with pytest.raises(InputError, match=words):
        made(keys, model, flat_store="always", **more)
    if "USER_ID_FIELD" not in more:
        with caplog.at_level(logging.WARNING):
            assert not made(keys, model, **more)
        assert words in caplog.text and "the .inter file is read" in caplog.text


def test_a_changed_file_is_read_and_a_touched_one_is_not(
    keys_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(wide_log())
    path = Path(keys["data_path"]) / "toy" / "toy.inter"
    path.write_bytes(path.read_bytes())
    assert made(keys)
    text = path.read_text()
    path.write_text(text.replace("home", "HOME", 1))
    assert not made(keys)
    assert "has other content than when the store was made" in caplog.text
    path.write_text(text + text.splitlines()[-1] + "\n")
    assert not made(keys)
    assert "bytes, and had" in caplog.text
    assert "; recbole-poem convert flat makes it anew; the .inter file is read" in caplog.text


def test_a_damaged_store_is_told_and_not_used(
    keys_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(wide_log())
    (Path(keys["data_path"]) / "toy" / "toy.flat" / "first.npy").unlink()
    assert not made(keys)
    assert "first.npy is missing" in caplog.text and "the .inter file is read" in caplog.text


def test_other_content_of_an_array_is_told_and_not_used(
    keys_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(wide_log())
    file = Path(keys["data_path"]) / "toy" / "toy.flat" / "first.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    assert not made(keys)
    assert "first.npy is damaged: its checksum differs" in caplog.text


def test_columns_of_sequences_are_read_from_the_file(
    keys_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(wide_log())
    path = Path(keys["data_path"]) / "toy" / "toy.inter"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{head}\ttags:token_seq", *(f"{line}\ta b" for line in lines)]))
    summary = write_flat(path, Format(), FIELDS)
    assert "left out, as they hold sequences: tags" in summary
    assert not made(keys)
    assert "no column of sequences such as tags" in caplog.text
    assert made({**keys, "load_col": None, "unload_col": {"inter": ["tags"]}})


@pytest.mark.parametrize("model", ["POEM", "MultiTaskRanker"])
def test_a_training_from_a_store_is_that_from_the_file(write_dataset: Any, model: str) -> None:
    keys = {**write_exposures(write_dataset, exposure_log()), "model": model, "epochs": 1}
    keys.update(TINY_POEM if model == "POEM" else TINY)
    results = []
    for way in ("never", "always"):
        results.append(run_recbole_poem(config_dict={**keys, "flat_store": way}))
        folder = Path(keys["data_path"]) / keys["dataset"]
        write_flat(folder / f"{keys['dataset']}.inter", Format(), FIELDS)
    assert results[0]["test_result"] == results[1]["test_result"]
    assert results[0]["best_valid_score"] == results[1]["best_valid_score"]
