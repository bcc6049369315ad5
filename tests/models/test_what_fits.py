"""Components that do not fit each other are refused before any work."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from conftest import random_log
from toy_poem import SMALL, make

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import LOSSES
from recbole_poem.training.config import Config


@pytest.mark.parametrize("training", ["stacked", "joint"])
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"losses": "noise_robustness"},
            "losses: noise_robustness goes beside a loss of the next item, and there is none; add",
        ),
        (
            {"losses": ["history_length", "noise_robustness"]},
            "losses: history_length and noise_robustness goes beside a loss of the next item",
        ),
        (
            {"losses": {"feedback": {"weight": 0}, "noise_robustness": {}}},
            "losses.feedback.weight: with 0 there is nothing to learn items from",
        ),
        (
            {"losses": ["next_item_contrast", "noise_robustness"]},
            "losses: next_item_contrast and noise_robustness acts on the history alone, and what "
            "reads rankings would learn nothing; add feedback, or set ranking_reader: none",
        ),
        (
            {"history_encoder": {"name": "transformer", "position": "rote"}},
            "history_encoder.position: rote reads the row feature 'time', which is not there",
        ),
        (
            {"history_encoder": "gimirec"},
            "history_encoder.gaps: the gaps are those of the row feature 'time', which is not",
        ),
        (
            {"history_encoder": "comirec", "row_features": ["gap", "time"]},
            "row_features.time: nothing in the history encoder reads it; leave it out, or choose",
        ),
        (
            {"history_encoder.attention": "focused", "n_heads": 1},
            "n_heads: the attention focused takes heads by twos, and 1 is odd; set n_heads: 2",
        ),
        (
            {"ranking_reader.attention": "focused", "n_heads": 1},
            "n_heads: the attention focused takes heads by twos, and 1 is odd; set n_heads: 2",
        ),
        (
            {"history_encoder.position": "rote", "row_features": "time", "hidden_size": 6},
            "hidden_size: rote turns pairs of numbers, and a head has 3; make hidden_size an even",
        ),
        (
            {
                "history_encoder.position": {"name": "rote", "combine": "heads"},
                "row_features": "time",
            },
            "history_encoder.position.combine: 3 levels need as many heads, and n_heads is 2",
        ),
        (
            {"losses": ["sqn", "sac"]},
            "losses.sac: it stands in the place of sqn; leave one of them out",
        ),
        (
            {"losses.sqn": True},
            "losses.sqn: it stands in the place of feedback; leave one of them out",
        ),
        (
            {"losses": ["sac", "feedback"]},
            "losses.sac: it stands in the place of feedback; leave one of them out",
        ),
    ],
)
def test_it_is_refused(keys: Dict[str, Any], words: str, training: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        Config("POEM", "ml-100k", config_dict={**keys, "ranking_training": training})


@pytest.mark.parametrize(
    "losses",
    [
        {"feedback": {"weight": 0}, "system": {}},
        {"history_length": {}, "system": {}},
    ],
)
def test_stacked_training_needs_what_teaches_the_history_to_tell_items(losses: Any) -> None:
    words = "^losses: with ranking_training stacked the history learns from a loss of its own"
    with pytest.raises(InputError, match=words):
        Config("POEM", "ml-100k", config_dict={"losses": losses})
    keys = {"losses": losses, "ranking_training": "joint"}
    assert set(Config("POEM", "ml-100k", config_dict=keys).component("losses")) == set(losses)


def test_a_loss_of_weight_0_does_not_teach_to_read() -> None:
    losses = {"feedback": {"weight": 0}, "next_item_contrast": {}}
    words = "^losses: next_item_contrast acts on the history alone, and what reads rankings would"
    with pytest.raises(InputError, match=words):
        Config("POEM", "ml-100k", config_dict={"losses": losses, "ranking_training": "joint"})


@pytest.mark.parametrize(
    ("encoder", "reader", "is_refused"),
    [
        ("comirec", "none", False),
        ("comirec", "pooling", False),
        ("comirec", "partial_order", True),
        ("transformer", "none", True),
    ],
)
def test_sizes_are_multiples_of_heads_where_something_has_heads(
    encoder: str, reader: str, is_refused: bool
) -> None:
    keys = {"history_encoder": encoder, "ranking_reader": reader, "row_features": "gap"}
    words = "^hidden_size: 9 is no multiple of n_heads, 2$"
    with pytest.raises(InputError, match=words) if is_refused else nullcontext():
        Config("POEM", "ml-100k", config_dict={**keys, "hidden_size": 9})


def test_no_later_draw_notices_that_encoders_were_made() -> None:
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(3)
    Config("POEM", "ml-100k", config_dict={})
    assert torch.equal(torch.rand(5), expected)


def test_a_column_of_rewards_is_missed_before_rankings_are_made(write_dataset: Any) -> None:
    losses = {"losses": {"sqn": {"rewards": {"purchase": 1.0}}, "system": {}}}
    keys = {**write_dataset(random_log(1)), **SMALL, **losses}
    words = r"^losses\.sqn\.rewards: the .inter file has no float column 'purchase' among those"
    with pytest.raises(InputError, match=words):
        make(keys)
    assert not (Path(keys["checkpoint_dir"]) / "request_cache").exists()


def test_a_history_alone_may_learn_by_what_acts_on_it_alone() -> None:
    keys = {"losses": "next_item_contrast", "ranking_reader": "none"}
    assert list(Config("POEM", "ml-100k", config_dict=keys).component("losses")) == [
        "next_item_contrast"
    ]


def test_every_loss_says_whether_it_stands_alone() -> None:
    beside = {name for name, term in LOSSES.components().items() if not term.stands_alone}
    assert beside == {"fusion", "history_length", "noise_robustness", "preference"}


def test_every_loss_says_whether_it_asks_for_the_softmax() -> None:
    asking = {name for name, term in LOSSES.components().items() if term.asks_softmax}
    assert asking == {"feedback", "sac", "sqn", "system", "system_order"}
