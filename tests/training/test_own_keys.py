"""The keys that lie beside the data: below the user's, above the defaults, kept by a checkpoint."""

from pathlib import Path
from typing import Any

import pytest
from conftest import random_log
from toy_log import SMALL_POEM

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import load, run_recbole_poem


@pytest.fixture
def toy(write_dataset: Any) -> Any:
    keys = write_dataset(random_log(1))
    beside = Path(keys["data_path"]) / "toy" / "toy.yaml"

    def write(text: str) -> Any:
        beside.write_text(text)
        return keys

    return write


def test_they_hold_below_what_is_given(toy: Any) -> None:
    text = "time_unit: ms\nMAX_ITEM_LIST_LENGTH: 7\nobjectives.rated: {feedback: {rating: '[4,5]'}}"
    keys = toy(text)
    config = Config("POEM", "toy", config_dict={**keys, "MAX_ITEM_LIST_LENGTH": 9})
    assert (config["time_unit"], config["MAX_ITEM_LIST_LENGTH"]) == ("ms", 9)
    assert list(config["objectives"])[-1] == "rated" and len(config["objectives"]) == 6
    assert config["objectives.rated.feedback"] == {"rating": "[4,5]"}


def test_they_stand_above_a_preset(toy: Any) -> None:
    keys = toy("ema_decay: 0.5")
    assert Config("POEM", "toy", config_dict={**keys, "preset": "paper"})["ema_decay"] == 0.5
    keys = toy("preset: paper")
    assert Config("POEM", "toy", config_dict=keys)["ema_decay"] == 0


def test_those_of_another_model_say_nothing(toy: Any) -> None:
    config = Config("SASRec", "toy", config_dict=toy("objectives.rated: {}\nmask_seen: True"))
    assert config["mask_seen"] is True
    assert config.unknown_keys() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mask_sen: True", "toy.yaml: there is no key 'mask_sen'; the nearest is 'mask_seen'"),
        ("data_path: x", "toy.yaml: the key data_path cannot stand beside the data; take it out"),
        ("a: [", "toy.yaml cannot be read: line 1"),
    ],
)
def test_a_key_that_says_nothing_is_refused_with_its_file(toy: Any, text: str, words: str) -> None:
    with pytest.raises(InputError, match=r"toy\.yaml") as error:
        Config("POEM", "toy", config_dict=toy(text))
    assert words in str(error.value)


def test_a_checkpoint_keeps_them(toy: Any) -> None:
    keys = {**toy("MAX_ITEM_LIST_LENGTH: 5\nhidden_size: 16"), "topk": [5], "epochs": 1}
    small = {
        k: v for k, v in SMALL_POEM.items() if k not in ("MAX_ITEM_LIST_LENGTH", "hidden_size")
    }
    file = run_recbole_poem(config_dict={**keys, **small, "valid_metric": "NDCG@5"})["model_file"]
    toy("MAX_ITEM_LIST_LENGTH: 8")
    experiment = load(file)
    assert (experiment.config["MAX_ITEM_LIST_LENGTH"], experiment.config["hidden_size"]) == (5, 16)


def test_the_encoding_of_the_files_may_lie_beside_them(toy: Any) -> None:
    config = Config("POEM", "toy", config_dict=toy("encoding: latin-1"))
    assert config["encoding"] == "latin-1"
    assert config.unknown_keys() == []
