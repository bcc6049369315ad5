"""What a server keeps of a history: what the model reads, and the time before it."""

from argparse import Namespace

import pytest

from recbole_poem.serving.history import History
from recbole_poem.serving.web.server import _stores


@pytest.mark.parametrize(("read", "kept"), [(50, 200), (200, 201), (300, 301)])
def test_a_history_is_kept_with_the_row_before_those_that_are_read(read: int, kept: int) -> None:
    """From it the first row that is read is told in time."""
    options = Namespace(store="memory", max_users=10, seconds_to_live=60.0)
    histories = _stores(options, read).histories
    histories.append("u", History([str(n) for n in range(400)], [float(n) for n in range(400)]))
    assert len(histories.read("u").items) == kept
