"""The request cache: built once, found again, rebuilt when it must be, and read with a lag."""

import json
import logging
import resource
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from toy_logs import random_log, with_items

from recbole_poem.cache.request_cache import open_existing, open_or_build
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import open_map

N, M = 3, 2
LOG = random_log(0)


class FakeRanker:
    """Ranks by arithmetic on the request id, and remembers what it was asked."""

    objectives = ("click", "like")

    def __init__(self, fails_at=None, failure=None, **changed_settings):
        self.asked = []
        self.fails_at, self.failure = fails_at, failure
        self.settings = {"kappa": 0.5, **changed_settings}

    def depends_on(self):
        return self.settings

    def request_start(self):
        return np.arange(len(LOG))

    def rank(self, requests):
        if self.fails_at is not None and self.fails_at in requests:
            raise self.failure
        self.asked.append(requests.tolist())
        items = (requests[:, None] + np.arange(N)) % (LOG.n_items - 1) + 1
        scores = requests[:, None, None] + np.array([0.25, 0.5]) * np.arange(N)[:, None]
        return items, scores


def build(folder, log=LOG, ranker=None, chunk=4):
    """Open or build; return the cache and the requests that the ranker was asked for."""
    ranker = ranker or FakeRanker()
    cache = open_or_build(folder, log, ranker, chunk=chunk)
    return cache, ranker.asked


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "caches" / "toy"


# -- built once ------------------------------------------------------------------------------------


def test_it_is_filled_with_what_the_ranker_says_in_chunks(folder):
    cache, asked = build(folder)
    assert [request for chunk in asked for request in chunk] == list(range(len(LOG)))
    assert max(map(len, asked)) == 4
    items, scores = FakeRanker().rank(np.arange(len(LOG)))
    np.testing.assert_array_equal(cache.items, items)
    np.testing.assert_array_equal(cache.scores, scores)
    assert cache.objectives == ("click", "like")


def test_one_that_is_not_there_is_not_built_by_who_looks_for_it(folder):
    assert open_existing(folder, LOG, FakeRanker()) is None
    assert not folder.exists()
    built, _ = build(folder)
    found = open_existing(folder, LOG, FakeRanker())
    np.testing.assert_array_equal(found.items, built.items)
    assert open_existing(folder, LOG, FakeRanker(kappa=2.0)) is None


def test_it_is_built_once(folder, caplog):
    caplog.set_level(logging.INFO)
    first, asked = build(folder)
    second, asked_again = build(folder, chunk=5)
    assert asked and not asked_again
    assert second.path == first.path
    assert second.objectives == first.objectives
    np.testing.assert_array_equal(second.items, first.items)
    np.testing.assert_array_equal(second.scores, first.scores)
    built, read = [record.message for record in caplog.records]
    assert f"cache: building {len(LOG)} rankings in {first.path} (" in built
    assert "there is none for this data, split and keys" in built
    assert read == f"request cache: {len(LOG)} rankings read from [{first.path}]"


def test_its_files_are_plain_arrays_mapped_from_disk(folder):
    cache, _ = build(folder)
    for name, dtype in (("items", "<i4"), ("scores", "<f4")):
        held = getattr(cache, name)
        assert isinstance(held, np.memmap)
        assert not held.flags.writeable
        loaded = np.load(cache.path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        assert loaded.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(loaded, held)
    assert json.loads((cache.path / "meta.json").read_text())["settings"] == FakeRanker().settings


OTHER_LOGS = {
    "item": with_items(LOG, 5, LOG.item[5] % (LOG.n_items - 1) + 1),
    "user": replace(LOG, user=np.r_[LOG.user[:-1], LOG.n_users - 2]),
    "time": replace(LOG, time=np.r_[LOG.time[:-1], LOG.time[-1] + 1]),
    "training": replace(LOG, training=~LOG.training),
    "a value": replace(LOG, values={"rating": LOG.values["rating"] + 1}),
    "the name of a value": replace(LOG, values={"grade": LOG.values["rating"]}),
    "n_users": replace(LOG, n_users=LOG.n_users + 1),
    "n_items": replace(LOG, n_items=LOG.n_items + 1),
}


@pytest.mark.parametrize("other", OTHER_LOGS.values(), ids=OTHER_LOGS.keys())
def test_another_log_gets_another_cache(folder, other):
    first, _ = build(folder)
    second, asked = build(folder, log=other)
    assert asked
    assert second.path != first.path
    assert not build(folder)[1]  # both stay
    assert not build(folder, log=other)[1]


def test_other_settings_get_another_cache(folder):
    build(folder)
    assert build(folder, ranker=FakeRanker(kappa=0.6))[1]
    assert not build(folder)[1]


class EstimatingFakeRanker(FakeRanker):
    """Knows nothing before it has estimated."""

    def estimate(self, parallel_map, show_progress):
        self.asked = list(parallel_map(abs, [-1, -2]))
        return FakeRanker()

    def rank(self, requests):
        raise AssertionError("asked before it estimated")


def test_what_must_be_estimated_is_estimated_once_and_only_to_build(folder):
    cache, estimated = build(folder, ranker=EstimatingFakeRanker())
    assert estimated == [1, 2]
    np.testing.assert_array_equal(cache.items, FakeRanker().rank(np.arange(len(LOG)))[0])
    assert build(folder, ranker=EstimatingFakeRanker())[1] == []


def test_a_full_disk_is_one_sentence_while_others_work_too(folder):
    refused = pytest.raises(InputError, match=r": File too large$")
    with open_map(threads=2) as parallel_map, files_of_at_most(700), refused:
        open_or_build(folder, LOG, FakeRanker(), chunk=2, parallel_map=parallel_map)
    assert list(folder.iterdir()) == []


# -- damage ----------------------------------------------------------------------------------------


def cut_short(path):
    def damage(cache_path):
        content = (cache_path / path).read_bytes()
        (cache_path / path).write_bytes(content[:-1])

    return damage


def flip(path):
    def damage(cache_path):
        content = bytearray((cache_path / path).read_bytes())
        content[len(content) // 2] ^= 1
        (cache_path / path).write_bytes(content)

    return damage


def write_meta(text):
    return lambda cache_path: (cache_path / "meta.json").write_text(text)


def edit_meta(**changes):
    def damage(cache_path):
        meta = json.loads((cache_path / "meta.json").read_text())
        edited = {k: v for k, v in {**meta, **changes}.items() if v is not None}
        (cache_path / "meta.json").write_text(json.dumps(edited))

    return damage


DAMAGES = {
    "items cut short": (cut_short("items.npy"), "items.npy was changed or cut short"),
    "scores cut short": (cut_short("scores.npy"), "scores.npy was changed or cut short"),
    "a bit of items": (flip("items.npy"), "items.npy was changed or cut short"),
    "a bit of scores": (flip("scores.npy"), "scores.npy was changed or cut short"),
    "scores gone": (lambda path: (path / "scores.npy").unlink(), "cannot be read: "),
    "meta gone": (lambda path: (path / "meta.json").unlink(), "cannot be read: "),
    "meta cut short": (cut_short("meta.json"), "cannot be read: "),
    "meta is no JSON": (write_meta("{rubbish"), "cannot be read: "),
    "meta is no mapping": (write_meta("[1, 2]"), "cannot be read: "),
    "meta is not text": (
        lambda path: (path / "meta.json").write_bytes(b"\xff\xfe\xff"),
        "cannot be read: ",
    ),
    "meta is empty": (write_meta("{}"), "cannot be read: 'key'"),
    "meta has no checksum": (edit_meta(scores=None), "cannot be read: 'scores'"),
    "meta has no objectives": (edit_meta(objectives=None), "cannot be read: 'objectives'"),
    "another key": (edit_meta(key="0" * 64), "was built from other data or keys"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_cache_is_built_anew_and_the_log_says_why(folder, caplog, damage, why):
    caplog.set_level(logging.INFO)
    cache, _ = build(folder)
    expected = np.array(cache.items), np.array(cache.scores)
    del cache
    [path] = folder.iterdir()
    damage(path)
    caplog.clear()

    cache, asked = build(folder)

    assert [request for chunk in asked for request in chunk] == list(range(len(LOG)))
    [record] = caplog.records
    assert record.message.startswith(f"cache: building {len(LOG)} rankings in {path} (")
    assert why in record.message
    np.testing.assert_array_equal(cache.items, expected[0])
    np.testing.assert_array_equal(cache.scores, expected[1])
    assert list(folder.iterdir()) == [path]
    assert not build(folder)[1]


# -- nothing half-built stays ----------------------------------------------------------------------


@contextmanager
def files_of_at_most(n_bytes):
    """Let the system refuse every write beyond so many bytes of a file, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_only_the_finished_cache_lies_in_the_folder(folder):
    cache, _ = build(folder)
    assert list(folder.iterdir()) == [cache.path]
    assert sorted(file.name for file in cache.path.iterdir()) == [
        "items.npy",
        "meta.json",
        "scores.npy",
    ]


def test_what_a_killed_build_has_left_is_cleared_away_and_nothing_else(folder):
    cache, _ = build(folder)
    left, others = (folder / f".{name}-x1y2" for name in (cache.path.name, "0123456789abcdef"))
    for path in (left, others):
        path.mkdir()
        (path / "items.npy").write_bytes(b"half")
    (cache.path / "items.npy").write_bytes(b"")
    assert build(folder)[1]
    assert sorted(folder.iterdir()) == sorted([cache.path, others])


@pytest.mark.parametrize("failure", [RuntimeError("a defect"), KeyboardInterrupt()])
def test_a_ranker_that_fails_leaves_nothing_behind(folder, failure):
    with pytest.raises(type(failure)) as caught:
        build(folder, ranker=FakeRanker(fails_at=9, failure=failure))
    assert caught.value is failure
    assert list(folder.iterdir()) == []
    assert build(folder)[1]


@pytest.mark.parametrize("chunk", [4, 4096])
@pytest.mark.parametrize("room", [0, 200, 700])
def test_a_write_that_the_system_refuses_is_one_sentence_and_leaves_nothing(folder, chunk, room):
    with files_of_at_most(room), pytest.raises(InputError) as caught:
        build(folder, chunk=chunk)
    message = str(caught.value)
    assert message.startswith("request_cache_dir: the request cache cannot be written to ")
    assert str(folder) in message
    assert message.endswith(": File too large")
    assert list(folder.iterdir()) == []
    assert build(folder)[1]


def test_an_error_of_the_system_without_words_of_its_own_is_not_called_none(folder):
    with pytest.raises(InputError, match=r"^request_cache_dir: .*: the disk is full$"):
        build(folder, ranker=FakeRanker(fails_at=9, failure=OSError("the disk is full")))
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "caches").write_text("a file")
    with pytest.raises(InputError, match=r"^request_cache_dir: .*caches/toy.*: Not a directory$"):
        build(tmp_path / "caches" / "toy")


# -- reading with a lag ----------------------------------------------------------------------------


def test_no_request_reads_nothing(folder):
    cache, _ = build(folder)
    items, scores = cache.read(np.array([[-1, 2], [0, -1]]))
    assert items.tolist() == [[[0, 0, 0], [3, 4, 5]], [[1, 2, 3], [0, 0, 0]]]
    np.testing.assert_array_equal(scores[0, 1], cache.scores[2])
