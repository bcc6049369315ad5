"""What the end of a training proposes next."""

import shlex
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from conftest import random_log
from recbole.utils import ModelType
from toy_exposures import TINY, exposure_log, write_exposures

from recbole_poem.cli.outcome import _lines
from recbole_poem.cli.verbs import main
from recbole_poem.core.run_log import end_log
from recbole_poem.training.baselines import Targets
from recbole_poem.training.quick_start import train


@pytest.mark.parametrize(("n_seen", "offers_seen"), [(0, False), (5, False), (6, True)])
def test_seen_items_are_offered_where_people_come_back_to_them(
    n_seen: int, offers_seen: bool
) -> None:
    dataset = SimpleNamespace(
        inter_feat={"user": torch.tensor([3, 4, 5])},
        uid_field="user",
        id2token=lambda field, ids: [f"u{one}" for one in ids],
    )
    experiment: Any = SimpleNamespace(
        config={"MODEL_TYPE": ModelType.SEQUENTIAL},
        model=None,
        test_data=SimpleNamespace(_dataset=dataset),
    )
    lines = _lines({"model_file": "saved/a.pth"}, experiment, Targets(100, 50, n_seen))
    seen = " --keep_seen" if offers_seen else ""
    assert lines[-1] == (
        "next      recbole-poem recommend --checkpoint=saved/a.pth --users=u3,u4"
        f"{seen} --output=recs.csv"
    )
    assert f"{n_seen}.0% of the targets" in lines[0]


@pytest.mark.parametrize("n_users", [30, 1])
def test_the_next_command_runs_as_it_is_printed(write_dataset: Any, n_users: int) -> None:
    log = random_log(1, n_users=30, n_items=20)
    log = log[log["user_id"].isin(log["user_id"].value_counts().index[:n_users])].copy()
    log["user_id"] = 'the "boss", ' + log["user_id"]
    keys = write_dataset(log)
    keys.update(model="SASRec", epochs=1, train_neg_sample_args=None, loss_type="CE", topk=[1])
    finished = train(config_dict={**keys, "valid_metric": "NDCG@1"})
    end_log()
    line = _lines(finished.result, finished.experiment, None)[-1]
    program, *words = shlex.split(line.partition(" ")[2])
    assert program == "recbole-poem" and main([*words, "--k=1"]) == 0
    names = pd.read_csv("recs.csv")["request"]
    # who is alone has seen all items that there are
    assert len(names) == (2 if n_users > 1 else 0) and set(names) <= set(log["user_id"])


@pytest.mark.parametrize(
    ("rerankers", "is_alone"), [("{multislot: {similarity: embeddings}}", True), ("none", False)]
)
def test_a_model_whose_lists_need_its_states_stands_alone_and_says_so(
    write_dataset: Any, capsys: pytest.CaptureFixture, rerankers: str, is_alone: bool
) -> None:
    keys = write_dataset(random_log(1, n_users=30, n_items=20))
    keys.update(MAX_ITEM_LIST_LENGTH=6, hidden_size=8, epochs=1, topk=[5], valid_metric="NDCG@5")
    given = [f"--{key}={value}" for key, value in keys.items()]
    assert main(["train", "--model=POEM", f"--rerankers={rerankers}", *given]) == 0
    out = capsys.readouterr().out
    assert ("no row of Pop or the previous ranking: a re-ranker reads" in out) == is_alone
    assert ("  Pop" in out) != is_alone


def test_a_ranker_ends_with_what_its_targets_measure_and_recommends_nothing(
    write_dataset: Any, capsys: pytest.CaptureFixture
) -> None:
    keys = {**write_exposures(write_dataset, exposure_log()), **TINY, "epochs": 1}
    given = [f"--{key}={value}" for key, value in keys.items()]
    assert main(["train", "--model=MultiTaskRanker", "--ranker=ektm", *given]) == 0
    out = capsys.readouterr().out
    assert "gauc click" in out and "xauc seconds" in out
    assert "rows are judged by their labels" in out
    assert "Pop" not in out and "recommend" not in out
