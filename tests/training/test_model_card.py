"""A checkpoint has a card: what it was trained on, how it was judged, what differs, its limits."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
from conftest import random_log

from recbole_poem.cli.verbs import main
from recbole_poem.training import checkpoint, model_card
from recbole_poem.training.config import Config
from recbole_poem.training.model_card import Measured, card, differing, path_of
from recbole_poem.training.quick_start import load, run_recbole_poem

SMALL = {
    "model": "POEM", "preset": "comirec", "hidden_size": 8, "epochs": 2, "topk": [5],
    "metrics": ["NDCG", "Hit"], "valid_metric": "NDCG@5", "train_batch_size": 100,
}  # fmt: skip


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=30, n_items=20)), **SMALL}


def section(words: str, title: str) -> List[str]:
    """Return the lines of a section of a card."""
    return words.split(f"\n## {title}\n")[1].split("\n## ")[0].strip().split("\n")


def table(words: str, title: str) -> Dict[str, List[str]]:
    rows = [line.strip("| ").split(" | ") for line in section(words, title)]
    return {first: rest for first, *rest in rows}


def test_a_training_writes_what_it_knows(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict=keys)
    words = path_of(result["model_file"]).read_text(encoding="utf-8")
    name = Path(result["model_file"]).name
    experiment = load(result["model_file"])
    n_weights = sum(weights.numel() for weights in experiment.model.parameters())
    assert words.startswith(f"# POEM on toy\n\n`{name}` holds {n_weights:,} weights of epoch ")
    log = experiment.dataset.log
    first, *rest = section(words, "Data")
    assert first.startswith(f"- toy: {len(log):,} rows of 30 users and ")
    begin, end = (
        str(np.datetime64(int(t), "s")).replace("T", " ") for t in (log.time.min(), log.time.max())
    )
    assert first.endswith(f"from {begin} to {end} UTC (`time_unit: s`)")
    assert (
        rest[0] == "- predicted: the last row of each user to test, the one before it to validate"
    )
    assert "- NDCG, Hit @ 5" in section(words, "Protocol")
    for line in section(words, "Protocol"):
        assert line.count("(") == line.count(")"), line
    found = table(words, "Metrics")
    for metric, value in result["test_result"].items():
        assert found[metric] == [f"{result['best_valid_result'][metric]:.4f}", f"{value:.4f}"]
    assert "Items that the user had before were candidates" in words
    assert keys["data_path"] not in words and keys["checkpoint_dir"] not in words


def test_keys_that_differ_are_named_and_no_other(keys: Dict[str, Any]) -> None:
    config = Config(config_dict={**keys, "preset": "best", "losses.margin": "none"})
    rows = {key: (here, default) for key, here, default in differing(config)}
    assert rows["epochs"] == (2, 200)
    assert rows["hidden_size"] == (8, 64)
    assert rows["losses.margin"][0] is None and rows["losses.margin"][1]["weight"] == 0.1
    assert not {"learning_rate", "data_path", "checkpoint_dir", "losses.feedback"} & set(rows)
    usual = {key: keys[key] for key in ("model", "dataset", "data_path")}
    assert differing(Config(config_dict=usual)) == []


def test_another_component_differs_as_a_whole_and_a_setting_as_a_part(keys: Dict[str, Any]) -> None:
    given = {**keys, "preset": "best", "history_encoder.temperature": 0.5, "state_fusion": "gate",
             "ranking_training": "joint"}  # fmt: skip
    rows = {key: (here, default) for key, here, default in differing(Config(config_dict=given))}
    assert rows["history_encoder.temperature"] == (0.5, 0.07)
    assert rows["state_fusion"] == ({"name": "gate"}, {"name": "residual"})


def test_the_command_adds_what_needs_no_training(keys: Dict[str, Any]) -> None:
    given = [f"--{key}={value}" for key, value in keys.items()]
    assert main(["train", *given]) == 0
    (path,) = Path(keys["checkpoint_dir"]).glob("*.pth.md")
    header, _, *rows = section(path.read_text(encoding="utf-8"), "Metrics")
    assert header == "|  | POEM, validation | POEM, test | Pop, test |"
    assert len(rows) == 2 and all(row.count("|") == 5 for row in rows)


def test_a_resumed_run_writes_it_anew(keys: Dict[str, Any]) -> None:
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    before = path_of(file).read_text(encoding="utf-8")
    path_of(file).write_text("half a ca")
    run_recbole_poem(config_dict={"resume": file, "epochs": 3})
    after = path_of(file).read_text(encoding="utf-8")
    assert table(before, "Keys that differ from the defaults")["`epochs`"] == ["`1`", "`200`"]
    assert table(after, "Keys that differ from the defaults")["`epochs`"] == ["`3`", "`200`"]


def test_no_checkpoint_no_card(keys: Dict[str, Any]) -> None:
    run_recbole_poem(config_dict=keys, saved=False)
    assert not list(Path(keys["checkpoint_dir"]).glob("*.md"))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("odd")])
def test_a_card_that_fails_is_told_and_costs_nothing(
    keys: Dict[str, Any],
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> str:
        raise error

    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    before = path_of(file).read_text(encoding="utf-8")
    monkeypatch.setattr(model_card, "card", fail)
    result = run_recbole_poem(config_dict={"resume": file, "epochs": 2})
    assert result["test_result"] and checkpoint.read(file)["epoch"] == 1
    assert path_of(file).read_text(encoding="utf-8") == before
    (told,) = [each for each in caplog.messages if "no model card is written" in each]
    assert "the checkpoint is whole" in told and told.endswith(error.args[-1])
    assert not [each for each in Path(file).parent.iterdir() if each.name.startswith(".")]


def test_limits_say_what_rankings_it_read_and_that_a_control_is_none_for_use(
    keys: Dict[str, Any],
) -> None:
    given = {**keys, "preset": "best", "epochs": 1, "shuffle_rankings": True,
             "ranking_source.n_candidates": 5, "grouping.n_groups": 2}  # fmt: skip
    words = path_of(run_recbole_poem(config_dict=given)["model_file"]).read_text(encoding="utf-8")
    limits = section(words, "Limits")
    assert "- It learned from rankings that item-to-item similarities made of the same log. " in (
        each[: each.index("Another")] for each in limits if "Another" in each
    )
    assert any(each.startswith("- **A control** (`shuffle_rankings`)") for each in limits)


def test_models_of_recbole_and_rankers_have_one_as_well(keys: Dict[str, Any]) -> None:
    own = {key: value for key, value in keys.items() if key not in ("preset", "hidden_size")}
    result = run_recbole_poem(config_dict={**own, "model": "BPR", "embedding_size": 8})
    words = path_of(result["model_file"]).read_text(encoding="utf-8")
    assert words.startswith("# BPR on toy\n")
    assert "- It knows its users by number, and nobody who came later." in words


def test_cells_of_a_table_hold_no_line_of_their_own(keys: Dict[str, Any]) -> None:
    experiment = load(run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"])
    measured = Measured(None, {"a|b": 0.5}, {"Pop": {"c": 1.0}}, None)
    words = card(experiment, "x.pth", measured)
    assert pd.Series(section(words, "Metrics")).tolist()[2:] == [
        "| a\\|b | 0.5000 | - |",
        "| c | - | 1.0000 |",
    ]
