"""Room on the disk for arrays, and in memory where there is none."""

from pathlib import Path

import numpy as np

from recbole_poem.data.mapped.room import room


def mapped_files() -> str:
    return Path("/proc/self/maps").read_text()


def test_an_array_lies_in_a_file_that_is_gone_with_it(tmp_path: Path) -> None:
    found = room(tmp_path, np.int32, 5)
    found[:] = [3, 1, 4, 1, 5]
    assert found.dtype == np.int32 and found.tolist() == [3, 1, 4, 1, 5]
    assert str(tmp_path) in mapped_files()
    assert not list(tmp_path.iterdir())
    del found
    assert str(tmp_path) not in mapped_files()


def test_without_a_folder_that_can_be_written_to_it_is_in_memory(tmp_path: Path) -> None:
    found = room(tmp_path / "nowhere", np.float64, 3)
    found[:] = 2
    assert found.tolist() == [2, 2, 2] and str(tmp_path) not in mapped_files()
