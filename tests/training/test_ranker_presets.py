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


@pytest.mark.parametrize("preset", ["ektm", "pub"])
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
        changed = {"ektm": "ranker", "pub": "ranker_optimizer"}[preset]
        keys_that_differ = {
            key for key in plain.final_config_dict if config[key] != plain[key]
        } - {"preset"}  # fmt: skip
        assert keys_that_differ == {changed}
        assert config.component(changed).name == preset


def test_a_preset_of_another_model_is_refused(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^preset: paper sets .*, which MultiTaskRanker does not"):
        Config(config_dict={**keys, "preset": "paper"})


@pytest.mark.parametrize("preset", ["cwm", "d2co", "ektm", "pub"])
def test_a_preset_of_rankers_is_refused_where_none_is_trained(
    keys: Dict[str, Any], preset: str
) -> None:
    words = f"^preset: {preset} changes the ranker, and the ranking_source logged trains none; add "
    given = {**keys, "ranking_source": "logged", "preset": preset}
    for model in ("POEM", "Upstream"):
        with pytest.raises(InputError, match=words):
            Config(config_dict={**given, "model": model})


def test_a_preset_trains_saves_and_loads(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "preset": "ektm"})
    loaded = load(result["model_file"])
    assert type(loaded.model.network).__name__ == "KnowledgeTransfer"
    assert loaded.evaluate("test") == result["test_result"]


def test_each_ranker_scores_the_candidates_of_time_blocks(keys: Dict[str, Any]) -> None:
    paths = set()
    for ranker in ("mmoe", "ektm", "shared_bottom"):
        given = {**keys, **TINY_POEM, "model": "Upstream", "ranker": ranker}
        cache = load(run_recbole_poem(config_dict=given)["model_file"]).train_data._dataset.cache
        assert cache.objectives == ("click", "like", "seconds", "retrieval")
        paths.add(cache.path)
    assert len(paths) == 3


def test_the_settings_of_a_ranker_are_searched(keys: Dict[str, Any]) -> None:
    pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
    Path("space.hyper").write_text(
        "ranker.pattern choice ['parallel','sequential']\nranker.temperature choice [0.5]\n"
    )
    given = [f"--{key}={value}" for key, value in {**keys, "ranker": "ektm"}.items()]
    command = ["tune", "--params_file=space.hyper", "--algo=exhaustive", *given]
    assert main(command) == 0
    best = yaml.safe_load(Path("tune/MultiTaskRanker-toy/best.yaml").read_text())
    assert best["ranker.temperature"] == 0.5
    assert main(["--config_files=tune/MultiTaskRanker-toy/best.yaml"]) == 0


def test_the_own_space_of_the_model_fits_every_ranker(keys: Dict[str, Any]) -> None:
    pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
    from recbole_poem.tune.searching import Search

    for ranker in ("mmoe", "ektm", "shared_bottom"):
        search = Search({**keys, "ranker": ranker}, [])
        assert set(search.space) == {"learning_rate", "ranker.dropout"}
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
