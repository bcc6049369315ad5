"""What is given in vain is told, with the reason."""

from typing import Any, Dict, List, Tuple

import pytest
from conftest import random_log
from toy_poem import ALL_OFF, SMALL

from recbole_poem import run_recbole_poem
from recbole_poem.core.blocks import laid
from recbole_poem.models.idle_keys import idle_keys, idle_settings
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
        ({"shuffle_rankings": True, "ranking_reader": "none"}, "there is no ranking_reader"),
        ({"hide_target": True, "ranking_reader": "none"}, "there is no ranking_reader"),
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
    why = "there is no ranking_reader, and it reads rankings"
    told = [("logit_terms.candidate_head", why)]
    assert idle(**alone, logit_terms="candidate_head") == told
    assert idle(**alone, logit_terms=["repeat", "candidate_head"]) == told
    assert idle(**alone, logit_terms="repeat") == []
    assert idle(targets={"watch": {"target": "watch_time"}}) == []  # data sets name them


def test_of_logit_terms_those_alone_that_read_rankings_are_told() -> None:
    alone = {"ranking_reader": "none"}  # POEM's own terms are candidate_head and repeat
    assert idle(**alone, **{"logit_terms.popularity_trend.weights": [0.5]}) == []
    assert idle(**alone, **{"logit_terms.repeat": False}) == []
    assert idle(**alone, **{"logit_terms.candidate_head": False}) == []
    head = "logit_terms.candidate_head.hidden_size"
    why = "there is no ranking_reader, and it reads rankings"
    assert idle(**alone, **{head: 8}) == [(head, why)]
    assert idle(**{head: 8}) == []


@pytest.mark.parametrize(
    ("reader", "reads"),
    [
        ("partial_order", True),
        ("ridge", False),
        ({"name": "contrast", "values": "features"}, False),
        ({"name": "pooling", "values": "groups"}, True),
        ({"name": "sum", "first": "ridge", "second": "partial_order"}, True),
        ({"name": "sum", "first": "ridge", "second": "pooling"}, False),
    ],
)
def test_a_grouping_that_no_reader_reads_is_told(reader: Any, reads: bool) -> None:
    name = reader if isinstance(reader, str) else reader["name"]
    told = [("grouping.n_groups", f"the ranking_reader {name} reads no groups as it is set")]
    assert idle(ranking_reader=reader, **{"grouping.n_groups": 7}) == ([] if reads else told)


def test_objectives_that_a_source_does_not_read_are_told() -> None:
    key = "objectives.next.steps"
    assert idle(**{key: 2}) == idle(**{key: 2}, ranking_source="time_blocks") == []
    told = [(key, "the ranking_source logged does not read it")]
    assert idle(**{key: 2}, ranking_source="logged") == told


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


GIMIREC_ALONE = {"name": "gimirec", "hops": 0, "gaps": 0}
INTERPOS = {"name": "interpos", "gaps": "seconds", "n_days": 7}


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        ({"name": "comirec", "n_iterations": 2}, {"n_iterations": "the routing self_attention"}),
        (
            {"name": "comirec", "routing": "dynamic", "hidden_factor": 2, "n_iterations": 2},
            {"hidden_factor": "the routing dynamic does not read it"},
        ),
        (
            {**GIMIREC_ALONE, "hours": 2, "longest": 2},
            {"hours": "with hops: 0 no graph is read", "longest": "with gaps: 0 no gap is read"},
        ),
        ({"name": "gimirec", "hours": 2, "longest": 2}, {}),
        (
            {"name": "transformer", "position": INTERPOS},
            {"position.n_days": "gaps are in seconds"},
        ),
        ({"name": "transformer", "position": {**INTERPOS, "gaps": "days"}}, {}),
    ],
)
def test_settings_that_do_nothing_beside_others_are_told(encoder: Any, expected: Any) -> None:
    reads_times = encoder["name"] != "comirec" and encoder.get("gaps") != 0

    def told(**keys: Any) -> List[Tuple[str, str]]:
        features = {"row_features": ["time"]} if reads_times else {}
        config = Config("POEM", "ml-100k", config_dict={**keys, **features})
        assert idle_keys(config) == []  # a tuner leaves these out, whatever else it tries
        return idle_settings(config)

    found = told(history_encoder=encoder)
    assert [key for key, _ in found] == [f"history_encoder.{name}" for name in expected]
    assert all(why.startswith(start) for (_, why), start in zip(found, expected.values()))
    dotted = {f"history_encoder.{key}": value for key, value in encoder.items() if key != "name"}
    assert told(history_encoder=encoder["name"], **dotted) == found


@pytest.mark.parametrize("name", ["sqn", "sac"])
def test_what_q_values_are_made_of_is_told_where_they_have_no_weight(name: str) -> None:
    keys = {"losses": {name: {"q_weight": 0, "discount": 0.9, "session_gap": 60}}}
    why = "with q_weight: 0 no Q value is learned"
    found = idle_settings(Config("POEM", "ml-100k", config_dict=keys))
    assert found == [(f"losses.{name}.{key}", why) for key in ("discount", "session_gap")]
    keys = {"losses": {name: {"q_weight": 0.1, "discount": 0.9, "session_gap": 60}}}
    assert idle_settings(Config("POEM", "ml-100k", config_dict=keys)) == []


def test_a_run_tells_them(write_dataset: Any, caplog: pytest.LogCaptureFixture) -> None:
    log = random_log(1, n_users=20, n_items=12, longest=8)
    encoder = {"name": "comirec", "n_iterations": 2}
    keys = laid(write_dataset(log), SMALL, ALL_OFF, {"history_encoder": encoder, "n_layers": 1})
    run_recbole_poem(config_dict={**keys, "epochs": 1})
    told = [words for words in caplog.messages if "does nothing" in words]
    assert "'n_layers' does nothing: the history_encoder comirec does not read it" in told
    words = "'history_encoder.n_iterations' does nothing: the routing self_attention does not read"
    assert any(one.startswith(words) for one in told)


def test_settings_of_other_models_are_not_asked_for() -> None:
    assert idle_settings(Config("SASRec", "ml-100k", config_dict={})) == []


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
