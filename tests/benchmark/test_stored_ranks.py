"""Ranks on disk: what comes back, what is shared, how small it is, and the words for damage."""

from pathlib import Path
from typing import Dict

import numpy as np
import pytest
from toy_results import in_another_order, toy_ranks, write_run

from recbole_poem.benchmark.results import read_run
from recbole_poem.benchmark.stored_ranks import (
    Ranks,
    pairing,
    read_ranks,
    with_known,
    write_ranks,
)
from recbole_poem.core.errors import InputError


def ranks_of(masked: np.ndarray, recbole: np.ndarray) -> Ranks:
    user = np.array([f"u{row // 2}" for row in range(len(masked))])
    target = np.array([f"ä{row}" for row in range(len(masked))])
    return Ranks(user, target, {"masked": masked, "recbole": recbole})


def stored(path: Path) -> Dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize(
    ("masked", "recbole", "kinds"),
    [
        ([1, 255, 7], [1, 255, 7], ("uint8", "uint8")),
        ([1, 256, 7], [3, 300, 200], ("uint16", "uint8")),
        # a re-ranking may put a target further back where seen items are last
        ([9, 7502, 7], [8, 7502, 135], ("uint16", "int16")),
        ([1, 3, 7], [100_000, 3, 7], ("uint8", "uint32")),
    ],
)
def test_ranks_come_back_whole_from_the_smallest_whole_numbers(
    tmp_path: Path, masked: list, recbole: list, kinds: tuple
) -> None:
    given = ranks_of(np.array(masked, np.int32), np.array(recbole, np.int32))
    write_ranks(tmp_path / "run", given)
    found = read_ranks(tmp_path / "run")
    assert found.user.tolist() == ["u0", "u0", "u1"]
    assert found.target.tolist() == ["ä0", "ä1", "ä2"]
    assert found.rank["masked"].tolist() == masked
    assert found.rank["recbole"].tolist() == recbole
    arrays = stored(tmp_path / "run" / "ranks.npz")
    assert set(arrays) == {"rank_masked", "places_gained", "rows"}
    assert (arrays["rank_masked"].dtype, arrays["places_gained"].dtype) == kinds


def test_a_run_of_many_rows_takes_two_bytes_a_row(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    masked = np.exp(generator.uniform(0, 8.9, 20_000)).astype(np.int64)
    write_ranks(tmp_path / "run", ranks_of(masked, masked + generator.integers(0, 9, 20_000)))
    assert (tmp_path / "run" / "ranks.npz").stat().st_size < 2 * 20_000 + 10_000


def test_runs_of_the_same_rows_share_them_and_others_do_not(tmp_path: Path) -> None:
    rank = np.arange(1, 41)
    one = ranks_of(rank, rank)
    wider = one._replace(user=one.user.astype("U9"))
    fewer = ranks_of(rank[:9], rank[:9])
    for name, ranks in (("a", one), ("b", wider), ("c", fewer)):
        write_ranks(tmp_path / name, ranks)
    rows = {path.name: stored(path) for path in tmp_path.glob("rows-*.npz")}
    assert sorted(len(arrays["user"]) for arrays in rows.values()) == [9, 40]
    for name, ranks in (("a", one), ("b", one), ("c", fewer)):
        shared = stored(tmp_path / name / "ranks.npz")["rows"]
        assert np.array_equal(rows[f"rows-{shared}.npz"]["target"], ranks.target)
        assert np.array_equal(read_ranks(tmp_path / name).target, ranks.target)


def test_what_came_before_the_rows_comes_back_and_tells_rows_apart(tmp_path: Path) -> None:
    former = ranks_of(np.arange(1, 4), np.arange(1, 4))
    known = former._replace(seen=np.array([True, False, False]), n_before=np.array([3, 300, 1]))
    other = known._replace(seen=np.array([True, True, False]))
    for name, ranks in (("former", former), ("known", known), ("other", other)):
        write_ranks(tmp_path / name, ranks)
    assert len(list(tmp_path.glob("rows-*.npz"))) == 3
    found = {name: read_ranks(tmp_path / name) for name in ("former", "known", "other")}
    assert found["former"].seen is found["former"].n_before is None
    for name, ranks in (("known", known), ("other", other)):
        assert np.array_equal(found[name].seen, ranks.seen)
        assert np.array_equal(found[name].n_before, [3, 300, 1])


def test_what_one_run_knows_of_the_rows_is_put_into_the_order_of_another() -> None:
    one = ranks_of(np.arange(1, 4), np.arange(1, 4))
    order = np.array([2, 0, 1])  # row 0 of the one is row 2 of the other
    other = one._replace(seen=np.array([False, False, True]), n_before=np.array([5, 6, 7]))
    found = with_known(one, other, order)
    assert found.seen is not None and found.seen.tolist() == [True, False, False]
    assert found.n_before is not None and found.n_before.tolist() == [7, 5, 6]
    assert with_known(found, other, np.arange(3)) is found
    assert with_known(one, one, order) is one


def test_damaged_ranks_are_named(tmp_path: Path) -> None:
    rank = np.arange(1, 41)
    home, path = tmp_path / "run", tmp_path / "run" / "ranks.npz"
    write_ranks(home, ranks_of(rank, rank))
    whole, arrays = path.read_bytes(), stored(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"run/ranks.npz: damaged, .*; restore it, or"):
        read_ranks(home)
    np.savez_compressed(path, **{**arrays, "places_gained": rank[1:]})
    with pytest.raises(InputError, match=r"run/ranks.npz: .*different numbers of test rows"):
        read_ranks(home)
    np.savez_compressed(path, rank_masked=rank)
    with pytest.raises(InputError, match=r"run/ranks.npz: damaged, it lacks places_gained, rows"):
        read_ranks(home)
    np.savez_compressed(path, rank_masked=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"run/ranks.npz: damaged"):  # a pickle is not opened
        read_ranks(home)
    path.unlink()
    with pytest.raises(InputError, match=r"ranks.npz: there is no such file; restore it, or"):
        read_ranks(home)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "a rank is below 1"),
        (-3, "a rank is below 1"),
        (np.nan, "its ranks are no whole numbers"),
        (1.0, "its ranks are no whole numbers"),
    ],
)
def test_ranks_are_whole_numbers_from_1(tmp_path: Path, number: float, words: str) -> None:
    rank = np.arange(1, 41)
    home, path = tmp_path / "run", tmp_path / "run" / "ranks.npz"
    write_ranks(home, ranks_of(rank, rank))
    np.savez_compressed(path, **{**stored(path), "rank_masked": np.array([number] * 40)})
    with pytest.raises(InputError, match=f"run/ranks.npz: damaged, {words}; restore it"):
        read_ranks(home)


def test_a_place_gained_leaves_a_rank_from_1(tmp_path: Path) -> None:
    rank = np.arange(1, 41)
    home, path = tmp_path / "run", tmp_path / "run" / "ranks.npz"
    write_ranks(home, ranks_of(rank, rank))
    np.savez_compressed(path, **{**stored(path), "places_gained": -rank})
    with pytest.raises(InputError, match="damaged, a rank is below 1"):
        read_ranks(home)


def test_rows_that_are_damaged_missing_or_of_others_are_named(tmp_path: Path) -> None:
    rank = np.arange(1, 41)
    write_ranks(tmp_path / "run", ranks_of(rank, rank))
    (path,) = tmp_path.glob("rows-*.npz")
    user, target = stored(path).values()
    np.savez_compressed(path, user=user, target=np.roll(target, 1))
    with pytest.raises(InputError, match=rf"{path.name}: damaged, it holds other test rows"):
        read_ranks(tmp_path / "run")
    path.unlink()
    with pytest.raises(InputError, match=rf"{path.name}: .*run/ranks.npz needs it: copy it along"):
        read_ranks(tmp_path / "run")
    write_ranks(tmp_path / "again", ranks_of(rank, rank))  # which puts it back
    assert np.array_equal(read_ranks(tmp_path / "run").target, target)


def test_pairing_puts_the_same_users_into_one_order_and_refuses_others(tmp_path: Path) -> None:
    arrays = toy_ranks(0.0, 0)
    mixed = in_another_order(arrays)
    other = {**arrays, "target": np.roll(arrays["target"], 1)}
    runs = [
        read_run(write_run(tmp_path, "Pop", "Pop", seed, ranks))
        for seed, ranks in enumerate([arrays, mixed, other])
    ]
    one, two, three = [(run.folder.name, run.ranks()) for run in runs]
    found = pairing(one, two)
    assert np.array_equal(two[1].user[found], one[1].user)
    assert np.array_equal(two[1].rank["masked"][found], one[1].rank["masked"])
    with pytest.raises(InputError, match=rf"{one[0]} and {three[0]}: .*different users or targets"):
        pairing(one, three)
