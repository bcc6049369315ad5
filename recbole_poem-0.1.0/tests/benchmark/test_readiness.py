"""What is refused before a run trains in vain."""

import shutil
from typing import Any, Callable, Dict

import pytest
from conftest import random_log

from recbole_poem.benchmark.readiness import check_ready
from recbole_poem.core.errors import InputError
from recbole_poem.training import quick_start
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble

ITEMS = "item_id:token\tgenre:token_seq\n" + "".join(f"i{i}\ta\n" for i in range(15))

LEAVE_ONE_OUT = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user"}


@pytest.fixture
def check(write_dataset: Callable[..., Dict[str, Any]]) -> Callable[..., None]:
    keys = {**write_dataset(random_log(1, n_users=30), item=ITEMS), "topk": [5]}
    keys["valid_metric"] = "MRR@5"

    def check(model: str, **more: Any) -> None:
        experiment = assemble(Config(model, config_dict={**keys, **more}))
        check_ready(experiment, quick_start.trainer_of(experiment))

    return check


@pytest.mark.parametrize("model", ["Pop", "Upstream", "BPR", "GRU4Rec"])
def test_models_that_train_and_models_that_do_not_are_ready(check: Any, model: str) -> None:
    check(model)


def test_a_stage_of_pre_training_is_not_taken_for_training(check: Any) -> None:
    words = "train_stage: RaCT has a training stage of its own, actor_pretrain"
    with pytest.raises(InputError, match=words):
        check("RaCT")


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("BPR", {"epochs": 2, "eval_step": 0}, "eval_step: with 0, none of 2 epochs"),
        ("BPR", {"epochs": 0}, "eval_step: with 0, none of 0 epochs"),
        ("Pop", {"eval_step": 3}, "eval_step: with 3, none of 1 epochs"),
    ],
)
def test_a_run_without_validation_is_refused(
    check: Any, model: str, more: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check(model, **more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"eval_args": {**LEAVE_ONE_OUT, "mode": {"valid": "full", "test": "uni10"}}},
            "eval_args: the benchmark ranks the whole catalogue",
        ),
        ({"category_field": "kind"}, r"category_field: .*toy\.item has no column 'kind'"),
    ],
)
def test_what_could_not_be_evaluated_is_refused(
    check: Any, more: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check("GRU4Rec", **more)


def test_files_that_are_split_beforehand_are_refused(check: Any) -> None:
    for part in ("train", "valid", "test"):
        shutil.copy("data/toy/toy.inter", f"data/toy/toy.{part}.inter")
    with pytest.raises(InputError, match=r"mask_seen: needs one \.inter file"):
        check("BPR", benchmark_filename=["train", "valid", "test"])
