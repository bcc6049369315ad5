"""Dotted keys into mappings that are no stages."""

from pathlib import Path
from typing import Any, Dict

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.dotted import with_parts

_USUAL = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}


def test_a_dotted_key_changes_one_part_of_recboles_mapping() -> None:
    keys = {"eval_args.mode": "uni100", "train_neg_sample_args.sample_num": "5"}
    config = Config("BPR", "ml-100k", config_dict=keys)
    assert config["eval_args"] == {**_USUAL, "mode": {"valid": "uni100", "test": "uni100"}}
    assert config["train_neg_sample_args"]["sample_num"] == 5
    assert config["train_neg_sample_args"]["distribution"] == "uniform"
    assert config.unknown_keys() == []
    again = dict(config.given())
    again = {key: value for key, value in again.items() if key not in ("model", "dataset")}
    assert Config("BPR", "ml-100k", config_dict=again)["eval_args"] == config["eval_args"]


def test_a_part_of_a_part_is_changed_and_what_is_given_lies_below() -> None:
    given = {
        "eval_args": {"split": {"LS": "valid_and_test"}, "mode": {"valid": "full", "test": "full"}},
        "eval_args.mode.test": "uni20",
    }
    assert with_parts(given, {"eval_args": _USUAL})["eval_args"] == {
        "split": {"LS": "valid_and_test"},
        "mode": {"valid": "full", "test": "uni20"},
    }
    assert with_parts({"clip_grad_norm.max_norm": 5}, {"clip_grad_norm": None}) == {
        "clip_grad_norm": {"max_norm": 5}
    }


def test_a_value_above_replaces_a_part_below(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("eval_args.mode: uni100\n")
    config = Config("BPR", "ml-100k", [str(file)])
    assert config["eval_args.mode.test"] == "uni100"
    config = Config("BPR", "ml-100k", [str(file)], {"eval_args": {"order": "TO"}})
    assert config["eval_args.mode.test"] == "full"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"eval_args.split": "3"},
            "eval_args.split: expected a mapping such as {RS: [0.8, 0.1, 0.1]} or "
            "{LS: valid_and_test}, not 3",
        ),
        (
            {"eval_args.order.x": "3"},
            "eval_args.order.x: eval_args.order is 'TO' and no mapping; write eval_args.order "
            "whole",
        ),
        ({"epochs.x": "3"}, "epochs.x: epochs has no parts; write epochs without a dot"),
        (
            {"eval_args.mod": "full"},
            "eval_args: expected split, order, group_by or mode, not 'mod'; the nearest is mode",
        ),
    ],
)
def test_what_cannot_be_changed_is_refused(keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        Config("BPR", "ml-100k", config_dict=keys)
    assert str(error.value) == words
