"""A line per epoch: score, best so far and its epoch, patience, time, losses by their names."""

import re
from typing import Any, Dict, List

import pytest
from conftest import random_log

from recbole_poem.training.progress import EpochLines
from recbole_poem.training.quick_start import run_recbole_poem

KEYS = {"epochs": 12, "stopping_step": 3, "valid_metric": "NDCG@10", "show_progress": False}


def lines(caplog: pytest.LogCaptureFixture) -> List[str]:
    said = [record.getMessage() for record in caplog.records]
    return [re.sub(r"[\d.]+ s ", "T s ", each) for each in said if each.startswith("epoch: ")]


def test_a_line_has_the_best_score_and_what_is_left_of_patience(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    caplog.set_level("INFO")
    progress = EpochLines(KEYS)
    for epoch, score, best, best_epoch, waited in ((0, 0.2, 0.2, 0, 0), (1, 0.1, 0.2, 0, 1)):
        progress.begin(epoch, 2)
        progress.learned()
        progress.trained({"feedback": 480.0912, "system": 36.3387}, False)
        progress.validated(score, best, best_epoch, waited)
    progress.begin(2, 2)
    progress.trained({"": 3.0}, True)
    assert lines(caplog) == [
        "epoch:  1/12  NDCG@10 0.2000  best 0.2000 (epoch 1)  patience 3  T s  "
        "loss feedback 480.1, system 36.34",
        "epoch:  2/12  NDCG@10 0.1000  best 0.2000 (epoch 1)  patience 2  T s  "
        "loss feedback 480.1, system 36.34",
        "epoch:  3/12  T s  loss 3",
    ]
    assert capsys.readouterr().err == ""


def test_a_bar_moves_by_batches_and_goes(capsys: pytest.CaptureFixture) -> None:
    progress = EpochLines({**KEYS, "show_progress": True})
    progress.begin(0, 4)
    progress.learned()
    assert "epoch      1/12:" in capsys.readouterr().err
    progress.trained({"": 1.0}, False)
    progress.end()
    assert capsys.readouterr().err.endswith("\r")


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("POEM", ["history feedback", "feedback", "system", "margin"]),
        ("paper", ["feedback", "system", "margin"]),
        ("SASRec", [""]),
    ],
)
def test_a_training_says_its_epochs_by_the_names_of_its_losses(
    write_dataset: Any, caplog: pytest.LogCaptureFixture, model: str, names: List[str]
) -> None:
    keys: Dict[str, Any] = write_dataset(random_log(1, n_users=40, n_items=25, longest=20))
    keys.update({"state": "INFO", "epochs": 3, "eval_step": 2, "topk": [5], "hidden_size": 8})
    keys.update({"valid_metric": "NDCG@5", "model": model, "inner_size": 8})
    if model != "SASRec":
        keys.update({"ranking_source.n_candidates": 8, "model": "POEM"})
        keys["preset"] = "paper" if model == "paper" else "best"
    caplog.set_level("INFO")
    run_recbole_poem(config_dict=keys, saved=False)
    first, second, third = lines(caplog)
    for line in (first, second, third):
        parts = line.split("loss ")[1].split(", ")
        assert [part.rpartition(" ")[0] for part in parts] == names
    assert "NDCG@5" not in first and "NDCG@5" not in third
    assert "epoch: 2/3  NDCG@5 " in second
