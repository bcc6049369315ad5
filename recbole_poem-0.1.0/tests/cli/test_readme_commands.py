"""Every command of the README runs, in its order, in a folder with a small data set in it.

What costs minutes is made small: `SMALLER` says how. What installs is what runs this test anyway.
"""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Dict, Iterator, List

import numpy as np
import pandas as pd
import pytest

from recbole_poem.cli.verbs import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)

#: commands that install, or that this test is run by
INSTALLS = ("git clone", "make run", "make test", "pip install")
#: flags that others take the place of
SMALLER = {
    "ml-100k": "ml-part",  # RecBole takes its own files for the first name, wherever others lie
    r"--epochs=\d+": "--epochs=1",
    r"--trials=\d+": "--trials=2",
    r"--seeds 3": "--seeds 1",
    r"--time_limit 600": "--time_limit 60",
}
#: flags that are added, by verb
ADDED = {
    "train": ["--train_batch_size=64", "--ranking_source.n_candidates=20", "--losses.margin=none"],
    "tune": ["--epochs=1", "--MAX_ITEM_LIST_LENGTH=10"],
    "benchmark": ["--epochs=1", "--MAX_ITEM_LIST_LENGTH=10"],
}


def commands() -> List[str]:
    """List the lines of the README's blocks of commands, but for those that install."""
    lines = [
        line
        for language, text in _BLOCK.findall(README)
        if language == "bash"
        for line in text.replace("\\\n", " ").splitlines()
    ]
    return [line for line in lines if line and not line.startswith(INSTALLS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a table of events, a part of ml-100k and a file of requests."""
    home = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    names = ["anna", "ben", *(f"user{number}" for number in range(40))]
    events = pd.DataFrame(
        {
            "customer": np.repeat(names, 12),
            "sku": [f"{item:03d}" for item in (60 * rng.power(2, 12 * len(names))).astype(int)],
            "ts": pd.date_range("2024-01-01", periods=12 * len(names), freq="17min").strftime(
                "%Y-%m-%d %H:%M:%S"
            ),
            "rating": rng.integers(1, 6, 12 * len(names)),
        }
    )
    events.to_csv(home / "events.csv", index=False)
    _write_part_of_ml_100k(home / "dataset" / "ml-part")
    (home / "requests.csv").write_text("request,history\nanna,172 174\n")
    shutil.copy(ROOT / "run_recbole_poem.py", home)
    return home


def _write_part_of_ml_100k(home: Path) -> None:
    """Write the last 15 ratings of 60 users, so that every model trains within seconds."""
    import recbole

    source = Path(recbole.__file__).parent / "dataset_example" / "ml-100k"
    log = pd.read_csv(source / "ml-100k.inter", sep="\t", dtype=str)
    chosen = ["196", *log["user_id:token"].drop_duplicates().iloc[1:60]]
    part = log[log["user_id:token"].isin(chosen)].sort_values("timestamp:float")
    home.mkdir(parents=True)
    part.groupby("user_id:token").tail(15).to_csv(home / "ml-part.inter", sep="\t", index=False)
    shutil.copy(source / "ml-100k.item", home / "ml-part.item")
    shutil.copy(ROOT / "properties" / "dataset" / "ml-100k.yaml", home / "ml-part.yaml")


def made_small(command: str) -> List[str]:
    """Return the arguments of a command that costs seconds."""
    for flag, other in SMALLER.items():
        command = re.sub(flag, other, command)
    words = shlex.split(command, comments=True)
    verb = "train" if "run_recbole_poem.py" in words else words[1]
    added = [flag for flag in ADDED.get(verb, []) if "POEM" in command or not flag.count(".")]
    if verb == "train" and not any(word.startswith(("--epochs", "--resume")) for word in words):
        added = [*added, "--epochs=1"]
    if verb == "train" and not re.search(r"--(dataset|resume|config_files)=", command):
        added = [*added, "--dataset=ml-part"]
    return [*words, *([] if "--resume=latest" in words else added)]


def run(words: List[str]) -> None:
    """Run a command as its script does, in the folder that the test is in."""
    arguments = words[2:] if words[0] == "python" else words[1:]
    assert main(arguments) == 0, words


def test_the_commands_of_the_readme_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    ran: Dict[str, int] = {}
    for command in commands():
        words = shlex.split(command, comments=True)
        if words[0] == "curl" or words[1] == "serve":
            continue  # the next test
        run(made_small(command))
        ran[words[1]] = ran.get(words[1], 0) + 1
    assert len(pd.read_csv(folder / "recs.csv")) > 0
    assert ran["run_recbole_poem.py"] >= 5
    assert {"convert", "train", "recommend", "replay", "benchmark", "compare", "tune"} <= set(ran)


@pytest.fixture
def service(folder: Path) -> Iterator[str]:
    """Start the README's service on a free port; yield its address."""
    (command,) = (line for line in commands() if line.startswith("recbole-poem serve"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = shlex.split(command, comments=True)[1:]
    with subprocess.Popen(
        [sys.executable, "-m", "recbole_poem", *words, f"--port={port}"], cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_the_service_of_the_readme_answers(folder: Path, service: str) -> None:
    (curl,) = (line for line in commands() if line.startswith("curl"))
    words = shlex.split(curl)
    request = urllib.request.Request(
        service + words[2].partition("8080")[2],
        words[words.index("-d") + 1].encode(),
        {"Content-Type": "application/json"},
    )
    for _ in range(600):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                body = answer.read()
            break
        except OSError:
            time.sleep(0.1)
    assert len(json.loads(body)["items"]) == 5
    assert body.endswith(b"\n")


def test_the_python_of_the_readme_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = (text for language, text in _BLOCK.findall(README) if language == "python")
    monkeypatch.chdir(folder)
    text = text.replace("epochs=20", "epochs=1, train_batch_size=64")
    exec(text, {"frame": pd.read_csv("events.csv", dtype={"sku": str})})
