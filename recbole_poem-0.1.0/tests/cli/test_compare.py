"""Comparing two rows of a benchmark by the command."""

from pathlib import Path
from typing import List

import numpy as np
import pytest
from toy_results import toy_ranks, write_plan, write_run

from recbole_poem.benchmark.sides import side_of
from recbole_poem.benchmark.significance import compare as compared
from recbole_poem.cli.verbs import main


def compare(*arguments: object) -> int:
    return main(["compare", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_plan(tmp_path, {"POEM": "POEM", "Pop": "Pop"})
    for seed in (0, 1):
        write_run(tmp_path, "POEM", "POEM", seed, toy_ranks(0.9, seed))
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0))
    return tmp_path


def test_two_rows_on_all_test_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(folder, "--between", "POEM", "Pop", "--metric", "ndcg@10") == 0
    found = compared(side_of(folder, "POEM"), side_of(folder, "Pop"))
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "NDCG@10, masked, 120 users",
        f"POEM (2 seeds)  {found.one_mean:.4f}",
        f"Pop (1 seed)    {found.other_mean:.4f}",
    ]
    assert said[3].startswith(f"POEM (2 seeds) minus Pop (1 seed): +{found.difference:.4f}")
    assert said[4].startswith("p < 0.0001")


def test_a_row_is_not_compared_with_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(folder, "--between", "POEM", "POEM") == 2
    assert capsys.readouterr().err == (
        "recbole_poem: --between: POEM is both rows; name two, or a second folder\n"
    )


def test_seeds_protocol_and_a_second_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    write_plan(other, {"POEM": "POEM"})
    write_run(other, "POEM", "POEM", 1, toy_ranks(0.5, 1))
    arguments = ["--between", "POEM", "POEM", "--seeds", 1, "--protocol", "recbole"]
    assert compare(folder, other, *arguments) == 0
    sides = [side_of(where, "POEM", None, [1]) for where in (folder, other)]
    found = compared(*sides, protocol="recbole")
    said = capsys.readouterr().out
    assert "NDCG@10, recbole, 120 users" in said
    assert f"POEM (1 seed)  {found.one_mean:.4f}" in said
    assert f"POEM (1 seed)  {found.other_mean:.4f}" in said


def test_a_user_of_several_rows_and_a_single_user_are_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for row, n_users, n_rows in (("three", 40, 120), ("one", 1, 2)):
        write_plan(folder, {f"{row} {side}": "Pop" for side in "ab"})
        user = np.array([f"u{n * n_users // n_rows}" for n in range(n_rows)])
        for side, skill in (("a", 0.35), ("b", 0.2)):
            ranks = {**toy_ranks(skill, 0, n_users=n_rows), "user": user}
            write_run(folder, f"{row} {side}", "Pop", 0, ranks)
        assert compare(folder, "--between", f"{row} a", f"{row} b") == 0
    said = capsys.readouterr().out
    assert "NDCG@10, masked, 120 test rows of 40 users" in said
    assert said.endswith("One user says nothing about noise: no interval and no test.\n")


@pytest.fixture
def parts(tmp_path: Path) -> List[str]:
    """Return the command for users with 3 rows before a seen target, and 5 before a new one."""
    known = {"seen": np.array([True, False]), "n_before": np.array([3, 5])}
    for row, rank in (("one", [1, 4]), ("other", [2, 2])):
        ranks = {**toy_ranks(0.5, 0, n_users=2), **known, "rank_masked": np.array(rank)}
        write_run(tmp_path, row, "POEM", 0, ranks)
    write_plan(tmp_path, {"one": "POEM", "other": "POEM"})
    return [str(tmp_path), "--between", "one", "other", "--metric", "mrr@10"]


def test_by_the_length_of_the_history(parts: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(*parts, "--by", "length", "--lengths", 3, 4) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "MRR@10, masked: one (1 seed) against other (1 seed)"
    assert said[1].startswith("         3:       1 rows, 1.0000 against 0.5000 (+100.0\xa0%, ")
    assert said[2].startswith(" 4 or more:       1 rows, 0.2500 against 0.5000 (")
    assert compare(*parts, "--by", "length") == 0
    usual = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].strip() for line in usual[1:]] == ["1 to 3", "4 to 9"]


def test_by_whether_the_target_is_new(parts: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(*parts, "--by", "target") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("       new:       1 rows, 0.2500 against 0.5000 (")
    assert said[2].startswith("      seen:       1 rows, 1.0000 against 0.5000 (")


@pytest.mark.parametrize("by", [[], ["--by", "length"], ["--by", "target"]])
def test_two_runs_are_compared_like_two_rows(
    parts: List[str], by: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(*parts, *by) == 0
    rows = capsys.readouterr().out
    runs = [Path(parts[0], "runs", f"toy-{row}-0-0123abcd") for row in ("one", "other")]
    assert compare(*runs, *parts[-2:], *by) == 0
    assert capsys.readouterr().out == rows != ""


def test_what_else_may_explain_the_difference_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"MODEL_TYPE": "ModelType.SEQUENTIAL", "logit_terms": {"popularity_trend": {}}}
    changed = {"config": config, "stopped": "time limit"}
    write_run(folder, "POEM", "POEM", 0, toy_ranks(0.9, 0), **changed)
    write_run(folder, "POEM", "POEM", 1, toy_ranks(0.9, 1), config=config)
    assert compare(folder, "--between", "POEM", "Pop") == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Unequal extras: POEM (2 seeds) has popularity_trend, Pop (1 seed) has no extras; every "
        "row might have them, and a part of the difference is theirs.",
        "POEM (2 seeds) was stopped by the time limit (1 of 2 seeds) and may be better with more.",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "runs/toy-POEM-0-0123abcd: this run has failed; there is nothing to compare"),
        (["--seeds", "1"], "--seeds: two runs are named by their folders; leave it out"),
        (["--between", "a", "b"], "is a run and has no rows; leave it out"),
    ],
)
def test_runs_that_cannot_be_compared_are_named(
    folder: Path, arguments: List[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [write_run(folder, "POEM", "POEM", 0), folder / "runs" / "toy-Pop-0-0123abcd"]
    assert compare(*runs, *arguments) == 2
    assert words in capsys.readouterr().err


def test_neither_rows_nor_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folders in ([folder], [folder, folder], [folder / "runs" / "toy-Pop-0-0123abcd"]):
        assert compare(*folders) == 2
        words = "name two rows by --between A B, or give the folders of two runs"
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere/plan.yaml: No such file or directory; is this the folder of a"),
        (["a", "b", "c"], "RESULTS: expected one folder or two, not 3"),
        (["a", "--lengths", "1"], "--lengths: it has a meaning with --by length alone; add that"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    arguments: List[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(*arguments, "--between", "POEM", "Pop") == 2
    assert capsys.readouterr().err.startswith(f"recbole_poem: {words}")
