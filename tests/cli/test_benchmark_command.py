"""The command: runs that end in a report, interruption and resumption, its arguments."""

import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, List

import pytest
from conftest import random_log
from toy_runs import records, running_now

from recbole_poem.benchmark import ranking
from recbole_poem.benchmark.stored_ranks import read_ranks
from recbole_poem.cli.benchmark import _end_politely, parse, plan_of
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import alone

ITEMS = "item_id:token\tgenre:token_seq\n" + "".join(
    f"i{i}\t{'ab'[i % 2]} {'cd'[i % 3 == 0]}\n" for i in range(25)
)


def benchmark(arguments: List[str]) -> int:
    return main(["benchmark", *arguments])


@pytest.fixture
def command(write_dataset: Any) -> List[str]:
    """Return the arguments of a toy benchmark: POEM, its cache, and a model that will fail."""
    keys = write_dataset(random_log(1, n_users=40, n_items=25, longest=20), item=ITEMS)
    del keys["dataset"], keys["checkpoint_dir"]
    keys.update(epochs=1, hidden_size=16, inner_size=16, MAX_ITEM_LIST_LENGTH=6, topk=[2, 5])
    keys.update(valid_metric="NDCG@5", category_field="genre", requests_per_window=2)
    keys.update(lazy_sequences=True)
    given = [f"--{key}={value}" for key, value in keys.items()]
    return ["--models", "POEM", "Upstream", "FEARec", "--datasets", "toy", "--name", "t", *given]


def test_two_models_and_a_failure_end_in_one_report(command: List[str], capsys: Any) -> None:
    assert benchmark(command) == 1
    folder = Path("results/t")
    said = capsys.readouterr()
    assert said.err.startswith("each run logs to results/t/runs/<id>/log.txt")
    assert not list(folder.glob("runs/*/progress.json"))  # only runs in progress have one
    assert str(folder / "report.html") in said.out
    assert said.out.startswith(
        "toy, seen items ranked last, new targets: POEM is first with NDCG@2"
    )
    assert re.search(r"^  row +seeds +NDCG@2$", said.out, re.MULTILINE)
    assert re.search(r"^  POEM ᴱ +1 +0\.\d{4}$", said.out, re.MULTILINE)
    assert "Not finished, and so not compared: FEARec." in said.out
    assert re.search("toy-FEARec-.* failed: lazy_sequences: FEARec looks for windows", said.err)
    found = records(folder)
    assert {row: record["status"] for row, record in found.items()} == {
        "POEM": "finished",
        "Upstream": "finished",
        "FEARec": "failed",
    }
    assert "lazy_sequences: FEARec looks for windows" in found["FEARec"]["reason"]
    poem = found["POEM"]
    assert poem["stopped"] == "epochs"
    assert [point["epoch"] for point in poem["curve"]] == [0]
    assert poem["best_valid_score"] == poem["curve"][0]["score"]
    assert poem["config"]["hidden_size"] == 16
    assert poem["peak_memory_mib"] > 100
    assert poem["seconds"]["total"] == pytest.approx(
        sum(poem["seconds"][part] for part in ("preparation", "training", "evaluation"))
    )
    ranks = read_ranks(folder / "runs" / poem["id"])
    assert ranks.seen is not None and len(ranks.seen) == len(ranks.user)
    for protocol in ("recbole", "masked"):
        figures = poem["metrics"][protocol]["test"]
        for metric in ("HR@2", "NDCG@5", "MRR@5"):
            mean = ranking.user_values(ranks.rank[protocol], metric).mean()
            assert figures[metric] == pytest.approx(mean)
        assert set(figures) >= {"HR@2", "NDCG@5", "MRR@5", "coverage@5", "diversity@5"}
    report = (folder / "report.md").read_text()
    assert "2 of 3 runs finished" in report
    assert "lazy_sequences: FEARec looks for windows" in report
    assert f"{poem['metrics']['masked']['test']['NDCG@5']:.4f}" in report

    written = (folder / "runs" / poem["id"] / "record.json").stat().st_mtime_ns
    assert benchmark(command) == 1  # what has finished is not run again
    assert (folder / "runs" / poem["id"] / "record.json").stat().st_mtime_ns == written

    # another plan of the same name: what it does not ask for stays, and is not reported
    assert benchmark([*command[:1], "Upstream", *command[4:], "--score_fusion.power=2"]) == 0
    assert len(list(folder.glob("runs/*/record.json"))) == 4
    report = (folder / "report.md").read_text()
    assert "1 of 1 runs finished" in report
    assert "FEARec" not in report


def test_a_killed_benchmark_goes_on_where_it_was(command: List[str]) -> None:
    command[command.index("FEARec")] = "Pop"
    folder = Path("results/t")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "recbole_poem", "benchmark", *command],
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts what it puts in the background deaf to Ctrl-C
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while not records(folder) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert re.search(r"[12] finished runs? (is|are) kept in results/t, .* the same command", said)
    assert said.endswith("recbole_poem: interrupted\n")
    assert process.returncode == 130
    before = records(folder)
    assert 0 < len(before) < 3
    started = [path.name for path in folder.glob("runs/*")]
    running = Path("/proc").glob("[0-9]*/cmdline")
    assert not any(name in path.read_text() for name in started for path in running_now(running))
    assert benchmark(command) == 0
    after = records(folder)
    assert {record["status"] for record in after.values()} == {"finished"}
    for row, record in before.items():
        assert after[row] == record


def test_without_an_argument_nothing_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark([]) == 2
    assert capsys.readouterr().err.startswith("recbole_poem: name the --models to compare")
    assert not Path("results").exists()


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    keys = "{epochs: 3, grouping.n_groups: 2}"
    file.write_text(f"rows: [POEM]\ndatasets: [a]\nseeds: 5\nkeys: {keys}\n")
    plan = plan_of(*parse(["--config", str(file), "--seeds", "1", "--epochs=9"]))
    assert plan.keys == {"epochs": "9", "grouping.n_groups": 2}
    assert plan.seeds == [2020]
    assert plan_of(*parse(["--seeds", "1"])).datasets == ["ml-100k"]
    with pytest.raises(InputError, match="cannot read the argument"):
        parse(["--epochs", "9"])
    with pytest.raises(InputError, match="at_once"):
        parse(["--at_once", "0"])


def test_two_benchmarks_never_work_in_one_folder(tmp_path: Path, capsys: Any) -> None:
    asked = ["--models", "Pop", "--datasets", "ml-100k", "--name", "x", "--output", str(tmp_path)]
    with alone(tmp_path / "x" / ".lock", "the test works"):
        assert benchmark(asked) == 2
    assert f"{tmp_path / 'x'}: another benchmark is at work here" in capsys.readouterr().err
    assert not (tmp_path / "x" / "plan.yaml").exists()


def test_sighup_ends_a_benchmark_politely_unless_it_is_ignored() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _end_politely()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        _end_politely()
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGHUP)
        assert ended.value.code == 128 + signal.SIGHUP
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_plan_writes_its_worlds_and_the_report_knows_what_could_be_known(capsys: Any) -> None:
    Path("dials.yaml").write_text(
        "datasets: [knows]\n"
        "rows: [Upstream, Pop]\n"
        "keys: {topk: [10], show_progress: False}\n"
        "worlds:\n"
        "  knows:\n"
        "    requests: 5\n"
        "    dials: {people.users: 40, catalogue.items: 60, list.candidates: 30}\n"
    )
    assert benchmark(["--config", "dials.yaml"]) == 0
    assert "dataset/knows: written\n" in capsys.readouterr().out
    (record, _) = records(Path("results/dials")).values()
    assert record["oracle"]["world"]["people"]["users"] == 40
    text = Path("results/dials/report.md").read_text()
    assert "Share of what could be known" in text and "| **oracle taste** " in text
    Path("dials.yaml").write_text(Path("dials.yaml").read_text().replace("users: 40", "users: 41"))
    assert benchmark(["--config", "dials.yaml"]) == 2
    assert "dataset/knows holds the data set of another world" in capsys.readouterr().err
