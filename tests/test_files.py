"""Files that are whole or not there."""

import pytest

from recbole_poem.files import whole_file


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
