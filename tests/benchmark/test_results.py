"""Reading a results folder: order, pairing, and the words for what is damaged."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from toy_results import NASTY, in_another_order, toy_ranks, write_plan, write_run, write_toy_results

from recbole_poem.benchmark import results
from recbole_poem.core.errors import InputError


def test_runs_are_those_that_are_over(tmp_path: Path) -> None:
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0))
    (tmp_path / "runs" / "interrupted").mkdir()
    (run,) = results.read_runs(tmp_path)
    assert run.finished and run.record["row"] == "Pop"
    ranks = run.ranks()
    assert ranks.ks == [10, 50] and ranks.user[3] == "u003" and set(ranks.rank) == set(ranks.top)
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


def test_damaged_ranks_are_named(tmp_path: Path) -> None:
    ranks = toy_ranks(0.0, 0)
    path = write_run(tmp_path, "Pop", "Pop", 0, ranks)
    (run,) = results.read_runs(tmp_path)
    whole = (path / "ranks.npz").read_bytes()
    (path / "ranks.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"ranks.npz: damaged"):
        run.ranks()
    np.savez_compressed(path / "ranks.npz", **{**ranks, "user": ranks["user"][1:]})
    with pytest.raises(InputError, match="different numbers of users"):
        run.ranks()
    del ranks["top_masked"], ranks["target"]
    np.savez_compressed(path / "ranks.npz", **ranks)
    with pytest.raises(InputError, match="lacks target, top_masked"):
        run.ranks()
    np.savez_compressed(path / "ranks.npz", user=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"ranks.npz: damaged"):  # a pickle is not opened
        run.ranks()
    (path / "ranks.npz").unlink()
    with pytest.raises(InputError, match="no such file"):
        run.ranks()


def test_pairing_puts_the_same_users_into_one_order_and_refuses_others(tmp_path: Path) -> None:
    arrays = toy_ranks(0.0, 0)
    mixed = in_another_order(arrays)
    other = {**arrays, "target": np.roll(arrays["target"], 1)}
    runs = [
        results.read_run(write_run(tmp_path, "Pop", "Pop", seed, ranks))
        for seed, ranks in enumerate([arrays, mixed, other])
    ]
    one, two, three = [(run.folder.name, run.ranks()) for run in runs]
    found = results.pairing(one, two)
    assert np.array_equal(two[1].user[found], one[1].user)
    assert np.array_equal(two[1].rank["masked"][found], one[1].rank["masked"])
    with pytest.raises(InputError, match=rf"{one[0]} and {three[0]}: .*different users or targets"):
        results.pairing(one, three)


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
    lines = results.write_jsonl(tmp_path).read_text().splitlines()
    records = [run.record for run in results.read_runs(tmp_path)]
    assert [json.loads(line) for line in lines] == records and len(records) == 15
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
    assert len(results.write_jsonl(tmp_path).read_text().splitlines()) == 1
