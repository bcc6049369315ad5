"""The request cache: built once, found again, and built again where it must be."""

import json
import logging
import resource
import shutil
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from toy_caches import padded
from toy_logs import with_items
from toy_rankers import IN_PARTS, LOG, EstimatingFakeRanker, FakeRanker, N, build

from recbole_poem.cache.opening import Building, open_existing, open_or_build
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import open_map

N_PARTS = -(-len(LOG) // 10)


def same(cache, expected):
    for found, wanted in zip(padded(cache), expected):
        np.testing.assert_array_equal(found, wanted)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "caches" / "toy"


# -- built once ------------------------------------------------------------------------------------


def test_it_is_filled_with_what_the_ranker_says_in_chunks(folder):
    ranker = FakeRanker()
    cache, asked = build(folder, ranker=ranker)
    assert asked == list(range(len(LOG)))
    assert max(map(len, ranker.asked)) == 4
    same(cache, FakeRanker().rank(np.arange(len(LOG))))
    assert cache.objectives == ("click", "like")
    assert (cache.n_rankings, cache.n_candidates, cache.width) == (len(LOG), N * len(LOG), N)


def test_one_that_is_not_there_is_not_built_by_who_looks_for_it(folder):
    assert open_existing(folder, LOG, FakeRanker(), raw_scores=True) is None
    assert not folder.exists()
    built, _ = build(folder)
    same(open_existing(folder, LOG, FakeRanker(), raw_scores=True), padded(built))
    assert open_existing(folder, LOG, FakeRanker(kappa=2.0), raw_scores=True) is None
    assert open_existing(folder, LOG, FakeRanker()) is None  # one that keeps ranks


def test_it_is_built_once(folder, caplog):
    caplog.set_level(logging.INFO)
    first, asked = build(folder)
    second, asked_again = build(folder, how=Building(chunk=5, part_size=9))
    assert asked and not asked_again
    assert (first.was_built, second.was_built) == (True, False)
    assert second.path == first.path
    assert second.objectives == first.objectives
    same(second, padded(first))
    built, read = [record.message for record in caplog.records]
    assert f"cache: building {len(LOG)} rankings in {first.path} (" in built
    assert "there is none for this data, split and keys" in built
    assert read == f"request cache: {len(LOG)} rankings read from [{first.path}]"


def test_its_files_are_plain_arrays_mapped_from_disk(folder):
    cache, _ = build(folder)
    assert len(cache.parts) == N_PARTS
    for number, part in enumerate(cache.parts):
        for name, dtype in (("items", "<i4"), ("values", "<f4"), ("lengths", "u1")):
            held = getattr(part, name)
            if name != "lengths":
                assert isinstance(held, np.memmap)
                assert not held.flags.writeable
            path = cache.path / f"part-{number:05d}" / f"{name}.npy"
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
            assert loaded.dtype == np.dtype(dtype)
            np.testing.assert_array_equal(loaded, held)
    number = np.load(cache.path / "number.npy", allow_pickle=False)
    assert number.tolist() == list(range(len(LOG)))
    settings = json.loads((cache.path / "meta.json").read_text())["settings"]
    assert settings == {"raw_scores": True, **FakeRanker().settings}


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


def test_what_must_be_estimated_is_estimated_once_and_only_to_build(folder):
    ranker = EstimatingFakeRanker()
    cache = open_or_build(folder, LOG, ranker, raw_scores=True)
    assert ranker.asked == [1, 2]
    same(cache, FakeRanker().rank(np.arange(len(LOG))))
    assert build(folder, ranker=EstimatingFakeRanker())[1] == []


def test_a_full_disk_is_one_sentence_while_others_work_too(folder):
    refused = pytest.raises(InputError, match=r": File too large$")
    with files_of_at_most(150), refused, open_map(threads=2) as parallel_map:
        how = Building(chunk=2, part_size=4, parallel_map=parallel_map)
        open_or_build(folder, LOG, FakeRanker(), how=how)
    [path] = folder.iterdir()
    assert list(path.iterdir()) == []


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


P1 = "part-00001"
ALL, SECOND, NONE = list(range(len(LOG))), list(range(10, 20)), []
#: what is done to the cache, why it will not do, and which rankings are made again
DAMAGES = {
    "items cut short": (cut_short(f"{P1}/items.npy"), f"{P1}/items.npy was changed", SECOND),
    "values cut short": (cut_short(f"{P1}/values.npy"), f"{P1}/values.npy was changed", SECOND),
    "a bit of items": (flip(f"{P1}/items.npy"), f"{P1}/items.npy was changed", SECOND),
    "a bit of lengths": (flip(f"{P1}/lengths.npy"), f"{P1}/lengths.npy was changed", SECOND),
    "values gone": (
        lambda path: (path / P1 / "values.npy").unlink(),
        f"{P1} cannot be read: ",
        SECOND,
    ),
    "a part gone": (lambda path: shutil.rmtree(path / P1), f"{P1} is missing", SECOND),
    "a part of another cache": (
        lambda path: (path / P1 / "part.json").write_text('{"key": "0", "range": [1, 10, 20]}'),
        f"{P1} is of another cache",
        SECOND,
    ),
    "a part of other rankings": (
        lambda path: shutil.copytree(path / "part-00000", path / P1, dirs_exist_ok=True),
        f"{P1} is of another cache",
        SECOND,
    ),
    "numbers cut short": (cut_short("number.npy"), "number.npy was changed", NONE),
    "numbers gone": (
        lambda path: (path / "number.npy").unlink(),
        "is not complete: it has no number.npy",
        NONE,
    ),
    "meta gone": (
        lambda path: (path / "meta.json").unlink(),
        "is not complete: it has no meta.json",
        NONE,
    ),
    "meta cut short": (cut_short("meta.json"), "cannot be read: ", NONE),
    "meta is no JSON": (write_meta("{rubbish"), "cannot be read: ", NONE),
    "meta is no mapping": (write_meta("[1, 2]"), "cannot be read: ", NONE),
    "meta is not text": (
        lambda path: (path / "meta.json").write_bytes(b"\xff\xfe\xff"),
        "cannot be read: ",
        NONE,
    ),
    "meta is empty": (write_meta("{}"), "cannot be read: 'key'", NONE),
    "meta has no checksum": (edit_meta(number=None), "cannot be read: 'number'", NONE),
    "meta has no objectives": (edit_meta(objectives=None), "cannot be read: 'objectives'", NONE),
    "another key": (edit_meta(key="0" * 64), "was built from other data or keys", NONE),
    "everything": (
        lambda path: [file.unlink() for file in path.glob("part*/*.npy")],
        "cannot be read: ",
        ALL,
    ),
}


@pytest.mark.parametrize(("damage", "why", "made"), DAMAGES.values(), ids=DAMAGES.keys())
def test_what_is_damaged_is_built_anew_and_the_log_says_why(folder, caplog, damage, why, made):
    caplog.set_level(logging.INFO)
    expected = padded(build(folder)[0])
    [path] = folder.iterdir()
    damage(path)
    caplog.clear()

    cache, asked = build(folder)

    assert asked == made
    assert cache.was_built
    [record] = caplog.records
    share = f"{len(LOG)}" if made is ALL else f"{len(made)} of {len(LOG)}"
    assert record.message.startswith(f"cache: building {share} rankings in {path} (")
    assert why in record.message
    same(cache, expected)
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
    parts = [f"part-{number:05d}" for number in range(N_PARTS)]
    assert sorted(file.name for file in cache.path.iterdir()) == ["meta.json", "number.npy", *parts]
    for part in parts:
        found = sorted(file.name for file in (cache.path / part).iterdir())
        assert found == ["items.npy", "lengths.npy", "part.json", "values.npy"]


def test_what_a_killed_build_has_left_is_cleared_away_and_nothing_else(folder):
    cache, _ = build(folder)
    (cache.path / ".part-00001-x1y2").mkdir()
    (cache.path / ".part-00001-x1y2" / "items.npy").write_bytes(b"half")
    (cache.path / ".meta.json-x1y2").write_bytes(b"half")
    (cache.path / "part-99999").mkdir()  # of another size of parts
    others = folder / "0123456789abcdef"
    others.mkdir()
    (cache.path / "number.npy").write_bytes(b"")
    build(folder)
    assert sorted(folder.iterdir()) == sorted([cache.path, others])
    assert len(list(cache.path.iterdir())) == N_PARTS + 2


@pytest.mark.parametrize("failure", [RuntimeError("a defect"), KeyboardInterrupt()])
def test_an_interrupted_build_leaves_whole_parts_and_goes_on_from_them(folder, failure):
    with pytest.raises(type(failure)) as caught:
        build(folder, ranker=FakeRanker(fails_at=19, failure=failure))
    assert caught.value is failure
    [path] = folder.iterdir()
    assert [part.name for part in path.iterdir()] == ["part-00000"]
    cache, asked = build(folder)
    assert asked == ALL[10:]
    same(cache, FakeRanker().rank(np.arange(len(LOG))))


@pytest.mark.parametrize("how", [IN_PARTS, Building()], ids=["in parts", "in one"])
@pytest.mark.parametrize("room", [0, 150, 200])
def test_a_write_that_the_system_refuses_is_one_sentence_and_leaves_no_part(folder, how, room):
    with files_of_at_most(room), pytest.raises(InputError) as caught:
        build(folder, how=how)
    message = str(caught.value)
    assert message.startswith("request_cache_dir: the request cache cannot be written to ")
    assert str(folder) in message
    assert message.endswith(": File too large")
    [path] = folder.iterdir()
    assert list(path.iterdir()) == []
    assert build(folder)[1]


def test_an_error_of_the_system_without_words_of_its_own_is_not_called_none(folder):
    with pytest.raises(InputError, match=r"^request_cache_dir: .*: the disk is full$"):
        build(folder, ranker=FakeRanker(fails_at=9, failure=OSError("the disk is full")))
    [path] = folder.iterdir()
    assert list(path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "caches").write_text("a file")
    with pytest.raises(InputError, match=r"^request_cache_dir: .*caches/toy.*: Not a directory$"):
        build(tmp_path / "caches" / "toy")
