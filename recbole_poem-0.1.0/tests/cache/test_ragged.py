"""Each ranking is stored once, of its own length, with ranks in the place of scores."""

import numpy as np
import pytest
import torch
from toy_caches import cache_of
from toy_logs import log_of

from recbole_poem.cache.opening import Building, open_or_build
from recbole_poem.cache.parts import ragged
from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.reading import read_rankings
from recbole_poem.core.stages import SCORE_FUSIONS


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "caches" / "toy"


class Ragged:
    """Rankings of 0 to 300 candidates with tied scores; rows of a user share them in pairs."""

    objectives = ("click", "like")
    has_stages = False
    log = log_of([[1] * 5, [2] * 4, [3] * 2], n_items=500)
    number = np.array([-1, 0, 0, 1, 1, 2, 2, 3, 3, -1, -1])
    lengths = (2, 0, 300, 1)

    def depends_on(self):
        return {}

    def numbers(self):
        return self.number

    def rank(self, rankings):
        length = np.array(self.lengths)[rankings][:, None]
        items = np.where(np.arange(400) < length, 1 + np.arange(400), 0)
        scores = np.stack([np.arange(400) // 2, -np.arange(400)], axis=1) * np.ones(
            (len(items), 1, 1)
        )
        return items, scores * (items > 0)[..., None]


@pytest.mark.parametrize("part_size", [1, 3, None])
def test_a_ranking_is_stored_once_and_has_its_own_length(folder, part_size):
    cache = open_or_build(folder, Ragged.log, Ragged(), how=Building(part_size=part_size))
    assert cache.begin.tolist() == [0, 2, 2, 302, 303]
    assert cache.number.tolist() == Ragged.number.tolist()
    # a user's rows without a ranking count as of one request
    assert cache.request_start.tolist() == [0, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9]
    assert cache.has_ranking().tolist() == [r in (1, 2, 5, 6, 7, 8) for r in range(11)]
    rows = np.array([[1, 2, 0, -1], [5, 3, 9, 7]])
    found = cache.read(rows)
    assert found.items.shape == (2, 4, 300)
    assert (found.items > 0).sum(axis=-1).tolist() == [[2, 2, 0, 0], [300, 0, 0, 1]]
    assert found.items[1, 0].tolist() == list(range(1, 301))
    np.testing.assert_array_equal(cache.items_of(rows), found.items)
    assert not found.scores[found.items == 0].any()
    # competition ranks in the place of scores: ties share the best of theirs
    assert found.scores[0, 1, :2].tolist() == [[-1, -1], [-1, -2]]
    of_pair = np.arange(150)[::-1] * 2 + 1
    assert found.scores[1, 0, :, 0].tolist() == (-np.repeat(of_pair, 2)).tolist()
    assert found.scores[1, 0, :, 1].tolist() == (-1 - np.arange(300)).tolist()


def test_ranks_take_a_byte_where_no_ranking_is_longer_than_255(folder):
    cache = open_or_build(folder, Ragged.log, Ragged(), how=Building(part_size=1))
    assert [part.values.dtype for part in cache.parts] == ["u1", "u1", "<u2", "u1"]
    raw = open_or_build(folder, Ragged.log, Ragged(), raw_scores=True)
    assert [part.values.dtype for part in raw.parts] == ["<f4"]
    assert raw.path != cache.path


def test_one_byte_ranks_take_nine_bytes_a_candidate_of_five_objectives():
    items = np.arange(1, 101)[None]
    scores = np.random.default_rng(0).random((1, 100, 5))
    content = ragged(Rankings(items, scores), raw_scores=False)
    assert content["items"].nbytes + content["values"].nbytes == 900


def test_a_fusion_makes_the_same_of_ranks_and_of_scores_to_the_bit(folder):
    rng = np.random.default_rng(3)
    items = np.stack([rng.permutation(60)[:40] for _ in range(50)])
    scores = rng.integers(0, 12, (50, 40, 3)).astype(np.float32)  # with ties
    log = log_of([[1] * 50], n_items=60)
    choice = {"name": "reciprocal_rank", "weights": [3, 1, 2], "kappa": 0.7, "power": 1.3}
    fusion = SCORE_FUSIONS.choose(choice, "score_fusion").make(3)
    fused = []
    for raw_scores in (False, True):
        cache = cache_of(log, items, scores, objectives="abc", raw_scores=raw_scores)
        found = read_rankings(cache, log, np.arange(50), 1)  # less what was consumed
        there = torch.from_numpy(found.items > 0)
        fused.append([found.items, *map(np.array, fusion(torch.from_numpy(found.scores), there))])
    assert (fused[0][0] > 0).sum() > 1500
    for one, other in zip(*fused):
        np.testing.assert_array_equal(one, other)


def test_stages_are_kept_where_the_source_has_them():
    log = log_of([[1, 2]], n_items=9)
    stages = np.array([[6, 0, 3], [2, 1, 0]], np.uint8)
    items = np.array([[4, 5, 0], [7, 8, 6]])
    cache = cache_of(log, items, np.zeros((2, 3, 2)), stages=stages)
    assert cache.has_stages
    assert cache.parts[0].stages.tolist() == [6, 0, 2, 1, 0]
    found = cache.read(np.array([1, 0, -1]))
    assert found.stages.tolist() == [[2, 1, 0], [6, 0, 0], [0, 0, 0]]
    assert found.kept(found.items != 5).stages.tolist() == found.stages.tolist()
    assert cache_of(log, items, np.zeros((2, 3, 2))).read(np.array([0])).stages is None
