"""The command that answers files: what it writes, and what it does with bad lines."""

from pathlib import Path
from typing import Any, List

import numpy as np
import pandas as pd
import pytest
from conftest import random_log

from recbole_poem.cli.recommend import parse
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.quick_start import run_recbole_poem


def recommend(arguments: List[str]) -> int:
    return main(["recommend", *arguments])


@pytest.fixture
def checkpoint(write_dataset: Any) -> str:
    keys = write_dataset(random_log(1, n_users=30, n_items=20))
    keys.update(model="SASRec", epochs=1, train_neg_sample_args=None, loss_type="CE", topk=[1, 5])
    return str(run_recbole_poem(config_dict={**keys, "valid_metric": "NDCG@5"})["model_file"])


def test_a_file_is_answered_as_the_library_answers(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = tmp_path / "requests.csv"
    requests.write_text(
        "request,history,times\nanna,i1 i2 new,1600000005 1600000065 1600000066\nbert,i3,\n"
    )
    output = tmp_path / "recs.parquet"
    arguments = ["--checkpoint", checkpoint, "--input", str(requests), "--output", str(output)]
    assert recommend([*arguments, "--k", "4"]) == 0
    said = capsys.readouterr().out
    assert "2 requests answered, 0 lines skipped, 1 unknown item token left out" in said
    expected = Recommender.load(checkpoint).recommend(
        [["i1", "i2"], ["i3"]], k=4, item_times=[[1600000005, 1600000065], None]
    )
    expected["request"] = ["anna"] * 4 + ["bert"] * 4
    pd.testing.assert_frame_equal(pd.read_parquet(output), expected, check_dtype=False)


def test_the_times_of_a_file_move_its_answers(write_dataset: Any, tmp_path: Path) -> None:
    keys = write_dataset(random_log(1, n_users=30, n_items=20))
    keys.update(model="POEM", epochs=1, topk=[1, 5], valid_metric="NDCG@5", hidden_size=16)
    checkpoint = str(run_recbole_poem(config_dict=keys)["model_file"])
    requests, output = tmp_path / "requests.csv", tmp_path / "recs.csv"
    requests.write_text("request,history,times\nanna,i1 i2,1600000005 1600000065\nbert,i1 i2,\n")
    arguments = ["--checkpoint", checkpoint, "--input", str(requests), "--output", str(output)]
    assert recommend([*arguments, "--k", "4"]) == 0
    found = pd.read_csv(output)["score"].to_numpy()
    histories = [["i1", "i2"]] * 2
    expected = Recommender.load(checkpoint).recommend(
        histories, k=4, item_times=[[1600000005, 1600000065], None]
    )["score"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not np.allclose(found[:4], found[4:], rtol=1e-5)


def test_a_bad_line_stops_or_is_skipped_as_asked(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests, output = tmp_path / "requests.jsonl", tmp_path / "recs.csv"
    requests.write_text('{"request": "a", "history": ["i1"]}\n{"request": "b"}\n')
    arguments = ["--checkpoint", checkpoint, "--input", str(requests), "--output", str(output)]
    assert recommend(arguments) == 2
    assert "line 2: 'history' is missing" in capsys.readouterr().err
    assert not output.exists()
    assert recommend([*arguments, "--bad_lines=skip"]) == 0
    said = capsys.readouterr()
    assert "1 request answered, 1 line skipped" in said.out
    assert "line 2: 'history' is missing" in said.err
    assert set(pd.read_csv(output)["request"]) == {"a"}


def test_each_request_has_its_own_limits(checkpoint: str, tmp_path: Path) -> None:
    requests, output = tmp_path / "requests.jsonl", tmp_path / "recs.csv"
    history = '"history": ["i1", "i2"]'
    requests.write_text(
        f'{{"request": "all", {history}}}\n'
        f'{{"request": "none", {history}, "allow": []}}\n'
        f'{{"request": "one", {history}, "k": 1, "deny": ["i3"]}}\n'
        f'{{"request": "seen", {history}, "allow": ["i1", "i4"], "filter_seen": false}}\n'
    )
    arguments = ["--checkpoint", checkpoint, "--input", str(requests), "--output", str(output)]
    assert recommend([*arguments, "--k", "3"]) == 0
    found = pd.read_csv(output)
    recommender, given = Recommender.load(checkpoint), [["i1", "i2"]]
    for name, limits in (
        ("all", {"k": 3}),
        ("none", {"k": 3, "allow": []}),
        ("one", {"k": 1, "deny": ["i3"]}),
        ("seen", {"k": 3, "allow": ["i1", "i4"], "filter_seen": False}),
    ):
        expected = recommender.recommend(given, **limits)["item"].tolist()
        assert found[found["request"] == name]["item"].tolist() == expected
    assert found["request"].value_counts().to_dict() == {"all": 3, "seen": 2, "one": 1}
    assert set(found[found["request"] == "seen"]["item"]) == {"i1", "i4"}


def test_a_request_that_is_there_twice_is_answered_once(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests, output = tmp_path / "requests.csv", tmp_path / "recs.csv"
    requests.write_text("request,history\na,i1\nb,i2\na,i3\n")
    arguments = ["--checkpoint", checkpoint, "--input", str(requests), "--output", str(output)]
    assert recommend(arguments) == 2
    assert "line 4: the request 'a' is there already, in line 2" in capsys.readouterr().err
    assert recommend([*arguments, "--bad_lines=skip", "--k=2"]) == 0
    expected = Recommender.load(checkpoint).recommend([["i1"], ["i2"]], k=2)["item"].tolist()
    assert pd.read_csv(output)["item"].tolist() == expected


def test_users_of_the_data_set_are_answered_by_name(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "recs.parquet"
    arguments = [f"--checkpoint={checkpoint}", f"--output={output}", "--k=3"]
    assert recommend([*arguments, "--users=u7, u3"]) == 0
    assert f"2 users answered: {output}" in capsys.readouterr().out
    recommender = Recommender.load(checkpoint)
    expected = recommender.recommend(users=["u7", "u3"], k=3)
    pd.testing.assert_frame_equal(pd.read_parquet(output), expected, check_dtype=False)
    assert recommend([*arguments, "--users=u7,u3", "--keep_seen"]) == 0
    expected = recommender.recommend(users=["u7", "u3"], k=3, filter_seen=False)
    assert pd.read_parquet(output)["item"].tolist() == expected["item"].tolist()


def test_all_users_are_answered_some_after_the_others(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recbole_poem.cli.recommend._AT_ONCE", 7)
    output = tmp_path / "recs.csv"
    arguments = [f"--checkpoint={checkpoint}", f"--output={output}", "--k=2", "--all_users"]
    assert recommend(arguments) == 0
    found = pd.read_csv(output)
    recommender = Recommender.load(checkpoint)
    expected = recommender.recommend(users=recommender.known_users.tokens, k=2)
    assert found["request"].nunique() == 30
    assert found["request"].tolist() == expected["request"].tolist()
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-5)


def test_more_items_than_there_are_is_told(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "recs.csv"
    arguments = [f"--checkpoint={checkpoint}", f"--output={output}", "--users=u7", "--k=1000"]
    assert recommend(arguments) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    words = "1 user answered, with at most 20 items each: the model has no more"
    assert said == f"{words}: {output}"


def test_items_with_a_blank_need_json_lines(
    write_dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = random_log(1, n_users=30, n_items=20)
    keys = write_dataset(log.assign(item_id="item " + log["item_id"]))
    keys.update(model="SASRec", epochs=0, train_neg_sample_args=None, loss_type="CE", topk=[5])
    checkpoint = run_recbole_poem(config_dict={**keys, "valid_metric": "NDCG@5"})["model_file"]
    lines, rows = tmp_path / "a.jsonl", tmp_path / "a.csv"
    rows.write_text("request,history\nanna,item i1\n")
    lines.write_text('{"request": "anna", "history": ["item i1"]}\n')
    output = tmp_path / "recs.csv"
    for path, words in (
        (
            rows,
            "2 unknown item tokens left out (in CSV blanks lie between items; items that hold one "
            "need JSON lines, .jsonl)",
        ),
        (lines, "0 unknown item tokens left out"),
    ):
        arguments = [f"--checkpoint={checkpoint}", f"--input={path}", f"--output={output}"]
        assert recommend(arguments) == 0
        said = capsys.readouterr().out.splitlines()[-1]
        assert said == f"1 request answered, 0 lines skipped, {words}: {output}"


def test_the_latest_checkpoint_is_found_and_named(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = f"--output={tmp_path / 'recs.csv'}"
    there = f"--checkpoint_dir={Path(checkpoint).parent}"
    assert recommend(["--checkpoint=latest", "--users=u7", output, there]) == 0
    assert f"checkpoint: {checkpoint}\n" in capsys.readouterr().out
    elsewhere = f"--checkpoint_dir={tmp_path / 'elsewhere'}"
    assert recommend(["--checkpoint=latest", "--users=u7", output, elsewhere]) == 2
    assert "elsewhere; train one first" in capsys.readouterr().err


def test_users_who_cannot_be_answered_are_named(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "recs.csv"
    arguments = [f"--checkpoint={checkpoint}", f"--output={output}"]
    for more, words in (
        (["--users=u7,u777"], "users: the data set toy has no user 'u777'; the nearest is 'u7'"),
        (["--users=u7,,u8"], "--users: expected names with a comma between two, not 'u7,,u8'"),
        (['--users="u7'], '--users: a quote does not close or opens in vain: "u7; write a name'),
        (["--users=u7,u7"], "users: 'u7' is there twice"),
        (["--users=u7", "--bad_lines=skip"], "--bad_lines: it is about the lines of --input"),
    ):
        assert recommend([*arguments, *more]) == 2
        assert words in capsys.readouterr().err
        assert not output.exists()
    for more in (["--users=u7", "--all_users"], ["--users=u7", "--input=a.csv"]):
        with pytest.raises(InputError, match="not allowed with argument --users"):
            parse([*arguments, *more])
    with pytest.raises(InputError, match=r"--input .* is required; recbole-poem recommend --help"):
        parse(arguments)


@pytest.mark.parametrize("arguments", [["--k=4", "--k=5"], ["--epochs=1", "--epochs=2"]])
def test_an_argument_that_is_given_twice_is_refused(arguments: List[str]) -> None:
    given = ["--checkpoint=a", "--input=a.csv", "--output=b.csv", *arguments]
    with pytest.raises(InputError, match=r"^--\w+ is given twice$"):
        parse(given)
    assert parse(given[:-1])[0].checkpoint == "a"


def test_a_file_without_requests_leaves_what_was_there(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests, output = tmp_path / "requests.csv", tmp_path / "recs.csv"
    requests.write_text("request,history\n")
    output.write_text("of yesterday")
    arguments = ["--checkpoint", checkpoint, "--input", str(requests), "--output"]
    assert recommend([*arguments, str(output)]) == 2
    assert "requests.csv: holds no request" in capsys.readouterr().err
    assert output.read_text() == "of yesterday"
    assert recommend([*arguments, str(requests)]) == 2
    assert "is the input, which would be lost" in capsys.readouterr().err
    assert recommend([*arguments, str(output), "--k=0"]) == 2
    assert "--k: expected a whole number from 1, not 0" in capsys.readouterr().err


def test_what_cannot_be_answered_is_one_sentence(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = tmp_path / "requests.txt"
    requests.write_text("")
    written = tmp_path / "requests.csv"
    written.write_text("request,history\n")
    arguments = ["--input", str(requests), "--output", "x.csv"]
    assert recommend(["--checkpoint", checkpoint, *arguments]) == 2
    assert "requests.txt: expected a name that ends with .csv" in capsys.readouterr().err
    arguments[1] = str(written)
    assert recommend(["--checkpoint", "nowhere.pth", *arguments]) == 2
    assert "nowhere.pth: there is no such checkpoint" in capsys.readouterr().err
