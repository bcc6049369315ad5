"""What is given in vain is told, with the reason."""

from typing import Any, Dict, List, Tuple

import pytest

from recbole_poem.models.idle_keys import idle_keys
from recbole_poem.training.config import Config

#: without the gaps, for which rows need times
GIMIREC = {"name": "gimirec", "gaps": 0}


def idle(model: str = "POEM", **keys: Any) -> List[Tuple[str, str]]:
    return idle_keys(Config(model, "ml-100k", config_dict=keys))


@pytest.mark.parametrize("key", ["ranker", "ranker_optimizer", "ranker.name"])
def test_a_ranker_that_nothing_trains_is_told(key: str) -> None:
    value = {"ranker_optimizer": "pub"}.get(key, "ektm")
    why = "the ranking_source item_to_item trains no ranker, as time_blocks does"
    assert idle(**{key: value}) == [(key, why)]
    assert idle(**{key: value}, ranking_source="time_blocks") == []


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"n_rankings": 3, "ranking_reader": "none"}, "there is no ranking_reader"),
        ({"state_fusion": "residual", "ranking_reader": "none"}, "there is no ranking_reader"),
        ({"shuffle_scores": True, "ranking_reader": "none"}, "there is no ranking_reader"),
        ({"request_weight": 2}, "it holds for ranking_training: joint"),
    ],
)
def test_keys_of_reading_are_told_where_nothing_is_read(keys: Dict[str, Any], why: str) -> None:
    assert idle(**keys) == [(next(iter(keys)), why)]
    assert idle(**{**keys, "ranking_reader": "partial_order", "ranking_training": "joint"}) == []


def test_a_model_of_the_history_alone_has_no_use_for_rankings() -> None:
    why = "there is no ranking_reader, and no loss reads rankings"
    alone = {"preset": "comirec"}
    assert idle(**alone) == []
    assert idle(**alone, score_fusion="normal_scores") == [("score_fusion", why)]
    assert idle(**alone, score_fusion="normal_scores", losses=["feedback", "system"]) == []
    why = "there is no ranking_reader, and one of the terms reads rankings"
    assert idle(**alone, logit_terms="candidate_head") == [("logit_terms", why)]
    assert idle(**alone, logit_terms="repeat") == []
    assert idle(targets={"watch": {"target": "watch_time"}}) == []  # data sets name them


@pytest.mark.parametrize(
    ("encoder", "idle_ones"),
    [
        ("comirec", ["n_layers", "n_heads", "inner_size", "attn_dropout_prob"]),
        ("gimirec", ["n_layers", "n_heads", "inner_size", "attn_dropout_prob"]),
        ("hstu", ["inner_size"]),
        ("ligr", []),
    ],
)
def test_sizes_that_an_encoder_does_not_read_are_told(encoder: str, idle_ones: List[str]) -> None:
    sizes = {"n_layers": 3, "n_heads": 1, "inner_size": 8, "attn_dropout_prob": 0.1}
    why = f"the history_encoder {encoder} does not read it"
    alone = {**sizes, "ranking_reader": "none"}
    chosen = GIMIREC if encoder == "gimirec" else encoder
    assert idle(**alone, history_encoder=chosen) == [(key, why) for key in idle_ones]
    # a reader has layers of its own, and reads the others
    of_history = [(key, why) for key in idle_ones if key == "n_layers"]
    assert idle(**sizes, history_encoder=chosen) == of_history


@pytest.mark.parametrize(
    ("reader", "idle_ones"),
    [
        ("ridge", ["n_heads", "attn_dropout_prob"]),
        ("pooling", ["n_heads", "attn_dropout_prob"]),
        ("partial_order", []),
        ({"name": "sum", "first": "ridge", "second": "pooling"}, ["n_heads", "attn_dropout_prob"]),
        ({"name": "sum", "first": "ridge", "second": "partial_order"}, []),
    ],
)
def test_sizes_that_neither_encoder_nor_reader_reads_are_told(
    reader: Any, idle_ones: List[str]
) -> None:
    sizes = {"n_heads": 1, "inner_size": 8, "attn_dropout_prob": 0.1}
    name = reader if isinstance(reader, str) else reader["name"]
    why = f"neither the history_encoder gimirec nor the ranking_reader {name} reads it"
    found = idle(**sizes, history_encoder=GIMIREC, ranking_reader=reader)
    assert found == [(key, why) for key in idle_ones]


@pytest.mark.parametrize("key", ["sampled_negatives", "full_softmax_limit"])
def test_a_sample_that_no_loss_reads_is_told(key: str) -> None:
    why = "no loss asks for the softmax over the catalogue (gbce, margin)"
    assert idle(**{key: 20}, losses=["gbce", "margin"]) == [(key, why)]
    assert idle(**{key: 20}, losses=["gbce", "system"]) == []


def test_the_ranking_alone_is_one() -> None:
    assert idle("Upstream", n_rankings=3) == [("n_rankings", "Upstream reads one ranking")]
    why = "Upstream orders candidates by their scores, and has no states of users"
    keys = {"shuffle_scores": True, "hidden_size": 32}
    assert idle("Upstream", **keys) == [(key, why) for key in keys]
    assert idle("Upstream", shuffle_rankings=True, hide_target=True, request_lag=0) == []


def test_other_models_have_no_such_keys() -> None:
    assert idle("SASRec", n_layers=2) == []
