"""Comparing two rows: the figures are those of the stored ranks, and what cannot be paired."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from toy_results import in_another_order, toy_ranks, write_run

from recbole_poem.benchmark.ranking import user_values
from recbole_poem.benchmark.results import read_run
from recbole_poem.benchmark.significance import compare, difference
from recbole_poem.benchmark.statistics import paired_test_with_seeds, standard_error
from recbole_poem.core.errors import InputError


def test_the_numbers_are_those_of_the_stored_ranks(tmp_path: Path) -> None:
    ranks = [toy_ranks(0.5, 0), toy_ranks(0.5, 1), toy_ranks(0.3, 0)]
    one = [read_run(write_run(tmp_path, "POEM", "POEM", seed, ranks[seed])) for seed in (0, 1)]
    other = [read_run(write_run(tmp_path, "Pop", "Pop", 0, ranks[2]))]
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
    assert np.isnan(found.p_with_seeds)  # one training of a row tells nothing of others
    back = compare(other, one, metric="MRR@50", protocol="recbole")
    assert (back.difference, back.p) == pytest.approx((-found.difference, found.p))


def test_other_trainings_count_as_chance() -> None:
    """Two trainings that are half a metric apart hide what the users alone would show."""
    generator = np.random.default_rng(0)
    user, noise = np.arange(400), generator.normal(0, 0.1, 400)
    one = np.stack([0.9 + noise, 0.4 + noise])
    other = np.stack([0.5 + noise, 0.5 + 0 * noise])
    found = difference(user, one, other)
    assert found.difference == pytest.approx(0.15, abs=0.01)
    assert found.p < 1e-10
    assert found.p_with_seeds > 0.5
    error = standard_error(one.mean(0) - other.mean(0), user)
    sides = one.mean(1), other.mean(1)
    assert found.p_with_seeds == paired_test_with_seeds(found.difference, error, 400, *sides)


def test_rows_of_one_user_count_as_one_draw(tmp_path: Path) -> None:
    user = np.array([f"u{n // 3:03}" for n in range(120)])
    ranks = [{**toy_ranks(skill, 0), "user": user} for skill in (0.35, 0.2)]
    paths = [write_run(tmp_path, f"r{n}", "Pop", 0, arrays) for n, arrays in enumerate(ranks)]
    values = [user_values(arrays["rank_masked"], "NDCG@10") for arrays in ranks]
    sums = (values[0] - values[1]).reshape(40, 3).sum(1)
    found = compare(*([read_run(path)] for path in paths))
    assert (found.n_users, found.n_rows) == (40, 120)
    assert found.difference == pytest.approx(sums.sum() / 120)
    assert found.p == pytest.approx(stats.ttest_1samp(sums, 0).pvalue)


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    path = write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.5, 0))
    mixed = write_run(tmp_path, "Pop", "Pop", 1, in_another_order(toy_ranks(0.5, 0)))
    found = compare([read_run(path)], [read_run(mixed)])
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_what_cannot_be_compared_is_refused_by_name(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.5, 0)))
    other = read_run(write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0)))
    fewer = read_run(write_run(tmp_path, "Pop", "Pop", 2, toy_ranks(0.1, 2, n_users=50)))
    words = f"{run.folder.name} and .*{fewer.folder.name}: they ranked different"
    with pytest.raises(InputError, match=words):
        compare([run], [fewer])
    with pytest.raises(InputError, match="'recall@10' is none"):
        compare([run], [other], metric="recall@10")
    with pytest.raises(InputError, match="protocol: 'seen' is none of masked, recbole"):
        compare([run], [other], protocol="seen")
