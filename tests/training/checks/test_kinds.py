"""Values of another kind than a key takes."""

from pathlib import Path
from typing import Any, Dict

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.training.checks.kinds import check_kinds, check_lists, check_mappings
from recbole_poem.training.config import Config


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"load_col": "inter:['user_id']"}, r"load_col: write a blank behind the colon of 'inter:"),
        ({"load_col": {"inter:*": None}}, r"load_col: write a blank behind the colon of 'inter:\*"),
        ({"eval_args": {"split": "LS:test_only"}}, "eval_args: write a blank behind the colon of"),
        ({"threshold": {"rating:4": None}}, "threshold: write a blank behind the colon of 'rating"),
        ({"load_col": ["user_id"]}, r"load_col: expected a mapping such as \{inter:"),
        ({"load_col": {"inter": "user_id"}}, r"a list of columns or '\*' under 'inter'.*'user_id'"),
        ({"load_col": {"inter": [1]}}, r"under 'inter', as in .*, not \[1\]"),
        ({"unload_col": {"inter": "*"}}, "unload_col: expected a list of columns under 'inter'"),
        ({"threshold": 4}, r"threshold: expected a mapping such as \{rating: 4\}, not 4"),
        ({"threshold": {"rating": "four"}}, "threshold: expected one column and a number"),
        ({"threshold": {"rating": 4, "stars": 3}}, "threshold: expected one column and a number"),
        ({"clip_grad_norm": 5}, r"clip_grad_norm: expected a mapping such as \{max_norm: 5\}"),
    ],
)
def test_mappings_that_are_none_are_refused(keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_mappings(keys)


@pytest.mark.parametrize("value", ["rating", {"rating": 1}, [1], 5])
def test_columns_are_a_list(value: Any) -> None:
    for key in ("normalize_field", "alias_of_item_id"):
        with pytest.raises(InputError, match=f"^{key}: expected a list of columns such as "):
            check_lists({key: value})
    check_lists({"normalize_field": ["rating"], "alias_of_item_id": None})


def test_mappings_pass() -> None:
    check_mappings({"load_col": {"inter": ["a", "b"], "item": "*"}, "unload_col": {"inter": []}})
    check_mappings({"load_col": None, "threshold": {"rating": 3.5}, "val_interval": {"a": "[1,2]"}})


DEFAULTS = {
    "n_heads": 2,
    "hidden_size": 64,
    "save_step": 10,
    "n_iter": 1,
    "reg_weight": 2,
    "hidden_dropout_prob": 0.5,
    "tau": 0.1,
    "mf_train": True,
    "use_bias": 1,
    "none": None,
    "mlp_hidden_size": [128, 64],
    "dropout_probs": [0.2, 0.2],
    "selected_features": ["class"],
    "MAX_ITEM_LIST_LENGTH": 50,
    "data_path": "dataset/",
    "user_inter_num_interval": "[0,inf)",
}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("n_heads", "two", "a number such as 2, not 'two'"),
        ("n_heads", 0, "a whole number from 1, not 0"),
        ("n_heads", True, "a number such as 2, not True"),
        ("hidden_size", 64.0, "a whole number from 1, not 64.0"),
        ("hidden_size", -4, "a whole number from 1, not -4"),
        ("hidden_size", None, "a number such as 64, not None"),
        ("MAX_ITEM_LIST_LENGTH", 5.5, "a whole number from 1, not 5.5"),
        ("save_step", 1.5, "a whole number from 0, not 1.5"),
        ("hidden_dropout_prob", 2, "a number from 0 to 1, not 2"),
        ("tau", "low", "a number such as 0.1, not 'low'"),
        ("tau", float("nan"), "a number such as 0.1, not nan"),
        ("mf_train", "maybe", "True or False, not 'maybe'"),
        ("mlp_hidden_size", 64, r"a list such as \[128, 64\], not 64"),
        ("mlp_hidden_size", ["a"], r"a list of whole numbers from 1 such as \[128, 64\]"),
        ("mlp_hidden_size", [64, 0.5], "a list of whole numbers from 1"),
        ("dropout_probs", [0.1, "x"], r"a list of numbers such as \[0.2, 0.2\]"),
        ("selected_features", [1], "a list of names, not"),
        ("selected_features", "class", "a list such as"),
        ("data_path", 5, "text such as 'dataset/', not 5"),
    ],
)
def test_values_of_another_kind_than_the_default_are_refused(
    key: str, value: Any, words: str
) -> None:
    with pytest.raises(InputError, match=f"^{key}: expected {words}"):
        check_kinds({key: value}, DEFAULTS, [])


@pytest.mark.parametrize(
    "given",
    [
        {"n_iter": 1.5, "use_bias": True, "reg_weight": 0.5, "save_step": 0, "tau": 1},
        {"reg_weight": [0.1, 0.2], "none": "anything", "other": object()},
        {"mlp_hidden_size": [], "dropout_probs": [0, 0.5], "data_path": None},
        {"user_inter_num_interval": [5, 10]},
    ],
)
def test_values_of_the_kind_pass(given: Dict[str, Any]) -> None:
    check_kinds(given, DEFAULTS, [])


def test_keys_with_a_rule_are_left_to_it() -> None:
    check_kinds({"n_heads": "two"}, DEFAULTS, ["n_heads"])


def test_a_file_without_the_blank_is_told_the_line(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("epochs:3\n")
    (tmp_path / "two.yaml").write_text("# training\nepochs:3\nseed: 4\n")
    (tmp_path / "deep.yaml").write_text("load_col:\n  inter:['user_id','item_id']\n")
    (tmp_path / "number.yaml").write_text("3: 4\n")
    (tmp_path / "word.yaml").write_text("train_neg_sample_args: None\n")
    for file, words in (
        ("one.yaml", "no mapping of keys to values; write a blank behind the colon in line 1"),
        ("two.yaml", "cannot be read: .*; write a blank behind the colon in line 2"),
        ("deep.yaml", "load_col: write a blank behind the colon of 'inter:"),
        ("number.yaml", "^3: the name of a key is text"),
        ("word.yaml", "train_neg_sample_args: None is a word in YAML; write ~ for nothing"),
    ):
        with pytest.raises(InputError, match=words):
            Config("POEM", "ml-100k", [file])


def test_stock_models_are_checked_by_their_own_defaults() -> None:
    with pytest.raises(InputError, match="inner_size: expected a whole number from 1, not 0"):
        Config("SASRec", "ml-100k", config_dict={"inner_size": 0.5})
    assert Config("BPR", "ml-100k", config_dict={"inner_size": 0.5})["inner_size"] == 0.5
