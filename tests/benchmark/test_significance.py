"""Comparing finished runs later: the function and the line of shell."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from toy_results import in_another_order, toy_ranks, write_run

from recbole_poem.benchmark.ranking import user_values
from recbole_poem.benchmark.significance import compare, main
from recbole_poem.core.errors import InputError


def test_the_numbers_are_those_of_the_stored_ranks(tmp_path: Path) -> None:
    ranks = [toy_ranks(0.5, 0), toy_ranks(0.5, 1), toy_ranks(0.3, 0)]
    one = [write_run(tmp_path, "POEM", "POEM", seed, ranks[seed]) for seed in (0, 1)]
    other = write_run(tmp_path, "Pop", "Pop", 0, ranks[2])
    values = [user_values(arrays["rank_recbole"], "MRR@50") for arrays in ranks]
    found = compare(one, other, metric="mrr@50", protocol="recbole")
    pooled = (values[0] + values[1]) / 2
    assert found.one_mean == pytest.approx(pooled.mean())
    assert found.other_mean == pytest.approx(values[2].mean())
    assert found.difference == pytest.approx(found.one_mean - found.other_mean)
    assert found.relative == pytest.approx(found.one_mean / found.other_mean - 1)
    assert found.p == pytest.approx(stats.ttest_rel(pooled, values[2]).pvalue)
    assert found.low < found.difference < found.high
    assert found.n_users == found.n_rows == len(pooled)
    back = compare(other, one, metric="MRR@50", protocol="recbole")
    assert (back.difference, back.p) == pytest.approx((-found.difference, found.p))


def test_rows_of_one_user_count_as_one_draw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = np.array([f"u{n // 3:03}" for n in range(120)])
    ranks = [{**toy_ranks(skill, 0), "user": user} for skill in (0.35, 0.2)]
    paths = [write_run(tmp_path, f"r{n}", "Pop", 0, arrays) for n, arrays in enumerate(ranks)]
    values = [user_values(arrays["rank_masked"], "NDCG@10") for arrays in ranks]
    sums = (values[0] - values[1]).reshape(40, 3).sum(1)
    found = compare(*paths)
    assert (found.n_users, found.n_rows) == (40, 120)
    assert found.difference == pytest.approx(sums.sum() / 120)
    assert found.p == pytest.approx(stats.ttest_1samp(sums, 0).pvalue)
    assert main(list(map(str, paths))) == 0
    assert "NDCG@10, masked, 120 test rows of 40 users" in capsys.readouterr().out


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    path = write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.5, 0))
    mixed = write_run(tmp_path, "Pop", "Pop", 1, in_another_order(toy_ranks(0.5, 0)))
    found = compare(path, mixed)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_what_cannot_be_compared_is_refused_by_name(tmp_path: Path) -> None:
    run = write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.5, 0))
    other = write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0))
    failed = write_run(tmp_path, "Pop", "Pop", 1)
    fewer = write_run(tmp_path, "Pop", "Pop", 2, toy_ranks(0.1, 2, n_users=50))
    with pytest.raises(InputError, match=r"seeds of one row are averaged.*'POEM' and 'Pop'"):
        compare([run, other], other)
    with pytest.raises(InputError, match=f"{failed.name}: only runs .* that finished have ranks"):
        compare(run, failed)
    with pytest.raises(InputError, match=f"{run.name} and .*{fewer.name}: they ranked different"):
        compare(run, fewer)
    with pytest.raises(InputError, match="'recall@10' is none"):
        compare(run, other, metric="recall@10")
    with pytest.raises(InputError, match="protocol: 'seen' is none of masked, recbole"):
        compare(run, other, protocol="seen")
    with pytest.raises(InputError, match="names no run"):
        compare([], other)
    with pytest.raises(InputError, match=f"{other.name}: seed 0 is there twice"):
        compare(run, [other, other])


def test_trials_that_a_pattern_finds_too_are_passed_over(tmp_path: Path) -> None:
    run = write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.9, 0))
    trial = write_run(tmp_path, "POEM", "POEM", 0, run="trial", purpose="trial")
    other = write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0))
    assert compare([trial, run], other) == compare(run, other)
    with pytest.raises(InputError, match="trial: only runs of purpose 'test'"):
        compare([trial], other)


def test_a_run_in_progress_that_a_pattern_finds_too_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.9, 0))
    other = write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0))
    begun = tmp_path / "runs" / "toy-POEM-1-0123abcd"
    begun.mkdir()
    (begun / "job.json").write_text("{}")
    assert main([str(run), str(begun), "--against", str(other)]) == 0
    assert capsys.readouterr().err == f"{begun} is not over, and left out\n"
    assert main([str(begun), str(other)]) == 2
    assert "is this a run that is over?" in capsys.readouterr().err


def test_the_line_of_shell(tmp_path: Path) -> None:
    one = [write_run(tmp_path, "POEM", "POEM", s, toy_ranks(0.9, s)) for s in (0, 1)]
    other = write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0))
    command = [sys.executable, "-m", "recbole_poem.benchmark.significance", *map(str, one)]
    command += ["--against", str(other), "--metric", "ndcg@10"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = compare(one, other)
    assert "NDCG@10, masked, 120 users" in done.stdout
    assert f"POEM (2 seeds)  {found.one_mean:.4f}" in done.stdout
    assert f"Pop (1 seed)    {found.other_mean:.4f}" in done.stdout
    said = f"POEM (2 seeds) minus Pop (1 seed): +{found.difference:.4f}"
    assert said in done.stdout and "p < 0.0001" in done.stdout


def test_bad_input_ends_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere", "nowhere"]) == 2
    assert "nowhere/record.json" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["one", "two", "three"])
    assert "--against" in capsys.readouterr().err


def test_one_user_is_said_to_be_no_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [
        write_run(tmp_path, row, "Pop", 0, toy_ranks(skill, 0, n_users=1))
        for row, skill in (("Pop", 0.0), ("Other", 2.0))
    ]
    assert main(list(map(str, paths))) == 0
    assert "One user says nothing about noise" in capsys.readouterr().out
    assert np.isnan(compare(*paths).p)
