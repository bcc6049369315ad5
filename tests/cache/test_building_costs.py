"""Who finds a request cache learns what building it took, in processor seconds."""

import json
import shutil
import time

import pytest
from toy_rankers import IN_PARTS, LOG, EstimatingFakeRanker, FakeRanker, build

from recbole_poem.cache.opening import open_or_build


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "caches" / "toy"


class Slow(FakeRanker):
    """Takes a twentieth of a second of the processor for every ranking from 20 on."""

    def rank(self, rankings):
        end = time.thread_time() + 0.05 * (rankings >= 20).sum()
        while time.thread_time() < end:
            pass
        return super().rank(rankings)


def test_who_finds_a_cache_learns_what_it_took_to_build(folder):
    took, begin = 0.05 * (len(LOG) - 20), time.process_time()
    built, _ = build(folder, ranker=Slow())
    assert built.found_seconds == 0
    spent = time.process_time() - begin
    found, _ = build(folder, ranker=Slow())
    assert took <= found.found_seconds <= spent
    meta = json.loads((found.path / "meta.json").read_text())
    assert meta["processor_seconds"] == found.found_seconds
    # of one that was interrupted, it learns what the parts took that it found
    shutil.rmtree(found.path / "part-00000")
    begin = time.process_time()
    resumed, asked = build(folder, ranker=Slow())
    assert asked == list(range(10))
    spent += time.process_time() - begin
    assert took <= resumed.found_seconds < found.found_seconds
    assert took <= build(folder)[0].found_seconds <= spent


def test_what_an_estimation_found_done_counts_as_found(folder):
    ranker = EstimatingFakeRanker()
    assert open_or_build(folder, LOG, ranker, how=IN_PARTS).found_seconds == 7
    assert open_or_build(folder, LOG, ranker, how=IN_PARTS).found_seconds > 7
