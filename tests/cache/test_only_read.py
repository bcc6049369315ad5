"""A cache of the rankings that are read: what it makes, what its files say, what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toy_caches import padded
from toy_rankers import IN_PARTS, LOG, FakeRanker

from recbole_poem.cache.opening import Building, open_existing, open_or_build
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import open_map

#: no row of the second part, some of all others
ROWS = np.flatnonzero((np.arange(len(LOG)) % 3 == 1) & (np.arange(len(LOG)) // 10 != 1))


def reads(request_start):
    assert np.array_equal(request_start, np.arange(len(LOG)))
    return np.isin(np.arange(len(LOG)), ROWS)


def build(folder, ranker=None, how=IN_PARTS, raw_scores=True, rows=reads):
    ranker = ranker or FakeRanker()
    settings = {"read_by": "a third"}
    cache = open_or_build(folder, LOG, ranker, settings, raw_scores, how, rows)
    return cache, [number for chunk in ranker.asked for number in chunk]


@pytest.mark.parametrize("raw_scores", [True, False])
def test_what_is_read_alone_is_made_and_is_what_it_would_be(tmp_path, raw_scores):
    cache, asked = build(tmp_path / "some", raw_scores=raw_scores)
    assert asked == ROWS.tolist()
    whole = open_or_build(tmp_path / "all", LOG, FakeRanker(), raw_scores=raw_scores)
    for found, expected in zip(cache.read(ROWS), whole.read(ROWS)):
        assert np.array_equal(found, expected)
    assert (cache.n_rankings, cache.n_candidates) == (len(LOG), 3 * len(ROWS))
    assert np.array_equal(np.flatnonzero(cache.has_ranking()), ROWS)
    assert np.array_equal(cache.request_start, whole.request_start)


def test_the_files_say_which_are_there(tmp_path):
    built, _ = build(tmp_path)
    assert np.array_equal(np.load(built.path / "made.npy"), reads(np.arange(len(LOG))))
    cache, asked = build(tmp_path)
    assert not asked
    assert np.array_equal(cache.made, built.made)
    found = open_existing(tmp_path, LOG, FakeRanker(), {"read_by": "a third"}, raw_scores=True)
    assert found is not None
    assert np.array_equal(found.made, built.made)
    assert len(np.load(built.path / "part-00001" / "lengths.npy")) == 10
    assert not np.load(built.path / "part-00001" / "lengths.npy").any()
    assert open_existing(tmp_path, LOG, FakeRanker(), raw_scores=True) is None


def test_one_that_was_not_made_is_refused_and_no_row_is_none(tmp_path):
    cache, _ = build(tmp_path)
    left_out = np.setdiff1d(np.arange(len(LOG)), ROWS)
    for read in (cache.read, cache.items_of):
        with pytest.raises(InputError) as told:
            read(np.array([ROWS[0], left_out[3], -1]))
        assert str(told.value) == (
            f"ranking_source.only_read: {cache.path} lacks 1 of 2 rankings that are read here, for "
            "the run it was built for reads none of them; set it to False"
        )
    assert cache.read(np.array([-1, ROWS[0]])).items.any(axis=1).tolist() == [False, True]
    assert replace(cache, made=None).items_of(left_out).any() == np.False_


def test_damage_is_found_and_the_rest_is_built_again(tmp_path):
    cache, _ = build(tmp_path)
    expected = cache.read(ROWS)
    (cache.path / "part-00002" / "items.npy").write_bytes(b"")
    again, asked = build(tmp_path)
    assert asked == ROWS[ROWS // 10 == 2].tolist()
    np.save(cache.path / "made.npy", np.ones(len(LOG), bool))
    again, asked = build(tmp_path)
    assert not asked  # its parts are whole, and the file is written anew
    assert np.array_equal(again.made, cache.made)
    for found, wanted in zip(again.read(ROWS), expected):
        assert np.array_equal(found, wanted)


def test_threads_leave_out_what_nobody_reads(tmp_path):
    here, _ = build(tmp_path / "here")
    with open_map(threads=3) as parallel_map:
        how = Building(chunk=2, part_size=10, parallel_map=parallel_map)
        there, _ = build(tmp_path / "there", how=how)
    for found, expected in zip(there.read(ROWS), here.read(ROWS)):
        assert np.array_equal(found, expected)
    assert np.array_equal(there.made, here.made)


class ForTwoRows(FakeRanker):
    """Each of its rankings led to two rows; the last user has none."""

    def numbers(self):
        number = np.arange(len(LOG)) // 2
        return np.where(LOG.user == LOG.n_users - 1, -1, number)


def test_a_ranking_of_several_rows_is_made_where_one_of_them_is_read(tmp_path):
    read = np.isin(np.arange(len(LOG)), [3, 8, 9, len(LOG) - 1])
    starts = []

    def told(request_start):
        starts.append(request_start)
        return read

    cache, asked = build(tmp_path, ForTwoRows(), rows=told)
    assert asked == [1, 4]
    assert np.array_equal(np.flatnonzero(cache.made), [1, 4])
    assert np.array_equal(starts[0], cache.request_start)
    assert cache.items_of(np.array([2, 3, 8, len(LOG) - 1])).any(axis=1).tolist() == [
        True, True, True, False,
    ]  # fmt: skip


def test_a_run_that_reads_nothing_makes_nothing(tmp_path):
    cache, asked = build(tmp_path, rows=lambda start: np.zeros(len(start), bool))
    assert not asked
    assert cache.n_candidates == 0
    meta = json.loads((cache.path / "meta.json").read_text())
    assert meta["n_rankings"] == len(LOG)


def test_without_a_reader_everything_is_made(tmp_path):
    cache, asked = build(tmp_path, rows=None)
    assert asked == list(range(len(LOG)))
    assert cache.made is None
    assert not (cache.path / "made.npy").exists()
    assert padded(cache)[0].all()
