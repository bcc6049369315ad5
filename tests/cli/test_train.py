"""Training by the command, as a user types it; no verb trains."""

import importlib.util
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest
from conftest import random_log

from recbole_poem.cli.train import parse
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
    log = done.stderr
    assert "'unexposed_negatives' is not a key of POEM or RecBole, and does nothing" in log
    tail = log[log.index("best valid") :]
    assert "ndcg@5" in tail
    assert "test result" in tail
    file = tail.strip().rsplit(": ", 1)[1]
    assert Path(file).is_file()


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
    while "epoch 2 training" not in seen:
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
    assert "test result" in resumed.stderr


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
