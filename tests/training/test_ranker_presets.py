"""Rankers by one word: presets, whole runs, the search for hyper-parameters, the request cache."""

from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
import yaml
from toy_exposures import TINY, TINY_POEM, exposure_log, write_exposures

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import load, run_recbole_poem


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    ranker = {"model": "MultiTaskRanker", **TINY, "epochs": 1}
    return {**write_exposures(write_dataset, exposure_log()), **ranker}


@pytest.mark.parametrize("preset", ["a2gen", "ektm", "pub", "rar"])
def test_a_preset_is_one_stage_for_the_ranker_and_for_poem(
    keys: Dict[str, Any], preset: str
) -> None:
    blocks = {"ranking_source": "time_blocks"}
    for model, of_model in (("MultiTaskRanker", {}), ("POEM", blocks)):
        configs = [
            Config(config_dict={**keys, **of_model, "model": model, "preset": name})
            for name in ("best", preset)
        ]
        plain, config = configs
        changed = {"pub": "ranker_optimizer", "rar": "ranker_input"}.get(preset, "ranker")
        keys_that_differ = {
            key for key in plain.final_config_dict if config[key] != plain[key]
        } - {"preset"}  # fmt: skip
        assert keys_that_differ == {changed}
        chosen = config.component(changed)
        assert (chosen[preset] if preset == "rar" else chosen).name == preset


def test_a_preset_of_another_model_is_refused(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^preset: paper sets .*, which MultiTaskRanker does not"):
        Config(config_dict={**keys, "preset": "paper"})


@pytest.mark.parametrize("preset", ["a2gen", "cwm", "d2co", "ektm", "pub", "rar"])
def test_a_preset_of_rankers_is_refused_where_none_is_trained(
    keys: Dict[str, Any], preset: str
) -> None:
    words = f"^preset: {preset} changes the ranker, and the ranking_source logged trains none; add "
    given = {**keys, "ranking_source": "logged", "preset": preset}
    for model in ("POEM", "Upstream"):
        with pytest.raises(InputError, match=words):
            Config(config_dict={**given, "model": model})


@pytest.mark.parametrize(
    ("preset", "network"), [("ektm", "KnowledgeTransfer"), ("a2gen", "ActionGenerator")]
)
def test_a_preset_trains_saves_and_loads(keys: Dict[str, Any], preset: str, network: str) -> None:
    result = run_recbole_poem(config_dict={**keys, "preset": preset})
    loaded = load(result["model_file"])
    assert type(loaded.model.network).__name__ == network
    assert loaded.evaluate("test") == result["test_result"]


def test_each_ranker_scores_the_candidates_of_time_blocks(keys: Dict[str, Any]) -> None:
    paths = set()
    for ranker in ("mmoe", "ektm", "shared_bottom", "a2gen"):
        given = {**keys, **TINY_POEM, "model": "Upstream", "ranker": ranker}
        cache = load(run_recbole_poem(config_dict=given)["model_file"]).train_data._dataset.cache
        assert cache.objectives == ("click", "like", "seconds", "retrieval")
        paths.add(cache.path)
    assert len(paths) == 4


def test_an_input_goes_with_a_ranker_in_time_blocks(keys: Dict[str, Any]) -> None:
    paths = set()
    for given in ({}, {"ranker_input": "rar"}, {"preset": "rar", "ranker_input.rar.users": 2}):
        given = {**keys, **TINY_POEM, "model": "Upstream", "ranker": "ektm", **given}
        cache = load(run_recbole_poem(config_dict=given)["model_file"]).train_data._dataset.cache
        assert cache.objectives == ("click", "like", "seconds", "retrieval")
        paths.add(cache.path)
    assert len(paths) == 3


def test_the_rankers_of_time_blocks_read_the_actions_in_the_history(keys: Dict[str, Any]) -> None:
    source = TINY_POEM["ranking_source"]
    paths = set()
    for pooling in ("attention", "actions"):
        training = {**source["training"], "pooling": pooling}
        given = {**keys, **TINY_POEM, "model": "POEM", "ranker": "a2gen"}
        given["ranking_source"] = {**source, "training": training}
        result = run_recbole_poem(config_dict=given)
        loaded = load(result["model_file"])
        assert loaded.evaluate("test") == result["test_result"]
        paths.add(loaded.train_data._dataset.cache.path)
    assert len(paths) == 2


@pytest.mark.parametrize(
    ("ranker", "first", "second"),
    [
        ("ektm", "pattern choice ['parallel','sequential']", "temperature choice [0.5]"),
        ("a2gen", "n_heads choice [1,2]", "order_weight choice [0.5]"),
    ],
)
def test_the_settings_of_a_ranker_are_searched(
    keys: Dict[str, Any], ranker: str, first: str, second: str
) -> None:
    pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
    Path("space.hyper").write_text(f"ranker.{first}\nranker.{second}\n")
    given = [f"--{key}={value}" for key, value in {**keys, "ranker": ranker}.items()]
    command = ["tune", "--params_file=space.hyper", "--algo=exhaustive", *given]
    assert main(command) == 0
    best = yaml.safe_load(Path("tune/MultiTaskRanker-toy/best.yaml").read_text())
    assert best[f"ranker.{second.split()[0]}"] == 0.5
    assert main(["--config_files=tune/MultiTaskRanker-toy/best.yaml"]) == 0


def test_the_own_space_of_the_model_fits_every_ranker(keys: Dict[str, Any]) -> None:
    pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
    from recbole_poem.tune.searching import Search

    sizes = {"embedding_size", "hidden_size"}
    given = {key: value for key, value in keys.items() if key not in sizes}
    for ranker in ("mmoe", "ektm", "shared_bottom", "a2gen"):
        search = Search({**given, "ranker": ranker}, [])
        assert set(search.space) == {"learning_rate", "weight_decay", "ranker.dropout", *sizes}
        drawn = search.configuration({"learning_rate": 0.01, "ranker.dropout": 0.3})
        assert Config(config_dict=drawn)["ranker.dropout"] == 0.3


@pytest.mark.parametrize("optimizers", [("none", "pub"), ("pub", "none")])
def test_a_ranker_does_not_go_on_with_another_optimizer(
    keys: Dict[str, Any], optimizers: Tuple[str, str]
) -> None:
    before, after = optimizers
    file = run_recbole_poem(config_dict={**keys, "ranker_optimizer": before})["model_file"]
    with pytest.raises(InputError, match=r"\.pth: resume goes on with the optimizer of the"):
        run_recbole_poem(config_dict={"resume": file, "epochs": 2, "ranker_optimizer": after})


def test_a_ranker_does_not_go_on_with_other_targets(keys: Dict[str, Any]) -> None:
    file = run_recbole_poem(config_dict=keys)["model_file"]
    change = {"targets.seconds.target": "cwm"}
    with pytest.raises(InputError, match=r"^targets: the run that is resumed was validated with"):
        run_recbole_poem(config_dict={"resume": file, "epochs": 2, **change})
