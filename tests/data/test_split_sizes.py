"""Splits whose parts are empty, and what is said of the others."""

import logging
from pathlib import Path
from typing import Any, Dict, List, Optional

import pandas as pd
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.data.preparation import data_preparation
from recbole_poem.data.split_sizes import predicted_words
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble, create_dataset, prepare
from recbole_poem.training.quick_start import load, run_recbole_poem


def log_of(*lengths: int) -> pd.DataFrame:
    """Return a log of users with so many rows each, over ten items."""
    rows = [(user, row) for user, length in enumerate(lengths) for row in range(length)]
    return pd.DataFrame(
        {
            "user_id": [f"u{user}" for user, _ in rows],
            "item_id": [f"i{(user + row) % 10}" for user, row in rows],
            "timestamp": [1.6e9 + 60 * row for _, row in rows],
        }
    )


@pytest.fixture
def keys_of(write_dataset: Any) -> Any:
    def keys_of(log: pd.DataFrame, split: Optional[Dict[str, Any]] = None, **more: Any) -> Any:
        keys = {**write_dataset(log), "epochs": 1, "topk": [3], "valid_metric": "MRR@3", **more}
        if split is not None:
            keys["eval_args"] = {"split": split, "order": "TO", "group_by": "user", "mode": "full"}
        return keys

    return keys_of


SMALL = {
    "ranking_source.n_candidates": 4,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
}


@pytest.mark.parametrize("model", ["POEM", "SASRec"])
def test_two_rows_a_user_are_too_few_for_a_sequential_model(keys_of: Any, model: str) -> None:
    keys = keys_of(log_of(*[2] * 59), **SMALL)
    words = (
        "^eval_args: no user has the 4 rows that LS valid_and_test needs .59 users have at most "
        "2.; validation and test are empty$"
    )
    with pytest.raises(InputError, match=words):
        run_recbole_poem(model, config_dict=keys)
    assert list(Path(keys["checkpoint_dir"]).glob("*.pth")) == []


@pytest.mark.parametrize(
    ("model", "lengths", "split", "words"),
    [
        (
            "BPR",
            [2] * 5 + [1],
            {"LS": "valid_and_test"},
            "no user has the 3 rows that LS valid_and_test needs .6 users have at most "
            "2.; validation is empty",
        ),
        (
            "BPR",
            [1] * 9,
            {"LS": "test_only"},
            "no user has the 2 rows .* LS test_only needs .9 users have at most 1.; validation and "
            "test are empty",
        ),
        ("BPR", [5] * 9, {"LS": "valid_only"}, "LS valid_only asks for no test rows; .*test is em"),
        (
            "BPR",
            [2] * 9,
            {"RS": [0.8, 0.1, 0.1]},
            r"RS \[0.8, 0.1, 0.1\] leaves nothing of 18 rows .*9 users have at most 2.; validation",
        ),
        ("BPR", [5] * 9, {"RS": [0.8, 0.2, 0]}, "RS .* leaves nothing of 45 rows.*; test is empty"),
        (
            "SASRec",
            [2] * 9,
            {"TS": [0.8, 0.1, 0.1]},
            "TS .* leaves nothing of 9 rows .*9 users have at most 1.; training and test are empty",
        ),
    ],
)
def test_empty_parts_are_refused(
    keys_of: Any, model: str, lengths: List[int], split: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=f"^eval_args: {words}"):
        prepare(Config(model, config_dict=keys_of(log_of(*lengths), split)))


@pytest.mark.parametrize("mode", ["full", "uni2"])
@pytest.mark.parametrize("model", ["BPR", "SASRec"])
@pytest.mark.parametrize("split", [{"LS": "test_only"}, {"RS": [0.8, 0, 0.2]}])
def test_a_split_may_ask_for_no_validation(
    keys_of: Any, caplog: Any, model: str, split: Dict[str, Any], mode: str
) -> None:
    keys = keys_of(log_of(*[6] * 9), split)
    keys["eval_args"]["mode"] = mode
    result = run_recbole_poem(model, config_dict=keys)
    assert result["best_valid_result"] is None
    assert set(result["test_result"]) >= {"mrr@3"}
    assert "there are no validation rows, so training goes on for all epochs" in caplog.text
    loaded = load(result["model_file"])
    assert loaded.valid_data is None
    assert loaded.evaluate() == result["test_result"]
    with pytest.raises(InputError, match="the split has no validation rows to evaluate"):
        loaded.evaluate("valid")


def test_without_validation_in_training_there_need_be_no_rows_for_it(keys_of: Any) -> None:
    keys = keys_of(log_of(*[2] * 9), eval_step=0)
    assert run_recbole_poem("BPR", config_dict=keys)["test_result"] is not None


def test_one_user_with_rows_enough_will_do(keys_of: Any) -> None:
    experiment = assemble(Config("SASRec", config_dict=keys_of(log_of(2, 2, 4))))
    assert [len(data._dataset) for data in experiment[3:]] == [3, 1, 1]


def write_parts(keys: Dict[str, Any], **parts: List[str]) -> Dict[str, Any]:
    """Write a data set that is split beforehand, each row as ``user item time history``."""
    folder = Path(keys["data_path"]) / keys["dataset"]
    header = "user_id:token\titem_id:token\ttimestamp:float\titem_id_list:token_seq\n"
    for part, rows in parts.items():
        lines = ["\t".join(row.split(" ", 3)) + "\n" for row in rows]
        (folder / f"{keys['dataset']}.{part}.inter").write_text(header + "".join(lines))
    return {**keys, "load_col": {"inter": "*"}, "benchmark_filename": ["train", "valid", "test"]}


TRAIN = ["u2 i3 30 i1 i2", "u1 i2 20 i1", "u1 i3 30 i1 i2"]


def test_files_split_beforehand_stay_the_parts_that_they_are(keys_of: Any) -> None:
    valid, test = ["u1 i4 40 i1 i2 i3"], ["u3 i1 10 i4 i3", "u2 i4 40 i1 i2 i3"]
    keys = write_parts(keys_of(log_of(3)), train=TRAIN, valid=valid, test=test)
    experiment = assemble(Config("SASRec", config_dict=keys))
    for data, rows in zip(experiment[3:], (TRAIN, valid, test)):
        dataset, read = data._dataset, []
        for n in range(len(dataset)):
            row = dataset.inter_feat[n]
            items = dataset.id2token("item_id", row["item_id_list"][: row["item_length"]].numpy())
            item = dataset.id2token("item_id", int(row["item_id"]))
            user = dataset.id2token("user_id", int(row["user_id"]))
            read.append(f"{user} {item} {row['timestamp']:.0f} {' '.join(items)}")
        assert read == rows


@pytest.mark.parametrize(
    ("test", "change", "words"),
    [
        (
            ["u1 i4 40 i1 i2 i3"],
            {"MAX_ITEM_LIST_LENGTH": 2},
            "the histories in .* have 1 to 3 items; SASRec takes 1 to 2 of them",
        ),
        (
            ["u1 i4 40 i1"],
            {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}},
            "SASRec reads the history of each row in a column 'item_id_list:token_seq'",
        ),
    ],
)
def test_files_split_beforehand_that_will_not_do_are_refused(
    keys_of: Any, test: List[str], change: Dict[str, Any], words: str
) -> None:
    keys = write_parts(keys_of(log_of(3)), train=TRAIN, valid=["u1 i4 40 i1 i2"], test=test)
    with pytest.raises(InputError, match=f"^benchmark_filename: {words}"):
        prepare(Config("SASRec", config_dict={**keys, **change}))


def test_a_file_without_rows_is_named(keys_of: Any) -> None:
    keys = write_parts(keys_of(log_of(3)), train=TRAIN, valid=["u1 i4 40 i1 i2"], test=[])
    keys["load_col"] = {"inter": ["user_id", "item_id", "timestamp"]}
    words = "^benchmark_filename: no row is left of toy.test.inter; test is empty$"
    with pytest.raises(InputError, match=words):
        prepare(Config("BPR", config_dict=keys))


#: users of 6, 4, 2 and 1 rows; a quarter of the rows has a low rating
UNEVEN = pd.DataFrame(
    {
        "user_id": [*"aaaaaa", *"bbbb", *"cc", "d"],
        "item_id": [f"i{k}" for k in (1, 2, 3, 4, 5, 6, 1, 3, 5, 2, 4, 6, 7)],
        "rating": [5.0, 5, 1, 5, 5, 5, 5, 5, 5, 5, 5, 1, 5],
        "timestamp": range(13),
    }
)
WORDS = {
    "POEM": "split: 5 rows to learn from, 2 to validate, 2 to test; "
    "4 rows are the first of their user, which nothing predicts; 2 of 4 users have no row to test",
    "SASRec": "split: 5 rows to learn from, 2 to validate, 2 to test; "
    "4 rows are the first of their user, which nothing predicts; 2 of 4 users have no row to test",
    "BPR": "split: 8 rows to learn from, 2 to validate, 3 to test; "
    "1 of 4 users have no row to test",
}


def said(keys, model, caplog, **more):
    given = {**keys, "losses.margin": "none", "ranking_reader": "none", **more}
    config = Config(model, config_dict={**given, "losses.system": "none"})
    with caplog.at_level(logging.INFO):
        data_preparation(config, create_dataset(config))
    [words] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("split: ")]
    return words


@pytest.mark.parametrize("model", WORDS)
def test_every_row_is_in_a_part_or_told(write_dataset, caplog, model):
    predicted = "; the last row of each user to test, the one before it to validate"
    assert said(write_dataset(UNEVEN), model, caplog) == WORDS[model] + predicted


def test_rows_that_are_no_targets_are_told(write_dataset, caplog):
    words = said(write_dataset(UNEVEN), "POEM", caplog, positive_feedback={"rating": "[4,inf)"})
    assert "; 2 rows are no targets and history alone; " in words


@pytest.mark.parametrize(
    ("eval_args", "words"),
    [
        ({"split": {"RS": [8, 1, 1]}}, "the parts 8 : 1 : 1 of each user's rows, at random"),
        (
            {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": "none"},
            "the parts 0.8 : 0.1 : 0.1 of all rows, in the order of time",
        ),
        (
            {"split": {"TS": [8, 1, 1]}, "order": "TO"},
            "the parts 8 : 1 : 1, of which the last begins for all users at the same time",
        ),
        (
            {"split": {"LS": "test_only"}, "order": "TO"},
            "the last row of each user to test",
        ),
        (
            {"split": {"LS": "valid_only"}, "order": "RO"},
            "the last row of each user to validate, in an order drawn at random",
        ),
        (
            {"split": {"split_by_time": {"valid": "24 hours", "test": "last 24 hours"}}},
            "by time, valid: 24 hours, test: last 24 hours",
        ),
    ],
)
def test_what_a_split_predicts_is_told_in_words(eval_args: Dict[str, Any], words: str) -> None:
    config = Config("BPR", "ml-100k", config_dict={"eval_args": eval_args})
    assert predicted_words(config) == words
