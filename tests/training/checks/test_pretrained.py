"""Weights to start from that are not there."""

from pathlib import Path
from typing import Any, Dict

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config


@pytest.mark.parametrize(
    ("model", "keys", "words"),
    [
        ("S3Rec", {"train_stage": "finetune"}, "pre_model_path: this train_stage starts from a"),
        (
            "S3Rec",
            {"train_stage": "finetune", "pre_model_path": "nowhere.pth"},
            "pre_model_path: there is no file nowhere.pth",
        ),
        ("RaCT", {"train_stage": "critic_pretrain"}, "pre_model_path: this train_stage starts"),
        ("NAIS", {"pretrain_path": "nowhere.pth"}, "pretrain_path: there is no file nowhere.pth"),
        ("NeuMF", {"use_pretrain": True}, "mf_pretrain_path: use_pretrain starts from a"),
        ("KD_DAGFM", {"phase": "distillation"}, "warm_up: this phase starts from a checkpoint"),
    ],
)
def test_a_file_that_is_missing_is_named(model: str, keys: Dict[str, Any], words: str) -> None:
    Config(model, "ml-100k")
    with pytest.raises(InputError, match=words):
        Config(model, "ml-100k", config_dict=keys)


def test_a_file_that_is_there_passes() -> None:
    Path("first.pth").write_text("")
    keys = {"train_stage": "finetune", "pre_model_path": "first.pth"}
    Config("S3Rec", "ml-100k", config_dict=keys)
