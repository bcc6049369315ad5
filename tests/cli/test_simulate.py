"""``recbole-poem simulate``: options and dials, what it prints, and what it refuses."""

import json
import shlex
from pathlib import Path
from typing import List

import numpy as np
import pytest
import yaml

from recbole_poem.cli.simulate import parse
from recbole_poem.cli.train import parse as parse_train
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.training.quick_start import run_recbole_poem

LITTLE = [
    "--users=40", "--items=60", "--requests=5", "--list.candidates=12", "--list.shown=4",
    "--catalogue.categories=6",
]  # fmt: skip
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["data", "ab", "calibrate", "dials"])
def test_every_kind_explains_itself(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", kind, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: recbole-poem simulate {kind} [-h]")


@pytest.mark.parametrize("users", [["--users=512"], ["--users", "512"]])
def test_options_are_written_both_ways_and_dials_follow(users: List[str]) -> None:
    options, dials = parse(["data", "--output=d", *users, "--list.shown=5", "--knowledge", "0.5"])
    assert (options.kind, options.users, options.knowledge) == ("data", 512, 0.5)
    assert dials == {"list.shown": "5"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dta"], "simulate: there is no 'dta'; the nearest is 'data'"),
        (["data", "--output=d", "--users=3", "--people.users=4"],
         "--users and --people.users say the same; give one of them"),
        (["data", "--output=d", "--list.show=5"],
         "list.show: there is no such setting; the nearest is 'shown'"),
        (["data", "--output=d", "--knowledge=2"],
         "ranking_stage.knowledge: expected a number from 0 to 1, not 2.0"),
        (["data", "--output=d", "--lists.shown=5"],
         "lists: the world has no such dial; the nearest is 'list'"),
        (["data", "--output=d", "--list.shown=51"],
         "list.shown: 51 videos cannot be shown of 50 candidates"),
        (["data", "--output=d", "--items=40"],
         "list.candidates: 50 cannot be ranked of 40 videos"),
        (["data", "--output=d", "--seed=-1"], "seed: expected a whole number from 0, not -1"),
        (["data", "--output=d", "--people=3"], "people: expected a mapping of settings, not 3"),
        (["data", "--output=d", "--retrieval=none"],
         "retrieval: expected one of everything, own, not 'none'"),
        (["data", "--output=d", "--requests=1"],
         "--requests: expected a whole number from 2, not 1"),
        (["data", "--output=d", "--workers=0"],
         "--workers: expected a whole number from 1, not 0"),
        (["data", "--output=d", "--world=no.yaml"],
         "--world: no.yaml cannot be read: No such file or directory"),
        (["ab", "--data=d", "--a=own", "--b=best", "--list.shown=5"],
         "--list.shown: there is no such option of simulate ab; the world is that of --data"),
        (["ab", "--data=d", "--a=own", "--b=best", "--days=0"],
         "--days: expected a whole number from 1, not 0"),
        (["ab", "--data=d", "--a=own", "--b=best", "--days=1.5"],
         "--days: expected a whole number, not '1.5'"),
        (["data", "--output=d", "--knowledge=much"],
         "--knowledge: expected a number, not 'much'"),
        (["calibrate", "--log=no.inter", "--unit=h"],
         "--unit: invalid choice: 'h' (choose from 'ms', 's')"),
        (["calibrate", "--log=no.inter"],
         "no.inter: cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_bad_input_ends_in_a_sentence(
    arguments: List[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"recbole_poem: {words}"
    assert not any(Path().iterdir())  # nothing is half-written


def test_no_training_is_proposed_that_would_be_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The same world, lived for a short and for a longer time."""
    proposed = []
    for requests in (2, 12):
        name = f"w{requests}"
        asked = [f"--output={name}", "--users=3", "--items=60", f"--requests={requests}"]
        assert main(["simulate", "data", *asked]) == 0
        proposed.append(capsys.readouterr().out.splitlines()[-1])
        keys = {"dataset": name, "data_path": ".", "epochs": 1, "state": "ERROR"}
        if len(proposed) == 1:
            with pytest.raises(InputError, match="no user has the 4 rows that LS valid_and_test"):
                run_recbole_poem("POEM", config_dict=keys)
        else:
            assert run_recbole_poem("POEM", config_dict=keys)["test_result"]
    assert proposed == [
        "too small to train on: no user watched three videos for long behind a first one; give "
        "more --users or --requests",
        "next: recbole-poem train --model=POEM --dataset=w12 --data_path=.",
    ]


def test_data_are_written_and_two_arms_live_in_their_world(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "data", "--output", "sets/w", *LITTLE]) == 0
    said = capsys.readouterr().out
    assert said.startswith("sets/w: 40 users, 60 videos, 200 requests, ")
    assert "oracle (test rows)  NDCG@10  Hit@10  NDCG@50  Hit@50\ntaste  " in said
    assert said.endswith("next: recbole-poem train --model=POEM --dataset=w --data_path=sets\n")
    program, *words = shlex.split(said.rpartition("next: ")[2])
    options, keys = parse_train(words[1:])
    assert (program, words[0], options.dataset, keys) == (
        "recbole-poem", "train", "w", {"data_path": "sets"},
    )  # fmt: skip
    assert {path.suffix for path in Path("sets/w").iterdir()} == {
        ".inter", ".cand", ".item", ".user", ".yaml", ".json",
    }  # fmt: skip
    assert main(["simulate", "ab", "--data=sets/w", "--a=own", "--b", "own", "--days=1"]) == 0
    said = capsys.readouterr().out
    assert "B (own) has the same watch time as A (own): +0.00 s per user and day" in said
    assert Path("ab/report.html").is_file() and Path("ab/result.json").is_file()


def test_an_arm_may_be_a_file_of_a_cascade(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "data", "--output", "sets/w", *LITTLE]) == 0
    capsys.readouterr()
    Path("c.yaml").write_text("retrieval: own\nscore_fusion: mean\n")
    words = ["simulate", "ab", "--data=sets/w", "--a=own", "--b=c.yaml", "--days=1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "B (c.yaml) has the same watch time as A (own): +0.00 s per user and day" in said
    record = json.loads(Path("ab/result.json").read_text())
    assert record["cascade of B"] == "{'retrieval': 'own', 'score_fusion': 'mean'}"
    Path("c.yaml").write_text("retrieval: own\nscore_fuson: mean\n")
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "recbole_poem: c.yaml: 'score_fuson' is no part of a cascade; the nearest is "
        "'score_fusion'; keys of a training stand inside a part"
    )


def test_the_latest_checkpoint_of_the_world_may_be_an_arm(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "data", "--output", "sets/w", *LITTLE]) == 0
    words = ["simulate", "ab", "--data=sets/w", "--a=own", "--b=latest", "--days=1"]
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "recbole_poem: dataset: no checkpoint of 'w' lies in saved; train one first, or name "
        "another folder with --checkpoint_dir"
    )
    keys = {"data_path": "sets", "checkpoint_dir": "kept", "epochs": 1, "state": "ERROR"}
    keys.update(train_neg_sample_args=None, hidden_size=8, inner_size=8)
    made = run_recbole_poem("SASRec", "w", config_dict=keys)
    assert main([*words, "--checkpoint_dir=kept"]) == 0
    assert f"checkpoint: {made['model_file']}\n" in capsys.readouterr().out


def test_a_folder_of_something_else_is_no_world(capsys: pytest.CaptureFixture[str]) -> None:
    Path("d").mkdir()
    assert main(["simulate", "ab", "--data=d", "--a=own", "--b=best"]) == 2
    said = capsys.readouterr().err
    assert "--data: there is no d/oracle.json; give a folder that" in said and said.count("\n") == 1


def test_a_file_of_dials_lies_below_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("w.yaml").write_text("people: {users: 30, drift: 0.5}\nlist.shown: 3\n")
    little = [option for option in LITTLE if "users" not in option and "shown" not in option]
    command = ["simulate", "data", "--output=w", "--world=w.yaml", *little, "--people.drift=0.25"]
    assert main(command) == 0
    found = yaml.safe_load(Path("w/oracle.json").read_text())["world"]
    assert found["people"]["users"] == 30 and found["people"]["drift"] == 0.25
    assert found["list"] == {"candidates": 12, "shown": 3, "penalty": 0.0}


def test_a_log_is_fitted_and_what_was_left_out_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"u{rng.integers(40)}\tv{rng.integers(50)}\t{seconds:.2f}\t{seconds * 3:.1f}"
        for seconds in np.exp(rng.normal(2, 1, 1500))
    ]
    head = "user_id:token\titem_id:token\twatched:float\tlength:float\n"
    Path("a.inter").write_text(head + "\n".join([*rows, "u1\tv1\t\t5"]) + "\n")
    columns = ["--item=item_id", "--play=watched", "--duration=length", "--unit=s"]
    command = ["simulate", "calibrate", "--log=a.inter", *columns, "--rounds=1", "--output=f.yaml"]
    assert main([*command, *LITTLE]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1,500 exposures; 1 rows without a watch time left out\n")
    assert "misfits (" in said and "complete" in said
    fitted = yaml.safe_load(Path("f.yaml").read_text())
    assert set(fitted) == {"catalogue", "people", "reactions"}
    assert main(["simulate", "data", "--output=w", "--world=f.yaml", *LITTLE]) == 0


def test_the_dials_of_the_document_are_those_of_the_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "dials", "--markdown"]) == 0
    table = capsys.readouterr().out.strip()
    assert table in (ROOT / "docs" / "world.md").read_text(encoding="utf-8")


def test_a_file_in_the_way_of_a_world_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("afile").write_text("mine")
    assert main(["simulate", "data", "--output=afile/world", "--users=4", "--requests=2"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "recbole_poem: --output: afile/world cannot be written: afile is a file; mend that, or "
        "name another folder"
    )


def test_a_file_in_the_way_of_a_report_is_named_before_the_test(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("report").write_text("mine")
    # there is no such world: the file is seen before anything is read
    assert main(["simulate", "ab", "--data=d", "--a=own", "--b=own", "--output=report"]) == 2
    assert "--output: report is a file; name a folder for the report" in capsys.readouterr().err
    assert Path("report").read_text() == "mine"
