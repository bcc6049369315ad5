"""The one command: its verbs, their help, and how it starts."""

import importlib
import runpy
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from recbole_poem.cli import command
from recbole_poem.cli.benchmark import parse as parse_benchmark
from recbole_poem.cli.verbs import VERBS, help_text, main, split_verb

FOLDER = Path(command.__file__).parent


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_file_that_reads_a_command_line_and_runs(verb: str) -> None:
    module = importlib.import_module(f"recbole_poem.cli.{verb}")
    assert callable(module.parse) and callable(module.run)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: recbole-poem {verb} [-h]")
    assert len(said.splitlines()) > 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("doctor --x", "unrecognized arguments: --x; recbole-poem doctor --help"),
        ("compare", "the following arguments are required: RESULTS; recbole-poem compare --help"),
        ("serve --port=80", "the following arguments are required: --checkpoint; recbole-poem "),
        ("simulate", "the following arguments are required: KIND; recbole-poem simulate --help"),
    ],
)
def test_options_that_are_missing_or_unknown_are_told_in_one_line(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"recbole_poem: {words}") and said.count("\n") == 1


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_the_help_lists_the_verbs(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([asked]) == 0
    said = capsys.readouterr().out
    for verb, meaning in VERBS.items():
        assert f"  {verb:10}  {meaning}\n" in said
    assert max(map(len, said.splitlines())) <= 100


def test_nothing_at_all_is_answered_by_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().out == help_text() + "\n"


def test_the_script_without_arguments_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[List[str]] = []
    monkeypatch.setattr("recbole_poem.cli.train.run", lambda rest: asked.append(rest) or 0)
    monkeypatch.setattr(sys, "argv", ["run_recbole_poem.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER.parents[1] / "run_recbole_poem.py"), run_name="__main__")
    assert (ended.value.code, asked) == (0, [[]])


def test_help_loads_neither_torch_nor_recbole() -> None:
    code = (
        "import sys\n"
        "from recbole_poem.cli.verbs import VERBS, main\n"
        "for arguments in [['--help'], *([verb, '--help'] for verb in VERBS)]:\n"
        "    try:\n        main(arguments)\n    except SystemExit:\n        pass\n"
        "assert not {'torch', 'recbole', 'dgl', 'ray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_doctor_needs_no_package_to_say_what_is_missing() -> None:
    code = (
        "import sys\n"
        "class Nothing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('numpy', 'yaml', 'packaging', 'torch', 'filelock'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Nothing())\n"
        "from recbole_poem.core import stack\n"
        "from recbole_poem.cli.verbs import main\n"
        "there = stack.installed\n"
        "stack.installed = lambda name: None if name == 'numpy' else there(name)\n"
        "sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert "numpy is not installed, but recbole_poem needs numpy>=1.23,<2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("train", [])),
        (["--model=POEM"], ("train", ["--model=POEM"])),
        (["-m", "POEM"], ("train", ["-m", "POEM"])),
        (["epochs=3"], ("train", ["epochs=3"])),  # which says how to write it
        (["train", "--model=POEM"], ("train", ["--model=POEM"])),
        (["serve", "--help"], ("serve", ["--help"])),
    ],
)
def test_no_verb_is_train(arguments: List[str], expected: object) -> None:
    assert split_verb(arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recomend"], "there is no verb 'recomend'; the nearest is 'recommend'"),
        (["xyz"], "there is no verb 'xyz'; known are benchmark, compare, components, convert, "
                  "doctor, recommend, replay, serve, simulate, train, tune"),
        (["--doctor"], "--doctor is a verb now; write recbole-poem doctor"),
        (["--model=POEM", "--doctor"], "--doctor is a verb now; write recbole-poem doctor"),
        (["epochs=3"], "cannot read the argument 'epochs=3'; write --key=value"),
    ],
)  # fmt: skip
def test_what_is_no_verb_is_refused_in_a_sentence(
    arguments: List[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"recbole_poem: {words}\n"


def test_the_three_ways_to_the_command_are_one() -> None:
    script = str(FOLDER.parents[1] / "run_recbole_poem.py")
    said = [
        subprocess.run(
            [sys.executable, *way, "--help"], capture_output=True, text=True, check=True
        ).stdout
        for way in (["-m", "recbole_poem"], [script])
    ]
    assert said[0] == said[1]
    assert said[0].startswith("usage: recbole-poem [VERB]")


@pytest.mark.parametrize("verb", ["train", "recommend", "serve", "replay", "tune", "benchmark"])
def test_keys_may_be_dotted_and_hold_blanks(verb: str) -> None:
    needed = {
        "recommend": ["--checkpoint=a", "--input=b.csv", "--output=c.csv"],
        "serve": ["--checkpoint=a"],
        "replay": ["--checkpoint=a"],
        "benchmark": ["--models", "POEM"],
    }
    parse = importlib.import_module(f"recbole_poem.cli.{verb}").parse
    keys = ["--history_encoder.n_layers=1", "--losses={margin: {weight: 0.1}, system: {}}"]
    assert parse([*needed.get(verb, []), *keys])[1] == {
        "history_encoder.n_layers": "1",
        "losses": "{margin: {weight: 0.1}, system: {}}",
    }


def test_a_key_with_blanks_is_no_model_of_a_benchmark() -> None:
    options, keys = parse_benchmark(["--models", "POEM", "Pop", "--topk=[10, 50]", "--seeds", "2"])
    assert (options.models, options.seeds, keys) == (["POEM", "Pop"], 2, {"topk": "[10, 50]"})


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = (
        "import os, sys\n"
        "read, write = os.pipe()\n"
        "os.dup2(write, 1), os.close(write), os.close(read)\n"
        "from recbole_poem.cli.verbs import main\n"
        "sys.exit(main(['--help']))"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--port=high"], "--port: expected a whole number, not 'high'"),
        (["replay", "--checkpoint=c", "--last_requests", "2.5"],
         "--last_requests: expected a whole number, not '2.5'"),
        (["convert", "recflow", "--source=s", "--output=o", "--users=few"],
         "--users: expected a whole number, not 'few'"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_told_in_a_sentence(
    arguments: List[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"recbole_poem: {words}\n"
