"""Runs in processes of their own: what they leave behind, resumption, failures, limits, tuning."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List

import pytest
from toy_results import toy_ranks, write_plan, write_run
from toy_runs import job, records, running_now

from recbole_poem.benchmark import runner
from recbole_poem.benchmark.plan import Job, make_plan
from recbole_poem.benchmark.results import read_plan, read_runs, write_jsonl
from recbole_poem.core.errors import InputError


@pytest.mark.parametrize(
    ("code", "spare_seconds", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 600.0, "was killed, by the"),
        ("import sys; sys.exit(3)", 600.0, "ended with exit status 3"),
        ("import time; time.sleep(600)", 1.0, "was not over after 2 s"),
    ],
)
def test_a_process_that_leaves_no_record_gets_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    spare_seconds: float,
    words: str,
) -> None:
    package = tmp_path / "stand_in.py"
    package.write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(runner, "RUN", "stand_in")
    monkeypatch.setattr(runner, "SPARE_SECONDS", spare_seconds)
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
    runner._begin(tmp_path, job(tmp_path))
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
    assert runner._finished(tmp_path, [one])[one.id]["id"] == one.id
    whole = (home / "ranks.npz").read_bytes()
    (home / "ranks.npz").write_bytes(whole[: len(whole) // 2])
    assert runner._finished(tmp_path, [one]) == {}
    (home / "ranks.npz").unlink()
    assert runner._finished(tmp_path, [one]) == {}


def test_a_copy_with_gathered_records_alone_runs_nothing_again(tmp_path: Path) -> None:
    one = job(tmp_path)
    home = write_run(tmp_path, one.row, one.model, one.seed, toy_ranks(0.0, 1), run=one.id)
    write_plan(tmp_path, {one.row: one.model})
    write_jsonl(tmp_path)
    (home / "record.json").unlink()
    runner.run_all([one], tmp_path, 1, "runs", show_progress=False)
    assert sorted(path.name for path in home.iterdir()) == ["ranks.npz"]


def test_what_is_to_be_repeated_and_is_interrupted_is_not_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its former record, which was gathered, says nothing any more."""

    def interrupt(self: Any, given: Job) -> None:
        raise KeyboardInterrupt

    one = job(tmp_path)
    write_run(tmp_path, one.row, one.model, one.seed, run=one.id)  # it had failed
    write_plan(tmp_path, {one.row: one.model})
    write_jsonl(tmp_path)
    monkeypatch.setattr(runner._Processes, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.run_all([one], tmp_path, 1, "runs", show_progress=False)
    assert read_runs(tmp_path) == []


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
        finished = runner._finished(tmp_path, jobs)
        assert [one.id for one in jobs if one.id not in finished] == repeated


def _write_record(folder: Path, of: Job, status: str, score: float, bigger: bool) -> None:
    write_run(
        folder, of.row, of.model, of.seed, toy_ranks(0.0, 1), dataset=of.dataset, run=of.id,
        purpose=of.purpose, status=status, best_valid_score=score,
        config={"valid_metric_bigger": bigger},
    )  # fmt: skip


@pytest.mark.parametrize("bigger", [True, False])
def test_tuning_tries_the_defaults_and_draws_and_keeps_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bigger: bool
) -> None:
    """A planted optimum: the score of a trial is its learning rate; the last draw fails.

    A row by hand, and its variant, have no trials.
    """
    ran: List[Job] = []

    def run(self: Any, given: Job) -> None:
        ran.append(given)
        rate = given.given.get("learning_rate", 0.001)
        failed = given.purpose == "trial" and len(ran) == 4
        _write_record(tmp_path, given, "failed" if failed else "finished", rate, bigger)

    monkeypatch.setattr(runner._Processes, "run", run)
    by_hand = {"row": "by hand", "model": "POEM", "tuned_as": None, "keys": {"learning_rate": 0.7}}
    few = {"row": "few", "model": "POEM", "tuned_as": "by hand", "keys": {"grouping.n_groups": 2}}
    plan = make_plan(["POEM", "Pop", by_hand, few], ["d"], seeds=2, tune=4)
    runner.carry_out(plan, tmp_path, show_progress=False)
    trials = [one for one in ran if one.purpose == "trial"]
    assert [one.row for one in trials] == ["POEM"] * 4
    assert "learning_rate" not in trials[0].given
    assert all("learning_rate" in one.given for one in trials[1:])
    rates = [one.given.get("learning_rate", 0.001) for one in trials[:3]]
    best = max(rates) if bigger else min(rates)
    tests = [one for one in ran if one.purpose == "test"]
    assert [(one.row, one.seed) for one in tests] == [
        (row, seed) for seed in (2020, 2021) for row in ("POEM", "Pop", "by hand", "few")
    ]
    chosen = {"POEM": best, "by hand": 0.7}
    for one in tests:
        assert one.given.get("learning_rate", 0.001) == chosen.get(one.row, 0.001)


def test_a_variant_takes_what_tuning_found_and_not_the_keys_of_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tuned or not, it has its own keys, or it would not lack what its row was given."""
    ran: List[Job] = []

    def run(self: Any, given: Job) -> None:
        ran.append(given)
        _write_record(tmp_path, given, "finished", given.given.get("learning_rate", 0.0), True)

    monkeypatch.setattr(runner._Processes, "run", run)
    base = {"row": "base", "model": "POEM", "keys": {"hidden_size": 8}}
    bare = {"row": "bare", "model": "POEM", "tuned_as": "base", "keys": {"n_layers": 1}}
    runner.carry_out(make_plan([base, bare], ["d"], tune=3), tmp_path, show_progress=False)
    of_row = {one.row: one.given for one in ran if one.purpose == "test"}
    assert of_row["base"]["hidden_size"] == 8
    assert "hidden_size" not in of_row["bare"]
    assert of_row["bare"]["learning_rate"] == of_row["base"]["learning_rate"] > 0


def test_tuning_that_goes_on_and_is_interrupted_keeps_what_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: Any, given: Job) -> None:
        rate = given.given.get("learning_rate", 0.001)
        _write_record(tmp_path, given, "finished", rate, True)

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
