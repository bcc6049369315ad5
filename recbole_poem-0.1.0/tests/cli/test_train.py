"""Training by the command, as a user types it; no verb trains."""

import importlib.util
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest
from conftest import random_log

import recbole_poem
from recbole_poem.cli.train import greet, parse
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError

ROOT = Path(__file__).parents[2]


def as_arguments(keys: "dict[str, Any]") -> List[str]:
    return [f"--{key}={value}" for key, value in keys.items()]


def test_recboles_flags_and_any_key() -> None:
    options, keys = parse(
        ["--model=SASRec", "-d", "toy", "--nproc=2", "--epochs=3", "--metrics=['NDCG']", "--a=b=c"]
    )
    assert (options.model, options.dataset, options.nproc) == ("SASRec", "toy", 2)
    assert keys == {"epochs": "3", "metrics": "['NDCG']", "a": "b=c"}


@pytest.mark.parametrize("argument", ["epochs=3", "--epochs", "-x", "--=3"])
def test_arguments_of_another_form_are_refused(argument: str) -> None:
    with pytest.raises(InputError, match="write --key=value"):
        parse([argument])


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="--epochs is given twice"):
        parse(["--epochs=3", "--epochs=4"])


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--config_files=", "--config_files names no file"),
        ("--resume=", "--resume names no checkpoint"),
        ("--model=", "there is no model named ''"),
        ("--dataset=", "dataset: expected a name without '/', such as toy, not ''"),
        ("--dataset=dataset/toy", "dataset: expected a name without '/', such as toy, not 'data"),
        ("--nproc=0", "nproc: expected a whole number from 1, not 0"),
        ("--checkpoint_dir=file", "file: this folder cannot be made: File exists"),
    ],
)
def test_what_is_empty_or_impossible_is_never_replaced(
    argument: str, words: str, capsys: pytest.CaptureFixture
) -> None:
    Path("file").write_text("")
    assert main([argument]) == 2
    assert words in capsys.readouterr().err


def test_bad_input_is_one_line_and_status_2(capsys: pytest.CaptureFixture) -> None:
    assert main(["--model=POEN"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the nearest name is POEM" in error


def test_a_package_that_recbole_does_not_declare_is_named(
    toy: List[str], capsys: pytest.CaptureFixture
) -> None:
    """RecBole's NCL imports faiss in the middle of its training."""
    if importlib.util.find_spec("faiss") is not None:
        pytest.skip("faiss is installed")
    assert main(["--model=NCL", *toy, "--epochs=1", "--warm_up_step=0"]) == 2
    assert "recbole_poem: this model needs the package 'faiss'" in capsys.readouterr().err


def test_the_doctor_is_content() -> None:
    script = ROOT / "run_recbole_poem.py"
    done = subprocess.run(
        [sys.executable, str(script), "doctor"], capture_output=True, text=True, check=True
    )
    for words in ("recbole", "==1.2.1", "DGL sampler", "checkpoint round trip", "GPU"):
        assert words in done.stdout
    assert "extra [serve]" in done.stdout


@pytest.fixture
def toy(write_dataset: Any) -> List[str]:
    keys = write_dataset(random_log(1, n_users=40, n_items=25, longest=20))
    keys.update({"state": "INFO", "topk": "[5]", "valid_metric": "NDCG@5"})
    keys["ranking_source.n_candidates"] = 8
    return as_arguments(keys)


def test_a_run_ends_with_metrics_and_the_checkpoint(toy: List[str]) -> None:
    command = [
        sys.executable,
        "-m",
        "recbole_poem",
        "--model=POEM",
        *toy,
        "--epochs=1",
        "--unexposed_negatives=3",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "'unexposed_negatives' is not a key of POEM or RecBole, and does nothing" in done.stderr
    names = [line.partition(" ")[0] for line in done.stderr.splitlines()]
    lines = ["log", "warning", "data", "split", "cache", "cache", "model", "protocol", "epoch"]
    assert names == lines
    assert "POEM, preset best, " in done.stderr
    (log,) = Path("log", "POEM").glob("*.log")
    assert f"log       {log}" in done.stderr
    kept = log.read_text()
    for words in ("MAX_ITEM_LIST_LENGTH", "valid result", "history feedback loss: ", "margin loss"):
        assert words in kept and words not in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["test", "POEM", "previous", "ranking", "Pop"] in rows
    assert [row[0] for row in rows if len(row) == 4] == ["------", "mrr@5", "ndcg@5", "hit@5"]
    saved = next(row[1] for row in rows if row[:1] == ["saved"])
    assert Path(saved).is_file()
    command = f"recbole-poem recommend --checkpoint={saved} --users=u"
    assert f"next      {command}" in done.stdout


def test_what_goes_into_a_pipe_has_no_control_characters(toy: List[str]) -> None:
    """Also not with bars, colours of RecBole's messages, and the whole log."""
    shown = [each for each in toy if not each.startswith("--show_progress")]
    command = [sys.executable, "-m", "recbole_poem", "--model=POEM", *shown, "--epochs=1"]
    done = subprocess.run([*command, "--verbose"], capture_output=True, check=True)
    for text in (done.stdout, done.stderr):
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", text.replace(b"\t", b""))
    assert b"MAX_ITEM_LIST_LENGTH" in done.stderr
    assert b"loading torch" not in done.stderr


def test_somebody_at_a_terminal_hears_at_once_what_is_going_on(
    toy: List[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    options, _ = parse(["--model=SASRec", "--dataset=toy"])
    greet(options)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for arguments, words in (
        (["--model=SASRec"], "SASRec on ml-100k"),
        ([], "POEM on ml-100k"),
        (["--config_files=a.yaml"], "a.yaml"),
        (["--resume=saved/a.pth"], "saved/a.pth"),
    ):
        greet(parse(arguments)[0])
        version = recbole_poem.__version__
        expected = f"recbole_poem {version}: {words}; loading torch and RecBole ...\n"
        assert capsys.readouterr().err == expected


def test_the_first_line_needs_neither_torch_nor_recbole() -> None:
    script = (
        "import sys, recbole_poem.cli.train as train\n"
        "train.greet(train.parse([])[0])\n"
        "assert not {'torch', 'recbole', 'dgl', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_training_may_end_without_baselines(
    toy: List[str], capsys: pytest.CaptureFixture
) -> None:
    assert main(["--model=POEM", *toy, "--epochs=1", "--no_baselines"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["test", "POEM"] in rows


def test_a_misspelt_key_is_refused(toy: List[str], capsys: pytest.CaptureFixture) -> None:
    assert main(["--model=POEM", *toy, "--grouping.n_grups=3"]) == 2
    words = "grouping.n_grups: there is no such setting; the nearest is 'n_groups'"
    assert capsys.readouterr().err.strip() == f"recbole_poem: {words}"


def test_an_option_that_is_given_twice_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(["--dataset=toy", "--dataset=other"]) == 2
    assert capsys.readouterr().err.strip() == "recbole_poem: --dataset is given twice"


def test_ctrl_c_says_how_to_continue(toy: List[str]) -> None:
    command = [sys.executable, "-m", "recbole_poem", "--model=POEM", *toy]
    command += ["--epochs=100000", "--stopping_step=100000"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # a runner in the background may have SIGINT ignored, which children inherit
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    seen = ""
    while "\nepoch     " not in seen:
        seen += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    file = rest.rsplit("--resume=", 1)[1].split()[0].strip("\x1b[0m")
    resumed = subprocess.run(
        [sys.executable, "-m", "recbole_poem", f"--resume={file}", "--epochs=5"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "after epoch" in resumed.stderr
    assert "best NDCG@5" in resumed.stderr or "ndcg@5" in resumed.stdout


def test_a_wheel_carries_its_properties(tmp_path: Path) -> None:
    """Build from the tree, unpack elsewhere, run from an empty folder."""
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT,
        tree,
        ignore=shutil.ignore_patterns(".*", "*.egg-info", "benchmarks", "tests", "saved"),
    )
    subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel"],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tree / "dist").glob("*.whl")
    site, empty = tmp_path / "site", tmp_path / "empty"
    shutil.unpack_archive(wheel, site, "zip")
    empty.mkdir()
    script = (
        "import recbole_poem.training.config as c, pathlib; "
        f"assert pathlib.Path(c.__file__).is_relative_to({str(site)!r}); "
        "assert c.Config('POEM', 'ml-100k')['grouping.n_groups'] >= 1; "
        "assert (c.PROPERTIES / 'dataset' / 'ml-100k.yaml').is_file(); print(c.PROPERTIES)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=empty,
        env={"PYTHONPATH": str(site), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(site / "recbole_poem" / "properties")


def test_what_a_file_does_not_name_is_the_usual(
    toy: List[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("epochs: 1\n")
    assert main([*toy, f"--config_files={file}", "--no_baselines"]) == 0
    assert ["test", "POEM"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    file.write_text("epochs: 1\nmodel: Pop\n")
    assert main([*toy, f"--config_files={file}", "--no_baselines"]) == 0
    assert ["test", "Pop"] in [line.split() for line in capsys.readouterr().out.splitlines()]
