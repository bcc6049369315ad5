"""Reading a results folder: order, pairing, and the words for what is damaged."""

from pathlib import Path

import pytest
import yaml
from toy_results import NASTY, toy_ranks, write_plan, write_run, write_toy_results

from recbole_poem.benchmark import results
from recbole_poem.benchmark.gathered import read_records
from recbole_poem.core.errors import InputError


def test_runs_are_those_that_are_over(tmp_path: Path) -> None:
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0))
    (tmp_path / "runs" / "interrupted").mkdir()
    (run,) = results.read_runs(tmp_path)
    assert run.finished and run.record["row"] == "Pop"
    assert run.ranks().user[3] == "u003"
    assert results.read_runs(tmp_path / "nowhere") == []


def test_rows_come_in_the_order_of_the_plan_and_seeds_in_theirs(tmp_path: Path) -> None:
    write_toy_results(tmp_path)
    plan, runs = results.read_plan(tmp_path), results.read_runs(tmp_path)
    write_run(tmp_path, "Unplanned", "Pop", 0)
    rows = results.rows_of(results.read_runs(tmp_path), plan, "toy")
    names = ["POEM", "SASRec", "Pop", "Upstream", NASTY, "Broken", "Later", "Unplanned"]
    assert list(rows) == names
    assert [run.record["seed"] for run in rows["SASRec"]] == [0, 1, 2]  # and no trial
    assert rows["Later"] == []
    assert not any(results.rows_of(runs, plan, "another").values())


def test_a_run_that_failed_gives_way_to_the_one_that_finished(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop"})
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0), run="a")
    write_run(tmp_path, "Pop", "Pop", 0, run="b")
    plan = results.read_plan(tmp_path)
    (run,) = results.rows_of(results.read_runs(tmp_path), plan, "toy")["Pop"]
    assert run.finished
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.5, 0), run="c")
    with pytest.raises(InputError, match=r"runs/a and .*runs/c: both are seed 0 of 'Pop'"):
        results.rows_of(results.read_runs(tmp_path), plan, "toy")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "damaged, no JSON"),
        ("[]", "a record is one JSON object"),
        ("{}", "'row' is missing"),
        ('{"row": 5}', "'row' is missing or of the wrong type"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, content: str, words: str) -> None:
    path = write_run(tmp_path, "Pop", "Pop", 0)
    (path / "record.json").write_text(content)
    with pytest.raises(InputError, match=rf"{path.name}/record.json: .*{words}"):
        results.read_runs(tmp_path)


def test_a_finished_record_needs_what_the_report_says(tmp_path: Path) -> None:
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0), curve=None)
    with pytest.raises(InputError, match="'curve' is missing"):
        results.read_runs(tmp_path)


def test_a_finished_record_needs_the_metrics_of_both_protocols(tmp_path: Path) -> None:
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0), metrics={"masked": {"test": {}}})
    with pytest.raises(InputError, match="'metrics' lacks the test rows of 'recbole'"):
        results.read_runs(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("rows: {", "no YAML"),
        ("rows: []", "'datasets' is not"),
        ("datasets: []\nrows: [{row: POEM}]", "each one needs 'row' and 'model'"),
    ],
)
def test_a_damaged_plan_is_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "plan.yaml").write_text(content)
    with pytest.raises(InputError, match=rf"plan.yaml: .*{words}"):
        results.read_plan(tmp_path)


def test_a_folder_without_a_plan_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is this the folder of a benchmark"):
        results.read_plan(tmp_path)


def test_jsonl_holds_every_record_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_toy_results(tmp_path)
    written = read_records(results.write_jsonl(tmp_path))
    records = [run.record for run in results.read_runs(tmp_path)]
    assert [record for _, record in written] == records and len(records) == 15
    assert {path.name for path in tmp_path.iterdir()} == {"plan.yaml", "runs", "runs.jsonl"}


def test_runs_of_a_former_plan_are_not_looked_at(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop"})
    asked = write_run(tmp_path, "Pop", "Pop", 0)
    former = write_run(tmp_path, "Pop", "Pop", 1)
    (former / "record.json").write_text("{")
    plan = yaml.safe_load((tmp_path / "plan.yaml").read_text())
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({**plan, "runs": [asked.name]}))
    (run,) = results.runs_of_plan(tmp_path)
    assert run.folder == asked
    assert len(read_records(results.write_jsonl(tmp_path))) == 1


def without_records(folder: Path) -> None:
    """Leave what a copy of the folder has: the plan, the gathered records, and the ranks."""
    results.write_jsonl(folder)
    for path in folder.glob("runs/*/record.json"):
        path.unlink()


def test_gathered_records_stand_for_those_of_the_runs(tmp_path: Path) -> None:
    write_toy_results(tmp_path)
    before = results.read_runs(tmp_path)
    without_records(tmp_path)
    assert results.read_runs(tmp_path) == before
    assert [results.read_run(run.folder) for run in before] == before
    (one,) = results.read_runs(tmp_path, [before[3].folder.name])
    assert one == before[3]
    assert len(read_records(results.write_jsonl(tmp_path))) == len(before)


def test_a_record_of_a_run_s_own_and_a_run_that_began_come_before_a_gathered_one(
    tmp_path: Path,
) -> None:
    write_plan(tmp_path, {"Pop": "Pop"})
    again, begun = (write_run(tmp_path, "Pop", "Pop", seed) for seed in (0, 1))
    without_records(tmp_path)
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0))
    (begun / "job.json").write_text("{}")
    (run,) = results.read_runs(tmp_path)
    assert run.folder == again and run.finished
    with pytest.raises(InputError, match="is this a run that is over"):
        results.read_run(begun)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "damaged, no JSON"),
        ("[]", "a record is one JSON object"),
        ("{}", "'id' is missing"),
        ('{"id": "a"}', "'row' is missing"),
    ],
)
def test_a_damaged_line_of_gathered_records_is_named(tmp_path: Path, line: str, words: str) -> None:
    write_plan(tmp_path, {"Pop": "Pop"})
    write_run(tmp_path, "Pop", "Pop", 0)
    without_records(tmp_path)
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=rf"runs.jsonl, line 3: .*{words}"):
        results.read_runs(tmp_path)


def test_metrics_come_in_the_order_of_a_table(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop"})
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0))
    without_records(tmp_path)  # in which keys are sorted as words
    (run,) = results.read_runs(tmp_path)
    kinds = ("HR", "NDCG", "MRR", "coverage", "diversity")
    assert list(run.measures("masked")) == [f"{kind}@{k}" for kind in kinds for k in (10, 50)]
