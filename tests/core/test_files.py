"""Files that are whole or not there."""

import logging
import multiprocessing
import shutil

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import alone, in_turn, whole_file, whole_folder


def test_the_folder_is_made_and_the_file_is_as_readable_as_it(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    with whole_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o666


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["c.txt"]


def test_a_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path):
    path = tmp_path / "part"
    for word in ("one", "two"):
        with whole_folder(path) as folder:
            (folder / word).write_text(word)
            assert not (path / word).exists()
        assert [found.name for found in path.iterdir()] == [word]
    assert path.stat().st_mode & 0o777 == tmp_path.stat().st_mode & 0o777
    with pytest.raises(KeyboardInterrupt), whole_folder(path) as folder:
        (folder / "three").write_text("half")
        raise KeyboardInterrupt
    assert [found.name for found in path.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_while_the_old_folder_goes_leaves_the_new_one_whole(tmp_path, monkeypatch):
    """Taking a large folder away lasts, and Ctrl-C comes then as well."""
    path = tmp_path / "store"
    path.mkdir()
    (path / "a").write_text("old")
    take_away = shutil.rmtree

    def interrupted(folder, ignore_errors=False):
        take_away(folder, ignore_errors)
        if not ignore_errors:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shutil, "rmtree", interrupted)
        with whole_folder(path) as folder:
            (folder / "a").write_text("new")
    assert (path / "a").read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_behind_a_link_is_replaced_where_it_lies(tmp_path):
    there, link = tmp_path / "disk" / "part", tmp_path / "link"
    there.mkdir(parents=True)
    (there / "old").write_text("old")
    link.symlink_to(there)
    with whole_folder(link) as folder:
        assert folder.parent == there.parent
        (folder / "new").write_text("new")
    assert link.is_symlink()
    assert [found.name for found in there.iterdir()] == ["new"]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["disk", "link"]


def hold(path, held, end):
    with in_turn(path, "nothing"):
        held.set()
        end.wait(60)


@pytest.fixture
def other(tmp_path):
    """A process that holds a lock until it is told to end."""
    context = multiprocessing.get_context("spawn")
    held, end = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "a" / "lock", held, end))
    process.start()
    assert held.wait(60)
    yield process, end
    process.kill()
    process.join()


def test_one_process_at_a_time_the_others_wait_and_say_so(tmp_path, other, caplog):
    process, end = other
    caplog.set_level(logging.INFO)
    end.set()
    with in_turn(tmp_path / "a" / "lock", "it paints"):
        process.join(60)
    assert process.exitcode == 0
    with in_turn(tmp_path / "a" / "lock", "nobody is there"):
        pass
    assert "nobody" not in caplog.text


def test_who_wants_to_be_alone_is_refused_until_the_other_dies(tmp_path, other):
    process, _ = other
    lock = tmp_path / "a" / "lock"
    with pytest.raises(InputError, match="it paints; wait for it"), alone(lock, "it paints"):
        raise AssertionError("two at once")
    process.kill()
    process.join()
    with alone(lock, "it paints"):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "a").write_text("no folder")
    with pytest.raises(InputError, match=r"a/b cannot be written: "), alone(
        tmp_path / "a" / "b" / ".lock", "it paints"
    ):
        pass
