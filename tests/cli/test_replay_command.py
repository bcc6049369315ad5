"""The command that replays a log: what it prints and writes, and what it refuses."""

import json
import re
from pathlib import Path
from typing import Any, List

import pytest
from conftest import random_log

from recbole_poem.cli.replay import parse
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.training.quick_start import load, run_recbole_poem


def replay(arguments: List[str]) -> int:
    return main(["replay", *arguments])


@pytest.fixture
def checkpoint(write_dataset: Any) -> str:
    keys = write_dataset(random_log(1, n_users=30, n_items=20))
    keys.update(model="SASRec", epochs=1, train_neg_sample_args=None, loss_type="CE", topk=[1, 5])
    keys.update(metrics=["Hit", "NDCG"], valid_metric="NDCG@5")
    return str(run_recbole_poem(config_dict=keys)["model_file"])


def test_test_rows_get_the_metrics_of_the_evaluation(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "here" / "report"
    arguments = ["--checkpoint", checkpoint, "--last_hours=100", "--topk=[1,3,5]"]
    assert replay([*arguments, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    expected = load(checkpoint, {"topk": [1, 3, 5]}).evaluate("test")
    overall = json.loads((output / "report.json").read_text())["overall"]
    for k in (1, 3, 5):
        hit, gain = expected[f"hit@{k}"], expected[f"ndcg@{k}"]
        assert round(overall[f"HR@{k}"], 4) == hit
        assert round(overall[f"NDCG@{k}"], 4) == gain
        assert f"{k:>5}  {hit:8.4f}  {gain:8.4f}" in said
    page = (output / "replay.html").read_text()
    assert f"HR@5 {overall['HR@5']:.4f}" in page
    assert "<script src=" not in page  # it needs nothing else


def test_a_file_is_no_folder_of_a_report(
    checkpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(["--checkpoint", checkpoint, "--output=r.json"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "recbole_poem: --output: r.json is a file's name; name a folder, which gets report.json "
        "and replay.html"
    )
    assert not Path("r.json").exists()


def test_both_spellings_of_the_hours_are_read() -> None:
    for name in ("--last_hours", "--last-hours"):
        options, keys = parse(["--checkpoint", "F", name, "2.5", "--data_path=there"])
        assert options.last_hours == 2.5
        assert keys == {"data_path": "there"}


def test_without_a_word_the_last_requests_are_asked_and_latest_is_a_checkpoint(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--checkpoint_dir={Path(checkpoint).parent}", f"--output={tmp_path / 'r'}"]
    assert replay(["--checkpoint=latest", *arguments]) == 0
    said = capsys.readouterr().out
    assert f"checkpoint: {checkpoint}\n" in said
    n_test = len(load(checkpoint).test_data._dataset)
    assert f", {n_test} requests asked" in said  # there are no 500
    assert replay(["--checkpoint=latest", *arguments, "--last_requests=3"]) == 0
    fewer = re.findall(r", (\d+) requests asked", capsys.readouterr().out)
    assert 3 <= int(fewer[0]) < n_test
    with pytest.raises(
        InputError, match=r"^--last_hours.* not allowed with argument --last_requests"
    ):
        parse(["--checkpoint=F", "--last_requests=3", "--last_hours=1"])


def test_the_youngest_checkpoint_of_a_data_set_is_found(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(checkpoint).parent
    (folder / "young.pth").write_text("nothing")
    arguments = ["--last_hours=100", f"--checkpoint_dir={folder}", "--output", str(tmp_path / "r")]
    assert replay(["--dataset", "toy", *arguments]) == 0
    assert json.loads((tmp_path / "r" / "report.json").read_text())["checkpoint"] == checkpoint
    assert replay(["--dataset", "tow", *arguments]) == 2
    assert "dataset: no checkpoint of 'tow' lies in " in capsys.readouterr().err


def test_what_cannot_be_replayed_is_one_sentence(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(["--checkpoint", "nowhere.pth"]) == 2
    assert "nowhere.pth: there is no such checkpoint" in capsys.readouterr().err
    assert replay(["--checkpoint", checkpoint, "--last_hours", "0"]) == 2
    assert "last_hours: expected a number above 0, not 0.0" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert replay(["--checkpoint", checkpoint, "--output", str(tmp_path / "file")]) == 2
    assert "--output: " in capsys.readouterr().err
