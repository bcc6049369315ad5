"""The configuration: RecBole's, the plugin's properties on top, and no surprises from outside."""

import re
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import yaml

from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.renamed import RENAMED
from recbole_poem.core.settings import defaults_of
from recbole_poem.models.keys import POEMKeys
from recbole_poem.training.checks.values import ruled_keys
from recbole_poem.training.config import Config
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.registry import MODELS

FILES = [file for file in sorted(PROPERTIES.rglob("*.yaml")) if file.parent.name != "benchmark"]


def make(model: str = "POEM", **keys: Any) -> Config:
    return Config(model, "ml-100k", config_dict=keys)


def test_precedence_of_files_dictionary_and_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("grouping.n_groups: 7\nlosses.margin.margin: 3.5\n")
    config = Config("POEM", "ml-100k", ["mine.yaml"], {"losses.margin.margin": "2.5"})
    assert config["grouping.n_groups"] == 7
    assert config["losses.margin.margin"] == 2.5
    assert config["requests_per_window"] == defaults_of(POEMKeys)["requests_per_window"]
    model = yaml.safe_load((PROPERTIES / "model" / "POEM.yaml").read_text())
    assert config["train_batch_size"] == model["train_batch_size"] != make("BPR")["epochs"]
    # the data set's file overrides the model's
    assert list(config["objectives"]) == ["watched", "liked", "next", "soon", "together"]


def test_a_preset_stands_between_its_model_and_the_data_set() -> None:
    added = {
        "state_fusion.name": "residual",
        "logit_terms": ["candidate_head", "repeat"],
        "history_encoder.name": "mixture",
        "row_features": ["gap"],
        "ranking_reader.n_layers": 1,
        "ranking_reader.mask": "all",
    }
    paper = {
        "state_fusion.name": "gate",
        "logit_terms": [],
        "history_encoder.name": "transformer",
        "row_features": [],
        "ranking_reader.n_layers": 2,
        "ranking_reader.mask": "better",
    }
    for preset, parts, training, weight in (
        ({}, added, "stacked", 9),
        ({"preset": "best"}, added, "stacked", 9),
        ({"preset": "paper"}, paper, "joint", 1),
    ):
        config = make(**preset)
        found = {key: config[key] for key in parts}
        assert {k: list(v) if isinstance(v, dict) else v for k, v in found.items()} == parts
        for model in ("POEM", "Upstream"):
            config = make(model, **preset)
            assert (config["ranking_training"], config["request_weight"]) == (training, weight)
    head = {"logit_terms.candidate_head": True}
    assert list(make(preset="paper", **head)["logit_terms"]) == ["candidate_head"]
    assert make(preset="paper")["objectives"] == make()["objectives"]
    assert "state_fusion" not in make("SASRec", preset="paper").final_config_dict


def test_the_preset_reloop2_adds_a_reranker_and_changes_nothing_else() -> None:
    config, plain = make(preset="reloop2"), make()
    assert list(config["rerankers"]) == ["reloop2"] and plain["rerankers"] == {}
    assert make(preset="reloop2", **{"rerankers.reloop2.weight": 0.9})["rerankers.reloop2"] == {
        **config["rerankers.reloop2"], "weight": 0.9
    }  # fmt: skip
    others = {key for key in plain.final_config_dict if config[key] != plain[key]}
    assert others <= {"rerankers", "preset"}


@pytest.mark.parametrize("name", ["papers", "cwm/any", "../preset/umre", "best/kuairand-pure"])
def test_a_preset_is_one_of_those_that_are_listed(name: str) -> None:
    with pytest.raises(InputError, match=r"^preset: expected best or one of a2gen, .*, umre"):
        make(preset=name)


@pytest.mark.parametrize("dataset", ["kuairand-pure", "kuairand-pure-4.08-4.21", "kuairec"])
@pytest.mark.parametrize("preset", ["d2co", "cwm"])
def test_a_preset_may_change_the_watch_time_of_whatever_data_set(preset: str, dataset: str) -> None:
    plain, config = (
        Config("POEM", dataset, config_dict=given) for given in ({}, {"preset": preset})
    )
    assert plain["targets"]["watch_time"]["target"] == "watch_time"
    assert config["ranking_source.name"] == "time_blocks"
    assert config["targets"]["watch_time"]["target"] == preset
    assert list(config["targets"]) == list(plain["targets"])
    given = {"preset": preset, "targets.watch_time.weight": 7}
    assert Config("POEM", dataset, config_dict=given)["targets"]["watch_time"]["weight"] == 7


def test_the_best_preset_may_know_a_data_set() -> None:
    def keys(model: str, dataset: str, **given: Any) -> List[Any]:
        config = Config(model, dataset, config_dict=given)
        return [config[key] for key in ("n_layers", "hidden_size", "objectives")]

    poem, general = keys("POEM", "kuairand-pure"), keys("POEM", "ml-100k")
    assert poem[:2] == [1, 256]
    assert general[:2] == [2, 64]
    assert keys("POEM", "kuairand-pure", hidden_size=32)[1] == 32
    assert keys("POEM", "kuairand-pure", preset="paper") == [*general[:2], poem[2]]
    assert keys("Upstream", "kuairand-pure") == poem  # the stage that feeds POEM has its keys
    assert keys("SASRec", "kuairand-pure")[:2] == [2, 64]  # its own
    assert keys("MultiTaskRanker", "kuairand-pure")[:2] == [None, 32]


def test_command_line_of_the_host_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """RecBole evaluates it: `pytest --cov=os.path.x` would crash (config/configurator.py:131)."""
    monkeypatch.setattr(sys, "argv", ["pytest", "--grouping.n_groups=9", "--cov=os.path.x"])
    assert make()["grouping.n_groups"] == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("False", False),
        ("None", None),
        ("[5, 10]", [5, 10]),
        ("{'rating': '[4,inf)'}", {"rating": "[4,inf)"}),
        ('{rating: "[4,inf)"}', {"rating": "[4,inf)"}),
        ("[NDCG, Hit]", ["NDCG", "Hit"]),
        ("NDCG@10", "NDCG@10"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
    ],
)
def test_strings_are_literals_never_code(text: str, value: Any) -> None:
    assert make(aggregator=text)["aggregator"] == value


def test_numbers_of_numpy_are_numbers_and_truth_values_are_none() -> None:
    temperature, margin = "history_encoder.temperature", "losses.margin.margin"
    config = make(epochs=np.int64(3), topk=[np.int32(10)], **{temperature: np.float32(0.5)})
    found = [config["epochs"], config[temperature], *config["topk"]]
    assert found == [3, 0.5, 10]
    assert [type(value) for value in found] == [int, float, int]
    for key, value in (("epochs", np.bool_(True)), (temperature, True), (margin, np.inf)):
        with pytest.raises(InputError, match=f"^{key}: expected a"):
            make(**{key: value})


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("groupings", "; the nearest is 'grouping'"),
        ("groupin.n_groups", "; the nearest is 'grouping'"),
        ("learning_rat", "; the nearest is 'learning_rate'"),
        ("user_inter_num_intervall", "; the nearest is 'user_inter_num_interval'"),
        ("deny", ""),
        ("zzzzzz", ""),
    ],
)
def test_a_key_that_nothing_reads_is_refused_with_the_nearest(key: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"^{key}: there is no such key of POEM or RecBole{hint}$"):
        make(**{key: 3})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"grouping.n_group": 3},
            r"grouping\.n_group: there is no such setting; the nearest is 'n_groups'",
        ),
        ({"grouping": "quantiles"}, "grouping: there is no 'quantiles'; the nearest is 'quantile'"),
        ({"losses.margni.weight": 1}, r"losses\.margni: there is no 'margni'; .* 'margin'"),
        ({"state_fusion.size": 1}, r"state_fusion\.size: there is no such setting"),
        ({"negatives": "graph"}, "negatives: it is a setting of another component"),
        (
            {"ranking_reader": "none", "ranking_reader.mask": "all"},
            r"ranking_reader: it is taken away, and ranking_reader\.mask changes it",
        ),
        ({"ranking_reader.mask": "better"}, r"ranking_reader\.mask: with one layer it changes"),
    ],
)
def test_a_component_or_a_setting_that_is_not_there_is_refused(
    keys: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        make(**keys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": 3}, "model: expected a name such as POEM, not 3"),
        (
            {"config_file_list": "a.yaml"},
            "config_file_list: expected a list of files",
        ),
        ({"config_dict": "x"}, "config_dict: expected keys and their values, not 'x'"),
        (
            {"config_dict": {"model": ["POEM"]}},
            r"model: expected a name such as POEM, not",
        ),
        (
            {"config_dict": {"valid_metric": "NDCG"}},
            "valid_metric: NDCG is of a list; write ND",
        ),
        (
            {"config_dict": {"valid_metric_bigger": False}},
            "valid_metric_bigger: .* valid_metric",
        ),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments: Dict[str, Any], words: str) -> None:
    keys = {"model": "POEM", "dataset": "ml-100k", **arguments}
    if isinstance(keys.get("config_dict"), dict) and "model" in keys["config_dict"]:
        del keys["model"]
    with pytest.raises(InputError, match=f"^{words}"):
        Config(**keys)


def test_paths_and_tuples_are_what_they_say() -> None:
    config = make(data_path=Path("dataset"), topk=(5, 10))
    assert config["topk"] == [5, 10] and config.given()["data_path"] == "dataset"


def test_a_mode_alone_leaves_the_split_as_it_is() -> None:
    usual, asked = make("BPR"), make("BPR", eval_args={"mode": "uni20"})
    assert asked["eval_args"] == {
        **usual["eval_args"],
        "mode": {"valid": "uni20", "test": "uni20"},
    }
    assert asked["eval_args"]["order"] == "TO"


def test_a_key_of_another_model_is_told_with_the_nearest() -> None:
    assert make(embedding_size=3).unknown_keys()[0][0] == "embedding_size"
    alone = make("Upstream", ranking_reader="none", **{"losses.margin.weight": 1})
    assert {key for key, _ in alone.unknown_keys()} == {"ranking_reader", "losses.margin.weight"}


def test_every_key_of_recbole_and_the_plugin_is_known() -> None:
    keys = {"nproc": 2, "benchmark_filename": None, "valid_metric": "MRR@10", "resume": None}
    assert make(**keys, mask_seen=True, numerical_features=[]).unknown_keys() == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_key_of_the_properties_has_a_comment(file: Path) -> None:
    lines = file.read_text().splitlines()
    keys = [line for line in lines if re.match(r"^[\w.]+:", line)]
    assert keys
    blocks = ("objectives:", "load_col:", "targets:")
    bare = [line for line in keys if "#" not in line and not line.startswith(blocks)]
    assert [line for line in bare if file.stem != "Upstream"] == []


def test_every_range_is_of_a_key_that_exists_and_the_defaults_keep_them() -> None:
    for model, model_class in MODELS.items():
        config = make(model)  # raises for a default out of range
        missing = set(ruled_keys(model_class)) - set(config.internal_config_dict)
        assert missing == set(), model


def test_every_model_has_its_own_keys_and_the_ranking_stage_alone_those_of_poem() -> None:
    poem, upstream, ranker = (make(model) for model in ("POEM", "Upstream", "MultiTaskRanker"))
    for key in defaults_of(POEMKeys):
        assert upstream[key] == poem[key], key
    assert poem.component("losses.margin") is not None
    assert upstream.component("losses") is None  # there is nothing to learn
    for stage in ("ranking_source", "objectives", "targets", "ranker", "score_fusion"):
        assert upstream[stage] == poem[stage], stage
    assert (poem["ranker"], poem["targets"]) == (ranker["ranker"], ranker["targets"])
    sources = (poem["ranking_source.n_candidates"], ranker["ranking_source.n_candidates"])
    assert sources == (100, None)


@pytest.mark.parametrize(
    ("model", "key", "now"),
    [
        ("POEM", "upstream", "ranking_source"),
        ("POEM", "n_candidates", "ranking_source.n_candidates"),
        ("POEM", "ranker_blocks", "ranking_source.blocks"),
        ("MultiTaskRanker", "tasks", "targets"),
        # keys of RecBole's other models, and renamed where they were the plugin's alone
        ("MultiTaskRanker", "dropout_prob", "ranker.dropout"),
        ("MultiTaskRanker", "n_experts", "ranker.n_experts"),
    ],
)
def test_a_former_key_is_told_what_it_is_called_now(model: str, key: str, now: str) -> None:
    with pytest.raises(InputError, match=rf"^{key}: this key has another name now; write {now}$"):
        make(model, **{key: 3})


def test_every_former_key_of_poem_is_told() -> None:
    for key, now in RENAMED.items():
        with pytest.raises(InputError, match=rf"^{key}: this key has another name now") as error:
            make(**{key: 3})
        assert str(error.value).endswith(now)


def test_a_key_of_recboles_models_is_theirs_whatever_the_plugin_once_called_so() -> None:
    assert make("GRU4Rec", dropout_prob=0.1)["dropout_prob"] == 0.1
    assert [key for key, _ in make("Pop", dropout_prob=0.1).unknown_keys()] == ["dropout_prob"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"request_lag": -1}, "request_lag: expected a whole number from 0, not -1"),
        ({"hidden_dropout_prob": 1.0}, "hidden_dropout_prob: expected a number from 0, below 1"),
        ({"ranking_reader": "maybe"}, "ranking_reader: there is no 'maybe'; known are"),
        ({"ranking_reader": 3}, "ranking_reader: expected the name of a component or a block"),
        ({"score_fusion.kappa": -1}, r"^score_fusion\.kappa: expected a number from 0, not -1"),
        (
            {"ranking_source.folds": 1},
            r"^ranking_source\.folds: expected a whole number from 2",
        ),
        ({"topk": [0]}, "topk: expected a whole number from 1, or a list"),
    ],
)
def test_values_out_of_range_are_refused_by_name(keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(**keys)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"embedding_size": 0}, "embedding_size: expected a whole number from 1, not 0"),
        ({"unexposed_negatives": -1}, "unexposed_negatives: expected a whole number from 0, not"),
        ({"metrics": ["NDCG"], "valid_metric": "NDCG@10"}, "valid_metric: expected GAUC, what"),
    ],
)
def test_values_of_the_ranker_are_its_own_to_check(keys: Dict[str, Any], words: str) -> None:
    make(**keys)  # POEM has no such key, or takes that value
    with pytest.raises(InputError, match=words):
        make("MultiTaskRanker", **keys)


@pytest.mark.parametrize(
    ("content", "words"),
    [("a: [1", "mine.yaml cannot be read"), ("- 1", "holds no mapping"), ("", "holds no mapping")],
)
def test_unreadable_files_are_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(InputError, match=words):
        Config("POEM", "ml-100k", ["mine.yaml"])
    with pytest.raises(InputError, match=r"nowhere.yaml cannot be read: No such file"):
        Config("POEM", "ml-100k", ["nowhere.yaml"])


def test_general_models_get_the_task_of_the_sequential_ones() -> None:
    for model in ("BPR", "Pop", "CKE"):
        assert Config(model, "ml-100k")["eval_args"] == make()["eval_args"], model


def test_columns_of_other_files_stay_as_recbole_names_them() -> None:
    for model, suffixes in (("POEM", {"inter"}), ("CKE", {"inter", "kg", "link"})):
        config = Config(model, "mine", config_dict={"data_path": "data"})
        assert config["load_col"]["inter"] == "*"
        assert set(config["load_col"]) == suffixes, model


def test_recboles_ce_models_need_no_extra_key() -> None:
    """RecBole refuses its own default train_neg_sample_args beside CE (configurator.py:350)."""
    assert Config("SASRec", "ml-100k")["train_neg_sample_args"]["distribution"] == "none"
    pairwise = Config("SASRec", "ml-100k", config_dict={"loss_type": "BPR"})
    assert pairwise["train_neg_sample_args"]["distribution"] == "uniform"


def test_no_gpu_means_the_cpu() -> None:
    assert make(use_gpu=False)["device"].type == "cpu"


def test_given_keys_make_an_equal_configuration() -> None:
    config = make(
        **{"grouping.n_groups": 3}, objectives={"only": {"similarity": "cosine"}}, resume=None
    )
    given = config.given()
    again = Config(given.pop("model"), given.pop("dataset"), config_dict=given)
    assert again.final_config_dict == config.final_config_dict


def test_the_search_space_is_recboles_format_and_of_known_keys() -> None:
    pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
    from recbole.trainer import HyperTuning

    space = HyperTuning._build_space_from_file(PROPERTIES / "tune" / "POEM.hyper")
    assert len(space) >= 5
    whole = {"grouping.n_groups": 2, "ranking_reader.group_samples": 2}
    assert set(whole) < set(space)
    assert make(**{**dict.fromkeys(space, 0.1), **whole}).unknown_keys() == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"losses": "none"}, "losses: there is nothing to learn from; name feedback at least"),
        ({"losses": ["margin"]}, "losses: with ranking_training stacked the history learns from"),
        ({"losses.feedback": "none"}, "losses: with ranking_training stacked the history"),
        ({"losses.margni": "none"}, "losses.margni: there is no 'margni'; the nearest is 'margin'"),
        ({"negatives": "uniform"}, "negatives: it is a setting of another component, and no key"),
        ({"state_fusion": "gate"}, "ranking_training: stacked needs a state_fusion that stands on"),
    ],
)
def test_components_that_cannot_work_together_are_refused(keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        make(**keys)


def test_what_is_left_of_a_loss_may_be_learned_jointly_or_without_rankings() -> None:
    assert list(make(losses="margin", ranking_training="joint")["losses"]) == ["margin"]
    assert list(make(losses="system", ranking_reader="none")["losses"]) == ["system"]


def test_a_tilde_is_nothing_on_a_command_line_as_in_a_file() -> None:
    assert make(request_cache_dir="~")["request_cache_dir"] is None
    assert make(**{"score_fusion.weights": "~"})["score_fusion.weights"] is None


def test_a_stage_that_a_model_lacks_is_told_and_does_nothing() -> None:
    ranker = make("MultiTaskRanker", rerankers="nobody")
    assert [key for key, _ in ranker.unknown_keys()] == ["rerankers"]
    assert ranker.component("rerankers") is None


# -- the name of a component by a dotted key ------------------------------------------------------

READER = {"name": "partial_order", "group_samples": 3}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"ranking_reader.name": "ridge"}, {"name": "ridge", "values": "features", "penalty": 0.5}),
        (
            {"ranking_reader.penalty": 3, "ranking_reader.name": "ridge"},
            {"name": "ridge", "values": "features", "penalty": 3},
        ),
        (
            {"ranking_reader": READER, "ranking_reader.name": "pooling"},
            {"name": "pooling", "values": "features", "n_queries": 4},
        ),
        ({"preset": "paper", "ranking_reader.name": "none"}, "none"),
    ],
)
def test_another_name_leaves_the_settings_that_the_new_component_has(
    keys: Dict[str, Any], expected: Any
) -> None:
    assert Config("POEM", "ml-100k", config_dict=keys)["ranking_reader"] == expected


def test_the_same_name_leaves_all_settings() -> None:
    keys = {"ranking_reader.name": "partial_order"}
    found, usual = (
        Config("POEM", "ml-100k", config_dict=of)["ranking_reader"] for of in (keys, {})
    )
    assert found == usual and usual["n_layers"] == 1


def test_settings_of_a_lower_file_go_with_the_component_that_had_them() -> None:
    lower = {"ranking_reader.n_layers": 3, "ranking_reader.values": "features"}
    keys = laid(lower, {"ranking_reader.name": "ridge"})
    assert keys == {"ranking_reader.values": "features", "ranking_reader.name": "ridge"}
    inner = {"history_encoder": {"name": "transformer", "position": {"name": "interpos"}}}
    inner["history_encoder"]["position"]["combine"] = "gate"
    given = {**inner, "history_encoder.position.name": "learned"}
    position = Config("POEM", "ml-100k", config_dict=given)["history_encoder"]["position"]
    assert position == {"name": "learned"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"ranking_reader.penalti": 3, "ranking_reader.name": "ridge"},
            r"ranking_reader\.penalti: there is no such setting; the nearest is 'penalty'",
        ),
        (
            {"ranking_reader.n_layers": 3, "ranking_reader.name": "ridge"},
            r"ranking_reader\.n_layers: there is no such setting",
        ),
        ({"ranking_reader.name": "rigde"}, "there is no 'rigde'; the nearest is 'ridge'"),
    ],
)
def test_a_setting_given_beside_the_name_is_the_new_components(
    keys: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Config("POEM", "ml-100k", config_dict=keys)
