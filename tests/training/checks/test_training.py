"""Losses, negatives and keys that a model cannot learn with."""

import importlib.util
from typing import Any, Dict

import pytest
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config

NEGATIVES = {"distribution": "uniform", "sample_num": 1}


@pytest.mark.parametrize(
    ("model", "keys", "words"),
    [
        (
            "SASRec",
            {"loss_type": "BPR", "train_neg_sample_args": None},
            "train_neg_sample_args: loss_type BPR needs negatives; write {distribution: uniform",
        ),
        ("SASRec", {"loss_type": "CEE"}, "loss_type: expected BPR or CE, not 'CEE'; the nearest"),
        ("SASRec", {"loss_type": "ce"}, "loss_type: expected BPR or CE, not 'ce'; the nearest"),
        ("GRU4Rec", {"loss_type": None}, "loss_type: expected BPR or CE, not None"),
        ("CORE", {"loss_type": "BPR"}, "loss_type: expected CE, not 'BPR'"),
        ("CDAE", {"loss_type": "CE"}, "loss_type: expected MSE or BCE, not 'CE'"),
        ("BPR", {"loss_type": "CE"}, "loss_type: BPR does not read this key; leave it out$"),
        ("POEM", {"loss_type": "CE"}, "POEM does not read this key; give the key losses inst"),
        (
            "SASRec",
            {"train_neg_sample_args": NEGATIVES},
            "train_neg_sample_args: loss_type CE compares with all items and takes no negatives",
        ),
        ("BPR", {"train_neg_sample_args": None}, "train_neg_sample_args: BPR needs negatives"),
        (
            "BPR",
            {"train_neg_sample_args": {"distribution": "none"}},
            "train_neg_sample_args: BPR needs negatives",
        ),
        ("CKE", {"train_neg_sample_args": None}, "train_neg_sample_args: CKE needs negatives"),
        (
            "KGCN",
            {"aggregator": "mean"},
            "aggregator: expected sum, neighbor or concat, not 'mean'",
        ),
        ("LINE", {"order": 3}, "order: expected 1 or 2, not 3"),
        (
            "S3Rec",
            {"train_stage": "tune"},
            "train_stage: expected pretrain or finetune, not 'tune'",
        ),
        ("KD_DAGFM", {"teacher": "__import__('os')"}, "teacher: expected CrossNet or CIN, not"),
        (
            "POEM",
            {"train_neg_sample_args": NEGATIVES},
            "train_neg_sample_args: POEM does not read it, and has negatives of its own",
        ),
        (
            "CKE",
            {"load_col": {"inter": "*"}},
            "load_col: CKE reads the files .kg and .link as well",
        ),
        ("S3Rec", {"pretrain_epochs": 1}, "save_step: 50 is above pretrain_epochs, 1"),
    ],
)
def test_what_a_model_cannot_learn_with_is_refused(
    model: str, keys: Dict[str, Any], words: str
) -> None:
    Config(model, "ml-100k")
    with pytest.raises(InputError, match=words):
        Config(model, "ml-100k", config_dict=keys)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distribution": "unifrom"}, ".distribution: .*not 'unifrom'; the nearest is uniform"),
        ({"sample_num": 0}, ".sample_num: expected a whole number from 1, not 0"),
        ({"sample_num": "one"}, ".sample_num: expected a whole number from 1, not 'one'"),
        ({"distributoin": "uniform"}, ": .*not 'distributoin'; the nearest is distribution"),
        ({"dynamic": True}, ": dynamic chooses among candidates"),
        ({"dynamic": "yes", "candidate_num": 3}, ".dynamic: expected True or False, not 'yes'"),
        ({"alpha": "half"}, ".alpha: expected a number such as 1.0, not 'half'"),
    ],
)
def test_negatives_that_mean_nothing_are_refused(change: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match="^train_neg_sample_args" + words):
        Config("BPR", "ml-100k", config_dict={"train_neg_sample_args": {**NEGATIVES, **change}})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"device": "cuda"}, "device: it is not read, but worked out; give use_gpu and gpu_id"),
        ({"neg_sampling": {"uniform": 1}}, "neg_sampling: .*give train_neg_sample_args: "),
        ({"clip_grad_norm": {"max_nrom": 5}}, "clip_grad_norm: .*the nearest is max_norm"),
        ({"clip_grad_norm": {"norm_type": 2}}, "clip_grad_norm: it names no max_norm"),
        ({"transform": "mask"}, "transform: expected mask_itemseq, "),
        ({"transform": "crop_itemseq"}, "eta: transform crop_itemseq needs it"),
        ({"learner": "adm"}, "learner: expected one of adam, .*not 'adm'"),
        ({"learner": 5}, "learner: expected one of adam, .*not 5"),
        ({"state": "LOUD"}, "state: expected one of debug, .*not 'LOUD'"),
        ({"worker": -1}, "worker: expected a whole number from 0, not -1"),
        ({"weight_decay": -0.1}, "weight_decay: expected a number from 0, not -0.1"),
        ({"gpu_id": "x"}, "gpu_id: expected numbers of GPUs such as 0 or 0,1"),
    ],
)
def test_keys_that_would_be_passed_over_are_refused(keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Config("SASRec", "ml-100k", config_dict=keys)


def test_keys_that_are_read_pass() -> None:
    keys = {"learner": "AdamW", "state": "info", "gpu_id": "0,1", "clip_grad_norm": {"max_norm": 5}}
    Config("SASRec", "ml-100k", config_dict=keys)
    Config("SASRec", "ml-100k", config_dict={"gpu_id": "", "neg_sampling": None})
    dynamic = {**NEGATIVES, "dynamic": True, "candidate_num": 3}
    Config("BPR", "ml-100k", config_dict={"train_neg_sample_args": dynamic})
    for loss in ("BPR", "CE"):
        Config("SINE", "ml-100k", config_dict={"loss_type": loss})


def test_a_missing_logger_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="log_wandb: it needs the package 'wandb'; pip install"):
        Config("POEM", "ml-100k", config_dict={"log_wandb": True})


def test_a_model_of_somebody_else_may_read_what_it_likes() -> None:
    class Mine(SequentialRecommender):
        input_type = InputType.POINTWISE

    keys = {"loss_type": "mine", "train_neg_sample_args": None}
    assert Config(Mine, "ml-100k", config_dict=keys)["loss_type"] == "mine"
