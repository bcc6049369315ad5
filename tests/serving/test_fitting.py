"""A table to a recommender in one call: the same as convert, train and load one after the other."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import successor_log
from toy_log import SMALL_POEM

import recbole_poem
from recbole_poem import POEM, InputError, Recommender
from recbole_poem.training.registry import get_model

KEYS = {key: value for key, value in SMALL_POEM.items() if key != "model"}
QUIET = {"show_progress": False, "state": "WARNING", "use_gpu": False, "threads": 1}
SHORT = {**KEYS, **QUIET, "epochs": 1, "topk": [5], "valid_metric": "NDCG@5"}


@pytest.fixture
def frame() -> pd.DataFrame:
    log = successor_log(n_users=20)
    return log.rename(columns={"user_id": "customer", "item_id": "sku", "timestamp": "ts"})


def test_the_class_is_the_one_that_recbole_trains() -> None:
    assert issubclass(recbole_poem.POEM, get_model("POEM"))


def test_a_frame_is_fitted_where_it_is_said(frame: pd.DataFrame) -> None:
    model = POEM.fit(
        frame,
        preset="paper",
        feedback=["rating"],
        dataset="shop",
        data_path="data",
        checkpoint_dir="kept",
        **SHORT,
    )
    assert isinstance(model, Recommender)
    assert Path("data/shop/shop.inter").is_file() and Path("data/shop/shop.yaml").is_file()
    assert sorted(path.suffix for path in Path("kept").glob("POEM-*")) == [".md", ".pth"]
    assert model.config["preset"] == "paper" and model.config["hidden_size"] == 8
    assert len(model.recommend([["i3"]], k=3)) == 3
    assert list(model.recommend(users=["u3"], k=2)["request"]) == ["u3", "u3"]
    assert len(model.similar_items("i3", k=2)) == 2


def test_equal_frames_share_a_data_set_and_others_do_not(frame: pd.DataFrame) -> None:
    POEM.fit(frame, **{**SHORT, "epochs": 0})
    POEM.fit(frame.copy(), **{**SHORT, "epochs": 0})
    assert len(list(Path("dataset").iterdir())) == 1
    POEM.fit(frame[10:], **{**SHORT, "epochs": 0})
    names = [path.name for path in Path("dataset").iterdir()]
    assert len(names) == 2 and all(name.startswith("frame-") for name in names)


def test_a_file_names_its_data_set(frame: pd.DataFrame) -> None:
    frame.to_csv("events.csv", index=False, sep=";")
    POEM.fit(Path("events.csv"), reading={"separator": ";"}, **{**SHORT, "epochs": 0})
    assert Path("dataset/events/events.inter").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user": "custommer"}, "user: the frame has no column 'custommer'; the nearest is"),
        ({"reading": {"time_unit": "h"}}, "reading['time_unit']: expected one of s, ms, us, ns"),
        ({"reading": {"zoen": "UTC"}}, "reading: there is no 'zoen'; the nearest is 'zone'"),
        ({"time_unit": "ms"}, "time_unit: the times of the table decide it"),
        ({"resume": "x"}, "resume: a fit begins anew; leave it out"),
        ({"dataset": "a/b"}, "dataset: expected a name without '/'"),
        ({"epoch": 3}, "epoch: there is no such key of POEM or RecBole; the nearest is 'epochs'"),
    ],
)
def test_what_cannot_be_meant_is_refused(frame: pd.DataFrame, options: Any, words: str) -> None:
    with pytest.raises(InputError) as error:
        POEM.fit(frame, **{**QUIET, **options})
    assert str(error.value).startswith(words)


def test_scores_of_an_experiment_are_what_it_is_evaluated_by(frame: pd.DataFrame) -> None:
    POEM.fit(frame, checkpoint_dir="kept", mask_seen=False, **SHORT)
    experiment = recbole_poem.load(str(next(Path("kept").glob("POEM-*.pth"))))
    scores = experiment.scores(range(20))
    target = experiment.test_data.dataset.inter_feat["item_id"]
    assert scores.shape == (20, 13) and (scores[:, 0] == -np.inf).all()
    rank = (scores > scores.gather(1, target[:, None])).sum(1)
    hits = float((rank < 5).float().mean())
    assert experiment.evaluate()["hit@5"] == pytest.approx(hits, abs=1e-4)
    with pytest.raises(InputError, match="rows: there is no test row 20, but 20 from 0"):
        experiment.scores([20])


def test_no_warning_reaches_the_user(frame: pd.DataFrame) -> None:
    frame.assign(rating=frame["rating"].where(frame.index % 3 > 0)).to_csv("events.csv")
    script = (
        "import sys, warnings\n"
        "from recbole_poem import POEM, Recommender, load  # what they import adds filters\n"
        "before = list(warnings.filters)\n"
        f"model = POEM.fit('events.csv', feedback=['rating'], **{SHORT!r})\n"
        "model.recommend([['i1']])\n"
        "assert warnings.filters == before\n"
    )
    flags = ["-W", "default::FutureWarning", "-W", "default::UserWarning"]
    command = [sys.executable, *flags, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


def test_gaps_are_told_with_what_to_write_in_python(frame: pd.DataFrame) -> None:
    frame.loc[3, "sku"] = None
    words = "leave all such rows out with reading={'drop_incomplete': True}"
    with pytest.raises(InputError, match=re.escape(words)):
        POEM.fit(frame, **QUIET)
    with pytest.raises(InputError, match=r"say reading=\{'time_unit': 's'\}$"):
        POEM.fit(frame.dropna().assign(ts=range(len(frame) - 1)), **QUIET)


def test_a_file_that_is_not_there_is_named_as_the_source() -> None:
    with pytest.raises(InputError, match=r"^source: there is no file none.csv$"):
        POEM.fit("none.csv")


@pytest.mark.parametrize("source", [None, [1, 2]])
def test_what_is_no_table_is_refused(source: Any) -> None:
    with pytest.raises(InputError) as error:
        POEM.fit(source)
    words = f"source: expected a DataFrame or the path of a file, not {source!r}"
    assert str(error.value) == words


def test_a_fit_ends_beside_what_needs_no_training(
    frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    POEM.fit(frame, **{**SHORT, "state": "INFO"})
    said = capsys.readouterr().err.splitlines()
    rows = [line[10:] for line in said if line.startswith("test ")]
    assert [row.partition("  ")[0] for row in rows] == ["POEM", "previous ranking", "Pop"]
    assert all("  recall@5 " in row and ", ndcg@5 " in row for row in rows)
    (checkpoint,) = Path("saved").glob("*.pth")
    assert said[-1] == f"saved     {checkpoint}"
    assert {path.name for path in Path().iterdir()} == {
        "dataset", "saved", "log", "log_tensorboard",
    }  # fmt: skip


def test_items_that_nobody_knows_are_counted(
    frame: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    model = POEM.fit(frame, **{**SHORT, "epochs": 0})
    model.recommend([["zz"], ["i3", "yy"]])
    assert caplog.messages[-1] == "2 item tokens are unknown to the model and were left out"
