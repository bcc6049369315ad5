"""Runs in processes of their own: what they leave behind, resumption, failures, limits, tuning."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from conftest import random_log
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark import ranking, runner
from recbole_poem.benchmark.__main__ import _end_politely, main, parse
from recbole_poem.benchmark.plan import Job, make_plan
from recbole_poem.benchmark.results import read_plan
from recbole_poem.errors import InputError
from recbole_poem.files import alone

ITEMS = "item_id:token\tgenre:token_seq\n" + "".join(
    f"i{i}\t{'ab'[i % 2]} {'cd'[i % 3 == 0]}\n" for i in range(25)
)


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


def records(folder: Path) -> Dict[str, Dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("runs/*/record.json")]
    return {record["row"]: record for record in found}


def test_two_models_and_a_failure_end_in_one_report(command: List[str], capsys: Any) -> None:
    assert main(command) == 1
    folder = Path("results/t")
    said = capsys.readouterr()
    assert said.err.startswith("each run logs to results/t/runs/<id>/log.txt")
    assert not list(folder.glob("runs/*/progress.json"))  # only runs in progress have one
    assert str(folder / "report.html") in said.out
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
    ranks = np.load(folder / "runs" / poem["id"] / "ranks.npz")
    for protocol in ("recbole", "masked"):
        figures = poem["metrics"][protocol]["test"]
        again = ranking.metrics(
            ranks[f"rank_{protocol}"],
            ranks[f"top_{protocol}"],
            ranks["ks"],
            int(ranks["n_items"]),
            ranks["category"],
        )
        assert figures == pytest.approx(again)
        assert set(figures) >= {"HR@2", "NDCG@5", "MRR@5", "coverage@5", "diversity@5"}
    report = (folder / "report.md").read_text()
    assert "2 of 3 runs finished" in report
    assert "lazy_sequences: FEARec looks for windows" in report
    assert f"{poem['metrics']['masked']['test']['NDCG@5']:.4f}" in report

    written = (folder / "runs" / poem["id"] / "record.json").stat().st_mtime_ns
    assert main(command) == 1  # what has finished is not run again
    assert (folder / "runs" / poem["id"] / "record.json").stat().st_mtime_ns == written

    # another plan of the same name: what it does not ask for stays, and is not reported
    assert main([*command[:1], "Upstream", *command[4:], "--rank_power=2"]) == 0
    assert len(list(folder.glob("runs/*/record.json"))) == 4
    report = (folder / "report.md").read_text()
    assert "1 of 1 runs finished" in report
    assert "FEARec" not in report


def test_a_killed_benchmark_goes_on_where_it_was(command: List[str]) -> None:
    command[command.index("FEARec")] = "Pop"
    folder = Path("results/t")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "recbole_poem.benchmark", *command],
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
    assert main(command) == 0
    after = records(folder)
    assert {record["status"] for record in after.values()} == {"finished"}
    for row, record in before.items():
        assert after[row] == record


def running_now(paths: Any) -> Any:
    for path in paths:
        try:
            path.read_text()
        except OSError:  # it has ended meanwhile
            continue
        yield path


def job(tmp_path: Path, **changed: Any) -> Job:
    values = {"row": "r", "model": "Pop", "dataset": "d", "seed": 1, "purpose": "test"}
    return Job(**{**values, "given": {}, "config_files": [], "time_limit": 1.0, **changed})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed, by the system"),
        ("import sys; sys.exit(3)", "ended with exit status 3"),
        ("import time; time.sleep(60)", "was not over after 2 s"),
    ],
)
def test_a_process_that_leaves_no_record_gets_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    package = tmp_path / "stand_in.py"
    package.write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(runner, "RUN", "stand_in")
    monkeypatch.setattr(runner, "SPARE_SECONDS", 1.0)
    one, other = job(tmp_path), job(tmp_path, seed=2)
    runner.run_all([one, other], tmp_path, at_once=2, title="runs", show_progress=False)
    for which in (one, other):
        record = json.loads((tmp_path / "runs" / which.id / "record.json").read_text())
        assert record["status"] == "failed"
        assert words in record["reason"]


def test_what_starts_while_all_is_stopped_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stand_in.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(runner, "RUN", "stand_in")
    processes = runner._Processes(tmp_path)
    start = subprocess.Popen

    def start_too_late(*arguments: Any, **options: Any) -> Any:
        child = start(*arguments, **options)
        processes.stop()
        return child

    monkeypatch.setattr(subprocess, "Popen", start_too_late)
    begin = time.monotonic()
    processes.run(job(tmp_path))
    assert time.monotonic() - begin < 300
    assert records(tmp_path) == {}


def test_a_child_that_ends_by_itself_meanwhile_is_no_error() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    child.wait()
    polled = child.poll
    child.poll = lambda: None  # type: ignore[method-assign]
    runner._end(child)
    assert polled() == 0


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runner, "whole_file", full)
    plan = make_plan(["Pop"], ["d"])
    with pytest.raises(InputError, match=r"plan\.yaml cannot be written: No space left on device"):
        runner.carry_out(plan, tmp_path, show_progress=False)
    with pytest.raises(InputError, match=r"job\.json cannot be written: No space left on device"):
        runner.run_all([job(tmp_path)], tmp_path, 1, "runs", show_progress=False)


def test_jobs_of_one_id_are_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stand_in.py").write_text("open('runs.txt', 'a').write('once ')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(runner, "RUN", "stand_in")
    runner.run_all([job(tmp_path)] * 2, tmp_path, at_once=2, title="runs", show_progress=False)
    assert Path("runs.txt").read_text() == "once "
    assert len(records(tmp_path)) == 1


def test_a_run_without_its_ranks_is_repeated(tmp_path: Path) -> None:
    one = job(tmp_path)
    home = write_run(tmp_path, one.row, one.model, one.seed, toy_ranks(0.0, 1), run=one.id)
    finished = runner._finished(tmp_path, one)
    assert finished is not None and finished["id"] == one.id
    whole = (home / "ranks.npz").read_bytes()
    (home / "ranks.npz").write_bytes(whole[: len(whole) // 2])
    assert runner._finished(tmp_path, one) is None
    (home / "ranks.npz").unlink()
    assert runner._finished(tmp_path, one) is None


def test_a_run_that_a_shorter_limit_has_stopped_is_repeated(tmp_path: Path) -> None:
    limits = {"time_limit": 60.0, "stopped": "time limit"}
    stopped, former, over = (
        job(tmp_path, seed=seed, purpose="trial", time_limit=60.0) for seed in (1, 2, 3)
    )
    write_run(tmp_path, "r", "Pop", 1, toy_ranks(0.0, 1), run=stopped.id, **limits)
    write_run(tmp_path, "r", "Pop", 2, toy_ranks(0.0, 1), run=former.id, stopped="time limit")
    write_run(tmp_path, "r", "Pop", 3, toy_ranks(0.0, 1), run=over.id, time_limit=60.0)
    for limit, repeated in ((59.0, []), (60.0, []), (61.0, [stopped.id])):
        jobs = [one._replace(time_limit=limit) for one in (stopped, former, over)]
        left = [one.id for one in jobs if runner._finished(tmp_path, one) is None]
        assert left == repeated


@pytest.mark.parametrize("bigger", [True, False])
def test_tuning_tries_the_defaults_and_draws_and_keeps_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bigger: bool
) -> None:
    """A planted optimum: the score of a trial is its learning rate; the last draw fails."""
    ran: List[Job] = []

    def run(self: Any, given: Job) -> None:
        ran.append(given)
        rate = given.given.get("learning_rate", 0.001)
        failed = given.purpose == "trial" and len(ran) == 4
        record = {"status": "failed" if failed else "finished", "best_valid_score": rate}
        record["config"] = {"valid_metric_bigger": bigger}
        home = tmp_path / "runs" / given.id
        home.mkdir(parents=True)
        (home / "record.json").write_text(json.dumps(record))

    monkeypatch.setattr(runner._Processes, "run", run)
    plan = make_plan(["POEM", "Pop"], ["d"], seeds=2, tune=4)
    runner.carry_out(plan, tmp_path, show_progress=False)
    trials = [one for one in ran if one.purpose == "trial"]
    assert [one.row for one in trials] == ["POEM"] * 4
    assert "learning_rate" not in trials[0].given
    assert all("learning_rate" in one.given for one in trials[1:])
    rates = [one.given.get("learning_rate", 0.001) for one in trials[:3]]
    best = max(rates) if bigger else min(rates)
    tests = [one for one in ran if one.purpose == "test"]
    assert [(one.row, one.seed) for one in tests] == [
        ("POEM", 2020), ("Pop", 2020), ("POEM", 2021), ("Pop", 2021),
    ]  # fmt: skip
    for one in tests:
        assert one.given.get("learning_rate", 0.001) == (best if one.row == "POEM" else 0.001)


def test_tuning_that_goes_on_and_is_interrupted_keeps_what_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: Any, given: Job) -> None:
        rate = given.given.get("learning_rate", 0.001)
        record = {"status": "finished", "best_valid_score": rate}
        record["config"] = {"valid_metric_bigger": True}
        (tmp_path / "runs" / given.id).mkdir(parents=True)
        (tmp_path / "runs" / given.id / "record.json").write_text(json.dumps(record))

    def interrupt(self: Any, given: Job) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner._Processes, "run", run)
    short, long = (make_plan(["POEM", "Pop"], ["d"], seeds=2, tune=tune) for tune in (3, 4))
    runner.carry_out(short, tmp_path, show_progress=False)
    before = read_plan(tmp_path).runs
    assert before is not None and len(before) == 3 + 4
    monkeypatch.setattr(runner._Processes, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.carry_out(long, tmp_path, show_progress=False)
    after = read_plan(tmp_path).runs
    assert after is not None and len(after) == 4 + 4
    assert set(before) < set(after)


def test_the_bar_shows_where_each_run_in_progress_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that tells of one epoch, lives for a second, and leaves its word behind."""
    (tmp_path / "stand_in.py").write_text(
        "import sys, time, pathlib\n"
        "from recbole_poem.benchmark.progress import write_progress\n"
        "curve = [{'epoch': 4, 'score': 0.5}]\n"
        "write_progress(pathlib.Path(sys.argv[1]).parent, 9, True, curve, True)\n"
        "time.sleep(1)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(runner, "RUN", "stand_in")
    monkeypatch.setattr(runner, "LOOK_SECONDS_IN_FILE", 0.1)
    jobs = [job(tmp_path, seed=seed) for seed in (1, 2)]
    runner.run_all(jobs, tmp_path, at_once=2, title="runs")
    said = capsys.readouterr().err
    both = [f"d r {seed}: epoch 5/9, 0.5000 (best 0.5000), 00:0" for seed in (1, 2)]
    assert all(words in said for words in both)
    assert "runs: 2/2" in said and not list(tmp_path.glob("runs/*/progress.json"))


def test_without_an_argument_nothing_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: ") and "name the --models to compare" in said
    assert not Path("results").exists()


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("rows: [POEM]\ndatasets: [a]\nseeds: 5\nkeys: {epochs: 3, n_groups: 2}\n")
    options, plan = parse(["--config", str(file), "--seeds", "1", "--epochs=9"])
    assert options.name == "mine"
    assert plan.keys == {"epochs": "9", "n_groups": 2}
    assert plan.seeds == [2020]
    assert parse(["--seeds", "1"])[1].datasets == ["ml-100k"]
    with pytest.raises(InputError, match="cannot read the argument"):
        parse(["--epochs", "9"])
    with pytest.raises(InputError, match="at_once"):
        parse(["--at_once", "0"])


def test_two_benchmarks_never_work_in_one_folder(tmp_path: Path, capsys: Any) -> None:
    asked = ["--models", "Pop", "--datasets", "ml-100k", "--name", "x", "--output", str(tmp_path)]
    with alone(tmp_path / "x" / ".lock", "the test works"):
        assert main(asked) == 2
    assert f"{tmp_path / 'x'}: another benchmark is at work here" in capsys.readouterr().err
    assert not (tmp_path / "x" / "plan.yaml").exists()


def test_a_run_does_not_outlive_a_benchmark_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stand_in.py").write_text(
        "import time, pathlib\n"
        "from recbole_poem.benchmark.lifeline import end_with_runner\n"
        "end_with_runner()\n"
        "pathlib.Path('started').touch()\n"
        "time.sleep(600)\n"
    )
    one = job(tmp_path)
    code = (
        "import pathlib\n"
        "from recbole_poem.benchmark import plan, runner\n"
        "runner.RUN = 'stand_in'\n"
        f"job = plan.Job(**{one._asdict()!r})\n"
        f"runner.run_all([job], pathlib.Path({str(tmp_path)!r}), 1, 'runs', False)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    process = subprocess.Popen([sys.executable, "-c", code])
    while not Path("started").exists() and process.poll() is None:
        time.sleep(0.05)
    assert running(one)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while running(one) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(one)


def running(one: Job) -> bool:
    """Tell whether a run is at work; a process that nobody has waited for is not."""
    paths = running_now(Path("/proc").glob("[0-9]*/cmdline"))
    return any(f"{one.id}/job.json" in path.read_text() for path in paths)


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
