"""What is refused before a run trains in vain."""

from typing import Any, Callable, Dict

import pytest
from conftest import random_log

from recbole_poem import quick_start
from recbole_poem.benchmark.readiness import check_ready
from recbole_poem.config import Config
from recbole_poem.errors import InputError
from recbole_poem.experiment import assemble

ITEMS = "item_id:token\tgenre:token_seq\n" + "".join(f"i{i}\ta\n" for i in range(15))


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
