"""The memory that is left, and sizes in words."""

import psutil
import pytest

from recbole_poem.core.memory import free_memory, gib


def test_what_is_left_is_less_than_the_machine_has_and_less_than_a_limit(tmp_path):
    assert 0 < free_memory([]) <= psutil.virtual_memory().total
    limit, none, missing = (tmp_path / name for name in ("limit", "none", "missing"))
    own = psutil.Process().memory_info().rss
    limit.write_text(f"{own + 2**26}\n")
    none.write_text("max\n")
    assert free_memory([none, limit, missing]) <= 2**26 * 2
    assert free_memory([none, missing]) > 2**26 * 2
    limit.write_text("1000\n")
    assert free_memory([limit]) == 0


@pytest.mark.parametrize(
    ("size", "words"),
    [(2**29, "0.5 GiB"), (15 * 2**30, "15 GiB"), (1250 * 2**30, "1,250 GiB"), (0, "0.0 GiB")],
)
def test_sizes_in_words(size, words):
    assert gib(size) == words
